import CairnFormat
import Testing

@testable import CairnCommand

@Suite("Output formats")
struct OutputFormatTests {
    static let login = stored(
        """
        {"timestamp":"2026-11-21T08:39:11.5+01:00","action":"login","module":"authentication","status":"success",\
        "actor":{"id":"u7","email":"a@b.example"},"target":{"type":"host","id":"h1"},"ip_address":"10.0.0.1"}
        """)
    static let bare = stored("{\"action\":\"x\",\"module\":\"m\",\"details\":\"two\\nlines\"}", sequence: 43)

    @Test("short: one line, event time before receive time, - for what is missing")
    func short() {
        let text = formatted([Self.login, Self.bare], OutputSettings(format: .short))
        #expect(
            text == """
                2026-11-21 07:39:11.500000Z 42 authentication login success a@b.example host:h1 10.0.0.1
                2026-11-21 07:39:12.123456Z 43 m x - - - -

                """)
    }

    @Test("short with fields keeps when and which in front")
    func shortFields() {
        let text = formatted([Self.bare], OutputSettings(format: .short, fields: ["details", "tenant"]))
        #expect(text == "2026-11-21 07:39:12.123456Z 43 two\\nlines -\n")
    }

    @Test("short: an event cannot forge a line or colours")
    func injection() {
        let evil = stored("{\"action\":\"x\\n2026 forged\\u001b[2J\",\"module\":\"m\",\"status\":\"\u{202E}\"}")
        let text = formatted([evil], OutputSettings(format: .short))
        #expect(text.split(separator: "\n").count == 1)
        #expect(text.contains("x\\n2026 forged\\u001b[2J"))
        #expect(text.contains("\\u202e"))
    }

    @Test("colours only where they are asked for")
    func colours() {
        let failed = stored("{\"action\":\"x\",\"module\":\"m\",\"status\":\"failed\"}")
        #expect(!formatted([failed], OutputSettings(format: .short)).contains("\u{1B}"))
        let coloured = formatted([failed], OutputSettings(format: .short, style: Style(isOn: true)))
        #expect(coloured.contains("\u{1B}[31mfailed\u{1B}[0m"))
    }

    @Test("json: the stored bytes")
    func json() {
        let odd = stored("{ \"action\":\"\u{9B}\" , \"module\":\"m\",\"n\":1.000000000000000000001}")
        #expect(formatted([odd, Self.bare], OutputSettings(format: .json)) == odd + "\n" + Self.bare + "\n")
    }

    @Test("json on a terminal is the same JSON with escapes")
    func jsonOnTerminal() {
        let odd = stored("{\"action\":\"\u{9B}2J\",\"module\":\"m\"}")
        let text = formatted([odd], OutputSettings(format: .json, isTerminal: true))
        #expect(!text.unicodeScalars.contains("\u{9B}"))
        #expect(withJSON(text) { $0["action"]?.string } == "\u{9B}2J")
    }

    @Test("json with fields: these alone, named by their paths")
    func jsonFields() {
        let settings = OutputSettings(format: .json, fields: ["actor.id", "_seq", "nothing", "target"])
        #expect(
            formatted([Self.login], settings) == """
                {"actor.id":"u7","_seq":42,"target":{"type":"host","id":"h1"}}

                """)
    }

    @Test(
        "raw: the line as it was received",
        arguments: [
            #"{"action":"a","module":"m"}"#, #"{ "action" : "a" , "module":"m" }"#,
            #"{"module":"m","x":{"_y":1},"action":"a_"}"#,
        ])
    func raw(event: String) {
        #expect(formatted([stored(event)], OutputSettings(format: .raw)) == event + "\n")
    }

    @Test("raw: the stamps of invalid and sanitised events go, too")
    func rawStamps() {
        let line =
            "{\"_seq\":1,\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":1,\"_pid\":2,\"_invalid\":[\"a,}\"],"
            + "\"_sanitized\":[\"b\"],\"action\":\"a\",\"module\":\"m\"}"
        #expect(formatted([line], OutputSettings(format: .raw)) == "{\"action\":\"a\",\"module\":\"m\"}\n")
    }

    @Test(
        "cat: what the event says",
        arguments: [
            (#"{"action":"a","module":"m","details":"words"}"#, "words"),
            (#"{"action":"a","module":"m","message":"said","details":"words"}"#, "said"),
            (#"{"action":"a","module":"m","details":{"message":"inner"}}"#, "inner"),
            (#"{"action":"a","module":"m","details":{"n":1}}"#, #"{"n":1}"#), (#"{"action":"a","module":"m"}"#, "a"),
        ])
    func cat(event: String, expected: String) {
        #expect(formatted([stored(event)], OutputSettings(format: .cat)) == expected + "\n")
    }

    @Test("json-pretty")
    func pretty() {
        let line = #"{"a":1.50,"b":{},"c":[1,{"d":"x"}],"e":[]}"#
        #expect(
            formatted([line], OutputSettings(format: .jsonPretty)) == """
                {
                  "a": 1.50,
                  "b": {},
                  "c": [
                    1,
                    {
                      "d": "x"
                    }
                  ],
                  "e": []
                }

                """)
    }

    @Test("a member whose name has points wins over a path")
    func points() {
        let line = stored(#"{"action":"a","module":"m","actor":{"id":"inner"},"actor.id":"outer"}"#)
        #expect(formatted([line], OutputSettings(format: .cat, fields: ["actor.id"])) == "outer\n")
    }
}

@Suite("CSV")
struct CSVTests {
    @Test("header and rows end with CR LF")
    func table() {
        let settings = OutputSettings(format: .csv, fields: ["_seq", "action", "actor.email"])
        let text = formatted([OutputFormatTests.login, OutputFormatTests.bare], settings)
        #expect(text == "_seq,action,actor.email\r\n42,login,a@b.example\r\n43,x,\r\n")
    }

    @Test("without events there is a header")
    func empty() {
        #expect(formatted([], OutputSettings(format: .csv, fields: ["a", "b"])) == "a,b\r\n")
    }

    @Test(
        "cells",
        arguments: [
            ("plain", "plain"), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""), ("", ""),
            (" x", "\" x\""), ("two\nlines", "two\\nlines"), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"), ("\tx", "'\\tx"), ("\rx", "'\\rx"), ("a=1", "a=1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
        ])
    func cells(text: String, expected: String) {
        var value: [UInt8] = []
        value.append(jsonString: text.utf8)
        let line = stored(#"{"action":"a","module":"m","s":\#(String(decoding: value, as: UTF8.self))}"#)
        #expect(formatted([line], OutputSettings(format: .csv, fields: ["s"])) == "s\r\n\(expected)\r\n")
    }

    @Test("a number is not a formula, a text that looks like one is")
    func numbers() {
        let line = stored(#"{"action":"a","module":"m","n":-5,"s":"-5"}"#)
        #expect(formatted([line], OutputSettings(format: .csv, fields: ["n", "s"])) == "n,s\r\n-5,'-5\r\n")
    }
}

@Suite("Tables")
struct TableTests {
    @Test("columns are aligned by what is seen")
    func aligned() {
        let lines = ["短い", "long name", "é"].map { stored("{\"action\":\"\($0)\",\"module\":\"m\"}") }
        let text = formatted(lines, OutputSettings(format: .table, fields: ["action", "module"]))
        #expect(
            text == """
                action     module
                短い       m
                long name  m
                é          m

                """)
    }

    @Test("the first rows decide the widths; later rows stream")
    func streaming() {
        var formatter = OutputSettings(format: .table, fields: ["action", "module"]).formatter()
        var output: [UInt8] = []
        let row = Array(stored(#"{"action":"abc","module":"m"}"#).utf8)
        for _ in 0..<199 { row.withUnsafeBytes { formatter.append($0, to: &output) } }
        #expect(output.isEmpty)
        row.withUnsafeBytes { formatter.append($0, to: &output) }
        #expect(output.count(where: { $0 == 0x0A }) == 201)
        output = []
        let wide = Array(stored(#"{"action":"much wider","module":"m"}"#).utf8)
        wide.withUnsafeBytes { formatter.append($0, to: &output) }
        #expect(String(decoding: output, as: UTF8.self) == "much wider  m\n")
    }

    @Test("cells are cut on a terminal only")
    func cut() {
        let long = String(repeating: "x", count: 60)
        let line = stored("{\"action\":\"\(long)\",\"module\":\"m\"}")
        let whole = formatted([line], OutputSettings(format: .table, fields: ["action"]))
        #expect(whole == "action\n\(long)\n")
        let cut = formatted([line], OutputSettings(format: .table, fields: ["action"], isTerminal: true))
        #expect(cut == "action\n\(String(repeating: "x", count: 39))…\n")
    }
}

@Suite("Times and figures")
struct FigureTests {
    @Test("times in UTC")
    func utc() {
        var style = TimeStyle(utc: true)
        #expect(style.text(Time(nanoseconds: 0)) == "1970-01-01 00:00:00Z")
        #expect(
            style.text(Time(nanoseconds: 1_500_000_000), fractionDigits: 6) == "1970-01-01 00:00:01.500000Z")
    }

    @Test("times in the local zone name the same moment")
    func local() throws {
        var style = TimeStyle(utc: false)
        for hours in stride(from: Int64(0), to: 24 * 366, by: 37) {
            let time = Time(nanoseconds: 1_700_000_000_000_000_000 + hours * Time.perHour)
            #expect(Time(rfc3339: style.text(time, fractionDigits: 9)) == time)
        }
    }

    @Test(
        arguments: [
            (0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567"),
        ] as [(UInt64, String)])
    func counts(value: UInt64, expected: String) {
        #expect(Figures.count(value) == expected)
    }

    @Test(
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (32_400_000, "32.4 MB"), (999_960, "1.0 MB"),
        ] as [(UInt64, String)])
    func bytes(value: UInt64, expected: String) {
        #expect(Figures.bytes(value) == expected)
    }

    @Test(
        arguments: [
            (0, "0 µs"), (250_000, "250 µs"), (1_500_000, "1.5 ms"), (800_000_000, "800.0 ms"),
            (2_000_000_000, "2.0 s"),
            (180_000_000_000, "3 min"), (-5, "0 µs"),
        ] as [(Int64, String)])
    func durations(value: Int64, expected: String) {
        #expect(Figures.duration(nanoseconds: value) == expected)
    }
}
