import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Glibc
import Testing

/// Whatever goes wrong while events are erased, the log verifies, and what was promised is done in the end.
@Suite struct RedactionFaultTests {
    private static let erased: Set<UInt64> = [2, 3, 8]
    private static let order: [Range<UInt64>] = [2..<4, 8..<9]

    /// A log with two sealed segments and an active one with an event that is to be erased, too.
    private static func prepared() throws -> CustodyLog {
        let log = try CustodyLog()
        try log.fill([5, 2])
        try log.submit(["e8", "e9"])
        return log
    }

    /// How much of it is done: all or nothing, if it was finished.
    private static func erased(_ disk: TestDisk) throws -> Set<UInt64> {
        Set(try disk.lines().filter { Array($0.value.utf8).withUnsafeBytes { RedactedLine.isOne($0) } }.keys)
    }

    private static func expectGone(_ disk: TestDisk, _ comment: String) throws {
        let all = try disk.everything()
        for sequence in Self.erased {
            let isThere = TestDisk.contains(all, CustodyLog.secret("e\(sequence)").utf8)
            if isThere { Issue.record("\(comment): the content of event \(sequence) is still there") }
        }
        #expect(try erased(disk) == Self.erased, "\(comment)")
        #expect(disk.snapshot()[RedactionRequest.path] == nil, "\(comment)")
        #expect(disk.names(".tmp") + disk.names(".next") == [], "\(comment)")
    }

    /// The changes that a whole redaction makes.
    private static func changes() throws -> [String] {
        let log = try prepared()
        let start = log.disk.operationCount
        try log.redact("", order)
        try expectGone(log.disk, "without a fault")
        return Array(log.disk.operations.dropFirst(start))
    }

    /// The power goes at each call; the next start finishes what was decided, and a verifier that looks before sees
    /// nothing wrong.
    @Test func aCrashAtAnyCallIsFinishedByTheNextStart() throws {
        let changes = try Self.changes()
        let disk = try Self.prepared().disk.kernel.disk
        var outcomes: Set<Bool> = []
        for operation in changes.indices {
            for seed in [0, 1, 2, 3] as [UInt64] {
                let place = "operation \(operation) (\(changes[operation])), seed \(seed)"
                let log = try CustodyLog(TestDisk(disk))
                log.disk.fail(log.disk.operationCount + operation, Fault(.powerLoss))
                #expect(throws: StoreError.self, "\(place)") { try log.redact("", Self.order) }
                let crashed = log.disk.crash(seed: seed)
                crashed.expectVerified("\(place), before the start")
                let isDecided = crashed.snapshot()[RedactionRequest.path] != nil
                let after = try CustodyLog(crashed, finishes: false)
                crashed.expectVerified("\(place), before it is finished")
                try after.custody.finish()
                crashed.expectVerified("\(place), finished")
                let left = try Self.erased(crashed)
                if isDecided || !left.isEmpty { try Self.expectGone(crashed, place) }
                outcomes.insert(left.isEmpty)
                let again = try after.redact("", Self.order)
                #expect(again.events + again.alreadyErased == 3, "\(place)")
                #expect(again.events == (left.isEmpty ? 3 : 0), "\(place)")
                try Self.expectGone(crashed, "\(place), once more")
                crashed.expectVerified("\(place), once more")
                // One request has one event that accounts for it, also if it was begun twice.
                #expect(try crashed.lines("action=log.redacted").count == 1, "\(place)")
            }
        }
        #expect(outcomes == [true, false])
        #expect(changes.count > 40)
    }

    /// A second crash while the first is finished.
    @Test func aCrashWhileItIsFinishedIsFinishedByTheNext() throws {
        let log = try Self.prepared()
        let request = RedactionRequest(
            id: "77", by: 1001, reason: "request 17", sequences: SequenceRanges(Self.order))
        log.rotate()
        log.disk.tamper(RedactionRequest.path, request.encoded)
        let disk = log.disk.kernel.disk
        for operation in 0... {
            let running = try CustodyLog(TestDisk(disk), finishes: false)
            running.disk.fail(running.disk.operationCount + operation, Fault(.powerLoss))
            try? running.custody.finish()
            guard running.disk.isDown else {
                #expect(operation > 20)
                return
            }
            for seed in [0, 1, 2] as [UInt64] {
                let crashed = running.disk.crash(seed: seed)
                crashed.expectVerified("operation \(operation), seed \(seed), before")
                _ = try CustodyLog(crashed)
                try Self.expectGone(crashed, "operation \(operation), seed \(seed)")
                crashed.expectVerified("operation \(operation), seed \(seed)")
            }
        }
    }

    /// A call that fails: what was begun is done by the next attempt, or by the next start where the writer has ended.
    @Test(
        arguments: [
            Fault(.error(EIO)), Fault(.error(EIO), progress: .whole), Fault(.error(ENOSPC)),
            Fault(.error(ENOSPC), progress: .half),
        ])
    func aFailureAtAnyCallIsMadeGood(_ fault: Fault) throws {
        let changes = try Self.changes()
        let disk = try Self.prepared().disk.kernel.disk
        var failures = 0
        for operation in changes.indices
        where !(fault.kind == .error(ENOSPC) && changes[operation].hasPrefix("unlink")) {
            if fault.progress == .half, !changes[operation].hasPrefix("write") { continue }
            let place = "\(fault) at \(operation) (\(changes[operation]))"
            var log = try CustodyLog(TestDisk(disk))
            log.disk.fail(log.disk.operationCount + operation, fault)
            do {
                try log.redact("", Self.order)
            } catch let error as StoreError {
                failures += 1
                #expect(error.code == .io || error.code == .unavailable, "\(place): \(error)")
            }
            log.disk.expectVerified(place)
            for _ in 0..<3 where log.worker.isSuspended {
                log.clock.advance(by: log.worker.core.configuration.retryInterval)
                log.worker.retry()
            }
            if log.worker.isHalted { log = try log.restarted() }
            let again = try log.redact("", Self.order)
            #expect(again.events + again.alreadyErased == 3, "\(place)")
            try Self.expectGone(log.disk, place)
            log.disk.expectVerified("\(place), once more")
        }
        #expect(failures > 5)
    }

    /// A hold that comes between an attempt and the next must not find that what it holds is erased under it.
    @Test func aHoldWaitsForWhatWasDecidedBefore() throws {
        let disk = try Self.prepared().disk.kernel.disk
        let changes = try Self.changes()
        for operation in changes.indices {
            let log = try CustodyLog(TestDisk(disk))
            log.disk.fail(log.disk.operationCount + operation, Fault(.error(ENOSPC)))
            _ = try? log.redact("", Self.order)
            for _ in 0..<3 where log.worker.isSuspended {
                log.clock.advance(by: log.worker.core.configuration.retryInterval)
                log.worker.retry()
            }
            if log.worker.isHalted { continue }
            let place = "operation \(operation) (\(changes[operation]))"
            do {
                try log.hold("late", "action=e3")
            } catch {
                Issue.record("\(place): \(error)")
                continue
            }
            let (before, wereErased) = (try log.disk.lines("action=e3"), try Self.erased(log.disk))
            try log.custody.finish()
            #expect(try log.disk.lines("action=e3") == before, "\(place): erased under a hold")
            #expect(try Self.erased(log.disk) == wereErased, "\(place)")
            log.disk.expectVerified(place)
        }
    }
}
