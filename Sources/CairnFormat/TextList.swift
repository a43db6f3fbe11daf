/// The fields in whose strings a text is searched for, in the order in which an index takes them; the raw values are its.
package enum SearchedField: UInt8, Sendable, CaseIterable {
    case action, actor, target, details

    package var name: StaticString {
        switch self {
        case .action: "action"
        case .actor: "actor"
        case .target: "target"
        case .details: "details"
        }
    }
}

/// The strings of events that a text is searched for in, as they pass from the parser to the index. What comes again and
/// again in one place of the events, up to 16 values of each, stands there once, and then by number.
///
/// That is for speed alone: whether a string passes by number or not, the index becomes the same.
package struct TextList: Sendable {
    /// For each string of each event u16: the number of a value; or, with the highest bit set, that of a column, `keyed` or
    /// `nested`, and then u32 length and the bytes. Behind `keyed` stand, before the length, u8 field, u8 length of the
    /// name and the name.
    package private(set) var items: [UInt8] = []
    private(set) var columns: [Column] = []
    private(set) var values: [Value] = []
    private var bytes: [UInt8] = []
    /// By the hashes of a column's values; twice as many for each column as it can have values.
    private var slots: [Slot] = []

    /// Where in the events a string stands.
    struct Column: Sendable {
        var key: ColumnKey
        fileprivate var valueCount = 0
        /// More values came than pass by number.
        fileprivate var isGivenUp = false
    }

    struct Value: Sendable {
        var column: UInt8
        /// In `bytes`.
        fileprivate var range: Range<Int>
    }

    private struct Slot: Sendable {
        var short = ShortText.empty
        var number = TextList.free
    }

    static let explicit: UInt16 = 0x8000
    /// A member for which the list has no column any more.
    static let keyed: UInt16 = 0x7FFE
    /// A string that stands deeper than members do, or one of a member whose name is too long for a column.
    static let nested: UInt16 = 0x7FFF
    private static let free = UInt16.max
    static let columnLimit = 32
    /// Values of a column that pass by number: one more than a column of the index can have.
    private static let valueLimit = SpanTexts.valueLimit + 1
    private static let slotCount = 32
    /// Numbers of values are below this.
    static let numberLimit = columnLimit * valueLimit

    /// Bytes of memory that it takes.
    var footprint: Int {
        items.count + bytes.count + values.count * MemoryLayout<Value>.stride
            + columns.count * MemoryLayout<Column>.stride + slots.count * MemoryLayout<Slot>.stride
    }

    mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        columns.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
    }

    /// Forgets the items behind the first `count` bytes.
    mutating func cut(to count: Int) { items.removeLast(items.count - count) }

    mutating func reserveCapacity(_ count: Int) { items.reserveCapacity(count) }

    /// The bytes of a value.
    func withBytes<R>(of value: Value, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[value.range])) }
    }

    // MARK: Filling

    /// Appends the strings of an event.
    ///
    /// - Parameters:
    ///   - places: the words of the tape at which the fields' values stand, by the fields' raw values; 0: there is none.
    ///   - size: bytes of the line.
    mutating func append(_ tape: JSONTape, _ places: InlineArray<4, Int>, size: Int) {
        // A string takes at least two bytes more in the line than it has, and six more here; a few are written in vain.
        var items = exchange(&self.items, with: [])
        items.append(room: 3 * size + 64) { writer in
            // The members of most events stand in the same order.
            var guess = 0
            for field in 0..<4 where places[field] > 0 {
                append(tape, UInt8(truncatingIfNeeded: field), at: places[field], &guess, &writer)
            }
        }
        self.items = items
    }

    @inline(__always)
    private mutating func append(
        _ tape: JSONTape, _ field: UInt8, at place: Int, _ guess: inout Int, _ writer: inout RawWriter
    ) {
        let isObject = tape.kind(place) == .object
        var index = isObject ? place + 1 : place
        // A string goes the same way as the members of an object.
        repeat {
            if isObject, tape.kind(index) == .objectEnd { return }
            let value = isObject ? index + 1 : index
            if tape.kind(value) == .string {
                let name = isObject ? ShortText(tape.string(index)) : ShortText.empty
                append(tape.string(value), ColumnKey(field: field, isMember: isObject, name), &guess, &writer)
            } else {
                appendNested(tape, at: value, &writer)
            }
            index = tape.next(value)
        } while isObject
    }

    private func appendNested(_ tape: JSONTape, at index: Int, _ writer: inout RawWriter) {
        switch tape.kind(index) {
        case .string: TextList.append(tape.string(index), column: TextList.nested, &writer)
        case .array:
            var element = index + 1
            while tape.kind(element) != .arrayEnd {
                appendNested(tape, at: element, &writer)
                element = tape.next(element)
            }
        case .object:
            var name = index + 1
            while tape.kind(name) != .objectEnd {
                appendNested(tape, at: name + 1, &writer)
                name = tape.next(name + 1)
            }
        default: break
        }
    }

    @inline(__always)
    private mutating func append(
        _ text: UnsafeRawBufferPointer, _ key: ColumnKey, _ guess: inout Int, _ writer: inout RawWriter
    ) {
        if guess >= columns.count || columns[guess].key != key { guess = column(key) }
        let column = guess
        guard column < columns.count else { return TextList.append(text, key, &writer) }
        guess = column + 1
        if !columns[column].isGivenUp, let number = number(of: text, in: column) {
            writer.append(littleEndian: number)
        } else {
            TextList.append(text, column: UInt16(truncatingIfNeeded: column), &writer)
        }
    }

    @inline(__always)
    private static func append(_ text: UnsafeRawBufferPointer, column: UInt16, _ writer: inout RawWriter) {
        writer.append(littleEndian: explicit | column)
        writer.append(littleEndian: UInt32(truncatingIfNeeded: text.count))
        writer.append(text)
    }

    private static func append(_ text: UnsafeRawBufferPointer, _ key: ColumnKey, _ writer: inout RawWriter) {
        guard key.name.isWhole else { return append(text, column: nested, &writer) }
        writer.append(littleEndian: explicit | keyed)
        key.append(to: &writer)
        writer.append(littleEndian: UInt32(truncatingIfNeeded: text.count))
        writer.append(text)
    }

    /// The number of a column, or their count if there is none and no room.
    private mutating func column(_ key: ColumnKey) -> Int {
        if let number = columns.firstIndex(where: { $0.key == key }) { return number }
        guard columns.count < TextList.columnLimit, key.name.isWhole else { return columns.count }
        columns.append(Column(key: key))
        slots.append(contentsOf: repeatElement(Slot(), count: TextList.slotCount))
        return columns.count - 1
    }

    @inline(__always)
    private mutating func number(of text: UnsafeRawBufferPointer, in column: Int) -> UInt16? {
        let short = ShortText(text)
        var place = column * TextList.slotCount + Int(truncatingIfNeeded: short.hash >> 59)
        let end = (column + 1) * TextList.slotCount
        // There are few values: looking for one takes few steps, whatever their hashes are.
        while slots[place].number != TextList.free {
            if slots[place].short == short, short.isWhole || isValue(slots[place].number, text) {
                return slots[place].number
            }
            place += 1
            if place == end { place -= TextList.slotCount }
        }
        return insert(text, short, column, place)
    }

    private func isValue(_ number: UInt16, _ text: UnsafeRawBufferPointer) -> Bool {
        withBytes(of: values[Int(number)]) { byteOrder($0, text) == 0 }
    }

    private mutating func insert(
        _ text: UnsafeRawBufferPointer, _ short: ShortText, _ column: Int, _ slot: Int
    ) -> UInt16? {
        guard text.count <= SpanTexts.valueSize else { return nil }
        guard columns[column].valueCount < TextList.valueLimit else {
            columns[column].isGivenUp = true
            return nil
        }
        columns[column].valueCount += 1
        let number = UInt16(truncatingIfNeeded: values.count)
        slots[slot] = Slot(short: short, number: number)
        let start = bytes.count
        bytes.append(contentsOf: text)
        values.append(
            Value(column: UInt8(truncatingIfNeeded: column), range: start..<bytes.count))
        return number
    }
}
