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

    /// What was recovered already: many crashes leave the same files.
    private struct Image: Hashable {
        var files: [String: [UInt8]]
        var acknowledged: Int
    }

    /// Opens what is left, checks it, opens it once more, goes on, and checks again.
    private static func recover(
        _ image: MemoryFileSystem, _ clock: FakeTimeSource, _ ledger: Ledger, _ place: String,
        _ seen: inout Set<Image>
    ) {
        guard seen.insert(Image(files: image.snapshot(), acknowledged: ledger.order.count)).inserted else { return }
        do {
            var writer = try TestWriter(image, clock: clock, ledger: ledger)
            try LogCheck(image, checkpointMayLag: true).expect(ledger)
            let before = image.snapshot()
            let again = try TestWriter(image, clock: clock, ledger: ledger)
            #expect(again.events.isEmpty, "a second start finds nothing to repair \(place)")
            #expect(image.snapshot() == before, "a second start changes nothing \(place)")
            writer = again
            let more: [Workload.Step] = [.submit(["x1", "x2"]), .rotate, .submit(["x3"])]
            #expect(try Workload.run(more, &writer) == .done)
            let check = try LogCheck(image)
            try check.expect(writer.ledger)
            #expect(check.lost.isEmpty)
            #expect(Set(["x1", "x2", "x3"]).isSubset(of: writer.ledger.order))
        } catch {
            Issue.record("\(place): \(error)")
        }
    }

    /// What happened before an operation is all that counts: so each is cut off before it begins, and an append half-way.
    @Test(arguments: [MemoryFileSystem.Fault.Progress.none, .half])
    func aCrashAtAnyOperationLosesNothingThatWasAcknowledged(progress: MemoryFileSystem.Fault.Progress) throws {
        let operations = try Self.operationsOfWorkload()
        let base = try Self.freshLog(FakeTimeSource())
        var seen: Set<Image> = []
        for (index, operation) in operations.enumerated() where Self.isWorthACrash(operation, progress) {
            let clock = Self.clock()
            let files = base.settled()
            files.fail(index, MemoryFileSystem.Fault(kind: .powerLoss, progress: progress))
            var ledger = Ledger()
            if var writer = try? TestWriter(files, clock: clock) {
                #expect(try Workload.run(Workload.steps, &writer) == .down)
                ledger = writer.ledger
            }
            #expect(files.isDown)
            for seed in [0, 1, UInt64(index) + 2] {
                let place = "operation \(index) (\(operation)), seed \(seed)"
                Self.recover(files.crash(seed: seed), clock, ledger, place, &seen)
            }
        }
        #expect(seen.count > 20)
    }

    /// Some time after the log was made.
    private static func clock() -> FakeTimeSource { FakeTimeSource(wall: Fixture.wall + Time.perSecond) }

    /// The file of before is mostly not there to be removed, so nothing changes between that and what follows.
    private static func isWorthACrash(_ operation: String, _ progress: MemoryFileSystem.Fault.Progress) -> Bool {
        progress == .half ? operation.hasPrefix("write") : !operation.hasPrefix("unlink")
    }

    /// A crash in a rotation, and, after the next start, one more at any operation of that start and a rotation.
    @Test func twoCrashesInARowLoseNothing() throws {
        var random = SeededRandom(printedBy: #function)
        let steps: [Workload.Step] = [.submit(["a1", "a2"]), .rotate]
        let clock = FakeTimeSource()
        let base = try Self.freshLog(clock)
        let whole = base.settled()
        var writer = try TestWriter(whole, clock: clock)
        let opened = whole.operationCount
        #expect(try Workload.run(steps, &writer) == .done)
        let operations = whole.operations
        var seen: Set<Image> = []
        for first in opened..<operations.count where Self.isWorthACrash(operations[first], .none) {
            let files = base.settled()
            files.fail(first, MemoryFileSystem.Fault(kind: .powerLoss))
            var writer = try TestWriter(files, clock: clock)
            #expect(try Workload.run(steps, &writer) == .down)
            let ledger = writer.ledger
            for _ in 0..<2 {
                let (seed, second) = (random.next() % 5, random.below(60))
                let image = files.crash(seed: seed)
                image.fail(second, MemoryFileSystem.Fault(kind: .powerLoss))
                var after = ledger
                if var writer = try? TestWriter(image, clock: clock, ledger: ledger) {
                    _ = try Workload.run([.submit(["b1"]), .rotate, .submit(["b2"])], &writer)
                    after = writer.ledger
                }
                let last = image.crash(seed: random.next() % 5)
                Self.recover(last, clock, after, "operations \(first) (\(operations[first])) and \(second)", &seen)
            }
        }
    }

    /// The crash behind each of two seals, when the checkpoint is not written yet.
    @Test func aSecondCrashBehindASealDoesNotLeaveTheCheckpointTwoSealsBehind() throws {
        let clock = FakeTimeSource()
        var files = try Self.freshLog(clock)
        var ledger = Ledger()
        for tag in ["a1", "b1", "c1"] {
            var writer = try TestWriter(files, clock: clock, ledger: ledger)
            let actions = try Self.actionsOfRotation(&writer, tag)
            let index = try #require(
                actions.firstIndex {
                    if case .replace(FileNames.checkpoint, _, _) = $0 { true } else { false }
                })
            for action in actions[..<index] { try writer.performer.perform(action) }
            ledger = writer.ledger
            files = files.settled()
        }
        var seen: Set<Image> = []
        Self.recover(files, clock, ledger, "three times", &seen)
    }

    /// Commits an event and gives the actions of a rotation without doing them.
    private static func actionsOfRotation(_ writer: inout TestWriter, _ tag: String) throws -> [Action] {
        #expect(try writer.submit([tag]) == .done)
        return writer.core.step(.rotate, now: writer.now)
    }

    @Test(arguments: MemoryFileSystem.Fault.Progress.allCases)
    func aFullDiskIsWaitedFor(progress: MemoryFileSystem.Fault.Progress) throws {
        let base = try Self.freshLog(FakeTimeSource())
        var seen: Set<Image> = []
        let operations = try Self.operationsOfWorkload()
        for (index, operation) in operations.enumerated() where !operation.hasPrefix("unlink") {
            let (files, clock) = (base.settled(), Self.clock())
            files.fail(index, MemoryFileSystem.Fault(kind: .error(ENOSPC), progress: progress))
            guard var writer = try? TestWriter(files, clock: clock) else {
                // A start that fails changes nothing for the next.
                Self.recover(files, clock, Ledger(), "opening, operation \(index) (\(operation))", &seen)
                continue
            }
            let outcome = try Workload.run(Workload.steps, &writer)
            // Nothing else may be done with an active segment whose sync failed, for whatever reason.
            let halts = operation.hasPrefix("fdatasync") && operation.contains("ndjson.gz") && outcome == .halted
            #expect(outcome == .done || halts, "operation \(index) (\(operation))")
            if outcome == .done {
                #expect(writer.ledger.order.count == 10)
                do {
                    try LogCheck(files).expect(writer.ledger)
                } catch {
                    Issue.record("operation \(index) (\(operation)), still running: \(error)")
                }
            }
            // What a crash leaves of a writer that goes on is the matter of the other tests.
            if outcome == .done && index % 4 > 0 { continue }
            let left = files.crash(seed: UInt64(index))
            Self.recover(left, clock, writer.ledger, "operation \(index) (\(operation))", &seen)
        }
    }

    @Test(arguments: [false, true])
    func anIOErrorHaltsAndAStartFindsEverything(dropsUnsynced: Bool) throws {
        let base = try Self.freshLog(FakeTimeSource())
        var seen: Set<Image> = []
        let operations = try Self.operationsOfWorkload()
        for (index, operation) in operations.enumerated() {
            if operation.hasPrefix("unlink") || dropsUnsynced && !operation.hasPrefix("fdatasync") { continue }
            let (files, clock) = (base.settled(), Self.clock())
            files.fail(index, MemoryFileSystem.Fault(kind: .error(EIO), dropsUnsynced: dropsUnsynced))
            var ledger = Ledger()
            if var writer = try? TestWriter(files, clock: clock) {
                #expect(try Workload.run(Workload.steps, &writer) == .halted, "operation \(index) (\(operation))")
                ledger = writer.ledger
                let count = ledger.order.count
                #expect(writer.step(.tick) == .done)
                #expect(try writer.submit(["late"]) == .done)
                #expect(writer.step(.rotate) == .done)
                #expect(writer.ledger.order.count == count, "acknowledged after a halt")
            }
            // The process starts again while the machine goes on, or the machine starts again too.
            let place = "operation \(index) (\(operation))"
            Self.recover(files.settled(), clock, ledger, place + ", process", &seen)
            Self.recover(files.crash(seed: UInt64(index)), clock, ledger, place + ", machine", &seen)
        }
    }
}
