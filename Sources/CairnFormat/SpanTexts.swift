/// Grows the texts of one span of an index: columns of what stands in fields of few values, and a filter over the trigrams
/// of everything else. Format.md, "Texts".
struct SpanTexts: Sendable {
    /// The codes of one event, a byte for each column; `none` where the column has no text of the event.
    private struct Row: Sendable {
        // Not a vector: it would go to memory for each byte that is set.
        private var words = (UInt64.max, UInt64.max)

        @inline(__always)
        subscript(_ column: Int) -> UInt8 {
            get {
                UInt8(truncatingIfNeeded: (column < 8 ? words.0 : words.1) >> UInt64(column % 8 * 8))
            }
            set {
                let change = UInt64(self[column] ^ newValue) << UInt64(column % 8 * 8)
                if column < 8 { words.0 ^= change } else { words.1 ^= change }
            }
        }
    }

    private struct Column: Sendable {
        var key: ColumnKey
        /// In order of first appearance.
        var values: [[UInt8]] = []
        /// A further value came: what it holds went to the filter.
        var isGivenUp = false
    }

    private var columns: [Column] = []
    /// The values of all columns once more, `valueLimit` places for each.
    private var shorts = noShorts
    private var rows: [Row] = []
    private var trigrams = TrigramTable()

    private static let none = UInt8.max
    private static let noShorts = [ShortText](repeating: ShortText(""), count: ColumnKey.limit * valueLimit)

    /// Values of a column: with the place of those that have none they take four bits.
    static let valueLimit = 15
    /// Bytes of a value: what stands in a column is a word or a short sentence.
    static let valueSize = 64

    init() {}

    /// What the numbers of a list are in this span; looked up once each.
    struct Numbers {
        /// Of the list's columns: the span's column and 1; 0 while it was not looked up; `none` if it has none.
        fileprivate var columns = [UInt8](repeating: 0, count: TextList.columnLimit)
        /// Of the list's values: code, column and 1 above it; 0 while it was not looked up; `inFilter`.
        fileprivate var values = [UInt16](repeating: 0, count: TextList.numberLimit)

        fileprivate static let inFilter = UInt16.max

        mutating func removeAll() { self = Numbers() }
    }

    /// Takes an event without texts.
    mutating func appendNone() { rows.append(Row()) }

