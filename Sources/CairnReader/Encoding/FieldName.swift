import CairnFormat

/// Names on tapes, to be compared with names that were prepared.
enum FieldName {
    /// Enough of a name to tell it from most others: its length, its first and its last eight bytes.
    struct Key: Equatable {
        var count = 0
        var first: UInt64 = 0
        var last: UInt64 = 0

        /// Whether it is the name, and not only like it.
        @inline(__always)
        var isWhole: Bool { count <= 16 }

        @inline(__always)
        var hash: Int {
            Int(truncatingIfNeeded: (first ^ last ^ UInt64(truncatingIfNeeded: count)) &* 0x9E37_79B9_7F4A_7C15 >> 40)
        }

        @inline(__always)
        static func == (a: Key, b: Key) -> Bool {
            a.count == b.count && a.first == b.first && a.last == b.last
        }
    }

    static func key(_ name: [UInt8]) -> Key {
        Key(
            count: name.count, first: name.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) },
            last: name.count > 8 ? name.suffix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } : 0)
    }

    /// The key of the name at `index` of a tape.
    @inline(__always)
    static func key(_ tape: JSONTape, _ index: Int) -> Key {
        let name = tape.text(at: index)
        guard let base = name.baseAddress, name.count > 0 else { return Key() }
        let first = word(base)
        return name.count > 8
            ? Key(count: name.count, first: first, last: word(base + name.count - 8))
            : Key(count: name.count, first: first & ~0 &>> UInt64(64 &- 8 &* name.count), last: 0)
    }

    /// Eight bytes, which can be read behind every string of a tape.
    @inline(__always)
    private static func word(_ start: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: start.loadUnaligned(as: UInt64.self))
    }
}
