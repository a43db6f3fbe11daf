internal import Crypto

/// The key of one file, 16 bytes, from which all its other keys are derived (C2SP age, "File key").
package struct AgeFileKey: Sendable {
    static let size = 16

    let key: SymmetricKey

    /// `bytes` are 16, random, and of this file only.
    package init(_ bytes: [UInt8]) throws(FormatError) {
        guard bytes.count == AgeFileKey.size else {
            throw FormatError(.malformed, "an age file key has \(AgeFileKey.size) bytes, not \(bytes.count)")
        }
        key = SymmetricKey(data: bytes)
    }

    /// The key of the header's MAC.
    var headerKey: SymmetricKey { derive(salt: [], info: "header") }

    /// The key of the chunks; `nonce` stands at the start of the payload.
    func payloadKey(nonce: [UInt8]) -> SymmetricKey { derive(salt: nonce, info: "payload") }

    private func derive(salt: [UInt8], info: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, salt: salt, info: Array(info.utf8), outputByteCount: 32)
    }
}

/// ChaCha20-Poly1305 (RFC 8439) without associated data, with ciphertext and tag in one piece as age stores them.
enum AgeCipher {
    static let tagSize = 16

    static func seal(
        _ plaintext: UnsafeRawBufferPointer, key: SymmetricKey, nonce: [UInt8], to output: inout [UInt8]
    ) {
        do {
            let box = try ChaChaPoly.seal(plaintext, using: key, nonce: ChaChaPoly.Nonce(data: nonce))
            output.append(contentsOf: box.combined.dropFirst(nonce.count))
        } catch {
            // Key and nonce have the sizes that the cipher takes, whatever the input was: this is a broken library.
            preconditionFailure("ChaCha20-Poly1305 refused a 32-byte key and a 12-byte nonce: \(error)")
        }
    }

    /// Writes the plaintext to the start of `output`, which has room for it, and returns its size. Nil, with `output`
    /// as it was, if the tag is not that of the ciphertext, the key and the nonce.
    static func open(
        _ sealed: UnsafeRawBufferPointer, key: SymmetricKey, nonce: [UInt8], into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        let border = sealed.count - tagSize
        guard border >= 0,
            let nonce = try? ChaChaPoly.Nonce(data: nonce),
            let box = try? ChaChaPoly.SealedBox(
                nonce: nonce, ciphertext: UnsafeRawBufferPointer(rebasing: sealed[..<border]),
                tag: UnsafeRawBufferPointer(rebasing: sealed[border...])),
            let plaintext = try? ChaChaPoly.open(box, using: key)
        else { return nil }
        output.copyBytes(from: plaintext)
        return plaintext.count
    }
}