    /// Takes the texts of an event. `numbers` are those of the list that they are of, in this span.
    mutating func append(_ terms: IndexTerms.Slice, _ numbers: inout Numbers) {
        var row = Row()
        var offset = 0
        while offset < terms.texts.count {
            let item = UInt16(littleEndian: terms.texts.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            offset += 2
            guard item & TextList.explicit != 0 else {
                append(number: item, terms.list, &numbers, to: &row)
                continue
            }
            let column: Int?
            switch item & ~TextList.explicit {
            case TextList.nested: column = nil
            case TextList.keyed:
                // First: in `taking(find(…))` the columns would be those from before `find`.
                let found = find(ColumnKey(terms.texts, at: &offset))
                column = taking(found)
            case let number: column = self.column(Int(number), terms.list, &numbers)
            }
            let size = Int(UInt32(littleEndian: terms.texts.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            let text = UnsafeRawBufferPointer(rebasing: terms.texts[(offset + 4)..<(offset + 4 + size)])
            offset += 4 + size
            if let column, row[column] == SpanTexts.none, let code = code(of: text, in: column) {
                row[column] = code
            } else {
                trigrams.insert(text)
            }
        }
        rows.append(row)
    }

    @inline(__always)
    private mutating func append(
        number: UInt16, _ list: UnsafePointer<TextList>, _ numbers: inout Numbers, to row: inout Row
    ) {
        let known = numbers.values[Int(number)]
        if known == 0 { return learn(number, list, &numbers, &row) }
        guard known != Numbers.inFilter else { return }
        let column = Int(known & 0xFF) - 1
        if row[column] == SpanTexts.none {
            row[column] = UInt8(truncatingIfNeeded: known >> 8)
        } else {
            // The member stands there twice.
            list.pointee.withBytes(of: list.pointee.values[Int(number)]) { trigrams.insert($0) }
        }
    }

    /// Takes a value for the first time in this span from this list.
    private mutating func learn(
        _ number: UInt16, _ list: UnsafePointer<TextList>, _ numbers: inout Numbers, _ row: inout Row
    ) {
        let value = list.pointee.values[Int(number)]
        let column = column(Int(value.column), list, &numbers)
        list.pointee.withBytes(of: value) { text in
            if let column, row[column] == SpanTexts.none, let code = code(of: text, in: column) {
                row[column] = code
                numbers.values[Int(number)] = UInt16(code) << 8 | UInt16(column + 1)
                return
            }
            trigrams.insert(text)
            // Where it stands there twice it has a place all the same, at another time.
            if column.map({ columns[$0].isGivenUp }) ?? true { numbers.values[Int(number)] = Numbers.inFilter }
        }
    }

    /// The column of the span for one of the list; nil if there is none that takes texts.
    @inline(__always)
    private mutating func column(
        _ number: Int, _ list: UnsafePointer<TextList>, _ numbers: inout Numbers
    ) -> Int? {
        if numbers.columns[number] == 0 { numbers.columns[number] = find(list.pointee.columns[number].key) }
        return taking(numbers.columns[number])
    }

    /// The column that `find` has found, if it takes texts.
    @inline(__always)
    private func taking(_ found: UInt8) -> Int? {
        found == SpanTexts.none || columns[Int(found) - 1].isGivenUp ? nil : Int(found) - 1
    }

    /// The number of a column and 1, or `none`.
    private mutating func find(_ key: ColumnKey) -> UInt8 {
        if let number = columns.firstIndex(where: { $0.key == key }) { return UInt8(number + 1) }
        guard columns.count < ColumnKey.limit else { return SpanTexts.none }
        columns.append(Column(key: key))
        return UInt8(columns.count)
    }

    /// The code of a value in a column; nil if it is not to be there.
    private mutating func code(of value: UnsafeRawBufferPointer, in column: Int) -> UInt8? {
        guard value.count <= SpanTexts.valueSize else { return nil }
        let short = ShortText(value)
        let (start, count) = (column * SpanTexts.valueLimit, columns[column].values.count)
        for number in 0..<count where shorts[start + number] == short {
            guard value.count > ShortText.limit, !columns[column].values[number].isEqual(value) else {
                return UInt8(truncatingIfNeeded: number)
            }
        }
        if count == SpanTexts.valueLimit {
            giveUp(column)
            return nil
        }
        shorts[start + count] = short
        columns[column].values.append(Array(value))
        return UInt8(truncatingIfNeeded: count)
    }

    private mutating func giveUp(_ column: Int) {
        for value in columns[column].values { value.withUnsafeBytes { trigrams.insert($0) } }
        columns[column].values = []
        columns[column].isGivenUp = true
    }

    // MARK: Encoding

    /// Appends what is to be known, with a filter halved as far as it can be, and begins anew.
    mutating func flush(to output: inout [UInt8]) {
        append(trigrams.bytes(halved: true), to: &output)
        columns.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
        trigrams.removeAll()
    }

    /// Appends the same with the whole filter, so that it can be gone on with.
    func append(to output: inout [UInt8]) { append(trigrams.bytes(halved: false), to: &output) }

    private func append(_ filter: [UInt8], to output: inout [UInt8]) {
        output.append(UInt8(columns.count))
        output.append(UInt8(0))
        output.append(littleEndian: UInt16(filter.count))
        for (number, column) in columns.enumerated() { append(column, number, to: &output) }
        output.append(contentsOf: filter)
    }

    private func append(_ column: Column, _ number: Int, to output: inout [UInt8]) {
        let misses = !column.isGivenUp && rows.contains { $0[number] == SpanTexts.none }
        output.append(room: 2 + ShortText.limit) { column.key.append(to: &$0) }
        output.append(UInt8(column.values.count))
        output.append(column.isGivenUp ? ColumnKey.givenUp : misses ? ColumnKey.missing : 0)
        for value in column.values {
            output.append(UInt8(value.count))
            output.append(contentsOf: value)
        }
        guard !column.isGivenUp else { return }
        let noneCode = UInt8(column.values.count)
        let width = ColumnKey.width(codes: column.values.count + (misses ? 1 : 0))
        guard width > 0 else { return }
        output.append(room: (rows.count * width + 7) / 8) { writer in
            var (bits, shift) = (UInt32(0), 0)
            for row in rows {
                bits |= UInt32(min(row[number], noneCode)) << UInt32(shift)
                shift += width
                guard shift >= 8 else { continue }
                writer.append(UInt8(truncatingIfNeeded: bits))
                (bits, shift) = (bits >> 8, shift - 8)
            }
            if shift > 0 { writer.append(UInt8(truncatingIfNeeded: bits)) }
        }
    }

    /// Goes on with the texts of a span of `count` events that were appended with the whole filter.
    init(_ bytes: UnsafeRawBufferPointer, count: Int) throws(FormatError) {
        let summary = try TextSummary(bytes, count: count)
        rows = [Row](repeating: Row(), count: count)
        for (number, read) in summary.columns.enumerated() {
            var column = Column(key: read.key, isGivenUp: read.isGivenUp)
            for (code, range) in read.values.enumerated() {
                let value = UnsafeRawBufferPointer(rebasing: bytes[range])
                shorts[number * SpanTexts.valueLimit + code] = ShortText(value)
                column.values.append(Array(value))
            }
            columns.append(column)
            guard !column.isGivenUp else { continue }
            for event in 0..<count {
                let code = read.code(of: event, in: bytes)
                if code < read.values.count { rows[event][number] = UInt8(code) }
            }
        }
        trigrams = try TrigramTable(UnsafeRawBufferPointer(rebasing: bytes[summary.filter]))
    }
}

extension [UInt8] {
    func isEqual(_ bytes: UnsafeRawBufferPointer) -> Bool {
        count == bytes.count && withUnsafeBytes { byteOrder($0, bytes) == 0 }
    }
}
