import Testing

@testable import CairnFormat

@Suite struct TokenFilterTests {
    private static func filter(_ tokens: some Collection<UInt64>) -> [UInt8] {
        var filter = TokenFilter()
        filter.insert(tokens)
        var bytes: [UInt8] = []
        let size = filter.flush(to: &bytes)
        #expect(size == bytes.count)
        return bytes
    }

    /// The salts and the block index of Apache Parquet, BloomFilter.md, written down a second time.
    private static func reference(_ tokens: [UInt64], blocks: Int) -> [UInt8] {
        let salts: [UInt32] = [
            0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31,
        ]
        var words = [UInt32](repeating: 0, count: blocks * 8)
        for token in tokens {
            let block = Int((token >> 32).multipliedFullWidth(by: UInt64(blocks) << 32).high)
            for word in 0..<8 {
                let bit = (UInt32(truncatingIfNeeded: token) &* salts[word]) >> 27
                words[block * 8 + word] |= 1 << bit
            }
        }
        var bytes: [UInt8] = []
        for word in words { bytes.append(littleEndian: word) }
        return bytes
    }

    @Test(arguments: [0, 1, 2, 10, 100, 1000, 5000, 20_000])
    func isTheFilterOfParquet(_ count: Int) {
        var random = SeededRandom()
        let tokens = (0..<count).map { _ in random.next() }
        let bytes = Self.filter(tokens)
        let blocks = bytes.count / TokenFilter.blockSize
        #expect(blocks.nonzeroBitCount == 1)
        #expect(bytes == Self.reference(tokens, blocks: blocks))
        // Halved as far as at most half of the bits are set, and no farther.
        let set = { (bytes: [UInt8]) in bytes.reduce(0) { $0 + $1.nonzeroBitCount } }
        if blocks > 1 { #expect(set(Self.reference(tokens, blocks: blocks / 2)) * 2 > blocks / 2 * 256) }
        if blocks < TokenFilter.initialBlocks { #expect(set(bytes) * 2 <= blocks * 256) }
        if count == 0 { #expect(blocks == 1) }
    }

    @Test(arguments: [1, 10, 300, 3000, 10_000])
    func neverForgetsAndRarelyErrs(_ count: Int) {
        var random = SeededRandom()
        let tokens = (0..<count).map { _ in random.next() }
        let bytes = Self.filter(tokens)
        for token in tokens { check(bytes.exactly { TokenFilter.mayContain(token, in: $0) }) }
        var wrong = 0
        for _ in 0..<20_000 where bytes.withUnsafeBytes({ TokenFilter.mayContain(random.next(), in: $0) }) {
            wrong += 1
        }
        #expect(wrong < 200)
    }

    @Test func overfullFiltersStillForgetNothing() {
        var random = SeededRandom()
        let tokens = (0..<200_000).map { _ in random.next() }
        let bytes = Self.filter(tokens)
        #expect(bytes.count == TokenFilter.initialBlocks * TokenFilter.blockSize)
        bytes.withUnsafeBytes { bytes in
            for token in tokens { check(TokenFilter.mayContain(token, in: bytes)) }
        }
    }

    @Test func isEmptyAfterItWasWritten() {
        var filter = TokenFilter()
        filter.insert([0, .max])
        var first: [UInt8] = []
        _ = filter.flush(to: &first)
        var second: [UInt8] = []
        _ = filter.flush(to: &second)
        #expect(second == [UInt8](repeating: 0, count: TokenFilter.blockSize))
        #expect(!second.withUnsafeBytes { TokenFilter.mayContain(0, in: $0) })
        #expect(first.withUnsafeBytes { TokenFilter.mayContain(.max, in: $0) })
    }

    @Test func noFilterSaysNothing() {
        #expect(TokenFilter.mayContain(5, in: UnsafeRawBufferPointer(start: nil, count: 0)))
    }
}
