import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Glibc
import Testing

/// Events of the daemon that what comes next relies on: they are signed at once, and have the space in reserve.
@Suite struct RecordTests {
    private static func own(_ action: String, id: String? = nil) throws -> Submission {
        try Submission.own([OwnEvent.line(action: action, id: id)], uid: 0, pid: 1)
    }

    private static func head(_ disk: TestDisk) throws -> Head {
        let note = try #require(try LogDirectory(disk.files).note(FileNames.head)).note
        return try Head(text: note.text)
    }

    private static func actions(_ disk: TestDisk) throws -> [String] {
        try disk.lines("module=system").sorted { $0.key < $1.key }.map { _, line in
            String(line.split(separator: "\"action\":\"")[1].prefix { $0 != "\"" })
        }
    }

    @Test func theHeadIsSignedOverIt() throws {
        let log = try CustodyLog()
        log.worker.step(.tick)
        try log.submit(["e0", "e1"])
        #expect(try Self.head(log.disk).endSequence == 0)
        #expect(log.worker.record(try Self.own("log.test")) == [2])
        #expect(try Self.head(log.disk).endSequence == 3)
        #expect(try log.disk.verification().signedThrough == 2)
        log.worker.step(.rotate)
        #expect(log.worker.record(try Self.own("log.test")) == [3])
        let head = try Self.head(log.disk)
        #expect(head.firstSequence == 3 && head.count == 1)
    }

