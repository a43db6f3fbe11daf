public import CairnFormat
import CairnPlatform

/// Times as people write them. Whatever the locale is, one text means one time.
///
/// - `2026-11-21T07:39:12.5+01:00`: RFC 3339 with a zone;
/// - `2026-11-21`, `2026-11-21 07:00`, `2026-11-21 07:00:12`, `2026-11-21 07:00:12.345`: in the local zone, or in UTC if
///   asked for; a `T` may stand for the blank;
/// - `now`; `today`, `yesterday`, `tomorrow`: the start of that day;
/// - `-1h`, `+5min`, `1h 30min ago`: from now on. Units are those of systemd.time(7), a number without one is in
///   seconds;
/// - `@1795250352`, `@1795250352.5`: seconds since 1970.
public enum TimeExpression {
    /// - Parameters:
    ///   - now: what `now` means.
    ///   - utc: whether times without a zone are in UTC and not in the local zone (TZ).
    public static func parse(_ text: String, now: Time, utc: Bool = false) throws(QuerySyntaxError) -> Time {
        var parser = TimeParser(text, now: now, zone: utc ? .utc : .local)
        return try parser.time()
    }
}

private struct TimeParser {
    enum Zone { case utc, local }

    private let text: String
    private let bytes: [UInt8]
    private let now: Time
    private let zone: Zone
    private var index = 0

    init(_ text: String, now: Time, zone: Zone) {
        self.text = text
        bytes = Array(text.utf8)
        self.now = now
        self.zone = zone
    }

    mutating func time() throws(QuerySyntaxError) -> Time {
        switch text {
        case "now": return now
        case "today": return try startOfDay(0)
        case "yesterday": return try startOfDay(-1)
        case "tomorrow": return try startOfDay(1)
        default: break
        }
        if let time = Time(rfc3339: text) { return time }
        switch bytes.first {
        case UInt8(ascii: "@"):
            index = 1
            let isNegative = take("-")
            let value = try scaled(decimal(), by: Time.perSecond)
            try expectEnd()
            return Time(nanoseconds: isNegative ? -value : value)
        case UInt8(ascii: "-"), UInt8(ascii: "+"):
            index = 1
            let length = try timeSpan()
            try expectEnd()
            return try moved(now, by: bytes[0] == UInt8(ascii: "-") ? -length : length)
        default:
            return bytes.count > 4 && bytes[4] == UInt8(ascii: "-") ? try date() : try ago()
        }
    }

    // MARK: Dates

    private mutating func date() throws(QuerySyntaxError) -> Time {
        let year = try digits(4, "a year of four digits")
        try expect("-")
        let month = try digits(2, "a month, 01 to 12")
        try expect("-")
        let day = try digits(2, "a day, 01 to 31")
        guard let start = Time(year: year, month: month, day: day) else {
            throw error("a day of the calendar between 1677 and 2262", at: 0)
        }
        guard index < bytes.count else { return try instant(start.nanoseconds / Time.perSecond, fraction: 0) }
        guard take(" ") || take("T") || take("t") else { throw error("a blank and a time of day, or the end") }
        let hour = try digits(2, "an hour, 00 to 23", below: 24)
        try expect(":")
        let minute = try digits(2, "a minute, 00 to 59", below: 60)
        var second: Int64 = 0
        var fraction: Int64 = 0
        if take(":") {
            // A second of 60 is the first of the next minute, as in RFC 3339.
            second = try digits(2, "a second, 00 to 59", below: 61)
            if take(".") { fraction = try part(fractionDigits(), of: Time.perSecond) }
        }
        try expectEnd()
        return try instant(
            start.nanoseconds / Time.perSecond + hour * 3600 + minute * 60 + second, fraction: fraction)
    }

    /// The time at which clocks show `seconds` since 1970.
    private func instant(_ seconds: Int64, fraction: Int64) throws(QuerySyntaxError) -> Time {
        let utc = zone == .utc ? seconds : TimeZoneRules.utc(ofLocal: seconds)
        let (product, tooBig) = utc.multipliedReportingOverflow(by: Time.perSecond)
        let (sum, tooFar) = product.addingReportingOverflow(fraction)
        guard !tooBig, !tooFar else { throw outOfRange() }
        return Time(nanoseconds: sum)
    }

    private func startOfDay(_ days: Int64) throws(QuerySyntaxError) -> Time {
        let seconds = floorDivide(now.nanoseconds, Time.perSecond)
        let shown = zone == .utc ? seconds : seconds + TimeZoneRules.utcOffset(at: seconds)
        return try instant((floorDivide(shown, 86_400) + days) * 86_400, fraction: 0)
    }

    // MARK: Spans of time

    private mutating func ago() throws(QuerySyntaxError) -> Time {
        guard let first = current, isDigit(first) else {
            throw error("a time: 2026-11-21 07:00, today, yesterday, now, -1h, 1h ago or @seconds")
        }
        let length = try timeSpan()
        guard bytes[index...].elementsEqual("ago".utf8) else {
            throw error("\"ago\" behind the time span, or + or - before it")
        }
        return try moved(now, by: -length)
    }

