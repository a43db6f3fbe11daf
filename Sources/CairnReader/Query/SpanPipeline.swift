import CairnFormat
import CairnPlatform

/// Has spans examined by several threads. What is submitted is taken back in the same order; so many spans are on their
/// way at once as the caller submits without taking. One owner at a time.
final class SpanPipeline<Work: SpanWork> {
    typealias Result = Swift.Result<SpanResult<Work.Output>, ReadError>

    /// Makes an examiner for each thread.
    private let makeExaminer: @Sendable () throws(ReadError) -> SpanExaminer<Work>
    private let state = Guarded(State())
    private let threadLimit: Int
    private var threads: [DedicatedThread] = []
    /// For what the owner does itself.
    private var examiner: SpanExaminer<Work>?
    /// Number of the span that is submitted next, and of the one that is taken next.
    private var (submitted, taken) = (0, 0)

    private struct State: Sendable {
        /// Spans that nobody has begun.
        var waiting: [(number: Int, place: SpanPlace)] = []
        var results: [Int: Result] = [:]
        var isStopped = false
    }

    /// - Parameter threads: at most; they are started when there is more to do than the owner can do while it waits.
    init(threads: Int, _ makeExaminer: @escaping @Sendable () throws(ReadError) -> SpanExaminer<Work>) {
        self.makeExaminer = makeExaminer
        threadLimit = threads
    }

    deinit {
        state.update { state in
            state.isStopped = true
            state.waiting = []
        }
        for thread in threads { thread.join() }
    }

    /// Spans that were submitted and not taken.
    var count: Int { submitted - taken }

    func submit(_ place: SpanPlace) {
        let number = submitted
        submitted += 1
        let backlog = state.update { state in
            state.waiting.append((number, place))
            return state.waiting.count
        }
        // The owner takes some itself. Starting a thread costs as much as reading two spans.
        if backlog > 4, threads.count < threadLimit { startThread() }
    }

    /// What came of the span that was submitted first of those that were not taken.
    func take() throws(ReadError) -> SpanResult<Work.Output> {
        let number = taken
        taken += 1
        while true {
            let next: (number: Int, place: SpanPlace)? = state.withLock { state in
                if state.results[number] != nil || state.waiting.isEmpty { return nil }
                return state.waiting.removeFirst()
            }
            guard let next else { break }
            let result = Self.examine(next.place, &examiner, makeExaminer)
            if next.number == number { return try result.get() }
            state.withLock { $0.results[next.number] = result }
        }
        let result: Result? = state.wait(while: { $0.results[number] == nil }) { state in
            state.results.removeValue(forKey: number)
        }
        guard let result else { throw ReadError(.io, "a span was not read", path: "") }
        return try result.get()
    }

    /// Fewer threads do it as well, and so does the owner alone.
    private func startThread() {
        let (state, makeExaminer) = (state, makeExaminer)
        let thread = try? DedicatedThread(name: "query \(threads.count)") {
            var examiner: SpanExaminer<Work>?
            while let next = Self.wait(state) {
                let result = Self.examine(next.place, &examiner, makeExaminer)
                state.update { $0.results[next.number] = result }
            }
        }
        if let thread { threads.append(thread) }
    }

    /// The next span to be begun; nil once there will be none.
    private static func wait(_ state: Guarded<State>) -> (number: Int, place: SpanPlace)? {
        state.wait(while: { $0.waiting.isEmpty && !$0.isStopped }) { state in
            state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
    }

    private static func examine(
        _ place: SpanPlace, _ examiner: inout SpanExaminer<Work>?,
        _ makeExaminer: () throws(ReadError) -> SpanExaminer<Work>
    ) -> Result {
        do throws(ReadError) {
            let made: SpanExaminer<Work>
            if let examiner { made = examiner } else { made = try makeExaminer() }
            examiner = made
            return .success(try made.run(place))
        } catch {
            return .failure(error)
        }
    }
}
