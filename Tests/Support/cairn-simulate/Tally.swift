import CairnPlatform
import CairnSimulation
import Glibc
import Synchronization

/// What the threads share.
final class Tally: Sendable {
    private struct State {
        var report = SimulationReport()
        var failure: String?
        var taken: UInt64 = 0
    }

    private let state = Mutex(State())
    private let deadline: ContinuousClock.Instant?
    private let isTerminal = isatty(2) == 1

    init(deadline: ContinuousClock.Instant?) { self.deadline = deadline }

    var isOver: Bool {
        state.withLock { $0.failure != nil } || deadline.map { ContinuousClock().now > $0 } ?? false
    }

    /// The number of the next life; nil if there is none.
    func take(_ most: UInt64) -> UInt64? {
        if isOver { return nil }
        return state.withLock { state in
            guard state.taken < most else { return nil }
            defer { state.taken += 1 }
            return state.taken
        }
    }

    func add(_ report: SimulationReport) {
        let lives = state.withLock { state in
            state.report += report
            return state.report.runs
        }
        if lives % 50 == 0 { show("\(lives) lives") }
    }

    func fail(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? "\(error)" } }

    var result: (SimulationReport, String?) { state.withLock { ($0.report, $0.failure) } }

    /// A line of progress, on a terminal only.
    func show(_ text: String) {
        guard isTerminal else { return }
        StandardError.write("\r\u{1B}[K\(text)")
    }
}
