/// Which events are wanted: terms of which each must hold, such as `module=authentication status=failed "mismatch"`.
/// <doc:FilterLanguage> has the grammar and what each operator means.
///
/// An empty filter matches every event.
public struct Filter: Sendable, Equatable, CustomStringConvertible {
    /// Every one must hold; none is an `all`.
    package var terms: [Term]

    package enum Term: Sendable, Equatable {
        case comparison(Comparison)
        /// `path in(value, value)`: the field has one of the values.
        case membership(Membership)
        /// `path~"pattern"`: the field has a value that the regular expression matches.
        case match(Match)
        /// `exists(path)`: the field is there and is not null.
        case presence([String])
        /// A text to be searched for; not empty.
        case text(String)
        /// The payload is never a `not` itself.
        indirect case not(Term)
        /// At least one must hold. Two or more, none of them an `any`.
        case any([Term])
        /// Every one must hold. Two or more, none of them an `all`; it stands in `not` and `any` only.
        case all([Term])

        /// `path=value`, of one name.
        package static func equal(_ name: String, _ value: String) -> Term {
            .comparison(Comparison(path: [name], relation: .equal, value: Value(text: value, isQuoted: true)))
        }

        /// The opposite.
        package static func negated(_ term: Term) -> Term {
            if case .not(let inner) = term { return inner }
            return .not(term)
        }

        /// All of `terms`, which are not empty, in one.
        package static func conjunction(_ terms: [Term]) -> Term {
            let flat = terms.flatMap { term in
                if case .all(let inner) = term { return inner }
                return [term]
            }
            return flat.count == 1 ? flat[0] : .all(flat)
        }

        /// At least one of `terms`, which are not empty.
        package static func disjunction(_ terms: [Term]) -> Term {
            let flat = terms.flatMap { term in
                if case .any(let inner) = term { return inner }
                return [term]
            }
            return flat.count == 1 ? flat[0] : .any(flat)
        }
    }

    package struct Comparison: Sendable, Equatable {
        /// Names from the event down; not empty.
        package var path: [String]
        package var relation: Relation
        package var value: Value

        package init(path: [String], relation: Relation, value: Value) {
            self.path = path
            self.relation = relation
            self.value = value
        }
    }

    package struct Membership: Sendable, Equatable {
        package var path: [String]
        /// Not empty.
        package var values: [Value]

        package init(path: [String], values: [Value]) {
            self.path = path
            self.values = values
        }

        /// The same as comparisons of which one must hold.
        package var comparisons: [Comparison] {
            values.map { Comparison(path: path, relation: .equal, value: $0) }
        }
    }

    package struct Match: Sendable, Equatable {
        package var path: [String]
        package var expression: RegularExpression

        package init(path: [String], expression: RegularExpression) {
            self.path = path
            self.expression = expression
        }
    }

    package enum Relation: String, Sendable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="

        /// Whether it asks which of two values comes first.
        package var isOrder: Bool { self != .equal && self != .notEqual }
    }

    /// A value as it was written, without its quotes and escapes.
    package struct Value: Sendable, Equatable {
        package var text: String
        package var isQuoted: Bool

        package init(text: String, isQuoted: Bool) {
            self.text = text
            self.isQuoted = isQuoted
        }
    }

    /// The filter that matches every event.
    public init() { terms = [] }

    package init(terms: [Term]) { self.terms = terms }

    /// Parses a filter.
    public init(_ text: String) throws(QuerySyntaxError) {
        var parser = FilterParser(text)
        terms = try parser.filter()
    }

    /// Whether it matches every event.
    public var isEmpty: Bool { terms.isEmpty }

    /// The filter as text; parsing it gives an equal filter.
    public var description: String {
        if terms.count == 1, case .any(let alternatives) = terms[0] {
            return Filter.Term.joined(alternatives, with: " or ")
        }
        return Filter.Term.joined(terms, with: " ")
    }

    /// The dotted paths that it looks at, as they were written.
    package var paths: [[String]] { terms.flatMap(\.paths) }
}

extension Filter.Term {
    fileprivate var paths: [[String]] {
        switch self {
        case .comparison(let comparison): [comparison.path]
        case .membership(let membership): [membership.path]
        case .match(let match): [match.path]
        case .presence(let path): [path]
        case .text: []
        case .not(let term): term.paths
        case .any(let terms), .all(let terms): terms.flatMap(\.paths)
        }
    }
}

extension Filter.Term: CustomStringConvertible {
    package var description: String {
        switch self {
        case .comparison(let comparison): comparison.description
        case .membership(let membership):
            "\(Self.name(membership.path)) in(\(membership.values.map(\.description).joined(separator: ", ")))"
        case .match(let match): "\(Self.name(match.path))~\(FilterParser.quoted(match.expression.text))"
        case .presence(let path): "exists(\(Self.name(path)))"
        case .text(let text):
            FilterParser.isBareWord(text) && !FilterParser.isKeyword(text) ? text : FilterParser.quoted(text)
        case .not(let term): "not \(term)"
        case .any(let terms): "(\(Self.joined(terms, with: " or ")))"
        case .all(let terms): "(\(Self.joined(terms, with: " ")))"
        }
    }

    /// Alternatives bind weaker than terms side by side, so `all` among them needs no parentheses.
    fileprivate static func joined(_ terms: [Filter.Term], with separator: String) -> String {
        terms.map { term in
            if separator != " ", case .all(let inner) = term { return joined(inner, with: " ") }
            return term.description
        }.joined(separator: separator)
    }

    static func name(_ path: [String]) -> String {
        path.map { name in
            FilterParser.isBareWord(name) && !name.contains(".") && !FilterParser.isKeyword(name)
                ? name : FilterParser.quoted(name)
        }.joined(separator: ".")
    }
}

extension Filter.Comparison: CustomStringConvertible {
    package var description: String { Filter.Term.name(path) + relation.rawValue + value.description }
}

extension Filter.Value: CustomStringConvertible {
    package var description: String { isQuoted ? FilterParser.quoted(text) : text }
}

extension Filter {
    /// Fields of the event itself that are named, but not known, each with the known one that is nearest to it.
    package var misspeltFields: [(name: String, known: String)] {
        Set(paths.map { $0[0] }).sorted().compactMap { name in KnownField.suggestion(for: name).map { (name, $0) } }
    }
}
