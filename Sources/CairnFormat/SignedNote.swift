internal import Crypto

/// The name of a log: in every header, note and key. 1 to 128 bytes of UTF-8 without `+`, white space or controls.
public struct Origin: Sendable, Hashable, CustomStringConvertible {
    /// The name itself.
    public let name: String

    package init(_ name: String) throws(FormatError) {
        guard (1...Limits.origin).contains(name.utf8.count),
            name.unicodeScalars.allSatisfy({
                $0 != "+" && !$0.properties.isWhitespace && $0.properties.generalCategory != .control
            })
        else {
            throw FormatError(
                .malformed,
                "\"\(name)\" cannot name a log: use 1 to \(Limits.origin) bytes without '+', blanks and control characters"
            )
        }
        self.name = name
    }

    /// The name itself.
    public var description: String { name }
}

/// An Ed25519 public key with its name, in the form of C2SP signed-note: `name+keyID+base64(0x01 ‖ key)`.
public struct VerifierKey: Sendable, Hashable, CustomStringConvertible {
    private let key: NamedKey

    static let ed25519: UInt8 = 0x01

    package init(name: String, publicKey: [UInt8]) {
        key = NamedKey(name: name, type: VerifierKey.ed25519, publicKey: publicKey)
    }

    /// Parses a vkey; refuses other types, wrong key IDs and keys of wrong length.
    public init(_ text: String) throws(FormatError) {
        key = try NamedKey(text, type: VerifierKey.ed25519)
    }

    /// The name itself.
    public var name: String { key.name }

    /// First four bytes of SHA-256(name ‖ LF ‖ type ‖ key), big-endian.
    public var keyID: UInt32 { key.keyID }

    /// The vkey.
    public var description: String { key.description }

    func verifies(_ signature: some Sequence<UInt8>, of text: [UInt8]) -> Bool {
        key.verifies(signature, of: text)
    }
}

/// What all kinds of Ed25519 keys have in common that C2SP names: a name, the type of their signatures, and a vkey.
struct NamedKey: Sendable, Hashable, CustomStringConvertible {
    let name: String
    let type: UInt8
    let publicKey: [UInt8]
    let keyID: UInt32

    init(name: String, type: UInt8, publicKey: [UInt8]) {
        self.name = name
        self.type = type
        self.publicKey = publicKey
        let hash = Digest.sha256(Array(name.utf8) + [0x0A, type] + publicKey)
        keyID = hash.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self)) }
    }

    init(_ text: String, type: UInt8) throws(FormatError) {
        // Base64 can hold a plus itself, so only the first two are separators.
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, isKeyName(parts[0]), parts[1].utf8.count == 8,
            let bytes = Base64.decode(parts[2]), let found = bytes.first
        else { throw FormatError(.malformed, "\"\(text)\" is not a verifier key (name+keyID+base64)") }
        guard found == type else {
            let due = type == VerifierKey.ed25519 ? "of Ed25519" : "that of a witness"
            throw FormatError(.unsupported, "the verifier key \"\(text)\" is not \(due)")
        }
        guard bytes.count == 33 else {
            throw FormatError(.malformed, "\"\(text)\" does not hold an Ed25519 key of 32 bytes")
        }
        self.init(name: String(parts[0]), type: type, publicKey: Array(bytes.dropFirst()))
        guard parts[1] == hexKeyID else {
            throw FormatError(.malformed, "the key ID in \"\(text)\" does not match its key")
        }
    }

    private var hexKeyID: String { Hex.encode(withUnsafeBytes(of: keyID.bigEndian) { Array($0) }) }

    var description: String { "\(name)+\(hexKeyID)+\(Base64.encode([type] + publicKey))" }

    func verifies(_ signature: some Sequence<UInt8>, of text: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
        return key.isValidSignature(Array(signature), for: text)
    }
}

/// C2SP signed-note: key names are not empty and hold neither plus nor white space.
private func isKeyName(_ name: some StringProtocol) -> Bool {
    !name.isEmpty && name.unicodeScalars.allSatisfy { $0 != "+" && !$0.properties.isWhitespace }
}

