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
            index = end
            if atom.isKeyword("not") {
                isNegated.toggle()
                skipBlanks()
                if isAtEnd { throw error("a term behind \"not\"") }
                continue
            }
            let text = try searchText(atom, at: start)
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

    private func searchText(_ atom: Atom, at start: Int) throws(QuerySyntaxError) -> String {
        switch atom {
        case .quoted(let text):
            guard !text.isEmpty else { throw error("a text that is not empty", at: start) }
            return text
        case .bare(let word):
            switch word {
            case "or":
                throw error("a term: this version does not have the operator \"or\"; quote it to search for it", at: start)
            case "and":
                throw error("a term: terms side by side mean and; quote it to search for it", at: start)
            case "in" where peek(behindBlanks: "("), "exists" where peek(behindBlanks: "("):
                throw error("a term: this version does not have \"\(word)(…)\"", at: start)
            default: return word
            }
        case .path:
            throw error("an operator (= != < <= > >=) behind the path")
        }
    }

    private func path(_ atom: Atom, at start: Int) throws(QuerySyntaxError) -> [String] {
        switch atom {
        case .quoted(let name): return [name]
        case .path(let names): return names
        case .bare(let word):
            let names = word.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard names.allSatisfy({ !$0.isEmpty }) else {
                throw error("a path without empty names, such as actor.id", at: start)
            }
            return names
        }
    }

    // MARK: Words

    /// What a term begins with.
    private enum Atom {
        /// Without quotes; may hold dots.
        case bare(String)
        case quoted(String)
        /// Names of which one at least was quoted, and more than one.
        case path([String])

        func isKeyword(_ word: String) -> Bool {
            if case .bare(word) = self { true } else { false }
        }
    }

    private mutating func atom() throws(QuerySyntaxError) -> Atom {
        var names: [String] = []
        var isBare = true
        while true {
            if current == "\"" {
                isBare = false
                names.append(try quotedText())
                guard current == "." else { break }
                index += 1
            } else {
                let word = bareRun(until: Self.endsWord)
                if names.isEmpty && word.isEmpty { throw try notATerm() }
                guard current == "\"", word.last == "." else {
                    names.append(contentsOf: isBare && names.isEmpty ? [word] : Self.split(word))
                    break
                }
                isBare = false
                names.append(contentsOf: Self.split(String(word.dropLast())))
            }
        }
        if isBare { return .bare(names[0]) }
        guard names.count > 1 else { return .quoted(names[0]) }
        // An empty name without quotes: `a.."b"`, or `"a".`.
        guard !names.contains(Self.emptyName) else {
            throw error("a path without empty names, such as metadata.\"a.b\"")
        }
        return .path(names)
    }

    /// Stands for an empty bare name, as an empty quoted one is allowed. No name can hold a control character bare.
    private static let emptyName = "\u{0}"

    private static func split(_ word: String) -> [String] {
        word.split(separator: ".", omittingEmptySubsequences: false).map { $0.isEmpty ? emptyName : String($0) }
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
        let word = bareRun(until: Self.endsValue)
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

    private mutating func bareRun(until ends: (Unicode.Scalar) -> Bool) -> String {
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

    private func peek(behindBlanks scalar: Unicode.Scalar) -> Bool {
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
