import CairnReader
import Testing

/// Every small case of something, rather than some of all.
@Suite struct RegularExpressionExhaustiveTests {
    private typealias Part = RegularExpressionPart

    // MARK: Small regular expressions

    // Not stored: to the leak sanitizer, cases of an enumeration in a global variable are lost.
    private static var characters: [Part] {
        [
            .character("a") { $0 == "a" }, .character(".", isInverted: true) { $0 == "\n" },
            .character("[^a]", isInverted: true) { $0 == "a" },
        ]
    }

    private static var items: [Part] {
        let places: [Part] = [
            .place("^") { _, index in index == 0 }, .place("$") { text, index in index == text.count },
            .place(#"\b"#) { text, index in text.count > 0 && (index == 0 || index == text.count) }, .sequence([]),
        ]
        let repeated = characters.flatMap { character -> [Part] in
            [.repeated(character, "*", least: 0, most: .max), .repeated(character, "?", least: 0, most: 1)]
        }
        return characters + places + repeated
    }

    private static let quantifiers: [(String, least: Int, most: Int)] = [
        ("", 1, 1), ("*", 0, .max), ("+", 1, .max), ("?", 0, 1), ("{2}", 2, 2), ("{2,}", 2, .max), ("{1,2}", 1, 2),
    ]

    /// All of two items, side by side or as alternatives, quantified and between other places, with all texts of up to
    /// three of two letters.
    @Test(arguments: quantifiers.indices)
    func pairs(_ index: Int) throws {
        let quantifier = Self.quantifiers[index]
        var texts: [[Unicode.Scalar]] = [[]]
        for index in 0..<7 { texts += [texts[index] + ["a"], texts[index] + ["b"]] }
        var (matching, differing) = (0, [String]())
        let items = Self.items
        for one in items {
            for other in items {
                for pair in [Part.sequence([one, other]), .alternatives([one, other])] {
                    let group = Part.repeated(
                        .group("(?:", pair), quantifier.0, least: quantifier.least, most: quantifier.most)
                    let part = Part.sequence([items[3], group, items[4]])
                    let pattern = try RegularExpression(part.pattern)
                    let matchers = [RegularExpressionMatcher.memoryLimit, 0].map {
                        RegularExpressionMatcher(pattern, memoryLimit: $0)
                    }
                    for text in texts {
                        let expected = part.matches(text)
                        matching += expected ? 1 : 0
                        let bytes = text.map { UInt8(ascii: $0) }
                        let found = matchers.map { matcher in bytes.withUnsafeBytes { matcher.matches($0) } }
                        if found != [expected, expected] { differing.append("\(part.pattern) with \(text)") }
                    }
                }
            }
        }
        #expect(differing.isEmpty)
        #expect(matching > 1000)
    }

    // MARK: Counts

    private static let operands: [(String, copy: String)] = [
        ("a", "a"), ("é", "é"), ("(?:ab)", "ab"), ("[a-c]", "b"), (".", "😀"), (#"\x{10FFFF}"#, "\u{10FFFF}"),
        ("(?i:A)", "a"), ("(?:a|bc)", "bc"), ("(?:a{2})", "aa"), ("(?:ab?)", "a"), (#"[^\d]"#, "€"), (#"\W"#, "\n"),
    ]

    /// Every pair of counts, with every number of copies up to more than are allowed.
    @Test(arguments: operands)
    private func counts(_ operand: String, _ copy: String) throws {
        for least in 0...4 {
            for most in [least, least + 1, least + 3, nil] {
                var forms = ["{\(least),\(most.map(String.init) ?? "")}"]
                if most == least { forms.append("{\(least)}") }
                for form in forms + forms.map({ $0 + "?" }) {
                    let matcher = try RegularExpression("^<\(operand)\(form)>$").makeMatcher()
                    for count in 0...9 {
                        let text = Array("<\(String(repeating: copy, count: count))>".utf8)
                        let expected = count >= least && count <= most ?? .max
                        #expect(
                            text.withUnsafeBytes { matcher.matches($0) } == expected,
                            "\(operand)\(form) with \(count) of \(copy)")
                    }
                }
            }
        }
    }

    @Test func shortFormsOfCounts() throws {
        for (short, long) in [
            ("*", "{0,}"), ("+", "{1,}"), ("?", "{0,1}"), ("*?", "{0,}"), ("+?", "{1,}"), ("??", "{0,1}"),
        ] {
            for count in 0...4 {
                let text = "<" + String(repeating: "ab", count: count) + ">"
                let results = try [short, long].map { try AgreeingMatchers("^<(ab)\($0)>$").matches(text.utf8) }
                #expect(results[0] == results[1], "\(short) with \(count)")
            }
        }
    }

    // MARK: ASCII

    private static let ascii = (0...0x7F as ClosedRange<UInt8>).map { Unicode.Scalar($0) }

    /// The ASCII characters that match as a whole text.
    private func matched(_ pattern: String) throws -> [Unicode.Scalar] {
        let matcher = try RegularExpression("^(?:\(pattern))$").makeMatcher()
        return Self.ascii.filter { scalar in Array(scalar.utf8).withUnsafeBytes { matcher.matches($0) } }
    }

    /// Every way to write a character of ASCII means it alone.
    @Test func everyCharacter() throws {
        let special = Set(#"\^$.|?*+()[{"#.unicodeScalars)
        for scalar in Self.ascii {
            let short = String(scalar.value, radix: 16)
            let long = String(repeating: "0", count: 2 - short.count) + short
            var forms = [
                "\\x\(long)", "\\x\(long.uppercased())", "\\u00\(long)", "\\x{\(short)}", "\\x{0000\(long)}",
                "[\\x\(long)]",
                "[\\u00\(long)-\\x{\(short)}]", "(?:\\x\(long))", "\\x\(long){1}", "[^\\x{0}-\\x{10FFFF}]|\\x\(long)",
            ]
            if !special.contains(scalar) { forms.append("\(scalar)") }
            if !["^", "\\", "["].contains(scalar) { forms.append("[\(scalar)]") }
            if scalar.isPunctuationOrBlank {
                forms += ["\\\(scalar)", "[\\\(scalar)]", "[^\\\(scalar)]{0}\\\(scalar)"]
            }
            for form in forms { #expect(try matched(form) == [scalar], "\(form)") }
            #expect(try matched("[^\\x\(long)]") == Self.ascii.filter { $0 != scalar })
        }
    }

    /// What has a meaning of its own does not stand for itself, and letters behind a backslash do not either.
    @Test func everyEscape() throws {
        let known = Set("dDwWsSAzbBtnvfrxu".unicodeScalars)
        for scalar in Self.ascii where !scalar.isPunctuationOrBlank && !known.contains(scalar) {
            let error = #expect(throws: RegularExpressionError.self, "\(scalar)") {
                try RegularExpression("a\\\(scalar)")
            }
            #expect(error?.offset == 1)
        }
        for scalar in #"\^$.|?*+()[{"#.unicodeScalars {
            let result = Result { try matched("\(scalar)") }
            #expect((try? result.get()) != [scalar], "\(scalar)")
        }
    }

    @Test func everyCharacterWithoutCase() throws {
        for scalar in Self.ascii {
            let character = Character(scalar)
            let expected = Self.ascii.filter { Character($0).lowercased() == character.lowercased() }
            let number = "\\x{\(String(scalar.value, radix: 16))}"
            for form in ["(?i)\(number)", "(?i:\(number))", "(?i)[\(number)]", "(?i)(?:x{0}\(number))"] {
                #expect(try matched(form) == expected, "\(form)")
            }
            #expect(try matched("(?i)[^\(number)]") == Self.ascii.filter { !expected.contains($0) })
        }
    }

    /// Every range between two of the characters where kinds of characters meet.
    @Test func everyRange() throws {
        let edges = Self.ascii.filter {
            [0, 0x2F, 0x30, 0x39, 0x3A, 0x40, 0x41, 0x5A, 0x61, 0x7A, 0x7F].contains($0.value)
        }
        for low in edges {
            for high in edges {
                let numbers = [low, high].map { "\\x{\(String($0.value, radix: 16))}" }
                let pattern = "[\(numbers[0])-\(numbers[1])]"
                guard low <= high else {
                    #expect(throws: RegularExpressionError.self) { try RegularExpression(pattern) }
                    continue
                }
                let expected = Self.ascii.filter { (low...high).contains($0) }
                #expect(try matched(pattern) == expected)
                let letters = Set(expected.flatMap { [Character($0).lowercased(), Character($0).uppercased()] })
                #expect(try matched("(?i)" + pattern) == Self.ascii.filter { letters.contains(String($0)) })
            }
        }
    }

    /// As POSIX and the C locale define them.
    @Test(arguments: [
        ("alnum", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        ("alpha", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        ("blank", "\t "), ("digit", "0123456789"), ("lower", "abcdefghijklmnopqrstuvwxyz"),
        ("punct", ##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##),
        ("space", "\t\n\u{B}\u{C}\r "), ("upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("word", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"),
        ("xdigit", "0123456789ABCDEFabcdef"),
    ])
    func everyPosixClass(_ name: String, _ members: String) throws {
        let expected = Array(members.unicodeScalars)
        let others = Self.ascii.filter { !expected.contains($0) }
        #expect(try matched("[[:\(name):]]") == expected)
        #expect(try matched("[[:^\(name):]]") == others)
        #expect(try matched("[^[:\(name):]]") == others)
        #expect(try matched("[^[:^\(name):]]") == expected)
        #expect(try matched("[[:\(name):][:^\(name):]]") == Self.ascii)
        if let (short, inverted) = ["digit": (#"\d"#, #"\D"#), "space": (#"\s"#, #"\S"#), "word": (#"\w"#, #"\W"#)][
            name]
        {
            for form in [short, "[\(short)]", "[^\(inverted)]", "(?i)\(short)"] {
                #expect(try matched(form) == expected)
            }
            for form in [inverted, "[\(inverted)]", "[^\(short)]"] { #expect(try matched(form) == others) }
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isPunctuationOrBlank: Bool {
        switch self {
        case "0"..."9", "A"..."Z", "a"..."z": false
        default: " "..."~" ~= self
        }
    }
}
