import Glibc

/// Makes a system call, and makes it again as long as a signal interrupts it (EINTR).
@discardableResult
func systemCall<Result: SignedInteger>(
    _ operation: String, _ path: String, _ call: () -> Result
) throws(IOFailure) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        let code = errno
        if code != EINTR { throw IOFailure(operation: operation, path: path, code: code) }
    }
}

/// Repeats a call that may move fewer bytes than it was given (write, pread, send) until all `count` are moved, it
/// moves none (end of file), or it fails. `done` is right also when this throws.
///
/// - Parameter call: does one such system call for the bytes from `offset` on and returns what the system call did.
func transfer(
    _ count: Int, done: inout Int, operation: String, path: String, _ call: (_ offset: Int) -> Int
) throws(IOFailure) {
    while done < count {
        let offset = done
        let moved = try systemCall(operation, path) { call(offset) }
        if moved == 0 { return }
        done += moved
    }
}

/// An open file descriptor with one owner. It is closed when the owner goes, and nobody else may close it.
struct Descriptor: ~Copyable, Sendable {
    /// Negative once closed.
    private(set) var number: Int32
    let kernel: any Kernel

    init(_ number: Int32, of kernel: any Kernel = LinuxKernel.shared) {
        self.number = number
        self.kernel = kernel
    }

    deinit {
        if number >= 0 { _ = Self.release(number, kernel) }
    }

    /// Closes and says what the kernel had left to say (an NFS server reports lost writes here).
    consuming func close(path: String) throws(IOFailure) {
        let code = Self.release(number, kernel)
        number = -1
        if code != 0 { throw IOFailure(operation: "close", path: path, code: code) }
    }

    /// Closes `number` and returns the errno. It never tries twice: on Linux the number is free after the first call,
    /// whatever that returned, and may by then belong to another thread (close(2)).
    private static func release(_ number: Int32, _ kernel: any Kernel) -> Int32 {
        if kernel.close(number) == 0 { return 0 }
        let code = errno
        // Somebody closed a descriptor of ours. The next write could land in a stranger's file: stop here.
        precondition(code != EBADF, "descriptor \(number) was closed behind its owner's back; this is a bug in Cairn")
        return code == EINTR ? 0 : code
    }
}

/// poll(2) that a signal does not cut short.
///
/// - Parameter timeoutMilliseconds: a negative one waits for ever.
/// - Returns: the `revents` of each descriptor, all 0 when the time is up.
func pollDescriptors(
    _ interests: [(descriptor: Int32, events: Int16)], timeoutMilliseconds: Int32, path: String
) throws(IOFailure) -> [Int16] {
    var entries = interests.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
    let clock = SystemTimeSource()
    let deadline = clock.monotonic() + Int64(timeoutMilliseconds) * 1_000_000
    var remaining = timeoutMilliseconds
    while poll(&entries, nfds_t(entries.count), remaining) < 0 {
        let code = errno
        guard code == EINTR else { throw IOFailure(operation: "poll", path: path, code: code) }
        if timeoutMilliseconds > 0 {
            // Rounded up, so that it does not spin through the last millisecond.
            remaining = Int32(max(0, (deadline - clock.monotonic() + 999_999) / 1_000_000))
        }
    }
    return entries.map(\.revents)
}
