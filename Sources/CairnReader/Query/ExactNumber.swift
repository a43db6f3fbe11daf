import CairnFormat

/// A JSON number (RFC 8259 section 6) of any length, compared by its exact value and never rounded.
struct ExactNumber: Sendable, Comparable {
    /// -1, 0 or 1.
    private let sign: Int
    /// Decimal digits d₁d₂… of the value 0.d₁d₂… × 10^exponent; the first and the last are not 0.
    private let digits: [UInt8]
    private let exponent: Int

    /// nil if `text` is not a JSON number.
    init?(_ text: some Collection<UInt8>) {
        var rest = text[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        let whole = Self.digits(&rest)
        guard let first = whole.first, whole.count == 1 || first != 0 else { return nil }
        var fraction: [UInt8] = []
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = Self.digits(&rest)
            if fraction.isEmpty { return nil }
        }
        var power = 0
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            let isMinus = rest.first == UInt8(ascii: "-")
            if isMinus || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
            let shift = Self.digits(&rest)
            if shift.isEmpty { return nil }
            // An exponent beyond this is as good as infinite.
            power = shift.reduce(0) { min($0 * 10 + Int($1), 1 << 50) }
            if isMinus { power = -power }
        }
        guard rest.isEmpty else { return nil }
        let all = whole + fraction
        let significant = all.drop { $0 == 0 }
        guard let last = significant.lastIndex(where: { $0 != 0 }) else {
            (sign, digits, exponent) = (0, [], 0)
            return
        }
        sign = isNegative ? -1 : 1
        digits = Array(significant[...last])
        exponent = whole.count - (all.count - significant.count) + power
    }

    static func < (a: ExactNumber, b: ExactNumber) -> Bool {
        guard a.sign == b.sign else { return a.sign < b.sign }
        return a.sign < 0 ? b.isSmaller(than: a) : a.isSmaller(than: b)
    }

    private func isSmaller(than other: ExactNumber) -> Bool {
        exponent == other.exponent ? digits.lexicographicallyPrecedes(other.digits) : exponent < other.exponent
    }

    private static func digits<Text: Collection<UInt8>>(_ rest: inout Text) -> [UInt8] where Text.SubSequence == Text {
        let run = rest.prefix { $0 &- UInt8(ascii: "0") < 10 }
        rest = rest.dropFirst(run.count)
        return run.map { $0 - UInt8(ascii: "0") }
    }
}

/// Finds the texts of a line's numbers. simdjson's own values are not used: they are rounded, and 0 where no 64-bit type
/// holds them.
///
/// Numbers stand in the same order on the tape and in the text. Who asks for them in that order goes through both once,
/// however many there are.
struct NumberTexts {
    private let tape: JSONTape
    private let line: UnsafeRawBufferPointer
    /// As many numbers stand before this word of the tape as before `offset`.
    private var word = 1
    private var offset = 0

    init(_ tape: JSONTape, line: UnsafeRawBufferPointer) {
        self.tape = tape
        self.line = line
    }

    /// The text of the number at `index` of the tape.
    mutating func text(at index: Int) -> UnsafeRawBufferPointer {
        if index < word { (word, offset) = (1, 0) }
        while word < index {
            switch tape.kind(word) {
            case .int, .uint, .double:
                _ = next()
                word += 2
            default: word += 1
            }
        }
        word += 2
        return next()
    }

    private mutating func next() -> UnsafeRawBufferPointer {
        while offset < line.count {
            switch line[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                while offset < line.count, line[offset] != UInt8(ascii: "\"") {
                    offset += line[offset] == UInt8(ascii: "\\") ? 2 : 1
                }
                offset += 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                let start = offset
                while offset < line.count, Self.belongsToNumber(line[offset]) { offset += 1 }
                return UnsafeRawBufferPointer(rebasing: line[start..<offset])
            default: offset += 1
            }
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private static func belongsToNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }
}
