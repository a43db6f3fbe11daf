import CairnFormat
import Testing

/// Keys and files that the tests of the age format share.
enum AgeFixture {
    /// From the age test vectors of C2SP CCTV (`x25519` and those made from it): the file key is "YELLOW SUBMARINE",
    /// the plaintext "age".
    static let identityText = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
    static let recipientText = "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef"
    static let secretKey = "ca1626252c53cf1a4dc46695e7fcc46594cb4ccadedb6712dfda0753f3ae355e"
    /// What the vector's writer drew: file key, ephemeral key, nonce.
    static let entropy = [
        "59454c4c4f57205355424d4152494e45", "ac5d3f3706e55071d3a604204697b9091b35c6e687dd00da3ac379ac9f742c21",
        "eecf62c7ce91b433274e68d4f2f9134c",
    ]
    static let header = """
        age-encryption.org/v1
        -> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc
        hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE
        --- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg

        """
    static let payload = "eecf62c7ce91b433274e68d4f2f9134cb74c5bfef7beaa52c8f0bc0e992c1e8331fb66"

    static var file: [UInt8] { Array(header) + hexBytes(payload) }

    static func identity() throws(FormatError) -> AgeIdentity { try AgeIdentity(identityText) }

    static func fileKey() throws(FormatError) -> AgeFileKey { try AgeFileKey(hexBytes(entropy[0])) }
}

/// A whole age file in memory.
enum AgeFile {
    static let chunk = Int(AgeLayout.chunkSize)
    static let sealedChunk = Int(AgeLayout.sealedChunkSize)

    /// What the writer makes of plaintext that comes in pieces of up to `piece` bytes.
    static func encrypt(
        _ plaintext: [UInt8], to recipients: [AgeRecipient], piece: Int = .max, random: inout SeededRandom
    ) throws -> [UInt8] {
        var encryption = try AgeEncryption(to: recipients) { random.bytes($0) }
        var file = encryption.start
        var rest = plaintext[...]
        while !rest.isEmpty {
            let size = piece == .max ? rest.count : min(rest.count, random.below(piece + 1))
            Array(rest.prefix(size)).exactly { encryption.append($0, to: &file) }
            rest = rest.dropFirst(size)
        }
        encryption.finish(to: &file)
        return file
    }

    /// The reader of a file; nil if no identity opens it.
    static func open(_ file: [UInt8], _ identities: [AgeIdentity]) throws(FormatError) -> AgePayload? {
        let header = try Array(file.prefix(Limits.ageHeader)).exactly { start throws(FormatError) in
            try AgeHeader(start)
        }
        let layout = try AgeLayout(headerSize: header.size, fileSize: UInt64(file.count))
        guard let fileKey = try header.unwrap(with: identities) else { return nil }
        return try slice(file, layout.nonce).exactly { nonce throws(FormatError) in
            try slice(file, layout.ciphertext(ofChunk: layout.lastChunk)).exactly { last throws(FormatError) in
                try AgePayload(layout, fileKey: fileKey, nonce: nonce, lastChunk: last)
            }
        }
    }

