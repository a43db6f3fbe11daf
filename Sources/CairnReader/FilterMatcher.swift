package import CairnFormat

/// Evaluates a ``Filter`` on the tape of a line: no String is made, and strings are compared unescaped.
package struct FilterMatcher: Sendable {
    private let terms: [TermMatcher]
    /// Each stands in a matching line that has no backslash.
    private let required: [BytePattern]

    package init(_ filter: Filter) {
        terms = filter.terms.map(TermMatcher.init)
        required = filter.terms.compactMap(Self.requiredPattern)
    }

    /// Whether every event matches.
    package var matchesAll: Bool { terms.isEmpty }

    /// A look at the bytes before the line is parsed; false is certain.
    ///
    /// Without a backslash the strings of a line stand there as they are, so a text that must be in one of them must be
    /// among its bytes. With one, every character may be written as an escape, and only parsing tells.
    package func mayMatch(_ line: UnsafeRawBufferPointer) -> Bool {
        for pattern in required where !pattern.occurs(in: line) { return hasBackslash(line) }
        return true
    }

    /// Whether the event on `tape` matches; `line` is what was parsed.
    package func matches(_ tape: JSONTape, line: UnsafeRawBufferPointer) -> Bool {
        terms.allSatisfy { $0.matches(tape, line) }
    }

    private func hasBackslash(_ line: UnsafeRawBufferPointer) -> Bool {
        // Without an early end, so that the compiler can take many bytes at once.
        var found = false
        for byte in line { found = found || byte == UInt8(ascii: "\\") }
        return found
    }

    private static func requiredPattern(_ term: Filter.Term) -> BytePattern? {
        switch term {
        case .not: return nil
        case .text(let text): return BytePattern(text.utf8, ignoresCase: true)
        case .comparison(let comparison):
            let value = comparison.value
            guard comparison.relation == .equal, comparison.network == nil else { return nil }
            if value.isQuoted { return BytePattern("\"\(value.text)\"".utf8) }
            switch value.text {
            case "null": return nil
            case "true", "false": return BytePattern(value.text.utf8)
            default:
                // A number may be written in many ways.
                return ExactNumber(Array(value.text.utf8)) == nil ? BytePattern("\"\(value.text)\"".utf8) : nil
            }
        }
    }
}

extension Filter.Comparison {
    /// The network that the value names, where the field holds addresses.
    var network: IPNetwork? {
        guard path.last == "ip_address", relation == .equal || relation == .notEqual else { return nil }
        return IPNetwork(value.text)
    }
}

private indirect enum TermMatcher: Sendable {
    case comparison(ComparisonMatcher)
    case text(BytePattern)
    case not(TermMatcher)

    init(_ term: Filter.Term) {
        switch term {
        case .comparison(let comparison):
            let matcher = TermMatcher.comparison(ComparisonMatcher(comparison))
            self = comparison.relation == .notEqual ? .not(matcher) : matcher
        case .text(let text): self = .text(BytePattern(text.utf8, ignoresCase: true))
        case .not(let term): self = .not(TermMatcher(term))
        }
    }

    func matches(_ tape: JSONTape, _ line: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .comparison(let comparison): comparison.matches(tape, line)
        case .text(let pattern): TermMatcher.occurs(pattern, tape)
        case .not(let term): !term.matches(tape, line)
        }
    }

    private static let searched: [[UInt8]] = ["action", "actor", "target", "details"].map { Array($0.utf8) }

    private static func occurs(_ pattern: BytePattern, _ tape: JSONTape) -> Bool {
        var index = 2
        while tape.kind(index) != .objectEnd {
            let name = tape.string(index)
            if searched.contains(where: { isEqual(name, $0) }), occurs(pattern, tape, at: index + 1) { return true }
            index = tape.next(index + 1)
        }
        return false
    }

    /// Whether it occurs in a string at or under `index`; names of fields do not count.
    private static func occurs(_ pattern: BytePattern, _ tape: JSONTape, at index: Int) -> Bool {
        switch tape.kind(index) {
        case .string: return pattern.occurs(in: tape.string(index))
        case .array:
            var element = index + 1
            while tape.kind(element) != .arrayEnd {
                if occurs(pattern, tape, at: element) { return true }
                element = tape.next(element)
            }
        case .object:
            var key = index + 1
            while tape.kind(key) != .objectEnd {
                if occurs(pattern, tape, at: key + 1) { return true }
                key = tape.next(key + 1)
            }
        default: break
        }
        return false
    }
}

