import Glibc

/// A breach of the protocol between systemd and a service: what, and what to do.
package struct ServiceManagerError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    /// A call that failed, with the words of strerror(3).
    init(_ action: String, errno code: Int32) {
        description = "\(action): \(String(cString: strerror(code)))"
    }
}

/// Tells systemd about the state of the service: the protocol of sd_notify(3), without libsystemd.
///
/// Each call sends one datagram to the socket that `NOTIFY_SOCKET` names. Without the variable no call does anything,
/// so the daemon runs the same under a shell. The unit needs `Type=notify` and `NotifyAccess=main`.
package struct ServiceNotification: Sendable {
    private let address: SocketAddress?

    /// How long systemd waits for `watchdog()` before it kills the service; nil if it does not. Call it twice as often.
    package let watchdogInterval: Duration?

    /// - Parameters:
    ///   - environment: the environment of the process.
    ///   - processID: the own process, for `WATCHDOG_PID`.
    package init(environment: [String: String], processID: Int32 = getpid()) throws(ServiceManagerError) {
        address = try environment["NOTIFY_SOCKET"].map { (path) throws(ServiceManagerError) in
            try SocketAddress(path)
        }
        watchdogInterval = try Self.watchdogInterval(environment, processID: processID)
    }

    private static func watchdogInterval(
        _ environment: [String: String], processID: Int32
    ) throws(ServiceManagerError) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"] else { return nil }
        if let process = environment["WATCHDOG_PID"], process != String(processID) { return nil }
        guard let microseconds = Int64(text), microseconds > 0 else {
            throw ServiceManagerError("WATCHDOG_USEC is “\(text)”: expected a number of microseconds above 0")
        }
        return .microseconds(microseconds)
    }

    /// True if someone listens, as far as the environment tells.
    package var isActive: Bool { address != nil }

    /// The service has started, or has finished a reload.
    package func ready(status: String? = nil) throws(ServiceManagerError) {
        try send(["READY=1"] + (status.map { [Self.statusLine($0)] } ?? []))
    }

    /// One line for `systemctl status`.
    package func status(_ text: String) throws(ServiceManagerError) {
        try send([Self.statusLine(text)])
    }

    /// The service has begun to read its configuration again; `ready()` ends it.
    ///
    /// - Parameter monotonic: microseconds of CLOCK_MONOTONIC, by which systemd tells this reload from an earlier one.
    package func reloading(
        monotonic: UInt64 = ServiceNotification.monotonicMicroseconds()
    ) throws(ServiceManagerError) {
        try send(["RELOADING=1", "MONOTONIC_USEC=\(monotonic)"])
    }

    /// The service has begun to stop.
    package func stopping(status: String? = nil) throws(ServiceManagerError) {
        try send(["STOPPING=1"] + (status.map { [Self.statusLine($0)] } ?? []))
    }

    /// The service is alive. To be sent only after a check that it does its work.
    package func watchdog() throws(ServiceManagerError) {
        try send(["WATCHDOG=1"])
    }

    /// Start, reload or stop takes longer: systemd waits this long from now before it gives up.
    package func extendTimeout(_ duration: Duration) throws(ServiceManagerError) {
        let (seconds, attoseconds) = duration.components
        try send(["EXTEND_TIMEOUT_USEC=\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)"])
    }

    /// Why the service is about to fail, as an errno(3).
    package func failed(errno code: Int32, status: String? = nil) throws(ServiceManagerError) {
        try send(["ERRNO=\(code)"] + (status.map { [Self.statusLine($0)] } ?? []))
    }

    /// Microseconds of CLOCK_MONOTONIC.
    package static func monotonicMicroseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
    }

    /// A line break in a status would begin a new assignment.
    private static func statusLine(_ text: String) -> String {
        "STATUS=" + String(text.map { $0.isNewline ? " " : $0 })
    }

    private func send(_ assignments: [String]) throws(ServiceManagerError) {
        guard let address else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ServiceManagerError("cannot make a socket for systemd", errno: errno) }
        defer { close(descriptor) }
        let message = Array(assignments.joined(separator: "\n").utf8)
        let sent = address.withSocketAddress { pointer, length in
            var sent: Int
            repeat {
                sent = sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), pointer, length)
            } while sent < 0 && errno == EINTR
            return sent
        }
        guard sent == message.count else {
            throw ServiceManagerError("cannot tell systemd \(assignments[0]) at \(address.name)", errno: errno)
        }
    }
}

/// The address of a Unix socket: a path, or `@` and the name of an abstract one.
private struct SocketAddress: Sendable {
    let name: String
    private let path: [UInt8]

    init(_ name: String) throws(ServiceManagerError) {
        self.name = name
        var path = Array(name.utf8)
        guard let first = path.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"), path.count > 1 else {
            throw ServiceManagerError("NOTIFY_SOCKET is “\(name)”: expected a path, or @ and a name")
        }
        guard path.count <= UnixConnection.maximumPathBytes else {
            throw ServiceManagerError(
                "NOTIFY_SOCKET is longer than \(UnixConnection.maximumPathBytes) bytes: “\(name)”")
        }
        if first == UInt8(ascii: "@") { path[0] = 0 }
        self.path = path
    }

    /// - Parameter body: is given the address and its length, which for an abstract name ends with the name.
    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let terminator = path[0] == 0 ? 0 : 1
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size
        let length = socklen_t(offset + path.count + terminator)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
