internal import CairnPlatform
internal import NIOCore
internal import NIOPosix

/// Tells when an event loop has looked at its descriptors: that a task of it ran again tells nothing, as a loop that is
/// late runs several tasks in a row without a look between them.
///
/// It is a byte through a pair of sockets. epoll(7) lists what is ready in the order in which it became so: whatever was ready
/// when the byte was sent has been handled when it comes back.
final class LoopEcho: @unchecked Sendable {
    // @unchecked: used on its event loop only.
    private let loop: any EventLoop
    private let channel: any Channel
    private let handler: Handler

    private final class Handler: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer

        var waiting: [() -> Void] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let tasks = waiting
            waiting = []
            // Behind what else was found by the same look.
            context.eventLoop.assumeIsolated().execute { for task in tasks { task() } }
        }
    }

    /// Not to be called on the loop.
    init(_ loop: any EventLoop) throws {
        let pair = try makeSocketPair()
        let handler = Handler()
        channel = try NIOPipeBootstrap(group: loop)
            .channelInitializer { $0.pipeline.addHandler(handler) }
            .takingOwnershipOfDescriptors(input: pair.0, output: pair.1).wait()
        self.loop = loop
        self.handler = handler
    }

    /// Calls `task` on the loop once it has looked.
    func whenLooked(_ task: @escaping () -> Void) {
        handler.waiting.append(task)
        channel.writeAndFlush(ByteBuffer(bytes: [0]), promise: nil)
    }

    func close() { channel.close(promise: nil) }
}
