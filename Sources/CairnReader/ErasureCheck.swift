import CairnFormat

/// Compares what is not there any more, segments and single events, with what the log says of it.
///
/// A trace counts if it is signed: it stands in a whole segment with a seal, or before the head's end. Missing data
/// without one, and an erased event that its trace does not name, are TAMPERED.
struct ErasureCheck {
    private let segments: [SegmentExpectation]
    private let results: [SegmentResult]
    private let snapshot: LogSnapshot
    private(set) var findings: [Finding] = []
    private(set) var notes: [Note] = []
    /// Whether something that is missing was there when the log was listed, or may be explained by an event behind
    /// those that were read.
    private(set) var isOvertaken = false

    init(_ segments: [SegmentExpectation], _ results: [SegmentResult], _ snapshot: LogSnapshot) {
        self.segments = segments
        self.results = results
        self.snapshot = snapshot
    }

    mutating func run() {
        guard results.contains(where: { $0.isMissing || !$0.redactions.isEmpty }) else { return }
        var pruned: [SequenceRanges] = []
        var redacted: [UInt64: Trace.Redacted] = [:]
        for (segment, result) in zip(segments, results) {
            for (sequence, trace) in result.traces where isSigned(sequence, segment, result) {
                switch trace {
                case .pruned(let sequences): pruned.append(sequences.clamped(to: 0..<sequence))
                case .redacted(let trace): redacted[sequence] = trace
                case .archived: break
                }
            }
        }
        checkMissing(pruned)
        // What a policy is removing needs no other account: that may be gone before it.
        for (segment, result) in zip(segments, results) {
            for redaction in result.redactions where !Self.names(pruned, redaction.sequences) {
                check(redaction, segment, redacted[redaction.event])
            }
        }
    }

    private func isSigned(_ sequence: UInt64, _ segment: SegmentExpectation, _ result: SegmentResult) -> Bool {
        switch segment.role {
        case .sealed: result.isWhole
        case .active: result.headIsGood && sequence < segment.head?.endSequence ?? 0
        case .unsealed: false
        }
    }

    // MARK: - Segments

    /// Whether one of the traces names all of them; the newest names the most.
    private static func names(_ traces: [SequenceRanges], _ sequences: Range<UInt64>) -> Bool {
        traces.reversed().contains { $0.contains(sequences) }
    }

    private mutating func checkMissing(_ pruned: [SequenceRanges]) {
        let listed = Set(snapshot.segments.filter(\.hasData).map(\.firstSequence))
        /// Segments in a row of which only the seals are left.
        var run: (first: SegmentExpectation, end: UInt64, count: UInt64)?
        for (segment, result) in zip(segments, results) {
            guard result.isMissing, case .sealed(let seal) = segment.role else {
                note(&run)
                continue
            }
            guard Self.names(pruned, seal.firstSequence..<seal.endSequence) else {
                note(&run)
                if listed.contains(segment.firstSequence) { isOvertaken = true }
                let mayBeSaid = mayBeSaid(from: segment.firstSequence)
                findings.append(
                    Finding(
                        mayBeSaid ? .unverifiable : .tampered, segment: segment.number,
                        sequence: segment.firstSequence,
                        "the data is missing, and no signed event says that a policy removed it"
                            + (mayBeSaid ? ErasureCheck.unlessEncrypted : "")))
                continue
            }
            run = (run?.first ?? segment, seal.endSequence, (run?.count ?? 0) + 1)
        }
        note(&run)
    }

    private mutating func note(_ run: inout (first: SegmentExpectation, end: UInt64, count: UInt64)?) {
        guard let (first, end, count) = run else { return }
        run = nil
        let events = "events \(first.firstSequence) to \(end - 1)"
        let which = count == 1 ? "1 segment" : "\(count) segments"
        notes.append(
            Note(
                .pruned, segment: first.number,
                "\(events), \(which), were removed by policy; their seals are there and good"))
    }

    // MARK: - Events

    private mutating func check(
        _ redaction: Redaction, _ segment: SegmentExpectation, _ trace: Trace.Redacted?
    ) {
        let (first, last) = (redaction.sequences.lowerBound, redaction.sequences.upperBound - 1)
        let events = first == last ? "event \(first) was" : "events \(first) to \(last) were"
        if let trace, redaction.event > last, trace.sequences.contains(redaction.sequences), trace.by == redaction.by,
            trace.reason == redaction.reason
        {
            let reason = String(decoding: redaction.reason, as: UTF8.self)
            notes.append(
                Note(
                    .redacted, segment: segment.number,
                    "\(events) erased, as event \(redaction.event) says, for uid \(redaction.by): \(reason)"))
            return
        }
        if redaction.event >= readEnd { isOvertaken = true }
        let mayBeSaid = isEncrypted(redaction.event)
        findings.append(
            Finding(
                mayBeSaid ? .unverifiable : .tampered, segment: segment.number, sequence: first,
                "\(events) erased, and event \(redaction.event), which should say so, does not or is not signed"
                    + (mayBeSaid ? ErasureCheck.unlessEncrypted : "")))
    }

    // MARK: - Encryption

    private static let unlessEncrypted = ", unless it is among those that are encrypted: give their identity"

    /// Whether an event that could not be read may say what became of those from `sequence` on.
    private func mayBeSaid(from sequence: UInt64) -> Bool {
        zip(segments, results).contains { $1.isEncrypted && $0.firstSequence > sequence }
    }

    private func isEncrypted(_ sequence: UInt64) -> Bool {
        zip(segments, results).contains { segment, result in
            guard result.isEncrypted, case .sealed(let seal) = segment.role else { return false }
            return (seal.firstSequence..<seal.endSequence).contains(sequence)
        }
    }

    /// What could not be checked, segments that follow each other in one note.
    static func encrypted(_ segments: [SegmentExpectation], _ results: [SegmentResult]) -> [Note] {
        var notes: [Note] = []
        var run: (first: SegmentExpectation, end: UInt64, count: Int)?
        func end() {
            guard let (first, end, count) = run else { return }
            run = nil
            let which = count == 1 ? "1 segment" : "\(count) segments"
            notes.append(
                Note(
                    .encrypted, segment: first.number,
                    "events \(first.firstSequence) to \(end - 1), \(which), are encrypted: their seals are good, the "
                        + "events were not checked: give an identity that opens them"))
        }
        for (segment, result) in zip(segments, results) {
            if result.isEncrypted, case .sealed(let seal) = segment.role {
                run = (run?.first ?? segment, seal.endSequence, (run?.count ?? 0) + 1)
            } else {
                end()
            }
        }
        end()
        return notes
    }

    /// The number behind the last event whose trace could count.
    private var readEnd: UInt64 {
        guard let last = segments.last else { return 0 }
        return last.head?.endSequence ?? last.firstSequence
    }
}
