import Glibc

/// A blocking stream connection to a Unix socket, for clients that need no event loop: the command line and tests.
///
/// Two threads may use it at once when one sends and the other receives.
package final class UnixConnection: Sendable {
    /// What `sun_path` holds besides the NUL behind it (unix(7)).
    package static let maximumPathBytes = 107

    /// What a connection is ready for.
    package struct Readiness: OptionSet, Sendable {
        package let rawValue: Int16

        package init(rawValue: Int16) {
            self.rawValue = rawValue
        }

        /// `receive` will not wait: there are bytes, the end, or an error.
        package static let receiving = Readiness(rawValue: Int16(POLLIN))
        /// `sendAvailable` will move at least a byte, or fail.
        package static let sending = Readiness(rawValue: Int16(POLLOUT))
    }

    private let socket: Descriptor
    private let path: String

    /// Connects to the socket at `path`, which has at most ``maximumPathBytes`` bytes (ENAMETOOLONG).
    package init(path: String) throws(IOFailure) {
        var address = try Self.address(of: path)
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let number = try systemCall("socket", path) { Glibc.socket(AF_UNIX, type, 0) }
        let socket = Descriptor(number)
        try systemCall("connect", path) {
            withUnsafeBytes(of: &address) { bytes in
                connect(number, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
            }
        }
        self.socket = socket
        self.path = path
    }

    /// Takes over a connected stream socket and closes it in the end.
    ///
    /// - Parameter path: what messages call it.
    package init(adopting descriptor: Int32, path: String) {
        socket = Descriptor(descriptor)
        self.path = path
    }

    /// Sends all bytes, and waits as long as the peer does not read. A peer that is gone is an error (EPIPE), no signal.
    package func send(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) {
        guard let start = bytes.baseAddress else { return }
        let number = socket.number
        var done = 0
        try transfer(bytes.count, done: &done, operation: "send", path: path) { offset in
            Glibc.send(number, start + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
        }
    }

    /// Sends what fits without waiting: who also receives must not wait for a peer that waits for it.
    ///
    /// - Returns: the bytes sent, 0 when none fits now.
    package func sendAvailable(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) -> Int {
        guard let start = bytes.baseAddress else { return 0 }
        let number = socket.number
        let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
        do throws(IOFailure) {
            return try systemCall("send", path) { Glibc.send(number, start, bytes.count, flags) }
        } catch {
            if error.code == EAGAIN { return 0 }
            throw error
        }
    }

    /// Waits for bytes and takes as many as are there.
    ///
    /// - Returns: the bytes received; 0 when the peer has shut down its side (or the buffer is empty).
    package func receive(into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        let number = socket.number
        return try systemCall("recv", path) { recv(number, buffer.baseAddress, buffer.count, 0) }
    }

    /// Waits until `receive` would return at once.
    ///
    /// - Parameter timeoutMilliseconds: a negative one waits for ever.
    /// - Returns: false when the time is up.
    package func poll(timeoutMilliseconds: Int32) throws(IOFailure) -> Bool {
        try poll(for: .receiving, timeoutMilliseconds: timeoutMilliseconds).contains(.receiving)
    }

    /// Waits until the connection is ready for one of `wanted`, and says for which. A connection that has failed or is
    /// closed is ready for all of them, and the next call tells why.
    package func poll(for wanted: Readiness, timeoutMilliseconds: Int32) throws(IOFailure) -> Readiness {
        let events = try pollDescriptors(
            [(socket.number, wanted.rawValue)], timeoutMilliseconds: timeoutMilliseconds, path: path)[0]
        let isOver = events & Int16(POLLERR | POLLHUP) != 0
        return isOver ? wanted : wanted.intersection(Readiness(rawValue: events))
    }

    /// Says that no more will be sent; the peer reads the end of the stream. Receiving goes on.
    package func shutdownWriting() {
        // It fails only when the peer is already gone, which the next receive says better.
        _ = shutdown(socket.number, Int32(SHUT_WR))
    }

    /// Who is at the other end.
    package func peer() throws(IOFailure) -> PeerCredentials {
        try PeerCredentials.of(descriptor: socket.number)
    }

    private static func address(of path: String) throws(IOFailure) -> sockaddr_un {
        let bytes = path.utf8
        guard bytes.count <= maximumPathBytes else {
            throw IOFailure(operation: "connect", path: path, code: ENAMETOOLONG)
        }
        guard !bytes.isEmpty, !bytes.contains(0) else {
            throw IOFailure(operation: "connect", path: path, code: EINVAL)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }
}

/// The process at the other end of a Unix socket as it was when it connected, attested by the kernel (SO_PEERCRED).
///
/// The process may have ended since, and its number be another's.
package struct PeerCredentials: Sendable, Equatable {
    package var pid: Int32
    package var uid: UInt32
    package var gid: UInt32

    package init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }

    /// - Parameter descriptor: a connected Unix socket.
    package static func of(descriptor: Int32) throws(IOFailure) -> PeerCredentials {
        // `struct ucred`, which Glibc hides from Swift: pid, uid and gid of 32 bits each.
        var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
        let size = MemoryLayout.size(ofValue: credentials)
        var length = socklen_t(size)
        try systemCall("getsockopt", "SO_PEERCRED") {
            getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
        }
        // Another kind of socket answers pid 0 (TCP) or fails; neither names a peer.
        guard Int(length) == size, credentials.pid != 0 else {
            throw IOFailure(operation: "getsockopt", path: "SO_PEERCRED", code: ENOTCONN)
        }
        return PeerCredentials(pid: credentials.pid, uid: credentials.uid, gid: credentials.gid)
    }
}

/// Two sockets, each of which reads what is written to the other (socketpair(2)). Who takes them closes them.
package func makeSocketPair() throws(IOFailure) -> (Int32, Int32) {
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    try systemCall("socketpair", "(no path)") { socketpair(AF_UNIX, type, 0, &pair) }
    return (pair[0], pair[1])
}
