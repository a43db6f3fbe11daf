import CairnReader
import Testing

@Suite struct RegularExpressionErrorTests {
    /// Pattern, scalars before the place, a part of what is expected.
    private typealias Row = (pattern: String, offset: Int, expected: String)

    private static let malformed: [Row] = [
        ("*", 0, #"something to repeat before * (\* is"#),
        ("a|+", 2, "something to repeat before +"),
        ("(?)", 0, "no other kind"),
        ("(?:?)", 3, "something to repeat before ?"),
        ("(?i)*", 4, "something to repeat before *"),
        ("{2}", 0, #"\{ is the character"#),
        ("a{", 2, "a number of repetitions"),
        ("a{x}", 2, "a number of repetitions"),
        ("a{,3}", 2, "{0,3}"),
        ("a{1", 3, "a } behind"),
        ("a{1x", 3, "a } behind"),
        ("a{1,", 4, "a number of repetitions"),
        ("a{1,2", 5, "a } behind"),
        ("a{3,2}", 4, "not less than 3"),
        ("a{1001}", 2, "not greater than 1000"),
        ("a{1,99999999999999999999999}", 4, "not greater than 1000"),
        ("a**", 2, "one quantifier only"),
        ("a+*", 2, "one quantifier only"),
        ("a{2}{3}", 4, "one quantifier only"),
        ("a???", 3, "one quantifier only"),
        ("^*", 1, "places cannot be repeated"),
        (#"a\b+"#, 3, "places cannot be repeated"),
        ("${2}", 1, "places cannot be repeated"),
        ("(", 1, "a ) to close the group of column 1 of"),
        ("ab(c", 4, "a ) to close the group of column 3 of"),
        ("é(a(b)", 6, "column 2"),
        ("e\u{301}(a", 4, "column 2"),
        ("(?:a", 4, "column 1"),
        (")", 0, #"no ) here, as no group is open (\) is"#),
        ("a)b", 1, "no group is open"),
        ("(a))", 3, "no group is open"),
        ("[", 1, "a ] to close the class of column 1 of"),
        ("ab[c", 4, "a ] to close the class of column 3 of"),
        ("[]", 2, "a ] to close"),
        ("[^]", 3, "a ] to close"),
        ("[a-", 3, "a ] to close"),
        (#"[a\]"#, 4, "a ] to close"),
        ("[z-a]", 1, "the lower character"),
        ("[ab-aé]", 2, "the lower character"),
        (#"[a-\d]"#, 3, #"\- for the character -"#),
        (#"[\d-z]"#, 3, #"\- for the character -"#),
        ("[a-c-e]", 4, #"\- for the character -"#),
        (#"[\b]"#, 1, #"\x08 for backspace"#),
        (#"[a\z]"#, 2, "places cannot be in a class"),
        (#"[a-\B]"#, 3, "a character to end the range"),
        ("[[:foo:]]", 1, "one of the classes alnum"),
        ("[a[::]]", 2, "one of the classes"),
        ("[[:Alpha:]]", 1, "one of the classes"),
        ("[[:^foo:]]", 1, "one of the classes"),
        ("[:digit:]", 0, "[[:digit:]]"),
        ("x[^:alpha:]", 1, "two pairs of brackets"),
        ("[[.a.]]", 1, "collating"),
        ("[a[=b=]]", 2, "equivalence classes"),
        (#"\"#, 1, #"\\ is the backslash"#),
        (#"[\"#, 2, #"\\ is the backslash"#),
        (#"a\é"#, 1, "without a backslash"),
        (#"a\😀"#, 1, "without a backslash"),
        ("\\\n", 0, "without a backslash"),
        (#"\x"#, 2, "2 hexadecimal digits"),
        (#"\x4"#, 3, "2 hexadecimal digits"),
        (#"\x4g"#, 3, "2 hexadecimal digits"),
        (#"\u004"#, 5, "4 hexadecimal digits"),
        (#"\u{41}"#, 2, #"\x{1F600}"#),
        (#"\x{}"#, 3, "1 to 6 hexadecimal digits"),
        (#"\x{41"#, 5, "1 to 6 hexadecimal digits and a }"),
        (#"\x{0000041}"#, 9, "1 to 6 hexadecimal digits and a }"),
        (#"a\x{110000}"#, 1, "not above 10FFFF"),
        (#"\uD83D\uDE00"#, 0, "no surrogate"),
        (#"[\x{DFFF}]"#, 1, "no surrogate"),
    ]

    private static let refused: [Row] = [
        ("a(?=b)", 1, "look-around"),
        ("(?!b)", 0, "~ and !~"),
        ("(?<=b)", 0, "look-around"),
        ("(?<!b)a", 0, "look-around"),
        ("(?>a)", 0, "(?: ) instead of an atomic group"),
        ("(?P<n>a)", 0, "a group without a name"),
        ("(?<n>a)", 0, "a group without a name"),
        ("(?'n'a)", 0, "a group without a name"),
        ("(a)(?P=n)", 3, "backreferences"),
        ("(?#x)", 0, "comments"),
        ("(?s)a", 0, "no other flags"),
        ("(?im)a", 0, "no other flags"),
        ("a(?-i)b", 1, "no other flags"),
        ("(?x:a b)", 0, "no other flags"),
        ("(?R)", 0, "no other kind"),
        ("(?(1)a)", 0, "no other kind"),
        ("(?|a)", 0, "no other kind"),
        ("(?", 0, "no other kind"),
        ("(*UTF8)a", 1, "something to repeat"),
        ("a*+", 2, "possessive"),
        ("a++b", 2, "possessive"),
        ("a?+", 2, "possessive"),
        ("a{2}+", 4, "possessive"),
        (#"(a)\1"#, 3, "backreferences"),
        (#"\k<n>"#, 0, "backreferences"),
        (#"\g1"#, 0, "backreferences"),
        (#"\0"#, 0, #"\x00"#),
        (#"\pL"#, 0, "properties"),
        (#"[a\P{L}]"#, 2, "properties"),
        (#"\Z"#, 0, #"\z"#),
        (#"\U0001F600"#, 0, #"\x{1F600}"#),
        (#"\Qa.b\E"#, 0, "before each character"),
        (#"a\E"#, 1, "before each character"),
        (#"\h"#, 0, #"\h is none"#),
        (#"\R"#, 0, #"\R is none"#),
        (#"\y"#, 0, #"\y is none"#),
        (#"[\X]"#, 1, #"\X is none"#),
    ]

    @Test(arguments: malformed + refused)
    private func saysWhatIsWrong(_ row: Row) throws {
        let error = try #require(throws: RegularExpressionError.self) { try RegularExpression(row.pattern) }
        #expect(error.offset == row.offset)
        #expect(error.expected.contains(row.expected), "\(error.expected)")
    }

    /// As a person reads it behind "expected".
    @Test(arguments: [
        ("a(b", "a ) to close the group of column 2 of the regular expression"),
        ("x[a", "a ] to close the class of column 2 of the regular expression"),
        ("a)", #"no ) here, as no group is open (\) is the character)"#),
        ("*a", #"something to repeat before * (\* is the character)"#),
        ("a{b", #"a number of repetitions, such as {3} or {0,3} (\{ is the character)"#),
        ("a{5,4}", "a number not less than 5"),
        ("a{1001}", "a number not greater than 1000"),
        ("a+?*", "one quantifier only: what is to be repeated again must be in a group, (?: )"),
        ("$*", #"no quantifier: ^, $, \b and other places cannot be repeated"#),
        ("[b-a]", "a range from the lower character to the higher one"),
        ("[a-c-e]", #"\- for the character -, which stands for itself only where a class begins or ends"#),
        ("[:alpha:]", "two pairs of brackets around the name of a class, as in [[:digit:]]"),
        ("a\\", #"a character behind \ (\\ is the backslash)"#),
        (#"\xZZ"#, #"2 hexadecimal digits, as in \x41 and \u0041 (or \x{1F600})"#),
        (#"\x{D800}"#, "the number of a character: not above 10FFFF, no surrogate (D800 to DFFF)"),
        (#"\ö"#, "that character without a backslash"),
        (#"(.)\1"#, "what is to match again, written again: backreferences are not supported"),
        (#"\p{Lu}"#, #"a class of ranges such as [a-zà-ÿ]: properties of characters (\p) are not supported"#),
        ("(?<name>a)", "a group without a name: what a group matched is not kept"),
        ("(?>a)", "(?: ) instead of an atomic group, which nothing needs, since matching never goes back"),
        ("a{1000}{1000}", "one quantifier only: what is to be repeated again must be in a group, (?: )"),
    ])
    func readsWell(_ pattern: String, _ expected: String) throws {
        let error = try #require(throws: RegularExpressionError.self) { try RegularExpression(pattern) }
        #expect(error.expected == expected)
    }

    /// Every beginning of a good pattern is good or is refused behind its end or inside, never later.
    @Test func anyBeginning() throws {
        let pattern = Array(#"^(?i:a[^b-d\]]{2,3}?|\x{1F600}+[[:alpha:]])(?:\u0041*|\.)?$"#)
        _ = try RegularExpression(String(pattern))
        var refused = 0
        for count in 0..<pattern.count {
            let beginning = String(pattern[..<count])
            do throws(RegularExpressionError) {
                _ = try RegularExpression(beginning)
            } catch {
                refused += 1
                #expect((0...count).contains(error.offset), "\(beginning)")
                #expect(!error.expected.isEmpty)
            }
        }
        #expect(refused > 40)
    }

    /// Noise from characters that mean something must be refused or compile to what can be matched.
    @Test(arguments: 1...50)
    func noise(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let pieces = [
            "a", "b", "-", "é", "(", ")", "(?:", "(?i)", "(?i:", "[", "]", "[^", "[:alpha:]", "|", "*", "+", "?", "{2}",
            "{0,2}", "{", "}", ",", "1", "^", "$", ".", "\\", "\\b", "\\d", "\\x{41}", "\\u0042", ":", "P<",
        ]
        for _ in 0..<200 {
            let pattern = (0..<Int.random(in: 0...12, using: &random)).map { _ in random.pick(pieces) }.joined()
            do throws(RegularExpressionError) {
                _ = AgreeingMatchers(try RegularExpression(pattern)).matches("ab-é(1)[:|]".utf8)
            } catch {
                #expect((0...pattern.unicodeScalars.count).contains(error.offset), "seed \(seed): \(pattern)")
            }
        }
    }

    // MARK: Limits

    private func error(_ pattern: String) -> RegularExpressionError? {
        do throws(RegularExpressionError) {
            _ = try RegularExpression(pattern)
            return nil
        } catch {
            return error
        }
    }

    @Test func length() {
        let limit = RegularExpression.lengthLimit
        #expect(error(String(repeating: "a", count: limit)) == nil)
        #expect(error(String(repeating: "é", count: limit)) == nil)
        let long = error(String(repeating: "a", count: limit + 1))
        #expect(long?.offset == limit)
        #expect(long?.expected.contains("\(limit) characters") == true)
    }

    @Test(arguments: [("(", ")"), ("(?:", ")"), ("(?i:x|", "|y)*")])
    func nesting(_ open: String, _ close: String) {
        func nested(_ depth: Int) -> String {
            String(repeating: open, count: depth) + "a" + String(repeating: close, count: depth)
        }
        let limit = RegularExpression.nestingLimit
        #expect(error(nested(limit)) == nil)
        let deep = error(nested(limit + 1))
        #expect(deep?.offset == limit * open.count)
        #expect(deep?.expected.contains("\(limit) groups") == true)
        #expect(error(String(repeating: "(", count: RegularExpression.lengthLimit))?.offset == limit)
        #expect(error(String(repeating: "(a)", count: 1000)) == nil)
    }

    /// Built in full, most of these would need more memory than there is.
    @Test(arguments: [
        ("(a{1000}){1000}", 9),
        ("(a{1000}){33}", 9),
        ("x(?:(?:(?:(?:a{999}){999}){999}){999}){999}", 20),
        ("(((){1000}){1000}){1000}", 11),
        ("((^){1000}){1000}", 11),
        (String(repeating: "(", count: 50) + "a" + String(repeating: "{9})", count: 49) + "{9})", 67),
        (#"[^a]{1000}{1000}"#, 10),
        ("(.{500}){5}", 8),
        ("(?:a{1000}b){33}", 12),
    ])
    func size(_ pattern: String, _ offset: Int) {
        let error = error(pattern)
        #expect(error?.offset == offset)
        #expect(error?.expected.contains("fewer repetitions") == true || offset == 10, "\(String(describing: error))")
    }

    @Test func sizeOfASequence() {
        let many = String(repeating: "a{1000}", count: 40)
        #expect(error(many)?.offset == 32 * 7)
        #expect(error(many)?.expected.contains("a simpler regular expression") == true)
        let alternatives = (0..<40).map { _ in "a{1000}" }.joined(separator: "|")
        #expect(error(alternatives)?.expected.contains("a simpler regular expression") == true)
        #expect(error("x|(" + many + ")") != nil)
    }

    @Test(arguments: [".{1000}", #"\w{1,64}@(\w{1,64}\.){1,8}\w{2,24}"#, "([^x]{1,30}){1,30}", "((a?){10}){100}"])
    func largeEnough(_ pattern: String) throws {
        #expect(try !AgreeingMatchers("^(\(pattern))\u{1}$").matches("ab@cd".utf8))
    }
}
