import CairnFormat
import CairnPlatform
import CairnStore
import Glibc
import Testing

/// The power goes, or an operation fails, at each operation of a log's life in turn.
struct LogCrashTests {
    /// A log that was just made, so that the operations of a creation are not gone through each time.
    private static func freshLog(_ clock: FakeTimeSource) throws -> MemoryFileSystem {
        let files = MemoryFileSystem()
        _ = try TestWriter(files, clock: clock)
        return files.settled()
    }

    private static func operationsOfWorkload() throws -> [String] {
        let clock = FakeTimeSource()
        let files = try freshLog(clock)
        var writer = try TestWriter(files, clock: clock)
        #expect(try Workload.run(Workload.steps, &writer) == .done)
        return files.operations
    }

    @Test func theWorkloadIsWhatTheCheckerCallsGood() throws {
        let clock = FakeTimeSource()
        let files = try Self.freshLog(clock)
        var writer = try TestWriter(files, clock: clock)
        #expect(try Workload.run(Workload.steps, &writer) == .done)
        #expect(writer.ledger.order == ["a1", "a2", "a3", "a4", "a5", "a6", "b1", "b2", "b3", "c1"])
        let check = try LogCheck(files)
        try check.expect(writer.ledger)
        #expect(check.seals.map(\.count) == [6, 3])
        #expect(check.nextSequence == 10)
    }

    /// Opens what is left, checks it, opens it once more, goes on, and checks again.
    static func recover(
        _ image: MemoryFileSystem, _ clock: FakeTimeSource, _ ledger: Ledger, _ place: String
    ) {
        do {
            var writer = try TestWriter(image, clock: clock, ledger: ledger)
            try LogCheck(image, checkpointMayLag: true).expect(ledger)
            let before = image.snapshot()
            let again = try TestWriter(image, clock: clock, ledger: ledger)
            #expect(again.events.isEmpty, "a second start finds nothing to repair \(place)")
            #expect(image.snapshot() == before, "a second start changes nothing \(place)")
            writer = try TestWriter(image, clock: clock, ledger: ledger)
            let more: [Workload.Step] = [.submit(["x1", "x2"]), .rotate, .submit(["x3"]), .tick, .shutdown]
            #expect(try Workload.run(more, &writer) == .done)
            let check = try LogCheck(image)
            try check.expect(writer.ledger)
            #expect(check.lost.isEmpty)
            #expect(Set(["x1", "x2", "x3"]).isSubset(of: writer.ledger.order))
        } catch {
            Issue.record("\(place): \(error)")
        }
    }

    @Test(arguments: MemoryFileSystem.Fault.Progress.allCases)
    func aCrashAtAnyOperationLosesNothingThatWasAcknowledged(progress: MemoryFileSystem.Fault.Progress) throws {
        let operations = try Self.operationsOfWorkload()
        for (index, operation) in operations.enumerated() {
            if progress == .half, !operation.hasPrefix("write") { continue }
            let clock = FakeTimeSource()
            let files = try Self.freshLog(clock)
            files.fail(index, MemoryFileSystem.Fault(kind: .powerLoss, progress: progress))
            var ledger = Ledger()
            if var writer = try? TestWriter(files, clock: clock) {
                #expect(try Workload.run(Workload.steps, &writer) == .down)
                ledger = writer.ledger
            }
            #expect(files.isDown)
            for seed in [0, 1, UInt64(index) * 2 + 2, UInt64(index) * 2 + 3] {
                Self.recover(files.crash(seed: seed), clock, ledger, "operation \(index) (\(operation)), seed \(seed)")
            }
        }
    }
}
