import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// What a query for a text leaves out by the index, and what it counts there.
@Suite struct QueryTextTests {
    private static let padding = #","pad":"\#(String(repeating: "p", count: 140_000))""#

    /// Sixteen different messages, in which more is said than a column of the index has room for.
    private static let manyValues = (0..<20).map { #"{"module":"m","action":"a","details":{"text":"needle \#($0)"}}"# }
    private static let fewValues = [
        #"{"module":"m","action":"a","details":{"text":"Needle in hay"}}"#,
        #"{"module":"m","action":"needle","details":{"text":"hay alone"}}"#,
        #"{"module":"m","action":"needle","details":{"text":"needle in hay"}}"#,
        #"{"module":"m","action":"a","details":{"text":"hay alone"}}"#,
    ]
    private static let end = #"{"module":"end","action":"a"\#(padding)}"#

    private func count(
        _ log: LogFixture, _ filter: String, since: Time? = nil, after: UInt64? = nil
    ) throws -> (count: UInt64, statistics: QueryStatistics) {
        try log.open().count(Query(filter: Filter(filter), since: since, after: after))
    }

    /// Filter, matches, blocks that are left out by their texts, and that are counted.
    @Test(
        arguments: [
            ("\"needle\"", 3, 0, 1), ("\"NEEDLE IN\"", 2, 0, 1), ("\"nothing\"", 0, 1, 0), ("\"hay\"", 4, 0, 0),
            ("\"needle\" \"alone\"", 1, 0, 1), ("\"in hay\" or \"alone\"", 4, 0, 1), ("not \"alone\"", 3, 0, 1),
            ("not (\"in hay\" or \"alone\")", 1, 0, 1), ("module=m \"needle\"", 3, 0, 0),
            ("module=elsewhere \"needle\"", 0, 0, 0), ("\"needle\" details.text~\"hay\"", 3, 0, 0),
            ("\"needle\" _seq>=0", 3, 0, 1), ("\"needle\" _seq>1", 1, 0, 0), ("\"pppp\"", 0, 1, 0),
        ] as [(String, UInt64, Int, Int)])
    func countsByTheIndexWhatItCan(_ filter: String, _ expected: UInt64, _ pruned: Int, _ counted: Int) throws {
        let log = try LogFixture()
        try log.append(Self.fewValues + [Self.end])
        try log.seal()
        let (found, statistics) = try count(log, filter)
        #expect(found == expected)
        #expect(statistics.blocksPrunedByTexts == pruned)
        #expect(statistics.blocksCounted == counted)
        #expect(statistics.eventsCounted == (counted > 0 ? Int(expected) : 0))
        #expect(try log.open().all(Query(filter: Filter(filter))).found.count == Int(expected))
        try log.remove(0, .index)
        #expect(try count(log, filter).count == expected)
    }

    @Test func whatIsCutIsNotCounted() throws {
        let log = try LogFixture()
        for line in Self.fewValues { try log.append(line) }
        try log.append(Self.end)
        try log.seal()
        let late = Time(nanoseconds: LogFixture.start.nanoseconds + 2_000_000_000)
        for (since, after, expected, counted) in [
            (nil, nil, 3, 5), (LogFixture.start, nil, 3, 5), (late, nil, 1, 0), (nil, 0, 2, 0),
        ] as [(Time?, UInt64?, UInt64, Int)] {
            let (found, statistics) = try count(log, "\"needle\"", since: since, after: after)
            #expect(found == expected)
            #expect(statistics.blocksCounted == counted)
        }
    }

    /// What a query prints is not left to the index.
    @Test func onlyCountsAreTakenFromTheIndex() throws {
        let log = try LogFixture()
        try log.append(Self.fewValues + [Self.end])
        try log.append(Self.manyValues + [Self.end])
        try log.seal()
        let (found, statistics) = try log.open().all(Query(filter: Filter("\"needle\"")))
        #expect(found.count == 23)
        #expect(statistics.eventsCounted == 0 && statistics.blocksCounted == 0)
        #expect(try count(log, "\"needle\"").count == 23)
        // The active segment has no index.
        try log.append(Self.fewValues)
        #expect(try count(log, "\"needle\"").count == 26)
    }

    /// An index whose spans lead to the wrong places: what it had counted is looked at, and not counted twice.
    @Test func whatIsReadAfterAllIsNotCountedTwice() throws {
        let runs = [Self.fewValues, Self.manyValues, Self.fewValues].map { $0 + [Self.end] }
        let log = try LogFixture()
        for run in runs { try log.append(run) }
        try log.seal()
        #expect(try count(log, "\"needle\"").statistics.eventsCounted == 6)
        // The first run in blocks of their own, so that all that follows stands elsewhere.
        let other = try LogFixture()
        for line in runs[0] { try other.append(line) }
        for run in runs.dropFirst() { try other.append(run) }
        try other.seal()
        let name = FileNames.segment(0, .index)
        try log.put(name, try #require(try other.files.contents(name, limit: 1 << 20)))
        let (found, statistics) = try count(log, "\"needle\"")
        #expect(found == 26)
        #expect(statistics.eventsCounted == 3)
        #expect(statistics.segmentsWithoutIndex == 1)
    }

    /// Texts of an index that do not match their sum are of no use, and nothing is lost by that.
    @Test func damagedTexts() throws {
        let log = try LogFixture()
        try log.append(Self.fewValues + [Self.end])
        try log.seal()
        for place in [1, 5, 20, 40] {
            try log.change(0, .index) { $0[$0.count - place] ^= 1 }
            let (found, statistics) = try count(log, "\"needle\"")
            #expect(found == 3)
            #expect(statistics.segmentsWithoutIndex == 1 && statistics.eventsCounted == 0)
            // Who asks for no text does not look at them.
            #expect(try count(log, "actor.id=nobody").statistics.segmentsWithoutIndex == 0)
            try log.change(0, .index) { $0[$0.count - place] ^= 1 }
        }
    }
}
