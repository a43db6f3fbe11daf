import CairnPlatform
import Synchronization

/// Passes everything on to another file system, but fails one kind of operation as long as it is told to.
final class FailingFileSystem: FileSystem {
    private let base: any FileSystem
    private let failing = Mutex<(operation: String, code: Int32)?>(nil)

    init(_ base: any FileSystem) { self.base = base }

    /// From now on `operation` (`write`, `fdatasync`, `rename`) fails with `code`; nil: everything works again.
    func fail(_ operation: String, _ code: Int32?) {
        failing.withLock { $0 = code.map { (operation, $0) } }
    }

    fileprivate func check(_ operation: String, _ path: String) throws(IOFailure) {
        if let fault = failing.withLock({ $0 }), fault.operation == operation {
            throw IOFailure(operation: operation, path: path, code: fault.code)
        }
    }

    func status(_ path: String) throws(IOFailure) -> FileStatus? { try base.status(path) }
    func list(_ directory: String) throws(IOFailure) -> [String] { try base.list(directory) }
    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile { try base.openForReading(path) }
    func availableBytes() throws(IOFailure) -> UInt64 { try base.availableBytes() }
    func isInPlace() throws(IOFailure) -> Bool { try base.isInPlace() }
    func lock() throws(IOFailure) -> any DirectoryLock { try base.lock() }
    func link(_ from: String, to: String) throws(IOFailure) { try base.link(from, to: to) }
    func remove(_ path: String) throws(IOFailure) { try base.remove(path) }
    func syncDirectory(_ path: String) throws(IOFailure) { try base.syncDirectory(path) }

    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) {
        try base.createDirectory(path, mode: mode)
    }

    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile {
        FailingAppendFile(self, try base.create(path, mode: mode), path)
    }

    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile {
        FailingAppendFile(self, try base.openForAppending(path), path)
    }

    func rename(_ from: String, to: String) throws(IOFailure) {
        try check("rename", to)
        try base.rename(from, to: to)
    }
}

private final class FailingAppendFile: AppendFile {
    private let files: FailingFileSystem
    private let base: any AppendFile
    private let path: String

    init(_ files: FailingFileSystem, _ base: any AppendFile, _ path: String) {
        (self.files, self.base, self.path) = (files, base, path)
    }

    var size: UInt64 { base.size }

    func append(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) {
        try files.check("write", path)
        try base.append(bytes)
    }

    func truncate(to size: UInt64) throws(IOFailure) { try base.truncate(to: size) }

    func sync() throws(IOFailure) {
        try files.check("fdatasync", path)
        try base.sync()
    }

    func reader() throws(IOFailure) -> any ReadableFile { try base.reader() }

    func close() throws(IOFailure) { try base.close() }
}
