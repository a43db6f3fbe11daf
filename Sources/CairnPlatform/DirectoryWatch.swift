import Glibc

/// Tells when something changes in some directories (inotify(7)): a file written, made, moved or removed.
///
/// It tells that, not what: look again after every `true`. Changes since the `init` count, so that nothing is missed by
/// who looks after it. Not all is seen: a change made on another host of a network file system is not, and a directory
/// that is removed or moved away tells that once and is not watched any more. So always wait with a timeout.
package final class DirectoryWatch: Sendable {
    private let events: Descriptor
    /// Two ends of a socket: `stop` closes the stream at one, and the other becomes readable for ever.
    private let stopper: Descriptor
    private let stopped: Descriptor
    private let path: String

    /// - Parameters:
    ///   - root: a directory.
    ///   - directories: which directories below it to watch, relative to it; `""` is the root itself. Each must exist.
    ///   - namesOnly: do not tell of files that are written, only of names that come, go and change.
    package init(root path: String, directories: [String], namesOnly: Bool = false) throws(IOFailure) {
        let number = try systemCall("inotify_init1", path) { inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
        let events = Descriptor(number)
        let changes =
            (namesOnly ? 0 : IN_MODIFY) | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF
            | IN_MOVE_SELF
        let mask = UInt32(changes | IN_ONLYDIR)
        for directory in directories {
            let full = directory.isEmpty ? path : "\(path)/\(directory)"
            try systemCall("inotify_add_watch", full) { inotify_add_watch(number, full, mask) }
        }
        let pair = try makeSocketPair()
        stopper = Descriptor(pair.0)
        stopped = Descriptor(pair.1)
        self.events = events
        self.path = path
    }

    /// Waits for a change.
    ///
    /// - Parameter timeoutMilliseconds: a negative one waits for ever, 0 not at all.
    /// - Returns: true after a change since the last `true`; false when the time is up or `stop` was called.
    package func wait(timeoutMilliseconds: Int32) throws(IOFailure) -> Bool {
        let ready = try pollDescriptors(
            [(events.number, Int16(POLLIN)), (stopped.number, Int16(POLLIN))],
            timeoutMilliseconds: timeoutMilliseconds, path: path)
        guard ready[1] == 0, ready[0] != 0 else { return false }
        try drain()
        return true
    }

    /// Lets changes gather for a while, or until `stop` is called.
    package func pause(milliseconds: Int32) {
        _ = try? pollDescriptors(
            [(stopped.number, Int16(POLLIN))], timeoutMilliseconds: milliseconds, path: path)
    }

    /// Ends the wait of another thread, and every later one at once.
    package func stop() {
        _ = shutdown(stopper.number, Int32(SHUT_WR))
    }

    /// Forgets the changes that are told already: many writes make one `true`.
    private func drain() throws(IOFailure) {
        let number = events.number
        do throws(IOFailure) {
            var moved = 1
            while moved > 0 {
                moved = try withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) {
                    (buffer) throws(IOFailure) in
                    try systemCall("read", path) { read(number, buffer.baseAddress, buffer.count) }
                }
            }
        } catch {
            if error.code != EAGAIN { throw error }
        }
    }
}
