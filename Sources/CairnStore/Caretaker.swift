package import CairnPlatform
internal import CairnReader

/// Looks after sealed segments on a thread of its own, which owns the ``Custody``: the writer never waits for it. It
/// compacts what is sealed, and does what it is asked in between.
package final class Caretaker: Sendable {
    package typealias Job = @Sendable (inout Custody) -> Void

    private struct Tasks {
        var hasSealed = true
        /// What was asked for, in order.
        var jobs: [Job] = []
        /// Short ones, which go before and between the steps of the others.
        var urgent: [Job] = []
        var isClosed = false
        var hasEnded = false
    }

    private let tasks = Guarded(Tasks())
    private let thread: Guarded<DedicatedThread?>

    package init(
        _ custody: Custody, from first: UInt64,
        tell: @escaping @Sendable (Result<Compaction.Outcome, StoreError>) -> Void
    ) throws(IOFailure) {
        thread = Guarded(nil)
        let started = try DedicatedThread(name: "cairn-caretaker") { [self] in run(custody, from: first, tell) }
        thread.withLock { $0 = started }
    }

    /// A segment was sealed.
    package func lookAgain() { tasks.update { $0.hasSealed = true } }

    /// Has `job` done, on the caretaker's thread, behind those that were asked for before.
    ///
    /// - Parameter isUrgent: it is short, and goes before the others and between their steps.
    /// - Returns: false if the caretaker has ended; then it is never done.
    package func perform(isUrgent: Bool = false, _ job: @escaping Job) -> Bool {
        tasks.update { tasks in
            guard !tasks.isClosed else { return false }
            if isUrgent { tasks.urgent.append(job) } else { tasks.jobs.append(job) }
            return true
        }
    }

    /// Does what is urgent: for a long job to call between two steps.
    package func attend(_ custody: inout Custody) {
        for job in tasks.withLock({ tasks in
            let jobs = tasks.urgent
            tasks.urgent = []
            return jobs
        }) { job(&custody) }
    }

    /// Lets what was asked for be done, and ends.
    package func close() {
        tasks.update { $0.isClosed = true }
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    private func run(
        _ custody: Custody, from first: UInt64, _ tell: (Result<Compaction.Outcome, StoreError>) -> Void
    ) {
        var (custody, next) = (custody, first)
        while true {
            let (job, isClosed) = tasks.wait(
                while: { !$0.hasSealed && $0.jobs.isEmpty && $0.urgent.isEmpty && !$0.isClosed }
            ) { tasks in
                // Compaction can wait for the next start.
                tasks.hasSealed = tasks.hasSealed && !tasks.isClosed
                return (tasks.jobs.isEmpty ? nil : tasks.jobs.removeFirst(), tasks.isClosed)
            }
            attend(&custody)
            if let job {
                job(&custody)
            } else if isClosed {
                return
            } else {
                compact(&custody, &next, tell)
            }
        }
    }

    private func compact(
        _ custody: inout Custody, _ next: inout UInt64, _ tell: (Result<Compaction.Outcome, StoreError>) -> Void
    ) {
        tasks.update { $0.hasSealed = false }
        do throws(StoreError) {
            for first in try custody.sealedSegments(from: next) {
                let isNeeded = tasks.withLock { tasks in
                    // Whoever asks goes first.
                    if !tasks.jobs.isEmpty || !tasks.urgent.isEmpty { tasks.hasSealed = true }
                    return !tasks.isClosed && !tasks.hasSealed
                }
                guard isNeeded else { return }
                next = first + 1
                if let outcome = try custody.compact(first) { tell(.success(outcome)) }
            }
        } catch {
            tell(.failure(error))
        }
    }
}
