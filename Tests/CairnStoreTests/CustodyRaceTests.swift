import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Testing

/// Readers go on while events are erased and segments are removed under them.
@Suite struct CustodyRaceTests {
    /// What is done between two operations of a reader.
    enum Burst: CaseIterable, Sendable {
        case prune
        /// One after the other, each with an event of its own.
        case pruneOneByOne
        /// That of the oldest two and of the newest, with the trace of what was erased in the oldest.
        case pruneTraces
        case redact
        case redactActive
        case redactAndPrune
        case redactCompactPrune
    }

    private static func prepared() throws -> CustodyLog {
        let log = try CustodyLog()
        try log.fill([3, 2])
        try log.redact("", [1..<2])
        log.rotate()
        try log.submit(["last"])
        return log
    }

    private static func perform(_ burst: Burst, _ log: CustodyLog) throws {
        switch burst {
        case .prune: try log.prune([0, 1])
        case .pruneOneByOne: for number in [0, 1] as [UInt64] { try log.prune([number]) }
        case .pruneTraces: try log.prune()
        case .redact: try log.redact("", [2..<4])
        case .redactActive: try log.redact("action=last")
        case .redactAndPrune:
            try log.redact("", [2..<4])
            try log.prune([0])
        case .redactCompactPrune:
            try log.redact("", [2..<4])
            _ = try Compaction(log.disk.files).run(3, .isal, forced: true)
            log.rotate()
            try log.prune()
        }
    }

    /// Runs `read` again and again, with the burst before each of its operations in turn.
    private static func everyOperation(
        _ burst: Burst, _ read: (InterruptedFileSystem, CustodyLog, String) throws -> Void
    ) throws -> Int {
        let disk = try prepared().disk.kernel.disk
        var operation = 0
        while true {
            nonisolated(unsafe) let log = try CustodyLog(TestDisk(disk))
            let files = InterruptedFileSystem(log.disk.files, before: operation) {
                do {
                    try perform(burst, log)
                } catch {
                    Issue.record("\(burst): \(error)")
                }
            }
            try read(files, log, "\(burst) before operation \(operation)")
            if files.count <= operation { return operation }
            operation += 1
        }
    }

    @Test(arguments: Burst.allCases) func aVerifierSeesNothingWrong(_ burst: Burst) throws {
        let operations = try Self.everyOperation(burst) { files, log, place in
            let found = try Verifier(LogDirectory(files), options: VerifyOptions(threads: 1)).run()
            #expect(found.verdict == .verified, "\(place): \(found.findings)")
        }
        #expect(operations > 40)
    }

    /// A query that is under way finds every event that stays, once; of those that go it may find some.
    @Test(arguments: Burst.allCases) func aQueryFindsWhatStays(_ burst: Burst) throws {
        for (filter, order) in [("", Query.Order.oldestFirst), ("module=scanning", .newestFirst)] {
            let operations = try Self.everyOperation(burst) { files, log, place in
                let query = Query(filter: try Filter(filter), order: order)
                let before = try log.disk.matches(query)
                var seen: [UInt64: String] = [:]
                try AuditLog(LogDirectory(files)).forEach(query) { sequence, line in
                    #expect(seen[sequence] == nil, "\(place): \(sequence) twice")
                    seen[sequence] = String(decoding: line, as: UTF8.self)
                    return .next
                }
                let after = try log.disk.matches(query)
                for (sequence, line) in after where before[sequence] == line {
                    #expect(seen[sequence] == line, "\(place), \(filter), \(order): \(line)")
                }
                // What comes and goes meanwhile may be seen or not.
                for (sequence, line) in seen where before[sequence] != nil || after[sequence] != nil {
                    let isKnown = [before[sequence], after[sequence]].contains(line)
                    #expect(isKnown, "\(place), \(filter): \(line)")
                }
            }
            #expect(operations > 10)
        }
    }

    // MARK: - Threads

    /// What the threads of the test share.
    private struct Progress {
        var isRunning = false
        var isAsked = false
        var isDone = false
        /// What stood when its hold was confirmed: the line, by its number.
        var held: [UInt64: String] = [:]
        /// Events that were gone by then.
        var tooLate = 0
        var errors: [String] = []
    }

    private static func line(_ files: any FileSystem, _ filter: String) throws -> (sequence: UInt64, text: String)? {
        var found: (UInt64, String)?
        try AuditLog(LogDirectory(files)).forEach(Query(filter: try Filter(filter))) { sequence, line in
            found = (sequence, String(decoding: line, as: UTF8.self))
            return .stop
        }
        return found
    }

    /// Eight segments to be written anew, then 140 to be removed, three steps of the pruner.
    private static func longLog() throws -> CustodyLog {
        let log = try CustodyLog()
        for number in 0..<148 {
            try log.submit(["e\(number)"])
            if number < 8 { try log.submit(["law\(number)"], module: "law") }
            log.rotate()
        }
        try log.submit(["last"], module: "law")
        log.worker.end()
        return log
    }

