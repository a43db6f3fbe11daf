import CairnFormat
import Testing

@Suite struct Bech32Tests {
    /// BIP 173, "Test vectors": what is valid, with the part before the separator.
    @Test(arguments: [
        ("A12UEL5L", "A"), ("a12uel5l", "a"), ("?1ezyfcl", "?"),
        (
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio"
        ),
        ("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef"),
        ("11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j", "1"),
        ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split"),
    ])
    func valid(_ text: String, _ prefix: String) throws {
        let decoded = try #require(Bech32.decode(text))
        #expect(decoded.prefix == prefix)
        #expect(Bech32.encode(prefix: prefix.lowercased(), decoded.bytes) == text.lowercased())
        #expect(Bech32.decode(text.uppercased())?.bytes == decoded.bytes)
    }

    @Test func bytesOfAVector() {
        let decoded = Bech32.decode("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")
        #expect(decoded?.bytes.hex == "00443214c74254b635cf84653a56d7c675be77df")
    }

    /// BIP 173, "Test vectors": what is not, and what is no whole number of bytes.
    @Test(arguments: [
        "\u{20}1nwldj5", "\u{7F}1axkwrx", "\u{80}1eym55h", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3",
        "de1lg7wt\u{FF}", "A1G7SGD8", "10a06t8", "1qzzfhee", "", "1", "a1", "A12uel5l", "a12uel5L", "a12uel5l ",
        "a12uel5ll", "a12uel5",
    ])
    func invalid(_ text: String) {
        #expect(Bech32.decode(text) == nil)
    }

    @Test func roundTripAndEveryMistypedCharacter() throws {
        var random = SeededRandom()
        for count in 0..<60 {
            let bytes = random.bytes(count)
            let text = Bech32.encode(prefix: "n1x-", bytes)
            let decoded = try #require(Bech32.decode(text))
            #expect(decoded.prefix == "n1x-" && decoded.bytes == bytes)
            var mistyped = Array(text)
            let place = random.below(mistyped.count)
            let other = random.element(Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l1".utf8))
            guard mistyped[place] != other else { continue }
            mistyped[place] = other
            check(Bech32.decode(mistyped.text) == nil, "\(text) and \(mistyped.text)")
        }
    }
}

@Suite struct AgeRecipientTests {
    /// The example of C2SP age, the vectors of CCTV, and Alice's and Bob's keys of RFC 7748 section 6.1.
    @Test(arguments: [
        (
            String(repeating: "42", count: 32),
            "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
            "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
        ),
        (AgeFixture.secretKey, AgeFixture.identityText, AgeFixture.recipientText),
    ])
    func vectors(_ secretKey: String, _ identityText: String, _ recipientText: String) throws {
        let identity = try AgeIdentity(secretKey: hexBytes(secretKey))
        #expect(identity.text == identityText)
        #expect(identity.recipient.description == recipientText)
        #expect(try AgeIdentity(identityText).text == identityText)
        #expect(try AgeRecipient(recipientText) == identity.recipient)
    }

    @Test(arguments: [
        (
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
        ),
        (
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
        ),
    ])
    func publicKeysOfRFC7748(_ secretKey: String, _ publicKey: String) throws {
        #expect(try AgeIdentity(secretKey: hexBytes(secretKey)).recipient.publicKey.hex == publicKey)
    }

    @Test func roundTrip() throws {
        var random = SeededRandom()
        for _ in 0..<50 {
            let identity = try AgeIdentity(secretKey: random.bytes(32))
            let recipient = identity.recipient
            #expect(try AgeRecipient(recipient.description) == recipient)
            #expect(try AgeRecipient(publicKey: recipient.publicKey) == recipient)
            #expect(try AgeIdentity(identity.text).text == identity.text)
            #expect(identity.text.count == 74 && identity.text.hasPrefix("AGE-SECRET-KEY-1"))
            #expect(recipient.description.count == 62 && recipient.description.hasPrefix("age1"))
        }
    }

    /// All with a right checksum, where there is one.
    @Test(
        arguments: [
            ("", .malformed), ("age1", .malformed), (AgeFixture.recipientText.uppercased(), .malformed),
            (AgeFixture.recipientText + "\n", .malformed), (" " + AgeFixture.recipientText, .malformed),
            (String(AgeFixture.recipientText.dropLast()), .malformed),
            // Stray bits behind the last byte; 31, 33 and no bytes; another type; the key of zeros.
            ("age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4pggh3ym", .malformed),
            ("age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv20te3u", .malformed),
            ("age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4qqe76j06", .malformed),
            ("age19l388n", .malformed),
            ("agf1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4qar6thz", .malformed),
            ("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z", .malformed),
            (AgeFixture.identityText, .malformed),
            ("age1yubikey1qgmdempltuj88xsv3vmvhd8l5ftjn222282plvs95d6pnlnlttdj5jmgep7", .unsupported),
            // The example of C2SP age for hardware keys.
            ("age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e", .unsupported),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN", .unsupported),
        ] as [(String, FormatError.Code)])
    func refuses(_ text: String, _ code: FormatError.Code) {
        #expect(errorCode { _ = try AgeRecipient(text) } == code)
    }

