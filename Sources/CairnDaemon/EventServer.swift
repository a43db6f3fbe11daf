internal import CairnFormat
internal import CairnPlatform
internal import CairnStore
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The event socket: accepts clients, keeps them within their limits, and passes the writer's answers on to them. Its
/// connections live on one event loop; what comes from other threads is passed to it.
final class EventServer: @unchecked Sendable {
    // @unchecked: everything below `loop` is touched on that loop only.
    private let loop: any EventLoop
    private let logger: Logger
    private var configuration: Configuration
    private var surroundings: EventConnection.Surroundings?
    private var listener: (any Channel)?
    private var connections: [UInt64: EventConnection] = [:]
    private var lastTicket: UInt64 = 0
    private var suspension: String?
    /// Whether the daemon stops, and only hears out who is there.
    private var isStopping = false
    private var echo: LoopEcho?
    /// The name of the socket, if this made it. Written by `start` only, before anybody else looks.
    private var boundPath: String?
    /// Made anew by `start`: how many descriptors are left is known once all others are open.
    private var admission = Admission(room: .max)
    /// Number of open connections, for others to read.
    let openConnections = Atomic<Int>(0)

    init(loop: any EventLoop, configuration: Configuration, logger: Logger) {
        self.loop = loop
        self.configuration = configuration
        self.logger = logger
    }

    /// Begins to listen: on `descriptor` if it was handed one, else on a socket that it makes.
    func start(writer: StoreWriter, descriptor: Int32?) throws {
        let echo = try LoopEcho(loop)
        try loop.submit {
            self.echo = echo
            self.admission = Admission(room: Admission.eventConnections, logger: self.logger)
            try self.prepare(writer)
        }.wait()
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: Int32(configuration.socket.backlog))
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 128 << 10))
            .childChannelInitializer { channel in self.accept(channel) }
        let channel: any Channel
        if let descriptor {
            channel = try bootstrap.withBoundSocket(descriptor).wait()
        } else {
            channel = try SocketBinding.bind(
                bootstrap, path: configuration.socket.path, mode: configuration.socket.mode)
            boundPath = configuration.socket.path
        }
        loop.execute {
            self.listener = channel
            self.admission.listen(on: channel)
        }
    }

    private func prepare(_ writer: StoreWriter) throws {
        let parser = try EventParser(sanitizer: Sanitizer(names: configuration.sanitize.fields))
        let protocolParser = try JSONParser()
        surroundings = EventConnection.Surroundings(
            writer: writer, parser: parser, protocolParser: protocolParser,
            origin: writer.status.origin.origin.name, eventBytes: configuration.limits.eventBytes,
            connectionBytes: configuration.limits.connectionBytes,
            mayRead: { [unowned self] in
                suspension == nil && writer.queuedBytes < configuration.limits.queueBytes
            },
            closed: { [unowned self] connection in
                connections[connection.ticket] = nil
                openConnections.store(connections.count, ordering: .relaxed)
            })
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        admission.count(channel)
        lastTicket += 1
        guard let surroundings, connections.count < configuration.limits.connections else {
            logger.warning(
                "connection refused: \(connections.count) are open; raise limits.connections if that is usual")
            return channel.close()
        }
        let ticket = lastTicket
        // The child lives on this loop too, so the handler never leaves it.
        return SocketBinding.peer(of: channel).assumeIsolated().flatMapThrowing { peer in
            let connection = EventConnection(ticket: ticket, peer: peer, surroundings: surroundings)
            try channel.pipeline.syncOperations.addHandler(connection)
            self.connections[ticket] = connection
            self.openConnections.store(self.connections.count, ordering: .relaxed)
            if self.isStopping { connection.drain() }
        }.nonisolated()
    }

    /// Puts the settings in force that can change while clients are connected; limits of a line and masked names hold
    /// for connections that come after.
    func apply(_ configuration: Configuration, writer: StoreWriter) throws {
        try loop.submit {
            self.configuration = configuration
            try self.prepare(writer)
            self.resumeAll()
        }.wait()
    }

    private func resumeAll() {
        for connection in connections.values { connection.resume() }
    }

    // MARK: What the writer says

    func acknowledged(_ answers: [Answer]) {
        loop.execute {
            for answer in answers { self.connections[answer.ticket]?.deliver(answer) }
            // Whoever waited for the queue of all may go on.
            self.resumeAll()
        }
    }

    func suspended(_ reason: String) {
        loop.execute {
            self.suspension = reason
            for connection in self.connections.values {
                connection.notifyUnavailable("nothing can be stored for now (\(reason)); what was sent is waiting")
            }
        }
    }

    func resumed() {
        loop.execute {
            self.suspension = nil
            self.resumeAll()
        }
    }

    func halted(_ reason: String) {
        loop.execute {
            self.suspension = reason
            for connection in self.connections.values {
                connection.notifyUnavailable(
                    "the log cannot be written any more (\(reason)); lines without an answer "
                        + "are not stored")
                connection.abandon()
            }
        }
    }

    // MARK: Stopping

    /// Hears out who has connected and reads what they have sent already. Returns once all of it is answered and every
    /// connection is closed, or after `seconds`.
    func stop(within seconds: Int64) {
        // Without its name nobody new comes. Who waits to be accepted has written perhaps, and must be heard: nobody
        // else would. A socket of the service manager keeps them for the next daemon.
        if let boundPath { try? SocketFile.remove(boundPath) }
        let done = loop.makePromise(of: Void.self)
        loop.execute {
            self.isStopping = true
            if self.boundPath == nil { self.closeListener() }
            for connection in self.connections.values { connection.drain() }
            self.drain(until: .now() + .seconds(seconds), done)
        }
        try? done.futureResult.wait()
    }

    private func drain(until deadline: NIODeadline, _ done: EventLoopPromise<Void>) {
        guard listener != nil || !connections.isEmpty, NIODeadline.now() < deadline, let echo else {
            closeListener()
            for connection in connections.values { connection.abandon() }
            echo?.close()
            done.succeed()
            return
        }
        let (ticket, wasFull) = (lastTicket, admission.isFull)
        echo.whenLooked {
            // If it found nobody at the door and had room, nobody waits.
            if self.lastTicket == ticket, !wasFull, !self.admission.isFull { self.closeListener() }
            for connection in Array(self.connections.values) { connection.drainFurther() }
            // Answers take a moment.
            self.loop.scheduleTask(in: .milliseconds(5)) { self.drain(until: deadline, done) }
        }
    }

    private func closeListener() {
        admission.listen(on: nil)
        listener?.close(promise: nil)
        listener = nil
    }
}

