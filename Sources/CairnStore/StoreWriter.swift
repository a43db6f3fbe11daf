package import CairnFormat
package import CairnPlatform
internal import Synchronization

/// Who wants to know what the writer comes to. Every call is made on the writer's thread and must not block it.
package protocol StoreObserver: Sendable {
    /// Lines are durable, or were before.
    func acknowledged(_ answers: [Answer])
    /// Nothing is written until there is space again; `reason` says what the system said.
    func suspended(_ reason: String)
    func resumed()
    /// One or more segments were sealed.
    func sealed()
    /// The disk has come to have less or more room.
    func spaceChanged(to stage: SpaceStage, available: UInt64)
    /// Something was taken from under the writer, which is about to put it back, or to halt.
    func displaced(_ displacement: Displacement, path: String)
    /// The writer has stopped for good: what is not acknowledged by now never will be.
    func halted(_ error: StoreError)
}

/// What the writer is doing, as others may see it.
package struct StoreStatus: Sendable, Equatable {
    package var phase: StoreCore.Phase
    package var origin: OriginStatement
    package var segmentNumber: UInt64
    package var segmentFirstSequence: UInt64
    package var segmentCount: UInt64
    /// Bytes of the active segment's file.
    package var segmentBytes: UInt64
    package var sealedSegments: UInt64
    /// Number of the event behind the last durable one.
    package var durable: UInt64
    package var identities: Int
    package var statistics: StoreStatistics
    package var space: SpaceStage
}

