import Foundation
import Glibc
import Testing

@testable import CairnPlatform

/// Where systemd has 3: the last numbers that there can be, as other tests open hundreds of files at the same time.
private let first: Int32 = {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int32(min(limit.rlim_cur, 65_536)) - 8
}()

/// Moves the descriptors into a row from `first` on while the body runs.
///
/// The suite is serialized, so that no two tests use the same row.
private func inherit<Result>(_ descriptors: [Int32], _ body: () throws -> Result) rethrows -> Result {
    let row = first..<(first + Int32(descriptors.count))
    for (descriptor, place) in zip(descriptors, row) {
        dup2(descriptor, place)
        close(descriptor)
    }
    defer { for place in row { close(place) } }
    return try body()
}

private func unixSocket(_ type: __socket_type = SOCK_STREAM, listening: Bool = true) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(type.rawValue), 0)
    // An address of two bytes makes the kernel choose an abstract name: unix(7), autobind.
    var address = sockaddr(sa_family: sa_family_t(AF_UNIX), sa_data: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    bind(descriptor, &address, 2)
    if listening { listen(descriptor, 1) }
    return descriptor
}

@Suite(.serialized) struct InheritedSocketsTests {
    private let process = String(getpid())

    private func take(_ environment: [String: String]) throws -> [(name: String, descriptor: Int32)] {
        try InheritedSockets.take(environment: environment, first: first)
    }

    @Test func namedSockets() throws {
        try inherit([unixSocket(), unixSocket()]) {
            let sockets = try take(["LISTEN_PID": process, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "events:control"])
            #expect(sockets.map(\.name) == ["events", "control"])
            #expect(sockets.map(\.descriptor) == [first, first + 1])
            for socket in sockets { #expect(fcntl(socket.descriptor, F_GETFD) == FD_CLOEXEC) }
        }
    }

    @Test func withoutNames() throws {
        try inherit([unixSocket()]) {
            #expect(fcntl(first, F_GETFD) == 0)
            let sockets = try take(["LISTEN_PID": process, "LISTEN_FDS": "1"])
            #expect(sockets.map(\.name) == ["unknown"])
            #expect(fcntl(first, F_GETFD) == FD_CLOEXEC)
        }
    }

    @Test func notActivatedOrMeantForAnother() throws {
        #expect(try take([:]).isEmpty)
        #expect(try take(["LISTEN_FDS": "1"]).isEmpty)
        #expect(try take(["LISTEN_PID": process]).isEmpty)
        #expect(try take(["LISTEN_PID": "1", "LISTEN_FDS": "broken"]).isEmpty)
        #expect(try take(["LISTEN_PID": process, "LISTEN_FDS": "0", "LISTEN_FDNAMES": ""]).isEmpty)
    }

    @Test(arguments: [
        ("-1", "LISTEN_FDS is “-1”: expected a number of sockets"),
        ("many", "LISTEN_FDS is “many”: expected a number of sockets"),
        ("65537", "LISTEN_FDS is “65537”: expected a number of sockets"), ("2147483647", nil), ("", nil),
    ])
    func badCounts(_ count: String, _ message: String?) {
        let error = #expect(throws: ServiceManagerError.self) {
            _ = try take(["LISTEN_PID": process, "LISTEN_FDS": count])
        }
        if let message { #expect(error?.description == message) }
    }

    @Test(arguments: ["", "me", "-5", "0"])
    func badProcess(_ process: String) {
        #expect(throws: ServiceManagerError.self) { _ = try take(["LISTEN_PID": process, "LISTEN_FDS": "1"]) }
    }

    @Test(arguments: ["events", "events:control:more", ""])
    func namesAndSocketsDiffer(_ names: String) {
        let error = #expect(throws: ServiceManagerError.self) {
            _ = try take(["LISTEN_PID": process, "LISTEN_FDS": "2", "LISTEN_FDNAMES": names])
        }
        #expect(error?.description.contains("names for 2 sockets") == true)
    }

    private func problem(_ descriptor: Int32) -> String? {
        let error = inherit([descriptor]) {
            #expect(throws: ServiceManagerError.self) {
                _ = try take(["LISTEN_PID": process, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "events"])
            }
        }
        return error?.description
    }

    @Test func wrongDescriptors() {
        let what = "the inherited socket “events” (descriptor \(first))"
        #expect(problem(-1) == "\(what) is not open: Bad file descriptor")
        #expect(problem(open("/dev/null", O_RDONLY)) == "\(what) is no socket: Socket operation on non-socket")
        #expect(
            problem(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
                == "\(what) is no Unix socket: ListenStream= must be a path")
        #expect(problem(unixSocket(SOCK_DGRAM, listening: false)) == "\(what) is no stream socket: use ListenStream=")
        #expect(problem(unixSocket(SOCK_SEQPACKET)) == "\(what) is no stream socket: use ListenStream=")
        #expect(problem(unixSocket(listening: false)) == "\(what) does not listen: the unit must say Accept=no")
    }
}
