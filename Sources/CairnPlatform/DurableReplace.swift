extension FileSystem {
    /// Replaces a file, or makes it, so that every observer finds the old bytes or the new ones, whole, and after the
    /// return a crash cannot bring the old ones back.
    ///
    /// What the kernel sees, for `head` with mode 0640 on ``PosixFileSystem``:
    ///
    ///     unlinkat(3, "head.tmp", 0)                                        = -1 ENOENT
    ///     openat(3, "head.tmp", O_RDWR|O_CREAT|O_EXCL|O_APPEND|O_NOFOLLOW|O_CLOEXEC, 0640) = 4
    ///     fstat(4, …)                                                       = 0     the umask may call for an fchmod
    ///     write(4, …)                                                       = n
    ///     fdatasync(4)                                                      = 0     also the size and, as a new inode, the mode
    ///     close(4)                                                          = 0
    ///     renameat(3, "head.tmp", 3, "head")                                = 0
    ///     fsync(3)                                                          = 0
    ///
    /// The bytes are durable before the name points at them: the other order could leave an empty `head` after a crash.
    /// A `.tmp` that a crash left behind is removed first; one writer at a time (see ``lock()``) makes that safe.
    ///
    /// After a failure up to the rename the old file stands and the `.tmp` is gone, as far as it can be removed. After
    /// a failure of the last step the new file stands, but a crash may bring back the old one.
    ///
    /// - Parameter isDurable: false for files that nobody needs. Nothing is synced then: every process finds the old bytes
    ///   or the new ones, but after a crash of the machine there may be either, any part of the new, or nothing.
    package func replace(
        _ path: String, with bytes: [UInt8], mode: UInt32, isDurable: Bool = true
    ) throws(IOFailure) {
        let temporary = path + ".tmp"
        try removeLeftover(temporary)
        let file = try create(temporary, mode: mode)
        do throws(IOFailure) {
            try bytes.span.withUnsafeBytes { (buffer) throws(IOFailure) in try file.append(buffer) }
            if isDurable { try file.sync() }
            try file.close()
            try rename(temporary, to: path)
        } catch {
            // The first failure is the one to tell; these two are only for tidiness.
            try? file.close()
            try? remove(temporary)
            throw error
        }
        if isDurable { try syncDirectory(parentDirectory(of: path)) }
    }

    /// Removes a file that is nearly never there.
    func removeLeftover(_ path: String) throws(IOFailure) {
        do throws(IOFailure) {
            try remove(path)
        } catch {
            guard error.isMissing else { throw error }
        }
    }
}

/// The directory part of a relative path: `segments` of `segments/x`, and `""`, the root, of `head`.
func parentDirectory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[..<slash])
}