/// The one writer of a log: a thread that takes what waits, commits it as a group and tells the observer. There is no
/// timer on the way of an event: a lone one is committed at once, and what comes meanwhile makes the next group.
package final class StoreWriter: Sendable {
    private struct Queue {
        var submissions: [Submission] = []
        var bytes = 0
        var records: [Record] = []
        var rotations: [@Sendable (Bool) -> Void] = []
        var syncs: [@Sendable (Bool) -> Void] = []
        var configuration: StoreConfiguration?
        var inspects = false
        var isClosed = false
        /// Whether nobody takes anything any more.
        var hasEnded = false

        var isEmpty: Bool {
            submissions.isEmpty && records.isEmpty && rotations.isEmpty && syncs.isEmpty && configuration == nil
                && !inspects && !isClosed
        }
    }

    private struct Record {
        var submission: Submission
        /// Is told the numbers of its events, or nil.
        var done: @Sendable ([UInt64]?) -> Void
    }

    private let queue = Guarded(Queue())
    private let published: Mutex<StoreStatus>
    private let thread: Mutex<DedicatedThread?>

    /// The writer owns what was opened from here on. Its first events are `opened.events`, then `events`.
    package init(
        _ opened: sending LogOpening.Opened, events: [[UInt8]], time: any TimeSource, observer: any StoreObserver
    ) throws(StoreError) {
        let worker = StoreWorker(core: opened.core, performer: opened.performer, time: time, observer: observer)
        published = Mutex(worker.status)
        thread = Mutex(nil)
        let own = opened.events + events
        if !own.isEmpty { try submit(own: own) }
        // Handed over to the one thread that uses it from here on.
        let handover = Handover(worker)
        let started = try storing { () throws(IOFailure) in
            try DedicatedThread(name: "cairn-writer") { [self] in run(handover.worker) }
        }
        thread.withLock { $0 = started }
    }

    /// Bytes of memory of what waits or is being committed.
    package var queuedBytes: Int { queue.withLock { $0.bytes } }

    package var status: StoreStatus { published.withLock { $0 } }

    /// Puts lines at the end of the queue. It never blocks; the caller sees to it that `queuedBytes` stays bounded.
    package func submit(_ submission: Submission) {
        queue.update { queue in
            queue.submissions.append(submission)
            queue.bytes += submission.batch.footprint
        }
    }

    /// Writes events of the daemon itself, under its own uid and pid.
    package func submit(own lines: [[UInt8]]) throws(StoreError) {
        submit(try Submission.own(lines, uid: ProcessEnvironment.userID, pid: ProcessEnvironment.processID))
    }

    /// Writes events of the daemon itself, also where only the space in reserve is left, and signs the head over them.
    /// `done` is told their numbers, on the writer's thread, once that is durable; nil if it could not be done.
    package func record(
        _ lines: [[UInt8]], _ done: @escaping @Sendable ([UInt64]?) -> Void
    ) throws(StoreError) {
        let submission = try Submission.own(
            lines, uid: ProcessEnvironment.userID, pid: ProcessEnvironment.processID)
        if !enqueue({ $0.records.append(Record(submission: submission, done: done)) }) { done(nil) }
    }

    /// False if there is nobody any more who would do it.
    private func enqueue(_ body: (inout Queue) -> Void) -> Bool {
        queue.update { queue in
            if !queue.hasEnded { body(&queue) }
            return !queue.hasEnded
        }
    }

    /// Seals the active segment behind everything submitted so far. `done` is told, on the writer's thread, whether
    /// there was anything to seal.
    package func rotate(_ done: @escaping @Sendable (Bool) -> Void) {
        if !enqueue({ $0.rotations.append(done) }) { done(false) }
    }

    /// Tells `done`, on the writer's thread, once everything submitted so far is durable, or that it never will be.
    package func sync(_ done: @escaping @Sendable (Bool) -> Void) {
        if !enqueue({ $0.syncs.append(done) }) { done(false) }
    }

    /// Looks soon whether the log's files are in their places.
    package func inspect() { queue.update { $0.inspects = true } }

    package func apply(_ configuration: StoreConfiguration) {
        queue.update { $0.configuration = configuration }
    }

    /// Takes nothing more, commits what waits, signs the head, and ends. Returns once the thread is gone.
    package func close() {
        queue.update { $0.isClosed = true }
        thread.withLock { $0.take() }?.join()
    }

    // MARK: The writer's thread

    private final class Handover: @unchecked Sendable {
        // @unchecked: read once, by the thread that it is made for.
        let worker: StoreWorker
        init(_ worker: StoreWorker) { self.worker = worker }
    }

    private struct Work {
        var records: [Record] = []
        var submissions: [Submission] = []
        var rotations: [@Sendable (Bool) -> Void] = []
        var syncs: [@Sendable (Bool) -> Void] = []
        var configuration: StoreConfiguration?
        var inspects = false
        var isClosed = false
    }

    private func run(_ worker: StoreWorker) {
        // Those who wait for a rotation that is not done yet, as the disk is full.
        var rotations: [@Sendable (Bool) -> Void] = []
        var hasSealed = false
        while true {
            let work = take(worker)
            if let configuration = work.configuration { worker.core.configuration = configuration }
            for record in work.records { record.done(worker.record(record.submission)) }
            if worker.isSuspended {
                worker.retry()
                publish(worker)
                if work.isClosed, worker.isSuspended { break }
            } else if !work.submissions.isEmpty {
                worker.step(.submit(work.submissions))
                let done = work.submissions.reduce(0) { $0 + $1.batch.footprint }
                queue.update { $0.bytes -= done }
            } else if !work.rotations.isEmpty {
                let before = worker.core.sealedSegments
                worker.step(.rotate)
                hasSealed = worker.core.sealedSegments > before
                rotations = work.rotations
            } else if work.isClosed {
                worker.step(.shutdown)
                for done in work.syncs { done(!worker.isHalted && !worker.isSuspended) }
                break
            } else {
                worker.step(.tick)
            }
            worker.keepUp(isUrgent: work.inspects)
            publish(worker)
            for done in work.syncs { done(!worker.isHalted) }
            if worker.isHalted { break }
            if !worker.isSuspended {
                for done in exchange(&rotations, with: []) { done(hasSealed) }
            }
        }
        worker.end()
        publish(worker)
        // Whoever asked too late must not wait for ever.
        let (late, syncs, records) = queue.withLock {
            $0.hasEnded = true
            return (exchange(&$0.rotations, with: []), exchange(&$0.syncs, with: []), exchange(&$0.records, with: []))
        }
        for record in records { record.done(nil) }
        for done in rotations + late { done(false) }
        for done in syncs { done(false) }
    }

    private func take(_ worker: StoreWorker) -> Work {
        let isSuspended = worker.isSuspended
        let limit = worker.core.configuration.commitBytes
        let deadline = worker.core.deadline
        return queue.wait(
            until: deadline == .max ? nil : deadline,
            while: { isSuspended ? !$0.isClosed && $0.records.isEmpty : $0.isEmpty },
            then: { queue in
                var work = Work()
                work.isClosed = queue.isClosed
                work.configuration = queue.configuration.take()
                work.inspects = exchange(&queue.inspects, with: false)
                work.records = exchange(&queue.records, with: [])
                if isSuspended { return work }
                // What waits stays until the records are stored: the disk may be full behind them.
                guard work.records.isEmpty else {
                    work.isClosed = false
                    return work
                }
                var bytes = 0
                let count = queue.submissions.prefix { submission in
                    defer { bytes += submission.batch.bytes.count }
                    return bytes < limit
                }.count
                if count == queue.submissions.count {
                    work.submissions = exchange(&queue.submissions, with: [])
                } else {
                    work.submissions = Array(queue.submissions.prefix(count))
                    queue.submissions.removeFirst(count)
                }
                // They come behind everything that was submitted before them.
                if work.submissions.isEmpty {
                    work.rotations = exchange(&queue.rotations, with: [])
                    work.syncs = exchange(&queue.syncs, with: [])
                }
                return work
            })
    }

    private func publish(_ worker: StoreWorker) {
        let status = worker.status
        published.withLock { $0 = status }
    }
}
