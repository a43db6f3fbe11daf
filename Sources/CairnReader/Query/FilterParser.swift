/// Reads the text of a ``Filter``, by recursive descent over the grammar of <doc:FilterLanguage>.
struct FilterParser {
    /// Parentheses and `not`s inside each other at most, so that no text exhausts the stack.
    static let depthLimit = 64

    private let text: String
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    /// Whether blanks and commas end values: inside `in(…)`.
    private var isInList = false

    init(_ text: String) {
        self.text = text
        scalars = Array(text.unicodeScalars)
    }

    mutating func filter() throws(QuerySyntaxError) -> [Filter.Term] {
        skipBlanks()
        if isAtEnd { return [] }
        let term = try alternatives()
        if !isAtEnd { throw error("a term, or the end of the text: there is no ( that this ) closes") }
        if case .all(let terms) = term { return terms }
        return [term]
    }

    // MARK: Terms

    /// Terms side by side, and "or" between runs of them, up to the end or a `)`.
    private mutating func alternatives() throws(QuerySyntaxError) -> Filter.Term {
        var alternatives = [try sequence()]
        while takeKeyword("or") { alternatives.append(try sequence()) }
        return .disjunction(alternatives)
    }

    private mutating func sequence() throws(QuerySyntaxError) -> Filter.Term {
        var terms = [try term()]
        while true {
            try expectBoundary()
            skipBlanks()
            if isAtEnd || current == ")" || standsKeyword("or") { return .conjunction(terms) }
            // Terms side by side mean it anyway.
            _ = takeKeyword("and")
            terms.append(try term())
        }
    }

    private mutating func term() throws(QuerySyntaxError) -> Filter.Term {
        let start = index
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else {
            throw error("at most \(Self.depthLimit) parentheses and \"not\" inside each other", at: start)
        }
        if current == "(" { return try group() }
        let atom = try self.atom()
        let end = index
        skipBlanks()
        if let operation = try operation() { return try field(path(atom, at: start), operation) }
        let behind = index
        switch atom.word.map(Self.lowercased) {
        case "not":
            if isAtEnd { throw error("a term behind \"not\"") }
            return .negated(try term())
        case "exists" where current == "(": return .presence(try presence())
        case "or", "and":
            throw error("a term; quote it to search for it", at: start)
        case "in" where current == "(":
            throw error("a field name before \"in\"", at: start)
        default:
            if takeKeyword("in", before: "(") { return .membership(try membership(path(atom, at: start))) }
            index = end
            return .text(try searchText(atom, at: start, behind: behind))
        }
    }

    private mutating func group() throws(QuerySyntaxError) -> Filter.Term {
        let start = index
        index += 1
        skipBlanks()
        let inner = try alternatives()
        try close(start)
        return inner
    }

    private mutating func close(_ start: Int) throws(QuerySyntaxError) {
        skipBlanks()
        guard current == ")" else { throw error(") to close the ( of column \(column(start))") }
        index += 1
    }

    private mutating func presence() throws(QuerySyntaxError) -> [String] {
        let start = index
        index += 1
        skipBlanks()
        let place = index
        let path = try path(self.atom(), at: place)
        try close(start)
        return path
    }

    private mutating func membership(_ path: [String]) throws(QuerySyntaxError) -> Filter.Membership {
        skipBlanks()
        let start = index
        index += 1
        isInList = true
        defer { isInList = false }
        var values: [Filter.Value] = []
        repeat {
            if !values.isEmpty { index += 1 }
            skipBlanks()
            let place = index
            let value = try value(behind: values.isEmpty ? "(" : ",")
            try check(Filter.Comparison(path: path, relation: .equal, value: value), at: place)
            values.append(value)
            skipBlanks()
        } while current == ","
        guard current == ")" else { throw error(", or ) to close the ( of column \(column(start))") }
        index += 1
        return Filter.Membership(path: path, values: values)
    }

    private mutating func field(
        _ path: [String], _ operation: Operation
    ) throws(QuerySyntaxError) -> Filter.Term {
        skipBlanks()
        let start = index
        switch operation {
        case .relation(let relation):
            let comparison = Filter.Comparison(
                path: path, relation: relation, value: try value(behind: relation.rawValue))
            try check(comparison, at: start)
            return .comparison(comparison)
        case .match(let isNegated):
            let expression = try expression(behind: isNegated ? "!~" : "~")
            let term = Filter.Term.match(Filter.Match(path: path, expression: expression))
            return isNegated ? .not(term) : term
        }
    }

