import CairnFormat

/// The methods of ``JSONTape`` once more, here where the compiler can inline them.
extension JSONTape {
    /// The type of the value at `index`, a character as simdjson has it: `{`, `[`, `"`, `l`, `u`, `d`, `t`, `f` or `n`.
    @inline(__always)
    func type(at index: Int) -> UInt8 { UInt8(truncatingIfNeeded: words[index] >> 56) }

    @inline(__always)
    func text(at index: Int) -> UnsafeRawBufferPointer {
        let start = strings + Int(truncatingIfNeeded: words[index] & 0x00FF_FFFF_FFFF_FFFF)
        return UnsafeRawBufferPointer(start: start + 4, count: Int(start.loadUnaligned(as: UInt32.self)))
    }

    /// Index of the value behind the one at `index`.
    @inline(__always)
    func index(behind index: Int) -> Int {
        switch type(at: index) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): Int(UInt32(truncatingIfNeeded: words[index]))
        case UInt8(ascii: "l"), UInt8(ascii: "u"), UInt8(ascii: "d"): index + 2
        default: index + 1
        }
    }

    /// The number at `index`, if it is written as an integer from -2^63 to 2^64 - 1.
    @inline(__always)
    func signedInteger(at index: Int) -> (isNegative: Bool, magnitude: UInt64)? {
        let word = words[index + 1]
        switch type(at: index) {
        case UInt8(ascii: "u"): return (false, word)
        case UInt8(ascii: "l"): return (Int64(bitPattern: word) < 0, Int64(bitPattern: word).magnitude)
        default: return nil
        }
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index] != text.utf8Start[index] { return false }
        return true
    }

    /// Whether a byte stands in a line, behind which sixteen more can be read.
    func hasByte(_ byte: UInt8) -> Bool {
        guard let start = baseAddress else { return false }
        var found = ByteBlock.Marks()
        var index = 0
        while index &+ ByteBlock.size <= count {
            found |= ByteBlock(start + index).equal(byte)
            index &+= ByteBlock.size
        }
        if index < count { found |= ByteBlock(start + index).equal(byte).first(count &- index) }
        return !found.isEmpty
    }
}
