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

    private var blocks = [SIMD8<UInt32>](repeating: SIMD8(), count: initialBlocks)
    /// Tokens that it was given; more if that is not known.
    private var inserted = 0

    package init() {}

    /// Goes on with a filter that was written without being halved.
    init(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
        guard bytes.count == TokenFilter.sizeLimit else {
            throw FormatError(.malformed, "a filter that was being made has \(bytes.count) bytes")
        }
        // It is not known how many tokens have set its bits.
        inserted = bytes.count * 8
        var reader = ByteReader(bytes)
        for block in blocks.indices {
            for word in 0..<8 { blocks[block][word] = try reader.integer() }
        }
    }

    package mutating func insert(_ tokens: some Collection<UInt64>) {
        inserted += tokens.count
        blocks.withUnsafeMutableBufferPointer { blocks in
            for token in tokens {
                blocks[TokenFilter.index(token, count: TokenFilter.initialBlocks)] |= TokenFilter.mask(token)
            }
        }
    }

    /// Appends the filter, halved while at most half of its bits are set, and empties it. Returns the bytes written.
    package mutating func flush(to output: inout [UInt8]) -> Int {
        let inserted = inserted
        let count = blocks.withUnsafeMutableBufferPointer { blocks in
            var count = blocks.count
            while count > 1, TokenFilter.canHalve(blocks[..<count], inserted: inserted) {
                count /= 2
                for index in 0..<count { blocks[index] = blocks[2 * index] | blocks[2 * index + 1] }
            }
            return count
        }
        append(count, to: &output)
        blocks.withUnsafeMutableBufferPointer { $0.update(repeating: SIMD8()) }
        self.inserted = 0
        return count * TokenFilter.blockSize
    }

    /// Whether at most half of the bits are set once there are half as many blocks, each of two.
    private static func canHalve(_ blocks: Slice<UnsafeMutableBufferPointer<SIMD8<UInt32>>>, inserted: Int) -> Bool {
        let limit = blocks.count / 2 * blockSize * 8 / 2
        // Each token sets eight bits at most.
        if inserted <= limit / 8 { return true }
        var bits = SIMD8<UInt32>()
        var index = 0
        while index < blocks.count {
            bits &+= bitCounts(blocks[index] | blocks[index + 1])
            index += 2
        }
        return Int(bits.wrappedSum()) <= limit
    }

    /// Bits set in each word: there is no instruction for it that every processor has.
    @inline(__always)
    private static func bitCounts(_ block: SIMD8<UInt32>) -> SIMD8<UInt32> {
        let pairs = block &- (block &>> 1 & 0x5555_5555)
        let fours = (pairs & 0x3333_3333) &+ (pairs &>> 2 & 0x3333_3333)
        let eights = (fours &+ fours &>> 4) & 0x0F0F_0F0F
        let sums = eights &+ eights &>> 8
        return (sums &+ sums &>> 16) & 0x3F
    }

    /// Appends the filter as it is.
    func append(to output: inout [UInt8]) { append(blocks.count, to: &output) }

    private func append(_ count: Int, to output: inout [UInt8]) {
        output.append(room: count * TokenFilter.blockSize) { writer in
            for block in blocks[..<count] { writer.append(littleEndian: block) }
        }
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