    private static var policy: RetentionPolicy {
        var policy = RetentionPolicy()
        (policy.default.deleteAfter, policy.redactsExpired) = (0, true)
        var law = RetentionPolicy.Rule(name: "law")
        law.modules = ["law"]
        policy.rules = [law]
        return policy
    }

    /// While retention runs on the caretaker's thread, others ask for holds and send events. Whatever was there when a
    /// hold was confirmed stays, byte for byte.
    @Test func holdsComeWhileRetentionRuns() throws {
        var random = SeededRandom(printedBy: #function)
        let log = try Self.longLog()
        let (disk, clock) = (TestDisk(log.disk.kernel.disk), log.clock)
        let files = disk.files
        let now = Moment(wall: Time(nanoseconds: clock.wall() + 1), monotonic: clock.monotonic())
        let opening = LogOpening(
            files, configuration: Fixture.configuration, entropy: SeededEntropy(seed: 9), now: now)
        let writer = try StoreWriter(
            opening.open(creating: Fixture.name), events: [], time: clock, observer: AnswerObserver())
        let custody = try Custody(
            files, WriterRecorder(writer), entropy: SystemEntropySource(), compression: .isal)
        let progress = Guarded(Progress())
        let caretaker = try Caretaker(custody, from: .max) { _ in }
        let isTaken = caretaker.perform { custody in
            do {
                _ = try custody.apply(Self.policy, now: now.wall, by: 1) { custody in
                    progress.update { $0.isRunning = true }
                    // The first hold comes behind the first step for certain; the others come when they come.
                    progress.wait(while: { !$0.isAsked }, then: { _ in })
                    caretaker.attend(&custody)
                }
            } catch {
                progress.update { $0.errors.append("\(error)") }
            }
            progress.update { $0.isDone = true }
        }
        #expect(isTaken)
        // The last of all is there for certain when the first hold comes.
        let targets = [[147]] + (0..<2).map { _ in (0..<40).map { _ in random.below(148) } }
        let threads = try targets.enumerated().map { number, targets in
            try DedicatedThread(name: "holds \(number)") {
                Self.hold(targets, "thread\(number)", caretaker, files, progress)
            }
        }
        for number in 0..<200 {
            if let submission = try? Fixture.submission([Fixture.line("late\(number)")]) { writer.submit(submission) }
        }
        for thread in threads { thread.join() }
        caretaker.close()
        writer.close()
        try Self.expectKept(progress.withLock { $0 }, CustodyLog(TestDisk(disk.kernel.disk), clock: clock))
    }

    /// Asks for one hold after the other, and takes down what stands when it is confirmed.
    private static func hold(
        _ targets: [Int], _ name: String, _ caretaker: Caretaker, _ files: any FileSystem, _ progress: Guarded<Progress>
    ) {
        progress.wait(while: { !$0.isRunning }, then: { _ in })
        for (number, target) in targets.enumerated() {
            let answer = Guarded(false)
            let isTaken = caretaker.perform(isUrgent: true) { custody in
                do {
                    let filter = "action=e\(target)"
                    let hold = Hold(
                        name: "\(name)-\(number)", filter: try Filter(filter), since: nil, until: nil, reason: "x",
                        by: 2, at: Time(nanoseconds: Int64(number)))
                    try custody.add(hold)
                    let found = try line(files, filter)
                    progress.update { progress in
                        if let found { progress.held[found.sequence] = found.text } else { progress.tooLate += 1 }
                    }
                } catch {
                    progress.update { $0.errors.append("\(name), \(target): \(error)") }
                }
                answer.update { $0 = true }
            }
            progress.update { $0.isAsked = true }
            if isTaken { answer.wait(while: { !$0 }, then: { _ in }) }
        }
    }

    private static func expectKept(_ progress: Progress, _ log: CustodyLog) throws {
        #expect(progress.errors == [] && progress.isDone)
        let lines = try log.disk.lines()
        for (sequence, line) in progress.held { #expect(lines[sequence] == line) }
        let last = try #require(progress.held.values.first { $0.contains("\"action\":\"e147\"") })
        #expect(last.contains(CustodyLog.secret("e147")))
        // What nobody held is gone, but for what an index took for a match.
        let kept = try log.candidates().filter { candidate in
            !lines.keys.contains { sequence in
                (candidate.seal.firstSequence..<candidate.seal.endSequence).contains(sequence)
                    && (lines[sequence] ?? "").contains("law")
            }
        }
        let held = kept.filter { candidate in progress.held.keys.contains { $0 == candidate.seal.firstSequence } }
        #expect(kept.count <= held.count + 8, "\(kept.count) segments stay, and \(held.count) are held")
        for name in (0..<8).map({ "law\($0)" }) + (0..<200).map({ "late\($0)" }) {
            #expect(lines.values.contains { $0.contains("\"action\":\"\(name)\"") }, "\(name)")
        }
        log.disk.expectVerified()
    }
}
