package import CairnFormat
internal import CairnPlatform
package import CairnReader

extension Custody {
    /// What a run of retention has done.
    package struct RetentionOutcome: Sendable, Equatable {
        package var plan: RetentionPlan
        /// Segments whose data was removed.
        package var deleted: [Pruner.Candidate] = []
        package var bytes: UInt64 = 0
        /// Events that had expired in segments that stay, and were erased.
        package var erasedEvents: UInt64 = 0
    }

    /// Does what a policy says: erases what has expired in segments that stay, and removes those that have expired.
    ///
    /// - Parameter pause: is called between two steps; what is put under a hold there is left alone.
    package mutating func apply(
        _ policy: RetentionPolicy, now: Time, by: UInt32, pause: (inout Custody) -> Void = { _ in }
    ) throws(StoreError) -> RetentionOutcome {
        try finish()
        let (log, holds) = (log, holds)
        let plan = try scanning { () throws(ReadError) in try RetentionPlan(log, policy, holds, at: now) }
        var outcome = RetentionOutcome(plan: plan)
        for entry in plan.entries where entry.action == .redact {
            outcome.erasedEvents += try eraseExpired(entry, by: by)
            pause(&self)
        }
        let candidates = plan.entries.filter { $0.action == .delete }.map {
            Pruner.Candidate(seal: $0.seal, rule: $0.rule)
        }
        (outcome.deleted, outcome.bytes) = try prune(candidates, by: by, pause: pause)
        if plan.bytesOverLimit > 0 { try complain(plan, policy) }
        return outcome
    }

    /// As many requests as it takes, one behind the other.
    private mutating func eraseExpired(_ entry: RetentionPlan.Entry, by: UInt32) throws(StoreError) -> UInt64 {
        var erased: UInt64 = 0
        while true {
            guard try isFree(entry.seal) else { return erased }
            let sequences = try expired(entry)
            guard !sequences.isEmpty else { return erased }
            _ = try redact(sequences, reason: "expired, by the policy of retention", by: by)
            erased += sequences.count
            if sequences.ranges.count < RedactionRequest.rangeLimit { return erased }
        }
    }

    /// The events of a segment that belong to what has expired, as far as one request can hold them.
    private func expired(_ entry: RetentionPlan.Entry) throws(StoreError) -> SequenceRanges {
        let (files, seal) = (directory.files, entry.seal)
        return try scanning { () throws(ReadError) in
            var sequences = SequenceRanges()
            let path = FileNames.segment(seal.firstSequence, .data)
            var replay = try SegmentReplay(files, path: path, seal: seal)
            while case .block(let block) = try replay.next() {
                for (number, event) in replay.restored.enumerated() {
                    guard case .event(let facts, _) = event.content,
                        // The index numbers modules and classes as the replay does.
                        entry.expired.contains(
                            .init(module: facts.module, retentionClass: facts.retentionClass)),
                        !replay.accounts(for: block.firstSequence + UInt64(number))
                    else { continue }
                    sequences.insert(block.firstSequence + UInt64(number))
                    if sequences.ranges.count == RedactionRequest.rangeLimit { return sequences }
                }
            }
            return sequences
        }
    }

    private func complain(_ plan: RetentionPlan, _ policy: RetentionPolicy) throws(StoreError) {
        _ = try recorder.record([
            OwnEvent.line(
                action: "retention.blocked", status: "warning", severity: "high",
                details: [
                    "bytes": .number(plan.bytes), "limit": .number(policy.maximumBytes ?? 0),
                    "over_limit": .number(plan.bytesOverLimit),
                    "message": .text(
                        "the log is larger than its policy allows, and what is left is held, under a floor, or not in "
                            + "the archive: archive it, release holds, or raise max_bytes"),
                ])
        ])
    }
}

extension SegmentReplay {
    /// Whether an event of the last block says why others are missing: it must stay.
    fileprivate func accounts(for sequence: UInt64) -> Bool { traces.contains { $0.sequence == sequence } }
}
