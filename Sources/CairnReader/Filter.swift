/// Which events are wanted: terms of which each must hold, such as `module=authentication status=failed "mismatch"`.
///
/// - `path=value`, `path!=value`: a field, named by its dotted path, has that value. A path reaches through objects and
///   through the elements of arrays, and an array has a value if one of its elements has it. A segment of a path may be
///   quoted: `metadata."a.b"`. `path!=value` is `not path=value`: an event without the field matches.
/// - `path<value` and `<=`, `>`, `>=`: a number against numbers; a time of RFC 3339 with zone against such times;
///   anything else against strings, by their bytes in UTF-8.
/// - `word` or `"some words"`: stands in one of the strings under `action`, `actor`, `target` or `details`; the case of
///   ASCII letters does not matter.
/// - `not` before a term turns it round.
///
/// A bare value is compared as text with strings, and where it reads as a JSON number, `true`, `false` or `null`, also
/// as that. A quoted value (`\"` and `\\` inside it) is only ever text. Numbers are compared exactly, however long:
/// `42` equals `42.0`. `null` also stands for a field that is not there. A value of `ip_address` may be a network,
/// `10.0.0.0/8` or `2001:db8::/32`.
///
/// An empty filter matches every event.
public struct Filter: Sendable, Equatable, CustomStringConvertible {
    /// Every one must hold.
    package var terms: [Term]

    package enum Term: Sendable, Equatable {
        case comparison(Comparison)
        /// A text to be searched for; not empty.
        case text(String)
        /// The payload is never a `not` itself.
        indirect case not(Term)

        /// `path=value`, of one name.
        package static func equal(_ name: String, _ value: String) -> Term {
            .comparison(Comparison(path: [name], relation: .equal, value: Value(text: value, isQuoted: true)))
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

    package enum Relation: String, Sendable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
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
    public var description: String { terms.map(\.description).joined(separator: " ") }
}

extension Filter.Term: CustomStringConvertible {
    package var description: String {
        switch self {
        case .comparison(let comparison): comparison.description
        case .text(let text):
            FilterParser.isBareWord(text) && !FilterParser.isKeyword(text) ? text : FilterParser.quoted(text)
        case .not(let term): "not \(term)"
        }
    }
}

extension Filter.Comparison: CustomStringConvertible {
    package var description: String {
        let names = path.map { name in
            FilterParser.isBareWord(name) && !name.contains(".") ? name : FilterParser.quoted(name)
        }
        let shown = value.isQuoted ? FilterParser.quoted(value.text) : value.text
        return names.joined(separator: ".") + relation.rawValue + shown
    }
}
