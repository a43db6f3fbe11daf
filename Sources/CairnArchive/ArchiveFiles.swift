internal import CairnFormat
package import CairnPlatform
import Synchronization

/// A log in an archive, as a directory that can be read: queries and verification work on it in place, and fetch only
/// what they look at. It has no head and no active segment.
package final class ArchiveFiles: ReadableFileSystem {
    private let storage: any ObjectStorage
    private let layout: ArchiveLayout
    /// First sequence numbers of the segments, in order.
    private let segments: [UInt64]
    private let manifests = Mutex<[UInt64: ArchiveManifest]>([:])

    package init(_ storage: any ObjectStorage, _ layout: ArchiveLayout) throws(ArchiveError) {
        self.storage = storage
        self.layout = layout
        var segments: [UInt64] = []
        try storage.forEach(prefix: layout.manifests) { (object) throws(ArchiveError) in
            if let first = ArchiveLayout.number(object.key, prefix: layout.manifests, suffix: ".json") {
                segments.append(first)
            }
            return true
        }
        self.segments = segments.sorted()
    }

    /// The object that a path stands for, and its size where the manifest says it.
    private enum Place {
        case object(key: String, size: UInt64?)
        case directory
        case nothing
    }

    private func place(_ path: String) throws(ArchiveError) -> Place {
        switch path {
        case "", FileNames.segments: return .directory
        case FileNames.origin: return .object(key: layout.origin, size: nil)
        case FileNames.checkpoint:
            return try newestCheckpoint().map { .object(key: $0, size: nil) } ?? .nothing
        default: break
        }
        let prefix = FileNames.segments + "/"
        guard path.hasPrefix(prefix), let (first, part) = FileNames.parse(String(path.dropFirst(prefix.count))),
            let manifest = try manifest(first)
        else { return .nothing }
        let object: ArchiveManifest.Object? =
            switch part.plain {
            case .data: manifest.data
            case .index: manifest.index
            case .seal: manifest.sealObject
            default: nil
            }
        guard object?.key.hasSuffix(FileNames.encrypted) == part.isEncrypted else { return .nothing }
        return object.map { .object(key: $0.key, size: $0.size) } ?? .nothing
    }

    private func newestCheckpoint() throws(ArchiveError) -> String? {
        var newest: UInt64?
        let layout = layout
        try storage.forEach(prefix: layout.checkpoints) { (object) throws(ArchiveError) in
            if let size = ArchiveLayout.number(object.key, prefix: layout.checkpoints, suffix: "") {
                newest = max(newest ?? 0, size)
            }
            return true
        }
        return newest.map { layout.checkpoint($0) }
    }

    private func manifest(_ first: UInt64) throws(ArchiveError) -> ArchiveManifest? {
        if let known = manifests.withLock({ $0[first] }) { return known }
        let key = layout.manifest(first)
        guard let bytes = try storage.contents(key, limit: ArchiveManifest.sizeLimit) else { return nil }
        let manifest = try ArchiveManifest(bytes, key: key)
        manifests.withLock { $0[first] = manifest }
        return manifest
    }

    // MARK: - Files

    package func status(_ path: String) throws(IOFailure) -> FileStatus? {
        try reaching(path) { () throws(ArchiveError) -> FileStatus? in
            switch try place(path) {
            case .nothing: return nil
            case .directory:
                return FileStatus(size: 0, identity: ArchiveFiles.identity(path), modified: 0, isDirectory: true)
            case .object(let key, _):
                guard let status = try storage.head(key) else { return nil }
                return FileStatus(
                    size: status.size, identity: ArchiveFiles.identity(key),
                    modified: status.modified?.nanoseconds ?? 0,
                    isDirectory: false)
            }
        }
    }

    package func list(_ directory: String) throws(IOFailure) -> [String] {
        guard directory == FileNames.segments else {
            throw IOFailure(operation: "list", path: directory, code: IOFailure.missing)
        }
        return segments.flatMap { first in
            [FileNames.Part.data, .index, .seal].map { part in
                String(FileNames.segment(first, part).dropFirst(FileNames.segments.count + 1))
            }
        }.sorted()
    }

    package func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile {
        try reaching(path) { () throws(ArchiveError) -> ArchivedFile? in
            guard case .object(let key, let stated) = try place(path), let status = try storage.head(key) else {
                return nil
            }
            if let stated, stated != status.size {
                throw ArchiveError(.changed, "it has \(status.size) bytes, and its manifest says \(stated)", key: key)
            }
            return ArchivedFile(storage, key, size: status.size)
        }.orMissing(path)
    }

    private func reaching<R>(_ path: String, _ body: () throws(ArchiveError) -> R) throws(IOFailure) -> R {
        do throws(ArchiveError) {
            return try body()
        } catch {
            throw IOFailure(error, path: path)
        }
    }

    /// One object is one file: that of a key.
    fileprivate static func identity(_ key: String) -> FileIdentity {
        FileIdentity(device: 0, inode: Array(key.utf8).withUnsafeBytes { XXH64.hash($0, seed: 0) })
    }
}

/// An object, read in ranges.
private final class ArchivedFile: ReadableFile {
    private let storage: any ObjectStorage
    private let key: String
    private let count: UInt64

    init(_ storage: any ObjectStorage, _ key: String, size: UInt64) {
        self.storage = storage
        self.key = key
        count = size
    }

    var identity: FileIdentity { ArchiveFiles.identity(key) }

    func size() throws(IOFailure) -> UInt64 { count }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        guard offset < count else { return 0 }
        let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(UInt64(buffer.count), count - offset))])
        do throws(ArchiveError) {
            return try storage.read(key, at: offset, into: wanted)
        } catch {
            throw IOFailure(error, path: key)
        }
    }
}

extension Optional where Wrapped: ReadableFile {
    fileprivate func orMissing(_ path: String) throws(IOFailure) -> Wrapped {
        guard let self else { throw IOFailure(operation: "open", path: path, code: IOFailure.missing) }
        return self
    }
}

extension IOFailure {
    /// ENOENT.
    static let missing: Int32 = 2

    /// The failure of a storage, as one of a file system: what it said goes with it.
    init(_ error: ArchiveError, path: String) {
        // EIO, but for what is not there.
        self.init(operation: "read", path: path, code: error.code == .notFound ? IOFailure.missing : 5)
        explanation = "\(error)"
    }
}
