import Glibc

/// The streams that every process is started with.
package enum StandardStream: Int32, Sendable {
    case input = 0
    case output = 1
    case error = 2

    /// Whether it is a terminal, and not a file or a pipe.
    package var isTerminal: Bool { Terminal.isTerminal(rawValue) }

    /// Writes all bytes, and waits where a pipe is full.
    ///
    /// - Throws: for a pipe that nobody reads any more ``IOFailure/isClosedPipe``, where SIGPIPE did not end the process.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) {
        var done = 0
        while done < bytes.count {
            do throws(IOFailure) {
                try transfer(bytes.count, done: &done, operation: "write", path: name) { offset in
                    Glibc.write(rawValue, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
                }
            } catch {
                // Whoever gave us the stream may have made it non-blocking.
                guard error.code == EAGAIN else { throw error }
                _ = try pollDescriptors([(rawValue, Int16(POLLOUT))], timeoutMilliseconds: -1, path: name)
            }
        }
    }

    /// Waits for bytes and takes as many as are there.
    ///
    /// - Returns: the bytes read; 0 at the end of the stream (or when the buffer is empty).
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        while true {
            do throws(IOFailure) {
                return try systemCall("read", name) { Glibc.read(rawValue, buffer.baseAddress, buffer.count) }
            } catch {
                guard error.code == EAGAIN else { throw error }
                _ = try wait(timeoutMilliseconds: -1)
            }
        }
    }

    /// Waits until `read` would return at once: with bytes, the end of the stream, or an error.
    ///
    /// - Parameter timeoutMilliseconds: a negative one waits for ever.
    /// - Returns: false when the time is up.
    package func wait(timeoutMilliseconds: Int32) throws(IOFailure) -> Bool {
        try pollDescriptors([(rawValue, Int16(POLLIN))], timeoutMilliseconds: timeoutMilliseconds, path: name)[0] != 0
    }

    private var name: String {
        switch self {
        case .input: "standard input"
        case .output: "standard output"
        case .error: "standard error"
        }
    }
}

extension IOFailure {
    /// The reader of a pipe or socket is gone (EPIPE).
    package var isClosedPipe: Bool { code == EPIPE }

    /// The caller may not do that (EACCES, EPERM).
    package var isForbidden: Bool { code == EACCES || code == EPERM }

    /// Nothing listens on a socket of that name (ENOENT, ECONNREFUSED).
    package var isNotListening: Bool { code == ENOENT || code == ECONNREFUSED }
}
