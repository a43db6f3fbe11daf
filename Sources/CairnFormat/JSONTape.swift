/// The tape that simdjson leaves behind (its doc/tape.md): one 64-bit word for each value, the type in the top 8 bits.
/// Good until the parser is used again.
package struct JSONTape {
    let words: UnsafePointer<UInt64>
    let strings: UnsafeRawPointer

    package enum Kind: UInt8 {
        case root = 0x72
        case object = 0x7B
        case objectEnd = 0x7D
        case array = 0x5B
        case arrayEnd = 0x5D
        case string = 0x22
        case int = 0x6C
        case uint = 0x75
        case double = 0x64
        case yes = 0x74
        case no = 0x66
        case null = 0x6E
    }

    package func kind(_ index: Int) -> Kind {
        // simdjson writes no other types.
        Kind(rawValue: UInt8(truncatingIfNeeded: words[index] >> 56)) ?? .null
    }

    /// The unescaped bytes of the string at `index`.
    package func string(_ index: Int) -> UnsafeRawBufferPointer {
        let start = strings + Int(words[index] & 0x00FF_FFFF_FFFF_FFFF)
        return UnsafeRawBufferPointer(start: start + 4, count: Int(start.loadUnaligned(as: UInt32.self)))
    }

    /// The number at `index`, if it is written as an integer from 0 to 2^64 - 1.
    package func integer(_ index: Int) -> UInt64? {
        switch kind(index) {
        case .uint: words[index + 1]
        case .int: Int64(bitPattern: words[index + 1]) >= 0 ? words[index + 1] : nil
        default: nil
        }
    }

    /// Calls `body` with each name of the object at `index` and the place of its value.
    package func forEachMember(of object: Int, _ body: (UnsafeRawBufferPointer, Int) -> Void) {
        guard kind(object) == .object else { return }
        var index = object + 1
        while kind(index) != .objectEnd {
            body(string(index), index + 1)
            index = next(index + 1)
        }
    }

    /// The place of the value of a member of the object at `index`; nil if it has none of that name.
    package func member(_ name: StaticString, of object: Int) -> Int? {
        var found: Int?
        forEachMember(of: object) { other, value in
            if other.isText(name) { found = value }
        }
        return found
    }

    /// Index of the value behind the one at `index`.
    package func next(_ index: Int) -> Int {
        switch kind(index) {
        case .object, .array: Int(UInt32(truncatingIfNeeded: words[index]))
        case .int, .uint, .double: index + 2
        default: index + 1
        }
    }

    /// Index of the first word behind the document.
    package var end: Int { Int(words[0] & 0x00FF_FFFF_FFFF_FFFF) }
}
