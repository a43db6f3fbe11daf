internal import CPoll
import Glibc

struct LoadError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    static var reason: String { String(cString: strerror(errno)) }
}

enum Sockets {
    /// A stream connection to a Unix socket.
    static func connect(_ path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { throw LoadError("\(path): a socket's path has at most \(room - 1) bytes") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw LoadError("socket: \(LoadError.reason)") }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let reason = LoadError.reason
            close(descriptor)
            throw LoadError("\(path): \(reason); does the daemon listen there?")
        }
        return descriptor
    }

    static func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) throws {
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw LoadError("send: \(LoadError.reason)")
        }
    }

    static func setNonblocking(_ descriptor: Int32) throws {
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw LoadError("fcntl: \(LoadError.reason)") }
    }
}

/// Waits for descriptors (ppoll(2)).
struct Readiness {
    private var polled: [pollfd]

    init(_ descriptors: [Int32]) { polled = descriptors.map { pollfd(fd: $0, events: 0, revents: 0) } }

    /// Says whether to wait for room to write, besides for something to read; nil: for nothing at all.
    mutating func set(_ number: Int, wantsRoom: Bool?) {
        // A negative descriptor is left out.
        if wantsRoom == nil { polled[number].fd = -1 }
        polled[number].events = Int16(POLLIN | (wantsRoom == true ? POLLOUT : 0))
    }

    /// Waits at most so many nanoseconds; nil: for ever.
    mutating func wait(
        nanoseconds: Int64?, _ body: (Int, _ isReadable: Bool, _ isWritable: Bool) throws -> Void
    ) throws {
        let count = cairn_poll(&polled, UInt64(polled.count), nanoseconds ?? -1)
        guard count >= 0 || errno == EINTR else { throw LoadError("ppoll: \(LoadError.reason)") }
        for (number, found) in polled.enumerated() where found.revents != 0 {
            let ended = found.revents & Int16(POLLHUP | POLLERR) != 0
            try body(
                number, ended || found.revents & Int16(POLLIN) != 0, ended || found.revents & Int16(POLLOUT) != 0)
        }
    }
}
