import CairnFormat

/// What is asked of a value at the end of a path.
protocol ValueTest {
    /// Whether a field that is not there passes.
    var passesAbsent: Bool { get }
    /// Whether the objects and arrays themselves are asked, and not only the values in them.
    var seesContainers: Bool { get }

    /// Whether the value at `index` passes. `numbers` finds the texts of numbers.
    func passes(_ tape: JSONTape, at index: Int, _ numbers: inout NumberTexts) -> Bool
}

extension ValueTest {
    var passesAbsent: Bool { false }
    var seesContainers: Bool { false }
}

/// Finds the values that a dotted path leads to, through objects and through the elements of arrays, and asks whether
/// one of them passes.
struct FieldMatcher<Test: ValueTest> {
    private let path: [[UInt8]]
    /// Where `actor` or `target` is no object, it has no fields: so the index understands it, too.
    private let beginsWithParty: Bool
    private let test: Test

    init(_ path: [String], _ test: Test) {
        self.path = path.map { Array($0.utf8) }
        beginsWithParty = ["actor", "target"].contains(path[0])
        self.test = test
    }

    func matches(_ tape: JSONTape, _ line: UnsafeRawBufferPointer) -> Bool {
        var search = Search(tape: tape, numbers: NumberTexts(tape, line: line))
        return matches(&search, at: 1, depth: 0) || (!search.isPresent && test.passesAbsent)
    }

    private struct Search {
        let tape: JSONTape
        var numbers: NumberTexts
        /// Whether the path led to a value.
        var isPresent = false
    }

    /// Whether a value under `index`, which `depth` names of the path have led to, passes.
    private func matches(_ search: inout Search, at index: Int, depth: Int) -> Bool {
        let tape = search.tape
        let isEnd = depth == path.count
        if isEnd { search.isPresent = true }
        switch tape.kind(index) {
        case .object:
            if isEnd { return test.seesContainers && test.passes(tape, at: index, &search.numbers) }
            var key = index + 1
            while tape.kind(key) != .objectEnd {
                if isEqual(tape.string(key), path[depth]), matches(&search, at: key + 1, depth: depth + 1) {
                    return true
                }
                key = tape.next(key + 1)
            }
            return false
        case .array:
            if isEnd, test.seesContainers { return test.passes(tape, at: index, &search.numbers) }
            if !isEnd, depth == 1, beginsWithParty { return false }
            var element = index + 1
            while tape.kind(element) != .arrayEnd {
                if matches(&search, at: element, depth: depth) { return true }
                element = tape.next(element)
            }
            return false
        default: return isEnd && test.passes(tape, at: index, &search.numbers)
        }
    }
}

/// `path=value` and the orders. `!=` is tested as `=`; the caller turns the result round.
struct ComparisonTest: ValueTest {
    private let relation: Filter.Relation
    private let text: [UInt8]
    private let isQuoted: Bool
    private let number: ExactNumber?
    private let time: Time?
    private let network: IPNetwork?
    private let severity: EventSeverity?

    init(_ comparison: Filter.Comparison) {
        relation = comparison.relation == .notEqual ? .equal : comparison.relation
        text = Array(comparison.value.text.utf8)
        isQuoted = comparison.value.isQuoted
        number = isQuoted ? nil : ExactNumber(text)
        time = comparison.time
        network = comparison.network
        severity =
            comparison.path == ["severity"] && relation.isOrder
            ? EventSeverity(named: comparison.value.text) : nil
    }

    var passesAbsent: Bool { !isQuoted && relation == .equal && text.elementsEqual("null".utf8) }

    func passes(_ tape: JSONTape, at index: Int, _ numbers: inout NumberTexts) -> Bool {
        switch tape.kind(index) {
        case .string: return holds(forText: tape.string(index))
        case .int, .uint, .double:
            guard let number else { return false }
            let other = ExactNumber(numbers.text(at: index))
            return other.map { holds($0, number) } ?? false
        case .yes: return isLiteral("true")
        case .no: return isLiteral("false")
        case .null: return passesAbsent
        default: return false
        }
    }

    private func isLiteral(_ name: StaticString) -> Bool {
        !isQuoted && relation == .equal && text.withUnsafeBytes { $0.isText(name) }
    }

    private func holds(forText other: UnsafeRawBufferPointer) -> Bool {
        if relation == .equal, isEqual(other, text) || (network?.contains(other) ?? false) { return true }
        if let time {
            guard let otherTime = Time(rfc3339: other) else { return false }
            return holds(otherTime, time)
        }
        if relation == .equal || number != nil { return false }
        if let severity {
            guard let other = EventSeverity(named: other) else { return false }
            return holds(other.rawValue, severity.rawValue)
        }
        return switch relation {
        case .less: other.lexicographicallyPrecedes(text)
        case .lessOrEqual: !text.lexicographicallyPrecedes(other)
        case .greater: text.lexicographicallyPrecedes(other)
        default: !other.lexicographicallyPrecedes(text)
        }
    }

    private func holds<Value: Comparable>(_ other: Value, _ value: Value) -> Bool {
        switch relation {
        case .equal, .notEqual: other == value
        case .less: other < value
        case .lessOrEqual: other <= value
        case .greater: other > value
        case .greaterOrEqual: other >= value
        }
    }
}

extension Filter.Comparison {
    /// The network that the value names, where the field holds addresses.
    var network: IPNetwork? {
        guard path.last == "ip_address", !relation.isOrder else { return nil }
        return IPNetwork(value.text)
    }

    /// The time that the value is; as `=` compares a quoted value as text, it then is none but in the fields that hold
    /// times.
    var time: Time? {
        guard relation.isOrder || !value.isQuoted || path == ["timestamp"] || path == ["_received"] else { return nil }
        return Time(rfc3339: value.text)
    }
}

/// `path in(…)`.
struct MembershipTest: ValueTest {
    private let tests: [ComparisonTest]

    init(_ membership: Filter.Membership) { tests = membership.comparisons.map { ComparisonTest($0) } }

    var passesAbsent: Bool { tests.contains(where: \.passesAbsent) }

    func passes(_ tape: JSONTape, at index: Int, _ numbers: inout NumberTexts) -> Bool {
        for test in tests where test.passes(tape, at: index, &numbers) { return true }
        return false
    }
}

/// `path~"…"`: strings as they are unescaped, numbers and booleans as they are written.
struct ExpressionTest: ValueTest {
    let matcher: RegularExpressionMatcher

    func passes(_ tape: JSONTape, at index: Int, _ numbers: inout NumberTexts) -> Bool {
        switch tape.kind(index) {
        case .string: matcher.matches(tape.string(index))
        case .int, .uint, .double: matcher.matches(numbers.text(at: index))
        case .yes: matches("true")
        case .no: matches("false")
        default: false
        }
    }

    private func matches(_ word: StaticString) -> Bool {
        matcher.matches(UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
}

/// `exists(path)`.
struct PresenceTest: ValueTest {
    var seesContainers: Bool { true }

    func passes(_ tape: JSONTape, at index: Int, _ numbers: inout NumberTexts) -> Bool { tape.kind(index) != .null }
}

func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: [UInt8]) -> Bool {
    guard bytes.count == text.count else { return false }
    for index in 0..<text.count where bytes[index] != text[index] { return false }
    return true
}
