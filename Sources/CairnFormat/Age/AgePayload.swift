internal import Crypto

/// Where what lies in an age file (C2SP age, "Payload"): arithmetic on sizes and offsets in bytes, without keys. It is
/// true only of a file whose last chunk was seen to be the final one: see `AgePayload`.
package struct AgeLayout: Sendable, Equatable {
    /// Bytes of plaintext in each chunk but the last, which has 1 to as many, or 0 if there is no other.
    package static let chunkSize: UInt64 = 64 << 10
    /// Bytes of the payload before the first chunk.
    package static let nonceSize = 16
    /// Bytes of a chunk in the file, the last again excepted: plaintext and tag.
    package static let sealedChunkSize = chunkSize + tagSize
    private static let tagSize = UInt64(AgeCipher.tagSize)

    /// Of the whole file.
    package let fileSize: UInt64
    /// At least 1.
    package let chunkCount: UInt64
    /// Bytes of the whole plaintext.
    package let plaintextSize: UInt64
    private let firstChunk: UInt64

    /// `headerSize` is `AgeHeader.size`. Throws if no file of this size is whole: `truncated` where something must
    /// follow, `malformed` for an empty last chunk.
    package init(headerSize: Int, fileSize: UInt64) throws(FormatError) {
        firstChunk = UInt64(headerSize + AgeLayout.nonceSize)
        guard fileSize >= firstChunk + AgeLayout.tagSize else {
            throw FormatError(.truncated, "the file ends before its first chunk does", at: fileSize)
        }
        let sealed = fileSize - firstChunk
        chunkCount = (sealed - 1) / AgeLayout.sealedChunkSize + 1
        let last = sealed - (chunkCount - 1) * AgeLayout.sealedChunkSize
        guard last >= AgeLayout.tagSize else {
            throw FormatError(.truncated, "the file ends in the tag of chunk \(chunkCount - 1)", at: fileSize)
        }
        guard last > AgeLayout.tagSize || chunkCount == 1 else {
            throw FormatError(
                .malformed, "the last chunk, \(chunkCount - 1), is empty, which age forbids", at: fileSize)
        }
        self.fileSize = fileSize
        plaintextSize = sealed - chunkCount * AgeLayout.tagSize
    }

    /// Where the payload's nonce lies in the file.
    package var nonce: Range<UInt64> { (firstChunk - UInt64(AgeLayout.nonceSize))..<firstChunk }

    /// Number of the chunk whose tag says that it is the last.
    package var lastChunk: UInt64 { chunkCount - 1 }

    /// Where chunk `number`, of those from 0 to `lastChunk`, lies in the file.
    package func ciphertext(ofChunk number: UInt64) -> Range<UInt64> {
        precondition(number < chunkCount)
        let start = firstChunk + number * AgeLayout.sealedChunkSize
        return start..<(number == lastChunk ? fileSize : start + AgeLayout.sealedChunkSize)
    }

    /// Where chunk `number` lies in the plaintext.
    package func plaintext(ofChunk number: UInt64) -> Range<UInt64> {
        precondition(number < chunkCount)
        let start = number * AgeLayout.chunkSize
        return start..<(number == lastChunk ? plaintextSize : start + AgeLayout.chunkSize)
    }

    /// Which chunks hold a range of the plaintext; what of it lies behind the end is not held.
    package func chunks(covering range: Range<UInt64>) -> Range<UInt64> {
        let range = range.clamped(to: 0..<plaintextSize)
        guard let last = range.last else { return 0..<0 }
        return (range.lowerBound / AgeLayout.chunkSize)..<(last / AgeLayout.chunkSize + 1)
    }

    /// Which bytes of the file to read for a range of the plaintext: whole chunks.
    package func ciphertext(covering range: Range<UInt64>) -> Range<UInt64> {
        let chunks = chunks(covering: range)
        guard let last = chunks.last else { return firstChunk..<firstChunk }
        return ciphertext(ofChunk: chunks.lowerBound).lowerBound..<ciphertext(ofChunk: last).upperBound
    }
}

