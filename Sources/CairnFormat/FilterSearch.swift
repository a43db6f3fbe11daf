/// Looks for tokens in the filters of an index without holding these in memory: the file is taken in pieces, from its
/// head to its checksum. What comes out is the index, which knows of these tokens where they may be.
package struct FilterSearch {
    private var index: SegmentIndex
    private let tokens: [UInt64]
    /// Filters that may hold the token, by where they begin.
    private var found: [UInt64: Set<Int>]
    /// Number of the span whose filter is the next.
    private var span = 0
    /// Bytes of the filter section that were taken.
    private var offset = 0
    private var checksum: UInt32

    /// - Parameter head: at least `size.head` bytes of the index.
    package init(head: [UInt8], size: SegmentIndex.Size, tokens: [UInt64]) throws(FormatError) {
        index = try SegmentIndex(head: head, size: size)
        self.tokens = tokens
        found = Dictionary(tokens.map { ($0, []) }) { first, _ in first }
        checksum = head.withBytes { Checksum.crc32c(UnsafeRawBufferPointer(rebasing: $0[..<size.head])) }
    }

    /// Takes the bytes that follow what was taken, as far as they are whole filters.
    ///
    /// - Parameter bytes: at least `TokenFilter.sizeLimit` of them, or the whole rest.
    /// - Returns: how many were taken.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        var taken = 0
        while span < index.spans.count {
            let filter = index.spans[span].filter
            guard filter.upperBound - offset <= bytes.count else { break }
            let piece = UnsafeRawBufferPointer(rebasing: bytes[taken..<(filter.upperBound - offset)])
            for token in tokens where TokenFilter.mayContain(token, in: piece) {
                found[token]?.insert(filter.lowerBound)
            }
            taken = filter.upperBound - offset
            span += 1
        }
        offset += taken
        checksum = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<taken]), continuing: checksum)
        return taken
    }

    /// - Parameter trailer: what follows the filters, to the end of the file.
    package consuming func finish(_ trailer: UnsafeRawBufferPointer) throws(FormatError) -> SegmentIndex {
        guard span == index.spans.count else { throw FormatError(.truncated, "the index is cut off") }
        var reader = ByteReader(trailer)
        guard try reader.integer() == checksum, reader.remaining == 0 else {
            throw FormatError(.checksum, "the index does not match its CRC-32C")
        }
        index.found = found
        return index
    }
}
