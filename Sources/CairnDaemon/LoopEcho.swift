internal import CairnPlatform
internal import NIOCore
internal import NIOPosix

/// Tells when an event loop has looked at its descriptors: that a task of it ran again tells nothing, as a loop that is
/// late runs several tasks in a row without a look between them.
///
/// It is a byte through a pair of sockets. epoll(7) lists what is ready in the order in which it became so: whatever was
/// ready when the byte was sent has been handled when it comes back.
final class LoopEcho: @unchecked Sendable {
    // @unchecked: used on its event loop only.
    private let channel: any Channel
    private let handler: Handler

    private final class Handler: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer

        var waiting: [() -> Void] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // Behind what else was found by the same look.
            context.eventLoop.assumeIsolated().execute { self.runTasks() }
        }

        func runTasks() {
            for task in exchange(&waiting, with: []) { task() }
        }
    }

    /// Not to be called on the loop.
    init(_ loop: any EventLoop) throws {
        let pair = try makeSocketPair()
        let handler = Handler()
        channel = try NIOPipeBootstrap(group: loop)
            .channelInitializer { $0.pipeline.addHandler(handler) }
            .takingOwnershipOfDescriptors(input: pair.0, output: pair.1).wait()
        self.handler = handler
    }

    /// Calls `task` on the loop once it has looked.
    func whenLooked(_ task: @escaping () -> Void) {
        handler.waiting.append(task)
        // A byte that cannot be sent never comes back, and nobody is to wait for ever.
        channel.writeAndFlush(ByteBuffer(bytes: [0])).assumeIsolated().whenFailure { [handler] _ in handler.runTasks() }
    }

    func close() { channel.close(promise: nil) }
}
