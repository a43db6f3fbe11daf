package import CairnFormat

/// Evaluates a ``Filter`` on the tape of a line: no String is made, and strings are compared unescaped. One owner at a
/// time: regular expressions learn as they go.
package struct FilterMatcher {
    private let terms: [TermMatcher]
    private let required: RequiredBytes

    package init(_ filter: Filter) {
        terms = filter.terms.map(TermMatcher.init)
        required = RequiredBytes(filter)
    }

    /// Whether every event matches.
    package var matchesAll: Bool { terms.isEmpty }

    /// A look at the bytes of a line, or of many lines, before they are parsed: whether one of them may match. False is
    /// certain.
    package func mayMatch(_ bytes: UnsafeRawBufferPointer) -> Bool { required.mayOccur(in: bytes) }

    /// The same for the lines of one buffer.
    func lines(_ bytes: UnsafeRawBufferPointer) -> RequiredBytes.Lines { RequiredBytes.Lines(required, bytes) }

    /// Whether the event on `tape` matches; `line` is what was parsed.
    package func matches(_ tape: JSONTape, line: UnsafeRawBufferPointer) -> Bool {
        for term in terms where !term.matches(tape, line) { return false }
        return true
    }
}

private indirect enum TermMatcher {
    case comparison(FieldMatcher<ComparisonTest>)
    case membership(FieldMatcher<MembershipTest>)
    case match(FieldMatcher<ExpressionTest>)
    case presence(FieldMatcher<PresenceTest>)
    case text(BytePattern)
    case not(TermMatcher)
    case any([TermMatcher])
    case all([TermMatcher])

    init(_ term: Filter.Term) {
        switch term {
        case .comparison(let comparison):
            let matcher = TermMatcher.comparison(FieldMatcher(comparison.path, ComparisonTest(comparison)))
            self = comparison.relation == .notEqual ? .not(matcher) : matcher
        case .membership(let membership):
            self = .membership(FieldMatcher(membership.path, MembershipTest(membership)))
        case .match(let match):
            self = .match(FieldMatcher(match.path, ExpressionTest(matcher: match.expression.makeMatcher())))
        case .presence(let path): self = .presence(FieldMatcher(path, PresenceTest()))
        case .text(let text): self = .text(BytePattern(text.utf8, ignoresCase: true))
        case .not(let term): self = .not(TermMatcher(term))
        case .any(let terms): self = .any(terms.map(TermMatcher.init))
        case .all(let terms): self = .all(terms.map(TermMatcher.init))
        }
    }

    func matches(_ tape: JSONTape, _ line: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .comparison(let matcher): matcher.matches(tape, line)
        case .membership(let matcher): matcher.matches(tape, line)
        case .match(let matcher): matcher.matches(tape, line)
        case .presence(let matcher): matcher.matches(tape, line)
        case .text(let pattern): tape.hasSearchedText(pattern)
        case .not(let term): !term.matches(tape, line)
        case .any(let terms): terms.contains { $0.matches(tape, line) }
        case .all(let terms): terms.allSatisfy { $0.matches(tape, line) }
        }
    }
}

extension JSONTape {
    private static let searched = SearchedField.allCases.map(\.name)

    /// Whether the pattern occurs in a string under one of the fields that a text alone is searched for in.
    fileprivate func hasSearchedText(_ pattern: BytePattern) -> Bool {
        var index = 2
        while kind(index) != .objectEnd {
            let name = string(index)
            if Self.searched.contains(where: { name.isText($0) }), hasText(pattern, at: index + 1) { return true }
            index = next(index + 1)
        }
        return false
    }

    /// Whether it occurs in a string at or under `index`; names of fields do not count.
    private func hasText(_ pattern: BytePattern, at index: Int) -> Bool {
        switch kind(index) {
        case .string: return pattern.occurs(in: string(index))
        case .array:
            var element = index + 1
            while kind(element) != .arrayEnd {
                if hasText(pattern, at: element) { return true }
                element = next(element)
            }
        case .object:
            var key = index + 1
            while kind(key) != .objectEnd {
                if hasText(pattern, at: key + 1) { return true }
                key = next(key + 1)
            }
        default: break
        }
        return false
    }
}

extension JSONTape {
    /// The event time of the stored line on the tape: Format.md, "Events and lines". nil for a line without stamps.
    package var eventTime: Time? {
        var received: Time?
        var index = 2
        while kind(index) != .objectEnd {
            if kind(index + 1) == .string {
                let name = string(index)
                if name.isText("timestamp") {
                    if let time = Time(rfc3339: string(index + 1)) { return time }
                } else if name.isText("_received") {
                    // The stamp is the first of that name.
                    received = received ?? Time(rfc3339: string(index + 1))
                }
            }
            index = next(index + 1)
        }
        return received
    }
}
