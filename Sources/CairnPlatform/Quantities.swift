/// Why a text is not a value of the kind that was asked for: a phrase that follows the text in a message.
package struct QuantityError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// A number of bytes as text: `64MiB`, `64M`, `65536`. All units are powers of 1,024.
package enum ByteSize {
    private static let units: [(name: String, bytes: Int)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]

    /// Reads a size: a whole number and at most one of the units K, M, G, KiB, MiB, GiB.
    package static func parse(_ text: String) throws(QuantityError) -> Int {
        let terms = try terms(of: text)
        guard let term = terms.first, terms.count == 1 else {
            throw QuantityError("is more than one number")
        }
        if term.unit.isEmpty { return term.number }
        guard let unit = units.first(where: { $0.name == term.unit || $0.name.prefix(1) == term.unit }) else {
            throw QuantityError("has the unknown unit “\(term.unit)” (known: KiB, MiB, GiB, K, M, G)")
        }
        let (bytes, overflow) = term.number.multipliedReportingOverflow(by: unit.bytes)
        if overflow { throw QuantityError("is too large") }
        return bytes
    }

    /// The size in the largest unit that divides it.
    package static func text(_ bytes: Int) -> String {
        guard bytes > 0, let unit = units.first(where: { bytes.isMultiple(of: $0.bytes) }) else { return "\(bytes)" }
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}

/// A span of time as systemd.time(7) writes it: `1h 30min`, `90s`, `2weeks`, `500ms`. Resolution: one microsecond.
///
/// Months and years are left out: their length is not one number.
package enum TimeSpan {
    private static let units: [(names: [String], microseconds: Int)] = [
        (["w", "week", "weeks"], 604_800_000_000),
        (["d", "day", "days"], 86_400_000_000),
        (["h", "hr", "hour", "hours"], 3_600_000_000),
        (["min", "m", "minute", "minutes"], 60_000_000),
        (["s", "sec", "second", "seconds"], 1_000_000),
        (["ms", "msec"], 1_000),
        (["us", "usec", "µs", "μs"], 1),
    ]

    /// Reads a span. A number alone means seconds, as in systemd.
    package static func parse(_ text: String) throws(QuantityError) -> Duration {
        let terms = try terms(of: text)
        var total = 0
        for term in terms {
            if term.unit.isEmpty && terms.count > 1 {
                throw QuantityError("has a number without a unit")
            }
            let name = term.unit.isEmpty ? "s" : term.unit
            guard let unit = units.first(where: { $0.names.contains(name) }) else {
                throw QuantityError("has the unknown unit “\(name)” (known: us, ms, s, min, h, d, w)")
            }
            let (product, tooLarge) = term.number.multipliedReportingOverflow(by: unit.microseconds)
            let (sum, overflow) = total.addingReportingOverflow(product)
            if tooLarge || overflow { throw QuantityError("is too large") }
            total = sum
        }
        return .microseconds(total)
    }

    /// The shortest single number and unit that say the span exactly, down to a microsecond.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let (scaled, overflow) = Int(seconds).multipliedReportingOverflow(by: 1_000_000)
        let microseconds = overflow ? Int.max : scaled + Int(attoseconds / 1_000_000_000_000)
        if microseconds == 0 { return "0s" }
        let forms = units.lazy
            .filter { microseconds.isMultiple(of: $0.microseconds) }
            .map { "\(microseconds / $0.microseconds)\($0.names[0])" }
        // The first of equal length wins, which is the one with the larger unit. One always divides: 1 us.
        return forms.min { $0.utf8.count < $1.utf8.count } ?? "\(microseconds)us"
    }
}

/// The permission bits of a file in octal: `0660`.
package enum FileMode {
    /// Reads three or four octal digits (or `0o660`), at most 0777: a socket has no use for the bits above.
    package static func parse(_ text: String) throws(QuantityError) -> UInt32 {
        let digits = text.hasPrefix("0o") ? text.dropFirst(2) : text[...]
        guard (3...4).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = UInt32(digits, radix: 8)
        else {
            throw QuantityError("is not three or four octal digits")
        }
        if mode > 0o777 { throw QuantityError("has bits above 0777") }
        return mode
    }

    /// Four digits, with the leading zero.
    package static func text(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}

/// A whole number in decimal: digits and nothing else.
package enum Count {
    package static func parse(_ text: String) throws(QuantityError) -> Int {
        let terms = try terms(of: text)
        guard let term = terms.first, terms.count == 1, term.unit.isEmpty else {
            throw QuantityError("is not a whole number")
        }
        return term.number
    }
}

/// Splits `1h 30min` into numbers, each with the unit that follows it (empty if none).
private func terms(of text: String) throws(QuantityError) -> [(number: Int, unit: String)] {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    var rest = Substring(text).utf8.drop(while: isSpace)
    if rest.isEmpty { throw QuantityError("is empty") }
    var terms: [(number: Int, unit: String)] = []
    while let first = rest.first {
        if first == UInt8(ascii: "-") { throw QuantityError("is negative") }
        let digits = rest.prefix(while: isDigit)
        if digits.isEmpty { throw QuantityError("is not a number") }
        guard let number = Int(Substring(digits)) else { throw QuantityError("is too large") }
        rest = rest.dropFirst(digits.count)
        if rest.first == UInt8(ascii: ".") { throw QuantityError("has a fraction: use a smaller unit") }
        rest = rest.drop(while: isSpace)
        let unit = rest.prefix { !isDigit($0) && !isSpace($0) && $0 != UInt8(ascii: "-") }
        rest = rest.dropFirst(unit.count).drop(while: isSpace)
        terms.append((number, String(Substring(unit))))
    }
    return terms
}
