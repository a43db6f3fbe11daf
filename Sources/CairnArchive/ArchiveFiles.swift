internal import CairnFormat
package import CairnPlatform
import Synchronization

/// A log in an archive, as a directory that can be read: queries and verification work on it in place, and fetch only
/// what they look at. It has no head and no active segment.
package final class ArchiveFiles: ReadableFileSystem {
    private let storage: any ObjectStorage
    private let layout: ArchiveLayout
    /// Whether it is known by now which objects are missing.
    private let isChecked: Bool
    /// First sequence numbers of the segments, in order.
    private let segments: [UInt64]
    private let manifests: Mutex<[UInt64: ArchiveManifest]>

    package init(_ storage: any ObjectStorage, _ layout: ArchiveLayout) throws(ArchiveError) {
        self.storage = storage
        self.layout = layout
        isChecked = false
        segments = try ArchiveFiles.segments(storage, layout)
        manifests = Mutex([:])
    }

    /// The log as these manifests have it, to be verified: what is missing of it is just not there.
    init(_ storage: any ObjectStorage, _ layout: ArchiveLayout, _ manifests: [UInt64: ArchiveManifest]) {
        self.storage = storage
        self.layout = layout
        isChecked = true
        segments = manifests.keys.sorted()
        self.manifests = Mutex(manifests)
    }

    /// First sequence numbers of the segments that have a manifest, in order.
    static func segments(
        _ storage: any ObjectStorage, _ layout: ArchiveLayout
    ) throws(ArchiveError) -> [UInt64] {
        var segments: [UInt64] = []
        try storage.forEach(prefix: layout.manifests) { (object) throws(ArchiveError) in
            if let first = ArchiveLayout.number(object.key, prefix: layout.manifests, suffix: ".json") {
                segments.append(first)
            }
            return true
        }
        return segments.sorted()
    }

    /// What a path stands for.
    private enum Place {
        case object(key: String)
        case directory
        case nothing
    }

    private func place(_ path: String) throws(ArchiveError) -> Place {
        switch path {
        case "", FileNames.segments: return .directory
        case FileNames.origin: return .object(key: layout.origin)
        case FileNames.checkpoint:
            return try newestCheckpoint().map { .object(key: $0) } ?? .nothing
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
        return object.map { .object(key: $0.key) } ?? .nothing
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
            case .object(let key):
                guard let size = try storage.size(key) else { return try absent(key) }
                return FileStatus(size: size, identity: ArchiveFiles.identity(key), modified: 0, isDirectory: false)
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
            // As long as it is, and not as its manifest says: whoever reads it finds what is wrong, and verification
            // names it.
            guard case .object(let key) = try place(path) else { return nil }
            guard let size = try storage.size(key) else { return try absent(key) }
            return ArchivedFile(storage, key, size: size)
        }.orMissing(path)
    }

    /// Nil for an object that need not be there. One that a manifest names must: a query would leave out its events
    /// without a word.
    private func absent<R>(_ key: String) throws(ArchiveError) -> R? {
        guard isChecked || key == layout.origin else {
            throw ArchiveError(
                .unavailable, "the object is not there, and its manifest names it: run \"cairn verify --archive\"",
                key: key)
        }
        return nil
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
