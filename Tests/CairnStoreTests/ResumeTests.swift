import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import Testing

@testable import CairnStore

/// What a start makes of the file that the writer before has left.
struct ResumeTests {
    private static let active = FileNames.segment(2, .data)

    private static func configuration() -> StoreConfiguration {
        var configuration = Fixture.configuration
        configuration.identities = 100
        configuration.identityAge = Time.perHour
        return configuration
    }

    /// A sealed segment of two events and an active one of three, the writer stopped.
    private static func log() throws -> (disk: TestDisk, clock: SimulatedClock, ledger: Ledger) {
        let (files, clock) = (TestDisk(), SimulatedClock())
        var writer = try TestWriter(files, clock: clock, configuration: configuration())
        let steps: [Workload.Step] = [
            .submit(["a1", "a2"]), .rotate, .submit(["b1"]), .submit(["b2", "b3"]), .shutdown,
        ]
        #expect(try Workload.run(steps, &writer) == .done)
        return (files.settled(), clock, writer.ledger)
    }

    /// Starts, stores all events once more, goes on over a rotation, and checks everything.
    private static func goOn(
        _ disk: TestDisk, _ clock: SimulatedClock, _ ledger: Ledger
    ) throws {
        var writer = try TestWriter(disk, clock: clock, configuration: configuration(), ledger: ledger)
        for tag in ledger.order {
            let before = writer.answers.count
            _ = try writer.submit([tag])
            let runs = writer.answers[before...].flatMap(\.runs)
            guard case .duplicate(let sequence) = runs.first else {
                Issue.record("\(tag) was not known")
                continue
            }
            #expect(sequence == ledger.acknowledged[tag])
        }
        let steps: [Workload.Step] = [.submit(["x1"]), .rotate, .submit(["x2"]), .shutdown]
        #expect(try Workload.run(steps, &writer) == .done)
        try LogCheck(writer.files).expect(writer.ledger, losing: [])
    }

    /// A segment with another line in its first block, and of the same size; every checksum is right.
    private static func forged(_ bytes: [UInt8]) throws -> [UInt8] {
        for digit in 4...9 {
            let forged = try Forgery.forge(bytes) { $0.replacing("b1", with: "b\(digit)") }
            if forged.count == bytes.count, forged != bytes { return forged }
        }
        throw StoreError(.refused, "no other line compresses to the same size")
    }

    private static func identity(_ disk: TestDisk) throws -> FileIdentity? {
        try disk.files.status(active)?.identity
    }

