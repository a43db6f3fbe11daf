/// Whom a file is encrypted for: an X25519 public key, as text `age1…` (C2SP age, "The X25519 recipient type").
package struct AgeRecipient: Sendable, Hashable, CustomStringConvertible {
    private static let prefix = "age"

    /// 32 bytes, as in RFC 7748.
    package let publicKey: [UInt8]

    /// Refuses keys of another length, and points of low order: what is encrypted for those, anybody can read.
    package init(publicKey: [UInt8]) throws(FormatError) {
        guard publicKey.count == 32, !X25519.isOfLowOrder(publicKey) else {
            throw FormatError(.malformed, "an age recipient wants an X25519 public key: 32 bytes, not of low order")
        }
        self.publicKey = publicKey
    }

    /// Parses `age1…`. Recipients of other kinds (plugins, SSH, post-quantum) are an error of code `unsupported`.
    package init(_ text: String) throws(FormatError) {
        guard let decoded = Bech32.decode(text) else {
            if text.hasPrefix("ssh-") {
                throw FormatError(.unsupported, "\"\(text)\" is an SSH key; use an age recipient of X25519 (age1…)")
            }
            throw FormatError(
                .malformed, "\"\(text)\" is not an age recipient (age1…): compare it with what age-keygen -y says")
        }
        guard decoded.prefix == AgeRecipient.prefix else {
            if decoded.prefix.hasPrefix("age1") {
                throw FormatError(
                    .unsupported, "\"\(text)\" is a recipient of a plugin, or of a type other than X25519; use age1…")
            }
            throw FormatError(.malformed, "\"\(text)\" is not an age recipient: it does not begin with age1")
        }
        try self.init(publicKey: decoded.bytes)
    }

    /// `age1…`
    package var description: String { Bech32.encode(prefix: AgeRecipient.prefix, publicKey) }
}
