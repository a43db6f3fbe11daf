import Glibc

/// Which file it is, however many names it has: the device and the inode number (stat(2)).
package struct FileIdentity: Sendable, Hashable {
    package var device: UInt64
    package var inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// What stat(2) says of a file.
package struct FileStatus: Sendable, Equatable {
    /// Length in bytes.
    package var size: UInt64
    package var identity: FileIdentity
    /// Time of the last change of the contents, in nanoseconds since 1970.
    package var modified: Int64
    package var isDirectory: Bool

    package init(size: UInt64, identity: FileIdentity, modified: Int64, isDirectory: Bool) {
        self.size = size
        self.identity = identity
        self.modified = modified
        self.isDirectory = isDirectory
    }
}

/// A directory tree that can be read.
///
/// Paths are relative to the root (`segments/00000000000000000000.seal`); `""` is the root itself. A path that begins
/// with `/`, has a `..` in it, or a NUL, is refused (EINVAL). Symbolic links are followed.
package protocol ReadableFileSystem: AnyObject, Sendable {
    /// - Returns: nil where there is nothing of that name.
    func status(_ path: String) throws(IOFailure) -> FileStatus?

    /// The names in a directory, sorted, without `.` and `..`.
    func list(_ directory: String) throws(IOFailure) -> [String]

    /// Opens a regular file; a directory (EISDIR) or a device or pipe (EINVAL) is refused.
    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile
}

/// A directory tree that survives crashes as POSIX promises, and no better.
///
/// - The bytes of a file survive a crash from the ``AppendFile/sync()`` on that followed them. Until then any part of
///   them may be lost, not only the end.
/// - A name (made, moved or removed) survives from the ``syncDirectory(_:)`` of its directory on. Until then it may be
///   there or not, whatever was done with the file's bytes.
/// - What is written is never reached through a symbolic link in the last place of the path.
package protocol FileSystem: ReadableFileSystem {
    /// Makes a directory of exactly this mode, whatever the umask. A directory that is there already is left as it is;
    /// anything else of that name is an error (EEXIST).
    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure)

    /// Creates an empty file of exactly this mode, whatever the umask. Its name must be free (EEXIST), and is durable
    /// only after ``syncDirectory(_:)``.
    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile

    /// Opens a file that exists (ENOENT) to write behind its end.
    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile

    /// Gives a file another name and atomically replaces what had that name: every observer, also after a crash, finds
    /// either the old file or the new one. Durable only after ``syncDirectory(_:)`` of both directories.
    func rename(_ from: String, to: String) throws(IOFailure)

    /// Gives a file a second name, which must be free (EEXIST).
    func link(_ from: String, to: String) throws(IOFailure)

    /// Removes the name of a file, and with its last name and last open descriptor the file. Directories are refused
    /// (EISDIR).
    func remove(_ path: String) throws(IOFailure)

    /// Makes the names in a directory durable: all that was created, renamed, linked or removed in it so far.
    func syncDirectory(_ path: String) throws(IOFailure)

    /// Bytes that an unprivileged process can still write here (`f_bavail` of statvfs(3)).
    func availableBytes() throws(IOFailure) -> UInt64

    /// Whether the root is still to be found under the path by which it was opened. A directory that was moved, removed
    /// or replaced meanwhile goes on to be written all the same.
    func isInPlace() throws(IOFailure) -> Bool

    /// Becomes the one writer of this tree until the lock is released; EWOULDBLOCK where another is. Readers need none.
    func lock() throws(IOFailure) -> any DirectoryLock
}

/// A file that grows at its end. One thread at a time uses it.
///
/// Contract: after `sync` throws, the file MUST NOT be written again. The kernel has then marked the lost pages as
/// clean, so that a second `sync` would succeed and promise what is not on the disk (fsyncgate; Rebello et al., USENIX
/// ATC 2020). Implementations refuse every later `append`, `truncate` and `sync` with the same failure.
package protocol AppendFile: AnyObject, Sendable {
    /// Bytes in the file: what was there when it was opened, and all that was appended since.
    var size: UInt64 { get }

    /// Appends all of `bytes` or throws. After a throw the tail is undefined: `size` counts what was written, and
    /// `truncate` can cut it off.
    func append(_ bytes: UnsafeRawBufferPointer) throws(IOFailure)

    /// Cuts the file; a `size` beyond the end is refused (EINVAL), as it would leave a hole.
    func truncate(to size: UInt64) throws(IOFailure)

    /// Makes the bytes durable (fdatasync), but not the name: see ``FileSystem/syncDirectory(_:)``.
    func sync() throws(IOFailure)

    /// The same file, open for reading, whatever has become of its name.
    func reader() throws(IOFailure) -> any ReadableFile

    /// Closes without making anything durable. Closing again does nothing; any other call after it is refused (EBADF).
    func close() throws(IOFailure)
}

/// A file open for reading at any offset, by any number of threads. It is closed when the last reference to it goes.
///
/// It stays the same file when its name is moved, replaced or removed.
package protocol ReadableFile: AnyObject, Sendable {
    var identity: FileIdentity { get }

    /// Length in bytes, now.
    func size() throws(IOFailure) -> UInt64

    /// Fills `buffer` from `offset` on.
    ///
    /// - Returns: the bytes read; fewer than the buffer holds only at the end of the file, 0 beyond it.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int
}

/// The right to be the one writer of a directory. It ends with `release`, with the last reference, and with the process.
package protocol DirectoryLock: AnyObject, Sendable {
    /// Lets the next writer in. Releasing again does nothing.
    func release()
}

extension ReadableFileSystem {
    /// A whole small file.
    ///
    /// - Parameter limit: the most bytes that it may have; a larger file is refused (EFBIG) and not read.
    /// - Returns: nil where there is nothing of that name.
    package func contents(_ path: String, limit: Int) throws(IOFailure) -> [UInt8]? {
        let file: any ReadableFile
        do throws(IOFailure) {
            file = try openForReading(path)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        let size = try file.size()
        guard size <= UInt64(max(limit, 0)) else {
            throw IOFailure(operation: "read", path: path, code: EFBIG)
        }
        // A file that shrinks meanwhile gives what is left; of one that grows, what was there at the call of `size`.
        return try [UInt8](unsafeUninitializedCapacity: Int(size)) { (buffer, count) throws(IOFailure) in
            count = try file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
