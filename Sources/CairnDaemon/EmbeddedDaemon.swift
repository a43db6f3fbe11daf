internal import CairnFormat
internal import CairnPlatform
internal import CairnReader
internal import CairnStore
package import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The daemon as an object: one log with its writer and its two sockets. `cairnd` runs one as a service; tests and
/// `cairn demo` run one inside their own process. `start` and `stop` are called once each, from the same thread.
package final class EmbeddedDaemon: Sendable {
    struct Running {
        var writer: StoreWriter
        var watch: LogWatch?
        var caretaker: Caretaker
        var events: EventServer
        var control: ControlServer
        var group: MultiThreadedEventLoopGroup
        var lock: any DirectoryLock
        var since: Time
    }

    private let logger: Logger
    private let time: any TimeSource
    private let entropy: any EntropySource
    let configuration: Mutex<Configuration>
    let running = Mutex<Running?>(nil)
    private let failure = Mutex<DaemonError?>(nil)
    /// Told once, on the writer's thread, when the log cannot be written any more.
    private let onFailure: @Sendable (DaemonError) -> Void

    package init(
        configuration: Configuration, logger: Logger? = nil,
        onFailure: @escaping @Sendable (DaemonError) -> Void = { _ in }
    ) {
        self.configuration = Mutex(configuration)
        self.logger = logger ?? Logger(label: "cairnd") { _ in SwiftLogNoOpLogHandler() }
        self.onFailure = onFailure
        time = SystemTimeSource()
        entropy = SystemEntropySource()
    }

    // MARK: Life

    /// Opens the log (recovering it first if need be), starts the writer, and listens. `eventSocket` is a descriptor
    /// that listens already; `progress` is told what is being done.
    package func start(eventSocket: Int32? = nil, progress: (String) -> Void = { _ in }) throws(DaemonError) {
        let configuration = configuration.withLock { $0 }
        progress("opening \(configuration.directory)")
        let (files, lock) = try EmbeddedDaemon.lockedDirectory(configuration.directory)
        let now = moment
        let opening = LogOpening(
            files, configuration: StoreConfiguration(configuration), entropy: entropy, now: now)
        let loopGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let events = EventServer(loop: loopGroup.next(), configuration: configuration, logger: logger)
        do {
            let isNew = try files.status(FileNames.origin) == nil
            let opened = try opening.open(creating: name(configuration))
            if isNew {
                let (name, key) = (opened.core.origin.origin.name, opened.core.origin.genesisKey)
                logger.notice("created the log \(name); keep its first key off this host, to verify it by: \(key)")
            }
            for event in opened.events { logger.warning("\(String(decoding: event, as: UTF8.self))") }
            let writer = try StoreWriter(
                opened, events: [startEvent(configuration)], time: time,
                observer: Observer(
                    events: events, logger: logger,
                    hasSealed: { [self] in
                        running.withLock { $0?.caretaker }?.lookAgain()
                        encryptWhatIsDue()
                    },
                    failed: { [self] in fail($0) }))
            let control = try ControlServer(loop: loopGroup.next(), commands: DaemonCommands(daemon: self))
            let watch = watch(configuration.directory, writer)
            let caretaker = try startCaretaker(files, writer, StoreConfiguration(configuration))
            running.withLock {
                $0 = Running(
                    writer: writer, watch: watch, caretaker: caretaker, events: events, control: control,
                    group: loopGroup,
                    lock: lock, since: now.wall)
            }
            scheduleRetention(on: loopGroup.next())
            scheduleEncryption(on: loopGroup.next())
            progress("listening")
            try control.start(path: configuration.controlPath, mode: configuration.control.mode)
            try events.start(writer: writer, descriptor: eventSocket)
        } catch {
            stop()
            var failure = EmbeddedDaemon.daemonError(error)
            // What the store says names files within the log.
            if error is StoreError { failure.message = "\(configuration.directory): \(failure.message)" }
            throw failure
        }
        logger.notice("ready: log \(configuration.directory), socket \(configuration.socket.path)")
    }

    /// Without inotify the log is looked after at least once a second while events come, and every minute otherwise.
    private func watch(_ directory: String, _ writer: StoreWriter) -> LogWatch? {
        do throws(IOFailure) {
            return try LogWatch(directory, writer)
        } catch {
            logger.warning("\(directory) is not watched for files that are taken away, only looked at: \(error)")
            return nil
        }
    }

    /// It begins with the newest sealed segment, which the last daemon may not have come to.
    private func startCaretaker(
        _ files: any FileSystem, _ writer: StoreWriter, _ configuration: StoreConfiguration
    ) throws -> Caretaker {
        let recorder = WriterRecorder(writer)
        let custody = try Custody(files, recorder, entropy: entropy, compression: configuration.compression)
        let newest = try custody.sealedSegments(from: 0).last ?? 0
        let caretaker = try Caretaker(custody, from: newest) { [logger] result in
            switch result {
            case .success(let outcome):
                let details: [String: OwnEvent.Value] = [
                    "first_seq": .number(outcome.firstSequence), "bytes_before": .number(outcome.before),
                    "bytes_after": .number(outcome.after),
                ]
                try? writer.submit(own: [OwnEvent.line(action: "segment.compacted", details: details)])
            case .failure(let error): logger.warning("a sealed segment was not written anew: \(error)")
            }
        }
        _ = caretaker.perform { [logger] custody in
            do throws(StoreError) {
                try custody.finish()
            } catch {
                logger.error("what was begun before the start could not be finished: \(error)")
            }
        }
        return caretaker
    }

    /// Time between two looks at the setting while retention waits for requests only: a reload may change that.
    private static let retentionIdle = TimeAmount.minutes(1)

    /// Applies the policy of retention every `retention.interval`. The event loop's end is its end.
    private func scheduleRetention(on loop: any EventLoop) {
        let interval = configuration.withLock { $0.retention.interval }
        let isOff = interval == .zero
        loop.scheduleTask(in: isOff ? EmbeddedDaemon.retentionIdle : TimeAmount(interval)) { [self] in
            guard running.withLock({ $0 != nil }) else { return }
            if !isOff { applyRetention() }
            scheduleRetention(on: loop)
        }
    }

    /// Encrypts, once a minute, what has become due: `encryption.after` is counted in hours rather than in seconds.
    private func scheduleEncryption(on loop: any EventLoop) {
        encryptWhatIsDue()
        loop.scheduleTask(in: .minutes(1)) { [self] in
            guard running.withLock({ $0 != nil }) else { return }
            scheduleEncryption(on: loop)
        }
    }

    private func encryptWhatIsDue() {
        let encryption = configuration.withLock { $0.encryption }
        guard !encryption.recipients.isEmpty, let caretaker = running.withLock({ $0?.caretaker }) else { return }
        _ = caretaker.perform { [self] custody in
            custody.recipients = encryption.recipients
            do throws(StoreError) {
                let end = Time(nanoseconds: now.nanoseconds - encryption.after.nanoseconds)
                let count = try custody.encrypt(through: end, pause: caretaker.attend)
                if count > 0 { logger.info("encrypted \(count) sealed segments") }
            } catch {
                logger.error("sealed segments were not encrypted: \(error)")
            }
        }
    }

    private func applyRetention() {
        let path = configuration.withLock { $0.retention.policy }
        guard !path.isEmpty, let caretaker = running.withLock({ $0?.caretaker }) else { return }
        _ = caretaker.perform { [self] custody in
            do {
                let outcome = try custody.apply(
                    RetentionPolicy(file: path), now: now, by: ProcessEnvironment.userID, pause: caretaker.attend)
                if !outcome.deleted.isEmpty {
                    logger.notice("retention removed \(outcome.deleted.count) segments, \(outcome.bytes) bytes")
                }
            } catch {
                logger.error("retention was not applied: \(error)")
            }
        }
    }

    /// Stops accepting, commits and acknowledges what was received, signs the head and lets go of the log.
    package func stop() {
        guard let parts = running.withLock({ $0.take() }) else { return }
        parts.control.stop()
        parts.events.stop(within: 10)
        parts.watch?.stop()
        parts.caretaker.close()
        try? parts.writer.submit(own: [OwnEvent.line(action: "daemon.stopped")])
        parts.writer.close()
        try? parts.group.syncShutdownGracefully()
        parts.lock.release()
    }

    /// Puts new settings in force as far as that goes without a restart, and writes down that it did.
    package func apply(_ wanted: Configuration) throws(DaemonError) {
        guard let parts = running.withLock({ $0 }) else { return }
        let old = configuration.withLock { $0 }
        let configuration = wanted.reloaded(over: old)
        for key in wanted.changesNeedingRestart(from: old) {
            logger.warning("\(key) has changed and takes effect with the next start")
        }
        do {
            parts.writer.apply(StoreConfiguration(configuration))
            try parts.events.apply(configuration, writer: parts.writer)
            let changed = Setting.all.filter { $0.text(in: configuration) != $0.text(in: old) }.map(\.key)
            try parts.writer.submit(
                own: [OwnEvent.line(action: "daemon.reloaded", details: ["changed": .list(changed)])])
        } catch {
            throw EmbeddedDaemon.daemonError(error)
        }
        self.configuration.withLock { $0 = configuration }
    }

    /// Seals the active segment; `done` is told whether there was anything to seal.
    package func rotate(by: String, _ done: @escaping @Sendable (Bool) -> Void = { _ in }) {
        guard let parts = running.withLock({ $0 }) else { return done(false) }
        parts.writer.rotate { sealed in
            if sealed {
                // Behind the seal: it is of the segment that the rotation opened.
                try? parts.writer.submit(
                    own: [OwnEvent.line(action: "log.rotated", details: ["by": .text(by)])])
            }
            done(sealed)
        }
    }

    /// One line for the service manager: what the daemon does and how far it has come.
    package var summary: String {
        guard let parts = running.withLock({ $0 }) else { return "stopped" }
        let status = parts.writer.status
        let connections = parts.events.openConnections.load(ordering: .relaxed)
        return "\(status.phase.name), \(status.durable) events, \(connections) connections"
    }

    /// Whether the writer is there and not halted.
    package var isHealthy: Bool {
        guard let parts = running.withLock({ $0 }) else { return false }
        if case .halted = parts.writer.status.phase { return false }
        return true
    }

    /// Why the log cannot be written any more, if that is so.
    package var writeFailure: DaemonError? { failure.withLock { $0 } }

    private func fail(_ error: StoreError) {
        let failure = DaemonError(error)
        let isFirst = self.failure.withLock { stored in
            defer { stored = stored ?? failure }
            return stored == nil
        }
        if isFirst { onFailure(failure) }
    }

    /// The wall clock.
    var now: Time { Time(nanoseconds: time.wall()) }

    private var moment: Moment {
        Moment(wall: Time(nanoseconds: time.wall()), monotonic: time.monotonic())
    }

    private func startEvent(_ configuration: Configuration) -> [UInt8] {
        OwnEvent.line(
            action: "daemon.started",
            details: ["version": .text(Release.version), "socket": .text(configuration.socket.path)])
    }

    /// The name of a log that is created now: the host's, and random digits, so that two logs never share one.
    private func name(_ configuration: Configuration) -> String {
        guard configuration.origin.isEmpty else { return configuration.origin }
        return "\(ProcessEnvironment.hostName())/cairn-\(Hex.encode(entropy.bytes(4)))"
    }

    private static func lockedDirectory(_ path: String) throws(DaemonError) -> (PosixFileSystem, any DirectoryLock) {
        do throws(IOFailure) {
            try PosixFileSystem.createRoot(path, mode: 0o750)
            let files = try PosixFileSystem(root: path)
            return (files, try files.lock())
        } catch {
            // EWOULDBLOCK: the lock of another process.
            if error.code == 11 {
                throw DaemonError(.temporary, "another process writes the log in \(path): there can be only one")
            }
            throw DaemonError(.io, "\(path): \(error)")
        }
    }

    private static func daemonError(_ error: any Error) -> DaemonError {
        switch error {
        case let error as DaemonError: error
        case let error as StoreError: DaemonError(error)
        case let error as FormatError: DaemonError(.unavailable, error.message)
        default: DaemonError(.unavailable, "\(error)")
        }
    }

    // MARK: Between the parts

    private struct Observer: StoreObserver {
        let events: EventServer
        let logger: Logger
        let hasSealed: @Sendable () -> Void
        let failed: @Sendable (StoreError) -> Void

        func sealed() { hasSealed() }

        func acknowledged(_ answers: [Answer]) { events.acknowledged(answers) }

        func suspended(_ reason: String) {
            logger.error("nothing is stored for now: \(reason); clients wait, and it is tried again every second")
            events.suspended(reason)
        }

        func resumed() {
            logger.notice("events are stored again")
            events.resumed()
        }

        func spaceChanged(to stage: SpaceStage, available: UInt64) {
            switch stage {
            case .ample: logger.notice("the disk has room again: \(available) bytes are free")
            case .low: logger.warning("the disk runs full: \(available) bytes are free; make room")
            case .exhausted: logger.error("the disk is as good as full: \(available) bytes are free")
            }
        }

        func displaced(_ displacement: Displacement, path: String) {
            let what =
                switch displacement {
                case .directory: "the log's directory is not at its path any more"
                case .segment(isReplaced: false): "\(path) was removed or moved away while it was written"
                case .segment(isReplaced: true): "\(path) was replaced while it was written"
                case .key: "the private key of the newest segment was removed"
                }
            let end = displacement == .directory ? "" : "; it is put back from what is open, and a part of the log now"
            logger.critical("\(what)\(end)")
        }

        func halted(_ error: StoreError) {
            logger.critical("the log cannot be written any more: \(error)")
            events.halted(error.message)
            failed(error)
        }
    }
}

extension StoreCore.Phase {
    /// A word for it, as status and logs say it.
    var name: String {
        switch self {
        case .idle: "idle"
        case .performing: "committing"
        case .suspended: "suspended"
        case .halted: "halted"
        }
    }
}

extension StoreConfiguration {
    init(_ configuration: Configuration) {
        self.init()
        segmentBytes = UInt64(configuration.segment.maxBytes)
        segmentAge = configuration.segment.maxAge.nanoseconds
        sealsOnShutdown = configuration.segment.sealOnShutdown
        switch configuration.segment.compression {
        case .isal: compression = .isal
        case .zlib: compression = .zlib(level: Int32(configuration.segment.compressionLevel))
        }
        headInterval = configuration.head.interval.nanoseconds
        headKeepalive = configuration.head.keepalive.nanoseconds
        identities = configuration.idempotency.ids
        identityAge = configuration.idempotency.age.nanoseconds
        commitBytes = configuration.limits.commitBytes
        warnFree = UInt64(configuration.disk.warnFree)
        stopFree = UInt64(configuration.disk.stopFree)
    }
}

extension Duration {
    /// Settings are far below the 292 years that fit.
    fileprivate var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
