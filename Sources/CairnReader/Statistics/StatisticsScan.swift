import CairnFormat
import CairnPlatform

/// Counts events: from the cells of the indexes where these tell all that is asked, and else by reading.
struct StatisticsScan {
    private let directory: LogDirectory
    private let query: StatisticsQuery
    private let condition: Condition
    /// The whole hours between `since` and `until`, as cells have them; nil: there is none.
    private let hours: Range<Int64>?
    private var counts: EventTally.Counts
    private var result = Statistics()
    private var buckets: TimeBuckets

    init(_ directory: LogDirectory, _ query: StatisticsQuery) {
        self.directory = directory
        self.query = query
        condition = .all(query.filter.terms.map { Condition($0) })
        hours = Self.wholeHours(query)
        counts = EventTally.Counts(dimensions: query.by.count)
        buckets = TimeBuckets(query.utcOffset)
    }

    mutating func run() throws(ReadError) -> Statistics {
        // Runs of segments that have to be read, and of those that are counted: of these only the hours are left that
        // `since` and `until` cut.
        var runs: [(isCounted: Bool, sequences: Range<UInt64>)] = []
        let segments = canCount ? try directory.segments() : []
        for (index, segment) in segments.enumerated() {
            let next = index + 1 < segments.count ? segments[index + 1].firstSequence : Limits.sequence
            guard segment.firstSequence < next else { continue }
            let isCounted = count(segment)
            if let last = runs.last, last.isCounted == isCounted {
                runs[runs.count - 1].sequences = last.sequences.lowerBound..<next
            } else {
                runs.append((isCounted, segment.firstSequence..<next))
            }
        }
        if !canCount { runs = [(false, 0..<Limits.sequence)] }
        for run in runs {
            if run.isCounted {
                for (since, until) in cutHours { try read(run.sequences, since: since, until: until) }
            } else {
                try read(run.sequences, since: query.since, until: query.until)
            }
        }
        return try finished()
    }

    // MARK: Counting

    private var canCount: Bool {
        !query.countsActors && hours != nil
            && query.by.allSatisfy { [.module, .status, .severity, .hour, .day].contains($0) }
    }

    private static func wholeHours(_ query: StatisticsQuery) -> Range<Int64>? {
        let first = query.since.map { -floorDivide(-max($0.nanoseconds, -Int64.max), Time.perHour) } ?? .min
        let end = query.until.map { floorDivide($0.nanoseconds, Time.perHour) } ?? .max
        return first < end ? first..<end : nil
    }

    /// The parts of hours before the first whole one and behind the last.
    private var cutHours: [(since: Time?, until: Time?)] {
        guard let hours else { return [] }
        var parts: [(since: Time?, until: Time?)] = []
        if let since = query.since, hours.lowerBound * Time.perHour != since.nanoseconds {
            parts.append((since, Time(nanoseconds: hours.lowerBound * Time.perHour)))
        }
        if let until = query.until, hours.upperBound * Time.perHour != until.nanoseconds {
            parts.append((Time(nanoseconds: hours.upperBound * Time.perHour), until))
        }
        return parts
    }

    /// Counts what the whole hours of a segment hold, and says whether its index told that.
    private mutating func count(_ segment: LogDirectory.Segment) -> Bool {
        // A pruned segment has no events any more.
        guard segment.hasData else { return true }
        guard segment.isSealed, let hours, let seal = try? directory.seal(segment),
            seal.firstSequence == segment.firstSequence
        else { return false }
        if let since = query.since, seal.time.upperBound < since { return true }
        if let until = query.until, seal.time.lowerBound >= until { return true }
        guard let index = directory.index(segment), index.firstSequence == seal.firstSequence,
            index.count == seal.count, let cells = index.cells
        else { return false }
        var found = EventTally.Counts(dimensions: query.by.count)
        found.erased = index.count
        for cell in cells {
            guard cell.count <= found.erased else { return false }
            found.erased -= cell.count
            guard hours.contains(cell.hour) else { continue }
            guard let name = index.modules.name(cell.module), let facts = CellFacts(cell, module: name, seal: seal),
                buckets.isWhole(hour: cell.hour)
            else { return false }
            let outlook = condition.outlook(in: facts)
            guard outlook.must || !outlook.may else { return false }
            if outlook.must { add(facts, to: &found) }
        }
        counts.add(found)
        result.counted += found.total
        result.work.segments += 1
        return true
    }

