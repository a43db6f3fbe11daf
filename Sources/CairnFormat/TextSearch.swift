/// Looks for texts in the text section of an index without holding it in memory: it is taken in pieces, from its beginning
/// to its checksum. What comes out is the index, which knows in which events these texts stand.
package struct TextSearch {
    private var index: SegmentIndex
    private let patterns: [SearchedPattern]
    /// For each text the events of each span that have it; nil where that is not known.
    private var found: [[EventSet?]]
    private var walk = SectionWalk()

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
        try walk.take(bytes, of: index.spans, part: \.texts) { (span, piece) throws(FormatError) in
            let summary = try TextSummary(piece, count: Int(span.count))
            for (number, pattern) in patterns.enumerated() {
                found[number].append(summary.events(with: pattern, of: Int(span.count), in: piece))
            }
        }
    }

    /// - Parameter trailer: what follows the texts, to the end of the file.
    package consuming func finish(_ trailer: UnsafeRawBufferPointer) throws(FormatError) -> SegmentIndex {
        try walk.finish(trailer, of: index.spans, "the texts")
        index.foundTexts = found
        return index
    }
}