    private func moved(_ time: Time, by length: Int64) throws(QuerySyntaxError) -> Time {
        let (sum, tooFar) = time.nanoseconds.addingReportingOverflow(length)
        guard !tooFar else { throw outOfRange() }
        return Time(nanoseconds: sum)
    }

    /// `1h 30min`, in nanoseconds; blanks behind it are taken, too.
    private mutating func timeSpan() throws(QuerySyntaxError) -> Int64 {
        var total: Int64 = 0
        skipBlanks()
        repeat {
            let number = try decimal()
            skipBlanks()
            let (sum, tooLong) = total.addingReportingOverflow(try scaled(number, by: unit()))
            guard !tooLong else { throw outOfRange() }
            total = sum
            skipBlanks()
        } while current.map(isDigit) ?? false
        return total
    }

    /// The length of the unit that stands there, in nanoseconds; a second if there is none.
    private mutating func unit() throws(QuerySyntaxError) -> Int64 {
        let name = bytes[index...].prefix { $0 != UInt8(ascii: " ") && !isDigit($0) }
        if name.isEmpty || name.elementsEqual("ago".utf8) { return Time.perSecond }
        guard let unit = Self.units.first(where: { $0.names.contains { $0.utf8.elementsEqual(name) } }) else {
            throw error("a unit: us, ms, s, min, h, d, w, month or y")
        }
        index += name.count
        return unit.length
    }

    /// Units of systemd.time(7), in nanoseconds. A month has 30.44 days, a year 365.25.
    private static let units: [(names: [String], length: Int64)] = [
        (["ns", "nsec"], 1),
        (["us", "usec", "µs", "μs"], 1000),
        (["ms", "msec"], 1_000_000),
        (["s", "sec", "second", "seconds"], Time.perSecond),
        (["m", "min", "minute", "minutes"], 60 * Time.perSecond),
        (["h", "hr", "hour", "hours"], 3600 * Time.perSecond),
        (["d", "day", "days"], 86_400 * Time.perSecond),
        (["w", "week", "weeks"], 604_800 * Time.perSecond),
        (["M", "month", "months"], 2_630_016 * Time.perSecond),
        (["y", "year", "years"], 31_557_600 * Time.perSecond),
    ]

    // MARK: Numbers

    /// A decimal number as it stands in the text.
    private struct Decimal {
        var whole: Int64
        /// Places of the digits behind the point.
        var fraction: Range<Int>
    }

    private mutating func decimal() throws(QuerySyntaxError) -> Decimal {
        let start = index
        while let byte = current, isDigit(byte) { index += 1 }
        guard index > start else { throw error("a number") }
        guard let whole = Int64(String(decoding: bytes[start..<index], as: UTF8.self)) else { throw outOfRange() }
        return Decimal(whole: whole, fraction: take(".") ? try fractionDigits() : index..<index)
    }

    private mutating func fractionDigits() throws(QuerySyntaxError) -> Range<Int> {
        let start = index
        while let byte = current, isDigit(byte) { index += 1 }
        guard index > start else { throw error("a digit behind the point") }
        return start..<index
    }

    private func scaled(_ number: Decimal, by scale: Int64) throws(QuerySyntaxError) -> Int64 {
        let (product, tooBig) = number.whole.multipliedReportingOverflow(by: scale)
        let (sum, tooFar) = product.addingReportingOverflow(part(number.fraction, of: scale))
        guard !tooBig, !tooFar else { throw outOfRange() }
        return sum
    }

    /// The digits behind a point, as a part of `scale`; what is finer than a nanosecond is left out.
    private func part(_ digits: Range<Int>, of scale: Int64) -> Int64 {
        var (part, place) = (Int64(0), scale)
        for digit in bytes[digits] {
            place /= 10
            part += Int64(digit - UInt8(ascii: "0")) * place
        }
        return part
    }

    private mutating func digits(
        _ count: Int, _ expected: String, below limit: Int64 = .max
    ) throws(QuerySyntaxError) -> Int64 {
        let start = index
        var value: Int64 = 0
        for _ in 0..<count {
            guard let byte = current, isDigit(byte) else { throw error(expected, at: start) }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            index += 1
        }
        guard value < limit else { throw error(expected, at: start) }
        return value
    }

    // MARK: Characters

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private mutating func skipBlanks() {
        while take(" ") {}
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(QuerySyntaxError) {
        guard take(character) else { throw error("\"\(character)\"") }
    }

    private func expectEnd() throws(QuerySyntaxError) {
        guard index == bytes.count else { throw error("the end of the time") }
    }

    private func error(_ expected: String, at place: Int? = nil) -> QuerySyntaxError {
        let place = place ?? index
        let rest = String(decoding: bytes[place...].prefix(40), as: UTF8.self)
        return QuerySyntaxError(
            text: text, column: String(decoding: bytes[..<place], as: UTF8.self).count + 1,
            found: rest.isEmpty ? "the end of the text" : "'\(rest)'", expected: expected)
    }

    private func outOfRange() -> QuerySyntaxError { error("a time between 1677 and 2262", at: 0) }
}