/// Reads the payload of an age file, its chunks in any order. To have one is to have seen the end of the file: every
/// other chunk authenticates its bytes and its place, and the last, which is decrypted first, that nothing was cut off
/// behind it.
///
/// A reader: parse `AgeHeader` from the start of the file; `AgeLayout` from the sizes; `unwrap(with:)`; read the
/// layout's `nonce` and the ciphertext of its `lastChunk`, and pass them here.
package struct AgePayload: Sendable {
    package let layout: AgeLayout
    private let key: SymmetricKey

    /// Throws `truncated` if the file was cut off between two chunks, and `mismatch` if it was cut off elsewhere,
    /// prolonged, or changed in its nonce or its last chunk.
    package init(
        _ layout: AgeLayout, fileKey: AgeFileKey, nonce: UnsafeRawBufferPointer, lastChunk: UnsafeRawBufferPointer
    ) throws(FormatError) {
        guard nonce.count == AgeLayout.nonceSize else {
            throw FormatError(
                .truncated, "\(nonce.count) bytes read of the nonce, which has \(AgeLayout.nonceSize); read it again",
                at: layout.nonce.lowerBound)
        }
        self.layout = layout
        key = fileKey.payloadKey(nonce: Array(nonce))
        try withChunk { output throws(FormatError) in
            _ = try decrypt(chunk: layout.lastChunk, lastChunk, into: output)
        }
    }

    /// Decrypts chunk `number` from its whole ciphertext into the start of `plaintext`, which has room for it
    /// (`AgeLayout.chunkSize` always suffices), and returns its size. Nothing is written unless the tag is right.
    ///
    /// Throws `mismatch` if the tag is wrong; `malformed` if this was written as the final chunk, and is not the last
    /// here; `truncated` if `ciphertext` is not whole.
    package func decrypt(
        chunk number: UInt64, _ ciphertext: UnsafeRawBufferPointer, into plaintext: UnsafeMutableRawBufferPointer
    ) throws(FormatError) -> Int {
        let place = layout.ciphertext(ofChunk: number)
        guard ciphertext.count == place.count else {
            throw FormatError(
                .truncated,
                "\(ciphertext.count) bytes read of chunk \(number), which has \(place.count); read it again",
                at: place.lowerBound)
        }
        precondition(plaintext.count >= place.count - AgeCipher.tagSize)
        let isLast = number == layout.lastChunk
        let nonce = AgeChunk.nonce(number, isLast: isLast)
        if let size = AgeCipher.open(ciphertext, key: key, nonce: nonce, into: plaintext) { return size }
        throw refusal(of: number, ciphertext, at: place.lowerBound, isLast: isLast)
    }

    /// Why a chunk cannot be: the tag of a whole chunk still tells whether the writer meant it to be the last.
    private func refusal(
        of number: UInt64, _ ciphertext: UnsafeRawBufferPointer, at offset: UInt64, isLast: Bool
    ) -> FormatError {
        let nonce = AgeChunk.nonce(number, isLast: !isLast)
        guard withChunk({ AgeCipher.open(ciphertext, key: key, nonce: nonce, into: $0) }) != nil else {
            return FormatError(
                .mismatch, "chunk \(number) does not match its tag: it was changed, moved, cut or prolonged", at: offset
            )
        }
        return isLast
            ? FormatError(
                .truncated, "the file was cut off behind chunk \(number), which is not the final one", at: offset)
            : FormatError(.malformed, "the file goes on behind chunk \(number), which is the final one", at: offset)
    }

    private func withChunk<R, E: Error>(_ body: (UnsafeMutableRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(AgeLayout.chunkSize), alignment: 16)
        defer { buffer.deallocate() }
        return try body(buffer)
    }
}

/// The STREAM construction of age.
enum AgeChunk {
    /// 11 bytes of the chunk's number, big-endian, and one that says whether it is the last.
    static func nonce(_ number: UInt64, isLast: Bool) -> [UInt8] {
        var nonce = [UInt8](repeating: 0, count: 3)
        withUnsafeBytes(of: number.bigEndian) { nonce.append(contentsOf: $0) }
        nonce.append(isLast ? 1 : 0)
        return nonce
    }
}
