import Glibc

/// The name of a Unix socket in the file system, as the process that listens on it treats it.
package enum SocketFile {
    /// Whether a process listens on the socket of that name. A file that is no socket, or none at all, counts as no.
    package static func isListening(_ path: String) -> Bool {
        (try? UnixConnection(path: path)) != nil
    }

    /// Sets who may connect; `mode` is as in chmod(2).
    package static func setMode(_ path: String, _ mode: UInt32) throws(IOFailure) {
        guard chmod(path, mode_t(mode)) == 0 else {
            throw IOFailure(operation: "chmod", path: path, code: errno)
        }
    }

    /// Removes the name if it is a socket's; nothing of that name is no error.
    package static func remove(_ path: String) throws(IOFailure) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw IOFailure(operation: "lstat", path: path, code: errno)
        }
        // Whatever else stands there is somebody's file.
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw IOFailure(operation: "bind", path: path, code: EEXIST)
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw IOFailure(operation: "unlink", path: path, code: errno)
        }
    }
}

/// What the kernel tells about another process, as far as this one may see it.
package enum PeerProcess {
    /// The path of its program, or nil.
    package static func executable(of pid: Int32) -> String? {
        let size = 4096
        let path = "/proc/\(pid)/exe"
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let count = readlink(path, base, size)
            guard count > 0 else { return nil }
            return String(decoding: buffer[..<count].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// The path of its control group, which names the systemd unit, or nil.
    package static func controlGroup(of pid: Int32) -> String? {
        let descriptor = open("/proc/\(pid)/cgroup", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let size = 4096
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: size) { buffer in
            let count = read(descriptor, buffer.baseAddress, size)
            guard count > 0 else { return nil }
            // The unified hierarchy is the line "0::PATH".
            let lines = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n")
            return lines.first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
        }
    }
}
