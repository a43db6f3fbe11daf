import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import Testing

@testable import CairnArchive

/// What comes to an archive, and what of it is told as being there.
struct ArchiverTests {
    private static let partition = "log=audit.example.com%2Fhost1"

    @Test func everythingSealedComesThereOnce() throws {
        let log = try TestLog.sealed([3, 4, 2])
        let storage = MemoryStorage()
        let outcome = try log.archive(to: storage)
        let seals = try log.seals()
        #expect(outcome.archived == 3 && outcome.replaced == 0 && outcome.waiting == 0 && outcome.locked == [])
        #expect(outcome.sequences == SequenceRanges([0..<9]))
        #expect(storage.versions.values.allSatisfy { $0 == 1 })
        // Data, index, seal and manifest of each, the origin and the checkpoint.
        #expect(storage.objects.count == 3 * 4 + 2)
        #expect(
            outcome.bytes
                == storage.objects.reduce(0) { $0 + ($1.key.hasPrefix("events/") ? UInt64($1.value.count) : 0) })
        let layout = ArchiveLayout(try Origin(TestLog.name))
        for seal in seals {
            for (key, part) in [
                (layout.data(seal, generation: 0), FileNames.Part.data), (layout.seal(seal.firstSequence), .seal),
                (layout.index(seal.firstSequence, generation: 0), .index),
            ] {
                #expect(
                    storage.objects[key] == log.kernel.disk.files[FileNames.segment(seal.firstSequence, part)], "\(key)"
                )
            }
        }
        #expect(
            Set(storage.objects.keys.filter { $0.hasPrefix("events/") }.compactMap { $0.split(separator: "/").last })
                .count == 3)
        #expect(try ArchiveLayout.logs(in: storage) == [layout])
        try storage.expectVerified()
        #expect(try TestLog.lines(LogDirectory(storage.archivedFiles())) == TestLog.lines(log.directory))
    }

    @Test func theSecondRunSendsNothing() throws {
        let log = try TestLog.sealed([3, 4])
        let storage = MemoryStorage()
        let first = try log.archive(to: storage)
        let before = storage.objects
        storage.forgetCalls()
        let second = try log.archive(to: storage)
        #expect(second.archived == 0 && second.bytes == 0 && second.replaced == 0)
        #expect(second.sequences == first.sequences)
        #expect(storage.objects == before)
        #expect(storage.versions.values.allSatisfy { $0 == 1 })
        #expect(storage.calls.filter { $0.hasPrefix("put events/") || $0.hasPrefix("head") } == [])
        try log.seal(5)
        let third = try log.archive(to: storage)
        #expect(third.archived == 1 && third.sequences == SequenceRanges([0..<12]))
        try storage.expectVerified()
    }

    @Test func anEmptyLogHasAnEmptyArchive() throws {
        let storage = MemoryStorage()
        let outcome = try TestLog().archive(to: storage)
        #expect(outcome == Archiver.Outcome())
        #expect(storage.objects.keys.map { $0.prefix { $0 != "/" } }.sorted() == ["checkpoints", "origins"])
    }

    // MARK: - Runs that are cut off

    /// What is named by a manifest is there as it says, whatever else is.
    private func expectWhole(_ storage: MemoryStorage, _ comment: String) throws {
        for (key, bytes) in storage.objects where key.hasPrefix("manifests/") {
            let manifest = try ArchiveManifest(bytes, key: key)
            for object in [manifest.data, manifest.index, manifest.sealObject].compactMap(\.self) {
                let stored = storage.objects[object.key]
                #expect(stored.map { Digest.sha256($0) } == object.sha256, "\(comment): \(object.key)")
            }
        }
    }

    /// Whichever call fails, done or not: nothing is told that is not whole, and the next run comes to the end of a run
    /// that nothing happened to, without sending anything again that is there.
    @Test(arguments: MemoryStorage.Failure.allCases)
    func aRunThatWasCutOffIsGoneOnWith(_ how: MemoryStorage.Failure) throws {
        let log = try TestLog.sealed([3, 4, 2])
        let undisturbed = MemoryStorage()
        let expected = try log.archive(to: undisturbed)
        #expect(undisturbed.calls.count > 20)
        for call in undisturbed.calls.indices {
            let storage = MemoryStorage()
            storage.fail(call, how)
            let comment = "\(how) call \(call), \(undisturbed.calls[call])"
            #expect(code { _ = try log.archive(to: storage) } == .unavailable, "\(comment)")
            try expectWhole(storage, comment)
            let again = try log.archive(to: storage)
            #expect(again.sequences == expected.sequences && again.waiting == 0, "\(comment)")
            #expect(storage.objects == undisturbed.objects, "\(comment)")
            #expect(storage.versions.values.allSatisfy { $0 == 1 }, "\(comment)")
            try storage.expectVerified(comment)
            storage.forgetCalls()
            #expect(try log.archive(to: storage).archived == 0, "\(comment)")
        }
    }

    /// The same with a lock: what the first run has locked is locked for as long as if the second had put it there.
    @Test func aRunWithALockIsGoneOnWith() throws {
        let log = try TestLog.sealed([3, 4])
        let day = 86_400 * Time.perSecond
        let undisturbed = MemoryStorage()
        _ = try log.archive(to: undisturbed, lock: (.compliance, day))
        for call in undisturbed.calls.indices {
            let storage = MemoryStorage()
            storage.fail(call, .after)
            #expect(code { _ = try log.archive(to: storage, lock: (.compliance, day)) } == .unavailable)
            log.clock.advance(by: 60 * Time.perSecond)
            let until = Time(nanoseconds: log.clock.wall() + day)
            _ = try log.archive(to: storage, lock: (.compliance, day))
            #expect(storage.objects == undisturbed.objects)
            #expect(storage.versions.values.allSatisfy { $0 == 1 })
            let named = storage.objects.keys.filter { !$0.hasPrefix("checkpoints/") && !$0.hasPrefix("manifests/") }
            // Unless all was there, and only its answer was missing.
            let hadAll = undisturbed.calls[call...].allSatisfy {
                !$0.hasPrefix("put manifests/") && !$0.hasPrefix("head")
            }
            for key in named where !hadAll && storage.calls.contains("lock \(key)") {
                #expect(storage.locks[key] == ObjectLock(.compliance, until: until), "\(key)")
            }
            #expect(storage.locks.values.allSatisfy { $0 != nil })
        }
    }

    /// On a directory, whatever is left of the first run when the power fails.
    @Test func aPowerFailureIsMadeUpFor() throws {
        let log = try TestLog.sealed([2, 2])
        func storage(_ kernel: SimulatedKernel) throws -> DirectoryStorage {
            DirectoryStorage(
                try kernel.files(), name: "/archive", clock: SimulatedClock(), entropy: SeededEntropy(seed: 3))
        }
        let undisturbed = SimulatedKernel()
        let expected = try log.archive(to: storage(undisturbed))
        let keys = try storage(undisturbed).keys()
        for change in stride(from: 0, to: undisturbed.changeCount, by: 5) {
            let kernel = SimulatedKernel()
            kernel.fail(change, Fault(.powerLoss, progress: change % 2 == 0 ? .half : .whole))
            _ = try? log.archive(to: storage(kernel))
            for loss in [SimulatedDisk.Loss.everything, .nothing, .mixture(UInt64(change))] {
                let after = try storage(SimulatedKernel(kernel.disk.crashed(loss)))
                let again = try log.archive(to: after)
                #expect(again.sequences == expected.sequences, "change \(change), \(loss)")
                #expect(try after.keys() == keys, "change \(change), \(loss)")
                try after.expectVerified("change \(change), \(loss)")
            }
        }
    }

    // MARK: - What is not as it should be

    /// A part that was stored with other bytes is named, and its segment is not told as archived.
    @Test(arguments: ["events/", "indexes/", "seals/"])
    func whatIsStoredOtherwiseIsNamed(_ part: String) throws {
        let log = try TestLog.sealed([3, 4])
        let model = MemoryStorage()
        _ = try log.archive(to: model)
        let key = try #require(model.objects.keys.filter { $0.hasPrefix(part) }.max())
        let storage = MemoryStorage()
        storage.spoil(key)
        let refusal = failure { _ = try log.archive(to: storage) }
        #expect(refusal?.code == .changed && refusal?.key == key)
        let manifests = storage.objects.keys.filter { $0.hasPrefix("manifests/") }
        #expect(manifests == ["manifests/v1/\(Self.partition)/00000000000000000000.json"])
    }

    /// What stands under a key without a manifest is of a run that was cut off, and gives way.
    @Test func otherBytesWithoutAManifestGiveWay() throws {
        let log = try TestLog.sealed([3])
        let model = MemoryStorage()
        _ = try log.archive(to: model)
        for key in model.objects.keys where !key.hasPrefix("origins/") && !key.hasPrefix("manifests/") {
            let storage = MemoryStorage()
            storage.set(key, [1, 2, 3])
            _ = try log.archive(to: storage)
            #expect(key.hasPrefix("checkpoints/") || storage.objects == model.objects, "\(key)")
        }
    }

    /// What does not verify here is not copied: it would be all that is left.
    @Test func aDamagedSegmentIsNotArchived() throws {
        let log = try TestLog.sealed([3, 4, 2])
        let second = try log.seals()[1].firstSequence
        for part in [FileNames.Part.data, .index] {
            let log = try TestLog.sealed([3, 4, 2])
            try log.tamper(FileNames.segment(second, part))
            let storage = MemoryStorage()
            #expect(throws: (any Error).self) { try log.archive(to: storage) }
            #expect(storage.objects.keys.filter { $0.hasPrefix("events/") }.count == 1)
            #expect(storage.objects.keys.filter { $0.hasPrefix("manifests/") }.count == 1)
            #expect(storage.objects.keys.filter { $0.hasPrefix("checkpoints/") } == [])
        }
    }

    @Test func aManifestThatCannotBeReadIsNamed() throws {
        let log = try TestLog.sealed([3])
        let storage = MemoryStorage()
        _ = try log.archive(to: storage)
        try log.redact(0..<1)
        log.rotate()
        let key = "manifests/v1/\(Self.partition)/00000000000000000000.json"
        storage.set(key, [1])
        let refusal = failure { _ = try log.archive(to: storage) }
        #expect(refusal?.code == .invalid && refusal?.key == key)
    }

    @Test func anotherLogOfTheSameNameIsRefused() throws {
        let storage = MemoryStorage()
        _ = try TestLog.sealed([3]).archive(to: storage)
        let before = storage.objects
        let refusal = failure { _ = try TestLog.sealed([3], seed: 2).archive(to: storage) }
        #expect(refusal?.code == .exists && refusal?.key == "origins/v1/\(Self.partition)/origin")
        #expect(storage.objects == before)
    }

    /// What was there and is gone comes there again while the log has it, and is not told as there when it has not.
    @Test func whatIsMissingComesBack() throws {
        let log = try TestLog.sealed([3, 4])
        let storage = MemoryStorage()
        _ = try log.archive(to: storage)
        let model = storage.objects
        let data = try #require(model.keys.filter { $0.hasPrefix("events/") }.min())
        storage.set(data, nil)
        #expect(try storage.verification().verdict == .tampered)
        let outcome = try log.archive(to: storage)
        #expect(outcome.archived == 1 && outcome.sequences == SequenceRanges([0..<7]))
        #expect(storage.objects == model)
        storage.set(data, nil)
        try log.prune([0])
        log.rotate()
        #expect(try log.archive(to: storage).sequences == SequenceRanges([3..<8]))
    }

    // MARK: - Locks

    @Test func everythingIsLocked() throws {
        let log = try TestLog.sealed([3, 4])
        let storage = MemoryStorage()
        let until = Time(nanoseconds: log.clock.wall() + 1000)
        _ = try log.archive(to: storage, lock: (.compliance, 1000))
        #expect(storage.locks.values.allSatisfy { $0 == ObjectLock(.compliance, until: until) })
        // The beginning of the log stays as long as its newest segment.
        try log.seal(1)
        _ = try log.archive(to: storage, lock: (.compliance, 1000))
        #expect(
            storage.locks["origins/v1/\(Self.partition)/origin"]??.until == Time(nanoseconds: log.clock.wall() + 1000))
    }

    @Test func aDirectoryTakesNoLock() throws {
        let storage = DirectoryStorage(try SimulatedKernel().files(), name: "/archive")
        #expect(code { _ = try TestLog.sealed([1]).archive(to: storage, lock: (.compliance, 1)) } == .invalid)
    }

    @Test func aStricterLockCoversAWeakerOne() {
        let (early, late) = (Time(nanoseconds: 1), Time(nanoseconds: 2))
        for (lock, other, covers) in [
            (ObjectLock(.compliance, until: late), ObjectLock(.compliance, until: early), true),
            (ObjectLock(.compliance, until: early), ObjectLock(.compliance, until: early), true),
            (ObjectLock(.compliance, until: early), ObjectLock(.compliance, until: late), false),
            (ObjectLock(.compliance, until: late), ObjectLock(.governance, until: early), true),
            (ObjectLock(.governance, until: late), ObjectLock(.compliance, until: early), false),
            (ObjectLock(.governance, until: late), ObjectLock(.governance, until: late), true),
        ] {
            #expect(lock.covers(other) == covers)
        }
    }
}
