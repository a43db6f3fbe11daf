import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// What a query leaves out, by seal, index and block head, and that it never leaves out too much.
@Suite struct QueryPruningTests {
    /// Three spans of one event each in a sealed segment, and a second segment of other modules.
    private func log() throws -> LogFixture {
        let log = try LogFixture()
        let padding = #","pad":"\#(String(repeating: "p", count: 150_000))"}"#
        try log.append(
            #"{"module":"a","action":"one","status":"failed","severity":"high","actor":{"id":"u1"}"# + padding)
        try log.append(
            #"{"module":"b","action":"two","status":"success","actor":{"id":"u2"},"ip_address":"10.0.0.1""# + padding)
        try log.append(#"{"module":"a","action":["three"],"tenant":7,"severity":["low"]"# + padding)
        try log.seal()
        log.clock.nanoseconds += 3600 * 1_000_000_000
        try log.append(#"{"module":"c","action":"four"}"#)
        try log.seal()
        try log.append(#"{"module":"a","action":"five"}"#)
        log.clock.nanoseconds += 3600 * 1_000_000_000
        try log.append(#"{"module":"a","action":"six"}"#)
        return log
    }

    /// Filter, what is found, segments and spans that are left out.
    @Test(
        arguments: [
            ("module=b", [1], 1, 2), ("module=c", [3], 1, 0), ("module=nowhere", [], 2, 0),
            ("module=a", [0, 2, 4, 5], 1, 1),
            ("module=\"Not Valid\"", [], 2, 0),
            ("status=failed", [0], 0, 1), ("status=nonsense", [], 0, 2), ("status=null", [2, 3, 4, 5], 0, 0),
            ("severity=high", [0], 0, 0), ("severity=low", [2], 0, 1),
            ("action=one", [0], 0, 2), ("action=three", [2], 0, 3), ("actor.id=u2", [1], 0, 3), ("tenant=7", [2], 0, 3),
            ("ip_address=10.0.0.1", [1], 0, 3), ("ip_address=10.0.0.0/8", [1], 0, 0), ("session_id=x", [], 0, 4),
            ("tenant=null", [0, 1, 3, 4, 5], 0, 0), ("not action=one", [1, 2, 3, 4, 5], 0, 0),
            ("action!=one", [1, 2, 3, 4, 5], 0, 0), ("_seq=1", [1], 2, 2), ("_seq>3", [4, 5], 2, 0),
            (#""actor.id"=u1"#, [], 0, 0), ("action=two module=a", [], 1, 2), ("action>=t", [1, 2], 0, 0),
        ] as [(String, [UInt64], Int, Int)])
    func leavesOut(_ filter: String, _ expected: [UInt64], _ segments: Int, _ spans: Int) throws {
        let log = try log()
        for order in [Query.Order.oldestFirst, .newestFirst] {
            let (found, statistics) = try log.open().all(Query(filter: Filter(filter), order: order))
            #expect(found.map(\.sequence) == (order == .oldestFirst ? expected : expected.reversed()))
            #expect(statistics.segmentsPruned == segments)
            #expect(statistics.spansPruned == spans)
            #expect(statistics.segments == 3)
            #expect(statistics.eventsMatched == expected.count)
        }
    }

    /// Values that are no strings match in ways that the index does not count under the value.
    @Test(
        arguments: [
            ("module=z", [0]), ("module=5", [1]), ("status=failed", [0]), ("severity=high", [0]),
            ("action=x", [0, 1, 3]),
            ("tenant=null", [0, 2, 3]), ("id=9", [1, 2]), ("actor.id=u", [3]), (#"actor.id="9""#, [2]),
        ] as [(String, [UInt64])])
    func valuesOfOtherTypes(_ filter: String, _ expected: [UInt64]) throws {
        let log = try LogFixture()
        try log.append(#"{"module":["z"],"action":["x"],"status":["failed"],"severity":["high"],"tenant":null}"#)
        try log.seal()
        try log.append(#"{"module":5,"action":"x","tenant":"t","id":9}"#)
        try log.seal()
        try log.append(#"{"module":"m","action":"y","id":"9","actor":{"id":[9,"9"]}}"#)
        try log.seal()
        // Where the actor is no object it has no id, whether an index is there or not.
        try log.append(
            #"{"module":"m","action":"x","actor":{"id":"u"}}"#,
            #"{"module":"m","action":"y","actor":[{"id":"u"}],"tenant":1}"#)
        try log.seal()
        #expect(try log.open().sequences(filter) == expected)
        for first in log.segments.dropLast() { try log.remove(first, .index) }
        #expect(try log.open().sequences(filter) == expected)
    }

    @Test func timesLeaveOutSegmentsSpansAndBlocks() throws {
        let log = try log()
        func at(_ seconds: Int64) -> Time { Time(nanoseconds: LogFixture.start.nanoseconds + seconds * 1_000_000_000) }
        let early = try log.open().all(Query(since: at(1), until: at(2)))
        #expect(early.found.map(\.sequence) == [1])
        #expect(early.statistics.segmentsPruned == 1)
        #expect(early.statistics.spansPruned == 2 + 2)
        // Both blocks of the active segment have a head that tells their times.
        let late = try log.open().all(Query(since: at(7000)))
        #expect(late.found.map(\.sequence) == [5])
        #expect(late.statistics.segmentsPruned == 2)
        #expect(late.statistics.spansPruned == 1)
        #expect(late.statistics.bytesInflated < 1000)
    }

    @Test func aLimitEndsTheReading() throws {
        let log = try log()
        let newest = try log.open().all(Query(order: .newestFirst, limit: 1))
        #expect(newest.found.map(\.sequence) == [5])
        #expect(newest.statistics.segments == 1)
        #expect(newest.statistics.bytesInflated < 1000)
        #expect(newest.statistics.eventsExamined == 1)
    }

    /// Without a condition on what an event holds nothing is parsed, and what the bytes rule out is not parsed either.
    @Test func parsesOnlyWhatItMust() throws {
        let log = try log()
        let reader = try log.open()
        #expect(try reader.all(Query()).statistics.eventsParsed == 0)
        #expect(try reader.all(Query(since: LogFixture.start)).statistics.eventsParsed == 0)
        let word = try reader.all(Query(filter: Filter("four"))).statistics
        #expect(word.eventsParsed == 1)
        // Those of three blocks are left out by their texts.
        #expect(word.eventsExamined == 3)
        #expect(word.blocksPrunedByTexts == 3)
    }

    @Test func withoutIndexEverythingIsRead() throws {
        let log = try log()
        try log.remove(0, .index)
        let (found, statistics) = try log.open().all(Query(filter: Filter("actor.id=u2")))
        #expect(found.map(\.sequence) == [1])
        #expect(statistics.spansPruned == 1)
        #expect(statistics.segmentsWithoutIndex == 1)
        #expect(statistics.bytesInflated > 450_000)
    }

    /// A seal that cannot be read prunes nothing.
    @Test func unreadableSeals() throws {
        let log = try log()
        try log.change(0, .seal) { $0 = Array("nonsense".utf8) }
        let (found, statistics) = try log.open().all(Query())
        #expect(found == log.events)
        #expect(statistics.segmentsWithoutIndex == 0)
        #expect(try log.open().sequences("module=b", order: .newestFirst) == [1])
    }
}
