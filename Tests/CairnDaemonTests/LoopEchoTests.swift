import CairnPlatform
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import CairnDaemon

@Suite struct LoopEchoTests {
    /// Writes down who came, in its order.
    private final class Recorder: ChannelInboundHandler, @unchecked Sendable {
        // @unchecked: used on its loop only.
        typealias InboundIn = ByteBuffer

        var reads = 0

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { reads += 1 }
    }

    /// More sockets than one look of the loop can bring (64 of epoll_wait(2) at first).
    @Test(arguments: [1, 50, 200]) func whatWasReadyBeforeHasBeenHandled(count: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let echo = try LoopEcho(loop)
        let recorder = Recorder()
        var channels: [any Channel] = []
        var ends: [Int32] = []
        for _ in 0..<count {
            let (one, other) = try makeSocketPair()
            channels.append(
                try await NIOPipeBootstrap(group: loop)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(recorder)
                        }
                    }
                    .takingOwnershipOfDescriptors(input: one, output: dup(one)).get())
            ends.append(other)
        }
        for round in 1...5 {
            let done = loop.makePromise(of: Int.self)
            loop.execute { [ends] in
                for end in ends { write(end, "x", 1) }
                echo.whenLooked { done.succeed(recorder.reads) }
            }
            #expect(try await done.futureResult.get() == round * count)
        }
        for channel in channels { try await channel.close() }
        for end in ends { close(end) }
        echo.close()
        try await group.shutdownGracefully()
    }
}
