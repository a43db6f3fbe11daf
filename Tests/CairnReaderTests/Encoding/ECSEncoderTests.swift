import CairnFormat
import CairnReader
import Testing

@Suite struct ECSEncoderTests {
    private func ecs(_ line: String) throws -> TestValue {
        let lines = try jsonLines(encoded([line], ECSEncoder(logName: "acme", version: "1.2")))
        #expect(lines.count == 1)
        return try #require(lines.first)
    }

    @Test func anAccountAsItIsWritten() throws {
        let line = stored(
            #"{"timestamp":"2026-11-21T07:39:11.5Z","action":"CreateUser","module":"user_management","#
                + #""status":"success","severity":"low","actor":{"id":7,"name":"Ann","email":"a@b.example","#
                + #""type":"user","roles":["admin","\"x\""]},"target":{"type":"user","id":"u9","name":"bob"},"#
                + #""tenant":"t1","session_id":"s1","ip_address":"10.0.0.1","user_agent":"curl/8","id":"order-7","#
                + #""details":"made \"it\"","changes":{"a":{"old":null,"new":1.50}}}"#)
        #expect(
            try encoded([line], ECSEncoder(logName: "acme", version: "1.2")) == """
                {"@timestamp":"2026-11-21T07:39:11.5Z","ecs":{"version":"8.17.0"},"message":"made \\"it\\"",\
                "event":{"kind":"event","dataset":"cairn.audit","module":"user_management","action":"CreateUser",\
                "category":["iam"],"type":["user","creation"],"outcome":"success","severity":3,"id":"order-7",\
                "sequence":42,"created":"2026-11-21T07:39:12.123456Z"},"log":{"level":"low"},"user":{"id":"7",\
                "name":"Ann","email":"a@b.example","roles":["admin","\\"x\\""],"target":{"id":"u9","name":"bob"}},\
                "source":{"ip":"10.0.0.1","address":"10.0.0.1"},"user_agent":{"original":"curl/8"},\
                "organization":{"id":"t1"},"related":{"user":["7","Ann","a@b.example","u9","bob"],\
                "ip":["10.0.0.1"]},"process":{"pid":4242,"user":{"id":"1000"}},"observer":{"vendor":"Cairn",\
                "product":"Cairn","version":"1.2","name":"acme"},"cairn":{"actor":{"type":"user"},\
                "target":{"type":"user"},"session_id":"s1","changes":{"a":{"old":null,"new":1.50}}}}

                """)
    }

    @Test func anErasedEventHasANumberAndAReason() throws {
        let event = try ecs(erasedLine)
        #expect(event["@timestamp"] == .string("1970-01-01T00:00:00.000Z"))
        #expect(event["event", "action"] == .string("erased"))
        #expect(event["event", "sequence"] == .number("43"))
        #expect(event["event", "id"] == .string("acme/43"))
        #expect(event["message"] == .string("GDPR \"Art. 17\""))
        #expect(event["cairn", "_redacted"]?.names == ["event", "by"])
        #expect(event["process"] == nil)
        #expect(event["user"] == nil)
    }

    @Test func aRejectedLine() throws {
        let event = try ecs(rejectedLine)
        #expect(event["event", "action"] == .string("event.rejected"))
        #expect(event["event", "outcome"] == .string("failure"))
        #expect(event["event", "category"] == nil)
        #expect(event["message"] == .string("\":\" expected"))
        #expect(event["cairn", "details", "raw"] == .string("eyI="))
    }

    @Test(
        arguments: [
            ("2026-11-21T07:39:11Z", "2026-11-21T07:39:11Z"),
            ("2026-11-21T07:39:11.123456789Z", "2026-11-21T07:39:11.123456789Z"),
            ("2026-11-21T08:39:11.5+01:00", "2026-11-21T07:39:11.500000000Z"),
            ("2026-11-21T07:39:11.1234567891Z", "2026-11-21T07:39:11.123456789Z"),
            ("2026-11-21 07:39:11Z", "2026-11-21T07:39:11.000000000Z"),
            ("2026-11-21t07:39:11z", "2026-11-21T07:39:11.000000000Z"),
            ("2026-11-21T07:39:60Z", "2026-11-21T07:40:00.000000000Z"), ("never", "2026-11-21T07:39:12.123456Z"),
            ("", "2026-11-21T07:39:12.123456Z"),
        ])
    func times(_ timestamp: String, _ expected: String) throws {
        let event = try ecs(stored("{\"action\":\"a\",\"module\":\"m\",\"timestamp\":\"\(timestamp)\"}"))
        #expect(event["@timestamp"] == .string(expected))
        // What could not be taken as it stands is kept.
        #expect(expected == timestamp || event["cairn", "timestamp"] == .string(timestamp))
        #expect(event["event", "created"] == .string("2026-11-21T07:39:12.123456Z"))
    }

