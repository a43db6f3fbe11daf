import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// The engine against a plain scan: random logs, random queries, with the indexes there, missing and damaged. The
/// oracle below shares no code with the engine; it works on the values that the lines were made from.
@Suite struct QueryDifferentialTests {
    enum Indexes: CaseIterable { case present, missing, damaged, swapped }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func engineFindsWhatAScanFinds(_ seed: UInt64) throws {
        // 630 filters; with CAIRN_LONG 12,600.
        let times = ProcessEnvironment.value("CAIRN_LONG") == "1" ? 20 : 1
        var random = SeededGenerator(seed: seed)
        let log = try RandomLog(&random)
        var pruned = 0
        for indexes in Indexes.allCases {
            try log.setIndexes(indexes)
            let reader = try log.fixture.open()
            for number in 0..<(indexes == .present ? 60 : 15) * times {
                let question = Question(&random, events: log.events)
                let query = try question.query()
                let expected = question.answer(log.events)
                let (found, statistics) = try reader.all(query)
                #expect(
                    found.map(\.sequence) == expected.map(\.sequence),
                    "seed \(seed), \(indexes), query \(number): \(query)")
                #expect(found.map(\.line) == expected.map(\.line))
                if query.limit == nil { #expect(try reader.count(query).count == UInt64(expected.count)) }
                pruned += indexes == .present ? statistics.spansPruned : 0
                guard number % 20 == 0 else { continue }
                var visited: [LogFixture.Stored] = []
                try reader.forEach(query) { sequence, line in
                    visited.append(LogFixture.Stored(sequence: sequence, line: Array(line)))
                    return .next
                }
                #expect(visited == found)
            }
        }
        #expect(pruned > 0)
    }
}

/// A JSON value, from which both the line and the expected answer are made.
private enum Value {
    case null
    case bool(Bool)
    case number(Double, text: String)
    case string(String)
    case array([Value])
    case object([(String, Value)])

    /// With blanks and escapes where `random` wants them.
    func text(_ random: inout SeededGenerator) -> String {
        let blank = random.oneIn(8) ? " " : ""
        switch self {
        case .null: return blank + "null"
        case .bool(let value): return blank + "\(value)"
        case .number(_, let text): return blank + text + blank
        case .string(let text): return Value.quoted(text, &random)
        case .array(let values):
            return "[" + blank + values.map { $0.text(&random) }.joined(separator: ",") + "]"
        case .object(let fields):
            let texts = fields.map { name, value in
                Value.quoted(name, &random) + blank + ":" + value.text(&random)
            }
            return "{" + blank + texts.joined(separator: ",") + blank + "}"
        }
    }

    private static func quoted(_ text: String, _ random: inout SeededGenerator) -> String {
        let escapes = random.oneIn(12)
        var output = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" {
                output += "\\\(scalar)"
            } else if scalar.value < 0x20 || (escapes && scalar.value < 0x80 && random.oneIn(3)) {
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                output.unicodeScalars.append(scalar)
            }
        }
        return output + "\""
    }
}

private struct Event {
    var sequence: UInt64
    var fields: [(String, Value)]
    var time: Time
    var line: [UInt8]
}

private let words = [
    "login", "Login_failed", "x", "42", "true", "null", "failed", "ann", "a b", "say \"hi\"", "c:\\d", "über",
    "tab\there", "db-1", "10.0.0.7", "10.1.0.9", "2001:db8::5", "2026-11-21T07:00:00Z", "ops", "web", "high", "?", "",
]

/// A few hundred events in several sealed segments and an active one, many spans in some.
private final class RandomLog {
    let fixture: LogFixture
    private(set) var events: [Event] = []
    private var files: [(first: UInt64, part: FileNames.Part, bytes: [UInt8])] = []

