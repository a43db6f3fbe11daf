/// Cuts a stream of bytes into lines. Only LF ends a line. Memory stays bounded: of a line over the limit it keeps the
/// beginning, the length and the SHA-256, and goes on with the next.
package struct LineFramer {
    /// One line without its LF.
    package enum Line {
        /// At most `limit` bytes. `JSONParser.padding` readable bytes stand behind them.
        case whole(UnsafeRawBufferPointer)
        case tooLong(OversizeLine)
    }

    private var buffer: [UInt8] = []
    /// Bytes at the start of the buffer that belong to lines already given out.
    private var consumed = 0
    /// Bytes from `consumed` on that are known to hold no LF.
    private var searched = 0
    private var oversize: OversizeLine.Builder?
    private let limit: Int

    /// `limit` is in bytes of a line without its LF.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Bytes held of a line that has not ended.
    package var pending: Int { buffer.count - consumed }

    /// Takes bytes and gives out each line that they end. The pointers are good during the call only.
    package mutating func push(_ bytes: UnsafeRawBufferPointer, _ body: (Line) -> Void) {
        var rest = bytes
        if oversize != nil { rest = skipOversize(rest, body) }
        buffer.append(contentsOf: rest)
        giveLines(body)
        compact()
    }

    /// At the end of the stream: gives out an unterminated last line.
    package mutating func finish(_ body: (Line) -> Void) {
        if let builder = oversize {
            oversize = nil
            body(.tooLong(builder.finish()))
        } else if pending > 0 {
            give(consumed..<buffer.count, body)
        }
        buffer.removeAll(keepingCapacity: false)
        (consumed, searched) = (0, 0)
    }

    private mutating func giveLines(_ body: (Line) -> Void) {
        while true {
            let from = consumed + searched
            let found = buffer.withUnsafeBytes { firstLineFeed(UnsafeRawBufferPointer(rebasing: $0[from...])) }
            guard let found else {
                searched = buffer.count - consumed
                if searched > limit { startOversize() }
                return
            }
            give(consumed..<(from + found), body)
            consumed = from + found + 1
            searched = 0
        }
    }

    private mutating func give(_ range: Range<Int>, _ body: (Line) -> Void) {
        guard range.count <= limit else {
            var builder = OversizeLine.Builder()
            buffer.withUnsafeBytes { builder.append(UnsafeRawBufferPointer(rebasing: $0[range])) }
            body(.tooLong(builder.finish()))
            return
        }
        // The parser reads a little past the end of a line; the array must own those bytes.
        let padding = range.upperBound + JSONParser.padding - buffer.count
        if padding > 0 { buffer.reserveCapacity(buffer.count + padding) }
        buffer.withUnsafeBytes { body(.whole(UnsafeRawBufferPointer(rebasing: $0[range]))) }
    }

    private mutating func startOversize() {
        var builder = OversizeLine.Builder()
        buffer.withUnsafeBytes { builder.append(UnsafeRawBufferPointer(rebasing: $0[consumed...])) }
        oversize = builder
        buffer.removeAll(keepingCapacity: true)
        (consumed, searched) = (0, 0)
    }

    private mutating func skipOversize(
        _ bytes: UnsafeRawBufferPointer, _ body: (Line) -> Void
    ) -> UnsafeRawBufferPointer {
        guard let end = firstLineFeed(bytes) else {
            oversize?.append(bytes)
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        oversize?.append(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        if let builder = oversize { body(.tooLong(builder.finish())) }
        oversize = nil
        return UnsafeRawBufferPointer(rebasing: bytes[(end + 1)...])
    }

    private mutating func compact() {
        guard consumed > 0 else { return }
        buffer.removeFirst(consumed)
        consumed = 0
    }
}

/// What is kept of a line that is longer than allowed.
package struct OversizeLine: Sendable, Equatable {
    /// The first `Limits.rejectedRaw` bytes.
    package var beginning: [UInt8]
    package var size: Int
    package var digest: Digest

    package init(beginning: [UInt8], size: Int, digest: Digest) {
        self.beginning = beginning
        self.size = size
        self.digest = digest
    }

    struct Builder {
        private var beginning: [UInt8] = []
        private var size = 0
        private var hash = StreamingHash()

        mutating func append(_ bytes: UnsafeRawBufferPointer) {
            beginning.append(contentsOf: bytes.prefix(Limits.rejectedRaw - beginning.count))
            size += bytes.count
            hash.update(bytes)
        }

        func finish() -> OversizeLine {
            OversizeLine(beginning: beginning, size: size, digest: hash.finish())
        }
    }
}
