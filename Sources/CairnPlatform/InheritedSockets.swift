import Glibc

/// The listening sockets that systemd passed to the process: the protocol of sd_listen_fds(3), without libsystemd.
package enum InheritedSockets {
    /// The descriptor of the first socket that systemd passes.
    package static let firstDescriptor: Int32 = 3

    /// The sockets passed to this process, each with the `FileDescriptorName=` of its unit; empty if there are none.
    ///
    /// Each is checked to be a listening Unix stream socket, and is closed on exec from then on. To be called once, and
    /// before the process opens files: a wrong environment would otherwise name descriptors of others.
    ///
    /// - Parameters:
    ///   - environment: the environment of the process.
    ///   - processID: the own process. Variables that were meant for another one are not looked at.
    ///   - first: the descriptor of the first socket.
    package static func take(
        environment: [String: String], processID: Int32 = getpid(), first: Int32 = firstDescriptor
    ) throws(ServiceManagerError) -> [(name: String, descriptor: Int32)] {
        guard let process = environment["LISTEN_PID"], let countText = environment["LISTEN_FDS"] else { return [] }
        guard let intended = Int32(process), intended > 0 else {
            throw ServiceManagerError("LISTEN_PID is “\(process)”: expected the number of a process")
        }
        if intended != processID { return [] }
        // The bound keeps the sum below within Int32, and far above what a unit can name.
        guard let count = Int32(countText), (0...65_536).contains(count) else {
            throw ServiceManagerError("LISTEN_FDS is “\(countText)”: expected a number of sockets")
        }
        let names = try names(environment["LISTEN_FDNAMES"], count: Int(count))
        let sockets = zip(names, first..<(first + count)).map { (name: $0, descriptor: $1) }
        for socket in sockets { try check(socket.descriptor, name: socket.name) }
        return sockets
    }

    private static func names(_ text: String?, count: Int) throws(ServiceManagerError) -> [String] {
        guard let text, count > 0 else { return Array(repeating: "unknown", count: count) }
        let names = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard names.count == count else {
            throw ServiceManagerError("LISTEN_FDNAMES has \(names.count) names for \(count) sockets: “\(text)”")
        }
        return names
    }

    private static func check(_ descriptor: Int32, name: String) throws(ServiceManagerError) {
        let what = "the inherited socket “\(name)” (descriptor \(descriptor))"
        let flags = fcntl(descriptor, F_GETFD)
        guard flags >= 0, fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) >= 0 else {
            throw ServiceManagerError("\(what) is not open", errno: errno)
        }
        guard try option(SO_DOMAIN, of: descriptor, what) == AF_UNIX else {
            throw ServiceManagerError("\(what) is no Unix socket: ListenStream= must be a path")
        }
        guard try option(SO_TYPE, of: descriptor, what) == Int32(SOCK_STREAM.rawValue) else {
            throw ServiceManagerError("\(what) is no stream socket: use ListenStream=")
        }
        guard try option(SO_ACCEPTCONN, of: descriptor, what) == 1 else {
            throw ServiceManagerError("\(what) does not listen: the unit must say Accept=no")
        }
    }

    private static func option(_ name: Int32, of descriptor: Int32, _ what: String) throws(ServiceManagerError) -> Int32
    {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 else {
            throw ServiceManagerError("\(what) is no socket", errno: errno)
        }
        return value
    }
}
