import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Glibc
import Testing

/// Segments are removed, and a signed event says so before the first of them goes.
@Suite struct PruningTests {
    private static func numbers(_ disk: TestDisk) throws -> [UInt64] {
        try LogDirectory(disk.files).segments().filter(\.hasData).map(\.firstSequence)
    }

    /// The ranges that each event log.pruned names, oldest first.
    private static func traces(_ disk: TestDisk) throws -> [SequenceRanges] {
        var found: [SequenceRanges] = []
        try AuditLog(LogDirectory(disk.files)).forEachTrace(.pruned) { _, trace in
            if case .pruned(let sequences) = trace { found.insert(sequences, at: 0) }
            return .next
        }
        return found
    }

    @Test func segmentsGoAndSealsStay() throws {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        let before = log.disk.snapshot()
        let used = log.disk.kernel.disk.usedBytes
        let (removed, bytes) = try log.prune([0, 1])
        #expect(removed == [0, 1])
        let after = log.disk.snapshot()
        for first in [0, 5] as [UInt64] {
            #expect(after[FileNames.segment(first, .data)] == nil && after[FileNames.segment(first, .index)] == nil)
            #expect(after[FileNames.segment(first, .seal)] == before[FileNames.segment(first, .seal)])
        }
        for (path, contents) in before where path.contains("00009.") { #expect(after[path] == contents) }
        // The space that it names is free.
        let own = [0, 5].flatMap { [FileNames.segment($0, .data), FileNames.segment($0, .index)] }
        #expect(bytes == own.reduce(UInt64(0)) { $0 + UInt64(before[$1]?.count ?? 0) })
        #expect(log.disk.kernel.disk.usedBytes < used - Int(bytes) + 1000)
        let verification = try log.disk.verification()
        #expect(verification.verdict == .verified, "\(verification.findings)")
        #expect(verification.notes.filter { $0.kind == .pruned }.map(\.segment) == [0])
        #expect(verification.notes.contains { $0.message.contains("events 0 to 8, 2 segments") })
        #expect(try log.disk.lines().keys.min() == 9)
        try log.submit(["more"])
        _ = try log.restarted()
        log.disk.expectVerified()
    }

    @Test func theTraceSaysWhatAndByWhichRule() throws {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        var candidates = try log.candidates("default")
        candidates[1].rule = "module reporting"
        let (removed, bytes) = try log.custody.prune(Array(candidates.prefix(2)), by: 1003)
        #expect(removed == Array(candidates.prefix(2)))
        let lines = try log.disk.lines("action=log.pruned")
        let line = try #require(lines.values.first)
        #expect(lines.count == 1 && line.contains("\"_uid\":0,"))
        #expect(
            line.contains(
                "\"details\":{\"by\":1003,\"bytes\":\(bytes),\"events\":9,\"first_seq\":0,\"last_seq\":8,"
                    + "\"rules\":[\"default\",\"module reporting\"],\"segments\":2,\"sequences\":[[0,8]]}"), "\(line)")
    }

    /// Before the first name goes, the event is durable, and so is a head over it.
    @Test func theTraceIsDurableBeforeAnythingGoes() throws {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        let start = log.disk.operationCount
        try log.prune([0, 1])
        let operations = Array(log.disk.operations.dropFirst(start))
        let unlinks = operations.indices.filter { operations[$0].hasPrefix("unlink \(FileNames.segments)") }
        let gone = [0, 5].flatMap { [FileNames.segment($0, .data), FileNames.segment($0, .index)] }
        #expect(Set(unlinks.map { operations[$0] }) == Set(gone.map { "unlink \($0)" }))
        let active = FileNames.segment(12, .data)
        let write = try #require(operations.firstIndex(of: "write \(active)"))
        let sync = try #require(operations.firstIndex(of: "fdatasync \(active)"))
        let head = try #require(operations.firstIndex(of: "rename \(FileNames.head)"))
        let headSync = try #require(operations[head...].firstIndex { $0.hasPrefix("fsync") })
        let first = try #require(unlinks.first)
        #expect(write < sync && sync < head && head < headSync && headSync < first)
        // At the end the names are durable.
        #expect(operations.last == "fsync \(FileNames.segments)")
    }

    /// Each trace repeats those before it, so that these may go.
    @Test func tracesAreCumulative() throws {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        try log.prune([0])
        log.rotate()
        try log.prune([2])
        log.rotate()
        let expected = [[0..<5], [0..<5, 9..<12]].map { SequenceRanges($0) }
        #expect(try Self.traces(log.disk) == expected)
        log.disk.expectVerified()
        // With the segment of the first trace, too; and then with that of the newest.
        try log.prune([3])
        #expect(try Self.traces(log.disk).count == 2)
        log.disk.expectVerified("the first trace is gone")
        log.rotate()
        let newest = try #require(try Self.traces(log.disk).last)
        try log.prune()
        let all = try Self.traces(log.disk)
        #expect(all.count == 1)
        #expect(try #require(all.first).contains(0..<12) && newest.ranges.allSatisfy { all[0].contains($0) })
        #expect(try Self.numbers(log.disk).count == 1)
        log.disk.expectVerified("all but the active segment are gone")
        _ = try log.restarted()
        log.disk.expectVerified()
    }

