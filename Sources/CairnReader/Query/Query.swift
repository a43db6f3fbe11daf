public import CairnFormat

/// Which events of a log are wanted, and in which order.
public struct Query: Sendable, Equatable {
    /// The order is that of the sequence numbers, in which the events came.
    public enum Order: Sendable {
        case oldestFirst
        case newestFirst
    }

    /// What the events must have.
    public var filter: Filter
    /// Events of this event time or later.
    public var since: Time?
    /// Events before this event time. Unlike journalctl's `--until` the end does not belong to it, so that ranges put
    /// side by side hold every event once.
    public var until: Time?
    /// Which event comes first.
    public var order: Order
    /// Events at most, counted in `order`; nil for all.
    public var limit: Int?
    /// A cursor: the sequence number of the last event of an earlier answer. Events that come behind it in `order` are
    /// wanted: greater numbers with oldest first, smaller numbers with newest first.
    public var after: UInt64?
    /// Leave out what is encrypted and cannot be opened; an answer without it would be an error otherwise.
    package var passesEncrypted = false

    /// A query for every event, oldest first, unless told otherwise.
    public init(
        filter: Filter = Filter(), since: Time? = nil, until: Time? = nil, order: Order = .oldestFirst,
        limit: Int? = nil, after: UInt64? = nil
    ) {
        self.filter = filter
        self.since = since
        self.until = until
        self.order = order
        self.limit = limit
        self.after = after
    }
}

/// One event that a query found.
public struct QueriedEvent: Sendable, Equatable {
    /// Its sequence number.
    public var sequence: UInt64
    /// The stored line without its LF: UTF-8, byte for byte.
    public var line: [UInt8]

    package init(sequence: UInt64, line: [UInt8]) {
        self.sequence = sequence
        self.line = line
    }
}

/// Whether to go on with the next event.
public enum QueryStep: Sendable {
    case next
    case stop
}

/// What a query had to do so far.
public struct QueryStatistics: Sendable, Equatable {
    /// Segments that were there.
    public var segments = 0
    /// Those of them that were left out by name or seal alone.
    public var segmentsPruned = 0
    /// Runs of blocks in the other segments.
    public var spans = 0
    /// Those of them that were left out by index or block head.
    public var spansPruned = 0
    /// Blocks in those segments.
    public var blocks = 0
    /// Those of them that were left out by their sequence numbers.
    public var blocksPrunedBySequence = 0
    /// By their times.
    public var blocksPrunedByTime = 0
    /// By their modules, statuses and severities.
    public var blocksPrunedBySets = 0
    /// By the filter over identifiers.
    public var blocksPrunedByTokens = 0
    /// By their texts.
    public var blocksPrunedByTexts = 0
    /// Blocks whose matches the index could count, so that they were not read either.
    public var blocksCounted = 0
    /// Matches in them.
    public var eventsCounted = 0
    /// Bytes of lines that were inflated.
    public var bytesInflated = 0
    /// Events that were looked at.
    public var eventsExamined = 0
    /// Those of them that had to be parsed.
    public var eventsParsed = 0
    /// Those of them that were wanted.
    public var eventsMatched = 0
    /// Segments whose index was missing or of no use.
    public var segmentsWithoutIndex = 0

    package init() {}

    mutating func add(_ other: QueryStatistics) {
        segments += other.segments
        segmentsPruned += other.segmentsPruned
        spans += other.spans
        spansPruned += other.spansPruned
        blocks += other.blocks
        blocksPrunedBySequence += other.blocksPrunedBySequence
        blocksPrunedByTime += other.blocksPrunedByTime
        blocksPrunedBySets += other.blocksPrunedBySets
        blocksPrunedByTokens += other.blocksPrunedByTokens
        blocksPrunedByTexts += other.blocksPrunedByTexts
        blocksCounted += other.blocksCounted
        eventsCounted += other.eventsCounted
        bytesInflated += other.bytesInflated
        eventsExamined += other.eventsExamined
        eventsParsed += other.eventsParsed
        eventsMatched += other.eventsMatched
        segmentsWithoutIndex += other.segmentsWithoutIndex
    }

    /// Counts a span of so many blocks as left out.
    mutating func prune(_ blocks: Int, _ reason: Pruning.Reason) {
        spansPruned += 1
        switch reason {
        case .sequence: blocksPrunedBySequence += blocks
        case .time: blocksPrunedByTime += blocks
        case .sets: blocksPrunedBySets += blocks
        case .tokens: blocksPrunedByTokens += blocks
        case .texts: blocksPrunedByTexts += blocks
        }
    }

    /// Counts a span as not to be read, as so many of its events match.
    mutating func count(_ counted: SegmentSpans.Counted) {
        blocksCounted += counted.blocks
        eventsCounted += counted.events
    }

    /// Takes that back: the span is read after all.
    mutating func uncount(_ counted: SegmentSpans.Counted) {
        blocksCounted -= counted.blocks
        eventsCounted -= counted.events
    }
}