/// An Ed25519 private key with its name: `PRIVATE+KEY+name+keyID+base64(0x01 ‖ seed)`.
package struct SignerKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    package let verifier: VerifierKey

    /// `seed` is 32 random bytes.
    package init(name: String, seed: [UInt8]) throws(FormatError) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
            throw FormatError(.malformed, "a private key wants a seed of 32 bytes")
        }
        self.key = key
        verifier = VerifierKey(name: name, publicKey: Array(key.publicKey.rawRepresentation))
    }

    /// Parses a private key, with or without the LF behind it.
    package init(_ text: String) throws(FormatError) {
        let line = text.hasSuffix("\n") ? text.dropLast() : text[...]
        let parts = line.split(separator: "+", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "PRIVATE", parts[1] == "KEY", isKeyName(parts[2]),
            let bytes = Base64.decode(parts[4]), bytes.count == 33, bytes[0] == VerifierKey.ed25519
        else { throw FormatError(.malformed, "not a private key of the form PRIVATE+KEY+name+keyID+base64") }
        try self.init(name: String(parts[2]), seed: Array(bytes.dropFirst()))
        // By bytes: String's own equality holds between different texts that look the same.
        guard description.utf8.elementsEqual(line.utf8) else {
            throw FormatError(.malformed, "the private key does not match its key ID, or is not in its one form")
        }
    }

    package var description: String {
        let id = Hex.encode(withUnsafeBytes(of: verifier.keyID.bigEndian) { Array($0) })
        return "PRIVATE+KEY+\(verifier.name)+\(id)+\(Base64.encode([VerifierKey.ed25519] + key.rawRepresentation))"
    }

    /// The file of the key: its text and an LF.
    package var file: [UInt8] { Array((description + "\n").utf8) }

    /// The whole note: `text` (which ends with an LF), an empty line, one signature line.
    package func sign(_ text: String) throws(FormatError) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard let signature = try? key.signature(for: bytes) else {
            throw FormatError(.signature, "the note could not be signed")
        }
        let line = SignedNote.Signature(name: verifier.name, keyID: verifier.keyID, bytes: Array(signature)).line
        return bytes + Array("\n\(line)\n".utf8)
    }
}

/// A text with signatures (C2SP signed-note v1.0.0), parsed and not yet verified.
package struct SignedNote: Sendable, Equatable {
    package struct Signature: Sendable, Equatable {
        package var name: String
        package var keyID: UInt32
        package var bytes: [UInt8]

        package init(name: String, keyID: UInt32, bytes: [UInt8]) {
            self.name = name
            self.keyID = keyID
            self.bytes = bytes
        }

        /// Reads a line without its LF.
        package init(line: some StringProtocol) throws(FormatError) {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "\u{2014}", isKeyName(parts[1]),
                let blob = Base64.decode(parts[2]), blob.count > 4
            else { throw FormatError(.malformed, "\"\(line)\" is not a signature line") }
            keyID = blob[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            name = String(parts[1])
            bytes = Array(blob[4...])
        }

        /// Without an LF.
        package var line: String {
            let id = withUnsafeBytes(of: keyID.bigEndian) { Array($0) }
            return "\u{2014} \(name) \(Base64.encode(id + bytes))"
        }
    }

    /// Ends with an LF.
    package var text: String
    package var signatures: [Signature]

    package init(_ bytes: [UInt8]) throws(FormatError) {
        guard bytes.count <= Limits.note else {
            throw FormatError(.malformed, "a note of more than \(Limits.note) bytes")
        }
        guard bytes.allSatisfy({ $0 >= 32 || $0 == 10 }), let whole = String(validating: bytes, as: UTF8.self) else {
            throw FormatError(.malformed, "the note is not plain UTF-8 text")
        }
        // The text ends at the last empty line.
        let lines = whole.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.last == "", let border = lines.dropLast().lastIndex(of: ""), border > 0 else {
            throw FormatError(.malformed, "the note has no empty line before its signatures")
        }
        text = lines[..<border].joined(separator: "\n") + "\n"
        let signatureLines = lines[(border + 1)...].dropLast()
        guard (1...Limits.signatures).contains(signatureLines.count) else {
            throw FormatError(.signature, "the note has \(signatureLines.count) signatures; 1 to 16 are allowed")
        }
        signatures = []
        for line in signatureLines { signatures.append(try Signature(line: line)) }
    }

    /// The note as it is written.
    package var bytes: [UInt8] {
        Array((text + "\n").utf8) + signatures.flatMap { Array("\($0.line)\n".utf8) }
    }

    /// Checks the signature by `key`; signatures by other keys say nothing.
    package func verify(_ key: VerifierKey) throws(FormatError) {
        let own = signatures.filter { $0.name == key.name && $0.keyID == key.keyID }
        guard !own.isEmpty else {
            throw FormatError(.signature, "the note is not signed by \(key)")
        }
        let message = Array(text.utf8)
        guard own.allSatisfy({ key.verifies($0.bytes, of: message) }) else {
            throw FormatError(.signature, "the signature by \(key) does not verify")
        }
    }
}
