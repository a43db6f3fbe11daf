/// Textual IP addresses: dotted quads, and RFC 4291 section 2.2 without zones.
package enum IPAddressText {
    /// Most addresses are dotted quads, and this is asked of every event: that case allocates nothing.
    package static func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
        isDottedQuad(text) || (text.contains(UInt8(ascii: ":")) && bytes(text) != nil)
    }

    private static func isDottedQuad(_ text: UnsafeRawBufferPointer) -> Bool {
        var (parts, digits, value) = (1, 0, 0)
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0 else { return false }
                (parts, digits, value) = (parts + 1, 0, 0)
            } else {
                let digit = byte &- UInt8(ascii: "0")
                // No leading zeros: some readers take them for octal.
                guard digit < 10, digits == 0 || value > 0 else { return false }
                value = value * 10 + Int(digit)
                digits += 1
                guard value < 256 else { return false }
            }
        }
        return parts == 4 && digits > 0
    }

    /// 4 or 16 bytes in network order, or nil.
    package static func bytes(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        text.contains(UInt8(ascii: ":")) ? version6(text[...]) : version4(text[...])
    }

    private static func version4(_ text: Slice<UnsafeRawBufferPointer>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value = 0
            for digit in part {
                guard digit &- UInt8(ascii: "0") < 10 else { return nil }
                value = value * 10 + Int(digit - UInt8(ascii: "0"))
            }
            guard let byte = UInt8(exactly: value) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func version6(_ text: Slice<UnsafeRawBufferPointer>) -> [UInt8]? {
        guard text.count <= 45 else { return nil }
        var gap: Int?
        var bytes: [UInt8] = []
        var rest = text
        if rest.starts(with: "::".utf8) {
            gap = 0
            rest = rest.dropFirst(2)
            if rest.isEmpty { return [UInt8](repeating: 0, count: 16) }
        }
        while true {
            let group = rest.prefix { $0 != UInt8(ascii: ":") }
            rest = rest.dropFirst(group.count)
            if rest.isEmpty, group.contains(UInt8(ascii: ".")) {
                guard let tail = version4(group) else { return nil }
                bytes += tail
                break
            }
            guard (1...4).contains(group.count), let value = hex(group) else { return nil }
            bytes += [UInt8(value >> 8), UInt8(value & 255)]
            if rest.isEmpty { break }
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = bytes.count
                rest = rest.dropFirst()
                if rest.isEmpty { break }
            }
            if rest.isEmpty { return nil }
        }
        guard let gap else { return bytes.count == 16 ? bytes : nil }
        guard bytes.count <= 14 else { return nil }
        bytes.insert(contentsOf: repeatElement(0, count: 16 - bytes.count), at: gap)
        return bytes
    }

    private static func hex(_ digits: Slice<UnsafeRawBufferPointer>) -> Int? {
        var value = 0
        for digit in digits {
            guard let next = Character(Unicode.Scalar(digit)).hexDigitValue, digit < 0x80 else { return nil }
            value = value << 4 | next
        }
        return value
    }
}
