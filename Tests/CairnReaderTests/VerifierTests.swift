import CairnFormat
import CairnPlatform
import CairnReader
import Foundation
import Glibc
import Synchronization
import Testing

@Suite("Verification of whole logs")
struct VerifierTests {
    @Test("a whole log is verified, and the result says how far")
    func wholeLog() throws {
        let log = try SealedLogFixture.whole()
        let result = try log.verify(key: try log.key(0).verifier)
        #expect(result.verdict == .verified, "\(result)")
        #expect(result.findings.isEmpty && result.notes.isEmpty)
        #expect((result.events, result.segments) == (22, 4))
        #expect((result.firstSequence, result.lastSequence) == (0, 21))
        #expect(result.firstBadSequence == nil)
        #expect(result.origin == log.origin)
        #expect((result.sealedThrough, result.signedThrough, result.committedThrough) == (17, 21, 21))
        #expect(result.headTime == log.clock)
        #expect((result.checkpointSize, result.extends) == (3, nil))
        #expect(result.keyWasGiven)
        var bytes = 0
        for (path, data) in log.files.snapshot where path.hasSuffix(".ndjson.gz") {
            let copy = SealedLogFixture.lines(of: data)
            bytes += try #require(copy).count
        }
        #expect(result.bytes == UInt64(bytes))
    }

    @Test("every state that a writer or a crash between two steps leaves is verified")
    func everyState() throws {
        let log = try SealedLogFixture()
        for number in 0..<4 {
            let steps: [(String, () throws -> Void)] = [
                ("append", { try log.append(3) }), ("head", { try log.head() }),
                ("append again", { try log.append(1) }),
                ("foot", { try log.foot() }), ("seal", { try log.seal() }), ("next", { try log.next() }),
                ("checkpoint", { try log.checkpoint() }), ("head of next", { try log.head() }),
            ]
            for (name, step) in steps {
                try step()
                let result = try log.verify()
                #expect(result.verdict == .verified, "segment \(number), \(name): \(result.findings)")
                let kinds: [Note.Kind] = name == "seal" ? [.keyFromLog, .noActiveSegment] : [.keyFromLog]
                #expect(result.notes.map(\.kind) == kinds, "segment \(number), \(name)")
            }
        }
    }

    @Test("a new log without events is verified and names no sequence numbers")
    func emptyLog() throws {
        let result = try SealedLogFixture().verify()
        #expect(result.verdict == .verified)
        #expect((result.events, result.segments, result.bytes) == (0, 1, 0))
        #expect(result.firstSequence == nil && result.lastSequence == nil)
        #expect(result.sealedThrough == nil && result.signedThrough == nil && result.committedThrough == nil)
        #expect(result.checkpointSize == 0)
    }

    @Test("what is not part of the log does not matter, and kept tails are noted")
    func leftovers() throws {
        let log = try SealedLogFixture.whole()
        for name in ["7.seal", "00000000000000000005.seal.tmp", "x", "00000000000000000003.index"] {
            log.files.put("segments/\(name)", [1, 2, 3])
        }
        log.files.put("segments/00000000000000000018.ndjson.gz.torn-1795244400", [1])
        let result = try log.verify(key: try log.key(0).verifier)
        #expect(result.verdict == .verified)
        #expect(result.notes.map(\.kind) == [.recovered])
        #expect(result.notes.map(\.segment) == [3])
    }

    @Test("the result is the same on any number of threads", arguments: [0, 2, 3, 16])
    func threads(_ threads: Int) throws {
        let log = try SealedLogFixture.whole()
        #expect(try log.verify(threads: threads) == log.verify(threads: 1))
        try log.change(FileNames.segment(0, .data)) { $0[200] ^= 1 }
        try log.change(FileNames.segment(7, .seal)) { $0[20] ^= 1 }
        log.files[FileNames.segment(12, .index)] = nil
        let result = try log.verify(threads: threads)
        #expect(try result == log.verify(threads: 1))
        #expect(result.findings.map(\.sequence) == [7, 0, nil, nil])
    }

    @Test("progress never falls and ends with everything")
    func progress() throws {
        let log = try SealedLogFixture.whole()
        let calls = Mutex<[(UInt64, UInt64)]>([])
        let options = VerifyOptions(threads: 2) { done, total in calls.withLock { $0.append((done, total)) } }
        _ = try Verifier(log.directory, options: options).run()
        let total = log.files.snapshot.filter { $0.key.hasSuffix(".gz") }.reduce(0) { $0 + UInt64($1.value.count) }
        calls.withLock { calls in
            #expect(calls.last.map { $0 == (total, total) } ?? false)
            #expect(calls.allSatisfy { $0.1 == total && $0.0 <= total })
            #expect(zip(calls, calls.dropFirst()).allSatisfy { $0.0 <= $1.0 })
        }
    }

    // MARK: - Keys

    @Test("without a key the result says that the key is the log's own")
    func keyFromLog() throws {
        let result = try SealedLogFixture.whole().verify()
        #expect(result.verdict == .verified && !result.keyWasGiven)
        #expect(result.notes.map(\.kind) == [.keyFromLog])
    }