    /// Also where the segment ends with it: the trace is then under the seal.
    @Test func aSegmentMayEndWithIt() throws {
        var configuration = Fixture.configuration
        configuration.segmentBytes = 600
        let log = try CustodyLog(configuration: configuration)
        var numbers: [UInt64] = []
        for _ in 0..<12 { numbers += try #require(log.worker.record(try Self.own("log.test"))) }
        #expect(numbers == Array(0..<12))
        #expect(log.worker.core.sealedSegments > 1)
        #expect(try log.disk.verification().signedThrough ?? 99 <= 11)
        log.disk.expectVerified()
    }

    @Test func everyLineHasItsNumber() throws {
        let log = try CustodyLog()
        try log.submit(["e0"])
        let lines = [("a", "1"), ("b", nil), ("c", "2")].map { OwnEvent.line(action: "log.\($0)", id: $1) }
        #expect(try log.recorder.record(lines) == [1, 2, 3])
        // What was stored under its id is found, in between and later.
        let again = [("a", "1"), ("d", "3"), ("c", "2"), ("d", "3")].map { OwnEvent.line(action: "log.\($0)", id: $1) }
        #expect(try log.recorder.record(again) == [1, 4, 3, 4])
        let restarted = try log.restarted()
        #expect(try restarted.recorder.record(again) == [1, 4, 3, 4])
        #expect(try restarted.disk.lines().count == 5)
        // A client's id is another.
        restarted.worker.step(.submit([try Fixture.submission([Fixture.line("x", id: "1")])]))
        #expect(try restarted.disk.lines("action=x").keys.sorted() == [5])
    }

    @Test func manyLinesAtOnce() throws {
        let log = try CustodyLog()
        let text = String(repeating: "x", count: 900)
        let lines = (0..<500).map { OwnEvent.line(action: "log.n\($0)", details: ["text": .text(text)]) }
        #expect(try log.recorder.record(lines) == Array(0..<500))
        #expect(try Self.head(log.disk).endSequence == 500)
        log.disk.expectVerified()
    }

    // MARK: Space

    /// Below the reserve no client's event is taken, and the daemon's are.
    @Test func theReserveIsForIt() throws {
        var configuration = Fixture.configuration
        configuration.stopFree = 20_000
        configuration.upkeepInterval = 0
        let log = try CustodyLog(configuration: configuration)
        try log.fill([3])
        log.disk.kernel.limit(to: log.disk.kernel.disk.usedBytes + 15_000)
        log.worker.keepUp(isUrgent: true)
        #expect(log.worker.isSuspended && log.worker.core.waitsForReserve)
        let before = log.worker.core.durable
        log.worker.step(.submit([try Fixture.submission([Fixture.line("refused")])]))
        #expect(log.worker.core.durable == before)
        #expect(log.worker.record(try Self.own("log.test", id: "1")) == [before])
        #expect(try Self.head(log.disk).endSequence == before + 1)
        // And then it waits again.
        #expect(log.worker.isSuspended && log.worker.core.waitsForReserve)
        #expect(log.worker.record(try Self.own("log.test", id: "1")) == [before])
        log.disk.expectVerified()
        log.disk.kernel.limit(to: nil)
        log.worker.retry()
        #expect(!log.worker.isSuspended)
        try log.submit(["accepted"])
    }

    /// That is what makes room: a policy can be applied while nothing else can be written.
    @Test func pruningWorksWithTheReserveAlone() throws {
        var configuration = Fixture.configuration
        configuration.stopFree = 20_000
        configuration.upkeepInterval = 0
        let log = try CustodyLog(configuration: configuration)
        try log.fill([200, 200], group: 200)
        let size = try log.prune([0]).bytes
        log.disk.kernel.limit(to: log.disk.kernel.disk.usedBytes + 19_000)
        log.worker.keepUp(isUrgent: true)
        #expect(log.worker.isSuspended)
        #expect(size > 4000)
        #expect(try log.prune([1]).removed == [1])
        log.worker.retry()
        #expect(!log.worker.isSuspended)
        log.disk.expectVerified()
    }

    /// The disk fills up while it is written: it is not done now, and may be done later.
    @Test func aFullDiskIsToldAndMadeGood() throws {
        for operation in 0..<6 {
            let log = try CustodyLog()
            try log.submit(["e0"])
            log.disk.fail(log.disk.operationCount + operation, Fault(.error(ENOSPC)))
            let sequences = log.worker.record(try Self.own("log.test", id: "1"))
            if log.worker.isHalted {
                #expect(sequences == nil)
                continue
            }
            #expect((sequences == nil) == log.worker.isSuspended, "operation \(operation)")
            if log.worker.isSuspended {
                // Nothing else is begun before that is done.
                let count = log.disk.operationCount
                #expect(log.worker.record(try Self.own("log.other")) == nil)
                #expect(log.disk.operationCount == count)
                #expect(throws: StoreError.self) { try log.recorder.record([OwnEvent.line(action: "log.other")]) }
                log.worker.retry()
            }
            #expect(log.worker.record(try Self.own("log.test", id: "1")) == [1], "operation \(operation)")
            #expect(try Self.actions(log.disk) == ["log.test"], "operation \(operation)")
            log.disk.expectVerified()
        }
    }

    @Test func aWriterThatHasStoppedRecordsNothing() throws {
        let log = try CustodyLog()
        log.disk.fail(log.disk.operationCount, Fault(.error(EIO)))
        #expect(log.worker.record(try Self.own("log.test")) == nil)
        #expect(log.worker.isHalted)
        let before = log.disk.snapshot()
        #expect(log.worker.record(try Self.own("log.test")) == nil)
        #expect(throws: StoreError.self) { try log.recorder.seal() }
        #expect(log.disk.snapshot() == before)
        #expect(try log.restarted().recorder.record([OwnEvent.line(action: "log.test")]).count == 1)
    }

    // MARK: The state machine

    /// Within one step: an append, its sync, the answer, and the head.
    @Test func theActionsAreThoseOfACommitAndAHead() throws {
        let disk = TestDisk()
        var writer = try TestWriter(disk)
        #expect(try writer.submit(["a"]) == .done)
        let actions = writer.core.step(.record(try Self.own("log.test")), now: writer.now)
        let kinds = actions.map { action in
            switch action {
            case .append: "append"
            case .sync: "sync"
            case .acknowledge: "acknowledge"
            case .replace(let path, _, _): path
            default: "other"
            }
        }
        #expect(kinds == ["append", "sync", "acknowledge", FileNames.head])
        // In the middle of a step nothing is recorded.
        #expect(writer.core.step(.record(try Self.own("log.test")), now: writer.now).isEmpty)
    }
}