    /// The trace of what was erased in a segment that stays must stay, too: without it the log would not verify.
    @Test func aSegmentThatAccountsForErasedEventsStays() throws {
        let log = try CustodyLog()
        try log.fill([5, 4])
        try log.hold("dispute", "action=e1")
        try log.redact("", [3..<4])
        log.rotate()
        let (removed, _) = try log.prune()
        log.disk.expectVerified()
        // The segment with the event that is held, and that with the trace.
        #expect(removed == [1])
        #expect(try Self.numbers(log.disk).prefix(2) == [0, 9])
        // Once the one goes, the other can, at the same time.
        try log.custody.release("dispute", Hold.Release(by: 1, reason: "over"))
        #expect(try log.prune([0, 2]).removed == [0, 2])
        log.disk.expectVerified()
    }

    /// As long as something holds one of several segments that a trace is about.
    @Test func aTraceOfSeveralSegmentsStaysUntilTheLastIsGone() throws {
        let log = try CustodyLog()
        try log.fill([5, 4])
        try log.redact("", [3..<7])
        log.rotate()
        #expect(try log.prune([0, 2]).removed == [0])
        log.disk.expectVerified("the trace alone was asked for")
        #expect(try log.prune([2]).removed == [])
        #expect(try log.prune([1, 2]).removed == [1, 2])
        log.disk.expectVerified()
    }

    @Test func nothingIsNoPruning() throws {
        let log = try CustodyLog()
        try log.fill([5])
        let before = log.disk.snapshot()
        #expect(try log.custody.prune([], by: 1).removed.isEmpty)
        #expect(log.disk.snapshot() == before)
        let candidates = try log.candidates()
        try log.prune()
        let after = log.disk.snapshot()
        // What is gone already is not accounted for twice.
        #expect(try log.custody.prune(candidates, by: 1).removed.isEmpty)
        #expect(log.disk.snapshot() == after)
    }

    @Test func whatLiesBesideASegmentGoesWithIt() throws {
        let log = try CustodyLog()
        try log.fill([5, 4])
        let path = FileNames.segment(0, .data)
        let beside = ["\(path).torn-17", "\(path).displaced-4", "\(path).tmp", FileNames.segment(0, .nextIndex)]
        let other = "\(FileNames.segment(5, .data)).torn-18"
        for name in beside + [other] { log.disk.tamper(name, [1, 2, 3]) }
        try log.prune([0])
        let left = log.disk.snapshot().keys.filter { $0.contains("000.") || $0.contains("torn") }.sorted()
        #expect(left == [FileNames.segment(0, .seal), other])
        // The secrets of the one are nowhere, those of the other are there.
        let all = try log.disk.everything()
        #expect(!TestDisk.contains(all, CustodyLog.secret("e1").utf8))
        #expect(TestDisk.contains(all, CustodyLog.secret("e6").utf8))
    }

    // MARK: Holds

    @Test func whatIsHeldStays() throws {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        try log.hold("dispute", "action=e6")
        #expect(try log.prune().removed == [0, 2])
        #expect(try Self.numbers(log.disk).prefix(1) == [5])
        log.disk.expectVerified()
        try log.custody.release("dispute", Hold.Release(by: 1, reason: "over"))
        #expect(try log.prune([1]).removed == [1])
        log.disk.expectVerified()
    }

    /// One that comes while many segments go waits for those that one event names, and no longer.
    @Test func aHoldBetweenTwoSteps() throws {
        let log = try CustodyLog()
        let count = 2 * Pruner.segmentsPerEvent + 5
        try log.fill([Int](repeating: 1, count: count))
        var pauses = 0
        let held = UInt64(Pruner.segmentsPerEvent + 3)
        let now = Time(nanoseconds: log.clock.wall())
        let (removed, _) = try log.prune { custody in
            pauses += 1
            guard pauses == 1 else { return }
            do {
                try custody.add(
                    Hold(
                        name: "late", filter: Filter("action=e\(held)"), since: nil, until: nil,
                        reason: "just now", by: 1, at: now))
            } catch {
                Issue.record("\(error)")
            }
        }
        #expect(pauses == 3)
        #expect(removed == (0..<UInt64(count)).filter { $0 != held })
        #expect(try Self.traces(log.disk).count == 3)
        #expect(try log.disk.lines("action=e\(held)").count == 1)
        log.disk.expectVerified()
    }

    // MARK: Tampering

    @Test func aMissingSegmentWithoutATraceIsTampering() throws {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        try log.prune([0])
        log.disk.lose(FileNames.segment(5, .data))
        let found = try log.disk.verification()
        #expect(found.verdict == .tampered && found.firstBadSequence == 5)
        #expect(found.notes.contains { $0.kind == .pruned && $0.message.contains("events 0 to 4") })
    }

