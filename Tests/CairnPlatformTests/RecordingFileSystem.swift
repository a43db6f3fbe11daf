import CairnPlatform
import Glibc
import Synchronization

/// Passes everything on to a real file system, notes what changes something, and fails the operation that it is told to.
final class RecordingFileSystem: FileSystem {
    private struct State {
        var operations: [String] = []
        var failingAt: Int?
    }

    private let base: PosixFileSystem
    private let state: Mutex<State>

    /// - Parameter failingAt: the index of the operation that fails with EIO instead of being done; nil for none.
    init(_ base: PosixFileSystem, failingAt: Int? = nil) {
        self.base = base
        state = Mutex(State(failingAt: failingAt))
    }

    var operations: [String] { state.withLock { $0.operations } }

    fileprivate func note(_ operation: String, _ path: String) throws(IOFailure) {
        let fails = state.withLock { state in
            state.operations.append(path.isEmpty ? operation : "\(operation) \(path)")
            return state.failingAt == state.operations.count - 1
        }
        if fails { throw IOFailure(operation: operation, path: path, code: EIO) }
    }

    func status(_ path: String) throws(IOFailure) -> FileStatus? { try base.status(path) }
    func list(_ directory: String) throws(IOFailure) -> [String] { try base.list(directory) }
    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile { try base.openForReading(path) }
    func availableBytes() throws(IOFailure) -> UInt64 { try base.availableBytes() }
    func isInPlace() throws(IOFailure) -> Bool { try base.isInPlace() }
    func lock() throws(IOFailure) -> any DirectoryLock { try base.lock() }

    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) {
        try note("createDirectory", path)
        try base.createDirectory(path, mode: mode)
    }

    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile {
        try note("create", path)
        return RecordingAppendFile(try base.create(path, mode: mode), self)
    }

    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile {
        try note("openForAppending", path)
        return RecordingAppendFile(try base.openForAppending(path), self)
    }

    func rename(_ from: String, to: String) throws(IOFailure) {
        try note("rename", "\(from) to \(to)")
        try base.rename(from, to: to)
    }

    func link(_ from: String, to: String) throws(IOFailure) {
        try note("link", "\(from) to \(to)")
        try base.link(from, to: to)
    }

    func remove(_ path: String) throws(IOFailure) {
        try note("remove", path)
        try base.remove(path)
    }

    func syncDirectory(_ path: String) throws(IOFailure) {
        try note("syncDirectory", path)
        try base.syncDirectory(path)
    }
}

private final class RecordingAppendFile: AppendFile {
    private let base: any AppendFile
    private let files: RecordingFileSystem

    init(_ base: any AppendFile, _ files: RecordingFileSystem) {
        self.base = base
        self.files = files
    }

    var size: UInt64 { base.size }

    func append(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) {
        try files.note("append", "")
        try base.append(bytes)
    }

    func truncate(to size: UInt64) throws(IOFailure) {
        try files.note("truncate", "")
        try base.truncate(to: size)
    }

    func sync() throws(IOFailure) {
        try files.note("sync", "")
        try base.sync()
    }

    func reader() throws(IOFailure) -> any ReadableFile { try base.reader() }

    func close() throws(IOFailure) {
        try files.note("close", "")
        try base.close()
    }
}
