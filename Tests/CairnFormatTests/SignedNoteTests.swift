import CairnFormat
import Testing

@Suite struct OriginTests {
    @Test(arguments: ["a", "audit.example.com/host1", "größe", "日本", "a\u{301}", String(repeating: "x", count: 128)])
    func accepts(_ name: String) throws {
        #expect(try Origin(name).name == name)
    }

    @Test(arguments: [
        "", "a b", " ", "a+b", "+", "a\nb", "a\tb", "a\u{0}", "a\u{7F}", "a\u{80}", "a\u{85}b", "a\u{9F}b", "a\u{A0}b",
        "a\u{2003}b", "a\u{3000}", "a\u{2028}", "a+\u{301}", "a \u{301}", String(repeating: "x", count: 129),
        String(repeating: "é", count: 65),
    ])
    func refuses(_ name: String) {
        #expect(errorCode { _ = try Origin(name) } == .malformed)
    }
}

@Suite struct VerifierKeyTests {
    /// C2SP signed-note, "Format", and the same rule for other keys computed with Python `cryptography`.
    static let c2sp = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

    @Test func theVectorOfC2SP() throws {
        let key = try VerifierKey(VerifierKeyTests.c2sp)
        #expect(key.name == "example.com/foo")
        #expect(key.keyID == 0x530D_903A)
        #expect(key.description == VerifierKeyTests.c2sp)
        #expect(try VerifierKey(VerifierKeyTests.c2sp) == key)
    }

    @Test(
        arguments: [
            ("", .malformed),
            ("example.com/foo", .malformed),
            ("example.com/foo+530d903a", .malformed),
            ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/foo+30d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/foo+0530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2", .malformed),
            ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l", .malformed),
            ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n", .malformed),
            ("example.com/foo+530d903a+", .malformed),
            ("example.com/foo+530d903a+AQ==", .malformed),
            ("example.com/foo+530d903a+BA==", .unsupported),
            ("example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .unsupported),
            ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2kAA==", .malformed),
        ] as [(String, FormatError.Code)])
    func refuses(_ text: String, _ code: FormatError.Code) {
        #expect(errorCode { _ = try VerifierKey(text) } == code)
    }

    /// Signed-note forbids these names, whatever their key ID.
    @Test(arguments: ["a b", "a\u{A0}b", "a\u{2003}", "\u{3000}"])
    func namesThatAreNone(_ name: String) {
        let text = VerifierKey(name: name, publicKey: [UInt8](repeating: 7, count: 32)).description
        #expect(errorCode { _ = try VerifierKey(text) } == .malformed)
    }

    @Test func base64MayHoldAPlus() throws {
        var random = SeededRandom()
        var seen = 0
        for _ in 0..<100 {
            let key = VerifierKey(name: "n", publicKey: random.bytes(32))
            if key.description.filter({ $0 == "+" }).count > 2 { seen += 1 }
            #expect(try VerifierKey(key.description) == key)
        }
        #expect(seen > 10)
    }
}

@Suite struct SignerKeyTests {
    /// RFC 8032 section 7.1, test 1.
    @Test func publicKeyOfRFC8032() throws {
        let seed = hexBytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let key = try SignerKey(name: "n", seed: seed)
        let publicKey = hexBytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        #expect(key.verifier == VerifierKey(name: "n", publicKey: publicKey))
    }

    @Test func fileRoundTrip() throws {
        var random = SeededRandom()
        for _ in 0..<50 {
            let key = try SignerKey(name: Fixture.name, seed: random.bytes(32))
            #expect(key.file.last == UInt8(ascii: "\n"))
            #expect(try SignerKey(key.file.text).verifier == key.verifier)
            let again = try SignerKey(String(key.file.text.dropLast()))
            #expect(again.verifier == key.verifier)
            #expect(again.file == key.file)
            let note = try SignedNote(again.sign("text\n"))
            try note.verify(key.verifier)
        }
    }

