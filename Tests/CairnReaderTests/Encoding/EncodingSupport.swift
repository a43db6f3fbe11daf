import CairnFormat
import CairnReader
import Testing

/// A line as the daemon stores it: with its stamps behind the first brace.
func stored(_ event: String, sequence: UInt64 = 42) -> String {
    "{\"_seq\":\(sequence),\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":1000,\"_pid\":4242,"
        + event.drop { $0 != "{" }.dropFirst()
}

/// The line of an event that was erased.
let erasedLine =
    #"{"_seq":43,"_redacted":{"event":99,"by":0,"reason":"GDPR \"Art. 17\""},"#
    + #""_leaf":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#

/// The line of what a client sent and was no event.
let rejectedLine = stored(
    #"{"action":"event.rejected","module":"system","status":"failed","severity":"medium","details":{"#
        + #""code":"invalid_json","message":"\":\" expected","offset":7,"bytes":12,"sha256":"ab","raw":"eyI="}}"#)

/// Calls `body` with a line and its tape, behind which stand bytes that belong to neither.
func withTape<R>(_ line: String, _ body: (JSONTape, UnsafeRawBufferPointer) throws -> R) throws -> R {
    let parser = try JSONParser()
    let padded = Array(line.utf8) + [UInt8](repeating: UInt8(ascii: "\""), count: JSONParser.padding)
    return try padded.withUnsafeBytes { bytes in
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<line.utf8.count])
        return try body(try parser.parse(line), line)
    }
}

/// What an encoder makes of lines, without beginning and end.
func events<Encoder: EventEncoder>(_ lines: [String], _ encoder: Encoder) throws -> [UInt8] {
    var encoder = encoder
    var output: [UInt8] = []
    for line in lines { try withTape(line) { encoder.append($0, line: $1, to: &output) } }
    return output
}

/// What an encoder makes of lines.
func encoded<Encoder: EventEncoder>(_ lines: [String], _ encoder: Encoder) throws -> String {
    try #require(String(validating: encodedBytes(lines, encoder), as: UTF8.self), "the output is not UTF-8")
}

func encodedBytes<Encoder: EventEncoder>(_ lines: [String], _ encoder: Encoder) throws -> [UInt8] {
    var output: [UInt8] = []
    encoder.appendBeginning(to: &output)
    let piece = try events(lines, encoder)
    var joined = EventOutput(Encoder.self)
    output += piece[joined.part(of: piece.indices)]
    encoder.appendEnd(to: &output)
    return output
}

// MARK: - JSON

/// A JSON value as its text says it: numbers are texts, and members keep their order.
enum TestValue: Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([TestValue])
    case object([TestMember])

    subscript(_ path: String...) -> TestValue? {
        var value = self
        for name in path {
            guard case .object(let members) = value, let member = members.first(where: { $0.name == name }) else {
                return nil
            }
            value = member.value
        }
        return value
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }

    var number: String? { if case .number(let text) = self { text } else { nil } }

    var names: [String] { if case .object(let members) = self { members.map(\.name) } else { [] } }

    var elements: [TestValue] { if case .array(let elements) = self { elements } else { [] } }

    /// Strings and numbers in it, at any depth.
    var scalars: [String] {
        switch self {
        case .null, .bool: []
        case .number(let text), .string(let text): [text]
        case .array(let elements): elements.flatMap(\.scalars)
        case .object(let members): members.flatMap(\.value.scalars)
        }
    }

    /// Whether no object in it has two members of one name.
    var hasUniqueNames: Bool {
        switch self {
        case .null, .bool, .number, .string: true
        case .array(let elements): elements.allSatisfy(\.hasUniqueNames)
        case .object(let members):
            Set(members.map(\.name)).count == members.count && members.allSatisfy(\.value.hasUniqueNames)
        }
    }
}

struct TestMember: Equatable {
    var name: String
    var value: TestValue

    init(_ name: String, _ value: TestValue) {
        self.name = name
        self.value = value
    }
}

extension TestValue {
    /// Reads a text with the log's own parser, for the structure, and token by token, for numbers.
    init(parsing text: String) throws {
        self = try withTape(text) { tape, line in
            var numbers: [String] = []
            var tokens = JSONText(line)
            while let (token, range) = try tokens.next() {
                if token == .number { numbers.append(String(decoding: line[range], as: UTF8.self)) }
            }
            var rest = numbers[...]
            return TestValue(tape, 1, &rest)
        }
    }

    private init(_ tape: JSONTape, _ index: Int, _ numbers: inout ArraySlice<String>) {
        switch tape.kind(index) {
        case .object:
            var members: [TestMember] = []
            tape.forEachMember(of: index) { name, value in
                members.append(TestMember(String(decoding: name, as: UTF8.self), TestValue(tape, value, &numbers)))
            }
            self = .object(members)
        case .array:
            var elements: [TestValue] = []
            var element = index + 1
            while tape.kind(element) != .arrayEnd {
                elements.append(TestValue(tape, element, &numbers))
                element = tape.next(element)
            }
            self = .array(elements)
        case .string: self = .string(String(decoding: tape.string(index), as: UTF8.self))
        case .int, .uint, .double: self = .number(numbers.popFirst() ?? "")
        case .yes: self = .bool(true)
        case .no: self = .bool(false)
        default: self = .null
        }
    }
}

/// The lines of a text that are JSON objects; each ends with an LF.
func jsonLines(_ text: String) throws -> [TestValue] {
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return try text.split(separator: "\n", omittingEmptySubsequences: true).map { try TestValue(parsing: String($0)) }
}

// MARK: - Random events

