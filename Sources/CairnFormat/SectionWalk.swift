/// Walks over a section of an index that has a part for each span, without holding it in memory: the section is taken in
/// pieces, from its beginning to the checksum behind it.
struct SectionWalk {
    /// Number of the span whose part is the next.
    private var span = 0
    /// Bytes of the section that were taken.
    private var offset = 0
    private var checksum: UInt32

    /// - Parameter checksum: CRC-32C of what its checksum covers before the section.
    init(continuing checksum: UInt32 = 0) { self.checksum = checksum }

    /// Takes the bytes that follow what was taken, as far as they are whole parts.
    ///
    /// - Parameters:
    ///   - part: where the part of a span is, counted from the beginning of the section.
    ///   - visit: is called with each span and its part.
    /// - Returns: how many bytes were taken.
    mutating func take(
        _ bytes: UnsafeRawBufferPointer, of spans: [IndexSpan], part: (IndexSpan) -> Range<Int>,
        visit: (IndexSpan, UnsafeRawBufferPointer) throws(FormatError) -> Void
    ) throws(FormatError) -> Int {
        var taken = 0
        while span < spans.count {
            let end = part(spans[span]).upperBound - offset
            guard end <= bytes.count else { break }
            try visit(spans[span], UnsafeRawBufferPointer(rebasing: bytes[taken..<end]))
            taken = end
            span += 1
        }
        offset += taken
        checksum = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<taken]), continuing: checksum)
        return taken
    }

    /// - Parameters:
    ///   - trailer: what follows the section, to the end of the file.
    ///   - name: of the section, for the error.
    func finish(_ trailer: UnsafeRawBufferPointer, of spans: [IndexSpan], _ name: String) throws(FormatError) {
        guard span == spans.count else { throw FormatError(.truncated, "the index is cut off") }
        var reader = ByteReader(trailer)
        guard try reader.integer() == checksum, reader.remaining == 0 else {
            throw FormatError(.checksum, "\(name) of the index do not match their CRC-32C")
        }
    }
}
