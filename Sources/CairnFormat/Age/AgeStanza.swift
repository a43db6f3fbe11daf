internal import Crypto

/// What wraps the file key for one recipient (C2SP age, "Recipient stanza").
package struct AgeStanza: Sendable, Equatable {
    static let start = "->"
    /// Characters of a line of the body; only the last is shorter, and it may be empty.
    static let columns = 64

    /// At least one, each of at least one visible ASCII character. The first is the type.
    package var arguments: [String]
    /// What the lines in base64 hold.
    package var body: [UInt8]

    package init(arguments: [String], body: [UInt8]) {
        self.arguments = arguments
        self.body = body
    }

    /// Lines that end with LF.
    func append(to header: inout [UInt8]) {
        header.append(contentsOf: (AgeStanza.start + " " + arguments.joined(separator: " ") + "\n").utf8)
        var rest = Array(Base64.encodeUnpadded(body).utf8)[...]
        while rest.count >= AgeStanza.columns {
            header.append(contentsOf: rest.prefix(AgeStanza.columns))
            header.append(UInt8(ascii: "\n"))
            rest = rest.dropFirst(AgeStanza.columns)
        }
        header.append(contentsOf: rest)
        header.append(UInt8(ascii: "\n"))
    }
}

/// The content of a stanza of type X25519 (C2SP age, "X25519 recipient stanza").
struct X25519Stanza {
    static let type = "X25519"
    private static let info = Array("age-encryption.org/v1/X25519".utf8)
    /// The wrap key is used once, so its nonce is fixed.
    private static let nonce = [UInt8](repeating: 0, count: 12)

    /// The public key that the sender made for this stanza.
    let share: [UInt8]
    /// The file key, encrypted, and the tag.
    let body: [UInt8]

    /// Nil for stanzas of other types.
    init?(_ stanza: AgeStanza) throws(FormatError) {
        guard stanza.arguments.first == X25519Stanza.type else { return nil }
        guard stanza.arguments.count == 2, let share = Base64.decodeUnpadded(stanza.arguments[1]), share.count == 32
        else { throw FormatError(.malformed, "a stanza of type X25519 does not have the one argument of 32 bytes") }
        guard stanza.body.count == AgeFileKey.size + AgeCipher.tagSize else {
            throw FormatError(.malformed, "a stanza of type X25519 has a body of \(stanza.body.count) bytes, not of 32")
        }
        self.share = share
        body = stanza.body
    }

    /// Wraps the file key. `ephemeral` is 32 random bytes, for this stanza only.
    static func wrap(
        _ fileKey: AgeFileKey, for recipient: AgeRecipient, ephemeral: [UInt8]
    ) throws(FormatError) -> AgeStanza {
        guard let secret = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: ephemeral) else {
            throw FormatError(.malformed, "an ephemeral key of \(ephemeral.count) bytes; X25519 takes 32")
        }
        let share = Array(secret.publicKey.rawRepresentation)
        guard let key = wrapKey(secret, recipient.publicKey, share: share, recipient: recipient) else {
            throw FormatError(.malformed, "the recipient \(recipient) is a point of low order, nobody's key")
        }
        var body: [UInt8] = []
        fileKey.key.withUnsafeBytes { AgeCipher.seal($0, key: key, nonce: nonce, to: &body) }
        return AgeStanza(arguments: [type, Base64.encodeUnpadded(share)], body: body)
    }

    /// The file key; nil if the stanza is not for `identity` or was changed, which cannot be told apart. Refuses a
    /// share of low order: its wrap key is no secret.
    func unwrap(_ identity: AgeIdentity) throws(FormatError) -> AgeFileKey? {
        guard
            let key = X25519Stanza.wrapKey(identity.secret, share, share: share, recipient: identity.recipient)
        else { throw FormatError(.malformed, "the share of a stanza of type X25519 is a point of low order") }
        var bytes = [UInt8](repeating: 0, count: AgeFileKey.size)
        let size = bytes.withUnsafeMutableBytes { output in
            body.withUnsafeBytes { AgeCipher.open($0, key: key, nonce: X25519Stanza.nonce, into: output) }
        }
        return size == nil ? nil : try AgeFileKey(bytes)
    }

    /// Nil if the shared secret is zero.
    private static func wrapKey(
        _ secret: Curve25519.KeyAgreement.PrivateKey, _ publicKey: [UInt8], share: [UInt8], recipient: AgeRecipient
    ) -> SymmetricKey? {
        X25519.agreement(secret, publicKey)?.hkdfDerivedSymmetricKey(
            using: SHA256.self, salt: share + recipient.publicKey, sharedInfo: info, outputByteCount: 32)
    }
}

/// X25519 (RFC 7748 section 6.1).
enum X25519 {
    /// The shared secret; nil if it is zero, which the library lets pass: the public key is then of low order, and the
    /// secret known to all.
    static func agreement(_ secret: Curve25519.KeyAgreement.PrivateKey, _ publicKey: [UInt8]) -> SharedSecret? {
        guard let publicKey = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: publicKey),
            let shared = try? secret.sharedSecretFromKeyAgreement(with: publicKey),
            shared.withUnsafeBytes({ $0.reduce(0, |) }) != 0
        else { return nil }
        return shared
    }

    /// Whether every secret agrees on zero with `publicKey`, 32 bytes. One secret shows it for all: X25519 makes each a
    /// multiple of 8, and there is no other way to come to zero.
    static func isOfLowOrder(_ publicKey: [UInt8]) -> Bool {
        let any = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: [UInt8](repeating: 1, count: 32))
        return any.flatMap { agreement($0, publicKey) } == nil
    }
}

extension Base64 {
    /// Without padding, as age writes it.
    static func encodeUnpadded(_ bytes: [UInt8]) -> String {
        String(encode(bytes).prefix { $0 != "=" })
    }

    /// Nil for anything that `encodeUnpadded` would not have written.
    static func decodeUnpadded(_ text: some StringProtocol) -> [UInt8]? {
        // Padding that stands there already would make this another text of the same value.
        guard !text.utf8.contains(UInt8(ascii: "=")), text.utf8.count % 4 != 1 else { return nil }
        return decode(text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4))
    }
}
