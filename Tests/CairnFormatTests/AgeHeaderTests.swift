import CairnFormat
import Testing

private func parse(_ bytes: [UInt8]) throws(FormatError) -> AgeHeader {
    try bytes.exactly { bytes throws(FormatError) in try AgeHeader(bytes) }
}

@Suite struct AgeHeaderTests {
    @Test func theVectorOfCCTV() throws {
        let header = try parse(AgeFixture.file)
        #expect(header.size == AgeFixture.header.utf8.count)
        #expect(header.stanzas.count == 1)
        #expect(header.stanzas[0].arguments == ["X25519", "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"])
        #expect(header.stanzas[0].body.count == 32)
        #expect(try AgeHeader.encode(header.stanzas, fileKey: AgeFixture.fileKey()).text == AgeFixture.header)
        #expect(try AgeFile.decrypt(AgeFixture.file, [AgeFixture.identity()])?.text == "age")
    }

    /// C2SP age, "Header"; and its stanza of a passphrase. Nobody has their keys.
    @Test(arguments: [
        """
        age-encryption.org/v1
        -> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE
        qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E
        --- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s

        """,
        """
        age-encryption.org/v1
        -> X25519 O6DLx/wDIawpUC978NSPjYvrfDtJVnZApXKp4FMPHCY
        3aKjozt9agh7jGmvOKvR4iax41Wl4zj95MKK4X9JuWc
        -> scrypt ajMFur+EJLGaohv/dLRGnw 18
        8SHBz/ldWnjyGFQqfjat6uNBarWqqEMDS7W8X7+Xq5Q
        --- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s

        """,
    ])
    func examplesOfC2SP(_ text: String) throws {
        let header = try parse(Array(text.utf8))
        #expect(header.size == text.utf8.count)
        // All but the MAC is as it was written.
        let again = AgeHeader.encode(header.stanzas, fileKey: try AgeFixture.fileKey()).text
        #expect(again.split(separator: "\n").dropLast() == text.split(separator: "\n").dropLast())
    }

    @Test(arguments: AgeCase.brokenText) func refusesText(_ broken: AgeCase) throws {
        #expect(broken.file != AgeFixture.file)
        #expect(AgeCase.outcome(broken.file) == broken.outcome)
        // It is the text, not the MAC.
        let error = #expect(throws: FormatError.self) { try parse(broken.file) }
        #expect(.refused(error?.code ?? .mismatch) == broken.outcome)
    }

    @Test func judgesStanzas() throws {
        for example in try AgeCase.stanzas() {
            #expect(try parse(example.file).stanzas.isEmpty == false)
            #expect(AgeCase.outcome(example.file) == example.outcome, "\(example.name)")
        }
    }

    /// The text may end anywhere: it is never taken for anything else than the start of a header.
    @Test func everyCutIsTruncation() throws {
        let text = Array(AgeFixture.header.utf8)
        for count in 0..<text.count {
            #expect(errorCode { _ = try parse(Array(text.prefix(count))) } == .truncated, "\(count) bytes")
        }
    }

    @Test func errorsTellTheirPlace() throws {
        let text = AgeFixture.header.replacing("hjab", with: "hj b")
        let error = #expect(throws: FormatError.self) { try parse(Array(text.utf8)) }
        let place = AgeFixture.header.split(separator: "hjab")[0].utf8.count
        #expect(error?.offset == UInt64(place))
    }

    @Test(arguments: [
        ("-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCg==\n", FormatError.Code.unsupported),
        ("-----BEGIN PGP MESSAGE-----\n", .malformed), ("\u{1F}\u{8B}\u{8}\u{4}", .malformed), ("{}\n", .malformed),
        ("age-encryption.org/v1", .truncated), ("age-encryption.org/v2\nanything", .unsupported),
    ])
    func otherFiles(_ text: String, _ code: FormatError.Code) {
        #expect(errorCode { _ = try parse(Array(text.unicodeScalars.map { UInt8($0.value) })) } == code)
    }

    @Test func roundTrip() throws {
        var random = SeededRandom()
        for _ in 0..<200 {
            let stanzas = (0...random.below(4)).map { _ in
                let arguments = (0...random.below(3)).map { _ in
                    String(decoding: (0...random.below(20)).map { _ in UInt8(33 + random.below(94)) }, as: UTF8.self)
                }
                return AgeStanza(arguments: arguments, body: random.bytes(random.element([0, 1, 47, 48, 49, 96, 200])))
            }
            let bytes = AgeHeader.encode(stanzas, fileKey: try AgeFileKey(random.bytes(16)))
            let header = try parse(bytes + random.bytes(random.below(3)))
            #expect(header.stanzas == stanzas)
            #expect(header.size == bytes.count)
        }
    }

