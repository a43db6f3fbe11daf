import Foundation
import Testing

@testable import CairnFormat

extension LogVector {
    /// The inputs of the frozen log.
    private static let inputs = LogVector(
        name: Fixture.name, logSeed: String(repeating: "09", count: 32), sanitize: ["password"],
        segments: [
            Segment(
                number: 0, first: 0, created: "2026-11-21T07:39:12.123456000Z", saltKey: Array(0..<32).hex,
                epochSeed: String(repeating: "01", count: 32), nextSeed: String(repeating: "02", count: 32),
                batches: [
                    Batch(
                        received: "2026-11-21T07:39:12.200000Z", durable: 0,
                        lines: [
                            """
                            {"action":"login","module":"authentication","timestamp":"2026-11-21T08:39:12.1+01:00",\
                            "id":"01","status":"success","actor":{"type":"user","id":"user-7",\
                            "email":"user-7@example.com"},"ip_address":"192.0.2.7","session_id":"s1"}
                            """,
                            "  {\"action\":\"export\",\"module\":\"reporting\",\"severity\":\"urgent\","
                                + "\"target\":{\"type\":\"report\",\"id\":5}}\r",
                            "{\"action\":\"create\",\"module\":\"user_management\","
                                + "\"request\":{\"password\":\"secret\",\"path\":\"/users\"},\"tenant\":\"acme\"}",
                        ]),
                    Batch(
                        received: "2026-11-21T07:39:12.300001Z", durable: 3,
                        lines: [
                            "not JSON",
                            "{\"action\":\"logout\",\"module\":\"authentication\",\"severity\":\"low\","
                                + "\"n\":1e999,\"details\":\"größe \\ud83d\\ude00\",\"tenant\":\"acme\","
                                + "\"compliance\":[\"SOC2\",\"GDPR\"],\"classification\":\"INTERNAL\"}",
                        ]),
                ]),
            Segment(
                number: 1, first: 5, created: "2026-11-21T07:40:00.000000000Z", saltKey: Array(32..<64).hex,
                epochSeed: String(repeating: "02", count: 32), nextSeed: String(repeating: "03", count: 32),
                batches: [
                    Batch(
                        received: "2026-11-21T07:40:00.000001Z", durable: 5,
                        lines: [
                            "{\"action\":\"daemon.started\",\"module\":\"system\"}",
                            "{\"action\":\"login\",\"module\":\"authentication\",\"status\":\"failed\",\"id\":\"02\"}",
                        ])
                ]),
        ])

    /// Writes the frozen log, if it is not there yet.
    static func write() throws {
        var log = inputs
        let root = Vectors.directory.appendingPathComponent("v1")
        try FileManager.default.createDirectory(
            at: root.appendingPathComponent(FileNames.segments), withIntermediateDirectories: true)
        func write(_ path: String, _ bytes: [UInt8]) throws {
            log.files[path] = Digest.sha256(bytes).bytes.hex
            try Data(bytes).write(to: root.appendingPathComponent(path), options: .withoutOverwriting)
        }
        let (genesis, active) = (try log.signer(log.segments[0].epochSeed), try log.signer(log.segments[1].epochSeed))
        let logKey = try log.signer(log.logSeed)
        let created = try #require(Time(rfc3339: log.segments[0].created))
        let origin = OriginStatement(
            origin: try Origin(log.name), created: created, genesisKey: genesis.verifier, logKey: logKey.verifier)
        log.originText = origin.text
        try write(FileNames.origin, genesis.sign(origin.text))

        var sealed = try log.build(log.segments[0], previousSeal: .zero)
        let (seal, index) = try sealed.finish(.size)
        let sealFile = try genesis.sign(seal.text)
        try write(FileNames.segment(0, .data), sealed.file)
        try write(FileNames.segment(0, .index), index)
        try write(FileNames.segment(0, .seal), sealFile)
        log.segments[0].expected = try expected(sealed.file)
        log.segments[0].expected.sealText = seal.text
        let checkpoint = Checkpoint(origin: origin.origin, size: 1, root: MerkleTree.leaf(sealFile))
        log.checkpointText = checkpoint.text
        try write(FileNames.checkpoint, logKey.sign(checkpoint.text))

        let open = try log.build(log.segments[1], previousSeal: Digest.sha256(sealFile))
        try write(FileNames.segment(5, .data), open.file)
        log.segments[1].expected = try expected(open.file)
        let head = Head(
            origin: origin.origin, number: 1, firstSequence: 5, count: 2, root: open.builder.tree.root,
            time: try #require(Time(rfc3339: "2026-11-21T07:40:01.000000000Z")))
        log.headText = head.text
        try write(FileNames.head, active.sign(head.text))

        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(log).write(
            to: Vectors.directory.appendingPathComponent("log.json"), options: .withoutOverwriting)
    }
}

@Suite struct VectorWriter {
    /// Only for a new version of the format, into a new directory; files that are there are never written again.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["CAIRN_WRITE_VECTORS"] == "1"))
    func write() throws { try LogVector.write() }
}
