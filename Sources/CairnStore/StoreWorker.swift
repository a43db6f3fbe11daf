internal import CairnFormat
package import CairnPlatform

/// The state machine with the hands that do what it says. Used by one thread.
package final class StoreWorker {
    package var core: StoreCore
    private var performer: any ActionPerforming
    private let time: any TimeSource
    private let observer: any StoreObserver

    package init(
        core: StoreCore, performer: any ActionPerforming, time: any TimeSource, observer: any StoreObserver
    ) {
        self.core = core
        self.performer = performer
        self.time = time
        self.observer = observer
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
            statistics: core.statistics)
    }

    private var now: Moment { Moment(wall: Time(nanoseconds: time.wall()), monotonic: time.monotonic()) }

    /// Takes one input, does all that follows from it, and tells the observer.
    package func step(_ input: Input) {
        let wasSuspended = isSuspended
        perform(core.step(input, now: now))
        if wasSuspended, core.phase == .idle { observer.resumed() }
        if !wasSuspended, case .suspended(let reason) = core.phase { observer.suspended(reason) }
    }

    private func perform(_ actions: [Action]) {
        for (index, action) in actions.enumerated() {
            switch action {
            case .acknowledge(let answers): observer.acknowledged(answers)
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
