import Foundation
import Testing

@testable import CairnFormat

/// Frozen inputs and what must come of them for ever. The files were written once, by `LogVector.write`; from then on
/// they are only read. Signatures and deflate streams are read and checked, never compared with new ones: other libraries
/// may write others.
enum Vectors {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Vectors")

    static func bytes(_ path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: directory.appendingPathComponent(path)))
    }

    static func json<T: Decodable>(_ path: String, _ type: T.Type = T.self) throws -> T {
        try JSONDecoder().decode(type, from: Data(bytes(path)))
    }
}

struct TokenVector: Decodable {
    struct Token: Decodable {
        var field: UInt8
        var path: String
        var value: String
        var token: String
    }

    struct Filter: Decodable {
        /// Of the ids 0, 1 … below this number in decimal, or of the tokens above.
        var ids: Int?
        var filter: String
    }

    var tokens: [Token]
    var filters: [Filter]
}

/// A small log: the files stand in `Vectors/v1`, what made them and what is in them in `Vectors/log.json`.
struct LogVector: Codable {
    struct Batch: Codable {
        var received: String
        var durable: UInt64
        var lines: [String]
    }

    struct Segment: Codable {
        var number: UInt64
        var first: UInt64
        var created: String
        var saltKey: String
        var epochSeed: String
        var nextSeed: String
        var batches: [Batch]
        var expected = Expected()
    }

    struct Expected: Codable, Equatable {
        var previousSeal = ""
        /// The header member, in hexadecimal.
        var header = ""
        var lines: [String] = []
        var salts: [String] = []
        var leaves: [String] = []
        /// After each block.
        var roots: [String] = []
        var sealText: String?
    }

    var name: String
    var logSeed: String
    var sanitize: [String]
    var segments: [Segment]
    var originText = ""
    var checkpointText = ""
    var headText = ""
    /// SHA-256 of each file of the log.
    var files: [String: String] = [:]

    func signer(_ seed: String) throws -> SignerKey { try SignerKey(name: name, seed: hexBytes(seed)) }

    func header(_ segment: Segment, previousSeal: Digest) throws -> SegmentHeader {
        SegmentHeader(
            number: segment.number, firstSequence: segment.first,
            created: try #require(Time(rfc3339: segment.created)), previousSeal: previousSeal,
            saltKey: hexBytes(segment.saltKey), origin: try Origin(name), key: try signer(segment.epochSeed).verifier)
    }

    /// The segment built anew from its lines.
    func build(_ segment: Segment, previousSeal: Digest) throws -> TestSegment {
        var built = try TestSegment(try header(segment, previousSeal: previousSeal), sanitizing: sanitize)
        for batch in segment.batches {
            let received = try #require(Time(rfc3339: batch.received))
            try built.append(batch.lines.map { Array($0.utf8) }, durable: batch.durable, at: received)
            try built.closeBlock(durable: batch.durable)
        }
        return built
    }

    /// What is frozen of a segment, from the bytes of its file.
    static func expected(_ file: [UInt8]) throws -> Expected {
        let plain = try PlainSegment(file)
        let (header, size) = try file.exactly { try SegmentHeader.decode($0) }
        var salts = Salts(saltKey: header.saltKey)
        var expected = Expected()
        expected.previousSeal = header.previousSeal.bytes.hex
        expected.header = Array(file[..<size]).hex
        expected.lines = plain.lines.map(\.text)
        for (index, line) in plain.lines.enumerated() {
            let salt = try #require(salts.withSalt(of: header.firstSequence + UInt64(index)) { $0.map { Array($0) } })
            expected.salts.append(salt.hex)
            expected.leaves.append(Digest.sha256([0] + salt + line).bytes.hex)
        }
        expected.roots = plain.roots().map(\.hex)
        return expected
    }
}

@Suite struct VectorTests {
    private static let log = Result { try Vectors.json("log.json", LogVector.self) }