    @Test func aTraceThatIsGoneIsTampering() throws {
        let log = try CustodyLog()
        try log.fill([5, 4])
        try log.prune([0])
        log.rotate()
        let trace = try #require(try log.disk.lines("action=log.pruned").keys.first)
        log.disk.lose(FileNames.segment(9, .data))
        #expect(trace > 9)
        let found = try log.disk.verification()
        #expect(found.verdict == .tampered && found.firstBadSequence == 0)
    }

    /// What a client sends looks the same and counts for nothing.
    @Test func aClientCannotWriteATrace() throws {
        let log = try CustodyLog()
        try log.fill([5])
        let line = String(
            decoding: OwnEvent.line(
                action: "log.pruned", details: ["sequences": .ranges(SequenceRanges([0..<5]))]), as: UTF8.self)
        log.worker.step(.submit([try Fixture.submission([line], uid: 0)]))
        log.rotate()
        #expect(try log.disk.lines("action=log.pruned").count == 1)
        log.disk.lose(FileNames.segment(0, .data))
        #expect(try log.disk.verification().verdict == .tampered)
    }

    /// Events behind the head are not signed: whoever can write the file could have added them.
    @Test func aTraceInTheUnsignedTailDoesNotCount() throws {
        let log = try CustodyLog()
        try log.fill([5, 4])
        log.worker.step(.tick)
        let head = try #require(log.disk.snapshot()[FileNames.head])
        try log.prune([0])
        log.disk.expectVerified()
        log.disk.tamper(FileNames.head, head)
        let found = try log.disk.verification()
        #expect(found.verdict == .tampered && found.firstBadSequence == 0, "\(found.findings)")
    }

    /// A trace names what was before it, and nothing that comes later.
    @Test func aTraceDoesNotReachBeyondItself() throws {
        let log = try CustodyLog()
        try log.fill([5])
        _ = try log.recorder.record([
            OwnEvent.line(action: "log.pruned", details: ["sequences": .ranges(SequenceRanges([0..<1000]))])
        ])
        log.rotate()
        try log.submit(["later"])
        log.rotate()
        log.disk.lose(FileNames.segment(0, .data))
        log.disk.expectVerified("before it")
        log.disk.lose(FileNames.segment(try #require(try Self.numbers(log.disk).dropFirst().first), .data))
        #expect(try log.disk.verification().verdict == .tampered)
    }

    // MARK: Faults

    private static func prepared() throws -> CustodyLog {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        try log.redact("", [1..<2])
        log.rotate()
        try log.submit(["last"])
        return log
    }

    private static func changes() throws -> [String] {
        let log = try prepared()
        let start = log.disk.operationCount
        #expect(try log.prune().removed.count == 4)
        return Array(log.disk.operations.dropFirst(start))
    }

    @Test func aCrashAtAnyCallLeavesALogThatVerifies() throws {
        let changes = try Self.changes()
        let disk = try Self.prepared().disk.kernel.disk
        var left: Set<Int> = []
        for operation in changes.indices {
            for seed in [0, 1, 2, 3, 4, 5] as [UInt64] {
                let place = "operation \(operation) (\(changes[operation])), seed \(seed)"
                let log = try CustodyLog(TestDisk(disk))
                log.disk.fail(log.disk.operationCount + operation, Fault(.powerLoss))
                #expect(throws: StoreError.self, "\(place)") { try log.prune() }
                let crashed = log.disk.crash(seed: seed)
                crashed.expectVerified("\(place), before the start")
                let after = try CustodyLog(crashed)
                crashed.expectVerified("\(place), after the start")
                try left.insert(after.candidates().count)
                try after.prune()
                let names = Set(crashed.snapshot().keys.filter { $0.hasPrefix(FileNames.segments) })
                let active = try #require(try LogDirectory(crashed.files).segments().last)
                // Of the others the seals alone.
                let left = names.filter { !$0.hasSuffix(".seal") && !$0.hasPrefix(active.path(.data)) }
                #expect(left == [], "\(place)")
                crashed.expectVerified("\(place), pruned again")
            }
        }
        #expect(left.isSuperset(of: [4, 0]) && left.count > 2)
    }

    @Test(arguments: [Fault(.error(EIO)), Fault(.error(EIO), progress: .whole), Fault(.error(ENOSPC))])
    func aFailureAtAnyCallIsMadeGood(_ fault: Fault) throws {
        let changes = try Self.changes()
        let disk = try Self.prepared().disk.kernel.disk
        for operation in changes.indices
        where !(fault.kind == .error(ENOSPC) && changes[operation].hasPrefix("unlink")) {
            let place = "\(fault) at \(operation) (\(changes[operation]))"
            var log = try CustodyLog(TestDisk(disk))
            log.disk.fail(log.disk.operationCount + operation, fault)
            _ = try? log.prune()
            log.disk.expectVerified(place)
            for _ in 0..<3 where log.worker.isSuspended {
                log.clock.advance(by: log.worker.core.configuration.retryInterval)
                log.worker.retry()
            }
            if log.worker.isHalted { log = try log.restarted() }
            try log.prune()
            let left = log.disk.names(".gz") + log.disk.names(".index")
            #expect(left.count == 1, "\(place): \(left)")
            log.disk.expectVerified("\(place), once more")
        }
    }
}
