import CairnFormat
import CairnReader
import Testing

@Suite struct OCSFEncoderTests {
    private func ocsf(_ line: String) throws -> TestValue {
        let text = try encoded([line], OCSFEncoder(logName: "acme", version: "1.2"))
        let lines = try jsonLines(text)
        #expect(lines.count == 1)
        return try #require(lines.first)
    }

    private static let login = stored(
        #"{"timestamp":"2026-11-21T08:39:11.5+01:00","action":"login_failed","module":"authentication","#
            + #""status":"failed","severity":"high","actor":{"id":"u7","email":"a@b.example","type":"user","#
            + #""roles":["x"]},"target":{"type":"host","id":"h1"},"tenant":"t1","session_id":"s1","#
            + #""ip_address":"10.0.0.1","user_agent":"curl/8","id":"order-7","#
            + #""details":{"message":"say \"hi\"","n":1.50},"metadata":{"k":[1,2]}}"#)

    @Test func aLoginAsItIsWritten() throws {
        let text = try encoded([Self.login], OCSFEncoder(logName: "acme", version: "1.2"))
        #expect(
            text == """
                {"class_uid":3002,"class_name":"Authentication","category_uid":3,"activity_id":1,\
                "activity_name":"Logon","type_uid":300201,"time":1795246751500,"severity_id":4,"severity":"High",\
                "status_id":2,"status":"Failure","message":"say \\"hi\\"","metadata":{"version":"1.5.0",\
                "product":{"name":"Cairn","vendor_name":"Cairn","version":"1.2"},"log_name":"acme","uid":"order-7",\
                "sequence":42,"logged_time":1795246752123,"original_time":"2026-11-21T08:39:11.5+01:00",\
                "event_code":"login_failed","log_provider":"authentication","tenant_uid":"t1"},\
                "actor":{"user":{"uid":"u7","name":"a@b.example","email_addr":"a@b.example","type_id":1,\
                "type":"user"},"process":{"pid":4242,"user":{"uid":"1000"}}},"user":{"uid":"u7",\
                "name":"a@b.example","email_addr":"a@b.example","type_id":1,"type":"user"},"session":{"uid":"s1"},\
                "dst_endpoint":{"uid":"h1","type":"host"},"src_endpoint":{"ip":"10.0.0.1"},\
                "http_request":{"user_agent":"curl/8"},"unmapped":{"actor":{"roles":["x"]},"details":{"n":1.50},\
                "metadata":{"k":[1,2]}}}

                """)
    }

    @Test func anErasedEventHasANumberAndAReason() throws {
        let event = try ocsf(erasedLine)
        #expect(event["type_uid"] == .number("99"))
        #expect(event["activity_name"] == .string("Erased"))
        #expect(event["time"] == .number("0"))
        #expect(event["message"] == .string("GDPR \"Art. 17\""))
        #expect(event["metadata", "sequence"] == .number("43"))
        #expect(event["metadata", "uid"] == .string("acme/43"))
        #expect(event["unmapped", "_redacted"]?.names == ["event", "by"])
        #expect(event["unmapped", "_leaf"] != nil)
        #expect(event["actor"] == nil)
    }

    @Test func aRejectedLineIsABaseEvent() throws {
        let event = try ocsf(rejectedLine)
        #expect(event["class_uid"] == .number("0"))
        #expect(event["activity_name"] == .string("event.rejected"))
        #expect(event["status_id"] == .number("2"))
        #expect(event["message"] == .string("\":\" expected"))
        #expect(event["unmapped", "details", "raw"] == .string("eyI="))
        #expect(event["metadata", "profiles"] == .array([.string("host")]))
    }

    @Test func theDaemonsOwnStart() throws {
        let line =
            #"{"_seq":1,"_received":"2026-11-21T07:39:12.123456Z","_uid":0,"_pid":1,"_own":true,"#
            + #""action":"daemon.started","module":"system","status":"info","details":{"version":"1"}}"#
        let event = try ocsf(line)
        #expect(event["type_uid"] == .number("600203"))
        #expect(event["app", "name"] == .string("Cairn"))
    }

