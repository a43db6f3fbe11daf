import CairnFormat

/// Bytes that a line must have for a filter to match it: rejects lines, and runs of lines, before they are parsed.
///
/// Without an escape the strings of a line stand there as they are, so a text that must be in one of them must be among
/// its bytes. Of the escapes of JSON (RFC 8259 section 7) only `\uXXXX` can stand for any character; the others stand
/// for `"`, `\`, `/` and five control characters alone.
struct RequiredBytes {
    private struct Alternatives {
        /// One of them stands in a matching line that has none of the escapes that could stand for it.
        var patterns: [BytePattern]
        /// Whether every escape has to be thought of, and not only `\u`.
        var isEscapable: Bool
    }

    /// Of each one pattern must be there.
    private let clauses: [Alternatives]

    init(_ filter: Filter) { clauses = filter.terms.flatMap(Self.clauses) }

    /// False is certain: no line in `bytes` matches.
    func mayOccur(in bytes: UnsafeRawBufferPointer) -> Bool {
        for clause in clauses where !clause.patterns.contains(where: { $0.occurs(in: bytes) }) {
            return Self.hasEscape(bytes, ofAnyKind: clause.isEscapable)
        }
        return true
    }

    private static func hasEscape(_ bytes: UnsafeRawBufferPointer, ofAnyKind: Bool) -> Bool {
        // Most logs have hardly a backslash, and one byte is found faster than two.
        hasByte(UInt8(ascii: "\\"), bytes) && (ofAnyKind || escape.occurs(in: bytes))
    }

    /// Looks at lines of one buffer, of which most are passed over without looking at them again.
    struct Lines {
        private let bytes: UnsafeRawBufferPointer
        private let required: RequiredBytes
        /// Where a pattern of the first clause stands, at the place that was asked for last or behind it; the end of the
        /// buffer if none does. Nil while that says nothing: there are escapes, or no clauses.
        private var next: Int?

        init(_ required: RequiredBytes, _ bytes: UnsafeRawBufferPointer) {
            self.required = required
            self.bytes = bytes
            guard let first = required.clauses.first,
                !RequiredBytes.hasEscape(bytes, ofAnyKind: first.isEscapable)
            else { return }
            next = -1
        }

        /// Whether the line there may match; false is certain. Lines are asked for from first to last, or one by one
        /// from last to first.
        mutating func mayMatch(_ line: Range<Int>, isForward: Bool) -> Bool {
            let text = UnsafeRawBufferPointer(rebasing: bytes[line])
            guard let known = next, isForward else { return required.mayOccur(in: text) }
            if known < line.lowerBound { next = find(from: line.lowerBound) }
            guard let next, next < line.upperBound else { return false }
            return required.clauses.count == 1 || required.mayOccur(in: text)
        }

        private func find(from start: Int) -> Int {
            var least = bytes.count
            for pattern in required.clauses[0].patterns {
                least = min(least, pattern.firstOccurrence(in: bytes, from: start) ?? least)
            }
            return least
        }
    }

    private static let escape = BytePattern(#"\u"#.utf8)

    private static func clauses(_ term: Filter.Term) -> [Alternatives] {
        switch term {
        case .not, .presence: return []
        case .text(let text): return [alternatives([(text, isWhole: false)], ignoresCase: true)]
        case .comparison(let comparison): return clause(of: [comparison])
        case .membership(let membership): return clause(of: membership.comparisons)
        case .match(let match):
            guard let literal = match.expression.requiredLiteral else { return [] }
            // Numbers and booleans are matched as they are written, and that is how they stand in the line.
            return [
                Alternatives(
                    patterns: [BytePattern(literal)], isEscapable: literal.contains(where: Self.isEscapable))
            ]
        case .all(let terms): return terms.flatMap(clauses)
        case .any(let terms):
            var merged = Alternatives(patterns: [], isEscapable: false)
            for term in terms {
                // One clause of each: the one with the fewest patterns is the cheapest to look for.
                guard let clause = clauses(term).min(by: { $0.patterns.count < $1.patterns.count }) else { return [] }
                merged.patterns += clause.patterns
                merged.isEscapable = merged.isEscapable || clause.isEscapable
            }
            return merged.patterns.count <= patternLimit ? [merged] : []
        }
    }

    /// Beyond this looking for each pattern costs more than parsing.
    private static let patternLimit = 16

    /// nil for a value that may stand in the line in many ways.
    private static func clause(of comparisons: [Filter.Comparison]) -> [Alternatives] {
        var texts: [(String, isWhole: Bool)] = []
        for comparison in comparisons {
            let value = comparison.value
            guard comparison.relation == .equal, comparison.network == nil, comparison.time == nil else { return [] }
            if value.isQuoted {
                texts.append((value.text, isWhole: true))
            } else if value.text == "true" || value.text == "false" {
                texts.append((value.text, isWhole: false))
            } else if value.text != "null", ExactNumber(Array(value.text.utf8)) == nil {
                texts.append((value.text, isWhole: true))
            } else {
                return []
            }
        }
        return texts.count <= patternLimit ? [alternatives(texts, ignoresCase: false)] : []
    }

    private static func alternatives(_ texts: [(String, isWhole: Bool)], ignoresCase: Bool) -> Alternatives {
        Alternatives(
            patterns: texts.map { text, isWhole in
                BytePattern((isWhole ? "\"\(text)\"" : text).utf8, ignoresCase: ignoresCase)
            },
            isEscapable: texts.contains { $0.0.utf8.contains(where: isEscapable) })
    }

    private static func isEscapable(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "/")
    }
}
