internal import Crypto
internal import CryptoExtras

/// The salts of a segment, each of which can be destroyed without the others. Format.md, "Salts, leaves and the
/// segment tree".
package struct Salts: Sendable {
    /// Events of a group.
    package static let groupSize: UInt64 = 1024
    /// Bytes of a salt.
    package static let size = 16
    private static let zeros = [UInt8](repeating: 0, count: Int(groupSize) * size)
    private static let zeroCounter = [UInt8](repeating: 0, count: 16)

    package let source: Source
    private let mayMiss: Bool
    private var group: UInt64?
    private var stream: [UInt8] = []

    /// What salts are made from.
    package enum Source: Sendable, Equatable {
        /// That of the segment's header, 32 bytes.
        case key([UInt8])
        /// What is left of it where events were erased.
        case punctured(PuncturedSalts)
    }

    package init(_ source: Source) {
        self.source = source
        if case .punctured = source { mayMiss = true } else { mayMiss = false }
    }

    package init(saltKey: [UInt8]) { self.init(.key(saltKey)) }

    /// Calls `body` with the 16 bytes of the salt of `sequence`; with nil if it was destroyed.
    package mutating func withSalt<R>(of sequence: UInt64, _ body: (UnsafeRawBufferPointer?) -> R) -> R {
        prepare(sequence)
        let start = Int(sequence % Salts.groupSize) * Salts.size
        guard start < stream.count else { return body(nil) }
        return stream.withUnsafeBytes { bytes in
            let salt = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + Salts.size)])
            return body(mayMiss && salt.allSatisfy { $0 == 0 } ? nil : salt)
        }
    }

    /// The leaf of the event with that number. Where its salt was destroyed no line has the leaf that it had: then it is
    /// the leaf of a salt of zeros, which makes a root that nobody signed.
    package mutating func leaf(of sequence: UInt64, line: UnsafeRawBufferPointer) -> Digest {
        prepare(sequence)
        let start = Int(sequence % Salts.groupSize) * Salts.size
        func leaf(_ salts: UnsafeRawBufferPointer) -> Digest {
            Digest.leaf(salt: UnsafeRawBufferPointer(rebasing: salts[start..<(start + Salts.size)]), line: line)
        }
        // Empty if the whole group was destroyed.
        if stream.isEmpty { return Salts.zeros.withUnsafeBytes { leaf($0) } }
        return stream.withUnsafeBytes { leaf($0) }
    }

    @inline(__always)
    private mutating func prepare(_ sequence: UInt64) {
        let wanted = sequence / Salts.groupSize
        if group == wanted { return }
        stream = salts(of: wanted)
        group = wanted
    }

    /// Those of a whole group, zeros for each that was destroyed; empty if none is left.
    func salts(of group: UInt64) -> [UInt8] {
        switch source {
        case .key: return Salts.keystream(groupKey: groupKey(group) ?? .zero)
        case .punctured(let punctured):
            return punctured.groupKeys[group].map { Salts.keystream(groupKey: $0) } ?? punctured.salts[group] ?? []
        }
    }

    /// The key of a group; nil if a salt of it was destroyed.
    func groupKey(_ group: UInt64) -> Digest? {
        switch source {
        case .key(let saltKey):
            var input: [UInt8] = [0x10]
            input.append(contentsOf: saltKey)
            withUnsafeBytes(of: group.bigEndian) { input.append(contentsOf: $0) }
            return Digest.sha256(input)
        case .punctured(let punctured): return punctured.groupKeys[group]
        }
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
