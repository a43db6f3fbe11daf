/// A split block Bloom filter over tokens (Apache Parquet, BloomFilter.md). Format.md, "Index".
package struct TokenFilter: Sendable {
    /// Bytes of one block: eight words of 32 bits.
    package static let blockSize = 32
    /// Blocks that a filter is built with, before it is halved to what it needs.
    static let initialBlocks = 1024

    /// Bytes of the largest filter.
    package static let sizeLimit = initialBlocks * blockSize

    private static let salts = SIMD8<UInt32>(
        0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31)

    private var blocks = empty

    private static let empty = [SIMD8<UInt32>](repeating: SIMD8(), count: initialBlocks)

    package init() {}

    /// Goes on with a filter that was written without being halved.
    init(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
        guard bytes.count == TokenFilter.sizeLimit else {
            throw FormatError(.malformed, "a filter that was being made has \(bytes.count) bytes")
        }
        var reader = ByteReader(bytes)
        for block in blocks.indices {
            for word in 0..<8 { blocks[block][word] = try reader.integer() }
        }
    }

    package mutating func insert(_ tokens: some Sequence<UInt64>) {
        blocks.withUnsafeMutableBufferPointer { blocks in
            for token in tokens {
                blocks[TokenFilter.index(token, count: TokenFilter.initialBlocks)] |= TokenFilter.mask(token)
            }
        }
    }

    /// Appends the filter, halved while at most half of its bits are set, and empties it. Returns the bytes written.
    package mutating func flush(to output: inout [UInt8]) -> Int {
        while blocks.count > 1 {
            let (half, bits) = TokenFilter.halved(blocks)
            guard bits * 2 <= half.count * 256 else { break }
            blocks = half
        }
        append(to: &output)
        defer { blocks = TokenFilter.empty }
        return blocks.count * TokenFilter.blockSize
    }

    /// Appends the filter as it is.
    func append(to output: inout [UInt8]) {
        output.append(room: blocks.count * TokenFilter.blockSize) { writer in
            for block in blocks { writer.append(littleEndian: block) }
        }
    }

    /// Half as many blocks, each of two, and the number of bits set in them. Most blocks of a small filter are empty.
    private static func halved(_ blocks: [SIMD8<UInt32>]) -> ([SIMD8<UInt32>], bits: Int) {
        var half: [SIMD8<UInt32>] = []
        half.reserveCapacity(blocks.count / 2)
        var (bits, index) = (0, 0)
        while index < blocks.count {
            let block = blocks[index] | blocks[index + 1]
            if block != SIMD8() {
                for word in 0..<8 { bits += block[word].nonzeroBitCount }
            }
            half.append(block)
            index += 2
        }
        return (half, bits)
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

    @inline(__always)
    private static func index(_ token: UInt64, count: Int) -> Int {
        Int(truncatingIfNeeded: ((token >> 32) &* UInt64(count)) >> 32)
    }

    @inline(__always)
    private static func mask(_ token: UInt64) -> SIMD8<UInt32> {
        let key = SIMD8<UInt32>(repeating: UInt32(truncatingIfNeeded: token))
        return SIMD8(repeating: 1) &<< ((key &* salts) &>> 27)
    }
}
