import CairnPlatform
import Glibc

/// A directory of one file in memory; nothing can be written.
final class OneFile: FileSystem {
    final class File: ReadableFile {
        let bytes: [UInt8]
        let identity = FileIdentity(device: 1, inode: 1)

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func size() throws(IOFailure) -> UInt64 { UInt64(bytes.count) }

        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
            guard offset < UInt64(bytes.count) else { return 0 }
            let rest = bytes[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: rest)
            return rest.count
        }
    }

    let file: File

    init(_ bytes: [UInt8]) { file = File(bytes) }

    func status(_ path: String) throws(IOFailure) -> FileStatus? {
        FileStatus(size: UInt64(file.bytes.count), identity: file.identity, modified: 0, isDirectory: false)
    }

    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile { file }

    func list(_ directory: String) throws(IOFailure) -> [String] { throw readOnly("list", directory) }
    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) { throw readOnly("mkdir", path) }
    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile { throw readOnly("create", path) }
    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile { throw readOnly("open", path) }
    func rename(_ from: String, to: String) throws(IOFailure) { throw readOnly("rename", from) }
    func link(_ from: String, to: String) throws(IOFailure) { throw readOnly("link", from) }
    func remove(_ path: String) throws(IOFailure) { throw readOnly("remove", path) }
    func syncDirectory(_ path: String) throws(IOFailure) { throw readOnly("fsync", path) }
    func availableBytes() throws(IOFailure) -> UInt64 { 0 }
    func isInPlace() throws(IOFailure) -> Bool { true }
    func lock() throws(IOFailure) -> any DirectoryLock { throw readOnly("lock", "") }

    private func readOnly(_ operation: String, _ path: String) -> IOFailure {
        IOFailure(operation: operation, path: path, code: EROFS)
    }
}