    private mutating func expression(behind operation: String) throws(QuerySyntaxError) -> RegularExpression {
        let start = index
        let isQuoted = current == "\""
        let value = try value(behind: operation)
        do throws(RegularExpressionError) {
            return try RegularExpression(value.text)
        } catch {
            let place = start + (isQuoted ? 1 + escapesBefore(error.offset, from: start + 1) : 0) + error.offset
            throw self.error(error.expected, at: min(place, index))
        }
    }

    /// Backslashes that were taken out of the first `count` characters of a quoted text.
    private func escapesBefore(_ count: Int, from start: Int) -> Int {
        var (place, taken, escapes) = (start, 0, 0)
        while taken < count, place + 1 < scalars.count {
            if scalars[place] == "\\", scalars[place + 1] == "\"" || scalars[place + 1] == "\\" {
                place += 1
                escapes += 1
            }
            place += 1
            taken += 1
        }
        return escapes
    }

    private func searchText(_ atom: Atom, at start: Int, behind: Int) throws(QuerySyntaxError) -> String {
        if let word = atom.word { return word }
        guard atom.names.count == 1 else {
            throw error("an operator (= != ~ !~ < <= > >= in)", at: behind)
        }
        guard !atom.names[0].text.isEmpty else { throw error("a text that is not empty", at: start) }
        return atom.names[0].text
    }

    private func path(_ atom: Atom, at start: Int) throws(QuerySyntaxError) -> [String] {
        guard atom.names.allSatisfy({ $0.isQuoted || !$0.text.isEmpty }) else {
            throw error("a path without empty names, such as actor.id", at: start)
        }
        return atom.names.map(\.text)
    }

    // MARK: Words

    /// What a term begins with: the names between dots.
    private struct Atom {
        var names: [Name] = []

        struct Name {
            var text: String
            var isQuoted: Bool
        }

        /// As it was written, if nothing of it was quoted.
        var word: String? { names.contains(where: \.isQuoted) ? nil : names.map(\.text).joined(separator: ".") }
    }

    private mutating func atom() throws(QuerySyntaxError) -> Atom {
        guard let first = current, first == "\"" || !Self.endsWord(first) else {
            throw error("a field name or a word")
        }
        var atom = Atom()
        while true {
            if current == "\"" {
                atom.names.append(Atom.Name(text: try quotedText(), isQuoted: true))
            } else {
                atom.names.append(Atom.Name(text: run { $0 == "." || Self.endsWord($0) }, isQuoted: false))
            }
            guard current == "." else { return atom }
            index += 1
        }
    }

    /// What stands between a path and its value.
    private enum Operation {
        case relation(Filter.Relation)
        case match(isNegated: Bool)
    }

    private mutating func operation() throws(QuerySyntaxError) -> Operation? {
        let next = index + 1 < scalars.count ? scalars[index + 1] : nil
        switch (current, next) {
        case ("~", _):
            index += 1
            return .match(isNegated: false)
        case ("!", "~"):
            index += 2
            return .match(isNegated: true)
        case ("=", "~"): throw error("~ without the =")
        case ("=", "="): throw error("a single =")
        case ("=", "<"), ("=", ">"): throw error("<= or >=")
        case ("!", "="), ("<", "="), (">", "="):
            defer { index += 2 }
            return .relation(current == "!" ? .notEqual : current == "<" ? .lessOrEqual : .greaterOrEqual)
        case ("=", _), ("<", _), (">", _):
            defer { index += 1 }
            return .relation(current == "=" ? .equal : current == "<" ? .less : .greater)
        case ("!", _): throw error("!= or !~ (a word with ! in it must be quoted)")
        default: return nil
        }
    }

    private mutating func value(behind operation: String) throws(QuerySyntaxError) -> Filter.Value {
        let start = index
        if current == "\"" { return Filter.Value(text: try quotedText(), isQuoted: true) }
        let isInList = isInList
        let word = run { Self.endsValue($0) || isInList && $0 == "," }
        guard let first = word.unicodeScalars.first, !Self.operators.contains(first) else {
            throw error("a value behind \(operation)", at: start)
        }
        return Filter.Value(text: word, isQuoted: false)
    }

    /// `\"` and `\\` are escapes; a backslash before anything else is itself.
    private mutating func quotedText() throws(QuerySyntaxError) -> String {
        let start = index
        index += 1
        var content = String.UnicodeScalarView()
        while let scalar = current {
            index += 1
            if scalar == "\"" { return String(content) }
            if scalar == "\\", let next = current, next == "\"" || next == "\\" {
                content.append(next)
                index += 1
            } else {
                content.append(scalar)
            }
        }
        throw QuerySyntaxError(
            text: text, column: column(index), found: "the end of the text",
            expected: "\" to close the quote of column \(column(start))")
    }

