package import CairnStore

/// Records through a worker on the same thread, as the daemon's recorder does through the writer's.
package final class WorkerRecorder: EventRecorder, @unchecked Sendable {
    // @unchecked: a simulation is one thread.
    private let worker: StoreWorker
    private let judge: () -> Void

    /// - Parameter judge: is called behind each step, before the writer goes on.
    package init(_ worker: StoreWorker, judge: @escaping () -> Void = {}) {
        (self.worker, self.judge) = (worker, judge)
    }

    package func record(_ lines: [[UInt8]]) throws(StoreError) -> [UInt64] {
        defer { judge() }
        guard let sequences = worker.record(try Submission.own(lines, uid: 0, pid: 1)) else { throw unavailable }
        return sequences
    }

    package func seal() throws(StoreError) {
        defer { judge() }
        worker.step(.rotate)
        if worker.isHalted || worker.isSuspended { throw unavailable }
    }

    /// The number that the next event gets.
    var next: UInt64 { worker.core.durable }

    private var unavailable: StoreError { StoreError(.unavailable, "the log cannot be written now") }
}

/// Refuses everything: for custody that is to write nothing.
package struct RefusingRecorder: EventRecorder {
    package init() {}
    package func record(_ lines: [[UInt8]]) throws(StoreError) -> [UInt64] { throw StoreError(.unavailable, "refused") }
    package func seal() throws(StoreError) { throw StoreError(.unavailable, "refused") }
}