    init(_ random: inout SeededGenerator) throws {
        fixture = try LogFixture()
        let segments = Int.random(in: 1...4, using: &random)
        for segment in 0..<segments {
            try fill(&random, padding: segment == 0 ? 140_000 : 0)
            try fixture.seal()
        }
        if !random.oneIn(4) { try fill(&random, padding: 0) }
        for first in fixture.segments.dropLast() {
            let name = FileNames.segment(first, .index)
            files.append((first, .index, try #require(try fixture.files.contents(name, limit: 1 << 30))))
        }
    }

    private func fill(_ random: inout SeededGenerator, padding: Int) throws {
        for block in 0..<Int.random(in: 4...14, using: &random) {
            var lines: [String] = []
            // Each segment has a flavour, so that there is something to be left out.
            let module = random.pick(["authentication", "scanning", "system"])
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                var fields = randomFields(&random, module: module)
                // Few and large: a span of the index ends with 128 KiB.
                if padding > 0, block % 5 == 0, lines.isEmpty {
                    fields.append(("padding", .string(String(repeating: "p", count: padding))))
                }
                let received = Time(nanoseconds: fixture.clock.nanoseconds + Int64(lines.count) * 1_000_000_000)
                let stamps: [(String, Value)] = [
                    ("_seq", .number(Double(events.count), text: "")), ("_uid", .number(1000, text: "")),
                    ("_received", .string(stamp(received))),
                ]
                events.append(
                    Event(
                        sequence: UInt64(events.count), fields: stamps + fields, time: eventTime(fields) ?? received,
                        line: []))
                lines.append(Value.object(fields).text(&random))
            }
            try fixture.append(lines)
        }
        for index in events.indices { events[index].line = fixture.events[index].line }
    }

    func setIndexes(_ indexes: QueryDifferentialTests.Indexes) throws {
        for (number, file) in files.enumerated() {
            switch indexes {
            case .present: try fixture.put(FileNames.segment(file.first, .index), file.bytes)
            case .missing: try fixture.remove(file.first, .index)
            case .damaged:
                var bytes = file.bytes
                bytes[bytes.count / 2] ^= 1
                try fixture.put(FileNames.segment(file.first, .index), bytes)
            case .swapped:
                // That of another segment: in itself it is whole.
                let other = files[(number + 1) % files.count].bytes
                try fixture.put(FileNames.segment(file.first, .index), other)
            }
        }
    }

    private func stamp(_ time: Time) -> String {
        var text: [UInt8] = []
        time.append(to: &text, fractionDigits: 6)
        return String(decoding: text, as: UTF8.self)
    }

    private func eventTime(_ fields: [(String, Value)]) -> Time? {
        guard case .string(let text)? = fields.first(where: { $0.0 == "timestamp" })?.1 else { return nil }
        return Time(rfc3339: text)
    }
}

private func randomFields(_ random: inout SeededGenerator, module: String) -> [(String, Value)] {
    var fields: [(String, Value)] = [
        ("action", random.oneIn(12) ? .array([.string("login")]) : .string(random.pick(words))),
        ("module", random.oneIn(15) ? .array([.string(module)]) : .string(random.oneIn(15) ? "Not Valid" : module)),
    ]
    func add(_ name: String, _ value: Value) { fields.append((name, value)) }
    if random.oneIn(2) { add("status", random.oneIn(6) ? randomValue(&random, 1) : .string("failed")) }
    if random.oneIn(3) { add("status2", .string("success")) }
    if random.oneIn(2) { add("severity", random.oneIn(6) ? randomValue(&random, 1) : .string("high")) }
    if random.oneIn(2) { add("actor", randomParty(&random)) }
    if random.oneIn(3) { add("target", randomParty(&random)) }
    if random.oneIn(3) { add("tenant", randomValue(&random, 1)) }
    if random.oneIn(2) { add("ip_address", random.oneIn(8) ? randomValue(&random, 1) : .string(random.pick(words))) }
    if random.oneIn(3) { add("id", randomValue(&random, 0)) }
    if random.oneIn(3) {
        let seconds = Int64.random(in: -100_000...100_000, using: &random)
        let time = Time(nanoseconds: LogFixture.start.nanoseconds + seconds * 1_000_000_000)
        add("timestamp", random.oneIn(5) ? .string("yesterday") : .string(time.description))
    }
    if random.oneIn(3) { add("details", randomValue(&random, 2)) }
    if random.oneIn(2) { add("metadata", .object([("a", randomValue(&random, 3)), ("b.c", randomValue(&random, 2))])) }
    return fields
}

private func randomParty(_ random: inout SeededGenerator) -> Value {
    if random.oneIn(8) { return randomValue(&random, 2) }
    var fields: [(String, Value)] = []
    for name in ["id", "type", "email", "name", "roles"] where random.oneIn(2) {
        fields.append((name, random.oneIn(6) ? randomValue(&random, 2) : .string(random.pick(words))))
    }
    return .object(fields)
}

private func randomValue(_ random: inout SeededGenerator, _ depth: Int) -> Value {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
    case 0: return .null
    case 1: return .bool(random.oneIn(2))
    case 2:
        let numbers = [(42, "42"), (42, "4.20e1"), (-1.5, "-1.5"), (0, "0")]
        let (number, text) = random.pick(numbers)
        return .number(number, text: text)
    case 3, 4: return .string(random.pick(words))
    case 5: return .array((0..<Int.random(in: 0...3, using: &random)).map { _ in randomValue(&random, depth - 1) })
    case 6: return .object([("a", randomValue(&random, depth - 1)), ("id", randomValue(&random, depth - 1))])
    default: return .array([.object([("a", randomValue(&random, depth - 1))]), .object([])])
    }
}

