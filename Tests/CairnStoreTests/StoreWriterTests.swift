import CairnFormat
import CairnPlatform
import CairnReader
import CairnStore
import Glibc
import Synchronization
import Testing

/// The writer's thread on a real file system.
struct StoreWriterTests {
    /// Notes what it is told, and lets a test wait for it.
    private final class Observer: StoreObserver {
        struct Heard {
            var answers: [Answer] = []
            var suspensions: [String] = []
            var resumptions = 0
            var halts: [StoreError] = []
            var stages: [SpaceStage] = []
            var displacements: [Displacement] = []
        }

        let heard = Guarded(Heard())
        /// While it is false the writer stands still behind an acknowledgement.
        let goesOn = Guarded(true)

        func acknowledged(_ answers: [Answer]) {
            heard.update { $0.answers += answers }
            goesOn.wait(while: { !$0 }, then: { _ in })
        }
        func suspended(_ reason: String) { heard.update { $0.suspensions.append(reason) } }
        func spaceChanged(to stage: SpaceStage, available: UInt64) { heard.update { $0.stages.append(stage) } }
        func displaced(_ displacement: Displacement, path: String) {
            heard.update { $0.displacements.append(displacement) }
        }
        func sealed() {}
        func resumed() { heard.update { $0.resumptions += 1 } }
        func halted(_ error: StoreError) { heard.update { $0.halts.append(error) } }

        /// Waits until `holds`; a minute is far more than it takes, and ends a test that would hang.
        func wait(_ holds: (Heard) -> Bool) -> Heard {
            let deadline = SystemTimeSource().monotonic() + 60 * Time.perSecond
            return heard.wait(until: deadline, while: { !holds($0) }, then: { $0 })
        }

        var now: Heard { heard.withLock { $0 } }
    }

    private static func now() -> Moment {
        let time = SystemTimeSource()
        return Moment(wall: Time(nanoseconds: time.wall()), monotonic: time.monotonic())
    }

    private static func open(
        _ files: any FileSystem, _ observer: Observer, configuration: StoreConfiguration = StoreConfiguration()
    ) throws -> StoreWriter {
        let opening = LogOpening(
            files, configuration: configuration, entropy: SystemEntropySource(), now: now())
        return try StoreWriter(
            opening.open(creating: Fixture.name), events: [], time: SystemTimeSource(), observer: observer)
    }

    /// The tags of all events by sequence number, read back with the reader.
    private static func actions(_ files: any FileSystem) throws -> [UInt64: String] {
        var found: [UInt64: String] = [:]
        for segment in try LogDirectory(files).segments() {
            var replay = try SegmentReplay(files, path: segment.path(.data))
            while true {
                guard case .block = try replay.next() else { break }
                let lines = String(decoding: replay.lines, as: UTF8.self).split(separator: "\n")
                for (event, line) in zip(replay.events, lines) {
                    let parts = line.split(separator: "\"action\":\"")
                    found[event.stamps.sequence] = String(parts.last?.prefix { $0 != "\"" } ?? "")
                }
            }
        }
        return found
    }

