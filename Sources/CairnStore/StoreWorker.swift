internal import CairnFormat
package import CairnPlatform

/// The state machine with the hands that do what it says. Used by one thread.
package final class StoreWorker {
    package var core: StoreCore
    private var performer: any ActionPerforming
    private let time: any TimeSource
    private let observer: any StoreObserver
    private var upkeepAt: Int64
    /// Events of our own that wait until something can be written.
    private var untold: [[UInt8]] = []
    /// Answers to events of our own, since `record` began.
    private var recorded: [Answer] = []
    /// Whether a rotation waits for space, so that its segment is not sealed yet.
    private var sealsUntold = false
    /// Who writes them.
    private let owner: (uid: UInt32, pid: Int32)

    package init(
        core: StoreCore, performer: any ActionPerforming, time: any TimeSource, observer: any StoreObserver,
        owner: (uid: UInt32, pid: Int32) = (ProcessEnvironment.userID, ProcessEnvironment.processID)
    ) {
        self.core = core
        self.performer = performer
        self.time = time
        self.observer = observer
        self.owner = owner
        upkeepAt = time.monotonic()
    }

    package var isSuspended: Bool {
        if case .suspended = core.phase { true } else { false }
    }

    package var isHalted: Bool {
        if case .halted = core.phase { true } else { false }
    }

    package var status: StoreStatus {
        let active = core.activeSegment
        return StoreStatus(
            phase: core.phase, origin: core.origin, segmentNumber: active.number,
            segmentFirstSequence: active.firstSequence, segmentCount: active.count, segmentBytes: active.bytes,
            sealedSegments: core.sealedSegments, durable: core.durable, identities: core.identityCount,
            statistics: core.statistics, space: core.space)
    }

    private var now: Moment { Moment(wall: Time(nanoseconds: time.wall()), monotonic: time.monotonic()) }

    /// Takes one input, does all that follows from it, and tells the observer.
    package func step(_ input: Input) {
        let (wasSuspended, seals) = (isSuspended, core.sealedSegments)
        perform(core.step(input, now: now))
        if wasSuspended, core.phase == .idle { observer.resumed() }
        if core.phase == .idle, core.sealedSegments > seals || sealsUntold {
            sealsUntold = false
            observer.sealed()
        } else if core.sealedSegments > seals {
            sealsUntold = true
        }
        if !wasSuspended, case .suspended(let reason) = core.phase { observer.suspended(reason) }
    }

    /// Stores events of the daemon itself and signs the head over them.
    ///
    /// - Returns: the number of each; of one whose `id` was stored before, the one that it has. Nil if that could not be
    ///   done now: they may be stored later nevertheless.
    package func record(_ submission: Submission) -> [UInt64]? {
        guard core.phase == .idle || core.waitsForReserve else { return nil }
        recorded = []
        let waited = core.waitsForReserve
        step(.record(submission))
        let isDone = core.phase == .idle
        if waited { checkSpace() }
        let runs = exchange(&recorded, with: []).filter { $0.ticket == submission.ticket }.flatMap(\.runs)
        guard isDone else { return nil }
        return runs.flatMap { run -> [UInt64] in
            switch run {
            case .accepted(let lines, let first, _, _): Array(first..<(first + UInt64(lines)))
            case .duplicate(let sequence), .rejected(_, let sequence): [sequence]
            case .synced: []
            }
        }
    }

    /// Tries again what could not be done for lack of space.
    package func retry() {
        if core.waitsForReserve { checkSpace() } else { step(.tick) }
    }

    /// Looks at most once in a while, and at once if it `isUrgent`, whether the disk has room and the files are in their
    /// places. To be called between two steps.
    package func keepUp(isUrgent: Bool = false) {
        let now = time.monotonic()
        guard isUrgent || now >= upkeepAt, core.phase == .idle else { return }
        upkeepAt = now + core.configuration.upkeepInterval
        writeUntold()
        checkPlaces()
        checkSpace()
    }

    private func checkSpace() {
        guard let available = try? performer.availableBytes() else { return }
        let (before, after) = (core.space, core.stage(of: available))
        // While there is still some room to say so.
        if after == .exhausted, before != after { tell("disk.full", "critical", available) }
        step(.space(available: available))
        guard before != after else { return }
        switch after {
        case .exhausted: break
        case .low: tell("disk.low", "high", available)
        case .ample: tell("disk.recovered", "low", available)
        }
        observer.spaceChanged(to: after, available: available)
    }

    private func tell(_ action: String, _ severity: String, _ available: UInt64) {
        tell(action, severity, ["free_bytes": .number(available)])
    }

    private func tell(_ action: String, _ severity: String, _ details: [String: OwnEvent.Value]) {
        let status = severity == "critical" ? "failed" : severity == "high" ? "warning" : "info"
        let line = OwnEvent.line(action: action, status: status, severity: severity, details: details)
        untold.append(line)
        writeUntold()
    }

    private func writeUntold() {
        guard core.phase == .idle, !untold.isEmpty else { return }
        // If memory runs out for it, clients come first, and it is tried again.
        guard let submission = try? Submission.own(untold, uid: owner.uid, pid: owner.pid) else { return }
        untold = []
        step(.submit([submission]))
    }

    private func checkPlaces() {
        let path = FileNames.segment(core.activeSegment.firstSequence, .data)
        // What cannot be looked at now is looked at again soon; a disk that fails is noticed by the next write.
        guard let displacement = try? performer.displacement(of: path) else { return }
        observer.displaced(displacement, path: path)
        step(.displaced(displacement))
        let (file, what): (String, String)
        switch displacement {
        case .directory: return
        case .segment(isReplaced: true): (file, what) = (path, "another file took its name")
        case .segment(isReplaced: false): (file, what) = (path, "its name was removed")
        case .key: (file, what) = (FileNames.epochKey, "the file was removed")
        }
        tell(
            "log.displaced", "critical",
            [
                "file": .text(file),
                "message": .text("\(what) while it was written; what was acknowledged is in its place again"),
            ])
    }

    private func perform(_ actions: [Action]) {
        for (index, action) in actions.enumerated() {
            switch action {
            case .acknowledge(let answers):
                recorded += answers.filter { $0.ticket == Submission.ownTicket }
                observer.acknowledged(answers)
            case .halt(let error):
                observer.halted(error)
                return
            default:
                do throws(IOFailure) {
                    try performer.perform(action)
                } catch {
                    perform(
                        core.step(
                            .failed(index: index, isOutOfSpace: error.isOutOfSpace, message: error.description),
                            now: now))
                    return
                }
            }
        }
        _ = core.step(.performed, now: now)
    }

    /// Lets go of the files.
    package func end() {
        // Everything that was acknowledged is synced; a failing close can say nothing about it.
        try? performer.close()
    }
}
