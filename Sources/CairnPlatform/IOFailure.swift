import Glibc

/// Why an operation of the operating system failed: which operation, on what, and the `errno` that it gave.
package struct IOFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system call, as its manual page names it: `open`, `fdatasync` …
    package var operation: String
    /// What it was applied to, as the caller wrote it: relative to the root of its ``FileSystem``, or a socket's path.
    package var path: String
    /// The `errno` of the call (errno(3)).
    package var code: Int32
    /// What was behind it where it was no system call: what another machine said.
    package var explanation: String?

    package init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// There is nothing of that name (ENOENT).
    package var isMissing: Bool { code == ENOENT }

    /// It is a directory, or a device or a pipe, where a regular file is meant (EISDIR, EINVAL of `open`).
    package var isNoRegularFile: Bool { operation == "open" && (code == EISDIR || code == EINVAL) }

    /// The disk or the quota is full (ENOSPC, EDQUOT). inotify says ENOSPC too, but of its own table: that is not meant.
    package var isOutOfSpace: Bool { (code == ENOSPC && operation != "inotify_add_watch") || code == EDQUOT }

    /// The name is taken (EEXIST).
    package var isExisting: Bool { code == EEXIST }

    /// `open segments/x: No such file or directory (ENOENT)`, followed by what to do where that is known.
    package var description: String {
        if let explanation { return explanation }
        let object = path.isEmpty ? "" : " \(path)"
        let message = "\(operation)\(object): \(Self.message(of: code)) (\(Self.name(of: code)))"
        return advice.map { "\(message); \($0)" } ?? message
    }

    /// What the reader of the message can do about it; nil where the message says it all.
    private var advice: String? {
        adviceForOperation ?? Self.generalAdvice[code]
    }

    /// Where the same code means something else for this operation.
    private var adviceForOperation: String? {
        switch (operation, code) {
        case ("connect", ENAMETOOLONG):
            "the path of a Unix socket has at most \(UnixConnection.maximumPathBytes) bytes; use a shorter one"
        case ("connect", ECONNREFUSED), ("connect", ENOENT):
            "nothing listens there: check that the daemon runs and that the path is right"
        case ("flock", EWOULDBLOCK):
            "another process holds the lock, and a log has one writer; stop that one or name another directory"
        case ("flock", EBADF):
            "this file system cannot lock a directory (NFS?); keep the log on a local one"
        case ("fsync", EINVAL):
            "this file system cannot synchronise that; keep the log on one that can (ext4, XFS, Btrfs)"
        case ("mkdir", EEXIST):
            "something of this name is no directory; move it away or use another name"
        case ("read", EFBIG):
            "the file is larger than it may be; check that it is the file that was meant"
        case ("inotify_add_watch", ENOSPC):
            "all watches of this user are taken; raise the sysctl fs.inotify.max_user_watches"
        case ("inotify_init1", EMFILE):
            "too many open files or inotify instances; raise the sysctl fs.inotify.max_user_instances or ulimit -n"
        default:
            nil
        }
    }

    private static let generalAdvice: [Int32: String] = [
        EACCES: "check the owner, group and mode of it and of the directories above, and the user that runs this",
        EPERM: "check who owns it, whether it is immutable (lsattr), and the user that runs this",
        ENOSPC: "free space or inodes on this file system (df, df -i)",
        EDQUOT: "raise the quota of this user or free space",
        EROFS: "remount the file system read-write or use another",
        EIO: "the device or its driver failed; read the kernel log (dmesg) before you trust this disk again",
        EMFILE: "raise the limit of open files (LimitNOFILE=, ulimit -n)",
        ENFILE: "raise the system's limit of open files (sysctl fs.file-max)",
        ELOOP: "it is, or leads through, a symbolic link that is not followed here; put the file itself there",
        ENOTDIR: "a part of the path that should be a directory is none",
        EFBIG: "the file would pass a limit; check ulimit -f and the limits of the file system",
    ]

    private static func message(of code: Int32) -> String {
        // strerror_r and not strerror: the latter's buffer is shared by all threads.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress, strerror_r(code, start, buffer.count) == 0 else {
                return "unknown error"
            }
            return String(cString: start)
        }
    }

    private static func name(of code: Int32) -> String {
        names[code] ?? "errno \(code)"
    }

    /// glibc's own table (strerrorname_np) is hidden from Swift; these are the ones that the calls of this target give.
    private static let names: [Int32: String] = [
        E2BIG: "E2BIG", EACCES: "EACCES", EADDRINUSE: "EADDRINUSE", EAGAIN: "EAGAIN", EBADF: "EBADF", EBUSY: "EBUSY",
        ECONNABORTED: "ECONNABORTED", ECONNREFUSED: "ECONNREFUSED", ECONNRESET: "ECONNRESET", EDQUOT: "EDQUOT",
        EEXIST: "EEXIST", EFAULT: "EFAULT", EFBIG: "EFBIG", EINTR: "EINTR", EINVAL: "EINVAL", EIO: "EIO",
        EISDIR: "EISDIR", ELOOP: "ELOOP", EMFILE: "EMFILE", EMLINK: "EMLINK", ENAMETOOLONG: "ENAMETOOLONG",
        ENFILE: "ENFILE", ENODEV: "ENODEV", ENOENT: "ENOENT", ENOLCK: "ENOLCK", ENOMEM: "ENOMEM", ENOSPC: "ENOSPC",
        ENOSYS: "ENOSYS", ENOTCONN: "ENOTCONN", ENOTDIR: "ENOTDIR", ENOTEMPTY: "ENOTEMPTY", ENOTSOCK: "ENOTSOCK",
        ENOTSUP: "ENOTSUP", ENXIO: "ENXIO", EOVERFLOW: "EOVERFLOW", EPERM: "EPERM", EPIPE: "EPIPE",
        EPROTOTYPE: "EPROTOTYPE", EROFS: "EROFS", ESPIPE: "ESPIPE", ESTALE: "ESTALE", ETIMEDOUT: "ETIMEDOUT",
        ETXTBSY: "ETXTBSY", EXDEV: "EXDEV",
    ]
}
