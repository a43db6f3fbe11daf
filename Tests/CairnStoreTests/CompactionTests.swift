import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Glibc
import Testing

/// Sealed segments are written anew: in few large blocks, while everything that was signed stays as it is.
struct CompactionTests {
    /// A log with a sealed segment of one block for each event, and an active one behind it.
    private static func fragmented(_ disk: TestDisk, events: Int = 40) throws -> TestWriter {
        var writer = try TestWriter(disk)
        for number in 0..<events { #expect(try writer.submit(["e\(number)"], filler: 50) == .done) }
        #expect(writer.step(.rotate) == .done)
        #expect(try writer.submit(["behind"]) == .done)
        #expect(writer.step(.shutdown) == .done)
        return writer
    }

    private static let data = FileNames.segment(0, .data)
    private static let index = FileNames.segment(0, .index)

    private static func blocks(_ disk: TestDisk) throws -> Int {
        let bytes = try #require(disk.snapshot()[index])
        return try SegmentIndex(bytes).spans.reduce(0) { $0 + Int($1.blocks) }
    }

    private static func expectVerified(_ disk: TestDisk, _ comment: Comment? = nil) throws {
        let verification = try Verifier(LogDirectory(disk.files), options: VerifyOptions(threads: 1)).run()
        #expect(verification.verdict == .verified, "\(verification.findings) \(comment.map { "\($0)" } ?? "")")
    }

    @Test(arguments: [Compression.isal, .zlib(level: 9)])
    func manyBlocksBecomeOne(_ compression: Compression) throws {
        let disk = TestDisk()
        let writer = try Self.fragmented(disk)
        let before = disk.snapshot()
        let lines = try LogCheck(disk).lines
        #expect(try Self.blocks(disk) == 40)
        let outcome = try #require(try Compaction(disk.files).run(0, compression))
        let after = disk.snapshot()
        #expect(outcome.before == UInt64(before[Self.data]?.count ?? 0))
        #expect(outcome.after == UInt64(after[Self.data]?.count ?? 0))
        #expect(outcome.after < outcome.before / 4)
        #expect(try Self.blocks(disk) == 1)
        // Nothing else is touched, and nothing is left behind.
        let others = { (files: [String: [UInt8]]) in files.filter { $0.key != Self.data && $0.key != Self.index } }
        #expect(others(after) == others(before))
        #expect(try LogCheck(disk).lines == lines)
        try LogCheck(disk).expect(writer.ledger)
        try Self.expectVerified(disk)
        // Once is enough.
        #expect(try Compaction(disk.files).run(0, compression) == nil)
    }

    @Test func itPaysForManySmallBlocksOnly() throws {
        let disk = TestDisk()
        _ = try Self.fragmented(disk, events: 4)
        #expect(try Compaction(disk.files).run(0, .isal) == nil)
        #expect(try Self.blocks(disk) == 4)
        #expect(try Compaction(disk.files).run(0, .isal, forced: true) != nil)
        #expect(try Self.blocks(disk) == 1)
        try Self.expectVerified(disk)
    }

    @Test func aSegmentThatIsNotTheSealedOneIsLeftAlone() throws {
        let disk = TestDisk()
        _ = try Self.fragmented(disk)
        let other = TestDisk()
        var writer = try TestWriter(other, seed: 2)
        for number in 0..<40 { #expect(try writer.submit(["o\(number)"]) == .done) }
        #expect(writer.step(.rotate) == .done)
        disk.tamper(Self.data, try #require(other.snapshot()[Self.data]))
        let before = disk.snapshot()
        #expect(throws: StoreError.self) { try Compaction(disk.files).run(0, .isal) }
        #expect(disk.snapshot()[Self.data] == before[Self.data])
    }

    /// Queries and verifications that begin before a rewriting go on, and see the same.
    @Test func readersAreNotDisturbed() throws {
        let disk = TestDisk()
        _ = try Self.fragmented(disk)
        var seen: [String] = []
        var isDone = false
        try AuditLog(LogDirectory(disk.files)).forEach(Query(filter: try Filter("module=scanning"))) { _, line in
            seen.append(String(decoding: line, as: UTF8.self))
            if !isDone {
                isDone = true
                _ = try? Compaction(disk.files).run(0, .isal)
            }
            return .next
        }
        let lines = try LogCheck(disk).lines.sorted { $0.key < $1.key }.map(\.value)
        #expect(seen == lines.filter { $0.contains("scanning") })
        #expect(try Self.blocks(disk) == 1)
    }

    /// The power goes at each call, losing all, nothing, or a mixture of what was not synced; the next start finds a
    /// whole log and leaves nothing of the rewriting behind.
    @Test func aCrashAtAnyCallLosesNothing() throws {
        let whole = TestDisk()
        let writer = try Self.fragmented(whole)
        let count = whole.operationCount
        _ = try Compaction(whole.files).run(0, .isal)
        let end = whole.operationCount
        #expect(end - count > 10)
        let disk = TestDisk()
        _ = try Self.fragmented(disk)
        let start = disk.kernel.disk
        for operation in 0..<(end - count) {
            for seed in [0, 1, 2, 3] as [UInt64] {
                let running = TestDisk(start)
                running.fail(running.operationCount + operation, Fault(.powerLoss))
                #expect(throws: StoreError.self) { try Compaction(running.files).run(0, .isal) }
                #expect(running.isDown)
                let crashed = running.crash(seed: seed)
                try Self.expectVerified(crashed, "before the start, operation \(operation), seed \(seed)")
                _ = try TestWriter(crashed, ledger: writer.ledger)
                try LogCheck(crashed).expect(writer.ledger)
                try Self.expectVerified(crashed, "operation \(operation), seed \(seed)")
                let left = crashed.snapshot().keys.filter { $0.hasSuffix(".tmp") || $0.hasSuffix(".next") }
                #expect(left.isEmpty, "operation \(operation), seed \(seed): \(left)")
            }
        }
    }

    /// A failure leaves the log as it was, or written anew, and the next attempt succeeds.
    @Test(arguments: [EIO, ENOSPC]) func aFailureAtAnyCallLosesNothing(_ code: Int32) throws {
        let disk = TestDisk()
        let writer = try Self.fragmented(disk)
        let start = disk.kernel.disk
        for operation in 0..<20 {
            let running = TestDisk(start)
            running.fail(running.operationCount + operation, Fault(.error(code)))
            _ = try? Compaction(running.files).run(0, .isal)
            try Self.expectVerified(running, "operation \(operation)")
            // Without the fault, if the first attempt did not come to it.
            let later = TestDisk(running.kernel.disk)
            _ = try Compaction(later.files).run(0, .isal, forced: true)
            try LogCheck(later).expect(writer.ledger)
            try Self.expectVerified(later, "operation \(operation), second attempt")
            #expect(try Self.blocks(later) == 1)
        }
    }

    // MARK: The caretaker

    @Test func theCaretakerCompactsWhatIsSealed() throws {
        let disk = TestDisk()
        _ = try Self.fragmented(disk)
        let told = Guarded<[Result<Compaction.Outcome, StoreError>]>([])
        let custody = try Custody(
            disk.files, RefusingRecorder(), entropy: SeededEntropy(seed: 1), compression: .isal)
        let caretaker = try Caretaker(custody, from: 0) { result in told.update { $0.append(result) } }
        let first = told.wait(until: nil, while: { $0.isEmpty }) { $0[0] }
        #expect(try first.get().firstSequence == 0)
        caretaker.lookAgain()
        caretaker.close()
        #expect(told.withLock { $0.count } == 1)
        #expect(try Self.blocks(disk) == 1)
        try Self.expectVerified(disk)
    }
}
