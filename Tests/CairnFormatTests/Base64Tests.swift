import CairnFormat
import Testing

@Suite struct Base64Tests {
    /// RFC 4648 section 10, and what is special about the alphabet.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"), ("\u{3}\u{F0}\u{3F}", "A8OwPw=="), ("~~~", "fn5+"), ("???", "Pz8/"),
    ])
    func vectors(_ plain: String, _ text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zg===", "Zg==Zg==", "=Zg=", "====", "Z===", "Zm9v\n", "Zm9v ", " Zm9v", "Zm9vYg", "Zm 9",
        "Zm-_", "Zh==", "Zn==", "Zo==", "Zm9=", "Zm+=", "Zm9vZ===", "Zm=v", "Z=9v", "Zméé", "Zm9\u{0}", "=", "==",
    ])
    func refuses(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func roundTrip() {
        var random = SeededRandom()
        for count in 0..<300 {
            let bytes = random.bytes(count)
            let text = Base64.encode(bytes)
            #expect(text.utf8.count == (count + 2) / 3 * 4)
            #expect(Base64.decode(text) == bytes)
        }
    }

    /// Whatever is accepted is what `encode` would have written: each value has one text.
    @Test func oneTextForEachValue() {
        var random = SeededRandom()
        let alphabet = Array("ABab01+/==".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            let text = String(decoding: (0..<8).map { _ in random.element(alphabet) }, as: UTF8.self)
            guard let bytes = Base64.decode(text) else { continue }
            accepted += 1
            check(Base64.encode(bytes) == text)
        }
        #expect(accepted > 100)
    }

    @Test func appends() {
        var text = Array("x".utf8)
        Base64.append(Array("foob".utf8), to: &text)
        #expect(text.text == "xZm9vYg==")
    }

    @Test func digests() {
        let value = digest(7)
        #expect(Base64.decodeDigest(Base64.encode(value)) == value)
        #expect(Base64.decodeDigest(Base64.encode(Array(value.bytes.dropLast()))) == nil)
        #expect(Base64.decodeDigest(Base64.encode(value.bytes + [0])) == nil)
        #expect(Base64.decodeDigest("") == nil)
        #expect(Digest.zero.description == "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    }
}
