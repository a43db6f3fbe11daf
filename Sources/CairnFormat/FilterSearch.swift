/// Looks for tokens in the filters of an index without holding these in memory: the file is taken in pieces, from its
/// head to its checksum. What comes out is the index, which knows of these tokens where they may be.
package struct FilterSearch {
    private var index: SegmentIndex
    private let tokens: [UInt64]
    /// Filters that may hold the token, by where they begin.
    private var found: [UInt64: Set<Int>]
    private var walk: SectionWalk

    /// - Parameter head: at least `size.head` bytes of the index.
    package init(head: [UInt8], size: SegmentIndex.Size, tokens: [UInt64]) throws(FormatError) {
        index = try SegmentIndex(head: head, size: size)
        self.tokens = tokens
        found = Dictionary(tokens.map { ($0, []) }) { first, _ in first }
        walk = SectionWalk(
            continuing: head.withBytes { Checksum.crc32c(UnsafeRawBufferPointer(rebasing: $0[..<size.head])) })
    }

    /// Takes the bytes that follow what was taken, as far as they are whole filters.
    ///
    /// - Parameter bytes: at least `TokenFilter.sizeLimit` of them, or the whole rest.
    /// - Returns: how many were taken.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> Int {
        try walk.take(bytes, of: index.spans, part: \.filter) { (span, piece) in
            for token in tokens where TokenFilter.mayContain(token, in: piece) {
                found[token]?.insert(span.filter.lowerBound)
            }
        }
    }

    /// - Parameter trailer: what follows the filters, to the end of the file.
    package consuming func finish(_ trailer: UnsafeRawBufferPointer) throws(FormatError) -> SegmentIndex {
        try walk.finish(trailer, of: index.spans, "head and filters")
        index.found = found
        return index
    }
}
