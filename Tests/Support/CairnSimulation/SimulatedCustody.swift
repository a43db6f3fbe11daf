package import CairnFormat
import CairnPlatform
import CairnReader
import CairnStore

/// How often something was done to sealed segments, or kept from being done; not what failed or found nothing to do.
package struct CustodyCounts: Sendable, Equatable {
    package var holds = 0
    package var redactions = 0
    package var prunings = 0
    /// Runs of retention.
    package var retentions = 0
    /// Notes of what is in an archive.
    package var archivings = 0

    package init() {}

    package static func += (a: inout CustodyCounts, b: CustodyCounts) {
        a.holds += b.holds
        a.redactions += b.redactions
        a.prunings += b.prunings
        a.retentions += b.retentions
        a.archivings += b.archivings
    }
}

/// What is done to sealed segments, as the daemon's caretaker does it beside the writer.
extension SimulatedMachine {
    /// What a custody operation came to.
    package enum CustodyOutcome: Sendable, Equatable {
        case done
        /// Nothing was there to be done, or it must not be.
        case refused
        /// Something failed: it is done or not, or will be later.
        case failed
        case violation(String)
    }

    // MARK: Holds

    /// Holds the event of that tag, or all of a module.
    package func hold(_ name: String, tag: Int?, module: String?) -> CustodyOutcome {
        withCustody(\.holds) { custody throws(StoreError) in
            try hold(name, tag: tag, module: module, by: &custody)
            return true
        }
    }

    private func hold(_ name: String, tag: Int?, module: String?, by custody: inout Custody) throws(StoreError) {
        let text = module.map { "module=\($0)" } ?? "action=t\(tag ?? 0)"
        guard let filter = try? Filter(text) else { throw StoreError(.refused, text) }
        ledger.custody.begin(name)
        try custody.add(
            Hold(
                name: name, filter: filter, since: nil, until: nil, reason: "simulated", by: 1002,
                at: Time(nanoseconds: clock.wall())))
        // A run of retention that goes on may have taken away what the ledger does not know of yet.
        let stored = kernel.watch { (try? StoredLine.all(LogDirectory(kernel.files()))) ?? [] }
        var gone = SequenceRanges([0..<(worker?.core.durable ?? 0)])
        for line in stored where !line.isErased { gone.remove(line.sequence) }
        ledger.custody.noteHeld(name, tag: tag, module: module, gone: gone)
    }

    package func release(_ name: String) -> CustodyOutcome {
        withCustody(nil) { custody throws(StoreError) in
            ledger.custody.noteReleasing(name)
            try custody.release(name, Hold.Release(by: 1003, reason: "simulated"))
            ledger.custody.noteReleased(name)
            return true
        }
    }

    // MARK: Erasing and removing

    /// Erases the events of these numbers, as far as there are any.
    package func redact(_ sequences: SequenceRanges) -> CustodyOutcome {
        let present = sequences.clamped(to: 0..<(worker?.core.durable ?? 0))
        return withCustody(\.redactions) { custody throws(StoreError) in
            do throws(StoreError) {
                let outcome = try custody.redact(
                    Custody.RedactionOrder(
                        query: Query(), sequences: present, reason: "simulated", by: 1004, isDry: false))
                ledger.custody.noteErased(present, isCertain: true)
                return outcome.events > 0
            } catch {
                if error.code != .refused { ledger.custody.noteErased(present, isCertain: false) }
                throw error
            }
        }
    }

    /// Removes the oldest sealed segments, at most so many.
    package func prune(_ count: Int) -> CustodyOutcome {
        withCustody(\.prunings) { custody throws(StoreError) in
            let candidates = try sealed { $0.hasData }.prefix(count).map { Pruner.Candidate(seal: $0, rule: "test") }
            do throws(StoreError) {
                let (removed, _) = try custody.prune(candidates, by: 1005)
                ledger.custody.notePruned(Self.sequences(removed.map(\.seal)), isCertain: true)
                return !removed.isEmpty
            } catch {
                ledger.custody.notePruned(Self.sequences(candidates.map(\.seal)), isCertain: false)
                throw error
            }
        }
    }

    private func sealed(_ isMeant: (LogDirectory.Segment) -> Bool) throws(StoreError) -> [Seal] {
        let directory = LogDirectory(try opening { () throws(IOFailure) in try kernel.files() })
        do throws(ReadError) {
            var found: [Seal] = []
            for segment in try directory.segments() where segment.isSealed && isMeant(segment) {
                if let seal = try directory.seal(segment) { found.append(seal) }
            }
            return found
        } catch {
            throw StoreError(error)
        }
    }

    private static func sequences(_ seals: [Seal]) -> SequenceRanges {
        SequenceRanges(seals.map { $0.firstSequence..<$0.endSequence })
    }

    // MARK: Retention and archive

    /// A hold that comes while retention is being applied.
    package struct LateHold: Sendable {
        package var name: String
        package var tag: Int?
        package var module: String?
    }

