import CairnFormat
import CairnPlatform

/// Runs a query span by span: on several threads, and with the results in the order of the query. Only a few spans are
/// in memory at any time. One owner at a time.
final class SpanScan<Work: SpanWork> {
    private let query: Query
    private let threads: Int
    private let makeWork: @Sendable () -> Work
    private var pipeline: SpanPipeline<Work>
    private var plan: ScanPlan
    /// Spans that are being read, in order.
    private var pending: [Pending] = []
    /// Why nothing behind them can be planned.
    private var planFailure: ReadError?
    /// To be thrown once what was found before it is given out.
    private var failure: ReadError?
    private var counts = SpanCounts()
    private var isEnded = false
    /// Spans that may be on their way at once. It begins with one and doubles with each, so that who wants a few events
    /// does not pay for many.
    private var window = 1
    /// With oldest first: every event below it was examined, or left out for good reason.
    private(set) var examinedEnd: UInt64 = 0

    private struct Pending {
        /// The plan as it was when only this span and those behind it were to be read, with the span taken.
        var plan: ScanPlan
        var segment: SegmentSpans
        var span: SegmentSpans.Span
    }

    /// - Parameters:
    ///   - bounds: sequence numbers beyond which nothing is looked at.
    ///   - tail: where an earlier scan of the same log ended; it must have examined all before.
    ///   - threads: besides the owner's own.
    ///   - countsOnly: whether nothing but the number of matches is wanted, so that what indexes can count is not read.
    init(
        _ directory: LogDirectory, _ query: Query, within bounds: Range<UInt64> = 0..<Limits.sequence,
        after tail: SegmentSpans.Tail? = nil, threads: Int = Processors.active, countsOnly: Bool = false,
        _ makeWork: @escaping @Sendable () -> Work
    ) throws(ReadError) {
        self.query = query
        self.threads = threads
        self.makeWork = makeWork
        plan = try ScanPlan(directory, query, within: bounds, after: tail, countsOnly: countsOnly)
        pipeline = Self.pipeline(query, plan.pruning, threads, makeWork)
    }

    private static func pipeline(
        _ query: Query, _ pruning: Pruning, _ threads: Int, _ makeWork: @escaping @Sendable () -> Work
    ) -> SpanPipeline<Work> {
        SpanPipeline(threads: threads) { () throws(ReadError) in try SpanExaminer(query, pruning, makeWork()) }
    }

    /// What was done so far.
    var statistics: QueryStatistics {
        var statistics = plan.statistics
        statistics.bytesInflated = counts.bytesInflated
        statistics.eventsExamined = counts.examined
        statistics.eventsParsed = counts.parsed
        statistics.eventsMatched = min(counts.matched, query.limit ?? .max)
        return statistics
    }

    /// Where an active segment was left, once all was read.
    var tail: SegmentSpans.Tail? { plan.tail }

    /// What came of the next span in which something matches, and how many of its matches are wanted; nil at the end.
    /// After an error there is nothing more.
    func next() throws(ReadError) -> (output: Work.Output, wanted: Int)? {
        do throws(ReadError) {
            while !isEnded, counts.matched < query.limit ?? .max {
                if let failure { throw failure }
                fill()
                guard let first = pending.first else {
                    if let planFailure { throw planFailure }
                    examinedEnd = max(examinedEnd, plan.examinedEnd)
                    return nil
                }
                pending.removeFirst()
                window = min(window * 2, threads * 2 + 2)
                if let found = try take(first) { return found }
            }
            return nil
        } catch {
            end()
            throw error
        }
    }

    private func end() {
        (pending, failure, planFailure) = ([], nil, nil)
        isEnded = true
    }

    /// Plans and submits as many spans as keep every thread busy.
    private func fill() {
        while planFailure == nil, pending.count < window {
            do throws(ReadError) {
                guard let (segment, span) = try plan.next() else { return }
                pending.append(Pending(plan: plan, segment: segment, span: span))
                pipeline.submit(segment.place(of: span))
            } catch {
                planFailure = error
            }
        }
    }

    private func take(_ pending: Pending) throws(ReadError) -> (output: Work.Output, wanted: Int)? {
        let result: SpanResult<Work.Output>
        do throws(ReadError) {
            result = try pipeline.take()
        } catch {
            try goBack(to: pending, after: error)
            return nil
        }
        let wanted = min(result.counts.matched, (query.limit ?? .max) - counts.matched)
        counts.add(result.counts)
        failure = result.failure
        if query.order == .oldestFirst {
            let planned = pending.plan.examinedEnd
            examinedEnd = max(examinedEnd, planned, failure?.sequence ?? pending.span.sequences.upperBound)
        }
        return wanted > 0 ? (result.output, wanted) : nil
    }

    /// A span could not be read: what was planned behind it is planned anew.
    private func goBack(to span: Pending, after error: ReadError) throws(ReadError) {
        plan = span.plan
        pending = []
        planFailure = nil
        pipeline = Self.pipeline(query, plan.pruning, threads, makeWork)
        try plan.recover(from: error, at: span.span, of: span.segment)
    }
}

/// The events that a query finds, a batch of lines at a time. One owner at a time.
package final class QueryScan {
    private let scan: SpanScan<EventCollection>
    private var batch = EventCollection.Batch()

    init(
        _ directory: LogDirectory, _ query: Query, within bounds: Range<UInt64> = 0..<Limits.sequence,
        after tail: SegmentSpans.Tail? = nil
    ) throws(ReadError) {
        scan = try SpanScan(directory, query, within: bounds, after: tail) { EventCollection() }
    }

    /// Goes on to the next matches; false at the end. After an error there is nothing more.
    package func nextBatch() throws(ReadError) -> Bool {
        batch = EventCollection.Batch()
        guard let (output, wanted) = try scan.next() else { return false }
        batch = output
        batch.matches.removeLast(batch.matches.count - wanted)
        return true
    }

    /// The lines of the matches, with the parser's padding behind them.
    package var lines: [UInt8] { batch.lines }
    /// In the order of the query.
    package var matches: [EventCollection.Match] { batch.matches }
    package var statistics: QueryStatistics { scan.statistics }
    var examinedEnd: UInt64 { scan.examinedEnd }
    var tail: SegmentSpans.Tail? { scan.tail }

    /// One match of the batch.
    func event(_ number: Int) -> QueriedEvent {
        let match = batch.matches[number]
        return QueriedEvent(sequence: match.sequence, line: Array(batch.lines[match.range]))
    }
}

/// Keeps the lines of the events that match.
package struct EventCollection: SpanWork {
    package struct Match: Sendable {
        package var sequence: UInt64
        /// Its line among those of the batch, LF left out.
        package var range: Range<Int>
    }

    package struct Batch: Sendable {
        /// Each with its LF.
        package var lines: [UInt8] = []
        package var matches: [Match] = []
    }

    private var batch = Batch()

    var needsTape: Bool { false }

    mutating func take(_ sequence: UInt64, _ line: UnsafeRawBufferPointer, _ tape: JSONTape?) {
        let start = batch.lines.count
        batch.lines.append(contentsOf: line)
        batch.matches.append(Match(sequence: sequence, range: start..<batch.lines.count))
        batch.lines.append(UInt8(ascii: "\n"))
    }

    mutating func finish() -> Batch {
        defer { batch = Batch() }
        batch.lines.reserveCapacity(batch.lines.count + JSONParser.padding)
        return batch
    }
}
