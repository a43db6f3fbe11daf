public import CairnFormat
import CairnPlatform

/// Events for `for try await`. They are read on a thread of its own, a batch at a time and only as they are asked for:
/// who stops asking stops the reading, and so does the cancellation of the task.
public struct AuditEvents: AsyncSequence, Sendable {
    private let makeSource: @Sendable () throws(ReadError) -> any EventSource

    init(_ makeSource: @escaping @Sendable () throws(ReadError) -> any EventSource) { self.makeSource = makeSource }

    /// Begins anew with the first event.
    public func makeAsyncIterator() -> Iterator { Iterator(BatchThread(makeSource)) }

    /// Gives one event after the other.
    public struct Iterator: AsyncIteratorProtocol {
        private let thread: BatchThread
        private var batch: [QueriedEvent] = []
        private var taken = 0

        fileprivate init(_ thread: BatchThread) { self.thread = thread }

        /// The next event; nil behind the last.
        ///
        /// - Throws: a ``ReadError``, after the events that were found before it; `CancellationError` once the task is
        ///   cancelled.
        public mutating func next() async throws -> QueriedEvent? {
            while taken == batch.count {
                guard let next = try await thread.next() else { return nil }
                (batch, taken) = (next, 0)
            }
            try Task.checkCancellation()
            defer { taken += 1 }
            return batch[taken]
        }
    }
}

extension AuditLog {
    /// The events that match, as an asynchronous sequence.
    ///
    ///     for try await event in log.events(matching: try Filter("status=failed"), order: .newestFirst) {
    ///         print(event.sequence, String(decoding: event.line, as: UTF8.self))
    ///     }
    ///
    /// - Parameters:
    ///   - times: of the events; nil for any.
    ///   - limit: events at most, counted in `order`; nil for all.
    ///   - after: the sequence number behind which it begins, in `order`.
    public func events(
        matching filter: Filter, in times: Range<Time>? = nil, order: Query.Order = .oldestFirst, limit: Int? = nil,
        after: UInt64? = nil
    ) -> AuditEvents {
        let query = Query(
            filter: filter, since: times?.lowerBound, until: times?.upperBound, order: order, limit: limit, after: after
        )
        return AuditEvents { [self] () throws(ReadError) in QueriedEvents(try QueryScan(directory, query)) }
    }

    /// The events that match from now on, or behind `after`, as they come; it ends when the task is cancelled.
    public func newEvents(matching filter: Filter, after: UInt64? = nil) -> AuditEvents {
        AuditEvents { [self] () throws(ReadError) in
            // Everything that is there is behind the newest of it.
            let end = try endSequence()
            let start = after ?? (end > 0 ? end - 1 : nil)
            return try follow(Query(filter: filter, after: start))
        }
    }
}

/// Where events come from, a batch at a time. One thread at a time asks for them.
protocol EventSource {
    /// Waits for events; nil behind the last.
    mutating func nextBatch() throws(ReadError) -> [QueriedEvent]?

    /// What lets a waiting `nextBatch` return at once; any thread may call it. Nil where it never waits long.
    var wake: (@Sendable () -> Void)? { get }
}

extension QueriedEvents: EventSource {
    var wake: (@Sendable () -> Void)? { nil }

    mutating func nextBatch() throws(ReadError) -> [QueriedEvent]? { try takeBatch() }
}

extension Follower: EventSource {
    var wake: (@Sendable () -> Void)? { { [self] in stop() } }

    func nextBatch() throws(ReadError) -> [QueriedEvent]? { try next().map { [$0] } }
}

/// Reads on a thread of its own, so that nothing waits for a disk on Swift's shared pool. The thread ends with the last
/// reference.
private final class BatchThread: Sendable {
    private typealias Answer = CheckedContinuation<[QueriedEvent]?, any Error>

    private struct State {
        /// Who waits for a batch.
        var waiting: Answer?
        var isStopped = false
        var wake: (@Sendable () -> Void)?
    }

    private let state: Guarded<State>
    private let failure: IOFailure?

    init(_ makeSource: @escaping @Sendable () throws(ReadError) -> any EventSource) {
        let state = Guarded(State())
        self.state = state
        do throws(IOFailure) {
            _ = try DedicatedThread(name: "events") { BatchThread.run(state, makeSource) }
            failure = nil
        } catch {
            failure = error
        }
    }

    deinit { BatchThread.end(state) }

    func next() async throws -> [QueriedEvent]? {
        if let failure { throw ReadError(failure) }
        let state = state
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isStopped = state.update { state in
                    if !state.isStopped { state.waiting = continuation }
                    return state.isStopped
                }
                if isStopped { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            BatchThread.end(state)
        }
    }

    private static func end(_ state: Guarded<State>) {
        let (waiting, wake) = state.update { state in
            state.isStopped = true
            defer { state.waiting = nil }
            return (state.waiting, state.wake)
        }
        waiting?.resume(throwing: CancellationError())
        wake?()
    }

    private static func run(_ state: Guarded<State>, _ makeSource: () throws(ReadError) -> any EventSource) {
        var source: (any EventSource)?
        while wait(state) {
            let result: Result<[QueriedEvent]?, any Error>
            do throws(ReadError) {
                if source == nil {
                    let made = try makeSource()
                    source = made
                    let isStopped = state.withLock { state in
                        state.wake = made.wake
                        return state.isStopped
                    }
                    if isStopped { made.wake?() }
                }
                result = .success(try source?.nextBatch())
            } catch {
                result = .failure(error)
            }
            // Whoever stopped it has answered already.
            let waiting = state.withLock { state in
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume(with: result)
        }
    }

    /// Waits until a batch is wanted; false once none will be.
    private static func wait(_ state: Guarded<State>) -> Bool {
        state.wait(while: { $0.waiting == nil && !$0.isStopped }) { !$0.isStopped }
    }
}
