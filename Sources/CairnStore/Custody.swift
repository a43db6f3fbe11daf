package import CairnFormat
package import CairnPlatform
package import CairnReader

/// All that is done to sealed segments: writing them anew, erasing, removing, and the holds that stand against it. One
/// owner at a time, so nothing of it runs beside anything else of it. The writer goes on meanwhile.
package struct Custody: Sendable {
    let files: any FileSystem
    let recorder: any EventRecorder
    let entropy: any EntropySource
    package let compression: Compression
    private var register: HoldRegister
    /// For whom sealed segments are encrypted; empty: they are not.
    package var recipients: [AgeRecipient] = []
    /// Open what is encrypted, as long as somebody lends them.
    package var identities: [AgeIdentity] = []

    package init(
        _ files: any FileSystem, _ recorder: any EventRecorder, entropy: any EntropySource, compression: Compression
    ) throws(StoreError) {
        self.files = files
        self.recorder = recorder
        self.entropy = entropy
        self.compression = compression
        register = try HoldRegister(files, recorder)
    }

    /// The holds that stand.
    package var holds: Holds { register.holds }

    var directory: LogDirectory { LogDirectory(files, identities: identities) }

    var log: AuditLog { AuditLog(directory) }

    private var redactor: Redactor {
        Redactor(
            files, recorder, compression,
            SegmentRewrite.Encryption(recipients: recipients, identities: identities, entropy: entropy))
    }

    /// Finishes what a crash or a full disk has cut off. To be called before anything else is asked for.
    package mutating func finish() throws(StoreError) {
        try register.finish()
        try SegmentEncryption.finish(files)
        _ = try redactor.finish()
        try Pruner(files, recorder).finish()
    }

    // MARK: Holds

    package mutating func add(_ hold: Hold) throws(StoreError) {
        // What was decided before is done before: nothing is erased under a hold.
        _ = try redactor.finish()
        try register.add(hold)
    }

    package mutating func release(_ name: String, _ release: Hold.Release) throws(StoreError) {
        try register.release(name, release)
    }

    // MARK: Redaction

    /// Which events are to be erased: those that match, of those whose numbers are named.
    package struct RedactionOrder: Sendable, Equatable {
        package var query: Query
        /// Nil for all.
        package var sequences: SequenceRanges?
        package var reason: String
        package var by: UInt32
        /// Only tell what would be done.
        package var isDry: Bool

        package init(query: Query, sequences: SequenceRanges?, reason: String, by: UInt32, isDry: Bool) {
            self.query = query
            self.sequences = sequences
            self.reason = reason
            self.by = by
            self.isDry = isDry
        }
    }

    package struct RedactionOutcome: Sendable, Equatable {
        /// Events that were erased, or would be.
        package var events: UInt64
        /// Those that had been erased before.
        package var alreadyErased: UInt64
        package var segments: Int
        /// Numbers of the events `log.redacted`.
        package var traces: [UInt64]
    }

    /// Erases what `order` names; nothing of it if one of the events is held or must stay.
    package mutating func redact(_ order: RedactionOrder) throws(StoreError) -> RedactionOutcome {
        guard !order.reason.isEmpty else {
            throw StoreError(.refused, "a redaction needs a reason: it is what remains of the event")
        }
        if !order.isDry { try finish() }
        let selection = try select(order)
        var outcome = RedactionOutcome(
            events: selection.sequences.count, alreadyErased: selection.erased, segments: 0, traces: [])
        let last = selection.sequences.ranges.last.map { $0.upperBound - 1 }
        let touchesActive = try last.map { last throws(StoreError) in try !isSealed(last) } ?? false
        guard !order.isDry, last != nil else {
            outcome.segments = try touchedSegments(selection.sequences).count + (touchesActive ? 1 : 0)
            return outcome
        }
        // Only what is sealed can be written anew.
        if touchesActive { try recorder.seal() }
        try checkSegments(touchedSegments(selection.sequences))
        let done = try redact(selection.sequences, reason: order.reason, by: order.by)
        (outcome.segments, outcome.traces) = (done.segments, done.traces)
        return outcome
    }

    /// Erases events of sealed segments, in as many requests as it takes.
    mutating func redact(
        _ sequences: SequenceRanges, reason: String, by: UInt32
    ) throws(StoreError) -> Redactor.Outcome {
        var outcome = Redactor.Outcome()
        let redactor = redactor
        let ranges = sequences.ranges
        for start in stride(from: 0, to: ranges.count, by: RedactionRequest.rangeLimit) {
            let part = SequenceRanges(ranges[start..<min(ranges.count, start + RedactionRequest.rangeLimit)])
            let done = try redactor.run(
                RedactionRequest(
                    id: Hex.encode(entropy.bytes(8)), by: by, reason: reason, sequences: part))
            outcome.segments += done.segments
            outcome.traces += done.traces
        }
        return outcome
    }

    private func select(_ order: RedactionOrder) throws(StoreError) -> ErasureSelection {
        let (log, holds) = (log, holds)
        let selection = try scanning { () throws(ReadError) in
            var selection = ErasureSelection()
            for range in order.sequences?.ranges ?? [0..<Limits.sequence] {
                try selection.add(order.query, within: range, of: log, holds)
            }
            return selection
        }
        if let (hold, count) = selection.held.min(by: { $0.key < $1.key }) {
            throw StoreError(
                .refused,
                "\(count) of the events are under the legal hold \(hold): release it first, or leave them out; nothing "
                    + "was erased")
        }
        if selection.traces > 0 {
            throw StoreError(
                .refused,
                "\(selection.traces) of the events account for what was pruned, redacted or archived, and the log would "
                    + "not verify without them: leave them out; nothing was erased")
        }
        if selection.isCut {
            throw StoreError(
                .refused,
                "the events stand in more than \(ErasureSelection.rangeLimit) places: redact them in parts, by time or "
                    + "by number; nothing was erased")
        }
        return selection
    }

    func sealed() throws(StoreError) -> [(segment: LogDirectory.Segment, seal: Seal)] {
        let directory = directory
        return try scanning { () throws(ReadError) in
            var found: [(LogDirectory.Segment, Seal)] = []
            for segment in try directory.segments() where segment.isSealed {
                if let seal = try directory.seal(segment) { found.append((segment, seal)) }
            }
            return found
        }
    }

    private func isSealed(_ sequence: UInt64) throws(StoreError) -> Bool {
        try sealed().last.map { sequence < $0.seal.endSequence } ?? false
    }

    private func touchedSegments(_ sequences: SequenceRanges) throws(StoreError) -> [Seal] {
        try sealed().map(\.seal).filter { !sequences.clamped(to: $0.firstSequence..<$0.endSequence).isEmpty }
    }

    /// Asked before anything is promised.
    private func checkSegments(_ seals: [Seal]) throws(StoreError) {
        let directory = directory
        for seal in seals where recipients.isEmpty {
            let segment = try scanning { () throws(ReadError) in try directory.segment(seal.firstSequence) }
            guard segment?.isEncrypted == true else { continue }
            throw StoreError(
                .refused,
                "segment \(seal.number) is encrypted, and for whom to write it anew is not known: set "
                    + "encryption.recipients; nothing was erased")
        }
        guard let seal = seals.first(where: { $0.reason == .corruption }) else { return }
        throw StoreError(
            .refused,
            "segment \(seal.number) was sealed for damage, and its file is evidence that is not written anew; nothing was "
                + "erased")
    }

    // MARK: Pruning

    /// Removes segments, oldest first, as many at once as one event names. Between two such steps `pause` is called, and
    /// what is under a hold by then stays.
    ///
    /// - Returns: what was removed, and the bytes that became free.
    package mutating func prune(
        _ candidates: [Pruner.Candidate], by: UInt32, pause: (inout Custody) -> Void = { _ in }
    ) throws(StoreError) -> (removed: [Pruner.Candidate], bytes: UInt64) {
        let pruner = Pruner(files, recorder)
        try pruner.finish()
        var removed: [Pruner.Candidate] = []
        var bytes: UInt64 = 0
        var left = candidates[...]
        while !left.isEmpty {
            let step = left.prefix(Pruner.segmentsPerEvent)
            left = left.dropFirst(step.count)
            var free: [Pruner.Candidate] = []
            for candidate in step where try isFree(candidate.seal) { free.append(candidate) }
            free = try withoutAccounts(free)
            bytes += try pruner.prune(free, by: by)
            removed += free
            pause(&self)
        }
        return (removed, bytes)
    }

    func isFree(_ seal: Seal) throws(StoreError) -> Bool {
        let directory = directory
        guard let segment = try scanning({ () throws(ReadError) in try directory.segment(seal.firstSequence) }) else {
            return false
        }
        let index = directory.index(segment, tokens: holds.tokens)
        return segment.hasData && !holds.holds.contains { $0.mayMatch(seal, index) }
    }

    /// Leaves out segments with an event that accounts for what was erased from a segment that stays, as without it the
    /// log would not verify, and the one that names what is in the archive.
    private func withoutAccounts(_ candidates: [Pruner.Candidate]) throws(StoreError) -> [Pruner.Candidate] {
        let going = candidates.map { $0.seal.firstSequence..<$0.seal.endSequence }
        var accounts: [(event: UInt64, erased: SequenceRanges)] = []
        var newestArchived: UInt64?
        let log = log
        try scanning { () throws(ReadError) in
            try log.forEachTrace(.redacted) { event, trace in
                if case .redacted(let redacted) = trace, going.contains(where: { $0.contains(event) }) {
                    accounts.append((event, redacted.sequences))
                }
                return .next
            }
            try log.forEachTrace(.archived) { event, _ in
                newestArchived = event
                return .stop
            }
        }
        let directory = log.directory
        for first in try scanning({ () throws(ReadError) in try directory.hiddenSegments() })
        where going.contains(where: { $0.lowerBound == first }) {
            // What it says nobody here can know: that may be of any event before.
            accounts.append((first, SequenceRanges([0..<first])))
        }
        let namesArchive = { (sequences: Range<UInt64>) in newestArchived.map(sequences.contains) ?? false }
        guard !accounts.isEmpty || going.contains(where: namesArchive) else { return candidates }
        var staying = SequenceRanges()
        for (segment, seal) in try sealed() where segment.hasData {
            let sequences = seal.firstSequence..<seal.endSequence
            if !going.contains(sequences) { staying.insert(sequences) }
        }
        // An event accounts for what is before its own segment, so what stays there is known by then.
        return zip(candidates, going).sorted { $0.1.lowerBound < $1.1.lowerBound }.filter { _, sequences in
            let accountsForOthers = accounts.contains { event, erased in
                sequences.contains(event) && erased.ranges.contains { !staying.clamped(to: $0).isEmpty }
            }
            let isNeeded = accountsForOthers || namesArchive(sequences)
            if isNeeded { staying.insert(sequences) }
            return !isNeeded
        }.map(\.0)
    }

    // MARK: Archive

    /// Notes that segments are in an archive: those that `sequences` hold whole.
    ///
    /// - Returns: whether any of them is new.
    package mutating func noteArchived(
        _ sequences: SequenceRanges, in place: String, by: UInt32
    ) throws(StoreError) -> Bool {
        let log = log
        let (known, erasedSince) = try scanning { () throws(ReadError) in try log.archived() }
        var (all, segments, events) = (SequenceRanges(), UInt64(0), UInt64(0))
        for (_, seal) in try sealed() {
            let own = seal.firstSequence..<seal.endSequence
            let isKnown = known.contains(own) && erasedSince.clamped(to: own).isEmpty
            if isKnown || sequences.contains(own) { all.insert(own) }
            guard sequences.contains(own), !isKnown else { continue }
            segments += 1
            events += seal.count
        }
        guard segments > 0 else { return false }
        _ = try recorder.record([
            OwnEvent.line(
                action: Trace.Kind.archived.rawValue, status: "success", severity: "low",
                details: [
                    "segments": .number(segments), "events": .number(events), "archive": .text(place),
                    "by": .number(UInt64(by)), "sequences": .ranges(all),
                ])
        ])
        return true
    }

    // MARK: Compaction

    /// Sealed segments from `first` on, by their first sequence numbers.
    package func sealedSegments(from first: UInt64) throws(StoreError) -> [UInt64] {
        try Compaction(files).sealedSegments(from: first)
    }

    package func compact(_ first: UInt64) throws(StoreError) -> Compaction.Outcome? {
        try Compaction(files).run(first, compression)
    }
}