    @Test func boundedInSize() throws {
        let fileKey = try AgeFixture.fileKey()
        let empty = AgeHeader.encode([AgeStanza(arguments: ["x"], body: [])], fileKey: fileKey)
        func header(of size: Int) -> [UInt8] {
            let type = String(repeating: "x", count: 1 + size - empty.count)
            return AgeHeader.encode([AgeStanza(arguments: [type], body: [])], fileKey: fileKey)
        }
        let longest = header(of: Limits.ageHeader)
        #expect(longest.count == Limits.ageHeader)
        #expect(try parse(longest + [0, 0, 0]).size == Limits.ageHeader)
        #expect(errorCode { _ = try parse(header(of: Limits.ageHeader + 1)) } == .unsupported)
        #expect(errorCode { _ = try parse(Array(longest.dropLast())) } == .truncated)
    }
}

@Suite struct AgeUnwrapTests {
    private static func identities(_ count: Int, _ random: inout SeededRandom) throws -> [AgeIdentity] {
        try (0..<count).map { _ in try AgeIdentity(secretKey: random.bytes(32)) }
    }

    @Test func eachRecipientAndNobodyElse() throws {
        var random = SeededRandom()
        let own = try Self.identities(4, &random)
        let strangers = try Self.identities(3, &random)
        let plaintext = random.bytes(100)
        let file = try AgeFile.encrypt(plaintext, to: own.map(\.recipient), random: &random)
        for identity in own {
            #expect(try AgeFile.decrypt(file, [identity]) == plaintext)
            #expect(try AgeFile.decrypt(file, strangers + [identity]) == plaintext)
            #expect(try AgeFile.decrypt(file, [identity] + strangers) == plaintext)
        }
        #expect(try AgeFile.decrypt(file, own.reversed()) == plaintext)
        // Not an error: there is nothing wrong with the file.
        #expect(try AgeFile.decrypt(file, strangers) == nil)
        #expect(try AgeFile.decrypt(file, []) == nil)
    }

    /// Each stanza on its own is good; that one came, went or moved is in the MAC.
    @Test func stanzasThatWereAddedRemovedOrMoved() throws {
        var random = SeededRandom()
        let own = try Self.identities(2, &random)
        let file = try AgeFile.encrypt([1, 2, 3], to: own.map(\.recipient), random: &random)
        let header = try parse(file)
        let lines = Array(file.prefix(header.size)).text.split(separator: "\n", omittingEmptySubsequences: false)
        let (first, second, end) = (lines[1...2], lines[3...4], lines[5...])
        let grease: ArraySlice<Substring> = ["-> grease", ""]
        func code(_ parts: ArraySlice<Substring>...) -> FormatError.Code? {
            let text = ([lines[0]] + parts.flatMap { $0 }).joined(separator: "\n")
            return errorCode { _ = try AgeFile.decrypt(Array(text.utf8) + file.dropFirst(header.size), own) }
        }
        #expect(code(first, second, end) == nil)
        #expect(code(second, first, end) == .mismatch)
        #expect(code(first, end) == .mismatch)
        #expect(code(second, end) == .mismatch)
        #expect(code(first, first, second, end) == .mismatch)
        #expect(code(first, second, grease, end) == .mismatch)
        #expect(code(grease, first, second, end) == .mismatch)
    }

    /// The MAC is of this file key: a header with another one is refused, even if the stanza opens.
    @Test func macOfAnotherFileKey() throws {
        let header = try parse(AgeFixture.file)
        let other = AgeHeader.encode(header.stanzas, fileKey: try AgeFileKey([UInt8](1...16)))
        #expect(errorCode { _ = try parse(other).unwrap(with: [AgeFixture.identity()]) } == .mismatch)
        #expect(try parse(other).unwrap(with: [AgeIdentity(secretKey: [UInt8](1...32))]) == nil)
    }

    /// What to do is in the message.
    @Test func unsupportedRecipientsAreNamed() throws {
        let fileKey = try AgeFixture.fileKey()
        func message(_ types: String...) throws -> String? {
            let stanzas = types.map { AgeStanza(arguments: [$0, "a"], body: [1]) }
            let header = try parse(AgeHeader.encode(stanzas, fileKey: fileKey))
            let error = #expect(throws: FormatError.self) { try header.unwrap(with: [AgeFixture.identity()]) }
            #expect(error?.code == .unsupported)
            return error?.message
        }
        #expect(try message("scrypt")?.contains("passphrase") == true)
        #expect(try message("piv-p256", "ssh-rsa", "piv-p256")?.contains("only of piv-p256, ssh-rsa;") == true)
        #expect(try message("f", "e", "d", "c", "b", "a")?.contains("only of a, b, c, d, e;") == true)
        #expect(try message(String(repeating: "x", count: 10_000)).map(\.count).map { $0 < 200 } == true)
    }
}
