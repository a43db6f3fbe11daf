import CairnPlatform
import Synchronization

/// Passes everything on to another file system. Before one of a reader's operations something else happens: what another
/// process does meanwhile.
final class InterruptedFileSystem: FileSystem {
    private let base: any FileSystem
    private let state: Mutex<(count: Int, operation: Int, body: (@Sendable () -> Void)?)>

    /// `body` runs once, before the operation of that number, counted from 0.
    init(_ base: any FileSystem, before operation: Int, _ body: @escaping @Sendable () -> Void) {
        self.base = base
        state = Mutex((0, operation, body))
    }

    /// Operations so far.
    var count: Int { state.withLock { $0.count } }

    fileprivate func tick() {
        let body = state.withLock { state in
            defer { state.count += 1 }
            guard state.count == state.operation else { return nil as (@Sendable () -> Void)? }
            defer { state.body = nil }
            return state.body
        }
        body?()
    }

    func status(_ path: String) throws(IOFailure) -> FileStatus? {
        tick()
        return try base.status(path)
    }

    func list(_ directory: String) throws(IOFailure) -> [String] {
        tick()
        return try base.list(directory)
    }

    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile {
        tick()
        return InterruptedFile(self, try base.openForReading(path))
    }

    func isInPlace() throws(IOFailure) -> Bool { try base.isInPlace() }
    func availableBytes() throws(IOFailure) -> UInt64 { try base.availableBytes() }
    func lock() throws(IOFailure) -> any DirectoryLock { try base.lock() }
    func link(_ from: String, to: String) throws(IOFailure) { try base.link(from, to: to) }
    func remove(_ path: String) throws(IOFailure) { try base.remove(path) }
    func syncDirectory(_ path: String) throws(IOFailure) { try base.syncDirectory(path) }
    func rename(_ from: String, to: String) throws(IOFailure) { try base.rename(from, to: to) }

    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) {
        try base.createDirectory(path, mode: mode)
    }

    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile {
        try base.create(path, mode: mode)
    }

    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile { try base.openForAppending(path) }
}

private final class InterruptedFile: ReadableFile {
    private let files: InterruptedFileSystem
    private let base: any ReadableFile

    init(_ files: InterruptedFileSystem, _ base: any ReadableFile) { (self.files, self.base) = (files, base) }

    var identity: FileIdentity { base.identity }

    func size() throws(IOFailure) -> UInt64 {
        files.tick()
        return try base.size()
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        files.tick()
        return try base.read(at: offset, into: buffer)
    }
}
