/// The tape that simdjson leaves behind (its doc/tape.md): one 64-bit word for each value, the type in the top 8 bits.
/// Good until the parser is used again.
///
/// Its methods are compiled into the modules that call them: they run many times for each event.
@usableFromInline
package struct JSONTape {
    @usableFromInline package let words: UnsafePointer<UInt64>
    @usableFromInline package let strings: UnsafeRawPointer

    init(words: UnsafePointer<UInt64>, strings: UnsafeRawPointer) {
        self.words = words
        self.strings = strings
    }

    /// The type of a value. Not an enum: what is read from the tape is compared as it is, without looking it up.
    @frozen @usableFromInline
    package struct Kind: Equatable, Sendable {
        @usableFromInline let type: UInt8

        @inlinable
        init(word: UInt64) { type = UInt8(truncatingIfNeeded: word >> 56) }

        @inlinable
        init(_ type: UInt8) { self.type = type }

        @inlinable
        package static func == (a: Kind, b: Kind) -> Bool { a.type == b.type }

        @inlinable package static var root: Kind { Kind(0x72) }
        @inlinable package static var object: Kind { Kind(0x7B) }
        @inlinable package static var objectEnd: Kind { Kind(0x7D) }
        @inlinable package static var array: Kind { Kind(0x5B) }
        @inlinable package static var arrayEnd: Kind { Kind(0x5D) }
        @inlinable package static var string: Kind { Kind(0x22) }
        @inlinable package static var int: Kind { Kind(0x6C) }
        @inlinable package static var uint: Kind { Kind(0x75) }
        @inlinable package static var double: Kind { Kind(0x64) }
        @inlinable package static var yes: Kind { Kind(0x74) }
        @inlinable package static var no: Kind { Kind(0x66) }
        @inlinable package static var null: Kind { Kind(0x6E) }
    }

    @inlinable package func kind(_ index: Int) -> Kind { Kind(word: words[index]) }

    /// The unescaped bytes of the string at `index`.
    @inlinable package func string(_ index: Int) -> UnsafeRawBufferPointer {
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
    @inlinable package func next(_ index: Int) -> Int {
        switch kind(index) {
        case .object, .array: Int(UInt32(truncatingIfNeeded: words[index]))
        case .int, .uint, .double: index + 2
        default: index + 1
        }
    }

    /// Index of the first word behind the document.
    package var end: Int { Int(words[0] & 0x00FF_FFFF_FFFF_FFFF) }
}