    /// Does what a policy says; at the first pause a hold may come between. What is taken away is compared with a
    /// reckoning of its own.
    package func retain(_ policy: SimulatedPolicy, late: LateHold? = nil) -> CustodyOutcome {
        withCustody(\.retentions) { custody throws(StoreError) in
            let now = Time(nanoseconds: clock.wall())
            let faults = kernel.counts
            let model: RetentionModel
            do {
                model = try kernel.watch {
                    let directory = LogDirectory(try kernel.files())
                    var model = try RetentionModel(directory, policy, ledger, now)
                    try model.check(RetentionPlan(AuditLog(directory), policy.policy, custody.holds, at: now))
                    return model
                }
            } catch let error as Violation {
                throw StoreError(.damaged, error.description)
            } catch {
                throw StoreError(.damaged, "the plan cannot be made: \(error)")
            }
            var late = late
            var failure: StoreError?
            do throws(StoreError) {
                let outcome = try custody.apply(policy.policy, now: now, by: 1006) { custody in
                    guard let hold = late.take() else { return }
                    do throws(StoreError) {
                        try self.hold(hold.name, tag: hold.tag, module: hold.module, by: &custody)
                    } catch {
                        failure = error
                    }
                }
                // A machine that went down with the late hold has no disk to look at.
                if let failure, kernel.isDown { throw failure }
                // What cannot be read for a moment is kept longer.
                try settle(model, outcome, isUndisturbed: kernel.counts == faults)
                if let failure { throw failure }
                return !outcome.deleted.isEmpty || outcome.erasedEvents > 0
            } catch {
                for sequences in model.erasable.values { ledger.custody.noteErased(sequences, isCertain: false) }
                ledger.custody.notePruned(model.removable, isCertain: false)
                throw error
            }
        }
    }

    /// Takes down what retention has done, and compares it with what it had to do.
    private func settle(
        _ model: RetentionModel, _ outcome: Custody.RetentionOutcome, isUndisturbed: Bool
    ) throws(StoreError) {
        let removed = Self.sequences(outcome.deleted.map(\.seal))
        let after: [StoredLine]
        do {
            after = try kernel.watch { try StoredLine.all(LogDirectory(try kernel.files())) }
            let isFree = isUndisturbed && ledger.custody.names.isEmpty
            let erased = try model.compare(after, removed: removed, mustBeDone: isFree)
            if erased.count != outcome.erasedEvents {
                throw Violation("retention erased \(erased), and says that these are \(outcome.erasedEvents)")
            }
            ledger.custody.noteErased(erased, isCertain: true)
        } catch {
            throw StoreError(.damaged, "\(error)")
        }
        ledger.custody.notePruned(removed, isCertain: true)
    }

    /// Notes that the sealed segments which these hold whole are in an archive.
    package func archive(_ sequences: SequenceRanges) -> CustodyOutcome {
        withCustody(\.archivings) { custody throws(StoreError) in
            let whole = Self.sequences(
                try sealed { _ in true }.filter { sequences.contains($0.firstSequence..<$0.endSequence) })
            do throws(StoreError) {
                let isNew = try custody.noteArchived(sequences, in: "simulated", by: 1007)
                ledger.custody.noteArchived(whole, isCertain: true)
                return isNew
            } catch {
                ledger.custody.noteArchived(whole, isCertain: false)
                throw error
            }
        }
    }

    // MARK: What fails

    /// What fails for the disk may be done later; what contradicts itself is wrong.
    private func withCustody(
        _ kind: WritableKeyPath<CustodyCounts, Int>?, _ body: (inout Custody) throws(StoreError) -> Bool
    ) -> CustodyOutcome {
        guard phase == .running, custody != nil else { return .refused }
        if unfinished != nil { finishCustody() }
        guard unfinished == nil, phase == .running, var custody else {
            return takeAnswers().map { .violation($0) } ?? .failed
        }
        let result: CustodyOutcome
        do throws(StoreError) {
            result = try body(&custody) ? .done : .refused
        } catch {
            switch error.code {
            case .refused: result = .refused
            case .io, .unavailable:
                result = .failed
                // What was decided by then is done before anything else.
                unfinished = error
            default: result = .violation("\(error)")
            }
        }
        self.custody = custody
        if let problem = takeAnswers() { return .violation(problem) }
        if let kind, result == .done { counts[keyPath: kind] += 1 }
        return result
    }

    func finishCustody() {
        unfinished = nil
        do throws(StoreError) {
            try custody?.finish()
        } catch {
            unfinished = error
        }
    }
}

extension SequenceRanges {
    /// Takes one number out.
    fileprivate mutating func remove(_ sequence: UInt64) {
        self = SequenceRanges(
            ranges.flatMap { range in
                range.contains(sequence)
                    ? [range.lowerBound..<sequence, (sequence + 1)..<range.upperBound] : [range]
            })
    }
}
