import CairnFormat

/// Names on tapes, to be compared with names that were prepared.
enum FieldName {
    /// Enough of a name to tell it from most others: its length, its first and its last eight bytes.
    struct Key: Equatable {
        var first: UInt64 = 0
        var last: UInt64 = 0
        var count: UInt32 = 0

        /// Whether it is the name, and not only like it.
        @inline(__always)
        var isWhole: Bool { count <= 16 }

        @inline(__always)
        var hash: Int {
            let mixed = (first ^ last ^ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
            return Int(truncatingIfNeeded: mixed &>> 40)
        }

        @inline(__always)
        static func == (a: Key, b: Key) -> Bool {
            a.count == b.count && a.first == b.first && a.last == b.last
        }
    }

    static func key(_ name: [UInt8]) -> Key {
        Key(
            first: name.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) },
            last: name.count > 8 ? name.suffix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } : 0,
            count: UInt32(truncatingIfNeeded: name.count))
    }

    /// The key of the name at `index` of a tape.
    @inline(__always)
    static func key(_ tape: JSONTape, _ index: Int) -> Key {
        let name = tape.text(at: index)
        guard let base = name.baseAddress, name.count > 0 else { return Key() }
        let (first, count) = (word(base), UInt32(truncatingIfNeeded: name.count))
        return name.count > 8
            ? Key(first: first, last: word(base + name.count - 8), count: count)
            : Key(first: first & ~0 &>> UInt64(64 &- 8 &* name.count), last: 0, count: count)
    }

    /// Eight bytes, which can be read behind every string of a tape.
    @inline(__always)
    private static func word(_ start: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: start.loadUnaligned(as: UInt64.self))
    }
}