    @Test(
        arguments: [
            (#""severity":"low""#, "severity_id", "2", "severity", "Low"),
            (#""severity":"medium""#, "severity_id", "3", "severity", "Medium"),
            (#""severity":"critical""#, "severity_id", "5", "severity", "Critical"),
            (#""severity":"urgent""#, "severity_id", "0", "severity", "Unknown"),
            (#""severity":5"#, "severity_id", "0", "severity", "Unknown"),
            (#""status":"success""#, "status_id", "1", "status", "Success"),
            (#""status":"failed""#, "status_id", "2", "status", "Failure"),
            (#""status":"warning""#, "status_id", "99", "status", "warning"),
            (#""status":"info""#, "status_id", "99", "status", "info"),
            (#""status":null"#, "status_id", "0", "status", "Unknown"),
        ])
    func enumerations(_ member: String, _ id: String, _ number: String, _ name: String, _ text: String) throws {
        let event = try ocsf(stored("{\"action\":\"a\",\"module\":\"m\",\(member)}"))
        #expect(event[id] == .number(number))
        #expect(event[name] == .string(text))
    }

    /// In such a line the parser leaves no number whole.
    @Test(arguments: ["123456789012345678901234567890", "1e400", "-9223372036854775809"])
    func stampsBesideANumberThatNoTypeHolds(_ number: String) throws {
        let event = try ocsf(stored("{\"action\":\"a\",\"module\":\"m\",\"n\":\(number)}"))
        #expect(event["metadata", "sequence"] == .number("42"))
        #expect(event["metadata", "uid"] == .string("acme/42"))
        #expect(event["actor", "process", "pid"] == .number("4242"))
        #expect(event["actor", "process", "user", "uid"] == .string("1000"))
        #expect(event["unmapped", "n"] == .number(number))
    }

    @Test func valuesOutsideTheirListsAreKept() throws {
        let event = try ocsf(
            stored(#"{"action":"a","module":"m","severity":"urgent","status":7,"ip_address":"nowhere","tenant":""}"#))
        #expect(event["unmapped", "severity"] == .string("urgent"))
        #expect(event["unmapped", "status"] == .number("7"))
        #expect(event["unmapped", "ip_address"] == .string("nowhere"))
    }

    @Test(
        arguments: [
            (#""timestamp":"2026-11-21T07:39:11.999999Z""#, "1795246751999"),
            (#""timestamp":"1969-12-31T23:59:59.9995Z""#, "-1"), (#""timestamp":"never""#, "1795246752123"),
            (#""timestamp":17"#, "1795246752123"), (#""x":1"#, "1795246752123"),
        ])
    func times(_ member: String, _ expected: String) throws {
        let event = try ocsf(stored("{\"action\":\"a\",\"module\":\"m\",\(member)}"))
        #expect(event["time"] == .number(expected))
        #expect(event["metadata", "logged_time"] == .number("1795246752123"))
    }

    @Test func whoIsLoggedIn() throws {
        func user(_ members: String) throws -> TestValue? {
            try ocsf(stored("{\"action\":\"login\",\"module\":\"authentication\"\(members)}"))["user"]
        }
        #expect(try user("")?["name"] == .string("Unknown"))
        #expect(try user(#","actor":{"name":"n"}"#)?["name"] == .string("n"))
        #expect(try user(#","actor":{"id":7}"#)?["uid"] == .string("7"))
        #expect(try user(#","actor":{"type":"user"}"#)?["name"] == .string("Unknown"))
        let other = #","actor":{"id":"root"},"target":{"type":"user","id":"u9","name":"bob"}"#
        #expect(try user(other)?["uid"] == .string("u9"))
        let event = try ocsf(stored("{\"action\":\"login\",\"module\":\"authentication\"\(other)}"))
        #expect(event["actor", "user", "uid"] == .string("root"))
        #expect(event["service", "name"] == .string("acme"))
        let service = try ocsf(
            stored(#"{"action":"login","module":"authentication","target":{"type":"app","name":"shop"}}"#))
        #expect(service["service", "name"] == .string("shop"))
        #expect(service["unmapped", "target", "type"] == .string("app"))
    }

    @Test(
        arguments: [
            ("table", "table", "3"), ("s3_bucket", "databucket", "2"), ("database", "database", "1"),
            ("records", "database", "1"),
        ])
    func stores(_ type: String, _ attribute: String, _ id: String) throws {
        let event = try ocsf(
            stored(
                "{\"action\":\"query\",\"module\":\"reporting\",\"actor\":{\"id\":\"u\"},"
                    + "\"target\":{\"type\":\"\(type)\",\"name\":\"n\"}}"))
        #expect(event["class_uid"] == .number("6005"))
        #expect(event[attribute, "name"] == .string("n"))
        #expect(event["type_id"] == .number(id))
        #expect(event["src_endpoint", "svc_name"] == .string("reporting"))
        #expect(event.scalars.contains(type))
    }

    @Test func addressesWithoutAPlaceCanBeLookedFor() throws {
        let event = try ocsf(stored(#"{"action":"a","module":"system","ip_address":"::1","actor":{"id":"u"}}"#))
        #expect(event["class_uid"] == .number("0"))
        #expect(event["observables"]?.elements.first?["value"] == .string("::1"))
        #expect(event["unmapped", "ip_address"] == .string("::1"))
        #expect(event["actor", "user", "uid"] == .string("u"))
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func randomEventsHaveWhatTheirClassesRequireAndLoseNothing(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let line = stored(TestValue.randomEvent(&random).text(&random))
            let event = try ocsf(line)
            expectRequired(event, "seed \(seed): \(line)")
            let whole = try TestValue(parsing: line)
            #expect(lost(whole, in: event).isEmpty, "seed \(seed): \(lost(whole, in: event)) of \(line)")
        }
    }

    /// Scalars of an event that occur nowhere in what was made of it.
    private func lost(_ event: TestValue, in encoded: TestValue) -> [String] {
        let kept = Set(encoded.scalars)
        return event.scalars.filter { text in
            // Told in other words.
            !text.isEmpty && !kept.contains(text)
                && !["2026-11-21T07:39:12.123456Z", "low", "medium", "high", "critical", "success", "failed"].contains(
                    text)
        }
    }

    /// Attributes with requirement "required", and constraints "at_least_one", of schema.ocsf.io 1.5.0.
    private func expectRequired(_ event: TestValue, _ comment: String) {
        let comment = Comment(rawValue: comment)
        for name in ["class_uid", "category_uid", "activity_id", "type_uid", "time", "severity_id"] {
            #expect(event[name]?.number.flatMap { Int($0) } != nil, comment)
        }
        #expect(event["metadata", "version"] == .string("1.5.0"))
        #expect(event["metadata", "product", "name"]?.string != nil)
        let uid = event["class_uid"]?.number ?? ""
        let activity = Int(event["activity_id"]?.number ?? "") ?? -1
        #expect(event["type_uid"] == .number("\((Int(uid) ?? 0) * 100 + activity)"), comment)
        #expect(event["category_uid"] == .number("\((Int(uid) ?? 0) / 1000)"), comment)
        #expect(event.hasUniqueNames || event["unmapped"]?.hasUniqueNames == false, comment)
        func expectOne(_ path: String, of names: [String]) {
            #expect(names.contains { (event[path, $0]?.string ?? "") != "" }, comment)
        }
        let endpoint = ["ip", "svc_name"]
        switch uid {
        case "0": break
        case "3001": expectOne("user", of: ["uid", "name"])
        case "3002":
            expectOne("user", of: ["uid", "name"])
            #expect(event["service"] != nil || event["dst_endpoint"] != nil, comment)
        case "3004": expectOne("entity", of: ["uid", "name"])
        case "6003":
            #expect(event["actor"] != nil, comment)
            #expect(event["api", "operation"]?.string != nil, comment)
            expectOne("src_endpoint", of: endpoint)
        case "6005":
            #expect(event["actor"] != nil, comment)
            expectOne("src_endpoint", of: endpoint)
            #expect(["database", "databucket", "table"].count { event[$0] != nil } == 1, comment)
        default: Issue.record("class \(uid)")
        }
    }
}
