import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on the loopback that does with each request what it is told to.
final class FakeServer: Sendable {
    enum Answer: Sendable {
        case status(Int, headers: [String: String] = [:], body: String = "")
        /// Answers when the head is there, does not wait for the body, and goes on to read it.
        case early(Int, body: String = "")
        /// Closes the connection when the head is there.
        case hangUp
        /// Announces 100 bytes, sends ten, and closes.
        case cut
        /// Never answers.
        case silence
        /// Does not even read the body.
        case deafness
    }

    struct Received: Sendable {
        var method: String
        var uri: String
        var headers: [String: String]
        var body: [UInt8] = []
    }

    /// What is still to be done, and what was received.
    fileprivate final class Script: Sendable {
        private let state: Mutex<(answers: [Answer], requests: [Received])>

        init(_ answers: [Answer]) { state = Mutex((answers, [])) }

        var requests: [Received] { state.withLock { $0.requests } }
        func note(_ request: Received) { state.withLock { $0.requests.append(request) } }
        /// The last answer is given again and again.
        func next() -> Answer { state.withLock { $0.answers.count > 1 ? $0.answers.removeFirst() : $0.answers[0] } }
    }

    private let script: Script
    private let channel: any Channel

    init(_ answers: [Answer]) throws {
        let script = Script(answers)
        self.script = script
        channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: false)
                    try channel.pipeline.syncOperations.addHandler(Handler(script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
    }

    deinit { channel.close(promise: nil) }

    var endpoint: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    /// All whose head came, each with as much of its body as was read before the answer.
    var requests: [Received] { script.requests }
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let script: FakeServer.Script
    private var request: FakeServer.Received?
    private var answer = FakeServer.Answer.silence

    init(_ script: FakeServer.Script) { self.script = script }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
            request = FakeServer.Received(method: head.method.rawValue, uri: head.uri, headers: headers)
            answer = script.next()
            begin(context)
        case .body(let buffer):
            request?.body.append(contentsOf: buffer.readableBytesView)
        case .end:
            finish(context)
        }
    }

    private func begin(_ context: ChannelHandlerContext) {
        switch answer {
        case .hangUp:
            if let request { script.note(request) }
            request = nil
            context.close(promise: nil)
        case .early(let status, let body):
            if let request { script.note(request) }
            request = nil
            send(context, status, [:], Array(body.utf8), announced: body.utf8.count)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .deafness:
            if let request { script.note(request) }
            context.channel.setOption(.autoRead, value: false).whenComplete { _ in }
        case .status, .cut, .silence: break
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard let request else { return }
        script.note(request)
        self.request = nil
        switch answer {
        case .status(let status, let headers, let body):
            let isHead = request.method == "HEAD"
            send(context, status, headers, isHead ? [] : Array(body.utf8), announced: body.utf8.count)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .cut:
            send(context, 200, [:], [UInt8](repeating: 1, count: 10), announced: 100)
            context.close(promise: nil)
        case .early, .hangUp, .silence, .deafness: break
        }
    }

    private func send(
        _ context: ChannelHandlerContext, _ status: Int, _ headers: [String: String], _ body: [UInt8], announced: Int
    ) {
        var all = HTTPHeaders(headers.map { ($0.key, $0.value) })
        if !all.contains(name: "content-length") { all.add(name: "content-length", value: "\(announced)") }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: all)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    }
}
