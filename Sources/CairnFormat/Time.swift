/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted (1677 to 2262).
public struct Time: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z.
    public var nanoseconds: Int64

    /// A point so many nanoseconds after 1970-01-01T00:00:00Z.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let perSecond: Int64 = 1_000_000_000
    package static let perHour: Int64 = 3600 * perSecond
    package static let distantPast = Time(nanoseconds: .min)
    package static let distantFuture = Time(nanoseconds: .max)

    /// Whether `a` is before `b`.
    public static func < (a: Time, b: Time) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Rounded down to whole microseconds: the resolution of the `_received` stamp.
    package var wholeMicroseconds: Time {
        let rest = nanoseconds % 1000
        return Time(nanoseconds: nanoseconds - (rest < 0 ? rest + 1000 : rest))
    }

    /// RFC 3339 in UTC with nine fraction digits, as notes write it.
    public var description: String {
        var text: [UInt8] = []
        append(to: &text, fractionDigits: 9)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends RFC 3339 in UTC, e.g. `2026-11-21T07:39:12.123456Z`; digits that are left out are cut, not rounded.
    package func append(to text: inout [UInt8], fractionDigits: Int) {
        let seconds = floorDivide(nanoseconds, Time.perSecond)
        // Not the difference to the whole seconds: for the least times those are out of range.
        var fraction = nanoseconds % Time.perSecond
        if fraction < 0 { fraction += Time.perSecond }
        let days = floorDivide(seconds, 86_400)
        let second = seconds - days * 86_400
        let date = civilDate(days)
        appendPadded(date.year, digits: 4, to: &text)
        text.append(UInt8(ascii: "-"))
        appendPadded(date.month, digits: 2, to: &text)
        text.append(UInt8(ascii: "-"))
        appendPadded(date.day, digits: 2, to: &text)
        text.append(UInt8(ascii: "T"))
        appendPadded(second / 3600, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        appendPadded(second / 60 % 60, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        appendPadded(second % 60, digits: 2, to: &text)
        if fractionDigits > 0 {
            text.append(UInt8(ascii: "."))
            for _ in fractionDigits..<9 { fraction /= 10 }
            appendPadded(fraction, digits: fractionDigits, to: &text)
        }
        text.append(UInt8(ascii: "Z"))
    }

    /// Parses RFC 3339 with a zone; nil for any other form or a time out of range. `T` may be `t` or a space, `Z` may
    /// be `z`, a second of 60 is the first of the next minute, digits after the ninth are ignored.
    package init?(rfc3339 text: UnsafeRawBufferPointer) {
        guard text.count >= 20 else { return nil }
        // Date, hour and minute at once: where they are not digits there is a character that is looked at below.
        let digits = text.loadUnaligned(as: SIMD16<UInt8>.self) &- SIMD16(repeating: UInt8(ascii: "0"))
        guard all(digits .<= Time.greatestDigits) else { return nil }
        func pair(_ index: Int) -> Int64 { Int64(digits[index]) * 10 + Int64(digits[index + 1]) }
        func number(_ start: Int, _ count: Int) -> Int64? {
            var value: Int64 = 0
            for index in start..<(start + count) {
                let digit = text[index] &- UInt8(ascii: "0")
                guard digit < 10 else { return nil }
                value = value * 10 + Int64(digit)
            }
            return value
        }
        func stands(_ character: UInt8, at index: Int) -> Bool { text[index] == character }
        let (year, month, day, hour, minute) = (pair(0) * 100 + pair(2), pair(5), pair(8), pair(11), pair(14))
        guard stands(UInt8(ascii: "-"), at: 4), stands(UInt8(ascii: "-"), at: 7),
            text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " "), stands(UInt8(ascii: ":"), at: 13),
            stands(UInt8(ascii: ":"), at: 16), let second = number(17, 2),
            (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if stands(UInt8(ascii: "."), at: index) {
            index += 1
            let first = index
            while index < text.count, text[index] &- UInt8(ascii: "0") < 10 {
                if index < first + 9 { fraction = fraction * 10 + Int64(text[index] - UInt8(ascii: "0")) }
                index += 1
            }
            guard index > first else { return nil }
            for _ in min(index - first, 9)..<9 { fraction *= 10 }
        }
        guard index < text.count else { return nil }
        var offset: Int64 = 0
        if text[index] | 0x20 == UInt8(ascii: "z") {
            index += 1
        } else {
            let sign = text[index]
            guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), text.count == index + 6,
                let hours = number(index + 1, 2), stands(UInt8(ascii: ":"), at: index + 3),
                let minutes = number(index + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -60 : 60)
            index += 6
        }
        guard index == text.count else { return nil }
        let days = dayNumber(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        // Seconds below zero are counted from the next one up, so that the least times do not overflow on the way.
        let (whole, part) = seconds < 0 ? (seconds + 1, fraction - Time.perSecond) : (seconds, fraction)
        let (product, tooBig) = whole.multipliedReportingOverflow(by: Time.perSecond)
        let (sum, tooFar) = product.addingReportingOverflow(part)
        guard !tooBig, !tooFar else { return nil }
        nanoseconds = sum
    }

    /// Of `YYYY-MM-DDTHH:MM`, less the character 0; 255 where no digit stands.
    private static let greatestDigits = SIMD16<UInt8>(
        9, 9, 9, 9, 255, 9, 9, 255, 9, 9, 255, 9, 9, 255, 9, 9)

    /// The same from a String.
    public init?(rfc3339 text: String) {
        var text = text
        let parsed = text.withUTF8 { Time(rfc3339: UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// The start of a day in UTC; nil if there is no such day or it is out of range.
    package init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year) else { return nil }
        let seconds = dayNumber(year: year, month: month, day: day) * 86_400
        let (product, tooBig) = seconds.multipliedReportingOverflow(by: Time.perSecond)
        guard !tooBig else { return nil }
        nanoseconds = product
    }
}

package func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}

private func appendPadded(_ value: Int64, digits: Int, to text: inout [UInt8]) {
    var scale: Int64 = 1
    for _ in 1..<digits { scale *= 10 }
    while scale > 0 {
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / scale % 10))
        scale /= 10
    }
}

private func daysIn(month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
/// algorithms", days_from_civil).
private func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = floorDivide(year, 400)
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

/// The inverse (civil_from_days).
private func civilDate(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
}
