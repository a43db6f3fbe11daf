import CairnPlatform
import Glibc
import Testing

@Suite struct PosixFileSystemTests {
    private let directory: TemporaryDirectory
    private let files: PosixFileSystem

    init() throws {
        directory = try TemporaryDirectory()
        files = try directory.fileSystem()
    }

    // MARK: Root

    @Test func rootMustExistAndBeADirectory() throws {
        try files.write("file", "x")
        #expect(code { _ = try PosixFileSystem(root: "\(directory.path)/none") } == ENOENT)
        #expect(code { _ = try PosixFileSystem(root: "\(directory.path)/file") } == ENOTDIR)
    }

    @Test func rootThatIsRenamedAndReplacedIsStillTheSame() throws {
        let (old, moved) = ("\(directory.path)/log", "\(directory.path)/moved")
        try PosixFileSystem.createRoot(old, mode: 0o700)
        let log = try PosixFileSystem(root: old)
        try #require(rename(old, moved) == 0)
        try PosixFileSystem.createRoot(old, mode: 0o700)

        try log.write("x", "mine")
        try log.syncDirectory("")
        #expect(try files.list("moved") == ["x"])
        #expect(try files.list("log").isEmpty)
    }

    @Test func createRootMakesParentsAndLeavesWhatIsThere() throws {
        let path = "\(directory.path)/a//b/log/"
        try PosixFileSystem.createRoot(path, mode: 0o2750)
        #expect(try directory.mode(of: "a/b/log") == 0o2750)
        #expect(try directory.mode(of: "a/b") == 0o755)
        #expect(try directory.mode(of: "a") == 0o755)

        try PosixFileSystem.createRoot("\(directory.path)/a/b/log", mode: 0o700)
        #expect(try directory.mode(of: "a/b/log") == 0o2750)
    }

    @Test func createRootRefusesAFileInTheWay() throws {
        try files.write("file", "x")
        #expect(code { try PosixFileSystem.createRoot("\(directory.path)/file", mode: 0o700) } == EEXIST)
        #expect(code { try PosixFileSystem.createRoot("\(directory.path)/file/log", mode: 0o700) } == EEXIST)
        #expect(code { try PosixFileSystem.createRoot("", mode: 0o700) } == ENOENT)
    }

    // MARK: Paths

    @Test(arguments: ["/etc/passwd", "/", "..", "../x", "a/../../x", "segments/..", "a\0b"])
    func pathThatLeavesTheRootIsRefused(_ path: String) throws {
        #expect(code { _ = try files.status(path) } == EINVAL)
        #expect(code { _ = try files.list(path) } == EINVAL)
        #expect(code { try files.createDirectory(path, mode: 0o700) } == EINVAL)
        #expect(code { _ = try files.openForReading(path) } == EINVAL)
        #expect(code { _ = try files.create(path, mode: 0o600) } == EINVAL)
        #expect(code { _ = try files.openForAppending(path) } == EINVAL)
        #expect(code { try files.rename(path, to: "x") } == EINVAL)
        #expect(code { try files.rename("x", to: path) } == EINVAL)
        #expect(code { try files.link(path, to: "x") } == EINVAL)
        #expect(code { try files.link("x", to: path) } == EINVAL)
        #expect(code { try files.remove(path) } == EINVAL)
        #expect(code { try files.syncDirectory(path) } == EINVAL)
        #expect(try files.list("").isEmpty)
    }

    @Test(arguments: ["..x", "x..", "a b", "...", "ümläut"])
    func pathThatOnlyLooksOddIsTaken(_ path: String) throws {
        try files.write(path, "x")
        #expect(try files.list("") == [path])
    }

    @Test func failureNamesThePathAsGivenAndTheRootInFull() throws {
        #expect(throws: IOFailure(operation: "open", path: "a/b", code: ENOENT)) { try files.openForReading("a/b") }
        let gone = try TemporaryDirectory()
        let log = try gone.fileSystem()
        try #require(rmdir(gone.path) == 0)
        #expect(throws: IOFailure(operation: "open", path: "x", code: ENOENT)) { try log.create("x", mode: 0o600) }
        #expect(throws: IOFailure(operation: "open", path: gone.path, code: EISDIR)) { try log.openForReading("") }
    }

    // MARK: Status and listing

    @Test func statusOfFileDirectoryAndNothing() throws {
        try files.write("file", "12345")
        try files.createDirectory("directory", mode: 0o700)

        let file = try #require(try files.status("file"))
        #expect(file.size == 5)
        #expect(!file.isDirectory)
        #expect(try files.status("directory")?.isDirectory == true)
        #expect(try files.status("")?.isDirectory == true)
        #expect(try files.status("none") == nil)
        #expect(try files.status("directory/none") == nil)
        #expect(code { _ = try files.status("file/below") } == ENOTDIR)

        let identities = try Set(["", "file", "directory"].compactMap { try files.status($0)?.identity })
        #expect(identities.count == 3)
    }

    /// Seconds, nanoseconds, and what comes out; a time that 64 bits cannot hold is clamped.
    @Test(arguments: [
        (1_764_000_000, 123_456_789, Int64(1_764_000_000_123_456_789)),
        (0, 1, 1),
        (-1, 500_000_000, -500_000_000),
        (13_569_465_600, 0, .max),
    ])
    func modifiedIsInNanoseconds(_ seconds: Int, _ nanoseconds: Int, _ expected: Int64) throws {
        try files.write("file", "x")
        let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
        try #require(utimensat(AT_FDCWD, "\(directory.path)/file", [time, time], 0) == 0)
        #expect(try files.status("file")?.modified == expected)
    }

