import CairnFormat

/// A JSON value as it stands in a text: found, but not decoded. For texts that were checked before (stored lines) or
/// that are ours (answers of the daemon); of anything else it makes some sense or none, but nothing worse.
///
/// It is good as long as the bytes that it was made from.
struct JSONSlice {
    let bytes: UnsafeRawBufferPointer

    enum Kind { case object, array, string, number, literal }

    /// `bytes` may have blanks around the value.
    init(_ bytes: UnsafeRawBufferPointer) {
        var (start, end) = (0, bytes.count)
        while start < end, JSONSlice.isBlank(bytes[start]) { start += 1 }
        while end > start, JSONSlice.isBlank(bytes[end - 1]) { end -= 1 }
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    var kind: Kind {
        switch bytes.first ?? 0 {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        default: .literal
        }
    }

    // MARK: Parts

    /// The members of an object in their order; names with their quotes.
    var members: [(name: JSONSlice, value: JSONSlice)] {
        var found: [(name: JSONSlice, value: JSONSlice)] = []
        guard kind == .object else { return found }
        var index = 1
        while let name = next(&index), let value = next(&index) { found.append((name, value)) }
        return found
    }

    /// The elements of an array.
    var elements: [JSONSlice] {
        var found: [JSONSlice] = []
        guard kind == .array else { return found }
        var index = 1
        while let element = next(&index) { found.append(element) }
        return found
    }

    /// The member of that name.
    subscript(_ name: String) -> JSONSlice? {
        members.first { $0.name.isText(name) }?.value
    }

    /// Whether it is the string `text`. Names written with escapes count as well.
    func isText(_ text: String) -> Bool {
        guard kind == .string, bytes.count >= 2 else { return false }
        let content = bytes[1..<(bytes.count - 1)]
        return content.elementsEqual(text.utf8)
            || (content.contains(UInt8(ascii: "\\")) && self.text.elementsEqual(text.utf8))
    }

    /// The value that begins at `index` or behind blanks and punctuation; nil at the end.
    private func next(_ index: inout Int) -> JSONSlice? {
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D: index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): return nil
            default:
                let start = index
                index = endOfValue(from: start)
                return JSONSlice(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
            }
        }
        return nil
    }

    private func endOfValue(from start: Int) -> Int {
        var index = start
        var depth = 0
        repeat {
            switch bytes[index] {
            case UInt8(ascii: "\""): index = endOfString(from: index) - 1
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // The end of what holds a number or literal.
                if depth == 0 { return max(index, start + 1) }
                depth -= 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
                if depth == 0 { return index }
            default:
                // A number or literal goes on until one of the above.
                index += 1
                continue
            }
            index += 1
            if depth == 0 { return index }
        } while index < bytes.count
        return index
    }

    private func endOfString(from start: Int) -> Int {
        var index = start + 1
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") { return index + 1 }
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return bytes.count
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    // MARK: Values

    /// A number that is whole, not negative, and fits.
    var number: UInt64? {
        kind == .number ? UInt64(String(decoding: bytes, as: UTF8.self)) : nil
    }

    var flag: Bool? {
        if bytes.elementsEqual("true".utf8) { return true }
        return bytes.elementsEqual("false".utf8) ? false : nil
    }

    var isNull: Bool { bytes.elementsEqual("null".utf8) }

    /// A string's content, unescaped.
    var string: String? {
        kind == .string ? String(decoding: text, as: UTF8.self) : nil
    }

    /// UTF-8 of a string, unescaped; of any other value its JSON text.
    var text: [UInt8] {
        guard kind == .string else { return Array(bytes) }
        guard bytes.count >= 2 else { return [] }
        let content = UnsafeRawBufferPointer(rebasing: bytes[1..<(bytes.count - 1)])
        return content.contains(UInt8(ascii: "\\")) ? JSONSlice.unescaped(content) : Array(content)
    }

    private static func unescaped(_ content: UnsafeRawBufferPointer) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(content.count)
        var index = 0
        while index < content.count {
            let byte = content[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < content.count else {
                output.append(byte)
                continue
            }
            let escape = content[index]
            index += 1
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"): output.append(contentsOf: scalar(content, &index).utf8)
            default: output.append(escape)
            }
        }
        return output
    }

    /// The scalar of an escape whose hexadecimal digits begin at `index`; half a surrogate pair becomes U+FFFD.
    private static func scalar(_ content: UnsafeRawBufferPointer, _ index: inout Int) -> Character {
        let replacement: Character = "\u{FFFD}"
        guard let first = unit(content, index) else { return replacement }
        index += 4
        if let scalar = Unicode.Scalar(first) { return Character(scalar) }
        guard first < 0xDC00, index + 1 < content.count, content[index] == UInt8(ascii: "\\"),
            content[index + 1] == UInt8(ascii: "u"), let second = unit(content, index + 2),
            0xDC00..<0xE000 ~= second,
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { return replacement }
        index += 6
        return Character(scalar)
    }

    private static func unit(_ content: UnsafeRawBufferPointer, _ index: Int) -> UInt32? {
        guard index + 4 <= content.count else { return nil }
        return UInt32(String(decoding: content[index..<(index + 4)], as: UTF8.self), radix: 16)
    }
}
