/// Reads the text of a ``RegularExpression`` by recursive descent.
struct RegularExpressionParser {
    let scalars: [Unicode.Scalar]
    var index = 0
    /// Whether letters to be read match both cases: (?i) stands before, in the same group or around it.
    private(set) var ignoresCase = false
    /// Groups around the place.
    private var depth = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func regularExpression() throws(RegularExpressionError) -> RegularExpressionSyntax {
        guard scalars.count <= RegularExpression.lengthLimit else {
            throw error(
                "the end of the regular expression: it can have \(RegularExpression.lengthLimit) characters",
                at: RegularExpression.lengthLimit)
        }
        let syntax = try alternatives()
        guard isAtEnd else { throw error("no ) here, as no group is open (\\) is the character)") }
        return syntax
    }

    // MARK: Sequences

    private mutating func alternatives() throws(RegularExpressionError) -> RegularExpressionSyntax {
        var items: [RegularExpressionSyntax] = []
        var size = 0
        repeat {
            let start = index
            let item = try sequence()
            size += item.size + 1
            try expectSize(size, at: start)
            items.append(item)
        } while accept("|")
        return items.count == 1 ? items[0] : .alternatives(items)
    }

    private mutating func sequence() throws(RegularExpressionError) -> RegularExpressionSyntax {
        var items: [RegularExpressionSyntax] = []
        var size = 0
        while let scalar = current, scalar != "|", scalar != ")" {
            if accept("(?i)") {
                ignoresCase = true
                continue
            }
            let start = index
            let atom = try atom(scalar)
            let end = index
            if case .assertion = atom, scalar != "(", try quantifier() != nil {
                throw error("no quantifier: ^, $, \\b and other places cannot be repeated", at: end)
            }
            let item = try quantified(atom)
            size += item.size
            try expectSize(size, at: start)
            items.append(item)
        }
        return items.count == 1 ? items[0] : .sequence(items)
    }

    private func expectSize(_ size: Int, at place: Int) throws(RegularExpressionError) {
        guard size > RegularExpression.sizeLimit else { return }
        throw error(
            "a simpler regular expression: with what stands here it compiles to more than can be matched fast",
            at: place)
    }

