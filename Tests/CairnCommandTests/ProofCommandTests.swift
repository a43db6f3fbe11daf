import ArgumentParser
import CairnDaemon
import CairnFormat
import CairnPlatform
import CairnReader
import Synchronization
import Testing

@testable import CairnCommand

/// A log that a daemon wrote, with the receipts of what it was sent: some segments are sealed, the last is not.
struct WrittenLog {
    let directory: TestDirectory
    var path: String { "\(directory.path)/log" }
    let genesisKey: VerifierKey
    let logKey: VerifierKey
    /// Of the last event that is sealed.
    let lastSealed: UInt64

    init() throws {
        directory = try TestDirectory()
        var configuration = Configuration()
        configuration.directory = "\(directory.path)/log"
        configuration.socket.path = "\(directory.path)/events.sock"
        let daemon = EmbeddedDaemon(configuration: configuration)
        try daemon.start()
        defer { daemon.stop() }
        let client = try #require(try ControlClient(anyOf: [configuration.controlPath]))
        try WrittenLog.send(0..<20, configuration, "\(directory.path)/sealed.ndjson")
        _ = try client.perform(.rotate).read { _ in true }
        try WrittenLog.send(20..<25, configuration, "\(directory.path)/active.ndjson")
        let log = try LogDirectory(path: configuration.directory)
        let statement = try log.origin()
        (genesisKey, logKey) = (statement.genesisKey, statement.logKey)
        let seal = try #require(try log.segments().last { $0.isSealed }.flatMap { try log.seal($0) })
        lastSealed = seal.endSequence - 1
    }

    private static func send(_ numbers: Range<Int>, _ configuration: Configuration, _ receipts: String) throws {
        let file = try ReceiptFile(path: receipts)
        var listener = Delivery.Listener()
        listener.acknowledged = { file.append($0) }
        var bytes = Array(numbers.map { "{\"action\":\"a\($0)\",\"module\":\"m\"}\n" }.joined().utf8)[...]
        _ = try Delivery(path: configuration.socket.path, wantsReceipts: true, listener: listener).run { buffer in
            guard !bytes.isEmpty else { return .end }
            buffer.copyBytes(from: bytes)
            defer { bytes = [] }
            return .bytes(bytes.count)
        }
        try file.finish()
    }

    func file(_ name: String) -> String { "\(directory.path)/\(name)" }

    func bytes(_ name: String) throws -> [UInt8] { try FilePlace.contents(file(name), limit: 1 << 20) }

    func put(_ name: String, _ bytes: [UInt8]) throws {
        let (files, name) = try FilePlace.open(file(name))
        try files.replace(name, with: bytes, mode: 0o644)
    }
}

/// Testing has a type of this name, too.
typealias Ending = CairnCommand.ExitStatus

/// How a command line ends.
func status(_ arguments: String...) throws -> Ending {
    var command = try Cairn.parseAsRoot(arguments)
    do {
        try command.run()
        return .success
    } catch {
        let failure = CommandFailure(reporting: error)
        return try #require(failure, "\(error)").status
    }
}

@Suite("Proofs, receipts and anchors on the command line")
struct ProofCommandTests {
    @Test("an event is proved, and the proof is checked by either key")
    func proves() throws {
        let log = try WrittenLog()
        let proof = log.file("p")
        #expect(try status("prove", "2", "-D", log.path, "-o", proof) == .success)
        for key in [log.genesisKey, log.logKey] {
            #expect(try status("check-proof", proof, "--key", "\(key)") == .success)
        }
        try log.put("key", Array("  \(log.genesisKey)\n".utf8))
        #expect(try status("check-proof", proof, proof, "--key-file", log.file("key"), "--json") == .success)
        let event = try EventProof(log.bytes("p")).verify(ProofPolicy(key: log.genesisKey))
        #expect(String(decoding: event.line, as: UTF8.self).contains("\"_seq\":2,"))
    }

