internal import Crypto

/// Writes one age file piece by piece, and holds no more of it than a chunk. It cannot be copied: two writers of the
/// same keys would use a nonce twice, which gives the plaintext away.
package struct AgeEncryption: ~Copyable, Sendable {
    /// What the file begins with: the header and the payload's nonce.
    package let start: [UInt8]
    private let key: SymmetricKey
    /// Plaintext of the chunk that is not yet known to have one behind it.
    private var held: [UInt8] = []
    private var chunk: UInt64 = 0

    /// Begins a file that each of `recipients`, of which there is at least one, can read. `entropy` returns as many
    /// random bytes as it is asked for: for the file key, then for each recipient, then for the nonce.
    package init(to recipients: [AgeRecipient], entropy: (Int) -> [UInt8]) throws(FormatError) {
        guard !recipients.isEmpty else {
            throw FormatError(.malformed, "an age file without recipients could never be read; name at least one")
        }
        let fileKey = try AgeFileKey(entropy(AgeFileKey.size))
        var stanzas: [AgeStanza] = []
        for recipient in recipients {
            stanzas.append(try X25519Stanza.wrap(fileKey, for: recipient, ephemeral: entropy(32)))
        }
        let header = AgeHeader.encode(stanzas, fileKey: fileKey)
        guard header.count <= Limits.ageHeader else {
            throw FormatError(
                .unsupported,
                "\(recipients.count) recipients make an age header of \(header.count) bytes; "
                    + "no more than \(Limits.ageHeader) are read again")
        }
        let nonce = entropy(AgeLayout.nonceSize)
        start = header + nonce
        key = fileKey.payloadKey(nonce: nonce)
        held.reserveCapacity(Int(AgeLayout.chunkSize))
    }

    /// Takes plaintext of any size, and appends what chunks it completes to `output`.
    package mutating func append(_ plaintext: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var rest = plaintext[...]
        while !rest.isEmpty {
            // Only what comes behind a full chunk shows that it is not the last.
            if held.count == AgeLayout.chunkSize { seal(isLast: false, to: &output) }
            let part = rest.prefix(Int(AgeLayout.chunkSize) - held.count)
            held.append(contentsOf: part)
            rest = rest.dropFirst(part.count)
        }
    }

    /// Appends the final chunk to `output`. A file without it is not whole.
    package consuming func finish(to output: inout [UInt8]) {
        seal(isLast: true, to: &output)
    }

    private mutating func seal(isLast: Bool, to output: inout [UInt8]) {
        let nonce = AgeChunk.nonce(chunk, isLast: isLast)
        held.withUnsafeBytes { AgeCipher.seal($0, key: key, nonce: nonce, to: &output) }
        held.removeAll(keepingCapacity: true)
        chunk += 1
    }
}
