extension RegularExpressionParser {
    // MARK: Escapes

    enum Escape {
        case scalar(Unicode.Scalar)
        case set(ScalarSet)
        case assertion(RegularExpressionSyntax.Assertion)
    }

    /// Reads from a backslash on. A set does not depend on `ignoresCase`: each has both cases of its letters.
    mutating func escape() throws(RegularExpressionError) -> Escape {
        let start = index
        index += 1
        guard let scalar = current else { throw error("a character behind \\ (\\\\ is the backslash)") }
        index += 1
        switch scalar {
        case "d": return .set(.digits)
        case "D": return .set(ScalarSet.digits.inverted)
        case "w": return .set(.word)
        case "W": return .set(ScalarSet.word.inverted)
        case "s": return .set(.blanks)
        case "S": return .set(ScalarSet.blanks.inverted)
        case "A": return .assertion(.textStart)
        case "z": return .assertion(.textEnd)
        case "b": return .assertion(.wordBoundary)
        case "B": return .assertion(.notWordBoundary)
        case "t": return .scalar("\t")
        case "n": return .scalar("\n")
        case "v": return .scalar("\u{B}")
        case "f": return .scalar("\u{C}")
        case "r": return .scalar("\r")
        case "x": return .scalar(try numberedScalar(at: start, digits: accept("{") ? nil : 2))
        case "u": return .scalar(try numberedScalar(at: start, digits: 4))
        default: break
        }
        guard " "..."~" ~= scalar, !scalar.isLetterOrDigit else {
            throw error(Self.refusal(of: scalar), at: start)
        }
        return .scalar(scalar)
    }

    /// Reads the digits of `\x` or `\u`; `digits` is nil for those in braces.
    private mutating func numberedScalar(
        at start: Int, digits: Int?
    ) throws(RegularExpressionError) -> Unicode.Scalar {
        var value: UInt32 = 0
        let first = index
        while index - first < digits ?? 6, let digit = current.flatMap(Self.digit) {
            value = value << 4 | digit
            index += 1
        }
        if let digits {
            guard index - first == digits else {
                throw error("\(digits) hexadecimal digits, as in \\x41 and \\u0041 (or \\x{1F600})")
            }
        } else {
            guard index > first, accept("}") else { throw error("1 to 6 hexadecimal digits and a }, as in \\x{1F600}") }
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw error("the number of a character: not above 10FFFF, no surrogate (D800 to DFFF)", at: start)
        }
        return scalar
    }

    private static func refusal(of scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "p", "P": "a class of ranges such as [a-zà-ÿ]: properties of characters (\\p) are not supported"
        case "1"..."9", "k", "g": "what is to match again, written again: backreferences are not supported"
        case "0": "the number of a character in hexadecimal, as in \\x00"
        case "Z": "\\z for the end of the text"
        case "U": "\\x{1F600} for the character of that number"
        case "Q", "E": "a backslash before each character that is to stand for itself: \\Q and \\E are not supported"
        case _ where scalar.isLetterOrDigit:
            "an escape: \\\(scalar) is none (\\d \\w \\s \\b \\D \\W \\S \\B \\A \\z \\t \\n \\v \\f \\r \\x \\u)"
        default: "that character without a backslash"
        }
    }

    // MARK: Classes

    /// Reads a class in brackets.
    mutating func characterClass() throws(RegularExpressionError) -> ScalarSet {
        let start = index
        index += 1
        let isInverted = accept("^")
        let first = index
        var ranges: [ClosedRange<UInt32>] = []
        while true {
            guard let scalar = current else {
                throw error("a ] to close the class of column \(column(start)) of the regular expression")
            }
            if scalar == "]", index > first { break }
            if scalar == "-", index > first, next != "]", next != nil {
                throw error("\\- for the character -, which stands for itself only where a class begins or ends")
            }
            if let set = try posixClass() {
                ranges += set.ranges
            } else {
                ranges += try classRange()
            }
        }
        if scalars[first] == ":", scalars[index - 1] == ":",
            Self.posixClass(scalars[first..<index].dropFirst().dropLast()) != nil
        {
            throw error("two pairs of brackets around the name of a class, as in [[:digit:]]", at: start)
        }
        index += 1
        let set = ignoresCase ? ScalarSet(ranges).withBothCases : ScalarSet(ranges)
        return isInverted ? set.inverted : set
    }

    /// Reads a character, an escape or a range.
    private mutating func classRange() throws(RegularExpressionError) -> [ClosedRange<UInt32>] {
        let place = index
        switch try classItem() {
        case .set(let set): return set.ranges
        case .assertion: throw error("\\x08 for backspace: places cannot be in a class", at: place)
        case .scalar(let low):
            guard current == "-", let end = next, end != "]" else { return [low.value...low.value] }
            index += 1
            let behind = index
            guard case .scalar(let high) = try classItem() else {
                throw error("a character to end the range, or \\- for the character -", at: behind)
            }
            guard low <= high else {
                throw error("a range from the lower character to the higher one", at: place)
            }
            return [low.value...high.value]
        }
    }

    private mutating func classItem() throws(RegularExpressionError) -> Escape {
        if current == "\\" { return try escape() }
        defer { index += 1 }
        return .scalar(scalars[index])
    }

    /// Reads `[:name:]`; nil if there is none.
    private mutating func posixClass() throws(RegularExpressionError) -> ScalarSet? {
        if stands("[.") || stands("[=") {
            throw error("\\[ for the character [: collating elements and equivalence classes are not supported")
        }
        let start = index
        guard accept("[:") else { return nil }
        let isInverted = accept("^")
        let name = scalars[index...].prefix { $0.isLetterOrDigit }
        index += name.count
        guard accept(":]") else {
            index = start
            return nil
        }
        guard let set = Self.posixClass(name) else {
            throw error("one of the classes \(ScalarSet.posixNames)", at: start)
        }
        let folded = ignoresCase ? set.withBothCases : set
        return isInverted ? folded.inverted : folded
    }

    private static func posixClass(_ name: ArraySlice<Unicode.Scalar>) -> ScalarSet? {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: name)
        return ScalarSet.posix(String(text))
    }

    private var next: Unicode.Scalar? { index + 1 < scalars.count ? scalars[index + 1] : nil }
}

extension Unicode.Scalar {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case "0"..."9", "A"..."Z", "a"..."z": true
        default: false
        }
    }
}
