import CairnFormat
import CairnPlatform

/// Which spans of which segments a query has to read, in its order. A value: whoever keeps one can go back to it.
struct ScanPlan {
    /// What was left out, so far.
    private(set) var statistics = QueryStatistics()
    /// With oldest first: every event below it was planned for, or left out for good reason.
    private(set) var examinedEnd: UInt64 = 0
    /// Where an active segment was left, once all was planned.
    private(set) var tail: SegmentSpans.Tail?
    let pruning: Pruning

    private let directory: LogDirectory
    private let isForward: Bool
    private let passesEncrypted: Bool
    private let countsOnly: Bool
    /// Segments to come; the next one is the last.
    private var queue: [Source] = []
    private var current: SegmentSpans?
    private var relisted: UInt64?

    private struct Source {
        var segment: LogDirectory.Segment
        /// The first number of the segment behind it; nil for the newest.
        var nextFirst: UInt64?
    }

    /// - Parameters:
    ///   - bounds: sequence numbers beyond which nothing is looked at.
    ///   - tail: where an earlier scan of the same log ended; it must have examined all before.
    ///   - countsOnly: whether what indexes can count need not be read; the statistics tell how much that is.
    init(
        _ directory: LogDirectory, _ query: Query, within bounds: Range<UInt64>, after tail: SegmentSpans.Tail?,
        countsOnly: Bool
    ) throws(ReadError) {
        self.directory = directory
        self.tail = tail
        isForward = query.order == .oldestFirst
        passesEncrypted = query.passesEncrypted
        self.countsOnly = countsOnly
        pruning = Pruning(query, within: bounds)
        if !pruning.isEmpty { try list { _ in true } }
    }

    /// The next span to be read; nil at the end.
    mutating func next() throws(ReadError) -> (segment: SegmentSpans, span: SegmentSpans.Span)? {
        while true {
            if current == nil, try !openNext() { return nil }
            guard var segment = current else { return nil }
            // Newest first, nothing is given out from before a place whose end is not known.
            if !isForward, let failure = segment.failure { throw failure }
            if let span = segment.takeSpan(first: isForward) {
                current = segment
                return (segment, span)
            }
            try closeSegment(segment)
        }
    }

    private mutating func closeSegment(_ segment: SegmentSpans) throws(ReadError) {
        current = nil
        if let failure = segment.failure { throw failure }
        tail = segment.tail
        examinedEnd = max(examinedEnd, segment.end ?? segment.tail.sequence)
    }

    /// Goes on where a span could not be read. Where the index led astray, the blocks themselves are walked over; where
    /// the end is torn, the segment ends; anything else is thrown.
    mutating func recover(
        from error: ReadError, at span: SegmentSpans.Span, of segment: SegmentSpans
    ) throws(ReadError) {
        guard error.code == .format else { throw error }
        var segment = segment
        if segment.usesIndex {
            let rest = isForward ? span.sequences.lowerBound..<Limits.sequence : 0..<span.sequences.upperBound
            statistics.segmentsWithoutIndex += 1
            try segment.planByWalk(directory, pruning, wanted: rest, &statistics)
            current = segment
        } else if try segment.isTorn(directory, offset: span.offset, sequence: span.sequences.lowerBound) {
            segment.end(before: span)
            current = segment
        } else {
            throw error
        }
    }

    // MARK: Segments

    private mutating func list(_ isWanted: (LogDirectory.Segment) -> Bool) throws(ReadError) {
        let segments = try directory.segments()
        var sources = segments.indices.map { index in
            Source(
                segment: segments[index],
                nextFirst: index + 1 < segments.count ? segments[index + 1].firstSequence : nil)
        }
        sources.removeAll { !isWanted($0.segment) }
        queue = isForward ? sources.reversed() : sources
    }

    /// Opens the next segment that may hold a match and plans what to read of it; false if there is none.
    private mutating func openNext() throws(ReadError) -> Bool {
        while let source = queue.popLast() {
            // Nothing is left of a pruned segment but its seal.
            guard source.segment.hasData else { continue }
            statistics.segments += 1
            if let opened = try open(source) {
                current = opened
                return true
            }
        }
        return false
    }

    private mutating func open(_ source: Source) throws(ReadError) -> SegmentSpans? {
        let first = source.segment.firstSequence
        guard first < source.nextFirst ?? .max,
            !pruning.excludes(sequences: first..<(source.nextFirst ?? .max))
        else { return prune(source.nextFirst) }
        // A seal that cannot be read prunes nothing, and the segment is read to its end.
        let seal = source.segment.isSealed ? try? directory.seal(source.segment) : nil
        let ownSeal = seal?.firstSequence == first ? seal : nil
        if let ownSeal, pruning.excludes(ownSeal) || pruning.excludes(sequences: first..<ownSeal.endSequence) {
            return prune(ownSeal.endSequence)
        }
        do throws(ReadError) {
            var opened = try SegmentSpans(directory, source.segment, seal: ownSeal, end: source.nextFirst, after: tail)
            // Behind an earlier scan only the end is left, which the walk reaches at once.
            let isResumed = opened.tail.sequence > first
            if isResumed || ownSeal == nil
                || !opened.planByIndex(directory, pruning, countsOnly: countsOnly, &statistics)
            {
                try opened.planByWalk(directory, pruning, wanted: pruning.sequences, &statistics)
            }
            return opened
        } catch {
            if error.code == .encrypted, passesEncrypted { return prune(source.nextFirst) }
            return try reopen(source, after: error)
        }
    }

    private mutating func prune(_ end: UInt64?) -> SegmentSpans? {
        statistics.segmentsPruned += 1
        if let end { examinedEnd = max(examinedEnd, end) }
        return nil
    }

    /// A file may have vanished since it was listed, and a file that is just being made has no whole header yet.
    private mutating func reopen(_ source: Source, after error: ReadError) throws(ReadError) -> SegmentSpans? {
        let path = source.segment.path(.data)
        let status = try accessing { () throws(IOFailure) in try directory.files.status(path) }
        if status == nil {
            guard relisted != source.segment.firstSequence else { return nil }
            relisted = source.segment.firstSequence
            statistics.segments -= 1
            let isForward = isForward
            try list { segment in
                isForward
                    ? segment.firstSequence >= source.segment.firstSequence
                    : segment.firstSequence <= source.segment.firstSequence
            }
            return nil
        }
        if source.nextFirst == nil, error.format == .truncated { return nil }
        throw error
    }
}
