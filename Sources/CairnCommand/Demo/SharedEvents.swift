import CairnPlatform
import Synchronization

/// Made-up events that several connections share: each takes the next piece when it has sent its last.
final class SharedEvents: Sendable {
    private struct State {
        var events: DemoEvents
        var piece: [UInt8] = []
        var failure: (any Error)?
    }

    /// Leaves room in the sender's buffer for one more event.
    private static let pieceBytes = 16 << 10

    private let state: Mutex<State>

    init(_ events: DemoEvents) { state = Mutex(State(events: events)) }

    /// Sends all of them and waits for the answers.
    ///
    /// - Returns: the sums over all connections.
    func deliver(to socket: String, connections: Int) throws -> Delivery.Progress {
        let deliveries = try (0..<connections).map { _ in try Delivery(path: socket) }
        let threads = try deliveries.map { delivery in
            try DedicatedThread(name: "cairn-send") { [self] in send(over: delivery) }
        }
        for thread in threads { thread.join() }
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return deliveries.map(\.progress).reduce(into: Delivery.Progress()) { sum, progress in
            sum.sentLines += progress.sentLines
            sum.sentBytes += progress.sentBytes
            sum.acknowledged += progress.acknowledged
            sum.refused += progress.refused
        }
    }

    private func send(over delivery: Delivery) {
        do {
            _ = try delivery.run { buffer in take(into: buffer) }
        } catch {
            state.withLock { $0.failure = $0.failure ?? error }
        }
    }

    private func take(into buffer: UnsafeMutableRawBufferPointer) -> Delivery.Input {
        state.withLock { state in
            state.piece.removeAll(keepingCapacity: true)
            while state.piece.count < SharedEvents.pieceBytes, state.events.next(into: &state.piece) {}
            buffer.copyBytes(from: state.piece)
            return state.piece.isEmpty ? .end : .bytes(state.piece.count)
        }
    }
}
