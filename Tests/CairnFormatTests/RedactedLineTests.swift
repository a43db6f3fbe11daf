import CairnFormat
import Testing

/// The line that stands in the place of an erased event has one form, and nothing else is taken for it.
@Suite struct RedactedLineTests {
    private static func line(_ redacted: RedactedLine) -> [UInt8] {
        var line: [UInt8] = []
        redacted.append(to: &line)
        return line
    }

    private static func read(_ line: [UInt8]) -> RedactedLine? {
        line.exactly { try? RedactedLine(line: $0) }
    }

    private static func quoted(_ text: String) -> [UInt8] {
        var reason: [UInt8] = []
        reason.append(jsonString: text.utf8)
        return reason
    }

    private static let reasons = [
        "", "GDPR 17", "a \"quoted\" one", "back\\slash", "line\nfeed", "tab\t and \u{1} control", "ümläut 😀",
        "},\"_leaf\":\"",
        "\"},\"_leaf\":\"AAAA\"}", String(repeating: "long ", count: 2000),
    ]

    @Test(arguments: reasons) func whatIsWrittenIsRead(_ reason: String) throws {
        var random = SeededRandom(reason)
        for _ in 0..<20 {
            let redacted = RedactedLine(
                sequence: random.next() % Limits.sequence, event: random.next() % Limits.sequence,
                by: UInt32(truncatingIfNeeded: random.next()), reason: Self.quoted(reason), leaf: digest(random.next()))
            let line = Self.line(redacted)
            #expect(Self.read(line) == redacted)
            #expect(line.exactly { RedactedLine.isOne($0) })
            // It is what every reader of lines can read.
            let parser = try JSONParser()
            try line.padded { bytes in
                let tape = try parser.parse(bytes)
                #expect(tape.member("_seq", of: 1).flatMap(tape.integer) == redacted.sequence)
                let object = try #require(tape.member("_redacted", of: 1))
                #expect(tape.member("event", of: object).flatMap(tape.integer) == redacted.event)
                #expect(tape.member("by", of: object).flatMap(tape.integer) == UInt64(redacted.by))
                let text = try #require(tape.member("reason", of: object))
                #expect(String(decoding: tape.string(text), as: UTF8.self) == reason)
            }
        }
    }

    @Test func theFormIsThatOfTheFormat() {
        let redacted = RedactedLine(
            sequence: 42, event: 99, by: 1000, reason: Self.quoted("GDPR \"17\""), leaf: .zero)
        #expect(
            Self.line(redacted).text
                == #"{"_seq":42,"_redacted":{"event":99,"by":1000,"reason":"GDPR \"17\""},"#
                + #""_leaf":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#)
    }

    /// No other bytes say the same: so a verifier needs to compare no more than what it has read.
    @Test func everyByteChangedIsAnotherLineOrNone() {
        let redacted = RedactedLine(
            sequence: 42, event: 99, by: 1000, reason: Self.quoted("a \"b\" \\ é\n"), leaf: digest(5))
        let line = Self.line(redacted)
        var (refused, other) = (0, 0)
        for index in line.indices {
            for mask in UInt8(1)...255 {
                var changed = line
                changed[index] ^= mask
                guard let read = Self.read(changed) else {
                    refused += 1
                    continue
                }
                other += 1
                check(read != redacted, "byte \(index) xor \(mask): \(changed.text)")
                check(Self.line(read) == changed, "byte \(index) xor \(mask) has a second form: \(changed.text)")
            }
        }
        #expect(refused > other && other > 100)
    }

    @Test func everyCutAndEveryAdditionIsRefused() {
        let line = Self.line(
            RedactedLine(sequence: 42, event: 99, by: 1000, reason: Self.quoted("why"), leaf: digest(5)))
        for size in line.indices { check(Self.read(Array(line[..<size])) == nil, "cut to \(size)") }
        for index in 0...line.count {
            for byte in [UInt8(ascii: " "), UInt8(ascii: "\n"), 0, UInt8(ascii: ","), UInt8(ascii: "}")] {
                var longer = line
                longer.insert(byte, at: index)
                guard let read = Self.read(longer) else { continue }
                // Only in the reason a byte more is another text.
                check(read.reason.count == 6 && Self.line(read) == longer, "\(byte) at \(index)")
            }
        }
    }

    @Test(
        arguments: [
            #"{"_seq":042,"_redacted":{"event":99,"by":1,"reason":"w"},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":4294967296,"reason":"w"},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":-1,"reason":"w"},"_leaf":"L"}"#,
            #"{"_seq":9223372036854775808,"_redacted":{"event":99,"by":1,"reason":"w"},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":9223372036854775808,"by":1,"reason":"w"},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":18446744073709551616,"by":1,"reason":"w"},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"by":1,"event":99,"reason":"w"},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":1,"reason":null},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":1,"reason":"w","x":1},"_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":1,"reason":"w"},"_leaf":"L","x":1}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":1,"reason":"w"}, "_leaf":"L"}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":1,"reason":"w"},"_leaf":"AAAA"}"#,
            #"{"_seq":42,"_redacted":{"event":99,"by":1,"reason":"w"},"_leaf":""}"#,
            #"{"_seq":,"_redacted":{"event":99,"by":1,"reason":"w"},"_leaf":"L"}"#,
        ])
    func otherFormsAreRefused(_ text: String) {
        let leaf = Base64.encode(digest(1))
        let good = #"{"_seq":42,"_redacted":{"event":99,"by":1,"reason":"w"},"_leaf":"\#(leaf)"}"#
        #expect(Self.read(Array(good.utf8)) != nil)
        let line = text.replacing("\"L\"", with: "\"\(leaf)\"")
        #expect(Self.read(Array(line.utf8)) == nil)
    }

    @Test func storedEventsAreNotTakenForOne() {
        let stored = [
            #"{"_seq":42,"_received":"2026-11-21T07:39:12.123456Z","_uid":0,"_pid":1,"action":"a","module":"m"}"#,
            #"{"_seq":42,"_received":"2026-11-21T07:39:12.123456Z","_uid":0,"_pid":1,"x":{"_redacted":{"event":1}}}"#,
            #"{"_seq":42}"#, #"{"_redacted":{"event":1},"_seq":42}"#, "", "{", "[]",
        ]
        for line in stored { #expect(!Array(line.utf8).exactly { RedactedLine.isOne($0) }, "\(line)") }
    }
}