    static func slice(_ file: [UInt8], _ range: Range<UInt64>) -> [UInt8] {
        Array(file[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    /// The plaintext of one chunk.
    static func decrypt(_ file: [UInt8], _ payload: AgePayload, chunk: UInt64) throws(FormatError) -> [UInt8] {
        var plaintext = [UInt8](repeating: 0, count: payload.layout.plaintext(ofChunk: chunk).count)
        let ciphertext = slice(file, payload.layout.ciphertext(ofChunk: chunk))
        let size = try ciphertext.exactly { ciphertext throws(FormatError) in
            try plaintext.withUnsafeMutableBufferPointer { output throws(FormatError) in
                try payload.decrypt(chunk: chunk, ciphertext, into: UnsafeMutableRawBufferPointer(output))
            }
        }
        return Array(plaintext.prefix(size))
    }

    /// The whole plaintext; nil if no identity opens the file.
    static func decrypt(_ file: [UInt8], _ identities: [AgeIdentity]) throws(FormatError) -> [UInt8]? {
        guard let payload = try open(file, identities) else { return nil }
        var plaintext: [UInt8] = []
        for chunk in 0..<payload.layout.chunkCount {
            plaintext.append(contentsOf: try decrypt(file, payload, chunk: chunk))
        }
        return plaintext
    }
}

/// A file that is not quite the vector, and what is to be said of it.
struct AgeCase: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable, Equatable {
        case plaintext
        /// None of the identities opens it.
        case closed
        case refused(FormatError.Code)
    }

    var name: String
    var file: [UInt8]
    var outcome: Outcome

    var testDescription: String { name }

    init(_ name: String, _ file: [UInt8], _ outcome: Outcome) {
        self.name = name
        self.file = file
        self.outcome = outcome
    }

    /// The vector with another header text.
    init(_ name: String, header: String, _ outcome: Outcome) {
        self.init(name, Array(header.utf8) + hexBytes(AgeFixture.payload), outcome)
    }

    /// The vector with other stanzas, and the MAC that its writer would have given them.
    init(_ name: String, stanzas: [AgeStanza], _ outcome: Outcome) throws {
        let header = AgeHeader.encode(stanzas, fileKey: try AgeFixture.fileKey())
        self.init(name, header + hexBytes(AgeFixture.payload), outcome)
    }

    static func outcome(_ file: [UInt8]) -> Outcome {
        do throws(FormatError) {
            guard let plaintext = try AgeFile.decrypt(file, [AgeFixture.identity()]) else { return .closed }
            return plaintext.text == "age" ? .plaintext : .refused(.mismatch)
        } catch {
            return .refused(error.code)
        }
    }

    private static let typeLine = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n"
    private static let bodyLine = "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n"
    private static let macLine = "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg\n"

    /// Headers that break the grammar, so that it does not come to their MAC.
    static let brokenText: [AgeCase] = {
        let good = AgeFixture.header
        func changed(_ name: String, _ old: String, _ new: String, _ code: FormatError.Code = .malformed) -> AgeCase {
            AgeCase(name, header: good.replacing(old, with: new), .refused(code))
        }
        return [
            changed("version 2", "org/v1", "org/v2", .unsupported),
            changed("version 11", "org/v1", "org/v11", .unsupported),
            changed("no version", "org/v1", "org/"),
            changed("blank in the version", "org/v1", "org/v1 "),
            changed("CR behind the version", "org/v1", "org/v1\r"),
            changed("other name", "age-encryption.org", "age-encryption.com"),
            changed("upper-case name", "age-encryption.org", "AGE-encryption.org"),
            AgeCase("blank before the name", header: " " + good, .refused(.malformed)),
            AgeCase("line before the name", header: "\n" + good, .refused(.malformed)),
            AgeCase("CR LF throughout", header: good.replacing("\n", with: "\r\n"), .refused(.malformed)),
            changed("no stanza", typeLine + bodyLine, ""),
            changed("no argument", typeLine, "->\n"),
            changed("empty argument", typeLine, "-> \n"),
            changed("empty second argument", typeLine, "-> X25519 \n"),
            changed("two blanks before the type", "-> ", "->  "),
            changed("two blanks behind the type", "X25519 ", "X25519  "),
            changed("no blank before the type", "-> ", "->"),
            changed("blank at the end of a stanza's line", "FDOCc\n", "FDOCc \n"),
            changed("one dash", "-> ", "--> "),
            changed("tab in an argument", "X25519 ", "X25519\t"),
            changed("control character in an argument", "X25519 ", "X255\u{1F}9 "),
            changed("delete character in an argument", "X25519 ", "X255\u{7F}9 "),
            changed("argument beyond ASCII", "X25519 ", "X25519é "),
            changed("CR at the end of a stanza's line", "FDOCc\n", "FDOCc\r\n"),
            changed("CR at the end of a body's line", "FLE\n", "FLE\r\n"),
            changed("no body", bodyLine, ""),
            changed("padding in a body", "FLE\n", "FLE=\n"),
            changed("stray bits in a body", "FLE\n", "FLF\n"),
            changed("blank in a body", "hjab", "hj b"),
            changed("alphabet of URLs in a body", "2i+S2", "2i-S2"),
            changed("body of one character too many", "FLE\n", "FLEAA\n"),
            changed("two short lines", bodyLine, "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiw\nQHHslbBN6B41FLE\n"),
            changed("empty line before a body", bodyLine, "\n" + bodyLine),
            changed("empty line behind a body", bodyLine, bodyLine + "\n"),
            changed("line of 65", bodyLine, String(repeating: "A", count: 65) + "\n" + bodyLine),
            changed("line of 68", bodyLine, String(repeating: "A", count: 68) + "\n" + bodyLine),
            changed("full line without a last one", bodyLine, String(repeating: "A", count: 64) + "\n"),
            changed("line before a stanza", typeLine, "AAAA\n" + typeLine),
            changed("no MAC", macLine, "---\n"),
            changed("empty MAC", macLine, "--- \n"),
            changed("two blanks before the MAC", "--- ", "---  "),
            changed("no blank before the MAC", "--- ", "---"),
            changed("blank behind the MAC", "rcNg\n", "rcNg \n"),
            changed("argument behind the MAC", "rcNg\n", "rcNg AAAA\n"),
            changed("CR behind the MAC", "rcNg\n", "rcNg\r\n"),
            changed("short MAC", "rcNg\n", "rcM\n"),
            changed("long MAC", "rcNg\n", "rcNgAA\n"),
            changed("padding in the MAC", "rcNg\n", "rcNg=\n"),
            changed("stray bits in the MAC", "rcNg\n", "rcNh\n"),
            changed("two dashes", "--- ", "-- "),
            changed("four dashes", "--- ", "---- "),
        ]
    }()

    /// Headers that are well formed, with a MAC that is right where that comes into it.
    static func stanzas() throws -> [AgeCase] {
        let good = try Array(AgeFixture.header).withBytes { bytes throws(FormatError) in try AgeHeader(bytes) }.stanzas[
            0]
        let (type, share) = (good.arguments[0], good.arguments[1])
        let grease = AgeStanza(arguments: ["a-grease", "!\"#~", "b"], body: [1, 2, 3])
        let scrypt = AgeStanza(arguments: ["scrypt", "AAAAAAAAAAAAAAAAAAAAAA", "10"], body: good.body)
        func x25519(_ arguments: [String], body: [UInt8] = good.body) -> AgeStanza {
            AgeStanza(arguments: [type] + arguments, body: body)
        }
        func other(_ type: String) -> AgeStanza { AgeStanza(arguments: [type, share], body: good.body) }
        let bytes = try #require(Base64.decode(share + "="))
        func text(_ bytes: some Collection<UInt8>) -> String { String(Base64.encode(bytes).prefix { $0 != "=" }) }
        // CCTV, `x25519_low_order`.
        let lowOrder = hexBytes("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7")
        return try [
            AgeCase("as it is", stanzas: [good], .plaintext),
            AgeCase("unknown stanza before", stanzas: [grease, good], .plaintext),
            AgeCase("unknown stanza behind", stanzas: [good, grease], .plaintext),
            AgeCase("unknown stanza without body", stanzas: [AgeStanza(arguments: ["x"], body: []), good], .plaintext),
            AgeCase(
                "unknown stanza with an empty last line",
                stanzas: [AgeStanza(arguments: ["x"], body: [UInt8](repeating: 7, count: 48)), good], .plaintext),
            AgeCase(
                "unknown stanza with a long body",
                stanzas: [AgeStanza(arguments: ["x"], body: [UInt8](repeating: 7, count: 1000)), good], .plaintext),
            AgeCase("twice", stanzas: [good, good], .plaintext),
            AgeCase("lower-case type", stanzas: [other("x25519")], .refused(.unsupported)),
            AgeCase("unknown type", stanzas: [other("X25519K")], .refused(.unsupported)),
            AgeCase("SSH key", stanzas: [other("ssh-ed25519")], .refused(.unsupported)),
            AgeCase("plugin", stanzas: [other("piv-p256"), grease], .refused(.unsupported)),
            AgeCase("passphrase", stanzas: [scrypt], .refused(.unsupported)),
            AgeCase("passphrase before", stanzas: [scrypt, good], .refused(.malformed)),
            AgeCase("passphrase behind", stanzas: [good, scrypt], .refused(.malformed)),
            AgeCase("passphrase and unknown stanza", stanzas: [scrypt, grease], .refused(.malformed)),
            AgeCase("no share", stanzas: [x25519([])], .refused(.malformed)),
            AgeCase("one argument more", stanzas: [x25519([share, "1234"])], .refused(.malformed)),
            AgeCase("short share", stanzas: [x25519([text(bytes.dropLast())])], .refused(.malformed)),
            AgeCase("long share", stanzas: [x25519([text(bytes + [0])])], .refused(.malformed)),
            AgeCase("padded share", stanzas: [x25519([share + "="])], .refused(.malformed)),
            AgeCase("stray bits in the share", stanzas: [x25519([share.dropLast() + "d"])], .refused(.malformed)),
            AgeCase("share of low order", stanzas: [x25519([text(lowOrder)])], .refused(.malformed)),
            AgeCase(
                "share of zeros", stanzas: [x25519([text([UInt8](repeating: 0, count: 32))])], .refused(.malformed)),
            AgeCase("other share", stanzas: [x25519([text(bytes.reversed())])], .closed),
            AgeCase("empty body", stanzas: [x25519([share], body: [])], .refused(.malformed)),
            AgeCase("short body", stanzas: [x25519([share], body: good.body.dropLast())], .refused(.malformed)),
            AgeCase(
                "body of a longer file key", stanzas: [x25519([share], body: good.body + [0])], .refused(.malformed)),
            AgeCase("other body", stanzas: [x25519([share], body: good.body.reversed())], .closed),
            AgeCase("malformed stanza before the good one", stanzas: [x25519([]), good], .refused(.malformed)),
        ]
    }
}
