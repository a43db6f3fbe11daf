import CairnFormat
import CairnPlatform

/// What is made of the events that match: they are collected, counted, or written in some form. A value of it belongs
/// to one thread.
protocol SpanWork: SendableMetatype {
    associatedtype Output: Sendable

    /// Whether every match has to be parsed.
    var needsTape: Bool { get }

    /// Takes one event that matches. `line` and `tape` are there during the call only; `tape` is nil only if it is not
    /// needed. Behind the line the parser's padding can be read.
    mutating func take(_ sequence: UInt64, _ line: UnsafeRawBufferPointer, _ tape: JSONTape?)

    /// What came of the events of a span, in the order in which they were taken; the next span begins anew.
    mutating func finish() -> Output
}

/// What it cost to look at a span.
struct SpanCounts: Sendable {
    var bytesInflated = 0
    var examined = 0
    var parsed = 0
    var matched = 0

    mutating func add(_ other: SpanCounts) {
        bytesInflated += other.bytesInflated
        examined += other.examined
        parsed += other.parsed
        matched += other.matched
    }
}

/// What came of a span.
struct SpanResult<Output: Sendable>: Sendable {
    var output: Output
    var counts: SpanCounts
    /// Why the span was not looked at to its end; `output` is of the events before.
    var failure: ReadError?
}

/// Reads spans, finds the events in them that match, and does the work. One owner at a time.
final class SpanExaminer<Work: SpanWork> {
    private var work: Work
    private let matcher: FilterMatcher
    private let parser: JSONParser
    private let pruning: Pruning
    private let isForward: Bool
    /// Matches of a span at most.
    private let limit: Int
    private var reader: SegmentReader?
    private var lines: [UInt8] = []
    private var scratch: [UInt8] = []
    private var ranges: [Range<Int>] = []

    init(_ query: Query, _ pruning: Pruning, _ work: Work) throws(ReadError) {
        self.work = work
        self.pruning = pruning
        matcher = FilterMatcher(query.filter)
        parser = try reading("") { () throws(FormatError) in try JSONParser() }
        isForward = query.order == .oldestFirst
        limit = max(0, query.limit ?? .max)
    }

    func run(_ place: SpanPlace) throws(ReadError) -> SpanResult<Work.Output> {
        let times = try read(place)
        var counts = SpanCounts(bytesInflated: lines.count)
        findLines()
        let sequences = place.span.sequences
        guard ranges.count == sequences.count else {
            throw ReadError(
                FormatError(.malformed, "\(ranges.count) lines stand where \(sequences.count) belong"),
                path: place.path, sequence: sequences.lowerBound)
        }
        var failure: ReadError?
        do throws(ReadError) {
            // Taken once for all events: access to a member of a class is checked while the program runs.
            try examine(place, checksTime: !pruning.includes(times: times), &work, &counts)
        } catch {
            failure = error
        }
        return SpanResult(output: work.finish(), counts: counts, failure: failure)
    }

    // MARK: Reading

    /// Reads the lines of the span and says between which times its events are.
    private func read(_ place: SpanPlace) throws(ReadError) -> ClosedRange<Time> {
        let span = place.span
        let reader = try reader(of: place)
        // An active segment may have grown since.
        reader.refresh()
        reader.seek(offset: span.offset, sequence: span.sequences.lowerBound, end: span.offset &+ span.length)
        var times: ClosedRange<Time>?
        while reader.nextSequence < span.sequences.upperBound {
            let sequence = reader.nextSequence
            // The first block goes to its place at once; nearly always it is the only one.
            let isFirst = times == nil
            let item = isFirst ? try reader.next(into: &lines) : try reader.next(into: &scratch)
            guard case .block(let block) = item else {
                throw ReadError(
                    FormatError(.truncated, "a block was expected", at: reader.offset), path: reader.path,
                    sequence: sequence)
            }
            if !isFirst { lines.append(contentsOf: scratch) }
            let before = times ?? block.leastTime...block.greatestTime
            times = min(before.lowerBound, block.leastTime)...max(before.upperBound, block.greatestTime)
        }
        guard let times, reader.nextSequence == span.sequences.upperBound else {
            throw ReadError(
                FormatError(.mismatch, "the block reaches beyond event \(span.sequences.upperBound)"),
                path: reader.path, sequence: span.sequences.lowerBound)
        }
        lines.reserveCapacity(lines.count + JSONParser.padding)
        return times
    }

    private func reader(of place: SpanPlace) throws(ReadError) -> SegmentReader {
        if let reader, reader.file === place.file { return reader }
        let reader = try SegmentReader(sameAs: place)
        self.reader = reader
        return reader
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

    // MARK: Events

    private func examine(
        _ place: SpanPlace, checksTime: Bool, _ work: inout Work, _ counts: inout SpanCounts
    ) throws(ReadError) {
        let first = place.span.sequences.lowerBound
        let wanted = pruning.sequences.clamped(to: place.wanted).clamped(to: place.span.sequences)
        let numbers =
            Int(
                wanted.lowerBound - min(first, wanted.lowerBound))..<Int(
                wanted.upperBound - min(first, wanted.upperBound))
        counts.examined += numbers.count
        let (matcher, parser, ranges, isForward, limit) = (matcher, parser, ranges, isForward, limit)
        let times = checksTime ? pruning.times : nil
        let needsTape = times != nil || !matcher.matchesAll || work.needsTape
        try lines.withBytes { bytes throws(ReadError) in
            // Nothing in the whole span has what a match must have: the usual case of a rare text.
            guard matcher.mayMatch(bytes) else { return }
            var candidates = matcher.lines(bytes)
            for step in 0..<numbers.count where counts.matched < limit {
                let number = isForward ? numbers.lowerBound + step : numbers.upperBound - 1 - step
                guard candidates.mayMatch(ranges[number], isForward: isForward) else { continue }
                let line = UnsafeRawBufferPointer(rebasing: bytes[ranges[number]])
                guard needsTape else {
                    counts.matched += 1
                    work.take(first + UInt64(number), line, nil)
                    continue
                }
                counts.parsed += 1
                do throws(Rejection) {
                    let tape = try parser.parse(line)
                    guard tape.kind(1) == .object else { throw Rejection(.notAnObject, "not an object") }
                    if let times {
                        guard let time = tape.eventTime, times.contains(time) else { continue }
                    }
                    guard matcher.matches(tape, line: line) else { continue }
                    counts.matched += 1
                    work.take(first + UInt64(number), line, tape)
                } catch {
                    let reason = FormatError(.malformed, "the stored line is not an event: \(error.message)")
                    throw ReadError(reason, path: place.path, sequence: first + UInt64(number))
                }
            }
        }
    }
}
