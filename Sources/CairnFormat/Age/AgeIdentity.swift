internal import Crypto

extension Limits {
    /// Bytes of a file of age identities: hundreds of them with their comments, and no large file read by mistake.
    package static let ageIdentityFile = 64 << 10
}

/// Who can decrypt: an X25519 private key, as text `AGE-SECRET-KEY-1…` (C2SP age, "The X25519 recipient type"). No
/// error and no description shows the key.
package struct AgeIdentity: Sendable, CustomStringConvertible {
    private static let prefix = "age-secret-key-"

    let secret: Curve25519.KeyAgreement.PrivateKey
    /// Whom to encrypt for, so that this identity can decrypt.
    package let recipient: AgeRecipient

    /// `secretKey` is 32 random bytes.
    package init(secretKey: [UInt8]) throws(FormatError) {
        guard let secret = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secretKey) else {
            throw FormatError(.malformed, "an age identity wants a private key of 32 bytes")
        }
        self.secret = secret
        recipient = try AgeRecipient(publicKey: Array(secret.publicKey.rawRepresentation))
    }

    /// Parses `AGE-SECRET-KEY-1…`. Identities of plugins and of other types are an error of code `unsupported`.
    package init(_ text: String) throws(FormatError) {
        if text.hasPrefix("AGE-PLUGIN-") || text.hasPrefix("AGE-SECRET-KEY-PQ-1") {
            throw FormatError(
                .unsupported, "an identity of a plugin, or of a type other than X25519; use one of age-keygen")
        }
        guard let decoded = Bech32.decode(text), decoded.prefix == AgeIdentity.prefix.uppercased() else {
            throw FormatError(
                .malformed, "not an age identity (AGE-SECRET-KEY-1…), or a character of it is wrong or missing")
        }
        try self.init(secretKey: decoded.bytes)
    }

    /// Parses a file as age-keygen writes it: an identity a line, where empty lines and those that begin with `#` do
    /// not count and a line may end with CR LF. The error names the line.
    package static func parse(file: [UInt8]) throws(FormatError) -> [AgeIdentity] {
        guard file.count <= Limits.ageIdentityFile else {
            throw FormatError(
                .malformed, "more than \(Limits.ageIdentityFile) bytes: this is not a file of age identities")
        }
        var identities: [AgeIdentity] = []
        for (index, line) in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            do throws(FormatError) {
                identities.append(try identity(line: line))
            } catch {
                throw FormatError(error.code, "line \(index + 1): \(error.message)", at: UInt64(line.startIndex))
            }
        }
        guard !identities.isEmpty else {
            throw FormatError(.malformed, "no identity in the file; age-keygen writes one that has")
        }
        return identities
    }

    private static func identity(line: ArraySlice<UInt8>) throws(FormatError) -> AgeIdentity {
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("-----BEGIN ") || text.hasPrefix("age-encryption.org/") {
            throw FormatError(
                .unsupported, "the file is an SSH key, or itself encrypted; use a plain file of age-keygen")
        }
        return try AgeIdentity(text)
    }

    /// `AGE-SECRET-KEY-1…`: the secret itself.
    package var text: String {
        Bech32.encode(prefix: AgeIdentity.prefix, Array(secret.rawRepresentation)).uppercased()
    }

    /// The file of the identity: its recipient as a comment, and its text.
    package var file: [UInt8] { Array("# public key: \(recipient)\n\(text)\n".utf8) }

    /// Names the identity by its recipient.
    package var description: String { "the identity of \(recipient)" }
}
