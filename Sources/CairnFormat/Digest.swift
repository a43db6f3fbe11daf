package import Crypto

/// A SHA-256 value (FIPS 180-4): a leaf, a node, a root, the hash of a file.
public struct Digest: Sendable, Hashable, CustomStringConvertible {
    // Four words instead of an array: no allocation, and comparison is four instructions.
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// 32 zero bytes: what stands where there is no previous seal.
    package static let zero = Digest(words: (0, 0, 0, 0))
    /// SHA-256 of nothing: the root of an empty tree (RFC 6962 section 2.1).
    package static let empty = Digest.sha256([])

    private init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// Takes exactly 32 bytes.
    package init(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == 32)
        words = bytes.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self)
    }

    package init(_ hash: SHA256.Digest) {
        self = hash.withUnsafeBytes { Digest($0) }
    }

    package static func sha256(_ bytes: [UInt8]) -> Digest {
        Digest(SHA256.hash(data: bytes))
    }

    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return Digest(hash.finalize())
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
