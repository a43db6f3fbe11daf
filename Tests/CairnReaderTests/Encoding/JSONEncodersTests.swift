import CairnFormat
import CairnReader
import Testing

@Suite struct JSONEncodersTests {
    private static let odd = stored("{ \"action\":\"\u{9B}\" , \"module\":\"m\",\"n\":1.000000000000000000001}\r")
    private static let login = stored(
        #"{"action":"login","module":"m","actor":{"id":"u7"},"target":{"type":"host","id":"h1"},"tenant":null}"#)

    @Test func withoutFieldsLinesAreTheStoredBytes() throws {
        let lines = [Self.odd, Self.login, erasedLine, rejectedLine]
        #expect(try encoded(lines, JSONLinesEncoder()) == lines.map { $0 + "\n" }.joined())
    }

    @Test func withFieldsLinesHaveTheseAloneByTheirPaths() throws {
        let encoder = JSONLinesEncoder(fields: ["actor.id", "_seq", "nothing", "target", "tenant", "_seq"])
        #expect(
            try encoded([Self.login, Self.odd, erasedLine], encoder) == """
                {"actor.id":"u7","_seq":42,"target":{"type":"host","id":"h1"}}
                {"_seq":42}
                {"_seq":43}

                """)
    }

    @Test(
        arguments: [
            #""plain""#, #""\u00fc\/\n""#, #""""#, "\"\u{7F}\u{202E}ü\"", "true", "false", "0", "-0", "1.50", "-7",
            "1e400", "18446744073709551615", "[1, 2 ]", #"{"a" : "\"" }"#, "{}", "[]", #"["\\",{"b":[]}]"#,
        ])
    func valuesKeepTheirText(_ value: String) throws {
        for event in [
            "{\"v\":\(value)}", "{\"w\":\"\\\\\",\"v\" : \(value)\t,\"x\":\"\\\"\"}", "{\"o\":{\"v\":\(value)}}",
        ] {
            let encoder = JSONLinesEncoder(fields: ["_pid", "v", "o.v"])
            let path = event.contains("\"o\"") ? "o.v" : "v"
            #expect(try encoded([stored(event)], encoder) == "{\"_pid\":4242,\"\(path)\":\(value)}\n")
        }
    }

    @Test func namesOfFieldsAreJSONStrings() throws {
        let text = try encoded([stored(#"{"a\"\\\u0001":1}"#)], JSONLinesEncoder(fields: ["a\"\\\u{1}"]))
        #expect(try jsonLines(text) == [.object([TestMember("a\"\\\u{1}", .number("1"))])])
    }

    @Test(arguments: [0, 1, 2, 5])
    func arraysAreOneValueWithAnEventALine(_ count: Int) throws {
        let lines = (0..<count).map { stored("{\"action\":\"a\",\"n\":\($0)}", sequence: UInt64($0)) }
        let text = try encoded(lines, JSONArrayEncoder())
        let value = try TestValue(parsing: text)
        #expect(value.elements == (try lines.map { try TestValue(parsing: $0) }))
        #expect(text.split(separator: "\n").count == count + 2)
        let chosen = try encoded(lines, JSONArrayEncoder(fields: ["n"]))
        #expect(
            try TestValue(parsing: chosen).elements
                == (0..<count).map { .object([TestMember("n", .number("\($0)"))]) })
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func randomEventsComeBack(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fields = ["details", "actor.id", "actor", "metadata.k", "metadata", "_seq", "ip_address", "target.owner"]
        for _ in 0..<50 {
            let line = stored(TestValue.randomEvent(&random).text(&random))
            let whole = try TestValue(parsing: line)
            let expected = fields.compactMap { field in
                var value = whole[field]
                if value == nil {
                    value = whole
                    for name in field.split(separator: ".") { value = value?[String(name)] }
                }
                return value.flatMap { $0 == .null ? nil : TestMember(field, $0) }
            }
            let text = try encoded([line], JSONLinesEncoder(fields: fields))
            #expect(try jsonLines(text) == [.object(expected)], "seed \(seed): \(line)")
        }
    }
}