    private mutating func run(until ends: (Unicode.Scalar) -> Bool) -> String {
        var run = String.UnicodeScalarView()
        while let scalar = current, !ends(scalar) {
            run.append(scalar)
            index += 1
        }
        return String(run)
    }

    private func expectBoundary() throws(QuerySyntaxError) {
        guard let scalar = current, scalar != ")", !scalar.properties.isWhitespace else { return }
        throw error("a blank between terms")
    }

    /// Refuses what no event could match, or what would not mean what it says.
    private func check(_ comparison: Filter.Comparison, at place: Int) throws(QuerySyntaxError) {
        let value = comparison.value
        if comparison.relation.isOrder, !value.isQuoted, ["true", "false", "null"].contains(value.text) {
            throw error("a number, a time or a text: \(value.text) has no order", at: place)
        }
        if let expected = KnownField(comparison.path)?.expected(of: value, comparison.relation) {
            throw error(expected, at: place)
        }
    }

    // MARK: Keywords

    /// Whether the word, and nothing that would make it a field or a longer word, stands here.
    private func standsKeyword(_ word: String) -> Bool {
        let letters = word.unicodeScalars
        let stands = scalars[index...].prefix(letters.count).elementsEqual(letters) { Self.lowercased($0) == $1 }
        return stands && isKeywordEnd(index + letters.count)
    }

    /// As in ABNF, where the letters of a word of the language may be of either case.
    private static func lowercased(_ word: String) -> String {
        String(String.UnicodeScalarView(word.unicodeScalars.map(lowercased)))
    }

    private static func lowercased(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        ("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar
    }

    private func isKeywordEnd(_ place: Int) -> Bool {
        guard place < scalars.count else { return true }
        guard scalars[place].properties.isWhitespace || scalars[place] == "(" || scalars[place] == ")" else {
            return false
        }
        // `or = 1` asks for a field of that name.
        let behind = scalars[place...].first { !$0.properties.isWhitespace }
        return behind.map { !Self.operators.contains($0) } ?? true
    }

    /// Passes over the word, and the blanks around it, if it stands here; `next` is what must follow it.
    private mutating func takeKeyword(_ word: String, before next: Unicode.Scalar? = nil) -> Bool {
        guard standsKeyword(word) else { return false }
        let behind = index + word.unicodeScalars.count
        if let next, scalars[behind...].first(where: { !$0.properties.isWhitespace }) != next { return false }
        index = behind
        skipBlanks()
        return true
    }

    // MARK: Characters

    private var isAtEnd: Bool { index >= scalars.count }
    private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func skipBlanks() {
        while let scalar = current, scalar.properties.isWhitespace { index += 1 }
    }

    private func error(_ expected: String, at place: Int? = nil) -> QuerySyntaxError {
        let place = place ?? index
        return QuerySyntaxError(text: text, column: column(place), found: found(at: place), expected: expected)
    }

    private func column(_ place: Int) -> Int {
        var before = String.UnicodeScalarView()
        before.append(contentsOf: scalars[..<place])
        return String(before).count + 1
    }

    /// The word or the character that stands there.
    private func found(at place: Int) -> String {
        guard place < scalars.count else { return "the end of the text" }
        var word = String.UnicodeScalarView()
        word.append(contentsOf: scalars[place...].prefix { !Self.endsValue($0) }.prefix(40))
        if word.isEmpty { word.append(scalars[place]) }
        return "'\(String(word))'"
    }

    private static let operators: Set<Unicode.Scalar> = ["=", "!", "<", ">", "~"]

    private static func endsValue(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\"" || scalar == "(" || scalar == ")" || scalar.properties.isWhitespace
    }

    private static func endsWord(_ scalar: Unicode.Scalar) -> Bool { operators.contains(scalar) || endsValue(scalar) }

    // MARK: Printing

    /// Whether the text can stand in a filter without quotes, as a word or (without dots) as a name.
    static func isBareWord(_ text: String) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy { !endsWord($0) && $0.properties.generalCategory != .control }
    }

    static func isKeyword(_ text: String) -> Bool {
        ["not", "or", "and", "in", "exists"].contains(lowercased(text))
    }

    static func quoted(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { output.unicodeScalars.append("\\") }
            output.unicodeScalars.append(scalar)
        }
        output.unicodeScalars.append("\"")
        return output
    }
}
