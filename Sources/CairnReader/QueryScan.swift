import CairnFormat
import CairnPlatform

/// Runs a query: one span of blocks after the other, never more than one in memory. One owner at a time.
package final class QueryScan {
    /// An event of the batch that matches.
    package struct Match {
        package var sequence: UInt64
        /// Its line among `lines`, LF left out.
        package var range: Range<Int>
    }

    /// The lines of the span that was read last.
    package private(set) var lines: [UInt8] = []
    /// What matches of them, in the order of the query.
    package private(set) var matches: [Match] = []
    package private(set) var statistics = QueryStatistics()
    /// With oldest first: every event below it was examined, or left out for good reason.
    private(set) var examinedEnd: UInt64 = 0
    /// Where an active segment was left, once all was read.
    private(set) var tail: SegmentSpans.Tail?

    private let directory: LogDirectory
    private let isForward: Bool
    private let passesEncrypted: Bool
    private let pruning: Pruning
    private let matcher: FilterMatcher
    private let parser: JSONParser
    private var left: Int
    /// Segments to come; the next one is the last.
    private var queue: [Source] = []
    private var current: SegmentSpans?
    /// To be thrown once the matches before it are given out.
    private var failure: ReadError?
    private var scratch: [UInt8] = []
    private var ranges: [Range<Int>] = []
    private var relisted: UInt64?

    private struct Source {
        var segment: LogDirectory.Segment
        /// The first number of the segment behind it; nil for the newest.
        var nextFirst: UInt64?
    }

    /// - Parameters:
    ///   - bounds: sequence numbers beyond which nothing is looked at.
    ///   - tail: where an earlier scan of the same log ended; it must have examined all before.
    init(
        _ directory: LogDirectory, _ query: Query, within bounds: Range<UInt64> = 0..<Limits.sequence,
        after tail: SegmentSpans.Tail? = nil
    ) throws(ReadError) {
        self.directory = directory
        isForward = query.order == .oldestFirst
        passesEncrypted = query.passesEncrypted
        pruning = Pruning(query, within: bounds)
        matcher = FilterMatcher(query.filter)
        parser = try reading("") { () throws(FormatError) in try JSONParser() }
        left = max(0, query.limit ?? .max)
        self.tail = tail
        if !pruning.isEmpty { try list { _ in true } }
    }

    /// Goes on to the next span with a match; false at the end. After an error there is nothing more.
    package func nextBatch() throws(ReadError) -> Bool {
        matches.removeAll(keepingCapacity: true)
        do throws(ReadError) {
            while left > 0 {
                if let failure { throw failure }
                if current == nil, try !openNext() { return false }
                try readSpan()
                if !matches.isEmpty { return true }
            }
            return false
        } catch {
            (current, failure, left) = (nil, nil, 0)
            queue = []
            throw error
        }
    }

    /// One match of the batch.
    func event(_ number: Int) -> QueriedEvent {
        QueriedEvent(sequence: matches[number].sequence, line: Array(lines[matches[number].range]))
    }

    // MARK: Segments

    private func list(_ isWanted: (LogDirectory.Segment) -> Bool) throws(ReadError) {
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
    private func openNext() throws(ReadError) -> Bool {
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

    private func open(_ source: Source) throws(ReadError) -> SegmentSpans? {
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
            if isResumed || ownSeal == nil || !opened.planByIndex(directory, pruning, &statistics) {
                try opened.planByWalk(directory, pruning, wanted: pruning.sequences, &statistics)
            }
            return opened
        } catch {
            if error.code == .encrypted, passesEncrypted { return prune(source.nextFirst) }
            return try reopen(source, after: error)
        }
    }

    private func prune(_ end: UInt64?) -> SegmentSpans? {
        statistics.segmentsPruned += 1
        if let end { examinedEnd = max(examinedEnd, end) }
        return nil
    }

    /// A file may have vanished since it was listed, and a file that is just being made has no whole header yet.
    private func reopen(_ source: Source, after error: ReadError) throws(ReadError) -> SegmentSpans? {
        let path = source.segment.path(.data)
        let status = try accessing { () throws(IOFailure) in try directory.files.status(path) }
        if status == nil {
            guard relisted != source.segment.firstSequence else { return nil }
            relisted = source.segment.firstSequence
            statistics.segments -= 1
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

    // MARK: Spans

    private func readSpan() throws(ReadError) {
        guard var segment = current else { return }
        // Newest first, nothing is given out from before a place whose end is not known.
        if !isForward, let failure = segment.failure { throw failure }
        guard let span = segment.takeSpan(first: isForward) else { return try closeSegment() }
        current = segment
        do throws(ReadError) {
            let times = try segment.read(span, into: &lines, scratch: &scratch)
            statistics.bytesInflated += lines.count
            try examine(span, of: segment, times: times)
            if isForward { examinedEnd = failure?.sequence ?? span.sequences.upperBound }
        } catch {
            try recover(from: error, at: span, of: segment)
        }
    }

    private func closeSegment() throws(ReadError) {
        guard let segment = current else { return }
        current = nil
        if let failure = segment.failure { throw failure }
        tail = segment.tail
        examinedEnd = max(examinedEnd, segment.end ?? segment.tail.sequence)
    }

    /// Where the index led astray, the blocks themselves are walked over; where the end is torn, the segment ends.
    private func recover(
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

    // MARK: Events

    /// Finds the matches among `lines`, in the order of the query and no more than are wanted.
    private func examine(
        _ span: SegmentSpans.Span, of segment: SegmentSpans, times: ClosedRange<Time>
    ) throws(ReadError) {
        let path = segment.reader.path
        findLines()
        guard ranges.count == span.sequences.count else {
            throw ReadError(
                FormatError(.malformed, "\(ranges.count) lines stand where \(span.sequences.count) belong"),
                path: path, sequence: span.sequences.lowerBound)
        }
        let checksTime = !pruning.includes(times: times)
        let wanted = pruning.sequences.clamped(to: segment.wanted).clamped(to: 0..<(segment.end ?? .max))
        for step in 0..<ranges.count where left > 0 {
            let number = isForward ? step : ranges.count - 1 - step
            let sequence = span.sequences.lowerBound + UInt64(number)
            guard wanted.contains(sequence) else { continue }
            statistics.eventsExamined += 1
            let isMatch: Bool
            do throws(Rejection) {
                isMatch = try lines.withBytes { bytes throws(Rejection) in
                    try matches(UnsafeRawBufferPointer(rebasing: bytes[ranges[number]]), checksTime: checksTime)
                }
            } catch {
                let reason = FormatError(.malformed, "the stored line is not an event: \(error.message)")
                failure = ReadError(reason, path: path, sequence: sequence)
                return
            }
            guard isMatch else { continue }
            matches.append(Match(sequence: sequence, range: ranges[number]))
            statistics.eventsMatched += 1
            left -= 1
        }
    }

    private func findLines() {
        ranges.removeAll(keepingCapacity: true)
        lines.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                let end = start + (firstLineFeed(rest) ?? rest.count)
                ranges.append(start..<end)
                start = end + 1
            }
        }
    }

    private func matches(_ line: UnsafeRawBufferPointer, checksTime: Bool) throws(Rejection) -> Bool {
        guard matcher.mayMatch(line) else { return false }
        guard checksTime || !matcher.matchesAll else { return true }
        statistics.eventsParsed += 1
        let tape = try parser.parse(line)
        guard tape.kind(1) == .object else { throw Rejection(.notAnObject, "not an object") }
        if checksTime, let times = pruning.times {
            guard let time = tape.eventTime, times.contains(time) else { return false }
        }
        return matcher.matches(tape, line: line)
    }
}
