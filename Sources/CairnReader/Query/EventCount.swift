import CairnFormat

/// Counts what a query finds, and keeps nothing of it.
private struct EventCounter: SpanWork {
    var needsTape: Bool { false }

    mutating func take(_ sequence: UInt64, _ line: UnsafeRawBufferPointer, _ tape: JSONTape?) {}

    mutating func finish() {}
}

extension AuditLog {
    /// How many events a query finds, erased ones among them where they match. Its order and limit do not matter.
    ///
    /// What an index can count is not read: damage of it shows in ``verify(_:)`` alone.
    ///
    /// - Throws: a ``ReadError`` where what is read is damaged: a count of a part of it would be wrong.
    public func count(_ query: Query = Query()) throws(ReadError) -> (count: UInt64, statistics: QueryStatistics) {
        var query = query
        query.limit = nil
        let scan = try SpanScan(directory, query, countsOnly: true) { EventCounter() }
        while try scan.next() != nil {}
        let statistics = scan.statistics
        return (UInt64(statistics.eventsMatched + statistics.eventsCounted), statistics)
    }
}
