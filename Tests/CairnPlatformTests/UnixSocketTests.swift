import CairnPlatform
import Glibc
import Testing

/// A listening socket in a directory of its own.
private final class Listener {
    let directory: TemporaryDirectory
    let path: String
    private let number: Int32

    /// - Parameter pathBytes: pads the path to this many bytes.
    init(pathBytes: Int? = nil) throws {
        directory = try TemporaryDirectory()
        var path = directory.path + "/s"
        if let pathBytes { path += String(repeating: "s", count: pathBytes - path.utf8.count) }
        self.path = path
        number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafeBytes(of: &address) { bytes in
            bind(number, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        }
        try #require(bound == 0)
        try #require(listen(number, 8) == 0)
    }

    deinit {
        close(number)
    }

    func accept() throws -> UnixConnection {
        let connected = Glibc.accept(number, nil, nil)
        try #require(connected >= 0)
        return UnixConnection(adopting: connected, path: "accepted")
    }

    /// A client and the server's side of its connection.
    func pair() throws -> (client: UnixConnection, server: UnixConnection) {
        (try UnixConnection(path: path), try accept())
    }
}

extension UnixConnection {
    fileprivate func send(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes { try send($0) }
    }

    fileprivate func receive(atMost count: Int) throws -> String {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = try buffer.withUnsafeMutableBytes { try receive(into: $0) }
        return String(decoding: buffer[..<received], as: UTF8.self)
    }
}

@Suite struct UnixConnectionTests {
    @Test func bytesGoBothWays() throws {
        let (client, server) = try Listener().pair()
        try client.send("question")
        #expect(try server.receive(atMost: 100) == "question")
        try server.send("answer")
        #expect(try client.receive(atMost: 3) == "ans")
        #expect(try client.receive(atMost: 100) == "wer")
    }

    @Test func shutdownEndsOneDirection() throws {
        let (client, server) = try Listener().pair()
        try client.send("last")
        client.shutdownWriting()
        client.shutdownWriting()
        #expect(try server.receive(atMost: 100) == "last")
        #expect(try server.receive(atMost: 100) == "")
        try server.send("acknowledged")
        #expect(try client.receive(atMost: 100) == "acknowledged")
        #expect(code { try client.send("more") } == EPIPE)
    }

    @Test func connectionClosesWithItsLastReference() throws {
        let listener = try Listener()
        var client: UnixConnection? = try UnixConnection(path: listener.path)
        let server = try listener.accept()
        try client?.send("x")
        client = nil
        #expect(try server.receive(atMost: 10) == "x")
        #expect(try server.receive(atMost: 10) == "")
        // A signal here would end the test process.
        #expect(code { try server.send("y") } == EPIPE)
    }

    /// More than a socket's buffer: the kernel takes it in pieces, and none is lost or doubled.
    @Test func sendWaitsForTheReader() throws {
        let (client, server) = try Listener().pair()
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        let sender = try DedicatedThread(name: "sender") {
            #expect(code { try bytes.withUnsafeBytes { try client.send($0) } } == nil)
            client.shutdownWriting()
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_521)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try server.receive(into: $0) }
            if count == 0 { break }
            received += buffer[..<count]
        }
        sender.join()
        // Compared outside the macro: the difference of two such arrays would take minutes to print.
        let isSame = received == bytes
        #expect(isSame)
    }

    @Test func sendAvailableDoesNotWait() throws {
        let (client, server) = try Listener().pair()
        let bytes = [UInt8](repeating: 7, count: 100_000)
        var sent = 0
        while true {
            let count = try bytes.withUnsafeBytes { try client.sendAvailable($0) }
            if count == 0 { break }
            sent += count
        }
        #expect(sent > 0)
        #expect(try client.poll(for: [.sending, .receiving], timeoutMilliseconds: 0) == [])

        var received = 0
        while received < sent { received += try server.receive(atMost: 65_536).utf8.count }
        #expect(received == sent)
        #expect(try client.poll(for: [.sending, .receiving], timeoutMilliseconds: -1) == .sending)
    }

    @Test func pollTellsBytesAndTheEnd() throws {
        let listener = try Listener()
        let client = try UnixConnection(path: listener.path)
        var server: UnixConnection? = try listener.accept()
        #expect(try !client.poll(timeoutMilliseconds: 0))
        #expect(try !client.poll(timeoutMilliseconds: 2))
        try server?.send("x")
        #expect(try client.poll(timeoutMilliseconds: -1))
        #expect(try client.receive(atMost: 10) == "x")
        #expect(try !client.poll(timeoutMilliseconds: 0))
        server = nil
        #expect(try client.poll(timeoutMilliseconds: -1))
        #expect(try client.receive(atMost: 10) == "")
    }

    // MARK: Connecting

    @Test(arguments: [106, 107])
    func longestPathConnects(_ bytes: Int) throws {
        let listener = try Listener(pathBytes: bytes)
        let (client, server) = try listener.pair()
        try client.send("x")
        #expect(try server.receive(atMost: 10) == "x")
    }

    @Test(arguments: [108, 109, 5_000])
    func longerPathIsRefused(_ bytes: Int) {
        let path = "/tmp/" + String(repeating: "x", count: bytes - 5)
        #expect(throws: IOFailure(operation: "connect", path: path, code: ENAMETOOLONG)) {
            try UnixConnection(path: path)
        }
    }

    @Test(arguments: ["", "\0abstract", "a\0b"])
    func pathThatIsNoneIsRefused(_ path: String) {
        #expect(code { _ = try UnixConnection(path: path) } == EINVAL)
    }

    @Test func nobodyListens() throws {
        let directory = try TemporaryDirectory()
        #expect(code { _ = try UnixConnection(path: "\(directory.path)/none") } == ENOENT)
        var listener: Listener? = try Listener()
        let kept = try #require(listener)
        let (path, folder) = (kept.path, kept.directory)
        _ = consume kept
        listener = nil
        // The file of a daemon that has died is still there.
        #expect(try folder.fileSystem().list("").count == 1)
        #expect(throws: IOFailure(operation: "connect", path: path, code: ECONNREFUSED)) {
            try UnixConnection(path: path)
        }
    }
}

@Suite struct PeerCredentialsTests {
    @Test func peerIsThisProcess() throws {
        let (client, server) = try Listener().pair()
        let expected = PeerCredentials(pid: getpid(), uid: geteuid(), gid: getegid())
        #expect(try server.peer() == expected)
        #expect(try client.peer() == expected)
    }

    @Test func descriptorOfAnotherKindHasNoPeer() throws {
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        #expect(code { _ = try PeerCredentials.of(descriptor: null) } == ENOTSOCK)
        #expect(code { _ = try PeerCredentials.of(descriptor: -1) } == EBADF)

        let unconnected = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(unconnected) }
        #expect(code { _ = try PeerCredentials.of(descriptor: unconnected) } == ENOTCONN)
    }
}
