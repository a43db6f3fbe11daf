/// Why a filter or a time was not understood, and where.
public struct QuerySyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was to be read.
    public var text: String
    /// The character where reading stopped, counted from 1; one more than there are where the text ends too early.
    public var column: Int
    /// What stands there.
    public var found: String
    /// What could have stood there, or what to do.
    public var expected: String

    package init(text: String, column: Int, found: String, expected: String) {
        self.text = text
        self.column = column
        self.found = found
        self.expected = expected
    }

    /// Three lines: the reason, the text, and a `^` under the place.
    public var description: String {
        // One cell for each character, or the mark would stand elsewhere: line feeds and tabs become blanks.
        let shown = text.map { character in
            character.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } ? character : " "
        }
        let mark = String(repeating: " ", count: max(0, column - 1)) + "^"
        return "column \(column): found \(found), expected \(expected)\n  \(String(shown))\n  \(mark)"
    }
}
