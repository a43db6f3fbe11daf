import CairnFormat

/// Text of events made fit for lines and for terminals. An event says what its sender wanted it to say: control
/// characters could forge lines or recolour a terminal, and marks of text direction could reorder what is read.
enum VisibleText {
    /// Whether a scalar is to be written as an escape: controls (C0, DEL, C1), line and paragraph separators, marks that
    /// change the direction of text (Unicode UAX #9), and invisible format characters. The joiners U+200C and U+200D
    /// stay: languages and emoji need them.
    static func isUnsafe(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x20..<0x7F: false
        case 0..<0x20, 0x7F..<0xA0: true
        case 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0xE0000...0xE007F:
            true
        default: false
        }
    }

    /// Size of the UTF-8 sequence that a byte begins, 1 for one that begins none.
    static func size(lead: UInt8) -> Int {
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
    }

    /// The scalar of a UTF-8 sequence (RFC 3629 section 3) of `size` bytes at `index`, all of which are there.
    static func scalar(_ text: UnsafeRawBufferPointer, at index: Int, size: Int) -> UInt32 {
        var scalar = size == 1 ? UInt32(text[index]) : UInt32(text[index]) & 0x7F >> UInt32(size)
        for step in 1..<max(1, size) { scalar = scalar << 6 | UInt32(text[index + step] & 0x3F) }
        return scalar
    }
}

extension ByteWriter {
    /// Appends the escape of a scalar, as JSON has it: `\n` or `\u001b`, and two for one beyond U+FFFF.
    mutating func append(escapeOf scalar: UInt32) {
        switch scalar {
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        case 0..<0x10000: append(escapeOfUnit: scalar)
        default:
            append(escapeOfUnit: 0xD800 + (scalar - 0x10000) >> 10)
            append(escapeOfUnit: 0xDC00 + (scalar & 0x3FF))
        }
    }

    private mutating func append(escapeOfUnit unit: UInt32) {
        append("\\u")
        for shift in stride(from: UInt32(12), through: 0, by: -4) {
            append(Hex.digit(UInt8(truncatingIfNeeded: unit >> shift & 15)))
        }
    }
}