    private mutating func atom(_ scalar: Unicode.Scalar) throws(RegularExpressionError) -> RegularExpressionSyntax {
        switch scalar {
        case "(": return try group()
        case "[":
            let set = try characterClass()
            return set.only.map { .literal($0) } ?? .characters(UTF8Automaton(set))
        case "\\":
            switch try escape() {
            case .scalar(let scalar): return literal(scalar)
            case .set(let set): return .characters(UTF8Automaton(set))
            case .assertion(let assertion): return .assertion(assertion)
            }
        case "*", "+", "?": throw error("something to repeat before \(scalar) (\\\(scalar) is the character)")
        case "{": throw error("something to repeat before { (\\{ is the character)")
        default: break
        }
        index += 1
        return switch scalar {
        case ".": .characters(UTF8Automaton(.notLineFeed))
        case "^": .assertion(.textStart)
        case "$": .assertion(.textEnd)
        default: literal(scalar)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> RegularExpressionSyntax {
        guard ignoresCase, scalar.properties.isAlphabetic, scalar.isASCII else { return .literal(scalar) }
        return .characters(UTF8Automaton(ScalarSet(scalar).withBothCases))
    }

    // MARK: Quantifiers

    private mutating func quantified(
        _ operand: RegularExpressionSyntax
    ) throws(RegularExpressionError) -> RegularExpressionSyntax {
        let start = index
        guard let (least, most) = try quantifier() else { return operand }
        _ = accept("?")
        switch current {
        case "+":
            throw error(
                "no + behind a quantifier: possessive quantifiers are not supported, and nothing needs them, since "
                    + "matching never goes back")
        case "*", "?", "{": throw error("one quantifier only: what is to be repeated again must be in a group, (?: )")
        default: break
        }
        let repeated = RegularExpressionSyntax.repeated(operand, least: least, most: most)
        guard repeated.size <= RegularExpression.sizeLimit else {
            throw error(
                "fewer repetitions: with these the regular expression compiles to more than can be matched fast",
                at: start)
        }
        return repeated
    }

    private mutating func quantifier() throws(RegularExpressionError) -> (least: Int, most: Int?)? {
        if accept("*") { return (0, nil) }
        if accept("+") { return (1, nil) }
        if accept("?") { return (0, 1) }
        guard accept("{") else { return nil }
        let least = try count()
        guard accept(",") else {
            try expectBrace()
            return (least, least)
        }
        if accept("}") { return (least, nil) }
        let place = index
        let most = try count()
        guard least <= most else { throw error("a number not less than \(least)", at: place) }
        try expectBrace()
        return (least, most)
    }

    private mutating func count() throws(RegularExpressionError) -> Int {
        let start = index
        var count = 0
        while let digit = current.flatMap(Self.digit), digit < 10 {
            count = count * 10 + Int(digit)
            guard count <= RegularExpression.repetitionLimit else {
                throw error("a number not greater than \(RegularExpression.repetitionLimit)", at: start)
            }
            index += 1
        }
        guard index > start else { throw error("a number of repetitions, such as {3} or {0,3} (\\{ is the character)") }
        return count
    }

    private mutating func expectBrace() throws(RegularExpressionError) {
        guard accept("}") else { throw error("a } behind the number of repetitions") }
    }

    // MARK: Groups

    private mutating func group() throws(RegularExpressionError) -> RegularExpressionSyntax {
        let start = index
        let ignoredCase = ignoresCase
        guard depth < RegularExpression.nestingLimit else {
            throw error("at most \(RegularExpression.nestingLimit) groups inside one another")
        }
        if accept("(?i:") {
            ignoresCase = true
        } else if !accept("(?:") {
            if let expected = refusal() { throw error(expected) }
            index += 1
        }
        depth += 1
        let syntax = try alternatives()
        guard accept(")") else {
            throw error("a ) to close the group of column \(column(start)) of the regular expression")
        }
        depth -= 1
        ignoresCase = ignoredCase
        return syntax
    }

    /// What to write instead of the group that begins here; nil if it is a plain one.
    private func refusal() -> String? {
        guard stands("(?") else { return nil }
        if ["(?=", "(?!", "(?<=", "(?<!"].contains(where: stands) {
            return
                "a group without look-around, which is not supported: several terms of a filter with ~ and !~ can say "
                + "what else must or must not match"
        }
        if stands("(?>") {
            return "(?: ) instead of an atomic group, which nothing needs, since matching never goes back"
        }
        if stands("(?P=") { return "what is to match again, written again: backreferences are not supported" }
        if ["(?P<", "(?<", "(?'"].contains(where: stands) {
            return "a group without a name: what a group matched is not kept"
        }
        if stands("(?#") { return "a group: comments are not supported" }
        if ["(?s", "(?m", "(?x", "(?U", "(?u", "(?a", "(?L", "(?i", "(?-", "(?^"].contains(where: stands) {
            return
                "(?i) or (?i: ), as no other flags are supported: [^a] and [\\s\\S] match line feeds, and ^ and $ the "
                + "ends of the text"
        }
        return "a group ( ), (?: ) or (?i: ): no other kind is supported"
    }

    // MARK: Characters

    var isAtEnd: Bool { index >= scalars.count }
    var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    func stands(_ text: String) -> Bool { scalars[index...].starts(with: text.unicodeScalars) }

    mutating func accept(_ text: String) -> Bool {
        guard stands(text) else { return false }
        index += text.unicodeScalars.count
        return true
    }

    func error(_ expected: String, at place: Int? = nil) -> RegularExpressionError {
        RegularExpressionError(offset: place ?? index, expected: expected)
    }

    func column(_ place: Int) -> Int {
        var before = String.UnicodeScalarView()
        before.append(contentsOf: scalars[..<place])
        return String(before).count + 1
    }

    /// The value of a hexadecimal digit.
    static func digit(_ scalar: Unicode.Scalar) -> UInt32? {
        switch scalar {
        case "0"..."9": scalar.value - 0x30
        case "a"..."f": scalar.value - 0x61 + 10
        case "A"..."F": scalar.value - 0x41 + 10
        default: nil
        }
    }
}
