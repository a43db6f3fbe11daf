import CairnFormat
import CairnReader
import Testing

@Suite struct CEFEncoderTests {
    private func cef(_ line: String) throws -> CEFReading {
        let text = try encoded([line], CEFEncoder(version: "1.2"))
        #expect(text.hasSuffix("\n"))
        // One line, whoever looks at it.
        #expect(text.dropLast().utf8.allSatisfy { $0 >= 0x20 }, "\(text)")
        return try CEFReading(String(text.dropLast()))
    }

    @Test func anEventAsItIsWritten() throws {
        let line = stored(
            #"{"timestamp":"2026-11-21T08:39:11.5+01:00","action":"login_failed","module":"authentication","#
                + #""status":"failed","severity":"high","actor":{"id":"u7","name":"Ann","email":"a@b.example"},"#
                + #""target":{"type":"invoice","id":"i1","name":"n"},"tenant":"t1","session_id":"s1","#
                + #""ip_address":"10.0.0.1","user_agent":"curl/8","details":{"message":"a=b\nc\\d","n":1.50}}"#)
        #expect(
            try encoded([line], CEFEncoder(version: "1|2")) == """
                CEF:0|Cairn|cairn|1\\|2|login_failed|authentication login_failed|8|rt=1795246752123 \
                start=1795246751500 externalId=42 act=login_failed cat=authentication outcome=failure dvcpid=4242 \
                msg=a\\=b\\nc\\\\d suser=Ann suid=u7 src=10.0.0.1 requestClientApplication=curl/8 cs1Label=tenant \
                cs1=t1 cs2Label=session cs2=s1 cs3Label=targetType cs3=invoice cs4Label=targetId cs4=i1 \
                cs5Label=targetName cs5=n cs6Label=event cs6={"_uid":1000,\
                "timestamp":"2026-11-21T08:39:11.5+01:00","actor":{"email":"a@b.example"},"details":{"n":1.50}}

                """)
    }

    @Test func anErasedEventHasANumberAndAReason() throws {
        let event = try cef(erasedLine)
        #expect(event.header == ["CEF:0", "Cairn", "cairn", "1.2", "erased", "erased", "0"])
        #expect(event.extension["externalId"] == "43")
        #expect(event.extension["msg"] == "GDPR \"Art. 17\"")
        #expect(event.extension["rt"] == nil)
        let rest = try TestValue(parsing: event.extension["cs6"] ?? "")
        #expect(rest["_redacted"]?.names == ["event", "by"])
    }

    @Test func aRejectedLine() throws {
        let event = try cef(rejectedLine)
        #expect(event.header[4...] == ["event.rejected", "system event.rejected", "5"])
        #expect(event.extension["outcome"] == "failure")
        #expect(event.extension["msg"] == "\":\" expected")
    }

    @Test(arguments: TestValue.hostileTexts)
    func hostileTexts(_ text: String) throws {
        var random = SeededGenerator(seed: 1)
        let value = TestValue.string(text).text(&random)
        let event = try cef(
            stored(
                "{\"action\":\(value),\"module\":\(value),\"details\":\(value),\"tenant\":\(value),"
                    + "\"actor\":{\"id\":\(value)},\"odd\":{\"k\":\(value)}}"))
        let shown = CEFReading.shown(text, keepsLines: true)
        for key in ["act", "cat", "msg", "cs1", "suid"] {
            #expect(event.extension[key] == (text.isEmpty ? nil : shown), "\(key)")
        }
        let name = CEFReading.shown(text, keepsLines: false)
        #expect(event.header.count == 7)
        #expect(event.header[4] == (text.isEmpty ? "unknown" : name))
        #expect(event.header[5] == (text.isEmpty ? "unknown" : "\(name) \(name)"))
        let rest = try TestValue(parsing: event.extension["cs6"] ?? "")
        #expect(rest["odd", "k"] == .string(text))
    }

