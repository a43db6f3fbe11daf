internal import Crypto

/// The public key of a witness: Ed25519 with signatures that state their time (C2SP tlog-cosignature, type 0x04). Its
/// vkey is `name+keyID+base64(0x04 ‖ key)`.
public struct WitnessKey: Sendable, Hashable, CustomStringConvertible {
    fileprivate let key: NamedKey

    static let ed25519: UInt8 = 0x04

    /// Parses a vkey; refuses other types, wrong key IDs and keys of wrong length.
    public init(_ text: String) throws(FormatError) {
        key = try NamedKey(text, type: WitnessKey.ed25519)
    }

    fileprivate init(_ key: NamedKey) { self.key = key }

    /// Name of the witness.
    public var name: String { key.name }

    /// The vkey.
    public var description: String { key.description }

    /// Whether a signature names this key.
    func made(_ signature: SignedNote.Signature) -> Bool {
        // By bytes: String's own equality holds between different texts that look the same.
        signature.keyID == key.keyID && signature.name.utf8.elementsEqual(key.name.utf8)
    }
}

/// That a witness saw a checkpoint, found it to extend all that it had seen of the log before, and when.
public struct Cosignature: Sendable, Equatable {
    /// Who says so.
    public var witness: WitnessKey
    /// When, to the second.
    public var time: Time

    /// The bytes that a cosignature signs (`cosignature/v1`).
    fileprivate static func message(_ text: String, seconds: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(seconds)\n\(text)".utf8)
    }

    /// Bytes of a signature line's blob behind the key ID: the time and an Ed25519 signature.
    fileprivate static let size = 8 + 64
}

extension SignedNote {
    /// The newest cosignature by `key`, or nil if there is none. As with any known key, one that does not verify spoils
    /// the note, whatever stands beside it.
    package func cosignature(by key: WitnessKey) throws(FormatError) -> Cosignature? {
        var newest: Cosignature?
        for signature in signatures where key.made(signature) {
            let cosignature = try SignedNote.verify(signature, by: key, of: text)
            if newest.map({ $0.time < cosignature.time }) ?? true { newest = cosignature }
        }
        return newest
    }

    /// The same checkpoint with the cosignatures of one witness, which replace those that it made before.
    ///
    /// - Parameter answer: signature lines of the witness; those by other keys are left out.
    package func cosigned(by key: WitnessKey, _ answer: [Signature]) throws(FormatError) -> SignedNote {
        let own = answer.filter { key.made($0) }
        guard !own.isEmpty else { throw FormatError(.signature, "the answer holds no cosignature by \(key)") }
        for signature in own { _ = try SignedNote.verify(signature, by: key, of: text) }
        var note = self
        note.signatures = signatures.filter { !key.made($0) } + own
        guard note.signatures.count <= Limits.signatures else {
            throw FormatError(.signature, "the checkpoint would have more than \(Limits.signatures) signatures")
        }
        return note
    }

    private static func verify(
        _ signature: Signature, by key: WitnessKey, of text: String
    ) throws(FormatError) -> Cosignature {
        let seconds = signature.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard signature.bytes.count == Cosignature.size,
            key.key.verifies(signature.bytes.dropFirst(8), of: Cosignature.message(text, seconds: seconds))
        else { throw FormatError(.signature, "the cosignature by \(key) does not verify") }
        guard let time = Time(posixSeconds: seconds) else {
            throw FormatError(.malformed, "the cosignature by \(key) is of second \(seconds), which is no time of ours")
        }
        return Cosignature(witness: key, time: time)
    }
}

extension Time {
    /// Nil beyond the range of a time, which ends in 2262.
    package init?(posixSeconds seconds: UInt64) {
        guard let seconds = Int64(exactly: seconds) else { return nil }
        let (nanoseconds, isTooLarge) = seconds.multipliedReportingOverflow(by: Time.perSecond)
        guard !isTooLarge else { return nil }
        self.init(nanoseconds: nanoseconds)
    }
}

/// The private key of a witness. Cairn asks witnesses and is none: this serves those that tests and trials run.
package struct WitnessSigner: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    package let verifier: WitnessKey

    /// `seed` is 32 random bytes.
    package init(name: String, seed: [UInt8]) throws(FormatError) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
            throw FormatError(.malformed, "a private key wants a seed of 32 bytes")
        }
        self.key = key
        verifier = WitnessKey(
            NamedKey(name: name, type: WitnessKey.ed25519, publicKey: Array(key.publicKey.rawRepresentation)))
    }

    /// Signs the text of a checkpoint.
    ///
    /// - Parameter seconds: of POSIX time.
    package func cosign(_ text: String, seconds: UInt64) throws(FormatError) -> SignedNote.Signature {
        guard let signature = try? key.signature(for: Cosignature.message(text, seconds: seconds)) else {
            throw FormatError(.signature, "the checkpoint could not be cosigned")
        }
        let time = withUnsafeBytes(of: seconds.bigEndian) { Array($0) }
        return SignedNote.Signature(name: verifier.name, keyID: verifier.key.keyID, bytes: time + signature)
    }
}