    @Test("under another key nothing passes")
    func otherKey() throws {
        let log = try SealedLogFixture.whole()
        for key in [try log.key(1).verifier, try log.key(9).verifier, try SealedLogFixture(name: "b").key(0).verifier] {
            let result = try log.verify(key: key)
            #expect(result.verdict == .unverifiable)
            #expect((result.events, result.segments, result.origin) == (0, 0, nil))
        }
    }

    @Test("a log that somebody made anew is seen with the key alone")
    func madeAnew() throws {
        let log = try SealedLogFixture.whole()
        let statement = OriginStatement(
            origin: log.origin, created: log.clock, genesisKey: try log.key(5).verifier,
            logKey: try log.logKey().verifier)
        log.files.put(FileNames.origin, try log.key(5).sign(statement.text))
        #expect(try log.verify(key: log.key(0).verifier).verdict == .unverifiable)
        #expect(try log.verify().verdict == .tampered)
    }

    @Test("an origin is signed by the key that it names")
    func originOfAnotherKey() throws {
        let log = try SealedLogFixture.whole()
        let statement = OriginStatement(
            origin: log.origin, created: log.clock, genesisKey: try log.key(0).verifier,
            logKey: try log.key(5).verifier)
        log.files.put(FileNames.origin, try log.key(5).sign(statement.text))
        let result = try log.verify()
        #expect((result.verdict, result.events) == (.tampered, 0))
    }

    @Test("an origin of a later form is unverifiable, one that is missing beside segments too")
    func originOfLaterForm() throws {
        let log = try SealedLogFixture.whole()
        let statement = OriginStatement(
            origin: log.origin, created: log.clock, genesisKey: try log.key(0).verifier,
            logKey: try log.logKey().verifier)
        for text in [statement.text + "extra 1\n", statement.text.replacing("/v1", with: "/v2")] {
            log.files.put(FileNames.origin, try log.key(0).sign(text))
            #expect(try log.verify().verdict == .unverifiable)
        }
        log.files[FileNames.origin] = nil
        #expect(try log.verify().verdict == .unverifiable)
    }

    // MARK: - What is thrown

    @Test("where there is no log, and where the system refuses, nothing is said about the log")
    func thrown() throws {
        let nothing = LogDirectory(MemoryTree())
        #expect(performing { try Verifier(nothing).run() }?.code == .noLog)
        for path in [FileNames.segment(7, .data), FileNames.segment(7, .index), FileNames.segment(7, .seal), "head"] {
            let log = try SealedLogFixture.whole()
            log.files.refuse(path, EACCES)
            for threads in [1, 4] {
                let error = performing { _ = try log.verify(threads: threads) }
                #expect(error?.code == .io, "\(path)")
                #expect(error?.message.contains(path) == true)
            }
        }
    }

    private func performing(_ body: () throws -> some Any) -> ReadError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error as? ReadError
        }
    }

    // MARK: - JSON

    @Test("the JSON of a result has every key, and null where there is nothing")
    func json() throws {
        let log = try SealedLogFixture.whole()
        try log.change(FileNames.segment(7, .data)) { $0[$0.count - 130] ^= 1 }
        log.files[FileNames.head] = nil
        let result = try log.verify()
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(result.json)) as? [String: Any])
        let keys: Set = [
            "verdict", "events", "segments", "first_seq", "last_seq", "first_bad_seq", "findings", "notes", "origin",
            "sealed_through", "signed_through", "committed_through", "head_time", "checkpoint_size", "extends", "bytes",
            "key_given", "anchored_through", "anchor_time",
        ]
        #expect(Set(object.keys) == keys)
        #expect(object["verdict"] as? String == "TAMPERED")
        #expect(object["events"] as? Int == Int(result.events))
        #expect(object["first_seq"] as? Int == 0)
        #expect(object["first_bad_seq"] as? Int == result.firstBadSequence.map { Int($0) })
        #expect(object["head_time"] is NSNull && object["signed_through"] is NSNull && object["extends"] is NSNull)
        #expect(object["key_given"] as? Bool == false)
        #expect(object["origin"] as? String == log.origin.name)
        let findings = try #require(object["findings"] as? [[String: Any]])
        #expect(findings.count == result.findings.count)
        #expect(findings.allSatisfy { Set($0.keys) == ["verdict", "segment", "seq", "message"] })
        #expect(findings.contains { $0["verdict"] as? String == "TRUNCATED-OR-STALE" && $0["segment"] is NSNull })
        let notes = try #require(object["notes"] as? [[String: Any]])
        #expect(notes.allSatisfy { Set($0.keys) == ["note", "segment", "message"] })
        #expect(notes.first?["note"] as? String == "KEY-FROM-LOG")
    }

    @Test("messages with quotes and control characters are escaped")
    func jsonEscapes() throws {
        let log = try SealedLogFixture.whole()
        log.files.put(FileNames.origin, Array("\"genesis\u{7}\\ \n\n\"".utf8))
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(try log.verify().json)) }
    }

    @Test("verdicts are ordered by gravity")
    func gravity() {
        let order = ["VERIFIED", "INDEX-DAMAGED", "UNVERIFIABLE", "UNSEALED", "TRUNCATED-OR-STALE", "TAMPERED"]
        #expect(Verdict.allCases.sorted().map(\.rawValue) == order)
    }
}
