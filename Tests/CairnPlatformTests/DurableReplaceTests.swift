import Glibc
import Testing

@testable import CairnPlatform

@Suite struct DurableReplaceTests {
    private let directory: TemporaryDirectory
    private let files: PosixFileSystem

    init() throws {
        directory = try TemporaryDirectory()
        files = try directory.fileSystem()
        try files.createDirectory("keys", mode: 0o700)
    }

    @Test(arguments: ["head", "keys/epoch"], [0o600, 0o640, 0o444] as [UInt32])
    func replaceMakesAndReplaces(_ path: String, _ mode: UInt32) throws {
        try files.replace(path, with: Array("one".utf8), mode: mode)
        #expect(try files.text(path) == "one")
        #expect(try directory.mode(of: path) == mode)
        let identity = try files.status(path)?.identity

        try files.replace(path, with: Array("second".utf8), mode: mode)
        #expect(try files.text(path) == "second")
        #expect(try directory.mode(of: path) == mode)
        #expect(try files.status(path)?.identity != identity)
        #expect(try files.list(parentDirectory(of: path)).contains { $0.hasSuffix(".tmp") } == false)
    }

    @Test func emptyContentsAreContents() throws {
        try files.replace("head", with: [], mode: 0o600)
        #expect(try files.contents("head", limit: 0) == [])
    }

    @Test func leftOverTemporaryIsRemovedFirst() throws {
        try files.write("head.tmp", "half of something long that must not show through")
        try files.replace("head", with: Array("new".utf8), mode: 0o640)
        #expect(try files.text("head") == "new")
        #expect(try directory.mode(of: "head") == 0o640)
        #expect(try files.list("") == ["head", "keys"])
    }

    @Test func readerOfTheOldFileKeepsIt() throws {
        try files.replace("head", with: Array("old".utf8), mode: 0o600)
        let reader = try files.openForReading("head")
        try files.replace("head", with: Array("newer".utf8), mode: 0o600)
        #expect(try reader.size() == 3)
    }

    /// The order is the promise: bytes durable, then the name, then the name durable.
    @Test func stepsAreInTheDurableOrder() throws {
        let recording = RecordingFileSystem(files)
        try recording.replace("keys/epoch", with: [1, 2, 3], mode: 0o600)
        #expect(recording.operations == Self.steps)
    }

    private static let steps = [
        "remove keys/epoch.tmp", "create keys/epoch.tmp", "append", "sync", "close",
        "rename keys/epoch.tmp to keys/epoch", "syncDirectory keys",
    ]

    /// Whatever step fails, the failure is told, one whole file stands, and no temporary is left.
    @Test(arguments: steps.indices)
    func failureLeavesOneWholeFile(_ failing: Int) throws {
        try files.replace("keys/epoch", with: Array("old".utf8), mode: 0o600)
        let recording = RecordingFileSystem(files, failingAt: failing)
        #expect(code { try recording.replace("keys/epoch", with: Array("new".utf8), mode: 0o600) } == EIO)

        #expect(recording.operations[...failing] == Self.steps[...failing])
        let isRenamed = failing == Self.steps.count - 1
        #expect(try files.text("keys/epoch") == (isRenamed ? "new" : "old"))
        #expect(try files.list("keys") == ["epoch"])

        // And the next try succeeds.
        try files.replace("keys/epoch", with: Array("next".utf8), mode: 0o600)
        #expect(try files.text("keys/epoch") == "next")
    }

    @Test func missingDirectoryIsAFailure() {
        #expect(code { try files.replace("none/head", with: [1], mode: 0o600) } == ENOENT)
    }

    @Test func directoryInTheWayIsAFailureAndLeavesNoTemporary() throws {
        #expect(code { try files.replace("keys", with: [1], mode: 0o600) } == EISDIR)
        #expect(try files.list("") == ["keys"])
    }

    @Test(arguments: [("head", ""), ("segments/x", "segments"), ("a/b/c", "a/b"), ("", "")])
    func parentOfAPath(_ path: String, _ expected: String) {
        #expect(parentDirectory(of: path) == expected)
    }
}