    @Test("what is not proved ends with 1, what is no proof with 65, what is not there with 66")
    func refuses() throws {
        let log = try WrittenLog()
        let (proof, key) = (log.file("p"), "\(log.genesisKey)")
        #expect(try status("prove", "2", "-D", log.path, "-o", proof) == .success)
        let other = try SignerKey(name: "other", seed: [UInt8](repeating: 1, count: 32)).verifier
        #expect(try status("check-proof", proof, "--key", "\(other)") == .negative)
        let witness = try WitnessSigner(name: "w", seed: [UInt8](repeating: 1, count: 32)).verifier
        #expect(try status("check-proof", proof, "--key", key, "--witness", "\(witness)") == .negative)
        #expect(try status("check-proof", proof, "--key", key, "--witness", "\(witness)", "--quorum", "0") == .success)
        var changed = try EventProof(log.bytes("p"))
        changed.line[changed.line.count - 3] ^= 1
        try log.put("changed", changed.bytes)
        try log.put("nothing", Array("nothing".utf8))
        try log.put("long", [UInt8](repeating: 65, count: Limits.proof + 1))
        #expect(try status("check-proof", log.file("changed"), "--key", key) == .negative)
        #expect(try status("check-proof", log.file("nothing"), "--key", key, "-q") == .data)
        #expect(try status("check-proof", log.file("long"), "--key", key) == .data)
        #expect(try status("check-proof", proof, log.file("nothing"), "--key", key) == .data)
        #expect(try status("check-proof", log.file("nothing"), log.file("changed"), "--key", key) == .negative)
        #expect(try status("check-proof", log.file("none"), "--key", key) == .noInput)
        #expect(try status("check-proof", proof, "--key", "nonsense") == .usage)
        #expect(try status("check-proof", proof, "--key", key, "--witness", key) == .usage)
    }

