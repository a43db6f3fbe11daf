import CairnFormat
import CairnReader
import CairnSimulation
import Testing

@testable import CairnArchive

/// What was taken from the log before or after it came to the archive.
struct ArchiverErasureTests {
    /// The keys of data in which event `number` stands.
    private func contains(_ storage: MemoryStorage, _ number: Int) throws -> [String] {
        try storage.objects.filter { $0.key.hasPrefix("events/") }.compactMap { key, bytes in
            try inflated(bytes).contains(TestLog.secret(number)) ? key : nil
        }
    }

    // MARK: - Pruned

    /// Of what was pruned before it came there the seal does, once the event that accounts for it is sealed, and nobody
    /// is told that its events are there, neither then nor later.
    @Test func ofAPrunedSegmentTheSealComesThere() throws {
        let log = try TestLog.sealed([3, 4, 2])
        try log.prune([0])
        let storage = MemoryStorage()
        let early = try log.archive(to: storage)
        #expect(early.waiting == 3 && early.archived == 0 && early.sequences.isEmpty)
        #expect(storage.objects.keys.allSatisfy { $0.hasPrefix("origins/") })
        log.rotate()
        for _ in 0..<2 {
            let outcome = try log.archive(to: storage)
            #expect(outcome.waiting == 0)
            #expect(!outcome.sequences.contains(0) && outcome.sequences.contains(3..<9 as Range<UInt64>))
        }
        let found = try storage.verification()
        #expect(found.verdict == .verified && found.notes.contains { $0.kind == .pruned })
    }

    @Test func whatIsPrunedLaterStaysThere() throws {
        let log = try TestLog.sealed([3, 4, 2])
        let storage = MemoryStorage()
        _ = try log.archive(to: storage)
        let lines = try TestLog.lines(log.directory)
        try log.prune([0, 1])
        log.rotate()
        let outcome = try log.archive(to: storage)
        #expect(outcome.archived == 1 && outcome.sequences.contains(0..<10 as Range<UInt64>))
        let found = try storage.verification()
        #expect(found.verdict == .verified && found.notes.allSatisfy { $0.kind != .pruned })
        let archived = try TestLog.lines(LogDirectory(storage.archivedFiles()))
        #expect(lines.allSatisfy { archived[$0.key] == $0.value })
        // That the log itself may do without them is no reason why the archive may.
        let data = try #require(storage.objects.keys.filter { $0.hasPrefix("events/") }.min())
        storage.set(data, nil)
        let harmed = try storage.verification()
        #expect(harmed.verdict == .tampered && harmed.findings.contains { $0.message.contains(data) })
    }

    // MARK: - Redacted

    @Test func whatWasRedactedBeforeWaitsForItsAccount() throws {
        let log = try TestLog.sealed([3, 4, 2])
        try log.redact(4..<5)
        let storage = MemoryStorage()
        let early = try log.archive(to: storage)
        // The first segment is there, and no hole behind it.
        #expect(early.archived == 1 && early.waiting == 2 && early.sequences == SequenceRanges([0..<3]))
        // What is there is good so far; only the checkpoint is still to come.
        let between = try storage.verification()
        #expect(between.findings.map(\.verdict) == [.truncatedOrStale] && between.events == 3)
        log.rotate()
        let late = try log.archive(to: storage)
        #expect(late.waiting == 0 && late.archived == 3)
        try storage.expectVerified()
        #expect(try contains(storage, 4) == [] && contains(storage, 3).count == 1)
    }

    @Test func whatIsRedactedLaterIsPutThereAnew() throws {
        let log = try TestLog.sealed([3, 4])
        let storage = MemoryStorage()
        _ = try log.archive(to: storage)
        let old = try contains(storage, 1)
        #expect(old.count == 1)
        try log.redact(1..<2)
        // Until the account is sealed, the old copy stays, and is not told as what is wanted there.
        let early = try log.archive(to: storage)
        #expect(early.replaced == 0 && early.waiting == 1 && early.sequences == SequenceRanges([3..<7]))
        try storage.expectVerified("before")
        log.rotate()
        let late = try log.archive(to: storage)
        #expect(late.replaced == 1 && late.waiting == 0 && late.sequences.contains(0..<8 as Range<UInt64>))
        #expect(try contains(storage, 1) == [])
        #expect(storage.objects[old[0]] == nil, "the copy that held it is gone")
        #expect(storage.objects.keys.contains { $0.hasSuffix(".r1.ndjson.gz") })
        try storage.expectVerified("after")
        let (archived, original) = try (
            TestLog.lines(LogDirectory(storage.archivedFiles())), TestLog.lines(log.directory)
        )
        #expect(UInt64(archived.count) == late.sequences.count && archived.count > 7)
        #expect(archived.allSatisfy { original[$0.key] == $0.value })
        storage.forgetCalls()
        #expect(try log.archive(to: storage).replaced == 0)
        #expect(storage.calls.allSatisfy { !$0.hasPrefix("put events/") })
    }

    /// Whichever call of the replacement fails, the next run ends it, and at no time the archive does not verify.
    @Test(arguments: MemoryStorage.Failure.allCases)
    func aReplacementThatWasCutOffIsGoneOnWith(_ how: MemoryStorage.Failure) throws {
        func archived() throws -> (TestLog, MemoryStorage) {
            let log = try TestLog.sealed([3, 2])
            let storage = MemoryStorage()
            _ = try log.archive(to: storage)
            try log.redact(1..<2)
            log.rotate()
            storage.forgetCalls()
            return (log, storage)
        }
        let (undisturbedLog, undisturbed) = try archived()
        _ = try undisturbedLog.archive(to: undisturbed)
        #expect(undisturbed.calls.contains { $0.hasPrefix("remove events/") })
        for call in undisturbed.calls.indices {
            let (log, storage) = try archived()
            storage.fail(call, how)
            let comment = "\(how) call \(call), \(undisturbed.calls[call])"
            #expect(code { _ = try log.archive(to: storage) } == .unavailable, "\(comment)")
            let between = try storage.verification()
            #expect(between.findings.allSatisfy { $0.verdict == .unsealed }, "\(comment): \(between.findings)")
            let again = try log.archive(to: storage)
            #expect(again.waiting == 0 && again.locked == [], "\(comment)")
            #expect(storage.objects.keys.sorted() == undisturbed.objects.keys.sorted(), "\(comment)")
            #expect(try contains(storage, 1) == [], "\(comment)")
            try storage.expectVerified(comment)
        }
    }

    @Test func whatIsLockedIsTold() throws {
        let log = try TestLog.sealed([3])
        let time = MemoryStorage.SimulatedTime()
        let storage = MemoryStorage(clock: time)
        _ = try log.archive(to: storage, lock: (.compliance, 1_000_000 * Time.perSecond))
        let old = try contains(storage, 1)
        try log.redact(1..<2)
        log.rotate()
        for _ in 0..<2 {
            let outcome = try log.archive(to: storage)
            #expect(outcome.locked.contains(old[0]) && outcome.locked.count == 2, "data and index")
            let found = try storage.verification()
            #expect(found.verdict == .verified && found.notes.contains { $0.message.contains(old[0]) })
        }
        time.now = Time(nanoseconds: log.clock.wall() + 2_000_000 * Time.perSecond)
        #expect(try log.archive(to: storage).locked == [])
        #expect(storage.objects[old[0]] == nil)
        #expect(try storage.verification().notes.contains { $0.message.contains(old[0]) } == false)
    }
}
