internal import CairnPlatform
internal import Glibc
package import Logging

/// The daemon under a service manager: starts it, says when it is ready, answers signals, and stops it in order.
///
/// All of it is on the thread that calls `run`, which sleeps until there is something to do. Nothing of Swift's
/// concurrency is used: on Linux its shared pool wakes up every second for as long as the process lives.
package struct DaemonService {
    private let loaded: LoadedConfiguration
    private let reload: @Sendable () throws -> LoadedConfiguration
    private let notification: ServiceNotification
    private let eventSocket: Int32?
    private let logger: Logger

    /// What others want of the thread that runs the daemon.
    private struct Wishes {
        var stops = false
        var reloads = false
        var rotates = false
        /// Why it cannot go on.
        var failure: DaemonError?

        var isEmpty: Bool { !stops && !reloads && !rotates && failure == nil }
    }

    /// `reload` reads the configuration again, as it was read at the start.
    package init(
        _ loaded: LoadedConfiguration, reload: @escaping @Sendable () throws -> LoadedConfiguration,
        environment: [String: String], logger: Logger
    ) throws(DaemonError) {
        self.loaded = loaded
        self.reload = reload
        self.logger = logger
        do throws(ServiceManagerError) {
            notification = try ServiceNotification(environment: environment)
            let sockets = try InheritedSockets.take(environment: environment)
            eventSocket = (sockets.first { $0.name == "events" } ?? sockets.first)?.descriptor
        } catch {
            throw DaemonError(.configuration, "\(error)")
        }
    }

    /// Runs until it is told to stop (SIGTERM, SIGINT); throws when it cannot go on. To be called on the only thread of
    /// the process.
    package func run() throws(DaemonError) {
        let wishes = Guarded(Wishes())
        // Before anything else: a signal that comes too early must not end the process.
        try receiveSignals(wishes)
        let daemon = EmbeddedDaemon(configuration: loaded.configuration, logger: logger) { failure in
            wishes.update { $0.failure = $0.failure ?? failure }
        }
        try daemon.start(eventSocket: eventSocket) { stage in tell { try notification.status(stage) } }
        tell { try notification.ready(status: daemon.summary) }
        let failure = answer(wishes, daemon)
        tell { try notification.stopping(status: "committing what was received") }
        daemon.stop()
        // The last commit, or the last head, can fail too.
        if let failure = failure ?? daemon.writeFailure {
            tell { try notification.failed(errno: 5, status: failure.message) }
            throw failure
        }
        logger.notice("stopped")
    }

    /// SIGHUP reads the configuration again, SIGUSR1 seals the active segment.
    private func receiveSignals(_ wishes: Guarded<Wishes>) throws(DaemonError) {
        do throws(IOFailure) {
            try Signals.receive([SIGTERM, SIGINT, SIGHUP, SIGUSR1]) { number in
                wishes.update { wishes in
                    switch number {
                    case SIGHUP: wishes.reloads = true
                    case SIGUSR1: wishes.rotates = true
                    default: wishes.stops = true
                    }
                }
            }
        } catch {
            throw DaemonError(.io, "\(error)")
        }
    }

    /// Does what is wished, and tells the service manager that the daemon lives, until it is to stop or cannot go on.
    private func answer(_ wishes: Guarded<Wishes>, _ daemon: EmbeddedDaemon) -> DaemonError? {
        let time = SystemTimeSource()
        let interval = reportInterval
        var reportAt = interval.map { time.monotonic() + $0 }
        while true {
            let next = wishes.wait(until: reportAt, while: { $0.isEmpty }, then: { exchange(&$0, with: Wishes()) })
            // Who asks for a seal and then for the end gets both.
            if next.rotates { daemon.rotate(by: "SIGUSR1") }
            if next.failure != nil || next.stops { return next.failure }
            if next.reloads {
                tell { try notification.reloading() }
                reloadConfiguration(daemon)
                tell { try notification.ready(status: daemon.summary) }
            }
            if let interval, let due = reportAt, time.monotonic() >= due {
                if daemon.isHealthy { tell { try notification.watchdog() } }
                tell { try notification.status(daemon.summary) }
                reportAt = time.monotonic() + interval
            }
        }
    }

    private func reloadConfiguration(_ daemon: EmbeddedDaemon) {
        do {
            try daemon.apply(reload().configuration)
            logger.notice("the configuration was read again")
        } catch {
            logger.error("the configuration is kept as it was: \(error)")
        }
    }

    /// Nanoseconds between two reports to the service manager; nil without one: then there is no reason to wake up.
    private var reportInterval: Int64? {
        guard notification.isActive else { return nil }
        let longest = Duration.seconds(10)
        let interval = min(notification.watchdogInterval.map { $0 / 2 } ?? longest, longest)
        return interval.components.seconds * 1_000_000_000 + interval.components.attoseconds / 1_000_000_000
    }

    /// A service manager that does not listen is no reason to stop.
    private func tell(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            logger.debug("the service manager was not told: \(error)")
        }
    }
}
