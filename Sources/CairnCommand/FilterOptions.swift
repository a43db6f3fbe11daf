import ArgumentParser
import CairnFormat
import CairnReader

/// A range of times of events.
struct TimeRangeOptions: ParsableArguments {
    @Option(
        name: [.customShort("S", allowingJoined: true), .long], parsing: .unconditional,
        help: ArgumentHelp("Events of this time or later.", valueName: "time"))
    var since: String?

    @Option(
        name: [.customShort("U", allowingJoined: true), .long], parsing: .unconditional,
        help: ArgumentHelp("Events before this time.", valueName: "time"))
    var until: String?

    var isEmpty: Bool { since == nil && until == nil }

    /// - Parameter utc: whether times without a zone are in UTC.
    func since(utc: Bool, now: Time = WallClock.now) throws -> Time? {
        try since.map { try TimeExpression.parse($0, now: now, utc: utc) }
    }

    func until(utc: Bool, now: Time = WallClock.now) throws -> Time? {
        try until.map { try TimeExpression.parse($0, now: now, utc: utc) }
    }
}

/// Which events: a filter, and a range of time.
struct FilterOptions: ParsableArguments {
    /// For the help of the commands that take it.
    static let explanation = """
        A filter is one or more terms of which all must hold: module=authentication status=failed \
        ip_address=10.0.0.0/8 "password mismatch" not tenant=acme. Operators are = != < <= > >=, ~ and !~ for \
        regular expressions, field in(a, b) and exists(field); or, not and parentheses join terms; dotted paths reach any \
        field; a text alone is searched for in action, actor, target and details. Put a filter in quotes, so that the \
        shell leaves it alone.

        Times: 2026-11-21, "2026-11-21 07:00:00", RFC 3339, today, yesterday, -1h, "1h ago", @epoch. They are times \
        of the events, not of their receipt.
        """

    @Argument(help: "What to look for; nothing finds everything.")
    var filter: [String] = []

    @OptionGroup var times: TimeRangeOptions

    /// - Parameter utc: whether times without a zone are in UTC.
    func query(utc: Bool, now: Time = WallClock.now) throws -> Query {
        var query = Query()
        query.filter = try Filter(filter.joined(separator: " "))
        query.since = try times.since(utc: utc, now: now)
        query.until = try times.until(utc: utc, now: now)
        return query
    }

    /// Where nothing was found: says which field may have been meant.
    func hint(at filter: Filter) {
        for (name, known) in filter.misspeltFields {
            Console.complain("no event has the field \(SafeText.string(name)); is it \(known)?")
        }
    }
}

extension QueryStatistics {
    /// Says on standard error what had to be read.
    func explain(printed: Int? = nil, counted: UInt64 = 0, elapsed: Int64) {
        let events = [
            "\(Figures.count(eventsExamined)) examined", "\(Figures.count(eventsParsed)) parsed",
            "\(Figures.count(eventsMatched)) matched",
            printed.map { "\(Figures.count($0)) printed" }, counted > 0 ? "\(Figures.count(counted)) by index" : nil,
        ]
        Console.say(
            """
            segments: \(Figures.count(segments)), left out by name or seal \(Figures.count(segmentsPruned)), \
            without index \(Figures.count(segmentsWithoutIndex))
            blocks: \(Figures.count(blocks)) in \(Figures.count(spans)) runs; left out by sequence \
            \(Figures.count(blocksPrunedBySequence)), by time \(Figures.count(blocksPrunedByTime)), by module, status \
            and severity \(Figures.count(blocksPrunedBySets)), by token filter \(Figures.count(blocksPrunedByTokens)), by text \
            \(Figures.count(blocksPrunedByTexts)); counted by index \(Figures.count(blocksCounted))
            inflated: \(Figures.bytes(UInt64(bytesInflated)))
            events: \(events.compactMap { $0 }.joined(separator: ", "))
            time: \(Figures.duration(nanoseconds: elapsed))
            """)
    }
}
