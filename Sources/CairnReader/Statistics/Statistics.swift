public import CairnFormat

/// What events are counted by.
public enum Dimension: Sendable, Hashable {
    case module
    case status
    case severity
    case action
    /// The actor's id, or else its email, or else its name.
    case actor
    case ipAddress
    case tenant
    /// Hours and days of event time, in the zone of the query.
    case hour
    case day
    /// The values at a dotted path, as in a filter: an event counts once for each that it has.
    case field(String)
}

/// Which events are counted, and by what.
public struct StatisticsQuery: Sendable {
    /// What the events must have.
    public var filter = Filter()
    /// Events of this event time or later.
    public var since: Time?
    /// Events before this event time.
    public var until: Time?
    /// Each is counted by itself.
    public var by: [Dimension] = []
    /// Whether different actors are counted, for which every event has to be read.
    public var countsActors = false
    /// Seconds by which local time is ahead of UTC at a time; hours and days are those of local time.
    public var utcOffset: @Sendable (Time) -> Int64 = { _ in 0 }

    /// Counts all events.
    public init() {}
}

/// Exact counts of events. Erased events are counted by themselves only: what they were is gone.
public struct Statistics: Sendable, Equatable {
    /// The events of one value.
    public struct Group: Sendable, Equatable {
        /// nil for events that have none, or none of those that the field may have. A day is `2026-11-21`.
        public var value: String?
        /// Where an hour begins; nil for anything else.
        public var start: Time?
        /// Events.
        public var count: UInt64
        /// Those of them with status failed.
        public var failed: UInt64

        package init(value: String?, start: Time? = nil, count: UInt64, failed: UInt64) {
            self.value = value
            self.start = start
            self.count = count
            self.failed = failed
        }
    }

    /// Events that match.
    public var total: UInt64 = 0
    /// Those with status failed.
    public var failed: UInt64 = 0
    /// Those with status failed, or of severity high or critical.
    public var security: UInt64 = 0
    /// Different actors, where they were asked for.
    public var actors: UInt64?
    /// Erased events; nil where a filter or a time was asked for, which they no longer tell.
    public var erased: UInt64?
    /// For each dimension its values: times in their order, others with the most frequent first, and of those that are
    /// equally frequent by their bytes.
    public var groups: [[Group]] = []
    /// What had to be read.
    public var work = QueryStatistics()
    /// Events that were counted without reading them, from indexes.
    public var counted: UInt64 = 0
}

extension AuditLog {
    /// Counts events, from the indexes alone wherever these tell all that is asked.
    ///
    /// - Throws: a ``ReadError`` where the log is damaged, and of code `tooMany` where a dimension has more values than
    ///   can be counted apart.
    public func statistics(_ query: StatisticsQuery = StatisticsQuery()) throws(ReadError) -> Statistics {
        var scan = StatisticsScan(directory, query)
        return try scan.run()
    }
}
