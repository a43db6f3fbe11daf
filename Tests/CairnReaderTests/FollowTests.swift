import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// Following a log that a thread of the test writes. Nothing here waits for a time: where an event did not come, the
/// test would not end, and the limit of the suite ends it.
@Suite(.timeLimit(.minutes(2))) struct FollowTests {
    /// The writer has the fixture for itself while it runs; the test looks at it only behind `join`.
    private struct Handover: @unchecked Sendable { let log: LogFixture }

    private func write(
        _ log: LogFixture, _ body: @escaping @Sendable (LogFixture) throws -> Void
    ) throws -> DedicatedThread {
        let handover = Handover(log: log)
        return try DedicatedThread(name: "writer") {
            do { try body(handover.log) } catch { Issue.record("the writer failed: \(error)") }
        }
    }

    private static func event(_ number: Int) -> String { #"{"module":"m","action":"a\#(number)"}"# }

    private func next(_ follower: Follower, _ count: Int) throws -> [LogFixture.Stored] {
        try (0..<count).map { _ in
            let event = try #require(try follower.next())
            return LogFixture.Stored(sequence: event.sequence, line: event.line)
        }
    }

    /// By inotify alone, and by looking now and then alone.
    private static let waits = [
        Follower.Waiting(watched: 3_600_000, unwatched: 3_600_000), Follower.Waiting(watched: 1, unwatched: 1),
    ]

    @Test(arguments: [0, 1])
    func appends(_ wait: Int) throws {
        let log = try LogFixture()
        try log.append(Self.event(0), Self.event(1))
        let follower = try Follower(log.open(), Query(), waiting: Self.waits[wait])
        #expect(try next(follower, 2).map(\.sequence) == [0, 1])
        let writer = try write(log) { log in
            for number in 2..<60 { try log.append(Self.event(number)) }
        }
        let found = try next(follower, 58)
        writer.join()
        #expect(found == Array(log.events[2...]))
    }

    /// As commands open a log: its directory first. A follower that did not watch it would wait for an hour.
    @Test(.timeLimit(.minutes(1))) func aDirectoryOnDiskIsWatched() throws {
        let log = try LogFixture()
        let reader = AuditLog(try LogDirectory(path: log.path))
        let follower = try Follower(reader, Query(), waiting: Self.waits[0])
        let writer = try write(log) { log in try log.append(Self.event(0)) }
        #expect(try next(follower, 1) == log.events)
        writer.join()
    }

    /// Without a directory on disk that the kernel could watch.
    @Test func withoutWatch() throws {
        let log = try LogFixture()
        let reader = AuditLog(LogDirectory(log.files))
        let follower = try Follower(reader, Query(), waiting: Follower.Waiting(watched: 3_600_000, unwatched: 1))
        let writer = try write(log) { log in
            for number in 0..<20 { try log.append(Self.event(number)) }
        }
        let found = try next(follower, 20)
        writer.join()
        #expect(found == log.events)
    }

    /// Over many rotations, replaced files and torn tails, with a filter that leaves out most of it.
    @Test(arguments: ["", "action=a7"])
    func rotations(_ filter: String) throws {
        let log = try LogFixture()
        let follower = try log.open().follow(Query(filter: Filter(filter)))
        let writer = try write(log) { log in
            for number in 0..<200 {
                try log.append(Self.event(number % 10), Self.event(number % 7))
                switch number % 9 {
                case 3: try log.seal()
                case 5: try log.replaceActiveFile()
                case 7:
                    // In two parts, as a writer may be seen at work.
                    let block = try log.block([Self.event(1), Self.event(7)])
                    try log.write(Array(block[..<50]))
                    try log.write(Array(block[50...]))
                default: break
                }
            }
        }
        let count = filter.isEmpty ? 400 + 44 : 20 + 22
        let found = try next(follower, count)
        writer.join()
        let expected = filter.isEmpty ? log.events : log.events.filter { $0.text.contains(#""action":"a7""#) }
        #expect(found == expected)
    }

    /// Segments that were compacted and pruned while nobody looked.
    @Test func whatHappenedBetweenTwoLooks() throws {
        let log = try LogFixture()
        try log.append(Self.event(0))
        let follower = try log.open().follow()
        #expect(try next(follower, 1).map(\.sequence) == [0])
        try log.append(Self.event(1))
        try log.seal()
        try log.append(Self.event(2))
        try log.seal()
        try log.append(Self.event(3))
        try log.seal()
        try log.remove(1 + 1, .data)
        #expect(try next(follower, 2).map(\.sequence) == [1, 3])
        try log.append(Self.event(4))
        #expect(try next(follower, 1) == [log.events[4]])
    }

    /// Limit, cursor, what comes first.
    @Test(
        arguments: [
            (nil, nil, [0, 1, 2, 3, 4, 5]), (2, nil, [4, 5]), (0, nil, []), (100, nil, [0, 1, 2, 3, 4, 5]),
            (nil, 3, [4, 5]),
            (1, 3, [5]), (2, 4, [5]), (3, 5, []), (nil, 5, []),
        ] as [(Int?, UInt64?, [UInt64])])
    func beginnings(_ limit: Int?, _ after: UInt64?, _ expected: [UInt64]) throws {
        let log = try LogFixture()
        try log.append(Self.event(0), Self.event(1), Self.event(2))
        try log.seal()
        try log.append(Self.event(3), Self.event(4))
        try log.append(Self.event(5))
        let follower = try log.open().follow(Query(order: .newestFirst, limit: limit, after: after))
        try log.append(Self.event(6))
        #expect(try next(follower, expected.count + 1).map(\.sequence) == expected + [6])
    }

    /// A cursor from the future waits for what comes behind it.
    @Test func cursorAhead() throws {
        let log = try LogFixture()
        try log.append(Self.event(0))
        for limit in [nil, 5] {
            let follower = try log.open().follow(Query(limit: limit, after: log.nextSequence))
            let first = log.nextSequence
            try log.append(Self.event(1), Self.event(2))
            #expect(try next(follower, 1).map(\.sequence) == [first + 1])
        }
    }

    @Test(arguments: [true, false])
    func stops(_ isWatched: Bool) throws {
        let log = try LogFixture()
        try log.append(Self.event(0))
        let reader = isWatched ? try log.open() : AuditLog(LogDirectory(log.files))
        let follower = try Follower(reader, Query(), waiting: Self.waits[0])
        #expect(try next(follower, 1).map(\.sequence) == [0])
        let stopper = try DedicatedThread(name: "stopper") { follower.stop() }
        // The writing may come before or behind the stop; behind it, nothing is given any more.
        #expect(try follower.next() == nil)
        stopper.join()
        try log.append(Self.event(1))
        #expect(try follower.next() == nil)
    }

    /// A block that is seen before all of its bytes are there is read again.
    @Test func unfinishedBlock() throws {
        let log = try LogFixture()
        try log.append(Self.event(0))
        // Longer than what is read ahead for a head, even compressed.
        var random = SeededGenerator(seed: 1)
        let noise = (0..<400).map { _ in String(random.next(), radix: 36) }.joined()
        let block = try log.block([#"{"module":"m","action":"a","details":"\#(noise)"}"#])
        let start = try #require(try log.files.status(FileNames.segment(0, .data))).size
        try log.write(block)
        let place = start + UInt64(BlockHeader.headSize) + 2
        let files = UnfinishedFileSystem(log.files, zeroing: place, readings: 3)
        let follower = try Follower(
            AuditLog(LogDirectory(files)), Query(), waiting: Follower.Waiting(unwatched: 1))
        #expect(try next(follower, 2) == log.events)
        #expect(files.left == 0)
        try log.append(Self.event(2))
        #expect(try next(follower, 1) == [log.events[2]])
    }

    /// After an error the same place is tried again.
    @Test func errorsDoNotSkip() throws {
        let log = try LogFixture()
        try log.append(Self.event(0))
        try log.append(Self.event(1))
        try log.append(Self.event(2))
        try log.publishHead()
        let place = Int(try #require(try log.blocks(0)[1])) + BlockHeader.headSize + 2
        try log.change(0, .data) { $0[place] ^= 1 }
        let follower = try log.open().follow()
        #expect(try next(follower, 1).map(\.sequence) == [0])
        for _ in 0..<2 {
            let error = #expect(throws: ReadError.self) { try follower.next() }
            #expect(error?.sequence == 1)
        }
        try log.change(0, .data) { $0[place] ^= 1 }
        #expect(try next(follower, 2).map(\.sequence) == [1, 2])
    }
}

/// Shows one byte of every file as 0 in the first readings of it, as if the writer had not come that far.
private final class UnfinishedFileSystem: FileSystem {
    private let base: PosixFileSystem
    private let place: UInt64
    private let readings: Guarded<Int>

    init(_ base: PosixFileSystem, zeroing place: UInt64, readings: Int) {
        self.base = base
        self.place = place
        self.readings = Guarded(readings)
    }

    /// Readings of the byte that will still show a 0.
    var left: Int { readings.withLock { $0 } }

    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile {
        try File(base.openForReading(path), self)
    }

    private final class File: ReadableFile {
        private let base: any ReadableFile
        private let system: UnfinishedFileSystem

        init(_ base: any ReadableFile, _ system: UnfinishedFileSystem) {
            self.base = base
            self.system = system
        }

        var identity: FileIdentity { base.identity }
        func size() throws(IOFailure) -> UInt64 { try base.size() }

        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
            let count = try base.read(at: offset, into: buffer)
            let place = system.place
            if place >= offset, place < offset + UInt64(count), system.left > 0 {
                buffer[Int(place - offset)] = 0
                system.readings.withLock { $0 -= 1 }
            }
            return count
        }
    }

    func status(_ path: String) throws(IOFailure) -> FileStatus? { try base.status(path) }
    func list(_ directory: String) throws(IOFailure) -> [String] { try base.list(directory) }
    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) {}
    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile { try base.create(path, mode: mode) }
    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile { try base.openForAppending(path) }
    func rename(_ from: String, to: String) throws(IOFailure) {}
    func link(_ from: String, to: String) throws(IOFailure) {}
    func remove(_ path: String) throws(IOFailure) {}
    func syncDirectory(_ path: String) throws(IOFailure) {}
    func availableBytes() throws(IOFailure) -> UInt64 { 0 }
    func isInPlace() throws(IOFailure) -> Bool { true }
    func lock() throws(IOFailure) -> any DirectoryLock { try base.lock() }
}
