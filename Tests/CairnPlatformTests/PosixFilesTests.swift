import CairnPlatform
import Glibc
import Testing

@Suite struct PosixFilesTests {
    private let directory: TemporaryDirectory
    private let files: PosixFileSystem

    init() throws {
        directory = try TemporaryDirectory()
        files = try directory.fileSystem()
    }

    // MARK: Appending

    @Test func appendCountsAndKeepsTheOrder() throws {
        let file = try files.create("file", mode: 0o600)
        #expect(file.size == 0)
        try file.append("one ")
        try file.append([UInt8]())
        try file.append(UnsafeRawBufferPointer(start: nil, count: 0))
        try file.append("two")
        #expect(file.size == 7)
        try file.sync()
        try file.close()
        #expect(try files.text("file") == "one two")
    }

    @Test func openForAppendingWritesBehindTheEnd() throws {
        try files.write("file", "old ")
        let file = try files.openForAppending("file")
        #expect(file.size == 4)
        try file.append("new")
        #expect(file.size == 7)
        try file.close()
        #expect(try files.text("file") == "old new")
        #expect(code { _ = try files.openForAppending("none") } == ENOENT)
        #expect(code { _ = try files.openForAppending("") } == EISDIR)
        #expect(try files.list("") == ["file"])
    }

    @Test func truncateCutsAndNeverExtends() throws {
        let file = try files.create("file", mode: 0o600)
        try file.append("0123456789")
        try file.truncate(to: 4)
        #expect(file.size == 4)
        try file.append("ab")
        #expect(code { try file.truncate(to: 7) } == EINVAL)
        #expect(code { try file.truncate(to: .max) } == EINVAL)
        try file.truncate(to: 6)
        #expect(file.size == 6)
        #expect(try files.text("file") == "0123ab")
        try file.truncate(to: 0)
        #expect(try files.text("file") == "")
    }

    /// Random appends, cuts and re-openings do to the file what they do to an array.
    @Test(arguments: [1, 2, 3, 20_261_121] as [UInt64])
    func fileIsTheArrayOfItsOperations(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var model: [UInt8] = []
        var file = try files.create("file", mode: 0o600)
        for step in 0..<300 {
            switch UInt8.random(in: 0..<10, using: &random) {
            case 0:
                let size = Int.random(in: 0...model.count, using: &random)
                try file.truncate(to: UInt64(size))
                model.removeLast(model.count - size)
            case 1:
                try file.close()
                file = try files.openForAppending("file")
            default:
                let count = Int.random(in: 0..<5_000, using: &random)
                let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
                try file.append(bytes)
                model += bytes
            }
            #expect(file.size == UInt64(model.count), "seed \(seed), step \(step)")
        }
        #expect(try files.contents("file", limit: model.count) == model, "seed \(seed)")

        let reader = try files.openForReading("file")
        for _ in 0..<100 {
            let offset = Int.random(in: 0...model.count + 10, using: &random)
            var buffer = [UInt8](repeating: 0, count: Int.random(in: 0...2_000, using: &random))
            let capacity = buffer.count
            let count = try buffer.withUnsafeMutableBytes { try reader.read(at: UInt64(offset), into: $0) }
            let expected = model.dropFirst(offset).prefix(capacity)
            #expect(buffer[..<count] == expected, "seed \(seed), offset \(offset), capacity \(capacity)")
        }
    }

    @Test func closedFileRefusesAllButClose() throws {
        let file = try files.create("file", mode: 0o600)
        try file.append("x")
        try file.close()
        try file.close()
        #expect(code { try file.append("y") } == EBADF)
        #expect(code { try file.truncate(to: 0) } == EBADF)
        #expect(code { try file.sync() } == EBADF)
        #expect(file.size == 1)
        #expect(try files.text("file") == "x")
    }

    // MARK: Failures of the device

    @Test func fullDiskIsReportedAndNothingCounted() throws {
        let devices = try PosixFileSystem(root: "/dev")
        let file = try devices.openForAppending("full")
        do {
            try file.append("x")
            Issue.record("the full disk took a byte")
        } catch {
            #expect(error == IOFailure(operation: "write", path: "full", code: ENOSPC))
            #expect(error.isOutOfSpace)
        }
        #expect(file.size == 0)
        // A full disk can become free again: the file is not lost.
        #expect(code { try file.append("x") } == ENOSPC)
        try file.close()
    }

