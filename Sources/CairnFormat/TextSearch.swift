/// Looks for texts in the text section of an index without holding it in memory: it is taken in pieces, from its beginning
/// to its checksum. What comes out is the index, which knows in which events these texts stand.
package struct TextSearch {
    private var index: SegmentIndex
    private let patterns: [SearchedPattern]
    /// For each text the events of each span that have it; nil where that is not known.
    private var found: [[EventSet?]]
    /// Number of the span whose texts are the next.
    private var span = 0
    /// Bytes of the text section that were taken.
    private var offset = 0
    private var checksum: UInt32 = 0

    package init(_ index: SegmentIndex, texts: [String]) {
        self.index = index
        self.index.texts = texts
        patterns = texts.map(SearchedPattern.init)
        found = texts.map { _ in [] }
    }

    /// Takes the bytes that follow what was taken, as far as they are of whole spans.
    ///
    /// - Parameter bytes: at least `SegmentIndex.pieceSize` of them, or the whole rest.
    /// - Returns: how many were taken.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> Int {
        var taken = 0
        while span < index.spans.count {
            let (texts, count) = (index.spans[span].texts, Int(index.spans[span].count))
            guard texts.upperBound - offset <= bytes.count else { break }
            let piece = UnsafeRawBufferPointer(rebasing: bytes[taken..<(texts.upperBound - offset)])
            let summary = try TextSummary(piece, count: count)
            for (number, pattern) in patterns.enumerated() {
                found[number].append(summary.events(with: pattern, of: count, in: piece))
            }
            taken = texts.upperBound - offset
            span += 1
        }
        offset += taken
        checksum = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<taken]), continuing: checksum)
        return taken
    }

    /// - Parameter trailer: what follows the texts, to the end of the file.
    package consuming func finish(_ trailer: UnsafeRawBufferPointer) throws(FormatError) -> SegmentIndex {
        guard span == index.spans.count else { throw FormatError(.truncated, "the index is cut off") }
        var reader = ByteReader(trailer)
        guard try reader.integer() == checksum, reader.remaining == 0 else {
            throw FormatError(.checksum, "the texts of the index do not match their CRC-32C")
        }
        index.foundTexts = found
        return index
    }
}
