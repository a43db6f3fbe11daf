import CairnFormat
import CairnPlatform

/// Verifies segments on several threads. The results are in the order of the segments, whatever the threads did.
struct ParallelVerification {
    private let directory: LogDirectory
    private let segments: [SegmentExpectation]
    private let options: VerifyOptions

    /// What the threads share.
    private struct State: Sendable {
        /// Index of the next segment that nobody has taken.
        var next = 0
        var results: [SegmentResult?]
        /// Of the first segment that could not be read.
        var failure: (index: Int, error: ReadError)?
        /// Bytes of segment files that are done.
        var done: UInt64 = 0
        /// Whether there is news for the waiting thread.
        var hasChanged = false
        var runningThreads = 0
    }

    init(_ directory: LogDirectory, _ segments: [SegmentExpectation], _ options: VerifyOptions) {
        self.directory = directory
        self.segments = segments
        self.options = options
    }

    func run() throws(ReadError) -> [SegmentResult] {
        let total = options.progress == nil ? 0 : try totalSize()
        let state = Guarded(State(results: Array(repeating: nil, count: segments.count)))
        var threads: [DedicatedThread] = []
        let count = min(max(options.threads, 1), segments.count)
        if count == 1, options.progress == nil {
            // Nobody is waiting for reports of progress, so this thread can do it itself.
            state.withLock { $0.runningThreads = 1 }
            Self.work(directory, segments, options.isOfEventsOnly, state)
        } else {
            try start(count, state, &threads)
        }
        reportProgress(of: state, total: total)
        for thread in threads { thread.join() }
        let (failure, results) = state.withLock { ($0.failure, $0.results) }
        if let failure { throw failure.error }
        return results.compactMap { $0 }
    }

    private func start(
        _ count: Int, _ state: Guarded<State>, _ threads: inout [DedicatedThread]
    ) throws(ReadError) {
        let (directory, segments, isOfEventsOnly) = (directory, segments, options.isOfEventsOnly)
        for number in 0..<count {
            state.withLock { $0.runningThreads += 1 }
            do throws(IOFailure) {
                threads.append(
                    try DedicatedThread(name: "verify \(number)") {
                        Self.work(directory, segments, isOfEventsOnly, state)
                    })
            } catch {
                state.withLock { $0.runningThreads -= 1 }
                // Fewer threads do it as well, but one is needed.
                if threads.isEmpty { throw ReadError(error) }
                return
            }
        }
    }

    /// Takes segments and verifies them until none is left.
    private static func work(
        _ directory: LogDirectory, _ segments: [SegmentExpectation], _ isOfEventsOnly: Bool, _ state: Guarded<State>
    ) {
        while true {
            let index = state.withLock { state in
                defer { state.next += 1 }
                return state.next
            }
            guard index < segments.count else { break }
            // A report for every block would wake the waiting thread thousands of times a second.
            var unreported: UInt64 = 0
            func report() {
                state.update { state in
                    state.done += unreported
                    state.hasChanged = true
                }
                unreported = 0
            }
            var verifier = SegmentVerifier(directory, segments[index], isOfEventsOnly: isOfEventsOnly) { bytes in
                unreported += bytes
                if unreported >= reportSize { report() }
            }
            defer { report() }
            do throws(ReadError) {
                let result = try verifier.run()
                state.withLock { $0.results[index] = result }
            } catch {
                state.withLock { state in
                    if state.failure.map({ index < $0.index }) ?? true { state.failure = (index, error) }
                    state.next = segments.count
                }
            }
        }
        state.update { $0.runningThreads -= 1 }
    }

    /// Bytes of segment files after which progress is reported.
    private static let reportSize: UInt64 = 4 << 20

    /// Waits for the threads and tells the caller how far they are.
    private func reportProgress(of state: Guarded<State>, total: UInt64) {
        var isRunning = true
        while isRunning {
            let (done, running) = state.wait(while: { $0.runningThreads > 0 && !$0.hasChanged }) { state in
                state.hasChanged = false
                return (state.done, state.runningThreads)
            }
            isRunning = running > 0
            // A live log grows meanwhile.
            options.progress?(isRunning ? min(done, total) : total, total)
        }
    }

    private func totalSize() throws(ReadError) -> UInt64 {
        var total: UInt64 = 0
        for segment in segments {
            let path = FileNames.segment(segment.firstSequence, .data)
            let status = try accessing { () throws(IOFailure) in try directory.files.status(path) }
            total += status?.size ?? 0
        }
        return total
    }
}