private struct ComparisonMatcher: Sendable {
    private let path: [[UInt8]]
    /// Where `actor` or `target` is no object, it has no fields: so the index understands it, too.
    private let beginsWithParty: Bool
    private let relation: Filter.Relation
    private let text: [UInt8]
    private let isQuoted: Bool
    private let number: ExactNumber?
    private let time: Time?
    private let network: IPNetwork?

    /// `!=` is matched as `=`; the caller turns the result round.
    init(_ comparison: Filter.Comparison) {
        path = comparison.path.map { Array($0.utf8) }
        beginsWithParty = ["actor", "target"].contains(comparison.path[0])
        relation = comparison.relation == .notEqual ? .equal : comparison.relation
        text = Array(comparison.value.text.utf8)
        isQuoted = comparison.value.isQuoted
        number = isQuoted ? nil : ExactNumber(text)
        time = Time(rfc3339: comparison.value.text)
        network = comparison.network
    }

    private var isNull: Bool { !isQuoted && relation == .equal && text.elementsEqual("null".utf8) }

    func matches(_ tape: JSONTape, _ line: UnsafeRawBufferPointer) -> Bool {
        var search = Search(tape: tape, numbers: NumberTexts(tape, line: line))
        return matches(&search, at: 1, depth: 0) || (!search.isPresent && isNull)
    }

    private struct Search {
        let tape: JSONTape
        var numbers: NumberTexts
        /// Whether the path led to a value.
        var isPresent = false
    }

    /// Whether a value under `index`, which `depth` names of the path have led to, has the relation.
    private func matches(_ search: inout Search, at index: Int, depth: Int) -> Bool {
        let tape = search.tape
        let isEnd = depth == path.count
        if isEnd { search.isPresent = true }
        switch tape.kind(index) {
        case .object:
            if isEnd { return false }
            var key = index + 1
            while tape.kind(key) != .objectEnd {
                if isEqual(tape.string(key), path[depth]), matches(&search, at: key + 1, depth: depth + 1) {
                    return true
                }
                key = tape.next(key + 1)
            }
            return false
        case .array:
            if !isEnd, depth == 1, beginsWithParty { return false }
            var element = index + 1
            while tape.kind(element) != .arrayEnd {
                if matches(&search, at: element, depth: depth) { return true }
                element = tape.next(element)
            }
            return false
        default: return isEnd && holds(&search, at: index)
        }
    }

    private func holds(_ search: inout Search, at index: Int) -> Bool {
        switch search.tape.kind(index) {
        case .string: return holds(forText: search.tape.string(index))
        case .int, .uint, .double:
            guard let number else { return false }
            let other = ExactNumber(search.numbers.text(at: index))
            return other.map { holds($0, number) } ?? false
        case .yes: return isLiteral("true")
        case .no: return isLiteral("false")
        case .null: return isNull
        default: return false
        }
    }

    private func isLiteral(_ name: StaticString) -> Bool {
        !isQuoted && relation == .equal && text.withUnsafeBytes { isEqual($0, name) }
    }

    private func holds(forText other: UnsafeRawBufferPointer) -> Bool {
        if relation == .equal { return isEqual(other, text) || (network?.contains(other) ?? false) }
        if number != nil { return false }
        if let time {
            guard let otherTime = Time(rfc3339: other) else { return false }
            return holds(otherTime, time)
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

private func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: [UInt8]) -> Bool {
    guard bytes.count == text.count else { return false }
    for index in 0..<text.count where bytes[index] != text[index] { return false }
    return true
}

private func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.count == text.utf8CodeUnitCount
        && bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

extension JSONTape {
    /// The event time of the stored line on the tape: Format.md, "Events and lines". nil for a line without stamps.
    package var eventTime: Time? {
        var received: Time?
        var index = 2
        while kind(index) != .objectEnd {
            if kind(index + 1) == .string {
                let name = string(index)
                if isEqual(name, "timestamp") {
                    if let time = Time(rfc3339: string(index + 1)) { return time }
                } else if isEqual(name, "_received") {
                    // The stamp is the first of that name.
                    received = received ?? Time(rfc3339: string(index + 1))
                }
            }
            index = next(index + 1)
        }
        return received
    }
}
