import CairnPlatform
import Glibc
import Testing

@Suite struct DirectoryLockTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test func oneWriterOnly() throws {
        let (first, second) = (try directory.fileSystem(), try directory.fileSystem())
        let lock = try first.lock()
        let refused = IOFailure(operation: "flock", path: directory.path, code: EWOULDBLOCK)
        #expect(throws: refused) { try second.lock() }
        #expect(throws: refused) { try first.lock() }

        lock.release()
        let next = try second.lock()
        #expect(throws: refused) { try first.lock() }
        // The first writer's lock is over; releasing it again must not free the second's.
        lock.release()
        #expect(throws: refused) { try first.lock() }
        next.release()
        try first.lock().release()
    }

    @Test func lockEndsWithItsLastReference() throws {
        let files = try directory.fileSystem()
        do {
            let lock = try files.lock()
            #expect(code { _ = try files.lock() } == EWOULDBLOCK)
            withExtendedLifetime(lock) {}
        }
        try files.lock().release()
    }

    @Test func lockOutlivesTheFileSystemThatGaveIt() throws {
        var files: PosixFileSystem? = try directory.fileSystem()
        let lock = try #require(try files?.lock())
        files = nil
        #expect(code { _ = try directory.fileSystem().lock() } == EWOULDBLOCK)
        lock.release()
        try directory.fileSystem().lock().release()
    }

    @Test func lockStaysWithTheDirectoryWhenItIsRenamed() throws {
        let (old, new) = ("\(directory.path)/log", "\(directory.path)/moved")
        try PosixFileSystem.createRoot(old, mode: 0o700)
        let lock = try PosixFileSystem(root: old).lock()
        try #require(rename(old, new) == 0)
        #expect(code { _ = try PosixFileSystem(root: new).lock() } == EWOULDBLOCK)
        lock.release()
    }

    @Test func lockLeavesNoFileAndStopsNoReader() throws {
        let files = try directory.fileSystem()
        let lock = try files.lock()
        #expect(try files.list("").isEmpty)
        try files.write("x", "readable")
        #expect(try directory.fileSystem().text("x") == "readable")
        lock.release()
    }

    @Test func differentDirectoriesDoNotExclude() throws {
        let other = try TemporaryDirectory()
        let (first, second) = (try directory.fileSystem().lock(), try other.fileSystem().lock())
        first.release()
        second.release()
    }
}
