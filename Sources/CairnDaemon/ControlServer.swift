internal import CairnFormat
internal import CairnPlatform
internal import CairnStore
internal import NIOCore
internal import NIOPosix

/// The control socket: one request a line, one answer a line. Protocol.md is the norm.
final class ControlServer: @unchecked Sendable {
    // @unchecked: what varies is touched by start and stop only, which their caller calls one after the other.
    private let loop: any EventLoop
    private var listener: (channel: any Channel, path: String)?
    private let commands: any ControlCommands
    private let admission = Admission(room: Admission.controlConnections)

    init(loop: any EventLoop, commands: any ControlCommands) {
        self.loop = loop
        self.commands = commands
    }

    func start(path: String, mode: UInt32) throws {
        let (commands, admission) = (commands, admission)
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                admission.count(channel)
                return SocketBinding.peer(of: channel).flatMapThrowing { peer in
                    try channel.pipeline.syncOperations.addHandler(
                        ControlConnection(peer: peer, commands: commands))
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

/// One line of a client of the control socket.
package struct ControlRequest {
    /// What is asked for, whether there is such a command or not.
    package let command: String

    /// nil for a line that is no request.
    package init?(_ line: UnsafeRawBufferPointer) {
        guard let parser = try? JSONParser(), let tape = try? parser.parse(line), tape.kind(1) == .object else {
            return nil
        }
        var index = 2
        while tape.kind(index) != .objectEnd {
            if tape.string(index).elementsEqual("command".utf8), tape.kind(index + 1) == .string {
                command = String(decoding: tape.string(index + 1), as: UTF8.self)
                return
            }
            index = tape.next(index + 1)
        }
        return nil
    }
}

/// What can be asked on the control socket. Calls come on the event loop and must not block it.
protocol ControlCommands: Sendable {
    /// Whether that user may do more than ask for the status.
    func isAllowed(_ peer: PeerCredentials) -> Bool
    func status() -> [UInt8]
    func rotate(by peer: PeerCredentials, _ done: @escaping @Sendable ([UInt8]) -> Void)
    func sync(_ done: @escaping @Sendable ([UInt8]) -> Void)
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
    private var context: ChannelHandlerContext?
    private var framer = LineFramer(limit: requestBytes)
    /// Commands that wait for those before them; nil for a line that is no request.
    private var requests: ArraySlice<String?> = []
    private var isBusy = false
    private var wantsRead = false
    private var inputEnded = false

    init(peer: PeerCredentials, commands: any ControlCommands) {
        self.peer = peer
        self.commands = commands
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        wantsRead = true
        proceed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            framer.push(bytes) { requests.append(ControlConnection.command($0)) }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        wantsRead = true
        proceed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { proceed() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return }
        framer.finish { requests.append(ControlConnection.command($0)) }
        inputEnded = true
        proceed()
    }

    func channelInactive(context: ChannelHandlerContext) { self.context = nil }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func proceed() {
        guard let context, context.channel.isActive else { return }
        while !isBusy, context.channel.isWritable, let request = requests.popFirst() { answer(request, context) }
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

    private func answer(_ command: String?, _ context: ChannelHandlerContext) {
        switch command {
        case nil:
            reply(ControlAnswer.failure("bad_request", "a request is {\"command\":\"status|rotate|sync\"}"), context)
        case "status"?:
            reply(commands.status(), context)
        case let command? where command == "rotate" || command == "sync":
            guard commands.isAllowed(peer) else {
                reply(
                    ControlAnswer.failure(
                        "not_allowed", "uid \(peer.uid) may not \(command): add it to control.uids"), context)
                return
            }
            isBusy = true
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let done: @Sendable ([UInt8]) -> Void = { bytes in
                bound.eventLoop.execute {
                    let (connection, context) = bound.value
                    connection.isBusy = false
                    connection.reply(bytes, context)
                    connection.proceed()
                }
            }
            if command == "rotate" { commands.rotate(by: peer, done) } else { commands.sync(done) }
        case let command?:
            reply(ControlAnswer.failure("bad_request", "there is no command \"\(command)\""), context)
        }
    }

    private static func command(_ line: LineFramer.Line) -> String? {
        guard case .whole(let bytes) = line else { return nil }
        return ControlRequest(bytes)?.command
    }

    private func reply(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var buffer = context.channel.allocator.buffer(capacity: bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}

/// The answers of the control socket, as JSON objects.
enum ControlAnswer {
    enum Value {
        case text(String)
        case number(UInt64)
        case flag(Bool)
        case none
        case object([(String, Value)])
    }

    static func success(_ fields: [(String, Value)]) -> [UInt8] {
        encode(.object([("ok", .flag(true))] + fields))
    }

    static func failure(_ code: String, _ message: String) -> [UInt8] {
        encode(.object([("ok", .flag(false)), ("code", .text(code)), ("message", .text(message))]))
    }

    private static func encode(_ value: Value) -> [UInt8] {
        var output: [UInt8] = []
        append(value, to: &output)
        return output
    }

    private static func append(_ value: Value, to output: inout [UInt8]) {
        switch value {
        case .text(let text): output.append(jsonString: text.utf8)
        case .number(let number): output.append(decimal: number)
        case .flag(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .none: output.append(text: "null")
        case .object(let fields):
            output.append(UInt8(ascii: "{"))
            for (index, field) in fields.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                output.append(jsonString: field.0.utf8)
                output.append(UInt8(ascii: ":"))
                append(field.1, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }
}
