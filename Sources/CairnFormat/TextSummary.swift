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

    /// Bytes of the largest: more than the lines of a span can come to.
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
        var set = EventSet(count: count, all: false)
        for column in columns {
            var found = 0
            for (code, range) in column.values.enumerated()
            where text.pattern.occurs(in: UnsafeRawBufferPointer(rebasing: bytes[range])) {
                found |= 1 << code
            }
            guard found > 0 else { continue }
            // There is one code, and no byte for it: the events may be any number.
            if column.width == 0 { return EventSet(count: count, all: true) }
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
