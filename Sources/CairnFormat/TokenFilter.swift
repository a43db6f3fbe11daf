/// A split block Bloom filter over tokens (Apache Parquet, BloomFilter.md). Format.md, "Index".
package struct TokenFilter: Sendable {
    /// Bytes of one block: eight words of 32 bits.
    package static let blockSize = 32
    /// Blocks that a filter is built with, before it is halved to what it needs.
    static let initialBlocks = 1024

    private static let salts = SIMD8<UInt32>(
        0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31)

    private var blocks = [SIMD8<UInt32>](repeating: SIMD8(), count: initialBlocks)
    private var isEmpty = true

    package init() {}

    package mutating func insert(_ token: UInt64) {
        blocks[TokenFilter.index(token, count: TokenFilter.initialBlocks)] |= TokenFilter.mask(token)
        isEmpty = false
    }

    /// Appends the filter, halved while at most half of its bits are set, and empties it. Returns the bytes written.
    package mutating func flush(to output: inout [UInt8]) -> Int {
        var count = blocks.count
        var half = (0..<(count / 2)).map { blocks[2 * $0] | blocks[2 * $0 + 1] }
        var current = blocks
        while count > 1, isEmpty || TokenFilter.bitsSet(half) * 2 <= half.count * 256 {
            current = half
            count = half.count
            half = (0..<(count / 2)).map { current[2 * $0] | current[2 * $0 + 1] }
        }
        for block in current {
            for word in 0..<8 { output.append(littleEndian: block[word]) }
        }
        for index in blocks.indices { blocks[index] = SIMD8() }
        isEmpty = true
        return count * TokenFilter.blockSize
    }

    /// Whether the filter in `bytes` may hold the token; false is certain.
    package static func mayContain(_ token: UInt64, in bytes: UnsafeRawBufferPointer) -> Bool {
        let count = bytes.count / blockSize
        guard count > 0 else { return true }
        let start = index(token, count: count) * blockSize
        let mask = mask(token)
        for word in 0..<8 {
            let value = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + word * 4, as: UInt32.self))
            if value & mask[word] == 0 { return false }
        }
        return true
    }

    private static func index(_ token: UInt64, count: Int) -> Int {
        Int(truncatingIfNeeded: ((token >> 32) &* UInt64(count)) >> 32)
    }

    private static func mask(_ token: UInt64) -> SIMD8<UInt32> {
        let key = SIMD8<UInt32>(repeating: UInt32(truncatingIfNeeded: token))
        return SIMD8(repeating: 1) &<< ((key &* salts) &>> 27)
    }

    private static func bitsSet(_ blocks: [SIMD8<UInt32>]) -> Int {
        blocks.reduce(0) { sum, block in
            sum + (0..<8).reduce(0) { $0 + block[$1].nonzeroBitCount }
        }
    }
}
