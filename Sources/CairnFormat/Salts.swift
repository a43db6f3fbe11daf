internal import Crypto
internal import CryptoExtras

/// The salts of a segment, each of which can be destroyed without the others. Format.md, "Salts, leaves and the
/// segment tree".
package struct Salts: Sendable {
    /// Events of a group.
    package static let groupSize: UInt64 = 1024
    private static let zeros = [UInt8](repeating: 0, count: Int(groupSize) * 16)
    private static let zeroCounter = [UInt8](repeating: 0, count: 16)

    private let saltKey: [UInt8]
    private var group: UInt64?
    private var stream: [UInt8] = []

    /// `saltKey` is that of the segment's header, 32 bytes.
    package init(saltKey: [UInt8]) { self.saltKey = saltKey }

    /// Calls `body` with the 16 bytes of the salt of `sequence`.
    package mutating func withSalt<R>(of sequence: UInt64, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let wanted = sequence / Salts.groupSize
        if group != wanted {
            stream = Salts.keystream(groupKey: groupKey(wanted))
            group = wanted
        }
        let start = Int(sequence % Salts.groupSize) * 16
        return stream.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<(start + 16)])) }
    }

    private func groupKey(_ group: UInt64) -> Digest {
        var input: [UInt8] = [0x10]
        input.append(contentsOf: saltKey)
        withUnsafeBytes(of: group.bigEndian) { input.append(contentsOf: $0) }
        return Digest.sha256(input)
    }

    private static func keystream(groupKey: Digest) -> [UInt8] {
        do {
            let key = SymmetricKey(data: groupKey.bytes)
            return try Array(AES._CTR.encrypt(zeros, using: key, nonce: AES._CTR.Nonce(nonceBytes: zeroCounter)))
        } catch {
            // Key and nonce have the sizes that AES-256-CTR takes, whatever the input was: this is a broken library.
            preconditionFailure("AES-256-CTR refused a 32-byte key: \(error)")
        }
    }
}

/// The leaf of one event: SHA-256(0x00 ‖ salt ‖ line), `line` without its LF.
package func leafHash(salt: UnsafeRawBufferPointer, line: UnsafeRawBufferPointer) -> Digest {
    withUnsafeTemporaryAllocation(byteCount: 17, alignment: 1) { prefix in
        prefix[0] = 0x00
        UnsafeMutableRawBufferPointer(rebasing: prefix[1...]).copyMemory(from: salt)
        var hash = SHA256()
        hash.update(bufferPointer: UnsafeRawBufferPointer(prefix))
        hash.update(bufferPointer: line)
        return Digest(hash.finalize())
    }
}
