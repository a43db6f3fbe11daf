import CairnFormat
import CairnReader
import Testing

@Suite struct FilterMatcherTests {
    private static let event = #"""
        {"_seq":7,"_received":"2026-11-21T07:39:12.123456Z","_uid":1000,"_pid":42,"action":"login_failed",
        "module":"authentication","timestamp":"2026-11-21T08:00:00+01:00","status":"failed","tenant":null,
        "actor":{"id":"42","email":"Ann@Example.com","roles":["admin","auditor"]},"ip_address":"10.1.2.3",
        "target":{"type":"host","id":"db 1"},"sensitive":true,"details":{"reason":"Password mismatch","tries":3},
        "metadata":{"n":42,"f":42.0,"big":123456789012345678901234567890,"neg":-1.50,"e":2e3,"zero":0,
        "list":[1,"two",[3.5,null]],"empty":[],"object":{"a.b":{"":"odd"}},"items":[{"k":"v1"},{"k":"v2"},{"j":1}],
        "text":"tab\there \"quoted\" \u00fcber/\/","true":"true","long":9007199254740993},
        "changes":{"name":{"old":"a","new":"b"}}}
        """#.filter { $0 != "\n" }

    private func matches(_ filter: String, _ line: String = event) throws -> Bool {
        let matcher = FilterMatcher(try Filter(filter))
        let padded = Array(line.utf8) + [UInt8](repeating: 0x22, count: JSONParser.padding)
        let parser = try JSONParser()
        return try padded.withUnsafeBytes { bytes in
            let line = UnsafeRawBufferPointer(rebasing: bytes[..<line.utf8.count])
            let mayMatch = matcher.mayMatch(line)
            let result = matcher.matches(try parser.parse(line), line: line)
            #expect(mayMatch || !result, "the look at the bytes misses a match")
            return result
        }
    }

    @Test(arguments: [
        "", "action=login_failed", #"action="login_failed""#, "action!=login", "status=failed module=authentication",
        "actor.id=42", #"actor.id="42""#, "actor.roles=admin", "actor.roles=auditor", "actor.roles!=root",
        "tenant=null", "nothing=null", "a.b.c=null", "action.deeper=null", "metadata.list=null", "action!=null",
        "nothing!=1", "not nothing=1", "sensitive=true", "sensitive!=false", "metadata.true=true",
        #"metadata.true="true""#, "metadata.n=42", "metadata.n=42.0", "metadata.n=4.2e1", "metadata.f=42",
        "metadata.big=123456789012345678901234567890", "metadata.big=1.23456789012345678901234567890e29",
        "metadata.big!=123456789012345678901234567891", "metadata.big>123456789012345678901234567889",
        "metadata.big<123456789012345678901234567891", "metadata.long=9007199254740993",
        "metadata.long>9007199254740992", "metadata.neg=-1.5", "metadata.neg<0", "metadata.neg>-2", "metadata.e=2000",
        "metadata.zero=0", "metadata.zero=-0.0", "metadata.n>=42", "metadata.n<=42", "metadata.n>41.99",
        "metadata.list=1", "metadata.list=two", "metadata.list=3.5", "metadata.list>3", "metadata.items.k=v1",
        "metadata.items.k=v2", "metadata.items.j=1", #"metadata.object."a.b".""=odd"#,
        "metadata.text=\"tab\there \\\"quoted\\\" über//\"", "changes.name.new=b", "details.tries=3",
        "_seq=7", "_seq<8", "_uid=1000", "_uid>=1000", #"_received="2026-11-21T07:39:12.123456Z""#,
        "_received>=2026-11-21T07:39:12Z", "_received<2026-11-21T08:39:13+01:00",
        "timestamp=2026-11-21T08:00:00+01:00", "timestamp>=2026-11-21T07:00:00Z", "timestamp<=2026-11-21T07:00:00Z",
        "timestamp=2026-11-21T07:00:00Z", "action>=login", "action<m", #"actor.id<"43""#, #"actor.id>="42""#,
        "ip_address=10.0.0.0/8", "ip_address=10.1.2.3", "ip_address=10.1.2.2/31", "ip_address!=10.1.2.4/32",
        "ip_address=0.0.0.0/0", #"ip_address="10.1.0.0/16""#, "login", "LOGIN_FAIL", #""password mismatch""#,
        "ann@example", "db", "host", "not tenant", "not authentication", "admin", #""db 1""#,
    ])
    func match(_ filter: String) throws { #expect(try matches(filter)) }

    @Test(arguments: [
        "action=login", "action=Login_failed", "action!=login_failed", "status=failed module=system", "actor.id=43",
        "actor.id=42.0", "actor=42", "actor=null", "actor.roles!=admin", "action=null", #"tenant="null""#,
        "metadata.empty=null", "metadata.items.j=null", "sensitive=false", "metadata.true=yes",
        #"metadata.n="42""#, "metadata.n=43", "metadata.n!=42", "metadata.big=123456789012345678901234567891",
        "metadata.big=0", "metadata.long=9007199254740992", "metadata.neg>0", "metadata.n<42", "metadata.n>42",
        "metadata.list=2", "metadata.list<1", "metadata.items.k=v3", "metadata.object.a.b=odd", "actor.id<43",
        "actor.id>1", "action<1", "metadata.n<a", "nothing<1", "nothing>a", "action>=m",
        "timestamp=2026-11-21T07:00:01Z", "timestamp>2026-11-21T07:00:00Z", "action>2026-11-21T07:00:00Z",
        "ip_address=11.0.0.0/8", "ip_address=10.1.2.4/32", "ip_address=::/0", "ip_address=10.1.2.0", "_seq=8", "seq=7",
        "authentication", "reason", "mismatchs", "not login", "login zebra", #""Ann@Example.com ""#, "tries",
    ])
    func noMatch(_ filter: String) throws { #expect(try !matches(filter)) }

    /// Network, address, whether it is inside.
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.9.9.9/8", "10.0.0.1", true),
        ("192.168.4.0/22", "192.168.7.255", true), ("192.168.4.0/22", "192.168.8.0", false),
        ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::1", false), ("1.2.3.4/32", "1.2.3.4", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
        ("2001:db8:8000::/33", "2001:db8:7fff::", false), ("2001:db8:8000::/33", "2001:DB8:8000::1", true),
        ("::1/128", "0:0:0:0:0:0:0:1", true), ("::/0", "::1", true), ("::/0", "10.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("10.0.0.0/8", "::ffff:a01:101", true),
        ("10.0.0.0/8", "::10.1.1.1", false), ("10.0.0.0/8", "10.1.1", false), ("10.0.0.0/8", "10.1.1.256", false),
        ("10.0.0.0/8", "", false), ("10.0.0.0/8", "10.0.0.0/8", true), ("10.0.0.0/8", "10.1.1.1 ", false),
    ])
    func networks(_ network: String, _ address: String, _ isInside: Bool) throws {
        let line = #"{"a":1,"request":{"ip_address":"\#(address)"},"ip_address":"\#(address)"}"#
        #expect(try matches("ip_address=\(network)", line) == isInside)
        #expect(try matches("ip_address!=\(network)", line) == !isInside)
        #expect(try matches("request.ip_address=\(network)", line) == isInside)
        #expect(try !matches("a=\(network)", line))
    }

    @Test(arguments: ["10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/+8", "10.0.0.0/8/8", "/8", "x/1"])
    func notNetworks(_ text: String) {
        #expect(throws: QuerySyntaxError.self) { try Filter("ip_address=\(text)") }
    }

    /// What the line says may be written in escapes, so the look at the bytes must let it pass.
    @Test(arguments: [
        #"{"action":"log\u0069n"}"#, #"{"action":"\u006cogin"}"#, #"{"action":"login","x":"\\"}"#,
        #"{"\u0061ction":"login"}"#, #"{"action":["login"]}"#, #"{"action":["x",["login"]]}"#,
        #"{ "action" : "login" }"#,
    ])
    func escapes(_ line: String) throws {
        #expect(try matches("action=login", line))
        #expect(try matches("login", line))
        #expect(try matches("LOGIN", line))
        #expect(try !matches("action=logi", line))
        #expect(try matches("logi", line))
    }

    /// Whether a line is passed by before it is parsed.
    @Test(arguments: [
        ("action=login", #"{"action":"logout"}"#, false),
        ("action=login", #"{"action":"login2"}"#, false),
        ("action=login", #"{"x":"login"}"#, true),
        ("action=login", #"{"action":"logout","x":"\n"}"#, false),
        ("action=login", #"{"action":"logout","x":"\u000a"}"#, true),
        ("action=\"a/b\"", #"{"action":"logout","x":"\n"}"#, true),
        ("login", #"{"action":"LOGIN2"}"#, true),
        ("login", #"{"action":"logout"}"#, false),
        ("not login", #"{"action":"logout"}"#, true),
        ("action!=login", #"{"action":"logout"}"#, true),
        ("n=42", #"{"n":4.2e1}"#, true),
        ("n=true", #"{"n":false}"#, false),
        ("n=true", #"{"n":true}"#, true),
        ("n=null", #"{"m":1}"#, true),
        ("n<abc", #"{"m":1}"#, true),
        ("action=login ip_address=10.0.0.0/8", #"{"ip_address":"10.1.1.1","action":"login"}"#, true),
    ])
    func looksAtBytes(_ filter: String, _ line: String, _ mayMatch: Bool) throws {
        let matcher = FilterMatcher(try Filter(filter))
        Array(line.utf8).withUnsafeBytes { #expect(matcher.mayMatch($0) == mayMatch) }
    }

    /// So many that to search the line anew for each would take minutes.
    @Test func oneOfManyNumbers() throws {
        let numbers = (0..<60_000).map(String.init).joined(separator: ",")
        let line = #"{"a":[\#(numbers)],"b":{"c":[-1,1e400]},"a":[[-2]]}"#
        for filter in ["a=0", "a=59999", "a=-2", "b.c=-1", "b.c=1e400"] {
            #expect(try matches(filter, line), "\(filter)")
        }
        for filter in ["a=60000", "a=-1", "b.c=-2"] { #expect(try !matches(filter, line), "\(filter)") }
    }

    /// A number that 64 bits do not hold makes the parser's tape wrong for every number of its line.
    @Test func numbersBesideLongOnes() throws {
        let line = #"{"a":-17,"s":"12,34 \" 5","b":[8,1e400,{"c":1234567890123456789012}],"d":99}"#
        for filter in ["a=-17", "b=8", "b=1e400", "b=10e399", "b.c=1234567890123456789012", "d=99", "b>1e399", "d<100"]
        {
            #expect(try matches(filter, line), "\(filter)")
        }
        for filter in ["a=0", "b=0", "b.c=0", "d=0", "b>1e400", "b.c=1234567890123456789013"] {
            #expect(try !matches(filter, line), "\(filter)")
        }
    }

    @Test(arguments: [
        ("2026-11-21T07:00:00Z", "2026-11-21T07:00:00Z"), ("2026-11-21T09:00:00+02:00", "2026-11-21T07:00:00Z"),
        ("yesterday", "2026-11-21T06:00:00Z"), ("2026-11-21T07:00:00", "2026-11-21T06:00:00Z"),
    ])
    func eventTime(_ timestamp: String, _ expected: String) throws {
        let line =
            #"{"_received":"2026-11-21T06:00:00.000000Z","x":{"timestamp":"2020-01-01T00:00:00Z"},"#
            + #""timestamp":"\#(timestamp)"}"#
        let padded = Array(line.utf8) + [UInt8](repeating: 0, count: JSONParser.padding)
        let parser = try JSONParser()
        let time = try padded.withUnsafeBytes {
            try parser.parse(UnsafeRawBufferPointer(rebasing: $0[..<line.utf8.count])).eventTime
        }
        #expect(time == Time(rfc3339: expected))
    }

    @Test(arguments: [
        ("status=failed or status=warning", true), ("status=success or severity=low", false),
        ("status=success or (severity=high action=login)", true), ("not (status=failed severity=low)", true),
        ("not (status=failed or severity=low)", false), ("status in(success, failed)", true),
        ("status in(success)", false), ("n in(41, 42.0)", true), ("tenant in(null, acme)", true),
        ("ip_address in(192.168.0.0/16, 10.0.0.0/8)", true), ("exists(n)", true), ("exists(tenant)", false),
        ("exists(empty)", true), ("exists(nothing)", false), ("exists(actor.roles)", true), ("exists(actor.x)", false),
        ("not exists(actor.x)", true), ("severity>=medium", true), ("severity>high", false),
        ("severity<critical", true),
        ("timestamp=2026-11-21T08:00:00+01:00", true), ("timestamp<2026-11-21T07:00:00.1Z", true),
        ("when=2026-11-21T06:00:00Z", true), ("when=\"2026-11-21T06:00:00Z\"", false),
        ("action~^log", true), ("action~^in$", false), ("n~^4", true), ("flag~tru", true), ("empty~x", false),
        ("actor.roles~^adm", true), ("actor.roles!~^adm", false), ("nothing!~x", true),
        ("metadata.path~\"C:\\\\\\\\Users\"", true), ("metadata.\"a.b\"=1", true), ("changes.state.old=open", true),
    ])
    func newOperators(_ filter: String, _ isMatch: Bool) throws {
        let line = """
            {"_seq":1,"timestamp":"2026-11-21T07:00:00Z","action":"login","module":"m","status":"failed","severity":"high",\
            "n":42,"flag":true,"empty":[],"nothing":null,"ip_address":"10.1.2.3","when":"2026-11-21T07:00:00+01:00",\
            "actor":{"roles":["user","admin"]},"metadata":{"path":"C:\\\\Users","a.b":1},\
            "changes":{"state":{"old":"open","new":"closed"}}}
            """
        #expect(try matches(filter, line) == isMatch)
        #expect(try matches("not (\(filter))", line) == !isMatch)
    }
}