    @Test func refuses() throws {
        let text = String(try Fixture.signer(1).file.text.dropLast())
        let parts = text.split(separator: "+", maxSplits: 4).map(String.init)
        let seed = [1] + [UInt8](repeating: 1, count: 32)
        let bad = [
            "", "\n", text + "\n\n", text + " ", " " + text, "X" + text, text.replacing("PRIVATE", with: "private"),
            parts[0...3].joined(separator: "+"), text.replacing(parts[3], with: "00000000"),
            text.replacing(parts[3], with: parts[3].uppercased()), text.replacing(parts[2], with: "other"),
            text.replacing(parts[4], with: Base64.encode(seed.dropLast())),
            text.replacing(parts[4], with: Base64.encode(seed + [0])),
            text.replacing(parts[4], with: Base64.encode([2] + seed.dropFirst())), text + "=",
        ]
        #expect(text.replacing(parts[4], with: Base64.encode(seed)) == text)
        for bad in bad where bad != text {
            #expect(errorCode { _ = try SignerKey(bad) } == .malformed, "\(bad)")
        }
        for count in [0, 31, 33] {
            let seed = [UInt8](repeating: 1, count: count)
            #expect(errorCode { _ = try SignerKey(name: "n", seed: seed) } == .malformed)
        }
    }
}

@Suite struct SignedNoteTests {
    private static let c2sp = Array(
        """
        This is an example message.

        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

        """.utf8)

    @Test func theVectorOfC2SP() throws {
        let note = try SignedNote(Self.c2sp)
        #expect(note.text == "This is an example message.\n")
        #expect(note.signatures.count == 1)
        #expect(note.signatures.first?.name == "example.com/foo")
        #expect(note.signatures.first?.keyID == 0x530D_903A)
        #expect(note.signatures.first?.bytes.count == 64)
        try note.verify(VerifierKey(VerifierKeyTests.c2sp))
    }

    @Test func everyByteOfTheVectorCounts() throws {
        let key = try VerifierKey(VerifierKeyTests.c2sp)
        for index in Self.c2sp.indices {
            for change in [0x01, 0x20, 0x80] as [UInt8] {
                var bytes = Self.c2sp
                bytes[index] ^= change
                check(errorCode { try SignedNote(bytes).verify(key) } != nil, "byte \(index) changed by \(change)")
            }
        }
    }

    @Test(arguments: ["one line\n", "two\nlines\n", "a\n\nb\n", "\n\n", "\u{2014} not a signature\n", "größe 😀\n"])
    func signsAndVerifies(_ text: String) throws {
        let key = try Fixture.signer(1)
        let note = try SignedNote(key.sign(text))
        #expect(note.text == text)
        try note.verify(key.verifier)
        #expect(errorCode { try note.verify(Fixture.signer(2).verifier) } == .signature)
    }

    private static func signature(_ key: SignerKey, _ text: String) throws -> String {
        let lines = try key.sign(text).text.split(separator: "\n", omittingEmptySubsequences: false)
        return String(lines[lines.count - 2]) + "\n"
    }

    @Test func severalSignatures() throws {
        let (first, second, third) = (try Fixture.signer(1), try Fixture.signer(2), try Fixture.signer(3))
        let text = "text\n"
        let whole = try text + "\n" + Self.signature(first, text) + Self.signature(second, text)
        let note = try SignedNote(Array(whole.utf8))
        #expect(note.signatures.count == 2)
        try note.verify(first.verifier)
        try note.verify(second.verifier)
        #expect(errorCode { try note.verify(third.verifier) } == .signature)
    }

