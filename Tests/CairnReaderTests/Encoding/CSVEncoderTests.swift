import CairnFormat
import CairnReader
import Testing

@Suite struct CSVEncoderTests {
    private static let login = stored(
        """
        {"timestamp":"2026-11-21T08:39:11.5+01:00","action":"login","module":"authentication","status":"success",\
        "actor":{"id":"u7","email":"a@b.example"},"target":{"type":"host","id":"h1"},"ip_address":"10.0.0.1"}
        """)
    private static let bare = stored(#"{"action":"x","module":"m","details":"two\nlines"}"#, sequence: 43)

    private func csv(_ lines: [String], _ fields: [String]) throws -> String {
        try encoded(lines, CSVEncoder(fields: fields))
    }

    @Test func headerAndRowsEndWithCRLF() throws {
        let text = try csv([Self.login, Self.bare], ["_seq", "action", "actor.email"])
        #expect(text == "_seq,action,actor.email\r\n42,login,a@b.example\r\n43,x,\r\n")
    }

    @Test func withoutEventsThereIsAHeader() throws {
        #expect(try csv([], ["a", "b"]) == "a,b\r\n")
    }

    @Test func defaultColumns() throws {
        let text = try encoded([Self.login, Self.bare, erasedLine], CSVEncoder())
        #expect(
            text == """
                _seq,_received,timestamp,module,action,status,severity,actor.type,actor.id,actor.name,actor.email,\
                target.type,target.id,target.name,tenant,ip_address,session_id,user_agent,classification,id,details\r
                42,2026-11-21T07:39:12.123456Z,2026-11-21T08:39:11.5+01:00,authentication,login,success,,,u7,,\
                a@b.example,host,h1,,,10.0.0.1,,,,,\r
                43,2026-11-21T07:39:12.123456Z,,m,x,,,,,,,,,,,,,,,,two\\nlines\r
                43,,,,,,,,,,,,,,,,,,,,\r

                """)
    }

