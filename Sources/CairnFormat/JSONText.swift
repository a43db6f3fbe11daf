/// Reads JSON text token by token (RFC 8259), strictly and without recursion. Not on the path of good events: it finds
/// where a bad line is bad, and where in a line the values stand that have to be masked.
package struct JSONText {
    package enum Token: Equatable {
        case objectStart, objectEnd, arrayStart, arrayEnd
        case key, string, number, literal
    }

    package struct SyntaxError: Error {
        package var offset: Int
        package var message: String
        /// It is JSON so far, but nested too deep.
        package var isTooDeep = false
    }

    private enum Expectation { case value, firstKey, key, firstElement, comma, end }

    private let text: UnsafeRawBufferPointer
    private var index = 0
    private var expectation = Expectation.value
    /// True for each open object, false for each open array.
    private var open: [Bool] = []

    package init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// Open objects and arrays.
    var depth: Int { open.count }

    /// The next token and its bytes (strings with their quotes), or nil behind the last.
    package mutating func next() throws(SyntaxError) -> (Token, Range<Int>)? {
        skipBlanks()
        if expectation == .end {
            guard index == text.count else { throw error("text behind the end of the value") }
            return nil
        }
        guard index < text.count else { throw error("the text ends inside a value") }
        let byte = text[index]
        switch expectation {
        case .comma: return try afterValue(byte)
        case .firstKey where byte == UInt8(ascii: "}"): return close()
        case .firstElement where byte == UInt8(ascii: "]"): return close()
        case .firstKey, .key: return try key(byte)
        default: return try value(byte)
        }
    }

    private mutating func afterValue(_ byte: UInt8) throws(SyntaxError) -> (Token, Range<Int>)? {
        let inObject = open.last ?? false
        if byte == (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return close() }
        guard byte == UInt8(ascii: ",") else {
            throw error(inObject ? "\",\" or \"}\" expected" : "\",\" or \"]\" expected")
        }
        index += 1
        expectation = inObject ? .key : .value
        return try next()
    }

    private mutating func close() -> (Token, Range<Int>) {
        let wasObject = open.removeLast()
        index += 1
        valueEnded()
        return (wasObject ? .objectEnd : .arrayEnd, (index - 1)..<index)
    }

    private mutating func valueEnded() { expectation = open.isEmpty ? .end : .comma }

    private mutating func key(_ byte: UInt8) throws(SyntaxError) -> (Token, Range<Int>) {
        guard byte == UInt8(ascii: "\"") else { throw error("a name in quotes expected") }
        let range = try string()
        skipBlanks()
        guard index < text.count, text[index] == UInt8(ascii: ":") else { throw error("\":\" expected") }
        index += 1
        expectation = .value
        return (.key, range)
    }

    private mutating func value(_ byte: UInt8) throws(SyntaxError) -> (Token, Range<Int>) {
        let start = index
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isObject = byte == UInt8(ascii: "{")
            index += 1
            // Like simdjson, which does not count what is empty.
            skipBlanks()
            let isEmpty = index < text.count && text[index] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
            guard isEmpty || open.count < Limits.depth else {
                throw SyntaxError(
                    offset: start, message: "nested more than \(Limits.depth) deep", isTooDeep: true)
            }
            open.append(isObject)
            expectation = isObject ? .firstKey : .firstElement
            return (isObject ? .objectStart : .arrayStart, start..<(start + 1))
        case UInt8(ascii: "\""):
            let range = try string()
            valueEnded()
            return (.string, range)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try number()
            valueEnded()
            return (.number, start..<index)
        default:
            for literal in ["true", "false", "null"] as [StaticString] where stands(literal) {
                index += literal.utf8CodeUnitCount
                valueEnded()
                return (.literal, start..<index)
            }
            throw error("a value expected")
        }
    }

    private func stands(_ literal: StaticString) -> Bool {
        text.count - index >= literal.utf8CodeUnitCount
            && zip(text[index...], UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
                .allSatisfy(==)
    }

    private mutating func string() throws(SyntaxError) -> Range<Int> {
        let start = index
        index += 1
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\""):
                index += 1
                return start..<index
            case UInt8(ascii: "\\"):
                try escape()
            case 0..<0x20:
                throw error("a control character in a string must be escaped")
            default:
                index += 1
            }
        }
        throw error("a string without its closing quote")
    }

    private mutating func escape() throws(SyntaxError) {
        let start = index
        guard index + 1 < text.count else { throw error("the text ends inside an escape") }
        index += 2
        switch text[index - 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"):
            let unit = try hexUnit(start)
            if unit & 0xFC00 == 0xD800 {
                guard index + 1 < text.count, text[index] == UInt8(ascii: "\\"), text[index + 1] == UInt8(ascii: "u")
                else { throw SyntaxError(offset: start, message: "half of a surrogate pair") }
                index += 2
                guard try hexUnit(start) & 0xFC00 == 0xDC00 else {
                    throw SyntaxError(offset: start, message: "half of a surrogate pair")
                }
            } else if unit & 0xFC00 == 0xDC00 {
                throw SyntaxError(offset: start, message: "half of a surrogate pair")
            }
        default:
            throw SyntaxError(offset: start, message: "an escape that JSON does not have")
        }
    }

    private mutating func hexUnit(_ start: Int) throws(SyntaxError) -> UInt32 {
        guard index + 4 <= text.count else { throw error("the text ends inside an escape") }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(text[index])).hexDigitValue, text[index] < 0x80 else {
                throw SyntaxError(offset: start, message: "\\u wants four hexadecimal digits")
            }
            unit = unit << 4 | UInt32(digit)
            index += 1
        }
        return unit
    }

    private mutating func number() throws(SyntaxError) {
        if text[index] == UInt8(ascii: "-") { index += 1 }
        if index < text.count, text[index] == UInt8(ascii: "0") {
            index += 1
        } else {
            try digits()
        }
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            try digits()
        }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") { index += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(SyntaxError) {
        let start = index
        while index < text.count, text[index] &- UInt8(ascii: "0") < 10 { index += 1 }
        guard index > start else { throw error("a digit expected") }
    }

    private mutating func skipBlanks() {
        while index < text.count, isBlank(text[index]) { index += 1 }
    }

    private func error(_ message: String) -> SyntaxError { SyntaxError(offset: index, message: message) }
}

/// White space of JSON (RFC 8259 section 2).
func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }

/// Offset of the first byte that is not well-formed UTF-8 (RFC 3629), or nil.
func firstInvalidUTF8(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var offset = 0
    var decoder = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    while true {
        switch decoder.parseScalar(from: &iterator) {
        case .valid(let scalar): offset += scalar.count
        case .emptyInput: return nil
        case .error: return offset
        }
    }
}