    @Test func unknownKeysAreIgnoredAndTheKnownOneMustHold() throws {
        let (own, other) = (try Fixture.signer(1), try Fixture.signer(2))
        let good = try Self.signature(own, "text\n")
        let bad = try Self.signature(own, "another text\n")
        let foreign = try Self.signature(other, "another text\n")
        // A cosignature of another type and length, and the shortest signature of all.
        let cosignature = "— witness \(Base64.encode([UInt8](repeating: 9, count: 76)))\n"
        let short = "— witness \(Base64.encode([1, 2, 3, 4, 5]))\n"
        func code(_ signatures: String...) -> FormatError.Code? {
            errorCode { try SignedNote(Array(("text\n\n" + signatures.joined()).utf8)).verify(own.verifier) }
        }
        #expect(code(good) == nil)
        #expect(code(foreign, cosignature, short, good) == nil)
        #expect(code(good, foreign) == nil)
        #expect(code(good, good) == nil)
        #expect(code(foreign) == .signature)
        #expect(code(bad) == .signature)
        #expect(code(good, bad) == .signature)
        #expect(code(bad, good) == .signature)
        // The same name with another key ID is another key.
        let id = good.split(separator: " ")[2].dropLast()
        var blob = try #require(Base64.decode(id))
        blob[0] ^= 1
        #expect(code(good, "— \(Fixture.name) \(Base64.encode(blob))\n") == nil)
        #expect(code("— \(Fixture.name) \(Base64.encode(blob))\n") == .signature)
        blob[0] ^= 1
        #expect(code("— other \(Base64.encode(blob))\n") == .signature)
        #expect(code("— \(Fixture.name) \(Base64.encode(blob.dropLast()))\n") == .signature)
        #expect(code("— \(Fixture.name) \(Base64.encode(blob + [0]))\n") == .signature)
        #expect(code("— \(Fixture.name) \(Base64.encode(blob))\n") == nil)
    }

    @Test func sixteenSignaturesAtMost() throws {
        let own = try Fixture.signer(1)
        let good = try Self.signature(own, "text\n")
        let foreign = try Self.signature(Fixture.signer(2), "text\n")
        for count in [0, 14, 15, 16, 40] {
            let whole = "text\n\n" + String(repeating: foreign, count: count) + good
            let code = errorCode { try SignedNote(Array(whole.utf8)).verify(own.verifier) }
            #expect(code == (count <= 15 ? nil : .signature))
        }
    }

    /// Notes that are none; S stands for a good signature line without its LF.
    @Test(arguments: [
        "", "\n", "\n\n", "text\n", "text\n\n", "text\nS\n", "S\n", "\nS\n", "\n\nS", "text\n\nS", "text\n\nS\n\n",
        "text\n\nS\nx\n", "text\n\nx\nS\n", "text\n\n S\n", "text\n\nS \n", "text\r\n\r\nS\r\n", "te\txt\n\nS\n",
        "te\u{0}xt\n\nS\n", "text\n\n- name AAAAAAA=\n", "text\n\n— name\n", "text\n\n— name \n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— name AAAAAAA\n", "text\n\n— name AAAAAA==\n", "text\n\n— na+me AAAAAAA=\n",
        "text\n\n— na me AAAAAAA=\n", "text\n\n—\u{A0}name AAAAAAA=\n", "text\n\n— name AAAA-AA=\n",
        "text\n\nS\u{0}\n", "text\n\n\u{301}S\n",
    ])
    func malformed(_ form: String) throws {
        let own = try Fixture.signer(1)
        let signature = String(try Self.signature(own, "text\n").dropLast())
        let bytes = Array(form.replacing("S", with: signature).utf8)
        let code = errorCode { _ = try SignedNote(bytes) }
        #expect(code == .malformed || code == .signature)
    }

    @Test func bytesThatAreNoText() throws {
        let note = try Fixture.signer(1).sign("text\n")
        for bad in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x80]] as [[UInt8]] {
            #expect(errorCode { _ = try SignedNote(bad + note) } == .malformed)
        }
        #expect(
            errorCode { _ = try SignedNote([0xEF, 0xBB, 0xBF] + note).verify(Fixture.signer(1).verifier) } == .signature
        )
    }

    @Test func boundedInSize() throws {
        let own = try Fixture.signer(1)
        let overhead = try own.sign("\n").count - 1
        let longest = try own.sign(String(repeating: "x", count: Limits.note - overhead - 1) + "\n")
        #expect(longest.count == Limits.note)
        try SignedNote(longest).verify(own.verifier)
        #expect(errorCode { _ = try SignedNote(longest + [10]) } == .malformed)
    }
}