    @Test(
        arguments: [
            ("plain", "plain"), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""), ("", ""),
            (" x", "\" x\""), ("x ", "\"x \""), ("two\nlines", "two\\nlines"), ("=1+1", "'=1+1"), ("+1", "'+1"),
            ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\tx", "'\\tx"), ("\rx", "'\\rx"), ("\nx", "\\nx"),
            ("a=1", "a=1"), ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""), ("'", "'"),
            ("\u{1B}[31mred", "\\u001b[31mred"), ("\u{0}", "\\u0000"), ("\u{7F}", "\\u007f"),
            ("\u{9B}2J", "\\u009b2J"), ("abc\u{202E}fdp", "abc\\u202efdp"), ("\u{E0041}", "\\udb40\\udc41"),
            ("Grüße, 世界", "\"Grüße, 世界\""), ("👩‍👩‍👧", "👩‍👩‍👧"), ("\u{FEFF}=1", "\\ufeff=1"),
            ("0123456789abcdef", "0123456789abcdef"), ("0123456789abcdef\"", "\"0123456789abcdef\"\"\""),
            ("0123456789abcde,", "\"0123456789abcde,\""), ("C:\\temp", "C:\\temp"),
        ])
    func cells(_ text: String, _ expected: String) throws {
        var random = SeededGenerator(seed: 1)
        let line = stored("{\"v\":" + TestValue.string(text).text(&random) + ",\"w\":1}")
        #expect(try csv([line], ["v"]) == "v\r\n\(expected)\r\n")
        // A name in the header is a cell like any other.
        let header = try csv([], [text, "w"])
        #expect(header == "\(expected),w\r\n")
    }

    @Test(
        "a mark is seen wherever it stands in a cell, and nothing behind the cell is",
        arguments: ["\"", ",", "\n", "\u{7F}", "é"])
    func everyPlace(_ mark: String) throws {
        for size in 1...40 {
            for place in 0..<size {
                var text = [String](repeating: "x", count: size)
                text[place] = mark
                let value = text.joined()
                var random = SeededGenerator(seed: 1)
                let line = stored("{\"v\":" + TestValue.string(value).text(&random) + ",\"w\":\"\\\",\"}")
                let cell = try #require(try CSVReading.rows(Array(csv([line], ["v"]).utf8)).last?.first)
                #expect(cell == CSVExpectation.visible(value))
            }
            // The name behind it is full of marks.
            let line = stored("{\"v\":\"\(String(repeating: "x", count: size))\",\"\\\",\":1}")
            #expect(try csv([line], ["v"]) == "v\r\n\(String(repeating: "x", count: size))\r\n")
        }
    }

    @Test func aNumberIsNoFormula() throws {
        let line = stored(#"{"action":"a","module":"m","n":-5,"s":"-5"}"#)
        #expect(try csv([line], ["n", "s"]) == "n,s\r\n-5,'-5\r\n")
    }

    @Test(arguments: TestValue.numbers)
    func numbersKeepTheirText(_ number: String) throws {
        let line = stored("{\"before\":[1,-2.5,{\"x\":0}],\"n\": \(number) ,\"m\":{\"k\":\(number)},\"after\":0}")
        let text = try csv([line], ["after", "n", "m.k", "m"])
        #expect(text == "after,n,m.k,m\r\n0,\(number),\(number),\"{\"\"k\"\":\(number)}\"\r\n")
    }

    @Test(
        arguments: [
            (#"{"k":1}"#, #"{"k":1}"#), ("[ ]", "[]"), ("{}", "{}"), ("[7]", "[7]"), ("[7,8]", "[7,8]"),
            (#"[1,"a\"b",null, true,false]"#, #"[1,"a\"b",null,true,false]"#), ("[[],{}]", "[[],{}]"),
            ("{\"a\":\t1\r}", #"{"a":1}"#), ("{\"a\":\"\u{9B}\"}", #"{"a":"\u009b"}"#),
            (#"{"a":"\u000a\/\\"}"#, #"{"a":"\n/\\"}"#), (#"{"\"k\u00fc":[0,-0,1.50]}"#, #"{"\"kü":[0,-0,1.50]}"#),
            (#"{"a":"\u202e, =x"}"#, #"{"a":"\u202e, =x"}"#),
            (#"[[[1],[2]],{"b":{"c":[]}}]"#, #"[[[1],[2]],{"b":{"c":[]}}]"#),
        ])
    func objectsAndArraysStayTheSameJSON(_ json: String, _ expected: String) throws {
        let rows = try CSVReading.rows(Array(csv([stored("{\"v\":\(json)}")], ["v"]).utf8))
        #expect(rows.last == [expected])
        #expect(try TestValue(parsing: expected) == TestValue(parsing: json))
    }

    @Test(
        arguments: [
            (#"{"actor":{"id":"inner"},"actor.id":"outer"}"#, "outer"),
            (#"{"actor.id":"outer","actor":{"id":"inner"}}"#, "outer"),
            (#"{"actor.id":null,"actor":{"id":"inner"}}"#, ""), (#"{"actor":{"id":null}}"#, ""),
            (#"{"actor":{"id":true}}"#, "true"), (#"{"actor":{"id":false}}"#, "false"), (#"{"actor":"x"}"#, ""),
            (#"{"actor":[{"id":"x"}]}"#, ""), (#"{"actor":{"id.":"x","i":"y"}}"#, ""),
            (#"{"actor":{"x":{"id":"deep"},"id":"right"}}"#, "right"), (#"{"\u0061ctor":{"i\u0064":"x"}}"#, "x"),
            (#"{"id":"other","x":{"actor":{"id":"y"}}}"#, ""), (#"{"actor":{"id":"first","id":"second"}}"#, "first"),
            (#"{"actor":{"n":1},"actor":{"id":"x"}}"#, ""),
        ])
    func paths(_ event: String, _ expected: String) throws {
        #expect(try csv([stored(event)], ["actor.id"]) == "actor.id\r\n\(expected)\r\n")
    }

    @Test func pathsOfOneObjectInAnyOrderAndTwice() throws {
        let line = stored(#"{"a":{"b":{"c":1.0,"d":"x"},"e":[0]},"a.b":7,"long_name_of_a_field_x":1}"#)
        let text = try csv([line], ["a.e", "a.b.d", "a.b.c", "a.b", "a.e", "a", "long_name_of_a_field_x"])
        #expect(
            try CSVReading.rows(Array(text.utf8)).last == [
                "[0]", "x", "1.0", "7", "[0]", #"{"b":{"c":1.0,"d":"x"},"e":[0]}"#, "1",
            ])
        let other = stored(#"{"long_name_of_a_field_y":1,"long_name_of_b_field_x":2}"#)
        #expect(try csv([other], ["long_name_of_a_field_x"]) == "long_name_of_a_field_x\r\n\r\n")
    }

    @Test func anErasedEventShowsWhatIsLeft() throws {
        let text = try csv([erasedLine], ["_seq", "action", "_redacted.reason", "_redacted.event"])
        #expect(
            text == "_seq,action,_redacted.reason,_redacted.event\r\n43,,\"GDPR \"\"Art. 17\"\"\",99\r\n")
    }

    @Test func anEventLargerThanAnyRoom() throws {
        let text = String(repeating: "\u{1}\"", count: 200_000)
        var random = SeededGenerator(seed: 1)
        let line = stored("{\"v\":" + TestValue.string(text).text(&random) + "}")
        let rows = try CSVReading.rows(encodedBytes([line, line], CSVEncoder(fields: ["v", "v", "v", "v"])))
        let expected = [String](repeating: CSVExpectation.visible(text), count: 4)
        #expect(rows == [["v", "v", "v", "v"], expected, expected])
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func randomEventsComeBack(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fields =
            CSVEncoder.defaultFields + ["metadata", "metadata.k", "actor.roles", "target.owner", "details.message"]
        var lines: [String] = []
        var expected = [fields.map { CSVExpectation.visible($0) }]
        for number in 0..<50 {
            let event = TestValue.randomEvent(&random)
            let line = stored(event.text(&random), sequence: UInt64(number))
            lines.append(line)
            let whole = try TestValue(parsing: line)
            expected.append(try fields.map { try CSVExpectation.cell(whole, $0) })
        }
        let rows = try CSVReading.rows(encodedBytes(lines, CSVEncoder(fields: fields)))
        #expect(rows.count == expected.count)
        for (row, expected) in zip(rows, expected) {
            #expect(row.map(CSVExpectation.canonical) == expected.map(CSVExpectation.canonical), "seed \(seed)")
        }
    }
}

/// What a cell must hold, worked out from the values with Swift's own strings.
enum CSVExpectation {
    static func cell(_ event: TestValue, _ path: String) throws -> String {
        var value = event[path]
        if value == nil {
            value = event
            for name in path.split(separator: ".") { value = value?[String(name)] }
        }
        switch value {
        case nil, .null: return ""
        case .bool(let value): return "\(value)"
        case .number(let text): return text
        case .string(let text): return visible(text)
        case .some(let container):
            var random = SeededGenerator(seed: 1)
            return container.text(&random)
        }
    }

    /// Objects and arrays are compared as values, for their text is the event's own.
    static func canonical(_ cell: String) -> String {
        guard cell.hasPrefix("{") || cell.hasPrefix("["), let value = try? TestValue(parsing: cell) else { return cell }
        return "\(value)"
    }

    static func visible(_ text: String) -> String {
        var cell = ""
        if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) { cell = "'" }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": cell += "\\n"
            case "\r": cell += "\\r"
            case "\t": cell += "\\t"
            default:
                if isVisible(scalar) {
                    cell.unicodeScalars.append(scalar)
                } else {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        cell += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                }
            }
        }
        return cell
    }

    static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: false
        case .format:
            // Joiners, and marks inside scripts that none of the rules is about.
            scalar.value == 0x200C || scalar.value == 0x200D
                || [0x600...0x605, 0x6DD...0x6DD, 0x70F...0x70F, 0x890...0x891, 0x8E2...0x8E2].contains {
                    $0.contains(scalar.value)
                } || (0x110BD...0x1D17A).contains(scalar.value)
        default:
            // Not assigned, and still of the ranges.
            !(0x2060...0x206F).contains(scalar.value) && !(0xE0000...0xE007F).contains(scalar.value)
        }
    }
}