    @Test func manyThreadsAreAnsweredCompletelyAndInOrder() throws {
        let (threads, rounds) = (8, 25)
        let directory = try TemporaryDirectory()
        let observer = Observer()
        var configuration = StoreConfiguration()
        configuration.segmentBytes = 4096
        configuration.commitBytes = 500
        let writer = try Self.open(try directory.fileSystem(), observer, configuration: configuration)
        let workers = try (1...threads).map { thread in
            try DedicatedThread(name: "submit-\(thread)") {
                for round in 0..<rounds {
                    let lines = [Fixture.line("t\(thread)-\(round)-0"), Fixture.line("t\(thread)-\(round)-1")]
                    guard let submission = try? Fixture.submission(lines, ticket: UInt64(thread)) else { return }
                    writer.submit(submission)
                }
            }
        }
        for worker in workers { worker.join() }
        writer.close()
        let heard = observer.now
        #expect(heard.answers.count == threads * rounds)
        #expect(heard.halts.isEmpty)
        let stored = try Self.actions(try directory.fileSystem())
        #expect(stored.count == threads * rounds * 2)
        for thread in 1...threads {
            var tags: [String] = []
            for run in heard.answers.filter({ $0.ticket == UInt64(thread) }).flatMap(\.runs) {
                guard case .accepted(let lines, let first, _, _) = run else { continue }
                for sequence in first..<(first + UInt64(lines)) { tags.append(stored[sequence] ?? "") }
            }
            #expect(tags == (0..<rounds).flatMap { ["t\(thread)-\($0)-0", "t\(thread)-\($0)-1"] })
        }
        let status = writer.status
        #expect(status.statistics.accepted == UInt64(stored.count))
        #expect(status.durable == UInt64(stored.count))
        #expect(status.sealedSegments > 1)
        #expect(status.sealedSegments == status.statistics.seals)
        #expect(status.segmentNumber == status.sealedSegments)
        #expect(writer.queuedBytes == 0)
    }

    @Test func aRotationComesBehindWhatWasSubmittedBefore() throws {
        let directory = try TemporaryDirectory()
        let observer = Observer()
        let writer = try Self.open(try directory.fileSystem(), observer)
        let told = Guarded<[Bool]>([])
        writer.submit(try Fixture.submission([Fixture.line("a1"), Fixture.line("a2")]))
        writer.rotate { sealed in told.update { $0.append(sealed) } }
        let deadline = SystemTimeSource().monotonic() + 60 * Time.perSecond
        #expect(told.wait(until: deadline, while: { $0.isEmpty }, then: { $0 }) == [true])
        #expect(writer.status.segmentFirstSequence == 2)
        #expect(writer.status.sealedSegments == 1)
        writer.rotate { sealed in told.update { $0.append(sealed) } }
        writer.close()
        #expect(told.withLock { $0 } == [true, false], "there was nothing to seal")
        writer.rotate { sealed in told.update { $0.append(sealed) } }
        #expect(observer.now.answers.count == 1)
    }

    @Test func closeCommitsWhatWaitsAndSignsTheHead() throws {
        let directory = try TemporaryDirectory()
        let files = try directory.fileSystem()
        let observer = Observer()
        let writer = try Self.open(files, observer)
        let synced = Guarded(0)
        for number in 0..<100 { writer.submit(try Fixture.submission([Fixture.line("a\(number)")])) }
        writer.sync { isDurable in synced.update { $0 += isDurable ? 1 : 0 } }
        writer.close()
        #expect(observer.now.answers.count == 100)
        #expect(synced.withLock { $0 } == 1)
        let note = try #require(try LogDirectory(files).note(FileNames.head)).note
        #expect(try Head(text: note.text).count == 100)
        writer.close()
        let again = try Self.open(files, Observer())
        #expect(again.status.durable == 100)
        again.close()
    }

    @Test func aSyncIsToldBehindWhatWasSubmittedBefore() throws {
        let directory = try TemporaryDirectory()
        let observer = Observer()
        let writer = try Self.open(try directory.fileSystem(), observer)
        for _ in 0..<20 {
            let answered = Guarded<Int?>(nil)
            writer.submit(try Fixture.submission([Fixture.line("a")]))
            writer.sync { _ in answered.update { $0 = observer.now.answers.count } }
            let deadline = SystemTimeSource().monotonic() + 60 * Time.perSecond
            let count = answered.wait(until: deadline, while: { $0 == nil }, then: { $0 })
            #expect(count == observer.now.answers.count)
        }
        #expect(observer.now.answers.count == 20)
        writer.close()
    }

    @Test func theDaemonsOwnEventsComeFirst() throws {
        let directory = try TemporaryDirectory()
        let files = try directory.fileSystem()
        let opening = LogOpening(
            files, configuration: StoreConfiguration(), entropy: SystemEntropySource(), now: Self.now())
        let details: [String: OwnEvent.Value] = ["version": .text("1"), "list": .list(["a", "b"])]
        let writer = try StoreWriter(
            opening.open(creating: Fixture.name),
            events: [OwnEvent.line(action: "daemon.started", details: details)], time: SystemTimeSource(),
            observer: Observer())
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        writer.close()
        #expect(try Self.actions(files) == [0: "daemon.started", 1: "a1"])
    }

