import CairnFormat

/// Counts the events that match. What it makes of a span can be added to what another made of another one.
struct EventTally: SpanWork {
    struct Counts: Sendable {
        var total: UInt64 = 0
        var failed: UInt64 = 0
        var security: UInt64 = 0
        var erased: UInt64 = 0
        var actors = ValueCounts()
        /// By dimension. Values are marked by their first byte: see `EventTally.none`.
        var values: [ValueCounts]

        init(dimensions: Int) { values = Array(repeating: ValueCounts(), count: dimensions) }

        mutating func add(_ other: Counts) {
            total += other.total
            failed += other.failed
            security += other.security
            erased += other.erased
            actors.add(other.actors)
            for index in values.indices { values[index].add(other.values[index]) }
        }
    }

    /// What begins the key of a value that is there, and is the key of one that is not.
    static let (some, none): (UInt8, UInt8) = (1, 0)

    private let dimensions: [Dimension]
    private let paths: [ValuePath]
    private let countsActors: Bool
    private let needsTime: Bool
    private var buckets: TimeBuckets
    private var counts: Counts
    private var key: [UInt8] = []

    init(_ query: StatisticsQuery) {
        dimensions = query.by
        paths = query.by.map { dimension in
            if case .field(let path) = dimension { ValuePath(path) } else { ValuePath("") }
        }
        countsActors = query.countsActors
        needsTime = query.by.contains { $0 == .hour || $0 == .day }
        buckets = TimeBuckets(query.utcOffset)
        counts = Counts(dimensions: query.by.count)
    }

    var needsTape: Bool { true }

    mutating func take(_ sequence: UInt64, _ line: UnsafeRawBufferPointer, _ tape: JSONTape?) {
        guard let tape else { return }
        if RedactedLine.isOne(line) {
            counts.erased += 1
            return
        }
        let event = EventPlaces(tape)
        let (status, severity) = (event.status, event.severity)
        let failed: UInt64 = status == .failed ? 1 : 0
        counts.total += 1
        counts.failed += failed
        if status == .failed || severity == .high || severity == .critical { counts.security += 1 }
        if countsActors, let actor = event.actorName { counts.actors.add(actor, failed: failed) }
        let time = needsTime ? tape.eventTime ?? Time(nanoseconds: 0) : Time(nanoseconds: 0)
        for (index, dimension) in dimensions.enumerated() {
            switch dimension {
            case .module: add(event.module, to: index, failed)
            case .status: add(status.name, to: index, failed)
            case .severity: add(severity.name, to: index, failed)
            case .action: add(event.text(event.action), to: index, failed)
            case .actor: add(event.actorName, to: index, failed)
            case .ipAddress: add(event.text(event.ipAddress), to: index, failed)
            case .tenant: add(event.text(event.tenant), to: index, failed)
            case .hour: add(buckets.hour(of: time), to: index, failed)
            case .day: add(buckets.day(of: time), to: index, failed)
            case .field: addValues(at: paths[index], tape, line, to: index, failed)
            }
        }
    }

    mutating func finish() -> Counts {
        defer { counts = Counts(dimensions: dimensions.count) }
        return counts
    }

    // MARK: Keys

    private mutating func add(_ value: UnsafeRawBufferPointer?, to index: Int, _ failed: UInt64) {
        key.removeAll(keepingCapacity: true)
        EventTally.appendKey(value, to: &key)
        key.withUnsafeBytes { counts.values[index].add($0, failed: failed) }
    }

    private mutating func add(_ name: StaticString?, to index: Int, _ failed: UInt64) {
        add(
            name.map { UnsafeRawBufferPointer(start: $0.utf8Start, count: $0.utf8CodeUnitCount) }, to: index, failed)
    }

    private mutating func add(_ bucket: Int64, to index: Int, _ failed: UInt64) {
        withUnsafeBytes(of: bucket) { counts.values[index].add($0, failed: failed) }
    }

    private mutating func addValues(
        at path: ValuePath, _ tape: JSONTape, _ line: UnsafeRawBufferPointer, to index: Int, _ failed: UInt64
    ) {
        var found = false
        path.forEachValue(tape, line) { value in
            found = true
            add(value, to: index, failed)
        }
        if !found { add(nil as UnsafeRawBufferPointer?, to: index, failed) }
    }

    static func appendKey(_ value: UnsafeRawBufferPointer?, to key: inout [UInt8]) {
        guard let value else { return key.append(none) }
        key.append(some)
        key.append(contentsOf: value)
    }
}

/// Hours and days of a zone. The distance from UTC is asked for once in a quarter of an hour, which is where zones
/// change.
struct TimeBuckets {
    private let utcOffset: @Sendable (Time) -> Int64
    private var cached: (quarter: Int64, offset: Int64)?

    init(_ utcOffset: @escaping @Sendable (Time) -> Int64) { self.utcOffset = utcOffset }

    /// The second, since 1970 in UTC, with which the hour begins.
    mutating func hour(of time: Time) -> Int64 {
        let (seconds, offset) = local(time)
        return floorDivide(seconds + offset, 3600) * 3600 - offset
    }

    /// Days since 1970 on local calendars.
    mutating func day(of time: Time) -> Int64 {
        let (seconds, offset) = local(time)
        return floorDivide(seconds + offset, 86_400)
    }

    /// Whether the hour of UTC with that number is an hour of the zone, too.
    mutating func isWhole(hour: Int64) -> Bool {
        let start = hour.multipliedReportingOverflow(by: Time.perHour)
        return !start.overflow && local(Time(nanoseconds: start.partialValue)).offset % 3600 == 0
    }

    private mutating func local(_ time: Time) -> (seconds: Int64, offset: Int64) {
        let seconds = floorDivide(time.nanoseconds, Time.perSecond)
        let quarter = floorDivide(seconds, 900)
        if let cached, cached.quarter == quarter { return (seconds, cached.offset) }
        let offset = utcOffset(Time(nanoseconds: max(time.nanoseconds, Int64.min + Time.perSecond)))
        cached = (quarter, offset)
        return (seconds, offset)
    }
}
