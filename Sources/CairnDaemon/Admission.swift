internal import CairnPlatform
internal import Logging
internal import NIOCore

/// Keeps a listener from accepting more connections than there are file descriptors for. Who connects then waits in
/// the backlog of the socket until another leaves: a daemon without a descriptor left could not write its log.
final class Admission: @unchecked Sendable {
    // @unchecked: used on the event loop of its listener only.

    /// Connections of the control socket at a time.
    static let controlConnections = 16
    /// Descriptors that a rotation, a head, a reload and the look at a client need for a moment, and the runtime later.
    private static let reserve = 12

    /// Connections of the event socket at a time, for a daemon that has opened all that it keeps open.
    static var eventConnections: Int {
        let others = (DescriptorLimit.used ?? 64) + controlConnections + reserve
        return max(1, DescriptorLimit.current - others)
    }

    private let room: Int
    private let logger: Logger?
    private var listener: (any Channel)?
    private var open = 0
    private var hasWarned = false

    init(room: Int, logger: Logger? = nil) {
        self.room = room
        self.logger = logger
    }

    /// Whether somebody may be waiting in the backlog.
    var isFull: Bool { open >= room }

    /// Nil once it listens no more.
    func listen(on listener: (any Channel)?) {
        self.listener = listener
        if isFull { accept(false) }
    }

    func count(_ channel: any Channel) {
        open += 1
        channel.closeFuture.whenComplete { _ in
            self.open -= 1
            if self.open == self.room - 1 { self.accept(true) }
        }
        guard open == room else { return }
        accept(false)
        guard !hasWarned else { return }
        hasWarned = true
        logger?.warning(
            "\(open) clients are connected and the next must wait: raise LimitNOFILE= (ulimit -n) if that is usual")
    }

    private func accept(_ isOpen: Bool) {
        // On its loop it takes effect at once; of a listener that has just been closed nothing is wanted.
        _ = listener?.setOption(.autoRead, value: isOpen)
    }
}
