import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// Orders, limits, cursors, times and the forms of the answer, on small logs written by hand.
@Suite struct QueryTests {
    /// Nine events in two sealed segments and the active one: 0-3, 4-6, 7-8.
    private func threeSegments() throws -> LogFixture {
        let log = try LogFixture()
        try log.append(event("a", "login"), event("b", "login"))
        try log.append(event("a", "logout"), event("b", "create"))
        try log.seal()
        try log.append(event("c", "login"), event("a", "delete"), event("c", "login"))
        try log.seal(.age)
        try log.append(event("a", "login"))
        try log.append(event("c", "export"))
        return log
    }

    private func event(_ module: String, _ action: String, _ rest: String = "") -> String {
        #"{"module":"\#(module)","action":"\#(action)"\#(rest)}"#
    }

    @Test func everythingInOrder() throws {
        let log = try threeSegments()
        let reader = try log.open()
        #expect(try reader.all(Query()).found == log.events)
        #expect(try reader.all(Query(order: .newestFirst)).found == log.events.reversed())
        #expect(try reader.endSequence() == 9)
        #expect(log.events[4].text.hasPrefix(#"{"_seq":4,"_received":"2026-11-21T07:00:04.000000Z","_uid":1000,"#))
    }

    /// Order, cursor, limit, what is found.
    @Test(
        arguments: [
            (Query.Order.oldestFirst, nil, 3, [0, 1, 2]), (.newestFirst, nil, 3, [8, 7, 6]),
            (.oldestFirst, 2, nil, [3, 4, 5, 6, 7, 8]), (.newestFirst, 2, nil, [1, 0]),
            (.oldestFirst, 3, 2, [4, 5]), (.newestFirst, 7, 2, [6, 5]), (.oldestFirst, 8, nil, []),
            (.oldestFirst, 100, nil, []), (.oldestFirst, UInt64.max, nil, []), (.newestFirst, 0, nil, []),
            (.newestFirst, UInt64.max, 1, [8]), (.oldestFirst, nil, 0, []), (.oldestFirst, nil, -1, []),
            (.newestFirst, nil, 0, []), (.oldestFirst, nil, 100, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ] as [(Query.Order, UInt64?, Int?, [UInt64])])
    func cursorsAndLimits(_ order: Query.Order, _ after: UInt64?, _ limit: Int?, _ expected: [UInt64]) throws {
        let log = try threeSegments()
        let found = try log.open().all(Query(order: order, limit: limit, after: after)).found
        #expect(found.map(\.sequence) == expected)
    }

    /// Pages behind each other hold every event once, in both orders.
    @Test(arguments: [Query.Order.oldestFirst, .newestFirst], 1...4)
    func pages(_ order: Query.Order, _ size: Int) throws {
        let log = try threeSegments()
        let reader = try log.open()
        var query = Query(filter: try Filter("action=login"), order: order, limit: size)
        var found: [UInt64] = []
        while true {
            let page = try reader.all(query).found.map(\.sequence)
            guard let last = page.last else { break }
            found += page
            query.after = last
        }
        #expect(found == (order == .oldestFirst ? [0, 1, 4, 6, 7] : [7, 6, 4, 1, 0]))
    }

    @Test(
        arguments: [
            ("module=a", [0, 2, 5, 7]), ("module!=a", [1, 3, 4, 6, 8]), ("module=nowhere", []), ("export", [8]),
            ("_seq=5", [5]), ("_seq>=3 _seq<5", [3, 4]), ("_seq>7", [8]), ("_seq<=0", [0]), ("_seq>5 _seq<5", []),
            ("not _seq>0", [0]), ("_seq!=0 _seq!=1 _seq<4", [2, 3]),
        ] as [(String, [UInt64])])
    func filters(_ filter: String, _ expected: [UInt64]) throws {
        let log = try threeSegments()
        let reader = try log.open()
        #expect(try reader.sequences(filter) == expected)
        #expect(try reader.sequences(filter, order: .newestFirst) == expected.reversed())
    }

    /// From and to, in seconds after the first event; what is found.
    @Test(
        arguments: [
            (nil, nil, [0, 1, 2, 3, 4]), (1, nil, [1, 2, 3]), (nil, 2, [0, 1, 4]), (1, 3, [1, 2]), (2, 2, []),
            (3, 1, []),
            (-1000, 0, [4]), (-1000, 1, [0, 4]), (4, nil, []),
        ] as [(Int64?, Int64?, [UInt64])])
    func times(_ since: Int64?, _ until: Int64?, _ expected: [UInt64]) throws {
        let log = try LogFixture()
        try log.append(event("a", "x"), event("a", "x"))
        try log.append(event("a", "x"))
        try log.seal()
        // The event time counts where there is one, and it may be of any other time than the receive time.
        try log.append(event("a", "x"), event("a", "x", #","timestamp":"2026-11-21T06:59:00Z""#))
        func time(_ seconds: Int64?) -> Time? {
            seconds.map { Time(nanoseconds: LogFixture.start.nanoseconds + $0 * 1_000_000_000) }
        }
        for order in [Query.Order.oldestFirst, .newestFirst] {
            let query = Query(since: time(since), until: time(until), order: order)
            let found = try log.open().all(query).found.map(\.sequence)
            #expect(found == (order == .oldestFirst ? expected : expected.reversed()))
        }
    }

    @Test func timesAtTheEndsOfTheRange() throws {
        let log = try LogFixture()
        try log.append(
            event("a", "x", #","timestamp":"1677-09-21T00:12:43.145224192Z""#),
            event("a", "x", #","timestamp":"2262-04-11T23:47:16.854775807Z""#))
        let reader = try log.open()
        let (least, greatest) = (Time(nanoseconds: .min), Time(nanoseconds: .max))
        #expect(try reader.all(Query(since: least)).found.count == 2)
        #expect(try reader.all(Query(since: greatest)).found.map(\.sequence) == [1])
        #expect(try reader.all(Query(until: greatest)).found.map(\.sequence) == [0])
        #expect(try reader.all(Query(until: least)).found.isEmpty)
        #expect(try reader.all(Query(since: least, until: least)).found.isEmpty)
    }

    @Test func stopping() throws {
        let log = try threeSegments()
        var seen: [UInt64] = []
        let statistics = try log.open().forEach { sequence, _ in
            seen.append(sequence)
            return sequence == 4 ? .stop : .next
        }
        #expect(seen == [0, 1, 2, 3, 4])
        // A few spans may be read ahead.
        #expect(statistics.segments <= 3)
    }

    @Test func endOfTheAnswerStays() throws {
        let log = try threeSegments()
        var events = try log.open().events(Query(limit: 1))
        #expect(try events.next()?.sequence == 0)
        #expect(try events.next() == nil)
        #expect(try events.next() == nil)
        #expect(events.statistics.eventsMatched == 1)
    }

    @Test func noLog() throws {
        let error = #expect(throws: ReadError.self) { try AuditLog(at: "/nonexistent/log") }
        #expect(error?.code == .noLog)
        let log = try LogFixture()
        try log.files.remove(FileNames.origin)
        #expect(throws: ReadError.self) { try log.open() }
    }

    @Test func emptyLogs() throws {
        let log = try LogFixture()
        let reader = try log.open()
        #expect(try reader.all(Query()).found.isEmpty)
        #expect(try reader.all(Query(order: .newestFirst)).found.isEmpty)
        #expect(try reader.endSequence() == 0)
        // A segment file that was only just made.
        try log.append(event("a", "x"))
        try log.seal()
        #expect(try reader.endSequence() == 1)
        try log.change(1, .data) { $0 = [] }
        #expect(try reader.all(Query()).found == log.events)
        #expect(try reader.all(Query(order: .newestFirst)).found == log.events)
        #expect(try reader.endSequence() == 1)
        try log.change(1, .data) { $0 = [0x1F, 0x8B, 0x08] }
        #expect(try reader.all(Query()).found == log.events)
    }

    /// What was pruned is not there, and its seal says nothing about events any more.
    @Test func prunedSegments() throws {
        let log = try threeSegments()
        try log.remove(0, .data)
        try log.remove(0, .index)
        let reader = try log.open()
        #expect(try reader.all(Query()).found == Array(log.events[4...]))
        #expect(try reader.all(Query(order: .newestFirst)).found == log.events[4...].reversed())
        try log.remove(4, .data)
        try log.remove(7, .data)
        #expect(try reader.all(Query()).found.isEmpty)
        #expect(try reader.endSequence() == 7)
    }

    /// Lines that may not be parsed are given as they are as long as nothing is asked of them.
    @Test func rejectedLinesAreEvents() throws {
        let log = try LogFixture()
        try log.append("this is not JSON", event("a", "x"))
        let reader = try log.open()
        #expect(try reader.all(Query()).found == log.events)
        #expect(try reader.sequences("action=event.rejected details.code=invalid_json") == [0])
    }
}
