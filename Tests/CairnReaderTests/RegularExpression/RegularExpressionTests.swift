import CairnReader
import Testing

/// Matches with all the memory there may be, with so little that states are forgotten, and with none.
struct AgreeingMatchers {
    private let pattern: RegularExpression
    private let matchers: [RegularExpressionMatcher]

    init(_ pattern: RegularExpression) {
        self.pattern = pattern
        matchers = [RegularExpressionMatcher.memoryLimit, 2048, 0].map {
            RegularExpressionMatcher(pattern, memoryLimit: $0)
        }
    }

    init(_ pattern: String) throws { self.init(try RegularExpression(pattern)) }

    func matches(_ text: some Collection<UInt8>) -> Bool {
        let text = Array(text)
        // Twice, for a matcher knows more then.
        let results = (matchers + matchers).map { matcher in text.withUnsafeBytes { matcher.matches($0) } }
        #expect(Set(results).count == 1, "\(pattern.text) depends on what is kept: \(results) for \(text)")
        return results[0]
    }
}

@Suite struct RegularExpressionTests {
    /// A pattern, texts that match, texts that do not.
    private typealias Row = (pattern: String, matching: [String], others: [String])

    private static let characters: [Row] = [
        ("", ["", "a", "\n"], []),
        ("a", ["a", "ba", "ab", "bab"], ["", "b", "A", "á"]),
        ("abc", ["abc", "ababc", "aabcc"], ["ab", "acb", "a b c", "ABC"]),
        ("é", ["é", "caf\u{E9}"], ["e", "e\u{301}", "\u{C3}", "\u{A9}"]),
        ("e\u{301}", ["e\u{301}"], ["é"]),
        (".", ["a", " ", "é", "€", "😀", "\u{0}", "\r", "\u{2028}"], ["", "\n", "\n\n"]),
        ("^.$", ["a", "é", "€", "😀", "\u{10FFFF}"], ["", "ab", "é1", "e\u{301}"]),
        ("^...$", ["añ😀"], ["añ", "😀"]),
        (#"\.\*\+\?\(\)\[\]\{\}\|\^\$\\"#, [#".*+?()[]{}|^$\"#], [".*+?()[]{}|^$", ""]),
        (##"\!\"\#\%\&\'\,\-\/\:\;\<\=\>\@\_\`\~\ "##, [##"!"#%&',-/:;<=>@_`~ "##], ["!"]),
        ("]}", ["]}"], ["]", "}"]),
        (#"\t\n\v\f\r"#, ["\t\n\u{B}\u{C}\r"], ["tnvfr"]),
        (#"\x41\u0042\x{43}\x{1F600}\x{0}\xe9"#, ["ABC😀\u{0}é"], ["ABC😀0é", "x41"]),
        (#"\x{00041}\x{10FFFF}"#, ["A\u{10FFFF}"], ["A"]),
        ("\t\n\u{0}", ["\t\n\u{0}"], ["\t\n"]),
    ]

    private static let repetitions: [Row] = [
        ("^ab*c$", ["ac", "abc", "abbbbc"], ["a", "bc", "abb"]),
        ("^ab+c$", ["abc", "abbbbc"], ["ac"]),
        ("^ab?c$", ["ac", "abc"], ["abbc"]),
        ("^a{3}$", ["aaa"], ["", "aa", "aaaa"]),
        ("^a{2,}$", ["aa", "aaaaa"], ["", "a"]),
        ("^a{2,4}$", ["aa", "aaa", "aaaa"], ["a", "aaaaa"]),
        ("^a{0,2}$", ["", "a", "aa"], ["aaa"]),
        ("^xa{0}y$", ["xy"], ["xay"]),
        ("^xa{0,0}y$", ["xy"], ["xay"]),
        ("^a{1}$", ["a"], ["", "aa"]),
        ("^a{0,}b$", ["b", "aaab"], ["a"]),
        ("^(ab){2}$", ["abab"], ["ab", "aabb", "ababab"]),
        ("^(a{2}){2,3}$", ["aaaa", "aaaaaa"], ["aaa", "aaaaa", "aaaaaaaa"]),
        ("^é{2}$", ["éé"], ["é", "e\u{301}e\u{301}"]),
        ("^.{3}$", ["a😀é"], ["a😀"]),
        ("^a*?b+?c??d{2}?e{1,}?f{1,2}?$", ["bddef", "aabbcddeeff"], ["addef", "bdef", "bddefff"]),
        ("^(a*)*$", ["", "a", "aaaa"], ["b", "aab"]),
        ("^(a*)+b$", ["b", "aab"], ["a"]),
        ("^(|a)+$", ["", "aaa"], ["ab"]),
        ("^(a|b*)*c$", ["c", "abbac"], ["abba"]),
        ("^(a?){3}a{3}$", ["aaa", "aaaaaa"], ["aa", "aaaaaaa"]),
        ("^()*$", [""], ["a"]),
        ("^(){3}a$", ["a"], [""]),
        ("(^)*a", ["a", "ba"], ["b"]),
        ("(^a|b)*$", ["", "ab", "c"], []),
        ("^(^a|b)+$", ["a", "b", "abb"], ["aa", "bab"]),
        ("a{1000}", [String(repeating: "a", count: 1000)], [String(repeating: "a", count: 999)]),
    ]

    private static let groups: [Row] = [
        ("a|b", ["a", "b", "xb"], ["", "c"]),
        ("^a|b$", ["ax", "xb"], ["xa", "bx", ""]),
        ("^(a|b)$", ["a", "b"], ["ab"]),
        ("^(?:foo|bar|baz)$", ["foo", "bar", "baz"], ["fo", "bax", "foobar"]),
        ("^(a|)$", ["a", ""], ["b"]),
        ("|a", ["", "b"], []),
        ("^(|a|b||c)$", ["", "a", "c"], ["d", "ab"]),
        ("^(a(b(c)?)?)?$", ["", "a", "ab", "abc"], ["ac", "b"]),
        ("^(ab|a)(bc|c)$", ["abc", "ac", "abbc"], ["ab", "abcc"]),
        ("(GET|POST) /admin", ["GET /admin", "POST /admin/x"], ["PUT /admin", "GET/admin"]),
        (#"@example\.com$"#, ["ann@example.com"], ["ann@example.com ", "ann@exampleXcom", "@example.com.invalid"]),
    ]

    private static let places: [Row] = [
        ("^a", ["a", "ab"], ["ba", "\na"]),
        ("a$", ["a", "ba"], ["ab", "a\n"]),
        ("^$", [""], ["a", "\n"]),
        ("$^", [""], ["a"]),
        ("^^a$$", ["a"], ["aa"]),
        ("a^b", [], ["ab", "a\nb", "a^b"]),
        ("a$b", [], ["ab", "a$b"]),
        (#"\Aa\z"#, ["a"], ["ba", "ab", "a\n"]),
        ("x*$", ["", "a", "ax"], []),
        ("(^|,)a(,|$)", ["a", "a,b", "b,a", "b,a,c"], ["ba", "b,ab", "ab,b"]),
        ("(^|[^a])b", ["b", "xb", "ab b"], ["ab", "abab"]),
        (#"\bcat\b"#, ["cat", "a cat.", "(cat)", "cat\u{E9}", "écat"], ["cats", "_cat", "concat", "cat9"]),
        (#"\Bcat"#, ["concat", "9cat"], ["cat", " cat", "écat"]),
        (#"cat\B"#, ["cats", "cat_"], ["cat", "cat "]),
        (#"\b"#, ["a", " a", "é1"], ["", " ", "é", "€€"]),
        (#"\B"#, ["", " ", "ab", "é", "aé "], ["a", "Z", "0", "_"]),
        (#"^\B$"#, [""], ["a", " "]),
        // A place inside a character is none.
        (#"\B"#, [], ["aéb", "aéb€c"]),
        (#"^\w\Bé|é\B\w"#, [], ["aéb"]),
        (#"^(\B|.)*$"#, ["aéb", ""], ["\n"]),
        (#"^\b\w+\b \b\w+\b$"#, ["ab cd"], ["ab  cd", "ab ", "é cd"]),
        (#"\b\B"#, [], ["", "a", "ab c"]),
        (#"$\B|\b$"#, ["", "a", "a b", "a "], []),
        (#"$\b"#, ["a", " a"], ["", "a ", "é"]),
        (#"\b^a"#, ["a"], ["ba", " a"]),
        (#"(\b|x)+y"#, ["y", " y", "xy"], ["ay", "_y", "éay"]),
    ]

    private static let classes: [Row] = [
        ("^[abc]$", ["a", "b", "c"], ["d", "", "ab", "A"]),
        ("^[a-c]$", ["a", "b", "c"], ["d", "`", "-"]),
        ("^[^a-c]$", ["d", "-", "é", "😀", "\n"], ["a", "c", ""]),
        ("^[a-cx-z0]$", ["b", "y", "0"], ["d", "w", "1"]),
        ("^[-a]$", ["-", "a"], ["b"]),
        ("^[a-]$", ["-", "a"], ["b"]),
        ("^[^-a]$", ["b"], ["-", "a"]),
        ("^[]a]$", ["]", "a"], ["b"]),
        ("^[^]a]$", ["b", "["], ["]", "a"]),
        ("^[]-a]$", ["]", "^", "_", "`", "a"], ["\\", "b"]),
        ("^[a^]$", ["a", "^"], ["b"]),
        ("^[+--]$", ["+", ",", "-"], ["*", "."]),
        ("^[--/]$", ["-", ".", "/"], [",", "0"]),
        ("^[[a]$", ["[", "a"], ["]"]),
        ("^[.*+?(){}|$]+$", [".*+?(){}|$"], ["a"]),
        (#"^[\]\-\\\^\[]+$"#, [#"]-\^["#], ["a"]),
        (#"^[\t\n\x41\u0042\x{1F600}]+$"#, ["\t\nAB😀"], ["t", "n", "C"]),
        (#"^[\x41-\x{43}]+$"#, ["ABC"], ["D", "x"]),
        ("^[à-ÿ]$", ["à", "é", "ÿ"], ["a", "ß", "Ā", "e\u{301}"]),
        ("^[α-ω]+$", ["αβγ"], ["Α", "a"]),
        ("^[😀-😂]$", ["😀", "😁", "😂"], ["😃", "🗿"]),
        ("^[é😀a]+$", ["aé😀a"], ["è", "😁"]),
        (#"^\d+$"#, ["0123456789"], ["a", "٣", ""]),
        (#"^\D+$"#, ["a_ é٣\n"], ["a1"]),
        (#"^\w+$"#, ["azAZ09_"], ["-", "é", " "]),
        (#"^\W+$"#, ["- é\n"], ["a", "_"]),
        (#"^\s+$"#, [" \t\n\u{B}\u{C}\r"], ["a", "\u{A0}", "\u{2003}"]),
        (#"^\S+$"#, ["aé\u{A0}"], ["a b"]),
        (#"^[\d\s]+$"#, ["1 2\n3"], ["a"]),
        (#"^[^\d\s]+$"#, ["aé_"], ["a1", "a "]),
        (#"^[\D]$"#, ["a", "é"], ["1"]),
        (#"^[^\D]$"#, ["1"], ["a", "é"]),
        (#"^[\w-]+$"#, ["a-b_1"], ["a.b"]),
        (#"^[\w.+-]+@[\w-]+\.[\w.-]+$"#, ["a.b+c@d-e.org"], ["a@b", "@b.c", "a b@c.d"]),
        (#"[\s\S]"#, ["\n", "a"], [""]),
        (#"[^\s\S]"#, [], ["", "a", "\n", "é"]),
        (#"^a[^\x{0}-\x{10FFFF}]*$"#, ["a"], ["ab"]),
        ("^[[:digit:]]+$", ["059"], ["a"]),
        ("^[[:alpha:][:digit:]_-]+$", ["aZ9_-"], ["é", " "]),
        ("^[^[:alpha:]]+$", ["1é "], ["a"]),
        ("^[[:^alpha:]]+$", ["1é "], ["a"]),
        ("^[[:upper:]][[:lower:]]$", ["Aa"], ["aA", "AA"]),
        ("^[[:xdigit:]]+$", ["09afAF"], ["g"]),
        ("^[[:punct:]]+$", ["!/:@[`{~"], ["a", " ", "§"]),
        ("^[[:blank:]]+$", [" \t"], ["\n"]),
        ("^[[:space:]]+$", [" \t\n\u{B}\u{C}\r"], ["a"]),
        ("^[[:cntrl:]]+$", ["\u{0}\u{1F}\u{7F}"], [" ", "\u{80}"]),
        ("^[[:graph:]]+$", ["!~"], [" "]),
        ("^[[:print:]]+$", [" ~"], ["\t", "é"]),
        ("^[[:ascii:]]+$", ["\u{0}\u{7F}"], ["\u{80}"]),
        ("^[[:word:][:alnum:]]+$", ["aZ9_"], ["-"]),
        ("^[[:x]+$", ["[:x"], ["y"]),
        ("^[:,:]+$", [":,"], ["a"]),
    ]

    private static let cases: [Row] = [
        ("(?i)abc", ["abc", "ABC", "aBc"], ["abd"]),
        ("(?i:a)b", ["ab", "Ab"], ["aB", "AB"]),
        ("a(?i)b", ["ab", "aB"], ["Ab"]),
        ("(a(?i)b)c", ["abc", "aBc"], ["aBC", "Abc"]),
        ("(a(?i)b|c)d", ["aBd", "Cd"], ["cD", "Ad"]),
        ("(?i)(a)b(?:c)", ["ABC"], ["ABD"]),
        ("(?i)[a-c]x", ["BX", "bx"], ["dx"]),
        ("^(?i)[^a]$", ["b", "é"], ["a", "A"]),
        ("^(?i)[Y-b]+$", ["YZ[^_`abAByz"], ["c", "x", "C"]),
        ("^(?i)[[:upper:]]+$", ["aA"], ["1"]),
        ("^(?i)[[:^upper:]]+$", ["1"], ["a", "A"]),
        (#"^(?i)\x41\x{62}$"#, ["aB", "Ab"], ["bb"]),
        // Only ASCII letters have two cases.
        ("(?i)é", ["é"], ["É"]),
        ("(?i)k", ["k", "K"], ["\u{212A}"]),
        ("(?i)[s]", ["s", "S"], ["ſ"]),
        ("(?i)[@-`]", ["@", "a", "`"], ["{"]),
        ("(?i)1_", ["1_"], ["1?"]),
    ]

    @Test(arguments: characters + repetitions + groups + places + classes + cases)
    private func matches(_ row: Row) throws {
        let matchers = try AgreeingMatchers(row.pattern)
        for text in row.matching { #expect(matchers.matches(text.utf8), "\(text.debugDescription)") }
        for text in row.others { #expect(!matchers.matches(text.utf8), "\(text.debugDescription)") }
    }

    private static let letters: [ClosedRange<UInt32>] = [0x41...0x5A, 0x61...0x7A]

    /// A pattern and the scalars that match it, or with true those that do not.
    private static let scalarClasses: [(String, Bool, [ClosedRange<UInt32>])] = [
        ("^.$", true, [0x0A...0x0A]),
        ("^[^a-z]$", true, [0x61...0x7A]),
        (#"^\W$"#, true, letters + [0x30...0x39, 0x5F...0x5F]),
        (#"^(?i)[a-z]$"#, false, letters),
        (#"^[\x{7F}-\x{80}]$"#, false, [0x7F...0x80]),
        (#"^[\x{7FF}-\x{800}]$"#, false, [0x7FF...0x800]),
        (#"^[\x{FFFF}-\x{10000}]$"#, false, [0xFFFF...0x10000]),
        (#"^[\x{D7FF}-\x{E000}]$"#, false, [0xD7FF...0xE000]),
        (#"^[\x{41}-\x{10FFFE}]$"#, false, [0x41...0x10FFFE]),
        (#"^[^\x{E9}\x{3FF}\x{400}\x{1F600}-\x{1F6FF}]$"#, true, [0xE9...0xE9, 0x3FF...0x400, 0x1F600...0x1F6FF]),
        (#"^[\x{12345}-\x{101234}\x{123}-\x{1234}]$"#, false, [0x123...0x1234, 0x12345...0x101234]),
        (#"^[\x{1001}-\x{1FFF}\x{2000}-\x{20FE}]$"#, false, [0x1001...0x20FE]),
    ]

    /// Around every place where the number of bytes or a leading byte changes, and here and there.
    @Test(arguments: scalarClasses)
    private func classesOfScalars(_ pattern: String, _ isInverted: Bool, _ ranges: [ClosedRange<UInt32>]) throws {
        let matcher = try RegularExpression(pattern).makeMatcher()
        var edges: [UInt32] = ranges.flatMap { [$0.lowerBound, $0.upperBound] }
        edges += stride(from: 0, through: 0x110000, by: 0x1000)
        edges += stride(from: 0, through: 0x2000, by: 0x40)
        var values: Set<UInt32> = Set(stride(from: 0, through: 0x10FFFF, by: 251))
        for edge in edges { values.formUnion((max(2, edge) - 2)...(edge + 2)) }
        let differing = values.compactMap(Unicode.Scalar.init).filter { scalar in
            let isMatch = Array(scalar.utf8).withUnsafeBytes { matcher.matches($0) }
            return isMatch == (ranges.contains { $0.contains(scalar.value) } == isInverted)
        }
        #expect(differing.isEmpty)
    }

    /// What is no scalar is matched by nothing, and does not hide what stands beside it.
    @Test(arguments: [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x80, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80],
        [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF],
    ])
    func bytesThatAreNoScalar(_ bytes: [UInt8]) throws {
        for pattern in [".", "[^a]", #"\W"#, #"[\s\S]"#, #"\x{C3}"#, #"[\x80-\xFF]"#, "^.*$", "(?i)[^b]"] {
            #expect(try !AgreeingMatchers(pattern).matches(bytes), "\(pattern)")
        }
        let text = Array("ab".utf8) + bytes + Array("cé".utf8)
        for pattern in ["ab", "cé", "^ab", "c.$", #"\bc"#, #"b\b"#, "[^a]", "^.*"] {
            #expect(try AgreeingMatchers(pattern).matches(text), "\(pattern)")
        }
        for pattern in ["b.*c", "b[^x]+c", "^.*$", #"b\W+c"#] {
            #expect(try !AgreeingMatchers(pattern).matches(text), "\(pattern)")
        }
    }

    @Test func equalByBytes() throws {
        #expect(try RegularExpression("a.b") == RegularExpression("a.b"))
        #expect(try RegularExpression("a.b") != RegularExpression("a.(b)"))
        #expect(try RegularExpression("é") != RegularExpression("e\u{301}"))
        #expect(try RegularExpression("é").text.unicodeScalars.count == 1)
    }
}
