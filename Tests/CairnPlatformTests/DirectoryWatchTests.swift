import CairnPlatform
import Glibc
import Testing

@Suite struct DirectoryWatchTests {
    private let directory: TemporaryDirectory
    private let files: PosixFileSystem

    /// Long enough for any machine; a test that works never waits so long.
    private let ample: Int32 = 30_000

    init() throws {
        directory = try TemporaryDirectory()
        files = try directory.fileSystem()
        try files.createDirectory("segments", mode: 0o700)
        try files.createDirectory("keys", mode: 0o700)
        try files.write("segments/old", "x")
    }

    private func watch(_ directories: [String] = ["", "segments"]) throws -> DirectoryWatch {
        try DirectoryWatch(root: directory.path, directories: directories)
    }

    private enum Change: CaseIterable {
        case create, append, truncate, rename, replace, link, remove, createInRoot
    }

    private func make(_ change: Change) throws {
        switch change {
        case .create: try files.create("segments/new", mode: 0o600).close()
        case .append: try files.openForAppending("segments/old").append("y")
        case .truncate: try files.openForAppending("segments/old").truncate(to: 0)
        case .rename: try files.rename("segments/old", to: "segments/new")
        case .replace: try files.replace("segments/old", with: [1], mode: 0o600)
        case .link: try files.link("segments/old", to: "segments/new")
        case .remove: try files.remove("segments/old")
        case .createInRoot: try files.write("head", "x")
        }
    }

    @Test(arguments: Change.allCases)
    private func changeIsToldOnce(_ change: Change) throws {
        let watch = try watch()
        #expect(try !watch.wait(timeoutMilliseconds: 0))
        try make(change)
        #expect(try watch.wait(timeoutMilliseconds: ample))
        #expect(try !watch.wait(timeoutMilliseconds: 0))
    }

    @Test func manyChangesAreToldAtOnce() throws {
        let watch = try watch()
        for index in 0..<2_000 { try files.create("segments/\(index)", mode: 0o600).close() }
        #expect(try watch.wait(timeoutMilliseconds: ample))
        #expect(try !watch.wait(timeoutMilliseconds: 0))
    }

    @Test func readingAndOtherDirectoriesAreNoChange() throws {
        let watch = try watch(["segments"])
        _ = try files.text("segments/old")
        _ = try files.list("segments")
        try files.write("keys/epoch", "x")
        try files.write("head", "x")
        #expect(try !watch.wait(timeoutMilliseconds: 0))
    }

    @Test func waitingThreadIsWoken() throws {
        let watch = try watch()
        let told = Guarded(false)
        let thread = try DedicatedThread(name: "follow") {
            told.update { $0 = (try? watch.wait(timeoutMilliseconds: -1)) == true }
        }
        try files.openForAppending("segments/old").append("y")
        thread.join()
        #expect(told.withLock { $0 })
    }

    @Test func timeIsUp() throws {
        let watch = try watch()
        let deadline = SystemTimeSource().monotonic() + 3_000_000
        #expect(try !watch.wait(timeoutMilliseconds: 3))
        #expect(SystemTimeSource().monotonic() >= deadline)
    }

    @Test func stopEndsThisWaitAndEveryLater() throws {
        let watch = try watch()
        let told = Guarded<Bool?>(nil)
        let thread = try DedicatedThread(name: "follow") {
            told.update { $0 = try? watch.wait(timeoutMilliseconds: -1) }
        }
        watch.stop()
        thread.join()
        #expect(told.withLock { $0 } == false)

        watch.stop()
        try make(.create)
        #expect(try !watch.wait(timeoutMilliseconds: -1))
    }

    @Test func directoryThatGoesTellsOnce() throws {
        let watch = try watch(["keys"])
        try #require(rmdir("\(directory.path)/keys") == 0)
        #expect(try watch.wait(timeoutMilliseconds: ample))
        #expect(try !watch.wait(timeoutMilliseconds: 0))
    }

    @Test func onlyDirectoriesThatExistAreWatched() {
        #expect(throws: IOFailure(operation: "inotify_add_watch", path: "\(directory.path)/none", code: ENOENT)) {
            try watch(["none"])
        }
        #expect(code { _ = try watch(["segments/old"]) } == ENOTDIR)
    }
}