    @Test func tokens() throws {
        let vector = try Vectors.json("tokens.json", TokenVector.self)
        for token in vector.tokens {
            let field = try #require(TokenField(rawValue: token.field))
            #expect(field.path == token.path)
            #expect(String(field.token(of: token.value), radix: 16) == String(token.token.drop { $0 == "0" }))
        }
        for expected in vector.filters {
            var filter = TokenFilter()
            if let ids = expected.ids {
                filter.insert((0..<ids).map { TokenField.id.token(of: String($0)) })
            } else {
                filter.insert(try vector.tokens.map { try #require(UInt64($0.token, radix: 16)) })
            }
            var bytes: [UInt8] = []
            _ = filter.flush(to: &bytes)
            #expect(bytes.hex == expected.filter)
        }
    }

    @Test func filesAreUnchanged() throws {
        let log = try Self.log.get()
        #expect(log.files.count == 7)
        for (path, expected) in log.files {
            #expect(Digest.sha256(try Vectors.bytes("v1/" + path)).bytes.hex == expected)
        }
    }

    @Test func notesVerify() throws {
        let log = try Self.log.get()
        let (genesis, active) = (try log.signer(log.segments[0].epochSeed), try log.signer(log.segments[1].epochSeed))
        let logKey = try log.signer(log.logSeed)
        let origin = try SignedNote(Vectors.bytes("v1/origin"))
        try origin.verify(genesis.verifier)
        #expect(origin.text == log.originText)
        let statement = try OriginStatement(text: origin.text)
        #expect(statement.text == origin.text)
        #expect((statement.genesisKey, statement.logKey) == (genesis.verifier, logKey.verifier))
        let head = try SignedNote(Vectors.bytes("v1/head"))
        try head.verify(active.verifier)
        #expect(head.text == log.headText)
        #expect(try Head(text: head.text).text == head.text)
        #expect(try Head(text: head.text).root.bytes.hex == log.segments[1].expected.roots.last)
        let checkpoint = try SignedNote(Vectors.bytes("v1/checkpoint"))
        try checkpoint.verify(logKey.verifier)
        #expect(checkpoint.text == log.checkpointText)
        let seal = try Vectors.bytes("v1/" + FileNames.segment(0, .seal))
        #expect(try Checkpoint(text: checkpoint.text).root == MerkleTree.leaf(seal))
        try SignedNote(seal).verify(genesis.verifier)
        #expect(try Seal(text: SignedNote(seal).text).nextKey == active.verifier)
    }

    @Test(arguments: [0, 1])
    func segmentsHoldWhatTheyHeld(_ number: Int) throws {
        let segment = try Self.log.get().segments[number]
        let file = try Vectors.bytes("v1/" + FileNames.segment(segment.first, .data))
        var expected = segment.expected
        expected.sealText = nil
        #expect(try LogVector.expected(file) == expected)
        let unzipped = try zcat(
            Vectors.directory.appendingPathComponent("v1/" + FileNames.segment(segment.first, .data)).path)
        #expect(unzipped.text == expected.lines.map { $0 + "\n" }.joined())
    }

    /// From the same lines, keys and times come the same header, salts, leaves, roots and seal.
    @Test(arguments: [0, 1])
    func buildingAnewGivesTheSame(_ number: Int) throws {
        let log = try Self.log.get()
        let segment = log.segments[number]
        let previous = number == 0 ? Digest.zero : Digest.sha256(try Vectors.bytes("v1/" + FileNames.segment(0, .seal)))
        var built = try log.build(segment, previousSeal: previous)
        #expect(built.builder.header.encoded().hex == segment.expected.header)
        #expect(built.expected.map(\.text) == segment.expected.lines)
        #expect(built.leaves.map(\.bytes.hex) == segment.expected.leaves)
        #expect(built.builder.tree.root.bytes.hex == segment.expected.roots.last)
        var expected = segment.expected
        expected.sealText = nil
        #expect(try LogVector.expected(built.file) == expected)
        guard let sealText = segment.expected.sealText else { return }
        let (seal, _) = try built.finish(.size)
        #expect(seal.text == sealText)
        #expect(try Seal(text: sealText) == seal)
    }

    /// Index and footer follow from the segment file; the frozen file gives the frozen index.
    @Test func theIndexIsTheSame() throws {
        let log = try Self.log.get()
        let file = try Vectors.bytes("v1/" + FileNames.segment(0, .data))
        var builder = try restored(file)
        let (seal, footer, index) = builder.finish(
            reason: .size, nextKey: try log.signer(log.segments[0].nextSeed).verifier)
        #expect(seal.text == log.segments[0].expected.sealText)
        #expect(index.hex == (try Vectors.bytes("v1/" + FileNames.segment(0, .index))).hex)
        #expect(Array(file.suffix(footer.count)) == footer)
        let read = try SegmentIndex(index)
        #expect(read.count == 5)
        #expect(read.spans.map(\.blocks) == [2])
        #expect(read.modules.names.map(\.text) == ["authentication", "reporting", "user_management", "system"])
        #expect(read.classes.map(\.tenant) == [nil, "acme", "acme"])
        #expect(read.classes.map(\.classification) == [nil, nil, "INTERNAL"])
        #expect(read.classes.map(\.compliance) == [[], [], ["GDPR", "SOC2"]])
        #expect(read.tallies.map(\.count) == [1, 1, 1, 1, 1])
    }
}
