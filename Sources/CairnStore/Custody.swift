package import CairnFormat
package import CairnPlatform
package import CairnReader

/// All that is done to sealed segments: writing them anew, erasing, removing, and the holds that stand against it. One
/// owner at a time, so nothing of it runs beside anything else of it. The writer goes on meanwhile.
package struct Custody: Sendable {
    private let files: any FileSystem
    private let recorder: any EventRecorder
    private let entropy: any EntropySource
    package let compression: Compression
    private var register: HoldRegister

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

    private var log: AuditLog { AuditLog(LogDirectory(files)) }

    /// Finishes what a crash or a full disk has cut off. To be called before anything else is asked for.
    package mutating func finish() throws(StoreError) {
        try register.finish()
        _ = try Redactor(files, recorder, compression).finish()
    }

    // MARK: Holds

    package mutating func add(_ hold: Hold) throws(StoreError) { try register.add(hold) }

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
        let redactor = Redactor(files, recorder, compression)
        let ranges = selection.sequences.ranges
        for start in stride(from: 0, to: ranges.count, by: RedactionRequest.rangeLimit) {
            let part = SequenceRanges(ranges[start..<min(ranges.count, start + RedactionRequest.rangeLimit)])
            let done = try redactor.run(
                RedactionRequest(
                    id: Hex.encode(entropy.bytes(8)), by: order.by, reason: order.reason, sequences: part))
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

    private func sealed() throws(StoreError) -> [(segment: LogDirectory.Segment, seal: Seal)] {
        let directory = LogDirectory(files)
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
        var removed: [Pruner.Candidate] = []
        var bytes: UInt64 = 0
        var left = candidates[...]
        while !left.isEmpty {
            let step = left.prefix(Pruner.segmentsPerEvent)
            left = left.dropFirst(step.count)
            var free: [Pruner.Candidate] = []
            for candidate in step where try isFree(candidate.seal) { free.append(candidate) }
            bytes += try pruner.prune(free, by: by)
            removed += free
            pause(&self)
        }
        return (removed, bytes)
    }

    private func isFree(_ seal: Seal) throws(StoreError) -> Bool {
        let directory = LogDirectory(files)
        guard let segment = try scanning({ () throws(ReadError) in try directory.segment(seal.firstSequence) }) else {
            return false
        }
        let index = directory.index(segment)
        return segment.hasData && !holds.holds.contains { $0.mayMatch(seal, index) }
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