    private mutating func add(_ facts: CellFacts, to counts: inout EventTally.Counts) {
        let count = facts.count
        let failed = facts.status == .failed ? count : 0
        counts.total += count
        counts.failed += failed
        if facts.status == .failed || facts.severity == .high || facts.severity == .critical {
            counts.security += count
        }
        let start = Time(nanoseconds: facts.hour * Time.perHour)
        for (index, dimension) in query.by.enumerated() {
            var key: [UInt8] = []
            switch dimension {
            case .module: facts.module.withUnsafeBytes { EventTally.appendKey($0, to: &key) }
            case .status: EventTally.appendKey(facts.status.name?.bytes, to: &key)
            case .severity: EventTally.appendKey(facts.severity.name?.bytes, to: &key)
            case .hour: withUnsafeBytes(of: buckets.hour(of: start)) { key.append(contentsOf: $0) }
            case .day: withUnsafeBytes(of: buckets.day(of: start)) { key.append(contentsOf: $0) }
            default: continue
            }
            key.withUnsafeBytes { counts.values[index].add($0, count, failed: failed) }
        }
    }

    // MARK: Reading

    private mutating func read(_ sequences: Range<UInt64>, since: Time?, until: Time?) throws(ReadError) {
        var events = Query(filter: query.filter)
        (events.since, events.until) = (since, until)
        let statistics = query
        let scan = try SpanScan(directory, events, within: sequences) { EventTally(statistics) }
        while let (output, _) = try scan.next() {
            counts.add(output)
            // Together, so that the memory does not grow with the number of dimensions.
            let size = counts.values.reduce(counts.actors.size) { $0 + $1.size }
            if size > ValueCounts.sizeLimit { throw tooMany }
        }
        result.work.add(scan.statistics)
    }

    private var tooMany: ReadError {
        ReadError(
            .tooMany,
            """
            there are more different values than \(ValueCounts.sizeLimit >> 20) MiB of memory hold: narrow the filter \
            or the time, or count by another field
            """, path: "")
    }

    // MARK: Result

    private mutating func finished() throws(ReadError) -> Statistics {
        result.total = counts.total
        result.failed = counts.failed
        result.security = counts.security
        result.actors = query.countsActors ? UInt64(counts.actors.count) : nil
        let isWhole = query.filter.isEmpty && query.since == nil && query.until == nil
        result.erased = isWhole ? counts.erased : nil
        result.groups = zip(query.by, counts.values).map { dimension, values in
            Self.groups(dimension, values)
        }
        return result
    }

    private static func groups(_ dimension: Dimension, _ values: ValueCounts) -> [Statistics.Group] {
        let isTime = dimension == .hour || dimension == .day
        let entries = values.entries.map { (entry: $0, key: values.value(of: $0)) }
        guard isTime else {
            return entries.sorted { a, b in
                a.entry.count != b.entry.count ? a.entry.count > b.entry.count : a.key.lexicographicallyPrecedes(b.key)
            }.map { entry, key in
                Statistics.Group(
                    value: key.first == EventTally.some ? String(decoding: key.dropFirst(), as: UTF8.self) : nil,
                    count: entry.count, failed: entry.failed)
            }
        }
        return entries.map { entry, key in
            (entry, Array(key).withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
        }.sorted { $0.1 < $1.1 }.map { entry, number in
            let isHour = dimension == .hour
            let seconds = isHour ? number : number * 86_400
            let nanoseconds = seconds.multipliedReportingOverflow(by: Time.perSecond)
            let start = Time(nanoseconds: nanoseconds.overflow ? .min : nanoseconds.partialValue)
            let text = start.description
            return Statistics.Group(
                value: isHour ? "\(text.prefix(16)):00Z" : String(text.prefix(10)), start: isHour ? start : nil,
                count: entry.count, failed: entry.failed)
        }
    }
}

/// The events of one cell of an index.
private struct CellFacts: EventSummary {
    let module: [UInt8]
    let status: EventStatus
    let severity: EventSeverity
    let hour: Int64
    let count: UInt64
    let sequences: Range<UInt64>

    /// nil for a cell that no writer makes.
    init?(_ cell: IndexCell, module: [UInt8], seal: Seal) {
        guard let status = EventStatus(rawValue: cell.status), let severity = EventSeverity(rawValue: cell.severity)
        else { return nil }
        self.module = module
        self.status = status
        self.severity = severity
        hour = cell.hour
        count = cell.count
        sequences = seal.firstSequence..<seal.endSequence
    }

    func modules(_ names: [[UInt8]]) -> Outlook {
        let isAmong = names.contains(module)
        return Outlook(may: isAmong, must: isAmong)
    }

    func statuses(_ bits: UInt16) -> Outlook { outlook(status.rawValue, bits) }

    func severities(_ bits: UInt16) -> Outlook { outlook(severity.rawValue, bits) }

    /// 0 stands for values that are none of the known ones, and may be of a kind that matches nevertheless.
    private func outlook(_ own: UInt8, _ bits: UInt16) -> Outlook {
        let isAmong = bits & 1 << UInt16(own) != 0
        return Outlook(may: isAmong, must: isAmong && own != 0)
    }

    func mayHave(_ token: UInt64, _ field: TokenField) -> Bool { true }
    func text(_ text: String) -> Outlook { .unknown }
}

extension StaticString {
    fileprivate var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
