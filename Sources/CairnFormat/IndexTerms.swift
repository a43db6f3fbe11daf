/// What an index takes of events besides their facts. What is of one event stands behind what is of the one before.
package struct IndexTerms: Sendable {
    package var tokens: [UInt64] = []
    package var texts = TextList()

    package init() {}

    /// How much of both: of one event, or of all before one.
    package struct Size: Sendable, Equatable {
        package var tokens = 0
        /// Bytes of items.
        package var texts = 0

        package init() {}

        @inline(__always)
        package static func + (a: Size, b: Size) -> Size {
            var sum = a
            sum.tokens += b.tokens
            sum.texts += b.texts
            return sum
        }

        @inline(__always)
        static func - (a: Size, b: Size) -> Size {
            var rest = a
            rest.tokens -= b.tokens
            rest.texts -= b.texts
            return rest
        }
    }

    package var size: Size {
        var size = Size()
        (size.tokens, size.texts) = (tokens.count, texts.items.count)
        return size
    }

    /// Bytes of memory that they take.
    package var footprint: Int { tokens.count * MemoryLayout<UInt64>.stride + texts.footprint }

    package mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        texts.removeAll()
    }

    /// Forgets what came behind so much.
    package mutating func cut(to size: Size) {
        tokens.removeLast(tokens.count - size.tokens)
        texts.cut(to: size.texts)
    }

    package mutating func reserveCapacity(_ size: Size) {
        tokens.reserveCapacity(size.tokens)
        texts.reserveCapacity(size.texts)
    }

    /// What is of some of the events, to be looked at without a copy.
    package struct Slice {
        package let tokens: UnsafeBufferPointer<UInt64>
        package let texts: UnsafeRawBufferPointer
        /// What the numbers in `texts` stand for.
        let list: UnsafePointer<TextList>

        /// What stands between two places.
        @inline(__always)
        package func slice(_ start: Size, _ end: Size) -> Slice {
            Slice(
                tokens: UnsafeBufferPointer(rebasing: tokens[start.tokens..<end.tokens]),
                texts: UnsafeRawBufferPointer(rebasing: texts[start.texts..<end.texts]), list: list)
        }
    }

    package func withSlice<R>(_ body: (Slice) throws(FormatError) -> R) throws(FormatError) -> R {
        try tokens.withUnsafeBufferPointer { tokens throws(FormatError) in
            try texts.items.withBytes { items throws(FormatError) in
                try withUnsafePointer(to: texts) { list throws(FormatError) in
                    try body(Slice(tokens: tokens, texts: items, list: list))
                }
            }
        }
    }
}
