internal import CairnFormat
internal import CairnPlatform
internal import CairnStore
internal import NIOCore
internal import NIOPosix

/// The control socket: one request a line, one answer a line. Protocol.md is the norm.
final class ControlServer: @unchecked Sendable {
    // @unchecked: what varies is touched by start and stop only, which their caller calls one after the other; the parser,
    // by the connections, which are all on one loop.
    private let loop: any EventLoop
    private var listener: (channel: any Channel, path: String)?
    private let commands: any ControlCommands
    private let admission = Admission(room: Admission.controlConnections)
    private let parser: JSONParser

    init(loop: any EventLoop, commands: any ControlCommands) throws(FormatError) {
        self.loop = loop
        self.commands = commands
        parser = try JSONParser()
    }

    func start(path: String, mode: UInt32) throws {
        let admission = admission
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            // What one read can hold is answered before anybody else has a turn.
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4 << 10))
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { [self] channel in
                admission.count(channel)
                return SocketBinding.peer(of: channel).flatMapThrowing { [self] peer in
                    try channel.pipeline.syncOperations.addHandler(
                        ControlConnection(peer: peer, commands: commands, parser: parser))
                }
            }
        let channel = try SocketBinding.bind(bootstrap, path: path, mode: mode)
        loop.execute { admission.listen(on: channel) }
        listener = (channel, path)
    }

    func stop() {
        guard let (channel, path) = listener else { return }
        try? SocketFile.remove(path)
        try? channel.close().wait()
        listener = nil
    }
}

/// One client of the control socket. Its requests are carried out one after the other, so answers come in their order;
/// it is read only while none waits and it takes its answers.
final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of a request: the longest command with room to spare.
    private static let requestBytes = 64 << 10

    private let peer: PeerCredentials
    private let commands: any ControlCommands
    /// Shared with the other connections: it keeps nothing from one line to the next.
    private let parser: JSONParser
    private var context: ChannelHandlerContext?
    private var framer = LineFramer(limit: requestBytes)
    /// Those that wait for the ones before them; nil for a line that is no request.
    private var requests: ArraySlice<ControlRequest?> = []
    private var isBusy = false
    private var wantsRead = false
    private var inputEnded = false

    init(peer: PeerCredentials, commands: any ControlCommands, parser: JSONParser) {
        self.peer = peer
        self.commands = commands
        self.parser = parser
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        wantsRead = true
        proceed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            framer.push(bytes) { take($0) }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        wantsRead = true
        proceed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { proceed() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        framer.finish { take($0) }
        inputEnded = true
        proceed()
    }

    func channelInactive(context: ChannelHandlerContext) { self.context = nil }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func proceed() {
        guard let context, context.channel.isActive else { return }
        while !isBusy, context.channel.isWritable, let request = requests.popFirst() { answer(request, context) }
        context.flush()
        guard !isBusy, requests.isEmpty else { return }
        if inputEnded {
            // Behind all that the client has not taken yet.
            let channel = context.channel
            let rest = wrapOutboundOut(channel.allocator.buffer(capacity: 0))
            context.writeAndFlush(rest).whenComplete { _ in channel.close(promise: nil) }
        } else if wantsRead, context.channel.isWritable {
            wantsRead = false
            context.read()
        }
    }

    private func answer(_ request: ControlRequest?, _ context: ChannelHandlerContext) {
        guard let request else {
            return reply(
                ControlAnswer.failure("bad_request", "a request is a JSON object: {\"command\":\"status\"}"), context)
        }
        guard let command = ControlCommand(rawValue: request.command) else {
            return reply(
                ControlAnswer.failure("bad_request", "there is no command \"\(request.command)\""), context)
        }
        if let refusal = commands.refusal(of: command, to: peer) {
            return reply(ControlAnswer.failure("not_allowed", refusal), context)
        }
        isBusy = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        commands.perform(command, request, by: peer) { bytes in
            bound.eventLoop.execute {
                let (connection, context) = bound.value
                connection.isBusy = false
                connection.reply(bytes, context)
                connection.proceed()
            }
        }
    }

    private func take(_ line: LineFramer.Line) {
        guard case .whole(let bytes) = line else { return requests.append(nil) }
        requests.append(ControlRequest(bytes, parser: parser))
    }

    private func reply(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var buffer = context.channel.allocator.buffer(capacity: bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        // `proceed` sends all that there is at once.
        context.write(wrapOutboundOut(buffer), promise: nil)
    }
}
