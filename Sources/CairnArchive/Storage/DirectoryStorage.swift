import CairnFormat
package import CairnPlatform
import Glibc
import Synchronization

/// An archive in a directory: each object a file under its key.
///
/// An object is written into `.uploads`, synced, and then gets its name by link(2), which fails where the name is
/// taken, or by rename(2). So no reader finds half of one, also after a crash, which leaves a file in `.uploads` at
/// most. Nothing lists those; a later run removes them.
package final class DirectoryStorage: ObjectStorage {
    /// The directory of objects that are being written.
    static let uploads = ".uploads"
    /// Age in nanoseconds at which a file in `.uploads` is taken for one that a crash left. Another process may write
    /// to the same archive, and it is sure to have written something to its file within a day.
    static let leftoverAge: Int64 = 24 * 3600 * 1_000_000_000
    /// Bytes that are read or copied at once: few system calls, little memory.
    static let pieceBytes = 1 << 20
    /// Objects never change, so that not even their owner writes to them; the group reads, as it does logs.
    private static let fileMode: UInt32 = 0o440
    private static let directoryMode: UInt32 = 0o750

    package let name: String
    private let files: any FileSystem
    private let clock: any TimeSource
    private let entropy: any EntropySource
    /// Whether this process has looked for what an earlier one left.
    private let isTidy = Mutex(false)

    package init(
        _ files: any FileSystem, name: String, clock: any TimeSource = SystemTimeSource(),
        entropy: any EntropySource = SystemEntropySource()
    ) {
        (self.files, self.name, self.clock, self.entropy) = (files, name, clock, entropy)
    }

    /// Opens a directory on disk.
    ///
    /// - Parameter creating: makes the directory where it is missing; without it a missing one is `notFound`.
    package convenience init(path: String, creating: Bool) throws(ArchiveError) {
        let files = try storing { () throws(IOFailure) in
            if creating { try PosixFileSystem.createRoot(path, mode: Self.directoryMode) }
            return try PosixFileSystem(root: path)
        }
        self.init(files, name: path)
    }

    // MARK: Writing

    package func put(_ upload: Upload) throws(ArchiveError) {
        let key = upload.key
        try ObjectKey.check(key)
        guard upload.lock == nil else { throw Self.unlockable(key) }
        let directories = Self.directories(of: key)
        try storing(key) { () throws(IOFailure) in
            for directory in directories { try files.createDirectory(directory, mode: Self.directoryMode) }
        }
        if upload.onlyIfAbsent, try storing(key, { () throws(IOFailure) in try files.status(key) }) != nil {
            // An earlier run may have stopped before its last step; the caller takes what is there for stored.
            try makeDurable(directories, key)
            throw Self.taken(key)
        }
        let temporary = try newTemporary(key)
        do throws(ArchiveError) {
            try copy(upload, to: temporary)
            try publish(temporary, upload, directories)
        } catch {
            // The first failure is the one to tell.
            try? files.remove(temporary)
            throw error
        }
    }

    /// Writes the bytes of an upload into a new file, durably, if they are the ones that are meant.
    private func copy(_ upload: Upload, to temporary: String) throws(ArchiveError) {
        let key = upload.key
        let file = try storing(key) { () throws(IOFailure) in try files.create(temporary, mode: Self.fileMode) }
        defer { try? file.close() }
        var pass = SourcePass(upload)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 16)
        defer { buffer.deallocate() }
        while !pass.isAtEnd {
            let count = try pass.next(into: buffer)
            try storing(key) { () throws(IOFailure) in
                try file.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
            upload.progress?(pass.offset)
        }
        try storing(key) { () throws(IOFailure) in
            try file.sync()
            try file.close()
        }
    }

    /// Gives a whole object its name.
    private func publish(_ temporary: String, _ upload: Upload, _ directories: [String]) throws(ArchiveError) {
        let key = upload.key
        guard upload.onlyIfAbsent else {
            try storing(key) { () throws(IOFailure) in try files.rename(temporary, to: key) }
            try makeDurable(directories, key)
            return
        }
        do throws(IOFailure) {
            try files.link(temporary, to: key)
        } catch {
            guard error.isExisting else { throw ArchiveError(error, key: key) }
            try makeDurable(directories, key)
            throw Self.taken(key)
        }
        try makeDurable(directories, key)
        // The object is stored, whatever becomes of its first name.
        try? files.remove(temporary)
    }

    /// Makes a name durable with all directories above it, which an earlier run may have made and not synced.
    private func makeDurable(_ directories: [String], _ key: String) throws(ArchiveError) {
        try storing(key) { () throws(IOFailure) in
            for directory in directories.reversed() { try files.syncDirectory(directory) }
            try files.syncDirectory("")
        }
    }

    /// A path in `.uploads` that nobody else has.
    private func newTemporary(_ key: String) throws(ArchiveError) -> String {
        try storing(key) { () throws(IOFailure) in
            try files.createDirectory(Self.uploads, mode: Self.directoryMode)
            try removeLeftovers()
        }
        return "\(Self.uploads)/\(Hex.encode(entropy.bytes(16)))"
    }

    private func removeLeftovers() throws(IOFailure) {
        let isFirst = isTidy.withLock { isTidy in
            defer { isTidy = true }
            return !isTidy
        }
        guard isFirst else { return }
        for name in try files.list(Self.uploads) {
            let path = "\(Self.uploads)/\(name)"
            guard let status = try files.status(path), !status.isDirectory,
                clock.wall() - Self.leftoverAge > status.modified
            else { continue }
            try ignoringMissing { () throws(IOFailure) in try files.remove(path) }
        }
    }

    package func remove(_ key: String) throws(ArchiveError) {
        try ObjectKey.check(key)
        guard try status(key) != nil else { return }
        try storing(key) { () throws(IOFailure) in
            try ignoringMissing { () throws(IOFailure) in try files.remove(key) }
            try files.syncDirectory(Self.directories(of: key).last ?? "")
        }
    }

    /// The same as ``remove(_:)``: a directory keeps one version of each object.
    package func removeEveryVersion(_ key: String, bypassingGovernance: Bool) throws(ArchiveError) {
        try remove(key)
    }

    // MARK: Reading

    package func head(_ key: String) throws(ArchiveError) -> ObjectStatus? {
        try ObjectKey.check(key)
        guard let found = try status(key) else { return nil }
        guard let file = try open(key) else { return nil }
        let size = try storing(key) { () throws(IOFailure) in try file.size() }
        var status = ObjectStatus(size: size)
        status.sha256 = try hash(of: file, key)
        status.modified = Time(nanoseconds: found.modified)
        return status
    }

    package func size(_ key: String) throws(ArchiveError) -> UInt64? {
        try ObjectKey.check(key)
        return try status(key)?.size
    }

    package func lock(_ key: String, _ lock: ObjectLock) throws(ArchiveError) { throw Self.unlockable(key) }

    package func read(
        _ key: String, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(ArchiveError) -> Int {
        try ObjectKey.check(key)
        guard let file = try open(key) else { throw Self.missing(key) }
        return try storing(key) { () throws(IOFailure) in try file.read(at: offset, into: buffer) }
    }

    package func contents(_ key: String, limit: Int) throws(ArchiveError) -> [UInt8]? {
        try ObjectKey.check(key)
        guard try status(key) != nil else { return nil }
        return try storing(key) { () throws(IOFailure) in try files.contents(key, limit: limit) }
    }

    package func list(
        prefix: String, from start: ObjectPage.Start?, limit: Int
    ) throws(ArchiveError) -> ObjectPage {
        let after: String?
        switch start {
        case nil: after = nil
        case .after(let key): after = key
        case .token: throw ArchiveError(.invalid, "a list of a directory goes on behind a key, not at a token")
        }
        var walk = DirectoryWalk(files, prefix: prefix, after: after, limit: max(1, limit))
        return try walk.page()
    }

    /// Nil where there is no object of this key: nothing, or a directory, which is no object in S3 either.
    private func status(_ key: String) throws(ArchiveError) -> FileStatus? {
        do throws(IOFailure) {
            guard let status = try files.status(key), !status.isDirectory else { return nil }
            return status
        } catch {
            if error.code == ENOTDIR { return nil }
            throw ArchiveError(error, key: key)
        }
    }

    private func open(_ key: String) throws(ArchiveError) -> (any ReadableFile)? {
        guard try status(key) != nil else { return nil }
        do throws(IOFailure) {
            return try files.openForReading(key)
        } catch {
            if error.isMissing { return nil }
            throw ArchiveError(error, key: key)
        }
    }

    private func hash(of file: any ReadableFile, _ key: String) throws(ArchiveError) -> Digest {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 16)
        defer { buffer.deallocate() }
        var hash = StreamingHash()
        var offset: UInt64 = 0
        while true {
            let count = try storing(key) { () throws(IOFailure) in try file.read(at: offset, into: buffer) }
            if count == 0 { return hash.finish() }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += UInt64(count)
        }
    }

    /// The directories above a key, from the outermost in.
    private static func directories(of key: String) -> [String] {
        let utf8 = Array(key.utf8)
        return utf8.indices.filter { utf8[$0] == UInt8(ascii: "/") }.map {
            String(decoding: utf8[..<$0], as: UTF8.self)
        }
    }

    private static func taken(_ key: String) -> ArchiveError {
        ArchiveError(.exists, "there is already an object of this key; compare it with what was to be stored", key: key)
    }

    private static func unlockable(_ key: String) -> ArchiveError {
        ArchiveError(
            .invalid, "a directory cannot lock an object: archive to an S3 bucket with Object Lock, or without one",
            key: key)
    }

    private static func missing(_ key: String) -> ArchiveError {
        ArchiveError(.notFound, "the archive has no such object; list it to see what it has", key: key)
    }
}

private func ignoringMissing(_ body: () throws(IOFailure) -> Void) throws(IOFailure) {
    do throws(IOFailure) {
        try body()
    } catch {
        if !error.isMissing { throw error }
    }
}
