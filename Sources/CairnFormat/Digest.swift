internal import CSHA256
package import Crypto

/// A SHA-256 value (FIPS 180-4): a leaf, a node, a root, the hash of a file.
public struct Digest: Sendable, Hashable, CustomStringConvertible {
    // Four words instead of an array: no allocation, and comparison is four instructions.
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// 32 zero bytes: what stands where there is no previous seal.
    package static let zero = Digest(words: (0, 0, 0, 0))
    /// SHA-256 of nothing: the root of an empty tree (RFC 6962 section 2.1).
    package static let empty = Digest.sha256([])

    /// In bytes.
    package static let size = 32

    private init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// Takes exactly 32 bytes.
    package init(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == Digest.size)
        words = bytes.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self)
    }

    package init(_ hash: SHA256.Digest) {
        self = hash.withUnsafeBytes { Digest($0) }
    }

    package static func sha256(_ bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { sha256($0) } }

    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
        sha256(bytes, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// SHA-256(a ‖ b).
    package static func sha256(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Digest {
        var digest = Digest.zero
        Swift.withUnsafeMutableBytes(of: &digest.words) { words in
            cairn_sha256(words.baseAddress, a.baseAddress, a.count, b.baseAddress, b.count)
        }
        return digest
    }

    /// The leaf of an event: SHA-256(0x00 ‖ salt ‖ line), the salt of ``Salts/size`` bytes, the line without its LF.
    package static func leaf(salt: UnsafeRawBufferPointer, line: UnsafeRawBufferPointer) -> Digest {
        precondition(salt.count == Salts.size)
        var digest = Digest.zero
        Swift.withUnsafeMutableBytes(of: &digest.words) { words in
            cairn_sha256_leaf(words.baseAddress, salt.baseAddress, line.baseAddress, line.count)
        }
        return digest
    }

    /// SHA-256(0x01 ‖ left ‖ right).
    static func node(_ left: Digest, _ right: Digest) -> Digest {
        var digest = Digest.zero
        Swift.withUnsafeMutableBytes(of: &digest.words) { words in
            left.withUnsafeBytes { left in
                right.withUnsafeBytes { cairn_sha256_node(words.baseAddress, left.baseAddress, $0.baseAddress) }
            }
        }
        return digest
    }

    package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        Swift.withUnsafeBytes(of: words, body)
    }

    /// Whether all 32 bytes are equal.
    public static func == (a: Digest, b: Digest) -> Bool {
        a.words.0 == b.words.0 && a.words.1 == b.words.1 && a.words.2 == b.words.2 && a.words.3 == b.words.3
    }

    /// Feeds 16 of the bytes: they are as random as all.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }

    /// The 32 bytes.
    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Base64, as notes and proofs write it.
    public var description: String { Base64.encode(self) }
}

/// SHA-256 of bytes that come in pieces.
package struct StreamingHash: Sendable {
    private var hash = SHA256()

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    package func finish() -> Digest { Digest(hash.finalize()) }
}
