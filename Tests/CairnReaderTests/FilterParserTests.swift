import CairnReader
import Testing

@Suite struct FilterParserTests {
    private typealias Term = Filter.Term

    private static func comparison(
        _ path: [String], _ relation: Filter.Relation, _ text: String, quoted: Bool = false
    ) -> Term {
        .comparison(
            Filter.Comparison(path: path, relation: relation, value: Filter.Value(text: text, isQuoted: quoted)))
    }

    private static let parsed: [(String, [Term])] = [
        ("", []),
        (" \t\n ", []),
        ("status=failed", [comparison(["status"], .equal, "failed")]),
        ("status = failed", [comparison(["status"], .equal, "failed")]),
        ("  a.b.c!=1  ", [comparison(["a", "b", "c"], .notEqual, "1")]),
        ("a<1 b<=2", [comparison(["a"], .less, "1"), comparison(["b"], .lessOrEqual, "2")]),
        ("a>1 b>=2", [comparison(["a"], .greater, "1"), comparison(["b"], .greaterOrEqual, "2")]),
        (#"a="""#, [comparison(["a"], .equal, "", quoted: true)]),
        (#"a="b \" c \\ \d""#, [comparison(["a"], .equal, #"b " c \ \d"#, quoted: true)]),
        (#"metadata."a.b".c=x"#, [comparison(["metadata", "a.b", "c"], .equal, "x")]),
        (#""a b"=x"#, [comparison(["a b"], .equal, "x")]),
        (#"a."".b=x"#, [comparison(["a", "", "b"], .equal, "x")]),
        ("a=b=c==", [comparison(["a"], .equal, "b=c==")]),
        ("ip_address=10.0.0.0/8", [comparison(["ip_address"], .equal, "10.0.0.0/8")]),
        ("ip_address!=2001:db8::/32", [comparison(["ip_address"], .notEqual, "2001:db8::/32")]),
        ("path=10.0.0.0/99", [comparison(["path"], .equal, "10.0.0.0/99")]),
        ("login", [.text("login")]),
        ("invoice.export ..", [.text("invoice.export"), .text("..")]),
        (#""password mismatch""#, [.text("password mismatch")]),
        (#""or""#, [.text("or")]),
        ("in exists", [.text("in"), .text("exists")]),
        ("not a=b", [.not(comparison(["a"], .equal, "b"))]),
        ("not not a=b", [comparison(["a"], .equal, "b")]),
        ("not\nlogin not \"x\"", [.not(.text("login")), .not(.text("x"))]),
        ("not=1 or=2", [comparison(["not"], .equal, "1"), comparison(["or"], .equal, "2")]),
        (#""not""#, [.text("not")]),
        ("straße=grün", [comparison(["straße"], .equal, "grün")]),
    ]

    @Test(arguments: parsed)
    private func parses(_ text: String, _ terms: [Filter.Term]) throws {
        #expect(try Filter(text).terms == terms)
    }

    @Test(arguments: parsed)
    private func printsBack(_ text: String, _ terms: [Filter.Term]) throws {
        let printed = try Filter(text).description
        #expect(try Filter(printed).terms == terms, "\(printed)")
        #expect(try Filter(printed).description == printed)
    }

    /// Text, column, what is found there, a part of what is expected.
    @Test(arguments: [
        ("status=", 8, "the end of the text", "a value"),
        ("status= ", 9, "the end of the text", "a value"),
        ("=failed", 1, "'=failed'", "a field name or a word"),
        ("a==b", 2, "'==b'", "a single ="),
        ("a=<b", 2, "'=<b'", "<="),
        ("a= =b", 4, "'=b'", "a value"),
        ("a!b", 2, "'!b'", "!="),
        ("wow!", 4, "'!'", "quoted"),
        ("a..b=1", 1, "'a..b=1'", "empty names"),
        (".a=1", 1, "'.a=1'", "empty names"),
        (#""a".=1"#, 1, "'\"'", "empty names"),
        (#"a."b" c=1"#, 7, "'c=1'", "an operator"),
        (#"x ""  "#, 3, "'\"'", "not empty"),
        (#"a="b"#, 5, "the end of the text", "column 3"),
        (#"ab "c"#, 6, "the end of the text", "column 4"),
        (#"a="b"c"#, 6, "'c'", "a blank"),
        (#"a=b"c""#, 4, "'\"'", "a blank"),
        ("not", 4, "the end of the text", "a term behind \"not\""),
        ("a=1 not ", 9, "the end of the text", "a term behind \"not\""),
        ("a=1 or b=2", 5, "'or'", "the operator \"or\""),
        ("a=1 and b=2", 5, "'and'", "side by side mean and"),
        ("a=1 (b=2)", 5, "'('", "parentheses"),
        ("a=1 b=2)", 8, "')'", "parentheses"),
        ("a=(1)", 3, "'('", "parentheses"),
        ("a~x", 2, "'~x'", "regular expressions (~"),
        ("a=~x", 2, "'=~x'", "regular expressions"),
        ("a!~x", 2, "'!~x'", "!~"),
        ("~x", 1, "'~x'", "a field name"),
        ("status in(a,b)", 8, "'in'", "in(…)"),
        ("exists(tenant)", 1, "'exists'", "exists(…)"),
        ("not exists (tenant)", 5, "'exists'", "exists(…)"),
        ("a<true", 3, "'true'", "no order"),
        ("a>=null", 4, "'null'", "no order"),
        ("ip_address=10.0.0.0/33", 12, "'10.0.0.0/33'", "a network"),
        ("straße=grün ä=", 15, "the end of the text", "a value"),
    ])
    func saysWhatIsWrong(_ text: String, _ column: Int, _ found: String, _ expected: String) throws {
        let error = try #require(throws: QuerySyntaxError.self) { try Filter(text) }
        #expect(error.column == column)
        #expect(error.found == found)
        #expect(error.expected.contains(expected), "\(error.expected)")
    }

    @Test func errorsShowThePlace() throws {
        let error = try #require(throws: QuerySyntaxError.self) { try Filter("a=1\tor b=2") }
        #expect(
            error.description == """
                column 5: found 'or', expected a term: this version does not have the operator "or"; quote it to \
                search for it
                  a=1 or b=2
                      ^
                """)
    }

    @Test(arguments: 1...200)
    func whatIsPrintedIsReadBack(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let characters: [Character] = [
            "a", "b", ".", " ", "\"", "\\", "=", "!", "(", "~", "/", "ß", "\n", "_", "n", "o", "t", "r",
        ]
        func text(_ random: inout SeededGenerator) -> String {
            String((0..<Int.random(in: 1...5, using: &random)).map { _ in random.pick(characters) })
        }
        let terms = (0..<3).map { _ -> Filter.Term in
            let name = text(&random)
            let term: Filter.Term =
                random.oneIn(2)
                ? .text(name)
                : Self.comparison(
                    [name, text(&random)], random.pick(Filter.Relation.allCases), text(&random), quoted: true)
            return random.oneIn(3) ? .not(term) : term
        }
        var filter = Filter()
        filter.terms = terms
        #expect(try Filter(filter.description) == filter, "seed \(seed): \(filter)")
    }
}
