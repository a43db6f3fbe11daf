import CairnReader
import Testing

private typealias Part = RegularExpressionPart

/// Makes random regular expressions and texts over few characters, so that they match often.
private struct PartMaker {
    var random: SeededGenerator

    static let alphabet: [Unicode.Scalar] = [
        "a", "b", "A", "B", "c", "1", "_", " ", "-", ".", "\n", "é", "É", "ß", "\u{7FF}", "\u{800}", "€", "\u{FFFF}",
        "😀",
        "\u{10FFFF}", "k", "\u{212A}",
    ]

    mutating func text() -> [Unicode.Scalar] {
        let few = (0..<4).map { _ in random.pick(Self.alphabet) }
        return (0..<random.pick([0, 1, 2, 3, 5, 8, 12])).map { _ in
            random.oneIn(3) ? random.pick(Self.alphabet) : random.pick(few)
        }
    }

    mutating func alternatives(_ depth: Int) -> Part {
        let count = random.pick([1, 1, 1, 2, 3])
        let parts = (0..<count).map { _ in sequence(depth) }
        return count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence(_ depth: Int) -> Part {
        .sequence((0..<random.pick([0, 1, 1, 2, 2, 3, 4])).map { _ in item(depth) })
    }

    private mutating func item(_ depth: Int) -> Part {
        if random.oneIn(8) { return place() }
        let part =
            depth > 0 && random.oneIn(4)
            ? Part.group(random.pick(["(", "(?:", "(?i:"]), alternatives(depth - 1)) : character()
        guard random.oneIn(3) else { return part }
        let lazy = random.oneIn(4) ? "?" : ""
        let (least, more) = (Int.random(in: 0...3, using: &random), Int.random(in: 0...2, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return .repeated(part, "*" + lazy, least: 0, most: .max)
        case 1: return .repeated(part, "+" + lazy, least: 1, most: .max)
        case 2: return .repeated(part, "?" + lazy, least: 0, most: 1)
        case 3: return .repeated(part, "{\(least)}" + lazy, least: least, most: least)
        case 4: return .repeated(part, "{\(least),}" + lazy, least: least, most: .max)
        default: return .repeated(part, "{\(least),\(least + more)}" + lazy, least: least, most: least + more)
        }
    }

    private mutating func place() -> Part {
        @Sendable func isBoundary(_ text: [Unicode.Scalar], _ index: Int) -> Bool {
            (index > 0 && text[index - 1].isWord) != (index < text.count && text[index].isWord)
        }
        return random.pick([
            .place("^") { _, index in index == 0 },
            .place(#"\A"#) { _, index in index == 0 },
            .place("$") { text, index in index == text.count },
            .place(#"\z"#) { text, index in index == text.count },
            .place(#"\b"#) { text, index in isBoundary(text, index) },
            .place(#"\B"#) { text, index in !isBoundary(text, index) },
        ])
    }

    private mutating func character() -> Part {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return .character(".", isInverted: true) { $0 == "\n" }
        case 1: return .character(#"\w"#) { $0.isWord }
        case 2: return .character(#"\W"#, isInverted: true) { $0.isWord }
        case 3: return .character(#"\d"#) { ("0"..."9").contains($0) }
        case 4: return .character(#"\S"#, isInverted: true) { $0 == " " || $0 == "\n" }
        case 5, 6: return characterClass()
        default:
            let scalar = random.pick(Self.alphabet)
            return .character(written(scalar)) { $0 == scalar }
        }
    }

    private mutating func characterClass() -> Part {
        var text = ""
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let one = random.pick(Self.alphabet)
            let other = random.oneIn(2) ? one : random.pick(Self.alphabet)
            ranges.append(min(one, other)...max(one, other))
            text += written(min(one, other)) + (one == other ? "" : "-" + written(max(one, other)))
        }
        let isInverted = random.oneIn(3)
        let contained = ranges
        return .character("[\(isInverted ? "^" : "")\(text)]", isInverted: isInverted) { scalar in
            contained.contains { $0.contains(scalar) }
        }
    }

    private mutating func written(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "-", ".": "\\\(scalar)"
        case "\n": random.oneIn(2) ? "\\n" : "\n"
        default: random.oneIn(5) ? "\\x{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
    }
}

@Suite struct RegularExpressionPropertyTests {
    @Test(arguments: 1...60)
    func matchesByTheDefinition(_ seed: UInt64) throws {
        var maker = PartMaker(random: SeededGenerator(seed: seed))
        var matching = 0
        for _ in 0..<30 {
            let part = maker.alternatives(2)
            let pattern = try RegularExpression(part.pattern)
            let matchers = AgreeingMatchers(pattern)
            for _ in 0..<5 {
                let text = maker.text()
                var string = String.UnicodeScalarView()
                string.append(contentsOf: text)
                let expected = part.matches(text)
                #expect(
                    matchers.matches(String(string).utf8) == expected,
                    "seed \(seed): \(part.pattern.debugDescription) with \(String(string).debugDescription)")
                if expected {
                    matching += 1
                    expectRequiredLiteral(of: pattern, in: Array(String(string).utf8))
                }
            }
        }
        #expect((20...130).contains(matching), "seed \(seed): too easy, \(matching) of 150 match")
    }

    /// Long texts, one after another, so that states are forgotten in between and in the middle of them.
    @Test(arguments: 1...30)
    func anyMemoryGivesTheSame(_ seed: UInt64) throws {
        var maker = PartMaker(random: SeededGenerator(seed: seed))
        for _ in 0..<10 {
            let pattern = try RegularExpression(maker.alternatives(3).pattern + #"(?:\b.|é)$"#)
            let texts = (0..<10).map { _ -> [UInt8] in
                var text = String.UnicodeScalarView()
                for _ in 0..<10 { text.append(contentsOf: maker.text()) }
                return Array(String(text).utf8)
            }
            func results(_ memoryLimit: Int) -> [Bool] {
                let matcher = RegularExpressionMatcher(pattern, memoryLimit: memoryLimit)
                return texts.map { text in text.withUnsafeBytes { matcher.matches($0) } }
            }
            let expected = results(RegularExpressionMatcher.memoryLimit)
            for _ in 0..<5 {
                let memoryLimit = Int.random(in: 0..<3000, using: &maker.random)
                #expect(results(memoryLimit) == expected, "seed \(seed): \(pattern.text), \(memoryLimit) bytes")
            }
        }
    }

    private func expectRequiredLiteral(of pattern: RegularExpression, in text: [UInt8]) {
        guard let literal = pattern.requiredLiteral else { return }
        #expect(!literal.isEmpty)
        #expect(
            text.indices.contains { text[$0...].starts(with: literal) }, "\(pattern.text) does not require \(literal)")
    }
}