    /// A character device has no fdatasync: the failure is real, if not that of a disk.
    @Test func fileIsNeverWrittenAgainAfterAFailedSync() throws {
        let devices = try PosixFileSystem(root: "/dev")
        let file = try devices.openForAppending("null")
        try file.append("taken")
        let failure = IOFailure(operation: "fdatasync", path: "null", code: EINVAL)
        #expect(throws: failure) { try file.sync() }
        #expect(throws: failure) { try file.append("x") }
        #expect(throws: failure) { try file.append([UInt8](repeating: 0, count: 100)) }
        #expect(throws: failure) { try file.truncate(to: 0) }
        #expect(throws: failure) { try file.sync() }
        #expect(file.size == 5)
        try file.close()
    }

    // MARK: Reading

    /// Offset and capacity, and what is read of "0123456789".
    @Test(arguments: [
        (0, 10, "0123456789"), (0, 4, "0123"), (3, 4, "3456"), (8, 4, "89"), (10, 4, ""), (11, 4, ""), (0, 0, ""),
        (UInt64.max, 4, ""), (UInt64(Int64.max), 4, ""), (UInt64(Int64.max) - 4, 4, ""), (1 << 62, 4, ""),
    ])
    func readIsShortOnlyAtTheEnd(_ offset: UInt64, _ capacity: Int, _ expected: String) throws {
        try files.write("file", "0123456789")
        let file = try files.openForReading("file")
        var buffer = [UInt8](repeating: 0, count: capacity)
        let count = try buffer.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
        #expect(String(decoding: buffer[..<count], as: UTF8.self) == expected)
    }

    @Test func openFileStaysTheSameWhenItsNameDoesNot() throws {
        try files.write("file", "old")
        let file = try files.openForReading("file")
        let identity = try files.status("file")?.identity
        try files.write("other", "new!")
        try files.rename("other", to: "file")

        #expect(file.identity == identity)
        #expect(try files.status("file")?.identity != identity)
        #expect(try file.size() == 3)
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(try buffer.withUnsafeMutableBytes { try file.read(at: 0, into: $0) } == 3)
        #expect(String(decoding: buffer[..<3], as: UTF8.self) == "old")
    }

    @Test func sizeFollowsTheWriter() throws {
        let writer = try files.create("file", mode: 0o600)
        let reader = try files.openForReading("file")
        #expect(try reader.size() == 0)
        try writer.append("12345")
        #expect(try reader.size() == 5)
        try writer.truncate(to: 2)
        #expect(try reader.size() == 2)
    }

    @Test func onlyRegularFilesAreOpenedForReading() throws {
        try files.createDirectory("directory", mode: 0o700)
        try #require(mkfifo("\(directory.path)/pipe", 0o600) == 0)
        #expect(code { _ = try files.openForReading("directory") } == EISDIR)
        #expect(code { _ = try files.openForReading("pipe") } == EINVAL)
        #expect(code { _ = try PosixFileSystem(root: "/dev").openForReading("zero") } == EINVAL)
        #expect(code { _ = try files.openForReading("none") } == ENOENT)
    }

    // MARK: Whole files

    /// Size, limit, and the failure.
    @Test(
        arguments: [
            (0, 0, nil), (0, 10, nil), (5, 5, nil), (5, 6, nil), (6, 5, EFBIG), (1, 0, EFBIG), (1, -1, EFBIG),
            (300_000, 300_000, nil), (300_001, 300_000, EFBIG),
        ] as [(Int, Int, Int32?)])
    func contentsKeepTheLimit(_ size: Int, _ limit: Int, _ expected: Int32?) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let file = try files.create("file", mode: 0o600)
        try file.append(bytes)
        try file.close()
        if let expected {
            #expect(throws: IOFailure(operation: "read", path: "file", code: expected)) {
                try files.contents("file", limit: limit)
            }
        } else {
            #expect(try files.contents("file", limit: limit) == bytes)
        }
    }

    @Test func contentsOfNothingAreNilAndOfADirectoryAnError() throws {
        #expect(try files.contents("none", limit: 10) == nil)
        #expect(try files.contents("none/below", limit: 10) == nil)
        #expect(code { _ = try files.contents("", limit: 10) } == EISDIR)
    }
}