    @Test func aStoppedWriterLeavesAFileThatTheNextGoesOnFrom() throws {
        let (disk, clock, ledger) = try Self.log()
        let before = try Self.identity(disk)
        // One that forgets the keys: who believes it does not know them, and who reads the events does.
        let origin = try LogDirectory(disk.files).origin()
        var file = try ResumeFile(try #require(disk.snapshot()[FileNames.resume]), origin)
        #expect(file.identities.count == 3 && file.firstIdentified == 0 && file.endSequence == 5)
        file.identities = []
        let key = try SignerKey(String(decoding: try #require(disk.snapshot()[FileNames.logKey]), as: UTF8.self))
        let changed = disk.settled()
        changed.tamper(FileNames.resume, try file.encoded(origin.origin, key))
        let writer = try TestWriter(changed, clock: clock, configuration: Self.configuration())
        #expect(writer.core.durable == 5 && writer.core.identityCount == 2, "those of the sealed segment")
        try Self.goOn(disk, clock, ledger)
        #expect(try Self.identity(disk) == before, "gone on with in place")
    }

    /// Every checksum of a block is right, but that of the file is not what it was.
    @Test func otherLinesAreNotPassedOver() throws {
        let (disk, clock, _) = try Self.log()
        let changed = disk.settled()
        changed.tamper(Self.active, try Self.forged(try #require(disk.snapshot()[Self.active])))
        let writer = try TestWriter(changed, clock: clock, configuration: Self.configuration())
        #expect(writer.events.first?.contains("\"action\":\"log.discontinuity\"") == true)
    }

    @Test func withoutTheFileAllIsRead() throws {
        let (disk, clock, ledger) = try Self.log()
        disk.lose(FileNames.resume)
        let bytes = try #require(disk.snapshot()[Self.active])
        let changed = disk.settled()
        changed.tamper(Self.active, try Self.forged(bytes))
        let writer = try TestWriter(changed, clock: clock, configuration: Self.configuration())
        #expect(writer.events.first?.contains("\"action\":\"log.discontinuity\"") == true)
        try Self.goOn(disk, clock, ledger)
    }

    @Test func whatWasAppendedSinceIsRead() throws {
        let (disk, clock, ledger) = try Self.log()
        var writer = try TestWriter(disk, clock: clock, configuration: Self.configuration(), ledger: ledger)
        #expect(try writer.submit(["c1", "c2"]) == .done)
        // The machine stops: the file of the first stop is still there, and the head is older than what was stored.
        let crashed = disk.settled()
        #expect(crashed.snapshot()[FileNames.resume] != nil)
        try Self.goOn(crashed, clock, writer.ledger)
    }

    @Test func aWriterThatRunsLeavesOneNowAndThen() throws {
        let (files, clock) = (TestDisk(), SimulatedClock())
        var writer = try TestWriter(files, clock: clock, configuration: Self.configuration())
        func file() -> [UInt8]? { files.snapshot()[FileNames.resume] }
        #expect(try writer.submit(["a1"]) == .done)
        _ = writer.step(.tick)
        #expect(file() == nil)
        clock.advance(by: 11 * Time.perSecond)
        _ = writer.step(.tick)
        let first = try #require(file())
        // Nothing has happened since.
        clock.advance(by: 61 * Time.perSecond)
        _ = writer.step(.tick)
        #expect(file() == first)
        #expect(try writer.submit(["a2"]) == .done)
        clock.advance(by: 2 * Time.perSecond)
        _ = writer.step(.tick)
        let second = try #require(file())
        #expect(second != first)
        #expect(try writer.submit(["a3"]) == .done)
        clock.advance(by: 2 * Time.perSecond)
        _ = writer.step(.tick)
        #expect(file() == second, "it is too soon")
        // The process ends; what the machine has in memory is still there.
        try Self.goOn(TestDisk(files.kernel.disk), clock, writer.ledger)
        for seed in 0..<8 as Range<UInt64> { try Self.goOn(files.crash(seed: seed), clock, writer.ledger) }
    }

    @Test func aDamagedFileIsNoFile() throws {
        let (disk, clock, ledger) = try Self.log()
        let file = try #require(disk.snapshot()[FileNames.resume])
        for index in stride(from: 0, to: file.count, by: max(1, file.count / 60)) {
            var bytes = file
            bytes[index] ^= 1
            let changed = disk.settled()
            changed.tamper(FileNames.resume, bytes)
            try Self.goOn(changed, clock, ledger)
            let short = disk.settled()
            short.tamper(FileNames.resume, Array(file[..<index]))
            try Self.goOn(short, clock, ledger)
        }
    }

    @Test func damageBeforeItsEndIsFoundNevertheless() throws {
        let (disk, clock, ledger) = try Self.log()
        let bytes = try #require(disk.snapshot()[Self.active])
        let (_, header) = try bytes.withUnsafeBytes { try SegmentHeader.decode($0) }
        for index in stride(from: header, to: bytes.count, by: 5) {
            var changed = bytes
            changed[index] ^= 1
            let damaged = disk.settled()
            damaged.tamper(Self.active, changed)
            var writer = try TestWriter(damaged, clock: clock, configuration: Self.configuration(), ledger: ledger)
            #expect(writer.events.first?.contains("\"action\":\"log.discontinuity\"") == true, "\(index)")
            #expect(try writer.submit(["x1"]) == .done)
        }
    }

    @Test func aFileOfAnotherTimeIsNotBelieved() throws {
        let (disk, clock, ledger) = try Self.log()
        let file = try #require(disk.snapshot()[FileNames.resume])
        // The next segment is active.
        var writer = try TestWriter(disk, clock: clock, configuration: Self.configuration(), ledger: ledger)
        #expect(try Workload.run([.submit(["c1"]), .rotate], &writer) == .done)
        #expect(disk.snapshot()[FileNames.resume] == nil, "it goes with the seal of its segment")
        #expect(try writer.submit(["d1"]) == .done)
        let older = disk.settled()
        older.tamper(FileNames.resume, file)
        try Self.goOn(older, clock, writer.ledger)
        // Another log.
        let (other, otherClock, otherLedger) = try Self.log()
        other.tamper(FileNames.resume, file)
        try Self.goOn(other, otherClock, otherLedger)
    }

    @Test func aLongerWindowThanBeforeIsReadFromTheLog() throws {
        let (disk, clock, ledger) = try Self.log()
        var short = Self.configuration()
        short.identities = 1
        var writer = try TestWriter(disk, clock: clock, configuration: short, ledger: ledger)
        #expect(try Workload.run([.submit(["c1"]), .shutdown], &writer) == .done)
        try Self.goOn(disk.settled(), clock, writer.ledger)
    }

    @Test func aDiskThatTakesNoHintStillStops() throws {
        let (disk, clock, _) = try Self.log()
        let files = FailingFileSystem(disk.files)
        var performer = ActionPerformer(files)
        files.fail("rename", 28)
        try performer.perform(.hint(path: FileNames.resume, bytes: [1]))
        files.fail("rename", nil)
        try performer.perform(.hint(path: FileNames.resume, bytes: [2]))
        #expect(disk.snapshot()[FileNames.resume] == [2])
        try performer.perform(.forget(path: FileNames.resume))
        try performer.perform(.forget(path: FileNames.resume))
        #expect(disk.snapshot()[FileNames.resume] == nil)
        _ = clock
    }
}