    @Test func aNewConfigurationIsTaken() throws {
        let directory = try TemporaryDirectory()
        let observer = Observer()
        let writer = try Self.open(try directory.fileSystem(), observer)
        var configuration = StoreConfiguration()
        configuration.segmentBytes = 1
        writer.apply(configuration)
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        writer.close()
        #expect(writer.status.sealedSegments == 1)
    }

    // MARK: Failures

    @Test func aFullDiskSuspendsUntilThereIsSpace() throws {
        let directory = try TemporaryDirectory()
        let files = FailingFileSystem(try directory.fileSystem())
        let observer = Observer()
        var configuration = StoreConfiguration()
        configuration.retryInterval = Time.perSecond / 1000
        let writer = try Self.open(files, observer, configuration: configuration)
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        #expect(observer.wait { $0.answers.count == 1 }.answers.count == 1)
        files.fail("write", ENOSPC)
        writer.submit(try Fixture.submission([Fixture.line("a2")]))
        let suspended = observer.wait { !$0.suspensions.isEmpty }
        #expect(suspended.suspensions.first?.contains("ENOSPC") == true)
        let told = Guarded<[Bool]>([])
        writer.submit(try Fixture.submission([Fixture.line("a3")]))
        writer.rotate { sealed in told.update { $0.append(sealed) } }
        #expect(observer.now.answers.count == 1, "nothing is acknowledged meanwhile")
        files.fail("write", nil)
        let resumed = observer.wait { $0.answers.count == 3 }
        #expect(resumed.answers.count == 3)
        writer.close()
        #expect(observer.now.resumptions == 1)
        #expect(observer.now.suspensions.count == 1, "told once, however often it is tried")
        #expect(told.withLock { $0 } == [true])
        #expect(try Self.actions(files) == [0: "a1", 1: "a2", 2: "a3"])
        #expect(writer.status.statistics.failures >= 1)
    }

    /// What came together with a record for which there was no space is done once there is some.
    @Test func whatWaitsBehindARecordWithoutSpaceIsNotForgotten() throws {
        let directory = try TemporaryDirectory()
        let files = FailingFileSystem(try directory.fileSystem())
        let observer = Observer()
        var configuration = StoreConfiguration()
        configuration.retryInterval = Time.perSecond / 1000
        let writer = try Self.open(files, observer, configuration: configuration)
        observer.goesOn.update { $0 = false }
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        _ = observer.wait { $0.answers.count == 1 }
        files.fail("write", ENOSPC)
        let (recorded, sealed) = (Guarded<[[UInt64]?]>([]), Guarded<[Bool]>([]))
        try writer.record([Array(Fixture.line("r1").utf8)]) { numbers in recorded.update { $0.append(numbers) } }
        writer.submit(try Fixture.submission([Fixture.line("a2"), Fixture.line("a3")], ticket: 9))
        writer.rotate { isSealed in sealed.update { $0.append(isSealed) } }
        observer.goesOn.update { $0 = true }
        #expect(!observer.wait { !$0.suspensions.isEmpty }.suspensions.isEmpty)
        files.fail("write", nil)
        let heard = observer.wait { $0.answers.contains { $0.ticket == 9 } }
        #expect(heard.answers.count { $0.ticket == 9 } == 1)
        let deadline = SystemTimeSource().monotonic() + 60 * Time.perSecond
        #expect(sealed.wait(until: deadline, while: { $0.isEmpty }, then: { $0 }) == [true])
        writer.close()
        #expect(recorded.withLock { $0 } == [nil])
        #expect(writer.queuedBytes == 0)
        // The record is stored once there is space, and behind it what came after it.
        #expect(try Self.actions(files) == [0: "a1", 1: "r1", 2: "a2", 3: "a3"])
    }

