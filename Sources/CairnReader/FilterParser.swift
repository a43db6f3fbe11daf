/// Reads the text of a ``Filter``.
struct FilterParser {
    private let text: String
    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ text: String) {
        self.text = text
        scalars = Array(text.unicodeScalars)
    }

    mutating func filter() throws(QuerySyntaxError) -> [Filter.Term] {
        var terms: [Filter.Term] = []
        skipBlanks()
        while !isAtEnd {
            terms.append(try term())
            try expectBoundary()
            skipBlanks()
        }
        return terms
    }

    // MARK: Terms

    private mutating func term() throws(QuerySyntaxError) -> Filter.Term {
        var isNegated = false
        while true {
            let start = index
            let atom = try self.atom()
            let end = index
            skipBlanks()
            if let relation = try relation() {
                let comparison = try comparison(path(atom, at: start), relation)
                return isNegated ? .not(.comparison(comparison)) : .comparison(comparison)
            }
            let behind = index
            index = end
            if atom.word == "not" {
                isNegated.toggle()
                skipBlanks()
                if isAtEnd { throw error("a term behind \"not\"") }
                continue
            }
            let text = try searchText(atom, at: start, behind: behind)
            return isNegated ? .not(.text(text)) : .text(text)
        }
    }

    private mutating func comparison(
        _ path: [String], _ relation: Filter.Relation
    ) throws(QuerySyntaxError) -> Filter.Comparison {
        skipBlanks()
        let start = index
        let value = try value(behind: relation)
        switch relation {
        case .equal, .notEqual:
            if path.last == "ip_address", value.text.contains("/"), IPNetwork(value.text) == nil {
                throw error("a network such as 10.0.0.0/8 or 2001:db8::/32", at: start)
            }
        default:
            if !value.isQuoted, ["true", "false", "null"].contains(value.text) {
                throw error("a number, a time or a text: \(value.text) has no order", at: start)
            }
        }
        return Filter.Comparison(path: path, relation: relation, value: value)
    }

    private func searchText(_ atom: Atom, at start: Int, behind: Int) throws(QuerySyntaxError) -> String {
        guard let word = atom.word else {
            guard atom.names.count == 1 else { throw error("an operator (= != < <= > >=)", at: behind) }
            guard !atom.names[0].text.isEmpty else { throw error("a text that is not empty", at: start) }
            return atom.names[0].text
        }
        switch word {
        case "or":
            throw error("a term: this version does not have the operator \"or\"; quote it to search for it", at: start)
        case "and":
            throw error("a term: terms side by side mean and; quote it to search for it", at: start)
        case "in" where stands("("), "exists" where stands("("):
            throw error("a term: this version does not have \"\(word)(…)\"", at: start)
        default: return word
        }
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
        guard let first = current, first == "\"" || !Self.endsWord(first) else { throw try notATerm() }
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

    private func notATerm() throws(QuerySyntaxError) -> QuerySyntaxError {
        try refuseParentheses()
        return error("a field name or a word")
    }

    private mutating func relation() throws(QuerySyntaxError) -> Filter.Relation? {
        let next = index + 1 < scalars.count ? scalars[index + 1] : nil
        switch (current, next) {
        case ("~", _), ("=", "~"), ("!", "~"):
            throw error("one of = != < <= > >=: this version does not have regular expressions (~ and !~)")
        case ("=", "="): throw error("a single =")
        case ("=", "<"), ("=", ">"): throw error("<= or >=")
        case ("!", "="), ("<", "="), (">", "="):
            defer { index += 2 }
            return current == "!" ? .notEqual : current == "<" ? .lessOrEqual : .greaterOrEqual
        case ("=", _), ("<", _), (">", _):
            defer { index += 1 }
            return current == "=" ? .equal : current == "<" ? .less : .greater
        case ("!", _): throw error("!= (a word with ! in it must be quoted)")
        default: return nil
        }
    }

    private mutating func value(behind relation: Filter.Relation) throws(QuerySyntaxError) -> Filter.Value {
        let start = index
        if current == "\"" { return Filter.Value(text: try quotedText(), isQuoted: true) }
        try refuseParentheses()
        let word = run(until: Self.endsValue)
        guard let first = word.unicodeScalars.first, !Self.operators.contains(first) else {
            throw error("a value behind \(relation.rawValue)", at: start)
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
        guard let scalar = current, !scalar.properties.isWhitespace else { return }
        try refuseParentheses()
        throw error("a blank between terms")
    }

    private func refuseParentheses() throws(QuerySyntaxError) {
        guard current == "(" || current == ")" else { return }
        throw error("a term: this version does not have parentheses; quote them to search for them")
    }

    // MARK: Characters

    private var isAtEnd: Bool { index >= scalars.count }
    private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func skipBlanks() {
        while let scalar = current, scalar.properties.isWhitespace { index += 1 }
    }

    /// Whether that is the next character but for blanks.
    private func stands(_ scalar: Unicode.Scalar) -> Bool {
        scalars[index...].first { !$0.properties.isWhitespace } == scalar
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

    static func isKeyword(_ text: String) -> Bool { ["not", "or", "and", "in", "exists"].contains(text) }

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
