import Glibc

/// The real file system below one directory.
///
/// Everything goes through a descriptor of that directory (openat(2) and its relatives), so a root that is renamed or
/// replaced while it is open does not lead a writer into another tree.
package final class PosixFileSystem: FileSystem {
    private let root: Descriptor
    private let rootPath: String
    private let kernel: any Kernel

    /// - Parameter path: a directory that exists; see ``createRoot(_:mode:)``.
    package init(root path: String, kernel: any Kernel = LinuxKernel.shared) throws(IOFailure) {
        let number = try systemCall("open", path) {
            kernel.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        root = Descriptor(number, of: kernel)
        rootPath = path
        self.kernel = kernel
    }

    package func status(_ path: String) throws(IOFailure) -> FileStatus? {
        let name = try checked(path, for: "stat")
        var result = stat()
        do throws(IOFailure) {
            try systemCall("stat", shown(path)) { kernel.fstatat(root.number, name, &result) }
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        return FileStatus(result)
    }

    package func list(_ directory: String) throws(IOFailure) -> [String] {
        while true {
            let number = try openDirectory(directory, for: "opendir")
            if let names = kernel.names(consuming: number) { return names.filter { $0 != "." && $0 != ".." }.sorted() }
            // The descriptor is gone: what a signal has interrupted is begun anew.
            guard errno == EINTR else { throw IOFailure(operation: "readdir", path: shown(directory), code: errno) }
        }
    }

    package func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) {
        let name = try checked(path, for: "mkdir")
        do throws(IOFailure) {
            try systemCall("mkdir", shown(path)) { kernel.mkdirat(root.number, name, mode_t(mode)) }
        } catch {
            if error.isExisting, try status(path)?.isDirectory == true { return }
            throw error
        }
        let directory = Descriptor(try openDirectory(path, for: "open", extraFlags: O_NOFOLLOW), of: kernel)
        try setMode(mode, of: directory, path: shown(path))
    }

    package func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile {
        let name = try checked(path, for: "open")
        // O_NONBLOCK: the open of a pipe without a writer must not wait; it means nothing for a regular file.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let number = try systemCall("open", shown(path)) { kernel.openat(root.number, name, flags, 0) }
        return try PosixReadableFile(Descriptor(number, of: kernel), path: shown(path))
    }

    package func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile {
        let name = try checked(path, for: "open")
        let flags = O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC
        let number = try systemCall("open", shown(path)) { kernel.openat(root.number, name, flags, mode_t(mode)) }
        let descriptor = Descriptor(number, of: kernel)
        do throws(IOFailure) {
            try setMode(mode, of: descriptor, path: shown(path))
        } catch {
            _ = kernel.unlinkat(root.number, name)
            throw error
        }
        return PosixAppendFile(descriptor, size: 0, path: shown(path))
    }

    package func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile {
        let name = try checked(path, for: "open")
        let flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
        let number = try systemCall("open", shown(path)) { kernel.openat(root.number, name, flags, 0) }
        let descriptor = Descriptor(number, of: kernel)
        let status = try statusOf(descriptor, path: shown(path))
        return PosixAppendFile(descriptor, size: UInt64(status.st_size), path: shown(path))
    }

    package func rename(_ from: String, to: String) throws(IOFailure) {
        let (old, new) = (try checked(from, for: "rename"), try checked(to, for: "rename"))
        try systemCall("rename", "\(shown(from)) to \(shown(to))") { kernel.renameat(root.number, old, new) }
    }

    package func link(_ from: String, to: String) throws(IOFailure) {
        let (old, new) = (try checked(from, for: "link"), try checked(to, for: "link"))
        try systemCall("link", "\(shown(from)) to \(shown(to))") { kernel.linkat(root.number, old, new) }
    }

    package func remove(_ path: String) throws(IOFailure) {
        let name = try checked(path, for: "unlink")
        try systemCall("unlink", shown(path)) { kernel.unlinkat(root.number, name) }
    }

    package func syncDirectory(_ path: String) throws(IOFailure) {
        guard !path.isEmpty else {
            try systemCall("fsync", shown(path)) { kernel.fsync(root.number) }
            return
        }
        let directory = Descriptor(try openDirectory(path, for: "open"), of: kernel)
        try systemCall("fsync", shown(path)) { kernel.fsync(directory.number) }
    }

    package func availableBytes() throws(IOFailure) -> UInt64 {
        var result = statvfs()
        try systemCall("statvfs", rootPath) { kernel.fstatvfs(root.number, &result) }
        let (bytes, overflow) = UInt64(result.f_bavail).multipliedReportingOverflow(by: UInt64(result.f_frsize))
        return overflow ? .max : bytes
    }

    package func isInPlace() throws(IOFailure) -> Bool {
        var (here, there) = (stat(), stat())
        try systemCall("fstat", rootPath) { kernel.fstat(root.number, &here) }
        do throws(IOFailure) {
            try systemCall("stat", rootPath) { kernel.fstatat(AT_FDCWD, rootPath, &there) }
        } catch {
            if error.isMissing { return false }
            throw error
        }
        return FileStatus(here).identity == FileStatus(there).identity
    }

    package func lock() throws(IOFailure) -> any DirectoryLock {
        // A description of its own: flock(2) belongs to it, and the lock must not live as long as the root does.
        try PosixDirectoryLock(Descriptor(try openDirectory("", for: "open"), of: kernel), path: rootPath)
    }

    /// Makes a directory for a log: the parents that are missing with mode 0755, the last with `mode`, each one durable
    /// in its parent. A directory that is there already is left as it is.
    ///
    /// - Parameter path: absolute, or relative to the working directory.
    package static func createRoot(_ path: String, mode: UInt32) throws(IOFailure) {
        var result = stat()
        if stat(path, &result) == 0 {
            guard FileStatus(result).isDirectory else { throw IOFailure(operation: "mkdir", path: path, code: EEXIST) }
            return
        }
        let parent = parentOfRoot(path)
        // "." and "/" always exist; a parent that does not get shorter must not be tried again.
        if parent.utf8.count < path.utf8.count, parent != "." { try createRoot(parent, mode: 0o755) }

        do throws(IOFailure) {
            try systemCall("mkdir", path) { mkdir(path, mode_t(mode)) }
            try setMode(mode, of: PosixFileSystem(root: path).root, path: path)
        } catch {
            // Another process may have been faster; what it made is judged when it is opened.
            if !error.isExisting { throw error }
        }
        try PosixFileSystem(root: parent).syncDirectory("")
    }

    private static func parentOfRoot(_ path: String) -> String {
        var path = path[...]
        while path.count > 1, path.last == "/" { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The path as the kernel takes it. A path that could leave the root is refused (EINVAL).
    private func checked(_ path: String, for operation: String) throws(IOFailure) -> String {
        if path.isEmpty { return "." }
        let leavesRoot = path.hasPrefix("/") || path.split(separator: "/").contains("..") || path.utf8.contains(0)
        if leavesRoot { throw IOFailure(operation: operation, path: path, code: EINVAL) }
        return path
    }

    /// The path as messages name it: that of the root would be empty.
    private func shown(_ path: String) -> String {
        path.isEmpty ? rootPath : path
    }

    private func openDirectory(
        _ path: String, for operation: String, extraFlags: Int32 = 0
    ) throws(IOFailure) -> Int32 {
        let name = try checked(path, for: operation)
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | extraFlags
        return try systemCall(operation, shown(path)) { kernel.openat(root.number, name, flags, 0) }
    }
}