// MARK: The oracle

private struct Question {
    private indirect enum Test {
        case comparison(path: [String], relation: String, value: String, quoted: Bool)
        case membership(path: [String], values: [String])
        case match(path: [String], pattern: String)
        case exists(path: [String])
        case text(String)
        case not(Test)
        case any([Test])
        case all([Test])
    }

    private var terms: [Test] = []
    private var since: Time?
    private var until: Time?
    private var isNewestFirst: Bool
    private var limit: Int?
    private var after: UInt64?

    private static let paths: [[String]] = [
        ["action"], ["module"], ["status"], ["severity"], ["actor", "id"], ["actor", "email"], ["actor", "roles"],
        ["actor"],
        ["target", "type"], ["target", "id"], ["tenant"], ["ip_address"], ["id"], ["session_id"], ["timestamp"],
        ["metadata", "a"], ["metadata", "a", "a"], ["metadata", "b.c"], ["metadata", "b", "c"], ["details", "id"],
        ["_seq"], ["_uid"], ["_received"], ["actor.id"], ["nothing"], ["details", "a"],
    ]

    init(_ random: inout SeededGenerator, events: [Event]) {
        isNewestFirst = random.oneIn(2)
        limit = random.oneIn(3) ? Int.random(in: 0...10, using: &random) : nil
        after = random.oneIn(4) ? UInt64.random(in: 0...UInt64(events.count + 3), using: &random) : nil
        if random.oneIn(4) { since = random.pick(events).time }
        if random.oneIn(4) { until = random.pick(events).time }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            terms.append(Question.tree(&random, events, depth: 0))
        }
    }

    private static func tree(_ random: inout SeededGenerator, _ events: [Event], depth: Int) -> Test {
        switch Int.random(in: 0..<(depth > 2 ? 6 : 10), using: &random) {
        case 6: .not(tree(&random, events, depth: depth + 1))
        case 7, 8: .any((0...1).map { _ in tree(&random, events, depth: depth + 1) })
        case 9: .all((0...1).map { _ in tree(&random, events, depth: depth + 1) })
        default: test(&random, events)
        }
    }

    private static func test(_ random: inout SeededGenerator, _ events: [Event]) -> Test {
        let count = events.count
        if random.oneIn(10) { return .exists(path: random.pick(paths)) }
        if random.oneIn(8) {
            let path = random.pick(paths.filter { !["_seq", "_uid"].contains($0[0]) })
            return .match(
                path: path, pattern: random.pick(["^log", "o+g", "[0-9]+$", "h|ü", "^$", "(?i)LOG", "a.b", "^t"]))
        }
        if random.oneIn(8) {
            let values = random.pick([["failed", "high"], ["login", "42", "zebra"], ["scanning", "null"], ["true"]])
            let path = random.pick(paths.filter { !$0[0].hasPrefix("_") && $0[0] != "timestamp" })
            return .membership(path: path, values: values)
        }
        if random.oneIn(6) {
            return .text(
                random.pick([
                    "log", "N", "say \"h", "über", "p\\", "zebra", "a b", "login", "LED", "0.0.7", "db-1", "failed",
                ]))
        }
        let path = random.pick(paths)
        var relation = random.oneIn(3) ? random.pick(["!=", "<", "<=", ">", ">="]) : "="
        var value = random.pick(words)
        var quoted = random.oneIn(3)
        switch path[0] {
        case "module": value = random.pick(["authentication", "scanning", "system", "Not Valid", "nowhere", "?"])
        case "status": value = random.pick(["failed", "success", "other", "null", "42"])
        case "severity" where ["<", "<=", ">", ">="].contains(relation):
            (value, quoted) = (random.pick(["low", "medium", "high", "critical"]), random.oneIn(2))
        case "severity": value = random.pick(["high", "low", "null"])
        case "_seq", "_uid": (value, quoted) = ("\(Int.random(in: 0...(count + 2), using: &random))", false)
        case "timestamp", "_received": value = random.pick(events).time.description
        case "ip_address" where random.oneIn(2):
            value = random.pick(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "0.0.0.0/0"])
            relation = random.oneIn(3) ? "!=" : "="
        default: break
        }
        if !quoted, value.isEmpty || value.contains(where: { " \"\t".contains($0) }) { quoted = true }
        if !quoted, ["true", "null"].contains(value), relation != "!=" { relation = "=" }
        return .comparison(path: path, relation: relation, value: value, quoted: quoted)
    }

    private static func quote(_ text: String) -> String {
        "\"" + text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] } + "\""
    }

    private static func text(_ test: Test) -> String {
        func name(_ path: [String]) -> String {
            path.map { $0.contains(".") ? quote($0) : $0 }.joined(separator: ".")
        }
        switch test {
        case .text(let text): return quote(text)
        case .comparison(let path, let relation, let value, let quoted):
            return name(path) + relation + (quoted ? quote(value) : value)
        case .membership(let path, let values): return "\(name(path)) in(\(values.joined(separator: ", ")))"
        case .match(let path, let pattern): return "\(name(path))~\(quote(pattern))"
        case .exists(let path): return "exists(\(name(path)))"
        case .not(let test): return "not (\(text(test)))"
        case .any(let tests): return "(" + tests.map(text).joined(separator: " or ") + ")"
        case .all(let tests): return "(" + tests.map(text).joined(separator: " ") + ")"
        }
    }

    func query() throws -> Query {
        Query(
            filter: try Filter(terms.map(Question.text).joined(separator: " ")), since: since, until: until,
            order: isNewestFirst ? .newestFirst : .oldestFirst, limit: limit, after: after)
    }

    func answer(_ events: [Event]) -> [Event] {
        let matching = events.filter { event in
            if let since, event.time < since { return false }
            if let until, event.time >= until { return false }
            if let after, isNewestFirst ? event.sequence >= after : event.sequence <= after { return false }
            return terms.allSatisfy { holds($0, event) }
        }
        let ordered = isNewestFirst ? matching.reversed() : matching
        return Array(ordered.prefix(limit ?? .max))
    }

    private func holds(_ test: Test, _ event: Event) -> Bool {
        switch test {
        case .not(let test): return !holds(test, event)
        case .any(let tests): return tests.contains { holds($0, event) }
        case .all(let tests): return tests.allSatisfy { holds($0, event) }
        case .exists(let path): return isThere(.object(event.fields), path[...], top: true)
        case .membership(let path, let values):
            return values.contains { value in
                holds(.comparison(path: path, relation: "=", value: value, quoted: false), event)
            }
        case .match(let path, let pattern):
            var isThere = false
            return leaves(.object(event.fields), path[...], top: true, &isThere).contains { matches($0, pattern) }
        case .text(let text):
            let searched = event.fields.filter { ["action", "actor", "target", "details"].contains($0.0) }
            return searched.contains { strings($0.1).contains { $0.lowercasedASCII.contains(text.lowercasedASCII) } }
        case .comparison(let path, let relation, let value, let quoted):
            var isThere = false
            let found = leaves(.object(event.fields), path[...], top: true, &isThere)
            if relation == "!=" {
                return !found.contains { compare($0, "=", value, quoted, path) }
                    && (isThere || quoted || value != "null")
            }
            if !isThere, relation == "=", !quoted, value == "null" { return true }
            return found.contains { compare($0, relation, value, quoted, path) }
        }
    }

    /// Whether a value that is not null is at the end of the path.
    private func isThere(_ value: Value, _ path: ArraySlice<String>, top: Bool) -> Bool {
        guard let name = path.first else {
            if case .null = value { return false }
            return true
        }
        switch value {
        case .object(let fields):
            return fields.contains { field in
                if top, ["actor", "target"].contains(name), path.count > 1, case .array = field.1 { return false }
                return field.0 == name && isThere(field.1, path.dropFirst(), top: false)
            }
        case .array(let values): return values.contains { isThere($0, path, top: false) }
        default: return false
        }
    }

    /// By the expressions of Swift's own library.
    private func matches(_ value: Value, _ pattern: String) -> Bool {
        let text: String
        switch value {
        case .string(let string): text = string
        case .number(_, let number): text = number
        case .bool(let bool): text = "\(bool)"
        default: return false
        }
        guard let expression = try? Regex(pattern).matchingSemantics(.unicodeScalar) else { return false }
        return text.firstMatch(of: expression) != nil
    }

    /// The values that are no objects or arrays, at the end of the path.
    private func leaves(_ value: Value, _ path: ArraySlice<String>, top: Bool, _ isThere: inout Bool) -> [Value] {
        guard let name = path.first else {
            isThere = true
            switch value {
            case .array(let values): return values.flatMap { leaves($0, path, top: false, &isThere) }
            case .object: return []
            default: return [value]
            }
        }
        switch value {
        case .object(let fields):
            var found: [Value] = []
            for field in fields where field.0 == name {
                // The parties of an event are objects or nothing.
                if top, ["actor", "target"].contains(name), path.count > 1, case .array = field.1 { continue }
                found += leaves(field.1, path.dropFirst(), top: false, &isThere)
            }
            return found
        case .array(let values): return values.flatMap { leaves($0, path, top: false, &isThere) }
        default: return []
        }
    }

    private func strings(_ value: Value) -> [String] {
        switch value {
        case .string(let text): [text]
        case .array(let values): values.flatMap(strings)
        case .object(let fields): fields.flatMap { strings($0.1) }
        default: []
        }
    }

    private func compare(_ value: Value, _ relation: String, _ text: String, _ quoted: Bool, _ path: [String]) -> Bool {
        let number = quoted || text.isEmpty ? nil : Double(text)
        switch value {
        case .null: return !quoted && text == "null" && relation == "="
        case .bool(let bool): return !quoted && text == "\(bool)" && relation == "="
        case .number(let other, _): return number.map { order(other, relation, $0) } ?? false
        case .string(let other):
            let isTimeField = path == ["timestamp"] || path == ["_received"]
            if relation == "=" {
                if Array(other.utf8) == Array(text.utf8) || (path.last == "ip_address" && inside(other, text)) {
                    return true
                }
                guard !quoted || isTimeField, let time = Time(rfc3339: text) else { return false }
                return Time(rfc3339: other) == time
            }
            if number != nil { return false }
            let ranks = ["low", "medium", "high", "critical"]
            if path == ["severity"] {
                guard let rank = ranks.firstIndex(of: text), let own = ranks.firstIndex(of: other) else { return false }
                return order(own, relation, rank)
            }
            if let time = Time(rfc3339: text) {
                return Time(rfc3339: other).map { order($0, relation, time) } ?? false
            }
            return order(Bytes(bytes: Array(other.utf8)), relation, Bytes(bytes: Array(text.utf8)))
        default: return false
        }
    }

    private struct Bytes: Comparable {
        var bytes: [UInt8]
        static func < (a: Bytes, b: Bytes) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
    }

    private func order<T: Comparable>(_ a: T, _ relation: String, _ b: T) -> Bool {
        switch relation {
        case "=": a == b
        case "<": a < b
        case "<=": a <= b
        case ">": a > b
        default: a >= b
        }
    }

    /// Of the few networks and addresses that occur here.
    private func inside(_ address: String, _ network: String) -> Bool {
        switch network {
        case "10.0.0.0/8": address == "10.0.0.7" || address == "10.1.0.9"
        case "10.1.0.0/16": address == "10.1.0.9"
        case "2001:db8::/32": address == "2001:db8::5"
        case "0.0.0.0/0": address == "10.0.0.7" || address == "10.1.0.9"
        default: false
        }
    }
}

extension String {
    fileprivate var lowercasedASCII: String {
        String(decoding: utf8.map { $0 >= 65 && $0 <= 90 ? $0 + 32 : $0 }, as: UTF8.self)
    }
}
