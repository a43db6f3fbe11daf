import CairnFormat
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4 examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func vectors(_ text: String, _ expected: String) {
        #expect(Digest.sha256(Array(text.utf8)).bytes.hex == expected)
        #expect(Array(text.utf8).exactly { Digest.sha256($0) }.bytes.hex == expected)
    }

    @Test func comparesEveryByte() {
        let value = digest(1)
        for index in 0..<32 {
            var bytes = value.bytes
            bytes[index] ^= 1
            let other = bytes.withUnsafeBytes { Digest($0) }
            #expect(other != value)
            bytes[index] ^= 1
            #expect(bytes.withUnsafeBytes { Digest($0) } == value)
        }
        #expect(Set([value, digest(1), digest(2)]).count == 2)
    }

    @Test func streamsInAnyPieces() {
        var random = SeededRandom()
        for _ in 0..<50 {
            let bytes = random.bytes(random.below(400))
            var hash = StreamingHash()
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(random.below(80)))
                rest = rest.dropFirst(piece.count)
                piece.withUnsafeBytes { hash.update($0) }
            }
            #expect(hash.finish() == Digest.sha256(bytes))
        }
    }

    @Test func knownValues() {
        #expect(Digest.zero.bytes == [UInt8](repeating: 0, count: 32))
        #expect(Digest.empty.bytes.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }
}
