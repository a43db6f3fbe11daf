/// The tape that simdjson leaves behind (its doc/tape.md): one 64-bit word for each value, the type in the top 8 bits.
/// Good until the parser is used again.
package struct JSONTape {
    let words: UnsafePointer<UInt64>
    let strings: UnsafeRawPointer

    /// The type of a value. Not an enum: what is read from the tape is compared as it is, without looking it up.
    package struct Kind: Equatable, Sendable {
        private let type: UInt8

        fileprivate init(word: UInt64) { type = UInt8(truncatingIfNeeded: word >> 56) }

        private init(_ type: UInt8) { self.type = type }

        package static var root: Kind { Kind(0x72) }
        package static var object: Kind { Kind(0x7B) }
        package static var objectEnd: Kind { Kind(0x7D) }
        package static var array: Kind { Kind(0x5B) }
        package static var arrayEnd: Kind { Kind(0x5D) }
        package static var string: Kind { Kind(0x22) }
        package static var int: Kind { Kind(0x6C) }
        package static var uint: Kind { Kind(0x75) }
        package static var double: Kind { Kind(0x64) }
        package static var yes: Kind { Kind(0x74) }
        package static var no: Kind { Kind(0x66) }
        package static var null: Kind { Kind(0x6E) }
    }

    package func kind(_ index: Int) -> Kind { Kind(word: words[index]) }

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
