import CairnFormat
import CairnSimulation
import Testing

@testable import CairnFuzzing

/// That the checks can fail: a property that always holds finds nothing.
@Suite struct PropertyTests {
    private static let line =
        #"{"action":"a","module":"m","timestamp":"2026-11-21T07:39:12Z","status":"failed","id":"1","tenant":"t"}"#

    private func batch(_ line: String = line) throws -> EventBatch {
        var batch = EventBatch()
        let parser = try EventParser()
        GuardedBytes().place(line.utf8, padding: JSONParser.padding) { line in
            _ = parser.parse(.whole(line), uid: Fixture.uid, into: &batch)
        }
        return batch
    }

    private func fails(_ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return false
        } catch is PropertyFailure {
            return true
        }
    }

    @Test func whatHoldsPasses() throws {
        try require(true, "")
        try agree(1, 1, "")
        try agree(encoded: [1, 2], [1, 2], "")
        #expect(try mustSucceed("") { () throws(FormatError) in 7 } == 7)
        let refused: Int? = try accepted(within: 3) { () throws(FormatError) in
            throw FormatError(.malformed, "no", at: 3)
        }
        #expect(refused == nil)
    }

    @Test func whatDoesNotHoldFails() throws {
        #expect(try fails { try require(false, "") })
        #expect(try fails { try agree(1, 2, "") })
        #expect(try fails { try agree(encoded: [1, 2], [1], "") })
        #expect(try fails { try mustSucceed("") { () throws(FormatError) in throw FormatError(.malformed, "no") } })
        #expect(try fails { try accepted(within: 3) { () throws(FormatError) in throw FormatError(.malformed, "") } })
        #expect(
            try fails {
                try accepted(within: 3) { () throws(FormatError) in throw FormatError(.malformed, "no", at: 4) }
            })
    }

    @Test func anEventThatIsStoredAsItIsPasses() throws {
        #expect(try !fails { _ = try EventStorage().checkRoundTrip(try batch()) })
    }

    /// What a writer may say wrongly about an event, or do to its line.
    enum Lie: CaseIterable {
        case time, status, severity, hasID, opaque, retentionClass, identity, brace, token, value, lineFeed, stamps, own

        func tell(_ batch: inout EventBatch) {
            switch self {
            case .time: batch.entries[0].facts.time = nil
            case .status: batch.entries[0].facts.status = .success
            case .severity: batch.entries[0].facts.severity = .low
            case .hasID: batch.entries[0].facts.hasID = false
            case .opaque: batch.entries[0].facts.opaque = 2
            case .retentionClass: batch.entries[0].facts.retentionClass = 0
            case .identity: batch.entries[0].identity = nil
            case .brace: batch.entries[0].brace = 0
            case .token: batch.terms.tokens[0] ^= 1
            case .value: batch.bytes[11] ^= 1
            case .lineFeed: batch.bytes[11] = 0x0A
            case .stamps:
                batch.extraStamps = Array("\"_uid\"".utf8)
                batch.entries[0].extra = batch.extraStamps.indices
            case .own:
                batch.extraStamps = Array("\"_own\":true,".utf8)
                batch.entries[0].extra = batch.extraStamps.indices
            }
        }
    }

    @Test(arguments: Lie.allCases)
    func aWriterThatLiesIsFound(_ lie: Lie) throws {
        var batch = try batch()
        lie.tell(&batch)
        #expect(try fails { _ = try EventStorage().checkRoundTrip(batch) })
    }

    @Test func repairingLeavesGoodBytesAlone() throws {
        let inflater = try Inflater()
        for seed in try FuzzTarget.member.seeds() {
            #expect(ChecksumRepair.member(seed.bytes, with: inflater) == seed.bytes, "\(seed.name)")
        }
        for seed in try FuzzTarget.segment.seeds() {
            #expect(ChecksumRepair.segment(seed.bytes, with: inflater) == seed.bytes, "\(seed.name)")
        }
        for seed in try FuzzTarget.index.seeds() { #expect(ChecksumRepair.index(seed.bytes) == seed.bytes) }
    }

    /// Behind its checksums, a changed field of a block's head is seen.
    @Test func repairingGetsBehindTheChecksums() throws {
        let block = try #require(try FuzzTarget.member.seeds().first { $0.name == "block" }).bytes
        var changed = block
        // The root, which a block by itself cannot contradict.
        changed[Member.headSize + 56] ^= 1
        let check = try MemberCheck()
        #expect(throws: FormatError.self) { try changed.withBytes { _ = try Member.head($0) } }
        let repaired = try ChecksumRepair.member(changed, with: Inflater())
        #expect(throws: Never.self) { try repaired.withBytes { _ = try Member.head($0) } }
        #expect(try check.check(changed))
    }

    @Test func mutationsAreTheSameForTheSameSeed() {
        func inputs(_ seed: UInt64) -> [[UInt8]] {
            var mutator = Mutator(SeededRandom(seed: seed), corpus: [Array(0..<20), [1]], sizeLimit: 30)
            return (0..<200).map { _ in mutator.next() }
        }
        #expect(inputs(1) == inputs(1))
        #expect(inputs(1) != inputs(2))
        #expect(inputs(1).allSatisfy { $0.count <= 30 })
    }

    @Test func readingBehindTheInputEndsTheProcess() async {
        await #expect(processExitsWith: .success) {
            let sum = GuardedBytes(capacity: 1).place([1, 2], padding: 3) { bytes in bytes.reduce(0) { $0 + Int($1) } }
            precondition(sum == 3)
        }
        await #expect(processExitsWith: .failure) {
            let byte = GuardedBytes(capacity: 1).place([1, 2], padding: 3) { bytes in
                bytes.baseAddress?.load(fromByteOffset: 5, as: UInt8.self)
            }
            print(byte ?? 0)
        }
    }
}
