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
        ("a=1 and b=2", [comparison(["a"], .equal, "1"), comparison(["b"], .equal, "2")]),
        ("a=1 or b=2", [.any([comparison(["a"], .equal, "1"), comparison(["b"], .equal, "2")])]),
        ("x Or NOT y", [.any([.text("x"), .not(.text("y"))])]),
        ("x AND y", [.text("x"), .text("y")]),
        (#"a IN (1) Exists(b) "OR""#, [membership(["a"], ["1"]), .presence(["b"]), .text("OR")]),
        ("x y or z", [.any([.all([.text("x"), .text("y")]), .text("z")])]),
        ("x (y or z)", [.text("x"), .any([.text("y"), .text("z")])]),
        ("(x y) z", [.text("x"), .text("y"), .text("z")]),
        ("((x))", [.text("x")]),
        ("x or (y or z)", [.any([.text("x"), .text("y"), .text("z")])]),
        ("not (x y)", [.not(.all([.text("x"), .text("y")]))]),
        ("not(x or y) z", [.not(.any([.text("x"), .text("y")])), .text("z")]),
        ("( x or not y )", [.any([.text("x"), .not(.text("y"))])]),
        ("oracle order", [.text("oracle"), .text("order")]),
        ("exists(a.b)", [.presence(["a", "b"])]),
        ("not exists ( \"a.b\" )", [.not(.presence(["a.b"]))]),
        ("status in(failed, warning)", [membership(["status"], ["failed", "warning"])]),
        ("a.b in ( 1 ,x )", [membership(["a", "b"], ["1", "x"])]),
        ("\"in\" in(x)", [membership(["in"], ["x"])]),
        ("\"not\" in(x)", [membership(["not"], ["x"])]),
        ("ip_address in(10.0.0.0/8, ::1)", [membership(["ip_address"], ["10.0.0.0/8", "::1"])]),
        ("severity>=high", [comparison(["severity"], .greaterOrEqual, "high")]),
        ("timestamp>2026-11-21T07:00:00Z", [comparison(["timestamp"], .greater, "2026-11-21T07:00:00Z")]),
    ]

    private static func membership(_ path: [String], _ values: [String]) -> Term {
        .membership(
            Filter.Membership(path: path, values: values.map { Filter.Value(text: $0, isQuoted: false) }))
    }

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
        ("a=1 or", 7, "the end of the text", "a field name or a word"),
        ("or a=1", 1, "'or'", "quote it"),
        ("a=1 OR", 7, "the end of the text", "a field name or a word"),
        ("and", 1, "'and'", "quote it"),
        ("a=1 or or b=2", 8, "'or'", "quote it"),
        ("a=1 (b=2", 9, "the end of the text", "the ( of column 5"),
        ("(a=1 or (b=2 c=3) d", 20, "the end of the text", "the ( of column 1"),
        ("a=1 b=2)", 8, "')'", "there is no ( that"),
        ("x(y)", 2, "'('", "a blank between"),
        ("()", 2, "')'", "a field name or a word"),
        ("a=(1)", 3, "'('", "a value"),
        ("a=\"1\"(b=2)", 6, "'('", "a blank"),
        ("a=~x", 2, "'=~x'", "~ without the ="),
        ("a~", 3, "the end of the text", "a value behind ~"),
        ("a!~ ", 5, "the end of the text", "a value behind !~"),
        ("~x", 1, "'~x'", "a field name"),
        ("status in()", 11, "')'", "a value"),
        ("status in(a b)", 13, "'b'", ", or ) to close the ( of column 10"),
        ("status in(a,", 13, "the end of the text", "a value behind ,"),
        ("in(a)", 1, "'in'", "a field name before"),
        ("exists()", 8, "')'", "a field name"),
        ("exists(a=1)", 9, "'=1'", ") to close the ( of column 7"),
        ("timestamp>yesterday", 11, "'yesterday'", "a time with its zone"),
        ("_received<=2026-11-21", 12, "'2026-11-21'", "a time with its zone"),
        ("_seq>abc", 6, "'abc'", "a number"),
        ("_seq=\"5\"", 6, "'\"'", "a number"),
        ("severity>=important", 11, "'important'", "low, medium, high or critical"),
        ("sensitive=maybe", 11, "'maybe'", "true or false"),
        ("ip_address in(10.0.0.1, 10.0.0.0/40)", 25, "'10.0.0.0/40'", "a network"),
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
        let error = try #require(throws: QuerySyntaxError.self) { try Filter("a=1\tor (b=2") }
        #expect(
            error.description == """
                column 12: found the end of the text, expected ) to close the ( of column 8
                  a=1 or (b=2
                             ^
                """)
    }

    @Test func depthIsLimited() throws {
        let deep = 63
        #expect(
            try Filter(String(repeating: "(", count: deep) + "a" + String(repeating: ")", count: deep)).terms == [
                .text("a")
            ])
        for text in [
            String(repeating: "(", count: 100_000) + "a", String(repeating: "not ", count: 100_000) + "a",
        ] {
            let error = try #require(throws: QuerySyntaxError.self) { try Filter(text) }
            #expect(error.expected.contains("at most 64"))
        }
    }

    @Test(arguments: 1...200)
    func whatIsPrintedIsReadBack(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let characters: [Character] = [
            "a", "b", ".", " ", "\"", "\\", "=", "!", "(", "~", "/", "ß", "\n", "_", "n", "o", "t", "r", "O", "R", "N",
        ]
        func text(_ random: inout SeededGenerator) -> String {
            String((0..<Int.random(in: 1...5, using: &random)).map { _ in random.pick(characters) })
        }
        func term(_ random: inout SeededGenerator, depth: Int) -> Filter.Term {
            let name = text(&random)
            func value(_ random: inout SeededGenerator) -> Filter.Value {
                Filter.Value(text: text(&random), isQuoted: true)
            }
            switch Int.random(in: depth > 2 ? 3...7 : 0...7, using: &random) {
            case 0: return .negated(term(&random, depth: depth + 1))
            case 1: return .disjunction((0..<3).map { _ in term(&random, depth: depth + 1) })
            case 2: return .conjunction((0..<2).map { _ in term(&random, depth: depth + 1) })
            case 3: return .text(name)
            case 4: return .presence([name, text(&random)])
            case 5:
                return .membership(
                    .init(path: [name], values: (0...Int.random(in: 0...2, using: &random)).map { _ in value(&random) })
                )
            default:
                return Self.comparison(
                    [name, text(&random)], random.pick(Filter.Relation.allCases), text(&random), quoted: true)
            }
        }
        let terms = (0..<3).flatMap { _ -> [Filter.Term] in
            let term = term(&random, depth: 0)
            if case .all(let inner) = term { return inner }
            return [term]
        }
        var filter = Filter()
        filter.terms = terms
        #expect(try Filter(filter.description) == filter, "seed \(seed): \(filter)")
    }
}
