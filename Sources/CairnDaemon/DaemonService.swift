internal import CairnPlatform
package import Logging
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals

/// The daemon under a service manager: starts it, says when it is ready, answers signals, and stops it in order.
package struct DaemonService: Service {
    private let loaded: LoadedConfiguration
    private let reload: @Sendable () throws -> LoadedConfiguration
    private let notification: ServiceNotification
    private let eventSocket: Int32?
    private let logger: Logger

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

    /// Runs until it is told to stop; throws a `DaemonError` when it cannot go on.
    package func run() async throws {
        // Trapped before anything else: a signal that comes too early must not end the process.
        let signals = await UnixSignalsSequence(trapping: .sighup, .sigusr1)
        let (failures, failed) = AsyncStream.makeStream(of: DaemonError.self)
        let daemon = EmbeddedDaemon(configuration: loaded.configuration, logger: logger) { failed.yield($0) }
        try daemon.start(eventSocket: eventSocket) { stage in tell { try notification.status(stage) } }
        tell { try notification.ready(status: daemon.summary) }
        let result = await withTaskGroup(of: DaemonError?.self) { group in
            group.addTask { await first(of: failures) }
            group.addTask {
                try? await gracefulShutdown()
                return nil
            }
            group.addTask { await answer(signals, daemon) }
            // Without a service manager there is nobody to be told, and no reason to wake up.
            if notification.isActive { group.addTask { await report(daemon) } }
            // The first to end is a failure or the wish to stop; the others go on until they are cancelled.
            let result = await group.next() ?? nil
            group.cancelAll()
            return result
        }
        tell { try notification.stopping(status: "committing what was received") }
        daemon.stop()
        // The last commit, or the last head, can fail too.
        if let failure = result ?? daemon.writeFailure {
            tell { try notification.failed(errno: 5, status: failure.message) }
            throw failure
        }
        logger.notice("stopped")
    }

    private func first(of failures: AsyncStream<DaemonError>) async -> DaemonError? {
        for await failure in failures { return failure }
        return nil
    }

    /// SIGHUP reads the configuration again, SIGUSR1 seals the active segment.
    private func answer(_ signals: UnixSignalsSequence, _ daemon: EmbeddedDaemon) async -> DaemonError? {
        for await signal in signals {
            if signal == .sigusr1 {
                daemon.rotate(by: "SIGUSR1")
            } else {
                tell { try notification.reloading() }
                reloadConfiguration(daemon)
                tell { try notification.ready(status: daemon.summary) }
            }
        }
        return nil
    }

    private func reloadConfiguration(_ daemon: EmbeddedDaemon) {
        do {
            try daemon.apply(reload().configuration)
            logger.notice("the configuration was read again")
        } catch {
            logger.error("the configuration is kept as it was: \(error)")
        }
    }

    /// Tells the service manager that the daemon lives, and what it does.
    private func report(_ daemon: EmbeddedDaemon) async -> DaemonError? {
        let pause = notification.watchdogInterval.map { $0 / 2 } ?? .seconds(10)
        while !Task.isCancelled {
            try? await Task.sleep(for: min(pause, .seconds(10)))
            if daemon.isHealthy { tell { try notification.watchdog() } }
            tell { try notification.status(daemon.summary) }
        }
        return nil
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
