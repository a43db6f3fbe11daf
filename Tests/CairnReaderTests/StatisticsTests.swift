import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// Counts by index, by reading and by a plain count over what the lines were made from, which must be the same.
@Suite struct StatisticsTests {
    private struct Made {
        var module: String
        var status: String?
        var severity: String?
        var actor: String?
        var address: String?
        var seconds: Int64

        var line: String {
            var fields = [#""action":"a","module":"\#(module)""#]
            if let status { fields.append(#""status":"\#(status)""#) }
            if let severity { fields.append(#""severity":"\#(severity)""#) }
            if let actor { fields.append(#""actor":{"id":"\#(actor)"}"#) }
            if let address { fields.append(#""ip_address":"\#(address)""#) }
            let time = Time(nanoseconds: seconds * 1_000_000_000)
            fields.append(#""timestamp":"\#(time)""#)
            return "{\(fields.joined(separator: ","))}"
        }

        /// As the index counts it.
        var countedStatus: String? { ["success", "failed", "warning", "info"].contains(status) ? status : nil }
        var countedSeverity: String? { ["low", "medium", "high", "critical"].contains(severity) ? severity : nil }
        var isFailed: Bool { status == "failed" }
        var isSecurity: Bool { isFailed || severity == "high" || severity == "critical" }
    }

    private static let start: Int64 = 1_795_244_400

    private static func random(_ random: inout SeededGenerator) -> Made {
        Made(
            module: random.pick(["authentication", "scanning", "reporting"]),
            status: random.pick(["success", "failed", "warning", "nonsense", nil]),
            severity: random.pick(["low", "high", "critical", nil]),
            actor: random.pick(["ann", "ben", "cat", nil]), address: random.pick(["10.0.0.1", "10.0.0.2", nil]),
            seconds: start + Int64.random(in: 0..<6 * 3600, using: &random))
    }

    /// Several sealed segments and an active one.
    private static func log(_ random: inout SeededGenerator) throws -> (LogFixture, [Made]) {
        let log = try LogFixture()
        var made: [Made] = []
        for segment in 0..<4 {
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let block = (0..<Int.random(in: 1...12, using: &random)).map { _ in Self.random(&random) }
                try log.append(block.map(\.line))
                made += block
            }
            if segment < 3 { try log.seal() }
        }
        return (log, made)
    }

    private static func groups(_ made: [Made], _ value: (Made) -> String?) -> [String: [UInt64]] {
        var groups: [String: [UInt64]] = [:]
        for event in made {
            let key = value(event) ?? "-"
            groups[key, default: [0, 0]][0] += 1
            groups[key, default: [0, 0]][1] += event.isFailed ? 1 : 0
        }
        return groups
    }

    private static func groups(_ groups: [Statistics.Group]) -> [String: [UInt64]] {
        Dictionary(uniqueKeysWithValues: groups.map { ($0.value ?? "-", [$0.count, $0.failed]) })
    }

    /// Filters that the cells of an index decide, and others.
    private static let filters: [(String, @Sendable (Made) -> Bool, isCounted: Bool)] = [
        ("", { _ in true }, true), ("module=scanning", { $0.module == "scanning" }, true),
        ("severity>=high", { $0.severity == "high" || $0.severity == "critical" }, false),
        ("module!=scanning", { $0.module != "scanning" }, true),
        ("module in(scanning, reporting)", { $0.module != "authentication" }, true),
        ("status=failed", { $0.isFailed }, false), ("not status=failed", { !$0.isFailed }, false),
        ("module=scanning or actor.id=ann", { $0.module == "scanning" || $0.actor == "ann" }, false),
        ("ip_address=10.0.0.0/31", { $0.address == "10.0.0.1" }, false),
    ]

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func countsAreExact(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (log, made) = try Self.log(&random)
        for (filter, matches, _) in Self.filters {
            for range in 0..<3 {
                var query = StatisticsQuery()
                query.filter = try Filter(filter)
                query.by = [.module, .status, .severity, .hour, .day]
                query.countsActors = random.oneIn(4)
                // Whole hours, parts of them, less than one.
                let from = Self.start + Int64.random(in: 0..<3 * 3600, using: &random)
                let until = from + Int64.random(in: 0..<4 * 3600, using: &random)
                if range > 0 { query.since = Time(nanoseconds: from * 1_000_000_000) }
                if range > 1 { query.until = Time(nanoseconds: until * 1_000_000_000) }
                let wanted = made.filter { event in
                    matches(event) && (range == 0 || event.seconds >= from) && (range < 2 || event.seconds < until)
                }
                let place = "seed \(seed), \(filter), range \(range)"
                for indexes in [true, false] {
                    let reader = try indexes ? log.open() : self.withoutIndexes(log)
                    let found = try reader.statistics(query)
                    #expect(found.total == UInt64(wanted.count), "\(place)")
                    #expect(found.failed == UInt64(wanted.filter(\.isFailed).count), "\(place)")
                    #expect(found.security == UInt64(wanted.filter(\.isSecurity).count), "\(place)")
                    #expect(Self.groups(found.groups[0]) == Self.groups(wanted) { $0.module }, "\(place)")
                    #expect(Self.groups(found.groups[1]) == Self.groups(wanted) { $0.countedStatus }, "\(place)")
                    #expect(Self.groups(found.groups[2]) == Self.groups(wanted) { $0.countedSeverity }, "\(place)")
                    let hours = Self.groups(wanted) { event in
                        "\(Time(nanoseconds: event.seconds / 3600 * 3600 * 1_000_000_000).description.prefix(16)):00Z"
                    }
                    #expect(Self.groups(found.groups[3]) == hours, "\(place)")
                    #expect(found.groups[3].compactMap(\.start) == found.groups[3].compactMap(\.start).sorted())
                    let actors = Set(wanted.compactMap(\.actor))
                    #expect(found.actors == (query.countsActors ? UInt64(actors.count) : nil), "\(place)")
                    if !indexes { #expect(found.counted == 0) }
                }
            }
        }
    }

    /// A copy of the log whose indexes are gone.
    private func withoutIndexes(_ log: LogFixture) throws -> AuditLog {
        var files: [String: [UInt8]] = [:]
        for name in try log.files.list(FileNames.segments) where !name.hasSuffix(".index") {
            let path = "\(FileNames.segments)/\(name)"
            files[path] = try log.files.contents(path, limit: 1 << 30)
        }
        return AuditLog(LogDirectory(MemoryTree(files)))
    }

    @Test func indexesTellWithoutReading() throws {
        var random = SeededGenerator(seed: 1)
        let (log, made) = try Self.log(&random)
        try log.seal()
        for (filter, _, isCounted) in Self.filters {
            var query = StatisticsQuery()
            query.filter = try Filter(filter)
            query.by = [.module, .hour]
            let found = try log.open().statistics(query)
            if isCounted {
                #expect(found.work.eventsExamined == 0, "\(filter)")
                #expect(found.counted == found.total, "\(filter)")
            } else {
                #expect(found.work.eventsExamined > 0, "\(filter)")
            }
        }
        #expect(made.count > 10)
    }

    @Test func halfHoursOfZonesAreRead() throws {
        let log = try LogFixture()
        try log.append(
            Made(module: "m", seconds: Self.start + 60).line, Made(module: "m", seconds: Self.start + 1860).line)
        try log.seal()
        var query = StatisticsQuery()
        query.by = [.hour]
        #expect(try log.open().statistics(query).groups[0].map(\.count) == [2])
        // India: hours begin at half an hour of UTC.
        query.utcOffset = { _ in 19800 }
        let found = try log.open().statistics(query)
        #expect(found.groups[0].map(\.count) == [1, 1])
        #expect(found.counted == 0)
        query.by = [.day]
        query.utcOffset = { _ in -86_400 }
        #expect(try log.open().statistics(query).groups[0].map(\.value) == ["2026-11-20"])
    }

    @Test func valuesAtAPath() throws {
        let log = try LogFixture()
        try log.append(
            #"{"action":"a","module":"m","tags":["x","y"],"metadata":{"n":4.20,"ok":true},"status":"failed"}"#,
            #"{"action":"a","module":"m","tags":["x"],"metadata":{"n":"4.20","none":null}}"#,
            #"{"action":"a","module":"m","tags":[]}"#)
        var query = StatisticsQuery()
        query.by = [.field("tags"), .field("metadata.n"), .field("metadata.ok"), .field("metadata.none")]
        let groups = try log.open().statistics(query).groups.map(Self.groups)
        #expect(groups[0] == ["x": [2, 1], "y": [1, 1], "-": [1, 0]])
        #expect(groups[1] == ["4.20": [2, 1], "-": [1, 0]])
        #expect(groups[2] == ["true": [1, 1], "-": [2, 0]])
        #expect(groups[3] == ["-": [3, 1]])
    }

    @Test func fieldsAreListed() throws {
        let log = try LogFixture()
        try log.append(
            #"{"action":"a","module":"m","metadata":{"a.b":1,"list":[1,"x",{"k":null}]}}"#,
            #"{"action":"a","module":"m","metadata":{"list":[]}}"#)
        let fields = try log.open().fields()
        func kinds(_ path: String) -> [String]? { fields.first { $0.path == path }?.kinds }
        #expect(kinds("action") == ["string"])
        #expect(kinds(#"metadata."a.b""#) == ["number"])
        #expect(
            kinds("metadata.list") == ["array", "string", "number", "object"]
                || kinds("metadata.list")?.first == "array")
        #expect(kinds("metadata.list.k") == ["null"])
        #expect(fields.first { $0.path == "metadata" }?.values == 2)
        #expect(fields.map(\.path) == fields.map(\.path).sorted())
    }
}
