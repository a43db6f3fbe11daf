/// The texts of one span, read back. Format.md, "Texts".
struct TextSummary {
    struct Column {
        var key: ColumnKey
        var values: [Range<Int>]
        var isGivenUp: Bool
        /// Bits of a code.
        var width: Int
        /// Where the codes begin.
        var codes: Int

        /// A number of a value, or their count for an event that has none of them.
        func code(of event: Int, in bytes: UnsafeRawBufferPointer) -> Int {
            guard width > 0 else { return 0 }
            let (place, shift) = (codes + event * width / 8, event * width % 8)
            let high = shift + width > 8 ? Int(bytes[place + 1]) << 8 : 0
            return (Int(bytes[place]) | high) >> shift & (1 << width - 1)
        }
    }

    private(set) var columns: [Column] = []
    /// Of trigrams of all texts that are in no column.
    private(set) var filter = 0..<0

    /// Bytes of the largest: far more than 262,144 bytes of lines, or one event, can come to.
    static let sizeLimit = 64 << 10

    /// - Parameter count: events of the span.
    init(_ bytes: UnsafeRawBufferPointer, count: Int) throws(FormatError) {
        var reader = ByteReader(bytes)
        let columnCount = try reader.integer(UInt8.self)
        let reserved = try reader.integer(UInt8.self)
        let filterSize = try Int(reader.integer(UInt16.self))
        guard columnCount <= ColumnKey.limit, reserved == 0, TrigramTable.isSize(filterSize) else {
            throw FormatError(.malformed, "the texts of a span are out of their limits")
        }
        for _ in 0..<columnCount {
            let column = try TextSummary.column(&reader, count: count)
            guard !columns.contains(where: { $0.key == column.key }) else {
                throw FormatError(.malformed, "a column of a span stands there twice", at: UInt64(reader.offset))
            }
            columns.append(column)
        }
        filter = reader.offset..<(reader.offset + filterSize)
        guard reader.remaining == filterSize else {
            throw FormatError(.malformed, "the texts of a span have another size than they state")
        }
    }

    private static func column(_ reader: inout ByteReader, count: Int) throws(FormatError) -> Column {
        let field = try reader.integer(UInt8.self)
        let nameSize = try reader.integer(UInt8.self)
        let isMember = nameSize != ColumnKey.ownName
        let start = reader.offset
        let name = ShortText(try reader.slice(isMember ? Int(nameSize) : 0))
        let valueCount = try Int(reader.integer(UInt8.self))
        let state = try reader.integer(UInt8.self)
        let isGivenUp = state == ColumnKey.givenUp
        guard SearchedField(rawValue: field) != nil, name.isWhole, valueCount <= SpanTexts.valueLimit,
            state <= ColumnKey.givenUp, valueCount == 0 || !isGivenUp, valueCount > 0 || state != 0
        else {
            throw FormatError(.malformed, "a column of a span is out of its limits", at: UInt64(start))
        }
        var values: [Range<Int>] = []
        for _ in 0..<valueCount {
            let size = try Int(reader.integer(UInt8.self))
            let value = reader.offset
            _ = try reader.slice(size)
            guard size <= SpanTexts.valueSize else {
                throw FormatError(.malformed, "a value of a column is too long", at: UInt64(value))
            }
            values.append(value..<reader.offset)
        }
        let width = ColumnKey.width(codes: valueCount + (state == ColumnKey.missing ? 1 : 0))
        let codes = reader.offset
        _ = try reader.slice((count * width + 7) / 8)
        return Column(
            key: ColumnKey(field: field, isMember: isMember, name), values: values, isGivenUp: isGivenUp, width: width,
            codes: codes)
    }

    /// The events in whose texts `text` stands, in any case of its letters. Nil if that is not known.
    ///
    /// - Parameter bytes: those that the summary was read from.
    func events(with text: SearchedPattern, of count: Int, in bytes: UnsafeRawBufferPointer) -> EventSet? {
        guard !TrigramTable.mayContain(text.bytes, in: UnsafeRawBufferPointer(rebasing: bytes[filter])) else {
            return nil
        }
        var set = EventSet(count: count)
        for column in columns {
            var found = 0
            for (code, range) in column.values.enumerated()
            where text.pattern.occurs(in: UnsafeRawBufferPointer(rebasing: bytes[range])) {
                found |= 1 << code
            }
            guard found > 0 else { continue }
            for event in 0..<count where found >> column.code(of: event, in: bytes) & 1 == 1 { set.insert(event) }
        }
        return set
    }
}

/// A text to be searched for, ASCII letters of both cases being the same.
struct SearchedPattern {
    let bytes: [UInt8]
    let pattern: BytePattern

    init(_ text: String) {
        bytes = Array(text.utf8)
        pattern = BytePattern(bytes, ignoresCase: true)
    }
}

/// Some of the events of a span, by their places in it.
package struct EventSet: Sendable, Equatable {
    private var words: [UInt64]
    /// Events of the span.
    private let size: Int

    init(count: Int) {
        size = count
        words = Array(repeating: 0, count: (count + 63) / 64)
    }

    /// All events of a span of `count`, or none of them.
    package init(count: Int, all: Bool) {
        self.init(count: count)
        if all { self = inverted }
    }

    mutating func insert(_ event: Int) { words[event / 64] |= 1 << UInt64(event % 64) }

    /// How many are in it.
    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Whether every event of the span is.
    package var isAll: Bool { count == size }

    /// The other events of the span.
    package var inverted: EventSet {
        var other = self
        for index in words.indices { other.words[index] = ~words[index] }
        if size % 64 > 0 { other.words[words.count - 1] &= 1 << UInt64(size % 64) - 1 }
        return other
    }

    package mutating func formUnion(_ other: EventSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    package mutating func formIntersection(_ other: EventSet) {
        for index in words.indices { words[index] &= other.words[index] }
    }
}
