import CairnReader
import Testing

@Suite struct RegularExpressionMatcherTests {
    private func steps(_ pattern: String, _ text: [UInt8], memoryLimit: Int, expecting result: Bool) throws -> Int {
        let matcher = RegularExpressionMatcher(try RegularExpression(pattern), memoryLimit: memoryLimit)
        #expect(text.withUnsafeBytes { matcher.matches($0) } == result, "\(pattern)")
        return matcher.steps
    }

    /// What takes time exponential or of a high power where a matcher goes back: pattern, text, whether it matches.
    private static let hostile: [(String, @Sendable (Int) -> String, Bool)] = [
        ("(a*)*b", { String(repeating: "a", count: $0) }, false),
        ("^(a+)+$", { String(repeating: "a", count: $0) + "!" }, false),
        ("^(a|a|aa)*$", { String(repeating: "a", count: $0) + "!" }, false),
        ("(x+x+)+y", { String(repeating: "x", count: $0) }, false),
        ("(.*)(.*)(.*)(.*)(.*)[^a]$", { String(repeating: "a", count: $0) }, false),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", { String(repeating: "a", count: $0) }, false),
        (#"^(\w+\s?)*$"#, { String(repeating: "ab ", count: $0 / 3) + "-" }, false),
        ("(a?){50}a{50}b", { String(repeating: "a", count: $0) }, false),
        ("a.{0,20}b.{0,20}c", { String(repeating: "ab", count: $0 / 2) }, false),
        (#"(\b\w*\B\w*)*-$"#, { String(repeating: "a", count: $0) }, false),
        ("(a|b)*a(a|b){6}$", { String(repeating: "ba", count: $0 / 2) + "abbbbbb" }, true),
    ]

    /// Once its states are known, it looks at each byte once.
    @Test(arguments: hostile)
    private func timeIsLinear(_ pattern: String, _ text: @Sendable (Int) -> String, _ result: Bool) throws {
        let (once, twice) = (Array(text(50_000).utf8), Array(text(100_000).utf8))
        let limit = RegularExpressionMatcher.memoryLimit
        let first = try steps(pattern, once, memoryLimit: limit, expecting: result)
        let second = try steps(pattern, twice, memoryLimit: limit, expecting: result)
        #expect(second < 2 * twice.count)
        #expect(second - first <= twice.count - once.count)
    }

    /// Also where no states can be kept, at some steps for each node and byte.
    @Test(arguments: hostile)
    private func timeIsLinearWithoutMemory(
        _ pattern: String, _ text: @Sendable (Int) -> String, _ result: Bool
    ) throws {
        let (once, twice) = (Array(text(1500).utf8), Array(text(3000).utf8))
        let first = try steps(pattern, once, memoryLimit: 0, expecting: result)
        let second = try steps(pattern, twice, memoryLimit: 0, expecting: result)
        #expect(first > once.count)
        #expect(second < 400 * twice.count)
        #expect(second * 10 < first * 21)
    }

    /// A deterministic automaton of 2^21 states, which nothing can keep.
    @Test func tooManyStates() throws {
        var random = SeededGenerator(seed: 7)
        let text = (0..<40_000).map { _ in random.oneIn(2) ? UInt8(ascii: "a") : UInt8(ascii: "b") }
        let matcher = try RegularExpression("(a|b)*a(a|b){20}c").makeMatcher()
        #expect(!text.withUnsafeBytes { matcher.matches($0) })
        #expect(matcher.simulatedCount == 1)
        #expect(matcher.steps < 200 * text.count)
        #expect((text + [UInt8(ascii: "c")]).withUnsafeBytes { matcher.matches($0) } == (text[text.count - 21] == 0x61))
        #expect(matcher.simulatedCount == 2)
        // Other texts are matched with states again.
        #expect(!Array("abcabc".utf8).withUnsafeBytes { matcher.matches($0) })
        #expect(matcher.simulatedCount == 2)
    }

    /// That states were of use for a long time does not excuse that new ones are of none.
    @Test func tooManyStatesBehindFew() throws {
        var random = SeededGenerator(seed: 8)
        let text = (0..<40_000).map { _ in random.oneIn(2) ? UInt8(ascii: "a") : UInt8(ascii: "b") }
        let matcher = try RegularExpression("(a|b)*a(a|b){20}c").makeMatcher()
        let few = [UInt8](repeating: UInt8(ascii: "a"), count: 200_000)
        #expect(!few.withUnsafeBytes { matcher.matches($0) })
        #expect(matcher.simulatedCount == 0)
        #expect(!text.withUnsafeBytes { matcher.matches($0) })
        #expect(matcher.simulatedCount == 1)
        #expect(matcher.forgottenCount == 2)
    }

    /// With memory for one state, another one takes the place of the state that led to it.
    @Test func forgetsWhereItComesFrom() throws {
        let pattern = try RegularExpression("^(?:a|b1)*!$")
        let beginning = String(repeating: "a", count: 40)
        for memoryLimit in stride(from: 0, to: 1200, by: 4) {
            let matcher = RegularExpressionMatcher(pattern, memoryLimit: memoryLimit)
            for (text, result) in [("b1b1a!", true), ("bb1!", false), ("b11!", false), ("b1bb1!", false), ("!", true)] {
                let isMatch = Array((beginning + text).utf8).withUnsafeBytes { matcher.matches($0) }
                #expect(isMatch == result, "\(text) with \(memoryLimit) bytes")
            }
        }
    }

    /// Full memory is emptied and filled again as long as its states are of use.
    @Test func forgets() throws {
        let pattern = try RegularExpression(#"\b[a-z]{3,9}\b.[0-9]{2}(foo|bar|baz){2}[^a-z]$"#)
        var random = SeededGenerator(seed: 3)
        let words = ["abc ", "12", "foo", "bar", "baz", "-", "x", "é", "zz 1", "9"]
        let texts = (0..<100).map { number -> [UInt8] in
            let repetitive = String(repeating: random.pick(words), count: 100)
            let varied = (0..<20).map { _ in random.pick(words) }.joined()
            return Array((repetitive + varied + (number % 2 == 0 ? "abc 12foobar-" : "")).utf8)
        }
        func results(_ memoryLimit: Int) -> (results: [Bool], forgotten: Int, simulated: Int) {
            let matcher = RegularExpressionMatcher(pattern, memoryLimit: memoryLimit)
            let results = texts.map { text in text.withUnsafeBytes { matcher.matches($0) } }
            return (results, matcher.forgottenCount, matcher.simulatedCount)
        }
        let expected = results(RegularExpressionMatcher.memoryLimit)
        #expect(expected.forgotten == 0)
        #expect(expected.simulated == 0)
        #expect(expected.results.contains(true))
        #expect(expected.results.contains(false))
        var (sometimes, simulated) = (0, 0)
        for memoryLimit in [0, 64, 128, 256, 512, 1024, 2048, 3072, 4096, 6144, 8192] {
            let found = results(memoryLimit)
            #expect(found.results == expected.results, "with \(memoryLimit) bytes")
            if found.forgotten > found.simulated { sometimes += 1 }
            simulated += found.simulated
        }
        #expect(sometimes > 0)
        #expect(simulated > texts.count)
    }

    @Test func keepsWhatItLearned() throws {
        let matcher = try RegularExpression(#"^[a-z]+\d{3}\b"#).makeMatcher()
        let text = Array("hostname123 and more".utf8)
        #expect(text.withUnsafeBytes { matcher.matches($0) })
        let learning = matcher.steps
        #expect(text.withUnsafeBytes { matcher.matches($0) })
        #expect(matcher.steps - learning <= text.count)
    }

    /// What is bound to the beginning is not looked for behind it, and the first match is the end.
    @Test(arguments: [("^b", 10), ("^a{3}b", 20), (#"\Ab|^c"#, 10), ("a", 10), ("a*", 2), ("aaa", 20)])
    func endsEarly(_ pattern: String, _ limit: Int) throws {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 10_000)
        let matcher = try RegularExpression(pattern).makeMatcher()
        _ = text.withUnsafeBytes { matcher.matches($0) }
        let learning = matcher.steps
        _ = text.withUnsafeBytes { matcher.matches($0) }
        #expect(matcher.steps - learning <= limit)
    }

    @Test func emptyText() throws {
        for (pattern, result) in [("", true), ("a?", true), ("^$", true), ("a", false), (".", false), (#"\b"#, false)] {
            let matcher = try RegularExpression(pattern).makeMatcher()
            #expect(matcher.matches(UnsafeRawBufferPointer(start: nil, count: 0)) == result, "\(pattern)")
        }
    }

    /// Matchers of one regular expression do not share what they keep.
    @Test func matchersSideBySide() async throws {
        let pattern = try RegularExpression(#"(\w+)@example\.(com|org)$"#)
        let counts = await withTaskGroup(of: Int.self) { group in
            for task in 0..<4 {
                group.addTask {
                    let matcher = pattern.makeMatcher()
                    return (0..<500).count { number in
                        let text = Array("user\(number * task)@example.\(number % 3 == 0 ? "org" : "net")".utf8)
                        return text.withUnsafeBytes { matcher.matches($0) }
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == [167, 167, 167, 167])
    }

    /// A pattern and the bytes that every match has.
    @Test(
        arguments: [
            ("abc", "abc"), ("", nil), (".", nil), ("[abc]", nil), ("[a]b", "ab"), ("a|b", nil), ("é", "é"),
            (#"@example\.com$"#, "@example.com"), (#"^\w+@example\.(com|org)$"#, "@example."), ("ab*c", "a"),
            ("ab+c", "ab"), ("ab?cde", "cde"), ("abc.de", "abc"), ("ab.cde", "cde"), ("(abc)d", "abcd"),
            ("a(bc|bd)e", "ab"), ("(abx|cdx)y", "xy"), ("(GET|POST) /admin", "T /admin"), ("x(ab|ab)", "xab"),
            ("(ab){3}", "ababab"), ("(ab){2,}c", "ababc"), ("(ab){2,5}c", "ababc"), ("x(ab){0,5}c", "x"),
            ("x(a.b)+y", "xa"), ("a^b$c", "abc"), (#"a\bb"#, "ab"), ("(?i)abc", nil), ("(?i)ab-12", "-12"),
            ("a(?i:b)cd", "cd"), ("ab(|c)", "ab"), ("(|ab)", nil), (#"\d+\.\d+"#, "."), ("(a{3}b){2}", "aaabaaab"),
            ("a{0}b", "b"), ("(?:ab|cd){2}xyz", "xyz"), (#"[^\s\S]ab"#, "ab"),
            ("a{1000}", String(repeating: "a", count: 64)),
            ("(a{40}b{40}){2}", String(repeating: "a", count: 24) + String(repeating: "b", count: 40)),
        ] as [(String, String?)])
    func requiredLiterals(_ pattern: String, _ literal: String?) throws {
        #expect(try RegularExpression(pattern).requiredLiteral == literal.map { Array($0.utf8) })
    }
}