    @Test func listIsSortedAndHasNoDots() throws {
        try files.createDirectory("segments", mode: 0o700)
        let names = (0..<300).map { "0000\(1_000 + $0).seal" } + [".hidden", String(repeating: "n", count: 255)]
        for name in names.shuffled() { try files.write("segments/\(name)", "") }
        #expect(try files.list("segments") == names.sorted())
        #expect(try files.list("") == ["segments"])
        #expect(code { _ = try files.list("none") } == ENOENT)
        #expect(code { _ = try files.list("segments/.hidden") } == ENOTDIR)
    }

    @Test func listShowsANameThatIsNotUTF8() throws {
        let name: [CChar] = Array("\(directory.path)/".utf8CString.dropLast()) + [-1, -2, 0]
        let number = open(name, O_CREAT | O_WRONLY, 0o600)
        try #require(number >= 0)
        close(number)
        defer { unlink(name) }  // what removes the directory knows names as String only
        #expect(try files.list("").count == 1)
    }

    // MARK: Creating

    @Test func createDirectoryTwiceIsNoError() throws {
        try files.createDirectory("keys", mode: 0o700)
        try files.createDirectory("keys", mode: 0o755)
        #expect(try directory.mode(of: "keys") == 0o700)

        try files.write("file", "x")
        #expect(code { try files.createDirectory("file", mode: 0o700) } == EEXIST)
        #expect(code { try files.createDirectory("none/below", mode: 0o700) } == ENOENT)
    }

    @Test func createWantsAFreeName() throws {
        try files.write("file", "old")
        #expect(code { _ = try files.create("file", mode: 0o600) } == EEXIST)
        #expect(try files.text("file") == "old")
        #expect(code { _ = try files.create("none/file", mode: 0o600) } == ENOENT)
    }

    /// The umask is the process's: it is changed only here, and all other tests ask for modes that do not depend on it.
    @Test func modeIsExactWhateverTheUmask() throws {
        let previous = umask(0o077)
        defer { umask(previous) }
        for mode: UInt32 in [0o600, 0o640, 0o664, 0o400] {
            try files.create("file\(mode)", mode: mode).close()
            #expect(try directory.mode(of: "file\(mode)") == mode)
        }
        try files.createDirectory("directory", mode: 0o750)
        #expect(try directory.mode(of: "directory") == 0o750)
    }

    @Test func inheritedSetGroupIDStays() throws {
        try #require(chmod(directory.path, 0o2770) == 0)
        try files.createDirectory("segments", mode: 0o775)
        #expect(try directory.mode(of: "segments") == 0o2775)
    }

    // MARK: Names

    @Test func renameReplaces() throws {
        try files.write("a", "new")
        try files.write("b", "old")
        let identity = try files.status("a")?.identity
        try files.rename("a", to: "b")
        #expect(try files.list("") == ["b"])
        #expect(try files.text("b") == "new")
        #expect(try files.status("b")?.identity == identity)
        #expect(throws: IOFailure(operation: "rename", path: "a to b", code: ENOENT)) { try files.rename("a", to: "b") }
    }

    @Test func linkIsASecondNameOfTheSameFile() throws {
        try files.write("a", "text")
        try files.createDirectory("kept", mode: 0o700)
        try files.link("a", to: "kept/b")
        #expect(try files.status("a")?.identity == files.status("kept/b")?.identity)
        try files.remove("a")
        #expect(try files.text("kept/b") == "text")
        #expect(code { try files.link("a", to: "c") } == ENOENT)
        try files.write("a", "other")
        #expect(code { try files.link("a", to: "kept/b") } == EEXIST)
        #expect(try files.text("kept/b") == "text")
    }

    @Test func removeTakesFilesOnly() throws {
        try files.write("a", "x")
        try files.createDirectory("d", mode: 0o700)
        try files.remove("a")
        #expect(try files.list("") == ["d"])
        #expect(code { try files.remove("a") } == ENOENT)
        #expect(code { try files.remove("d") } == EISDIR)
    }

    @Test func syncDirectoryTakesDirectoriesOnly() throws {
        try files.createDirectory("d", mode: 0o700)
        try files.write("d/a", "x")
        try files.syncDirectory("d")
        try files.syncDirectory("")
        #expect(code { try files.syncDirectory("none") } == ENOENT)
        #expect(code { try files.syncDirectory("d/a") } == ENOTDIR)
    }

    @Test func availableBytesAreThoseOfTheFileSystem() throws {
        var result = statvfs()
        try #require(statvfs(directory.path, &result) == 0)
        let total = UInt64(result.f_blocks) * UInt64(result.f_frsize)
        let available = try files.availableBytes()
        #expect(available > 0)
        #expect(available <= total)
        #expect(try PosixFileSystem(root: "/proc").availableBytes() == 0)
    }

    // MARK: Symbolic links

    @Test func writingDoesNotFollowSymbolicLinksAndReadingDoes() throws {
        try files.write("target", "secret")
        try #require(symlink("target", "\(directory.path)/link") == 0)
        try #require(symlink("absent", "\(directory.path)/dangling") == 0)

        #expect(code { _ = try files.create("link", mode: 0o600) } == EEXIST)
        #expect(code { _ = try files.create("dangling", mode: 0o600) } == EEXIST)
        #expect(code { _ = try files.openForAppending("link") } == ELOOP)
        #expect(try files.status("absent") == nil)

        #expect(try files.text("link") == "secret")
        #expect(try files.status("link") == files.status("target"))
        #expect(try files.status("dangling") == nil)
        try files.remove("link")
        #expect(try files.text("target") == "secret")
    }
}
