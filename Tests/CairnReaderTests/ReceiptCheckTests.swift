import CairnFormat
import CairnReader
import Testing

@Suite("Receipts")
struct ReceiptCheckTests {
    /// What the daemon would have answered, for runs of events that are all of one segment.
    private func receipts(_ log: SealedLogFixture, _ runs: [Range<UInt64>]) throws -> [Receipt] {
        let segments: [(first: UInt64, end: UInt64)] = [(0, 7), (7, 12), (12, 18), (18, 22)]
        return try runs.map { run in
            let number = try #require(segments.firstIndex { $0.first <= run.lowerBound && run.upperBound <= $0.end })
            let first = segments[number].first
            let reader = try SegmentReader(log.files, path: FileNames.segment(first, .data))
            var salts = Salts(saltKey: reader.header.saltKey)
            let lines = try log.storedLines(first)
            let leaves = run.map { sequence in
                salts.withSalt(of: sequence) { salt in
                    Digest.sha256([0] + (salt.map { Array($0) } ?? []) + lines[Int(sequence - first)])
                }
            }
            return Receipt(segment: UInt64(number), firstSequence: run.lowerBound, leaves: leaves)
        }
    }

    private static let runs: [Range<UInt64>] = [0..<7, 7..<9, 9..<12, 12..<18, 18..<22]

    private func say(_ log: SealedLogFixture, _ receipts: [Receipt], key: VerifierKey? = nil) throws -> [String] {
        try ReceiptCheck(log.directory, key: key).check(receipts).map { finding in
            #expect((finding.message == nil) == (finding.verdict == .verified))
            return "\(finding.sequences) \(finding.verdict.rawValue)"
        }
    }

    @Test("what is sealed is VERIFIED, what is not yet UNSEALED; by either key, in any order")
    func good() throws {
        let log = try SealedLogFixture.whole()
        let receipts = try receipts(log, Self.runs)
        let expected = ["0...17 VERIFIED", "18...21 UNSEALED"]
        for key in [nil, try log.key(0).verifier, try log.logKey().verifier] {
            #expect(try say(log, receipts, key: key) == expected)
        }
        #expect(try say(log, receipts.reversed()) == expected)
        #expect(try say(log, []) == [])
        #expect(try say(log, [receipts[1], receipts[1]]) == ["7...8 VERIFIED", "7...8 VERIFIED"])
        #expect(try say(log, receipts, key: try log.key(1).verifier) == ["0...21 UNVERIFIABLE"])
    }

    @Test("another event in the place is TAMPERED, by its number")
    func changed() throws {
        let log = try SealedLogFixture.whole()
        var receipts = try receipts(log, Self.runs)
        receipts[0].leaves[3] = .zero
        receipts[4].leaves[1] = .zero
        #expect(
            try say(log, receipts) == [
                "0...2 VERIFIED", "3...3 TAMPERED", "4...17 VERIFIED", "18...18 UNSEALED", "19...19 TAMPERED",
                "20...21 UNSEALED",
            ])
    }

    @Test("a log that was written anew with its keys from the middle on does not hold what was acknowledged")
    func rewritten() throws {
        let receipts = try receipts(try SealedLogFixture.whole(), Self.runs)
        let other = try SealedLogFixture.whole(word: "other")
        #expect(try say(other, receipts) == ["0...21 TAMPERED"])
    }

    @Test("a log that was cut is TRUNCATED-OR-STALE")
    func truncated() throws {
        let receipts = try receipts(try SealedLogFixture.whole(), Self.runs)
        let shorter = try SealedLogFixture()
        for sizes in [[3, 4], [2, 3]] {
            for size in sizes { try shorter.append(size) }
            try shorter.rotate()
        }
        try shorter.append(2)
        try shorter.head()
        #expect(
            try say(shorter, receipts) == [
                "0...11 VERIFIED", "12...13 UNSEALED", "14...17 TRUNCATED-OR-STALE", "18...21 TRUNCATED-OR-STALE",
            ])
    }

    @Test("pruned, erased, not covered")
    func life() throws {
        let log = try SealedLogFixture.whole()
        let receipts = try receipts(log, Self.runs)
        try log.erase([8, 10], from: 7)
        log.files[FileNames.segment(0, .data)] = nil
        log.files.put(FileNames.checkpoint, try log.checkpointNote(size: 2))
        #expect(
            try say(log, receipts) == [
                "0...6 PRUNED", "7...7 VERIFIED", "8...8 REDACTED", "9...9 VERIFIED", "10...10 REDACTED",
                "11...11 VERIFIED", "12...17 UNSEALED", "18...21 UNSEALED",
            ])
    }

    @Test("what is not as it was signed is TAMPERED, whatever the leaves say")
    func damaged() throws {
        func expect(_ expected: [String], _ change: (SealedLogFixture) throws -> Void) throws {
            let log = try SealedLogFixture.whole()
            let receipts = try receipts(log, Self.runs)
            try change(log)
            #expect(try say(log, receipts) == expected)
        }
        let all = ["0...21 TAMPERED"]
        try expect(all) { try $0.change(FileNames.segment(7, .seal)) { $0[$0.count - 3] ^= 1 } }
        try expect(all) { try $0.change(FileNames.checkpoint) { $0[$0.count - 3] ^= 1 } }
        try expect(all) { try $0.change(FileNames.origin) { $0[$0.count - 3] ^= 1 } }
        try expect(all) { try $0.change(FileNames.segment(7, .data)) { $0[$0.count / 2] ^= 1 } }
        try expect(["0...6 VERIFIED", "7...11 TAMPERED", "12...17 VERIFIED", "18...21 UNSEALED"]) { log in
            let block = try #require(log.blocks.first { $0.segment == 7 })
            try log.forge(block) { $0.replacing("login", with: "logon") }
        }
        // A tail that is not whole ends the active segment; a write may be under way.
        try expect(["0...17 VERIFIED", "18...19 UNSEALED", "20...21 TRUNCATED-OR-STALE"]) { log in
            try log.change(FileNames.segment(18, .data)) { $0.removeLast(5) }
        }
    }

    @Test("against a proof, where the log is gone")
    func proofs() throws {
        let log = try SealedLogFixture.whole()
        var receipt = try #require(try receipts(log, [7..<9]).first)
        var proofs: [EventProof] = []
        try Prover(log.directory).prove([6, 8]) { proofs.append(try $1.get()) }
        let events = try proofs.map { try $0.verify(ProofPolicy(key: log.key(0).verifier)) }
        #expect(ReceiptCheck.check(receipt, against: events[0]) == nil)
        #expect(ReceiptCheck.check(receipt, against: events[1])?.verdict == .verified)
        receipt.leaves[1] = .zero
        #expect(ReceiptCheck.check(receipt, against: events[1])?.verdict == .tampered)
    }
}