    /// A writer that is closed has stored what waits, also behind a record.
    @Test func aRecordDoesNotCutOffWhatWaitsAtTheEnd() throws {
        let directory = try TemporaryDirectory()
        let observer = Observer()
        let writer = try Self.open(try directory.fileSystem(), observer)
        observer.goesOn.update { $0 = false }
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        _ = observer.wait { $0.answers.count == 1 }
        try writer.record([Array(Fixture.line("r1").utf8)]) { _ in }
        writer.submit(try Fixture.submission([Fixture.line("a2")]))
        let closing = try DedicatedThread(name: "close") { writer.close() }
        // Time for it to close; if it has not, the test sees less, and passes.
        usleep(20_000)
        observer.goesOn.update { $0 = true }
        closing.join()
        #expect(try Self.actions(try directory.fileSystem()) == [0: "a1", 1: "r1", 2: "a2"])
    }

    /// A rotation that has to wait for space is not told as done before it is.
    @Test func aRotationThatIsSuspendedIsToldOnceItIsDone() throws {
        let directory = try TemporaryDirectory()
        let files = FailingFileSystem(try directory.fileSystem())
        let observer = Observer()
        var configuration = StoreConfiguration()
        configuration.retryInterval = Time.perSecond / 1000
        configuration.headInterval = 3600 * Time.perSecond
        let writer = try Self.open(files, observer, configuration: configuration)
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        _ = observer.wait { $0.answers.count == 1 }
        files.fail("rename", ENOSPC)
        let told = Guarded<[Bool]>([])
        writer.rotate { sealed in told.update { $0.append(sealed) } }
        #expect(!observer.wait { !$0.suspensions.isEmpty }.suspensions.isEmpty)
        #expect(told.withLock { $0 } == [])
        files.fail("rename", nil)
        let deadline = SystemTimeSource().monotonic() + 60 * Time.perSecond
        #expect(told.wait(until: deadline, while: { $0.isEmpty }, then: { $0 }) == [true])
        writer.close()
    }

    @Test func closingAFullDiskGivesUp() throws {
        let directory = try TemporaryDirectory()
        let files = FailingFileSystem(try directory.fileSystem())
        let observer = Observer()
        let writer = try Self.open(files, observer)
        files.fail("write", ENOSPC)
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        writer.rotate { _ in }
        writer.close()
        #expect(observer.now.answers.isEmpty)
        if case .suspended = writer.status.phase {} else { Issue.record("\(writer.status.phase)") }
        files.fail("write", nil)
        let again = try Self.open(files, Observer())
        again.submit(try Fixture.submission([Fixture.line("a2")]))
        again.close()
        #expect(try Self.actions(files) == [0: "a2"])
    }

    @Test func aFailedSyncHalts() throws {
        let directory = try TemporaryDirectory()
        let files = FailingFileSystem(try directory.fileSystem())
        let observer = Observer()
        let writer = try Self.open(files, observer)
        writer.submit(try Fixture.submission([Fixture.line("a1")]))
        _ = observer.wait { $0.answers.count == 1 }
        files.fail("fdatasync", EIO)
        let told = Guarded<[Bool]>([])
        writer.submit(try Fixture.submission([Fixture.line("a2")]))
        let halted = observer.wait { !$0.halts.isEmpty }
        #expect(halted.halts.map(\.code) == [.io])
        writer.submit(try Fixture.submission([Fixture.line("a3")]))
        writer.rotate { sealed in told.update { $0.append(sealed) } }
        writer.close()
        #expect(observer.now.answers.count == 1)
        #expect(observer.now.halts.count == 1)
        if case .halted = writer.status.phase {} else { Issue.record("\(writer.status.phase)") }
        #expect(writer.status.durable == 1)
        files.fail("fdatasync", nil)
        let again = try Self.open(files, Observer())
        again.close()
        #expect(try Self.actions(files)[0] == "a1")
    }
}