    /// The points of low order on Curve25519 and its twist, and the same with the bit that X25519 ignores.
    @Test(arguments: [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
    func pointsOfLowOrder(_ hex: String) {
        var point = hexBytes(hex)
        #expect(errorCode { _ = try AgeRecipient(publicKey: point) } == .malformed)
        point[31] |= 0x80
        #expect(errorCode { _ = try AgeRecipient(publicKey: point) } == .malformed)
        // One bit beside them is a key.
        point[5] ^= 1
        #expect(errorCode { _ = try AgeRecipient(publicKey: point) } == nil)
    }

    @Test(arguments: [0, 31, 33, 64]) func keysOfAnotherLength(_ count: Int) {
        let bytes = [UInt8](repeating: 9, count: count)
        #expect(errorCode { _ = try AgeRecipient(publicKey: bytes) } == .malformed)
        #expect(errorCode { _ = try AgeIdentity(secretKey: bytes) } == .malformed)
        #expect(errorCode { _ = try AgeFileKey(bytes) } == .malformed)
    }
}

@Suite struct AgeIdentityTests {
    private static let key = AgeFixture.identityText

    @Test(
        arguments: [
            ("", .malformed), ("AGE-SECRET-KEY-1", .malformed), (key.lowercased(), .malformed), (key + " ", .malformed),
            (String(key.dropLast()), .malformed), (key.replacing("EGTZ", with: "EGTY"), .malformed),
            (AgeFixture.recipientText, .malformed), (AgeFixture.recipientText.uppercased(), .malformed),
            // 31 bytes, and stray bits behind the last byte, with a right checksum.
            ("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX5CRYY54", .malformed),
            ("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40PHH72XA", .malformed),
            ("AGE-SECRET-KEY-PQ-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40QS02748", .unsupported),
            ("AGE-PLUGIN-YUBIKEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40QWTYHFR", .unsupported),
        ] as [(String, FormatError.Code)])
    func refuses(_ text: String, _ code: FormatError.Code) {
        #expect(errorCode { _ = try AgeIdentity(text) } == code)
    }

    /// Files, with their identities; ① and ② stand for two.
    @Test(arguments: [
        ("①", "①"), ("①\n", "①"), ("①\r\n", "①"), ("①\n②\n", "①②"), ("②\n①", "②①"), ("①\n①\n", "①①"),
        ("# created: 2026-01-01T00:00:00Z\n# public key: age1…\n①\n", "①"), ("\n\n# ②\n\n①\n\n#", "①"),
        ("\r\n# x\r\n①\r\n\r\n②\r\n", "①②"), ("#\u{0}\u{7F}\n①\n", "①"),
    ])
    func parsesFiles(_ file: String, _ expected: String) throws {
        let other = try AgeIdentity(secretKey: [UInt8](1...32))
        let texts: [Character: String] = ["①": Self.key, "②": other.text]
        let bytes = Array(file.unicodeScalars.map { texts[Character($0)] ?? String($0) }.joined().utf8)
        #expect(try AgeIdentity.parse(file: bytes).map(\.text) == expected.compactMap { texts[$0] })
    }

    /// Files that are none, with the line that is to blame; ① stands for an identity.
    @Test(
        arguments: [
            ("", nil, .malformed), ("\n\n", nil, .malformed), ("# ①\n", nil, .malformed), (" \n", 1, .malformed),
            ("①\n① x\n", 2, .malformed), ("①\n ①\n", 2, .malformed), ("①\r①\n", 1, .malformed),
            ("①\r\r\n", 1, .malformed),
            ("# x\n\n # y\n①\n", 3, .malformed), ("①\n#\nage1qqq\n", 3, .malformed), ("①①\n", 1, .malformed),
            ("\u{FEFF}①\n", 1, .malformed),
            ("①\nAGE-PLUGIN-YUBIKEY-1QQQ\n", 2, .unsupported),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n", 1, .unsupported),
            ("age-encryption.org/v1\n-> scrypt a 1\n", 1, .unsupported),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n", 1, .unsupported),
        ] as [(String, Int?, FormatError.Code)])
    func refusesFiles(_ file: String, _ line: Int?, _ code: FormatError.Code) throws {
        let bytes = Array(file.replacing("①", with: Self.key).utf8)
        let error = #expect(throws: FormatError.self) { try AgeIdentity.parse(file: bytes) }
        #expect(error?.code == code)
        if let line { #expect(error?.message.hasPrefix("line \(line): ") == true, "\(error?.message ?? "")") }
        #expect((error?.offset == nil) == (line == nil))
    }

    @Test func bytesThatAreNoText() {
        let key = Array(Self.key.utf8)
        #expect(errorCode { _ = try AgeIdentity.parse(file: key + [10, 0xFF, 0xFE]) } == .malformed)
        #expect(errorCode { _ = try AgeIdentity.parse(file: [35, 0xFF, 10] + key) } == nil)
    }

    @Test func filesAreBoundedInSize() throws {
        let key = Array(Self.key.utf8)
        let comment = [UInt8](repeating: UInt8(ascii: "#"), count: Limits.ageIdentityFile - key.count - 1)
        #expect(try AgeIdentity.parse(file: key + [10] + comment).count == 1)
        #expect(errorCode { _ = try AgeIdentity.parse(file: key + [10, 35] + comment) } == .malformed)
    }

    @Test func fileRoundTrip() throws {
        var random = SeededRandom()
        let identities = try (0..<20).map { _ in try AgeIdentity(secretKey: random.bytes(32)) }
        let parsed = try AgeIdentity.parse(file: Array(identities.map(\.file).joined()))
        #expect(parsed.map(\.text) == identities.map(\.text))
    }

    /// What may end up in a log or on a terminal.
    @Test func doesNotShowItsSecret() throws {
        let identity = try AgeFixture.identity()
        #expect("\(identity)" == "the identity of \(AgeFixture.recipientText)")
        #expect(!String(reflecting: identity).contains("SECRET"))
        for mistyped in [Self.key.replacing("EGTZ", with: "EGTY"), Self.key.lowercased()] {
            let error = #expect(throws: FormatError.self) { try AgeIdentity.parse(file: Array(mistyped.utf8)) }
            #expect(error?.description.uppercased().contains("TZVFFV20835") == false)
        }
    }
}
