/// A pattern that texts of an event are compared with, as in the filter `actor.email~"@example\.com$"`.
///
/// It matches a text if it matches somewhere in it; `^` and `$` bind it to the text's ends. Matching takes time linear
/// in the text and bounded memory, whatever the pattern, since it never goes back (R. Cox, "Regular Expression
/// Matching: the Virtual Machine Approach", 2009; the syntax is a subset of that of RE2).
///
/// | Syntax | What it matches |
/// | --- | --- |
/// | `a` | the character itself; `\ ^ $ . \| ? * + ( ) [ {` need a backslash before them |
/// | `\.` | any ASCII punctuation or blank behind a backslash stands for itself |
/// | `.` | any character but line feed |
/// | `xy` | `x`, then `y` |
/// | `x\|y` | `x` or `y`; either may be empty |
/// | `(x)`, `(?:x)` | a group; both forms mean the same, since what a group matched is not kept |
/// | `x*`, `x+`, `x?` | any number of times; at least once; once or not at all |
/// | `x{3}`, `x{3,}`, `x{3,5}` | exactly 3 times; at least 3 times; 3 to 5 times |
/// | `x*?`, `x+?`, `x??`, `x{3,5}?` | the same: whether a text matches does not depend on how much a part takes |
/// | `^`, `\A` | the beginning of the text |
/// | `$`, `\z` | the end of the text; never a place before a line feed |
/// | `\b`, `\B` | a place where a word (`\w`) begins or ends; any other place |
/// | `[abc]`, `[a-z]`, `[^a-z]` | a character of the class; a range; any character not in the class, line feed too |
/// | `\d`, `\w`, `\s` | an ASCII digit; an ASCII letter, digit or `_`; a blank, `\t`, `\n`, `\v`, `\f` or `\r` |
/// | `\D`, `\W`, `\S` | any character but those; these and the three above also inside `[ ]` |
/// | `[[:alpha:]]`, `[[:^alpha:]]` | a POSIX class of ASCII, by its name; any character but those |
/// | `\t`, `\n`, `\v`, `\f`, `\r` | the control character |
/// | `\x41`, `\u0041`, `\x{1F600}` | the character of that number: exactly 2 or 4, or 1 to 6 hexadecimal digits |
/// | `(?i:x)`, `(?i)` | without regard to the case of ASCII letters: `x`; what follows, to the end of the group |
///
/// A character is a Unicode scalar: `é` written as a letter and an accent is two. Nothing is normalized, and with
/// `(?i)` only the letters A to Z have two cases. In a class, `]` stands for itself where it comes first, `-` where it
/// comes first or last, and `[` wherever it does not begin a POSIX class. Those are `alnum`, `alpha`, `ascii`, `blank`,
/// `cntrl`, `digit`, `graph`, `lower`, `print`, `punct`, `space`, `upper`, `word` and `xdigit`.
///
/// Texts are UTF-8. A byte that belongs to no scalar is matched by nothing, not by `.` or `[^a]` either, yet what
/// stands before and behind it can match. `\b` counts such a byte as no word, and `\B` never matches before a byte from
/// 80 to BF.
///
/// Refused, with what to write instead: backreferences, look-around, atomic groups, possessive quantifiers, named
/// groups, conditions and recursion, flags but `i`, comments, properties such as `\p{L}`, octal numbers, and a `{` that
/// does not repeat. Refused, too, is what exceeds ``lengthLimit``, ``nestingLimit``, ``repetitionLimit`` or
/// ``sizeLimit``.
package struct RegularExpression: Sendable {
    /// Unicode scalars of a regular expression at most: room for some hundred names side by side.
    package static let lengthLimit = 8192
    /// Groups inside one another at most: the parser calls itself for each, and a thread's stack may be of 512 KiB.
    package static let nestingLimit = 100
    /// Number of repetitions at most that can be written in braces, as in RE2.
    package static let repetitionLimit = 1000
    /// Transitions of the compiled automaton at most: what a byte of text costs at worst. Enough for `.{1000}`.
    package static let sizeLimit = 1 << 15

    /// As it was written.
    package let text: String
    /// Bytes that stand, as they are, in every text that matches: the longest run that was found, or the beginning or
    /// end of it; nil if there is none. Letters without regard to case are no part of it.
    package let requiredLiteral: [UInt8]?
    let program: RegularExpressionProgram

    package init(_ text: String) throws(RegularExpressionError) {
        var parser = RegularExpressionParser(text)
        let syntax = try parser.regularExpression()
        self.text = text
        requiredLiteral = RequiredLiteral(syntax).longest
        program = RegularExpressionProgram(syntax)
    }

    /// A matcher for one owner. To make one costs more than to match a text: keep it.
    package func makeMatcher() -> RegularExpressionMatcher { RegularExpressionMatcher(self) }
}

extension RegularExpression: Equatable {
    /// Equal where the texts are, byte for byte.
    package static func == (one: RegularExpression, other: RegularExpression) -> Bool {
        one.text.utf8.elementsEqual(other.text.utf8)
    }
}

/// Why a regular expression was not understood, and where.
package struct RegularExpressionError: Error, Sendable, Equatable {
    /// Where it stopped, in Unicode scalars from the beginning of the text; as many as there are where it ends too
    /// early.
    package var offset: Int
    /// What could have stood there, or what to do.
    package var expected: String

    package init(offset: Int, expected: String) {
        self.offset = offset
        self.expected = expected
    }
}