    @Test(
        arguments: [
            (#""10.0.0.1""#, "src"), (#""::ffff:1.2.3.4""#, "c6a2"), (#""2001:db8::1""#, "c6a2"),
            (#""host.example""#, "shost"), ("17", "shost"), ("true", "shost"),
        ])
    func addresses(_ value: String, _ key: String) throws {
        let event = try cef(stored("{\"action\":\"a\",\"module\":\"m\",\"ip_address\":\(value)}"))
        #expect(event.extension[key] == value.filter { $0 != "\"" })
        #expect(["src", "c6a2", "shost"].count { event.extension[$0] != nil } == 1)
        #expect(event.extension["c6a2Label"] == (key == "c6a2" ? "Source IPv6 Address" : nil))
    }

    @Test(
        arguments: [
            (#"{"type":"user","id":"1","name":"n"}"#, ["duser": "n", "duid": "1", "cs3": "user"]),
            (#"{"type":"host","id":"1","name":"n"}"#, ["dhost": "n", "cs4": "1", "cs3": "host"]),
            (#"{"type":"host","id":"1"}"#, ["dhost": "1", "cs3": "host"]),
            (#"{"type":"file","name":"n"}"#, ["fname": "n", "cs3": "file"]),
            (#"{"type":"order","id":"1","name":"n"}"#, ["cs3": "order", "cs4": "1", "cs5": "n"]),
            (#"{"name":"n"}"#, ["cs5": "n"]), (#"{"type":"host"}"#, ["cs3": "host"]), ("{}", [:]),
        ])
    func targets(_ target: String, _ expected: [String: String]) throws {
        let event = try cef(stored("{\"action\":\"a\",\"module\":\"m\",\"target\":\(target)}"))
        let keys = ["duser", "duid", "dhost", "fname", "cs3", "cs4", "cs5"]
        #expect(event.extension.filter { keys.contains($0.key) } == expected)
    }

    @Test(
        arguments: [("low", "3"), ("medium", "5"), ("high", "8"), ("critical", "10"), ("urgent", "0")])
    func severities(_ severity: String, _ expected: String) throws {
        let event = try cef(stored("{\"action\":\"a\",\"module\":\"m\",\"severity\":\"\(severity)\"}"))
        #expect(event.header[6] == expected)
        #expect((event.extension["cs6"] ?? "").contains(severity) == (expected == "0"))
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func randomEventsComeBackAndLoseNothing(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let line = stored(TestValue.randomEvent(&random).text(&random))
            let event = try cef(line)
            var kept = Set(event.extension.values)
            if let rest = event.extension["cs6"] { kept.formUnion(try TestValue(parsing: rest).scalars) }
            let lost = try TestValue(parsing: line).scalars.filter { text in
                !text.isEmpty && !kept.contains(text) && !kept.contains(CEFReading.shown(text, keepsLines: true))
                    && !["2026-11-21T07:39:12.123456Z", "low", "medium", "high", "critical", "failed"].contains(text)
            }
            #expect(lost.isEmpty, "seed \(seed): \(lost) of \(line)")
        }
    }
}

/// Reads a line of the Common Event Format as the standard tells, and shares nothing with what writes it.
private struct CEFReading {
    var header: [String] = []
    var `extension`: [String: String] = [:]

    struct Malformed: Error { var reason: String }

    init(_ line: String) throws {
        var rest = Array(line.unicodeScalars)[...]
        while header.count < 7 {
            var field: [Unicode.Scalar] = []
            while let scalar = rest.first, scalar != "|" {
                rest.removeFirst()
                if scalar == "\\" {
                    guard let next = rest.popFirst(), next == "|" || next == "\\" else {
                        throw Malformed(reason: "an escape in the header")
                    }
                    field.append(next)
                } else {
                    field.append(scalar)
                }
            }
            guard rest.popFirst() == "|" else { throw Malformed(reason: "a header of \(header.count) fields") }
            header.append(Self.string(field[...]))
        }
        try readExtension(Array(rest))
    }

    /// A key is the run of letters and digits before an `=` without a backslash; the value before it ends at the blank.
    private mutating func readExtension(_ text: [Unicode.Scalar]) throws {
        var starts: [(key: Int, value: Int)] = []
        var index = 0
        while index < text.count {
            if text[index] == "\\" {
                index += 2
                continue
            }
            if text[index] == "=" {
                var start = index
                while start > 0, text[start - 1].properties.isAlphabetic || ("0"..."9").contains(text[start - 1]) {
                    start -= 1
                }
                guard start < index, start == 0 || text[start - 1] == " " else { throw Malformed(reason: "a key") }
                starts.append((start, index + 1))
            }
            index += 1
        }
        for (number, start) in starts.enumerated() {
            let end = number + 1 < starts.count ? starts[number + 1].key - 1 : text.count
            let key = Self.string(text[start.key..<(start.value - 1)])
            guard self.extension[key] == nil else { throw Malformed(reason: "\(key) twice") }
            self.extension[key] = try Self.unescaped(text[start.value..<end])
        }
    }

    private static func unescaped(_ text: ArraySlice<Unicode.Scalar>) throws -> String {
        var result: [Unicode.Scalar] = []
        var rest = text
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                result.append(scalar)
                continue
            }
            switch rest.popFirst() {
            case "n": result.append("\n")
            case "r": result.append("\r")
            case "\\": result.append("\\")
            case "=": result.append("=")
            default: throw Malformed(reason: "an escape in a value")
            }
        }
        return string(result[...])
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return text
    }

    /// What a reader gets of a text: controls for which there is no escape are written out.
    static func shown(_ text: String, keepsLines: Bool) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": shown += keepsLines ? "\n" : "\\n"
            case "\r": shown += keepsLines ? "\r" : "\\r"
            case "\t": shown += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                shown += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}