    @Test("several events: a file for each that can be proved, and 1 if some cannot")
    func several() throws {
        let log = try WrittenLog()
        try PosixFileSystem.createRoot(log.file("proofs"), mode: 0o700)
        let last = "\(log.lastSealed)"
        #expect(try status("prove", "0-3", last, "-D", log.path, "-o", log.file("proofs"), "--json") == .success)
        #expect(try PosixFileSystem(root: log.file("proofs")).list("").count == 5)
        #expect(
            try status("prove", "5", "\(log.lastSealed + 1)", "-D", log.path, "-o", log.file("proofs") + "/")
                == .negative)
        #expect(try status("prove", "5", "1000000", "-D", log.path, "-o", log.file("proofs")) == .negative)
        let names = try PosixFileSystem(root: log.file("proofs")).list("")
        #expect(names.count == 6 && names.contains("5.tlog-proof"))
        for name in names {
            #expect(try status("check-proof", log.file("proofs/\(name)"), "--key", "\(log.genesisKey)") == .success)
        }
        #expect(try status("prove", "1", "2", "-D", log.path, "-o", log.file("one")) == .usage)
        #expect(try status("prove", "1", "-D", log.file("proofs"), "-o", log.file("one")) == .noInput)
    }

    @Test("with a checkpoint that witnesses have cosigned")
    func cosigned() throws {
        let log = try WrittenLog()
        let witness = try WitnessSigner(name: "witness.example", seed: [UInt8](repeating: 1, count: 32))
        let note = try SignedNote(log.bytes("log/checkpoint"))
        let cosigned = try note.cosigned(by: witness.verifier, [witness.cosign(note.text, seconds: 1_795_246_752)])
        try log.put("cosigned", cosigned.bytes)
        let proof = log.file("p")
        #expect(try status("prove", "2", "-D", log.path, "-o", proof, "--checkpoint", log.file("cosigned")) == .success)
        #expect(
            try status("check-proof", proof, "--key", "\(log.logKey)", "--witness", "\(witness.verifier)") == .success)
    }

    @Test("reports: what is proved, in words and as JSON, with nothing that a terminal would obey")
    func reports() throws {
        let log = try WrittenLog()
        #expect(try status("prove", "2", "-D", log.path, "-o", log.file("p")) == .success)
        let outcome = ProofOutcome(try log.bytes("p"), ProofPolicy(key: log.genesisKey))
        let report = ProofReport(file: "p\u{1B}[2J", outcome, style: .plain)
        #expect(report.text.hasPrefix("VERIFIED  p\\u001b[2J\n"))
        #expect(report.text.contains("Event 2 of ") && report.text.contains("\"_seq\":2,"))
        withJSON(report.json) { json in
            #expect(json["verdict"]?.string == "VERIFIED")
            #expect(json["seq"]?.number == 2)
            #expect(json["segment"]?.number == 0)
            #expect(json["trusted"]?.string == "genesis")
            #expect(json["line"]?.string?.contains("\"_seq\":2,") == true)
            #expect(json["step"]?.isNull == true)
        }
        let other = try SignerKey(name: "other", seed: [UInt8](repeating: 1, count: 32)).verifier
        let refused = ProofReport(
            file: "p", ProofOutcome(try log.bytes("p"), ProofPolicy(key: other)), style: .plain)
        #expect(refused.text.hasPrefix("UNVERIFIABLE  p (key): "))
        withJSON(refused.json) { #expect($0["step"]?.string == "key" && $0["seq"]?.isNull == true) }
        let nothing = ProofReport(file: "p", ProofOutcome([65], ProofPolicy(key: other)), style: .plain)
        #expect(nothing.text.hasPrefix("NO PROOF  p: "))
        withJSON(nothing.json) { #expect($0["step"]?.string == "form" && $0["verdict"]?.isNull == true) }
    }

    // MARK: - Receipts

    @Test("receipts of the daemon are those of the log")
    func receipts() throws {
        let log = try WrittenLog()
        let (sealed, active, key) = (log.file("sealed.ndjson"), log.file("active.ndjson"), "\(log.genesisKey)")
        #expect(try status("check-receipt", sealed, "-D", log.path, "--key", key) == .success)
        #expect(try status("check-receipt", sealed, "-D", log.path, "--json") == .success)
        #expect(try status("check-receipt", active, "-D", log.path, "--key", key) == .negative)
        let other = try SignerKey(name: "other", seed: [UInt8](repeating: 1, count: 32)).verifier
        #expect(try status("check-receipt", sealed, "-D", log.path, "--key", "\(other)") == .negative)
        var findings: [ReceiptFinding] = []
        let check = ReceiptCheck(try LogDirectory(path: log.path))
        for file in [sealed, active] { try CheckReceipt.read(file) { findings += try check.check($0) } }
        #expect(findings.map(\.verdict) == [.verified, .unsealed])
        #expect(findings.map { $0.sequences.count } == [20, 5])
        #expect(CheckReceipt.text(findings[0]).hasPrefix("VERIFIED: events "))
        withJSON(CheckReceipt.json(findings[1])) { #expect($0["verdict"]?.string == "UNSEALED") }
    }

    @Test("a changed receipt, one without leaves, what is none, and one that is held against a proof")
    func otherReceipts() throws {
        let log = try WrittenLog()
        let text = String(decoding: try log.bytes("sealed.ndjson"), as: UTF8.self)
        let receipt = try #require(
            try text.split(separator: "\n").first.flatMap { line in
                try Array(line.utf8).withUnsafeBytes { try Receipt.read($0) }
            })
        let sequence = receipt.firstSequence
        let zero = String(repeating: "A", count: 43) + "="
        try log.put("changed", Array(text.replacing("\(receipt.leaves[0])", with: zero).utf8))
        #expect(try status("check-receipt", log.file("changed"), "-D", log.path) == .negative)
        try log.put("none", Array("{\"_ack\":{\"lines\":1,\"first_seq\":1,\"last_seq\":1}}\n".utf8))
        #expect(try status("check-receipt", log.file("none"), "-D", log.path) == .data)
        try log.put("nonsense", Array((text + "nonsense\n").utf8))
        #expect(try status("check-receipt", log.file("nonsense"), "-D", log.path) == .data)
        #expect(try status("check-receipt", log.file("nowhere"), "-D", log.path) == .noInput)

        let (proof, key) = (log.file("p"), "\(log.genesisKey)")
        #expect(try status("prove", "\(sequence)", "-D", log.path, "-o", proof) == .success)
        func compare(_ receipts: String) throws -> Ending {
            try status("check-receipt", log.file(receipts), "-D", "/nowhere", "--proof", proof, "--key", key)
        }
        #expect(try compare("sealed.ndjson") == .success)
        #expect(try compare("changed") == .negative)
        #expect(try compare("active.ndjson") == .negative, "the proof is of none of these")
    }

    // MARK: - Anchors

    @Test("what is anchored is told by verify, and must be a part of the log")
    func anchors() throws {
        let log = try WrittenLog()
        let (state, file) = (log.file("state"), log.file("anchored"))
        func anchor(_ path: String, _ state: String) throws -> Ending {
            try status("anchor", "-D", path, "--to-file", file, "--state", state, "--json")
        }
        #expect(try anchor(log.path, state) == .success)
        #expect(try log.bytes("anchored") == log.bytes("log/checkpoint"))
        #expect(try anchor(log.path, state) == .success, "and again")
        #expect(try status("verify", "-D", log.path, "--state", state, "-q") == .success)
        #expect(try status("status", "-D", log.path, "--state", state) == .success)

        let directory = try LogDirectory(path: log.path)
        let anchors = try AnchorState(PosixFileSystem(root: state)).anchors(of: directory.origin().origin)
        var options = VerifyOptions(genesisKey: log.genesisKey)
        options.anchors = anchors
        let result = try Verifier(directory, options: options).run()
        #expect(result.newestAnchor?.lastSequence == log.lastSealed)
        let now = Time(nanoseconds: try #require(anchors.first).time.nanoseconds + 300 * Time.perSecond)
        let report = VerificationReport(result, elapsed: 1, now: now, style: .plain).text
        #expect(report.contains("Anchored up to event \(Figures.count(log.lastSealed)), 5 min ago (file:\(file))."))
        withJSON(String(decoding: result.json, as: UTF8.self)) {
            #expect($0["anchored_through"]?.number == log.lastSealed)
        }

        // Another log in its place does not extend what was anchored.
        let other = try WrittenLog()
        #expect(try anchor(other.path, other.file("state")) == .negative)
        #expect(try log.bytes("anchored") == log.bytes("log/checkpoint"), "it was not touched")
        options.anchors = [
            try Anchor(target: "t", time: now, checkpoint: other.bytes("log/checkpoint"))
        ]
        let bad = try Verifier(directory, options: options).run()
        #expect(bad.verdict == .tampered && bad.newestAnchor == nil)
        #expect(AnchorReport.text(bad.anchors[0], now: now).hasPrefix("TAMPERED: "))
    }

    @Test("an older copy of the log is not anchored over a newer one, and no file that is no checkpoint is replaced")
    func anchoredBefore() throws {
        let log = try WrittenLog()
        let file = log.file("anchored")
        try log.put("anchored", Array("notes of mine\n".utf8))
        #expect(try status("anchor", "-D", log.path, "--to-file", file, "--state", log.file("s")) == .data)
        #expect(try log.bytes("anchored") == Array("notes of mine\n".utf8))
        let key = try SignerKey(String(decoding: log.bytes("log/keys/log"), as: UTF8.self))
        let newer = Checkpoint(origin: try Origin(log.logKey.name), size: 9, root: .zero)
        try log.put("anchored", key.sign(newer.text))
        #expect(try status("anchor", "-D", log.path, "--to-file", file, "--state", log.file("s")) == .negative)
    }

    // MARK: - Arguments

    @Test(
        arguments: [
            ("0", 0...0), ("42", 42...42), ("10-20", 10...20), ("7-7", 7...7),
            ("9223372036854775807", 9_223_372_036_854_775_807...9_223_372_036_854_775_807),
        ] as [(String, ClosedRange<UInt64>)])
    func ranges(_ text: String, _ expected: ClosedRange<UInt64>) {
        #expect(SequenceRange(argument: text)?.numbers == expected)
    }

    @Test(arguments: ["", "-", "1-", "-1", "2-1", "1-2-3", "+1", "1,2", "0x1", "9223372036854775808", " 1"])
    func noRanges(_ text: String) {
        #expect(SequenceRange(argument: text) == nil)
    }

    @Test(
        "what cannot be meant is refused with EX_USAGE",
        arguments: [
            ["prove"], ["prove", "x"], ["prove", "0-9223372036854775807"], ["prove", "1", "-o", ""],
            ["prove", "1", "-o", "-", "--json"], ["check-proof", "f"], ["check-proof", "--key", "k"],
            ["check-proof", "f", "--key", "k", "--key-file", "f"], ["check-proof", "f", "--key", "k", "-q", "--json"],
            ["check-proof", "f", "--key", "k", "--quorum", "1"], ["check-receipt"],
            ["check-receipt", "f", "--proof", "p"], ["check-receipt", "f", "--witness", "w"], ["anchor"],
            ["anchor", "--to-file", ""], ["verify", "--state", ""],
        ])
    func refused(arguments: [String]) throws {
        let error = #expect(throws: (any Error).self) { try Cairn.parseAsRoot(arguments) }
        #expect(error.map { Cairn.exitCode(for: $0).rawValue } == ExitStatus.usage.rawValue)
    }
}
