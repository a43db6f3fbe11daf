import CairnPlatform
import Glibc
import Testing

/// Signals that really interrupt a call that really blocks: the kernel then says how far it came, or EINTR.
@Suite struct InterruptedTransferTests {
    private static let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }

    /// Runs `write` on a thread of its own and sends it a signal after each piece that `read` takes, until `read`
    /// returns 0.
    ///
    /// - Returns: all that was read.
    private func receive(
        whileInterrupting write: @escaping @Sendable () -> Void, _ read: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> [UInt8] {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }  // and no SA_RESTART
        try #require(sigaction(SIGUSR1, &action, nil) == 0)

        let target = Guarded<pthread_t?>(nil)
        let thread = try DedicatedThread(name: "interrupted") {
            var mask = sigset_t()
            sigemptyset(&mask)
            sigaddset(&mask, SIGUSR1)
            pthread_sigmask(SIG_UNBLOCK, &mask, nil)
            target.update { $0 = pthread_self() }
            write()
        }
        // It is joined only below, so its number stays good.
        let started = target.wait(while: { $0 == nil }, then: { $0 })
        let writer = try #require(started)

        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 40_009)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try read($0) }
            if count == 0 { break }
            received += buffer[..<count]
            pthread_kill(writer, SIGUSR1)
        }
        thread.join()
        return received
    }

    /// Not `==` within `#expect`: the difference of two arrays of this size would take minutes to print.
    private func isTheSame(_ received: [UInt8]) -> Bool {
        received == Self.bytes
    }

    @Test func socketLosesAndDoublesNothing() throws {
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
        let sender = UnixConnection(adopting: pair[0], path: "sender")
        let receiver = UnixConnection(adopting: pair[1], path: "receiver")
        let received = try receive {
            #expect(code { try Self.bytes.withUnsafeBytes { try sender.send($0) } } == nil)
            sender.shutdownWriting()
        } _: {
            try receiver.receive(into: $0)
        }
        #expect(isTheSame(received))
    }

    /// A pipe, as a write to a regular file cannot be interrupted.
    @Test func appendLosesAndDoublesNothing() throws {
        let directory = try TemporaryDirectory()
        try #require(mkfifo("\(directory.path)/pipe", 0o600) == 0)
        let reader = open("\(directory.path)/pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        try #require(reader >= 0)
        defer { close(reader) }
        let file = try directory.fileSystem().openForAppending("pipe")
        try #require(fcntl(reader, F_SETFL, 0) == 0)

        let received = try receive {
            #expect(code { try file.append(Self.bytes) } == nil)
            #expect(file.size == UInt64(Self.bytes.count))
            #expect(code { try file.close() } == nil)
        } _: { buffer in
            while true {
                let count = read(reader, buffer.baseAddress, buffer.count)
                if count >= 0 { return count }
                try #require(errno == EINTR)
            }
        }
        #expect(isTheSame(received))
    }
}