extension TestValue {
    /// The text of a value: with blanks, and with escapes that need not be, where `random` wants them.
    func text(_ random: inout SeededGenerator) -> String {
        let blank = random.oneIn(8) ? random.pick([" ", "\t", "\r", "  "]) : ""
        switch self {
        case .null: return blank + "null"
        case .bool(let value): return "\(value)" + blank
        case .number(let text): return blank + text + blank
        case .string(let text): return TestValue.quoted(text, &random)
        case .array(let elements):
            return "[" + blank + elements.map { $0.text(&random) }.joined(separator: "," + blank) + "]"
        case .object(let members):
            let texts = members.map { member in
                TestValue.quoted(member.name, &random) + blank + ":" + blank + member.value.text(&random)
            }
            return "{" + blank + texts.joined(separator: blank + ",") + blank + "}"
        }
    }

    private static func quoted(_ text: String, _ random: inout SeededGenerator) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" || scalar.value < 0x20 || random.oneIn(24) {
                switch scalar {
                case "\"": quoted += "\\\""
                case "\\": quoted += "\\\\"
                case "\n" where random.oneIn(2): quoted += "\\n"
                case "/": quoted += "\\/"
                default:
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16, uppercase: random.oneIn(2))
                        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                }
            } else {
                quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Texts that formats stumble over.
    static let hostileTexts = [
        "", " ", " x", "x ", "plain", "a,b", "say \"hi\"", "two\nlines", "cr\rlf\r\n", "\tx", "=1+1", "+1", "-1", "@x",
        "'quoted'", "a=b|c\\d", "back\\slash\\", "\\", "\"", "\\\"", "\u{0}", "\u{1B}[31mred", "\u{7F}", "\u{9B}2J",
        "abc\u{202E}fdp.exe", "\u{FEFF}", "\u{E0041}", "Grüße, 世界, עברית", "👩‍👩‍👧", "{\"k\":1}", "null", "1e5",
        "CEF:0|x|y|1|a|b|5|", "x cs1=forged", "0123456789abcdef", "0123456789abcde\"", "0123456789abcdef,",
        String(repeating: "long ", count: 40), String(repeating: "ü", count: 33),
    ]

    static let numbers = [
        "0", "-0", "1", "-5", "1.50", "-0.10", "1e5", "1E-7", "0.0", "18446744073709551615", "-9223372036854775808",
        "9223372036854775807", "9223372036854775808", "123456789012345678901234567890", "3.14159265358979323846", "10",
        "100", "99", "1000000007",
    ]

    static func random(_ random: inout SeededGenerator, depth: Int = 0) -> TestValue {
        switch Int.random(in: 0..<(depth < 3 ? 12 : 8), using: &random) {
        case 0: return .null
        case 1: return .bool(random.oneIn(2))
        case 2, 3: return .number(random.pick(numbers))
        case 4...7: return .string(randomText(&random))
        case 8:
            return .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in .random(&random, depth: depth + 1) })
        default: return .object(randomMembers(["k", "id", "message", "a.b", "ü", ""], &random, depth: depth + 1))
        }
    }

    static func randomText(_ random: inout SeededGenerator) -> String {
        if random.oneIn(2) { return random.pick(hostileTexts) }
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789-_.@/ ")
        return String((0..<Int.random(in: 0..<40, using: &random)).map { _ in random.pick(letters) })
    }

    private static func randomMembers(
        _ names: [String], _ random: inout SeededGenerator, depth: Int
    ) -> [TestMember] {
        names.filter { _ in random.oneIn(2) }.map { TestMember($0, .random(&random, depth: depth)) }
    }

    /// An event as clients may send it: known fields with values of the right type or any other, and unknown ones.
    static func randomEvent(_ random: inout SeededGenerator) -> TestValue {
        var members: [TestMember] = []
        func add(_ name: String, _ values: [TestValue]) {
            guard !random.oneIn(3) else { return }
            members.append(TestMember(name, random.oneIn(6) ? .random(&random, depth: 1) : random.pick(values)))
        }
        func party(_ names: [String], types: [String]) -> TestValue {
            .object(
                names.filter { _ in !random.oneIn(3) }.map { name in
                    name == "type" && !random.oneIn(4)
                        ? TestMember(name, .string(random.pick(types)))
                        : TestMember(name, random.oneIn(8) ? .random(&random, depth: 2) : .string(randomText(&random)))
                })
        }
        members.append(
            TestMember("action", .string(random.pick(["login", "CreateUser", "user.updated", "x|y=z", "list_tables"]))))
        let modules = ["authentication", "user_management", "administration", "reporting", "system", "?"]
        members.append(TestMember("module", .string(random.pick(modules))))
        add("timestamp", [.string("2026-11-21T08:39:11.5+01:00"), .string("2026-11-21T08:39:11Z"), .string("never")])
        add("id", [.string("order-7")])
        let actor = party(["id", "name", "email", "type", "roles"], types: ["user", "service", "admin"])
        let target = party(
            ["id", "name", "type", "owner"], types: ["user", "host", "s3_bucket", "Table", "file", "role"])
        add("actor", [actor])
        add("status", ["success", "failed", "warning", "info"].map(TestValue.string))
        add("severity", ["low", "medium", "high", "critical"].map(TestValue.string))
        add("target", [target])
        add("tenant", [.string(randomText(&random))])
        add("ip_address", [.string("10.1.2.3"), .string("2001:db8::1"), .string("::ffff:1.2.3.4")])
        add("user_agent", [.string(randomText(&random))])
        add("session_id", [.string(randomText(&random))])
        add("details", [.string(randomText(&random)), .object([TestMember("message", .string(randomText(&random)))])])
        add("metadata", [.random(&random, depth: 1)])
        add("actor.id", [.string("whole")])
        members.shuffle(using: &random)
        return .object(members)
    }
}