    @Test(
        arguments: [
            (#""status":"success""#, "success", nil), (#""status":"failed""#, "failure", nil),
            (#""status":"warning""#, "unknown", "warning"), (#""status":"info""#, "unknown", "info"),
            (#""status":"odd""#, "unknown", "odd"), (#""x":1"#, "unknown", nil),
        ] as [(String, String, String?)])
    func outcomes(_ member: String, _ outcome: String, _ kept: String?) throws {
        let event = try ecs(stored("{\"action\":\"a\",\"module\":\"m\",\(member)}"))
        #expect(event["event", "outcome"] == .string(outcome))
        #expect(event["cairn", "status"] == kept.map(TestValue.string))
    }

    @Test(
        arguments: [("low", "3"), ("medium", "5"), ("high", "8"), ("critical", "10"), ("urgent", nil)]
            as [(String, String?)])
    func severities(_ severity: String, _ number: String?) throws {
        let event = try ecs(stored("{\"action\":\"a\",\"module\":\"m\",\"severity\":\"\(severity)\"}"))
        #expect(event["event", "severity"] == number.map(TestValue.number))
        #expect(event["log", "level"] == (number == nil ? nil : .string(severity)))
        #expect(event["cairn", "severity"] == (number == nil ? .string(severity) : nil))
    }

    /// A value that is no address would make Elasticsearch refuse the document.
    @Test(
        arguments: [
            (#""10.0.0.1""#, true), (#""2001:db8::1""#, true), (#""10.0.0.256""#, false), (#""fe80::1%eth0""#, false),
            (#""host.example""#, false), ("17", false),
        ])
    func addresses(_ value: String, _ isAddress: Bool) throws {
        let event = try ecs(stored("{\"action\":\"a\",\"module\":\"m\",\"ip_address\":\(value)}"))
        #expect((event["source", "ip"] != nil) == isAddress)
        #expect((event["related", "ip"] != nil) == isAddress)
        #expect(event["source", "address"]?.string == value.filter { $0 != "\"" })
    }

    @Test(
        arguments: [
            (#"["a","b"]"#, true), ("[]", true), (#"["a",1]"#, false), (#""a""#, false), (#"[["a"]]"#, false),
            ("[null]", false), ("null", false),
        ])
    func roles(_ value: String, _ isList: Bool) throws {
        let event = try ecs(stored("{\"action\":\"a\",\"module\":\"m\",\"actor\":{\"roles\":\(value)}}"))
        #expect((event["user", "roles"] != nil) == isList)
        #expect((event["cairn", "actor", "roles"] != nil) == !isList)
    }

    /// Values that schemas list (elastic.co/docs/reference/ecs/ecs-allowed-values-event-category, …-event-type).
    private static let types: [String: Set<String>] = [
        "api": ["access", "change", "creation", "deletion", "info", "start", "end"],
        "authentication": ["start", "end", "info"],
        "configuration": ["access", "change", "creation", "deletion", "info"],
        "database": ["access", "change", "info", "error"],
        "iam": ["admin", "change", "creation", "deletion", "group", "info", "user"],
        "process": ["access", "change", "end", "info", "start"],
    ]

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func randomEventsFitTheSchemaAndLoseNothing(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let line = stored(TestValue.randomEvent(&random).text(&random))
            let event = try ecs(line)
            #expect(event.hasUniqueNames || event["cairn"]?.hasUniqueNames == false, "\(line)")
            #expect(event["@timestamp"]?.string != nil)
            let category = event["event", "category"]?.elements.first?.string
            let types = event["event", "type"]?.elements.compactMap(\.string) ?? []
            if let category {
                #expect(Self.types[category]?.isSuperset(of: types) ?? false, "\(category): \(types)")
            } else {
                #expect(types == ["info"])
            }
            let whole = try TestValue(parsing: line)
            let kept = Set(event.scalars)
            let lost = whole.scalars.filter { !$0.isEmpty && !kept.contains($0) && $0 != "success" && $0 != "failed" }
            #expect(lost.isEmpty, "seed \(seed): \(lost) of \(line)")
        }
    }
}
