import Testing

@testable import CairnFormat

@Suite struct ShortTextTests {
    /// Up to sixteen bytes it is the text; of longer ones the first sixteen and the length.
    @Test func tellsTextsApart() {
        var random = SeededRandom()
        for _ in 0..<20_000 {
            let a = (0..<random.below(24)).map { _ in UInt8(random.element([0x61, 0x62, 0, 0xFF])) }
            var b = a
            if random.below(3) > 0, !b.isEmpty { b[random.below(b.count)] = UInt8(random.element([0x61, 0x63])) }
            if random.below(4) == 0 { b.append(0) }
            let isSame = a.prefix(16).elementsEqual(b.prefix(16)) && a.count == b.count
            let (first, second) = (a.exactly { ShortText($0) }, b.exactly { ShortText($0) })
            check((first == second) == isSame, "\(a) and \(b)")
            check(!isSame || first.hash == second.hash)
            check(first.count == a.count)
        }
    }

    @Test func knownNamesAreFound() {
        for field in EventField.allCases {
            let path = ShortText(field.path)
            let isOwn = !"\(field.path)".contains(".")
            #expect(EventField.names.find(path) == (isOwn ? field : nil))
        }
        for member in PartyMember.allCases {
            #expect(Array("\(member)".utf8).exactly { PartyMember.names.find(ShortText($0)) } == member)
        }
    }

    @Test(arguments: [
        "", "a", "ids", "i", "actio", "actions", "Action", "module ", "classificatio", "classification\0\0",
        "classification-and-more", "actor.id", "session_ie", "compliance\0",
    ])
    func otherNamesAreNot(_ name: String) {
        let name = Array(name.utf8).exactly { ShortText($0) }
        #expect(EventField.names.find(name) == nil)
        #expect(PartyMember.names.find(name) == nil)
    }

    /// More names in one slot than there are hashes for.
    @Test func namesMayCollide() {
        let texts: [StaticString] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"]
        let names = KnownNames(texts.enumerated().map { ($0.element, UInt8($0.offset)) })
        for (number, text) in texts.enumerated() { #expect(names.find(ShortText(text)) == UInt8(number)) }
        #expect(names.find(ShortText("q")) == nil)
    }

    @Test func aWholeTextHasItsBytes() {
        var random = SeededRandom()
        for size in 0...20 {
            let text = (0..<size).map { _ in UInt8(random.below(256)) }
            let short = text.withUnsafeBytes { ShortText($0) }
            #expect(short.isWhole == (size <= 16))
            var written: [UInt8] = []
            if short.isWhole {
                written.append(room: ShortText.limit) { short.append(to: &$0) }
                #expect(written == text)
            }
            for place in text.indices where size <= 16 {
                var other = text
                other[place] ^= 1
                #expect(other.withUnsafeBytes { ShortText($0) } != short)
            }
        }
    }
}