/// What both sockets of the daemon have in common.
enum SocketBinding {
    /// Binds and listens. A socket file that nobody listens on is left over from a process that ended, and replaced.
    static func bind(_ bootstrap: ServerBootstrap, path: String, mode: UInt32) throws -> any Channel {
        guard !SocketFile.isListening(path) else {
            throw DaemonError(
                .unavailable, "another process listens on \(path): stop it, or choose another socket path")
        }
        do throws(IOFailure) {
            try SocketFile.remove(path)
        } catch {
            throw DaemonError(.unavailable, "\(path) cannot be used as a socket: \(error)")
        }
        let channel: any Channel
        do {
            channel = try bootstrap.bind(unixDomainSocketPath: path).wait()
        } catch {
            throw DaemonError(
                .unavailable,
                "cannot listen on \(path): \(error); the directory must exist and be writable, and the "
                    + "path have at most \(UnixConnection.maximumPathBytes) bytes")
        }
        do throws(IOFailure) {
            try SocketFile.setMode(path, mode)
        } catch {
            channel.close(promise: nil)
            throw DaemonError(.unavailable, error.description)
        }
        return channel
    }

    /// Who is at the other end (SO_PEERCRED), as it was when it connected.
    static func peer(of channel: any Channel) -> EventLoopFuture<PeerCredentials> {
        guard let provider = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(DaemonError(.unavailable, "not a socket"))
        }
        // struct ucred of unix(7): pid, uid, gid. SO_PEERCRED is 17 on every Linux that Swift runs on.
        let option = NIOBSDSocket.Option(rawValue: 17)
        let credentials: EventLoopFuture<(pid: Int32, uid: UInt32, gid: UInt32)> =
            provider.unsafeGetSocketOption(level: .socket, name: option)
        return credentials.map { PeerCredentials(pid: $0.pid, uid: $0.uid, gid: $0.gid) }
    }
}
