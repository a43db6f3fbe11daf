import CairnFormat
import CairnPlatform

/// Times for people: `2026-11-21 07:39:12.123456Z`, or in the local zone with its distance from UTC. Never depends on
/// the locale.
struct TimeStyle {
    private let isUTC: Bool
    /// The distance changes at the whole quarter of an hour at most.
    private var cached: (quarter: Int64, offset: Int64)?

    init(utc: Bool) { isUTC = utc }

    mutating func append(_ time: Time, fractionDigits: Int = 6, to output: inout [UInt8]) {
        let offset = isUTC ? 0 : offset(at: time)
        let (shown, tooFar) = time.nanoseconds.addingReportingOverflow(offset * Time.perSecond)
        let start = output.count
        Time(nanoseconds: tooFar ? time.nanoseconds : shown).append(to: &output, fractionDigits: fractionDigits)
        output[start + 10] = UInt8(ascii: " ")
        guard offset != 0, !tooFar else { return }
        output.removeLast()
        let minutes = abs(offset) / 60
        output.append(offset < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        append(twoDigits: minutes / 60, to: &output)
        output.append(UInt8(ascii: ":"))
        append(twoDigits: minutes % 60, to: &output)
    }

    private func append(twoDigits value: Int64, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "0") + UInt8(value / 10))
        output.append(UInt8(ascii: "0") + UInt8(value % 10))
    }

    mutating func text(_ time: Time, fractionDigits: Int = 0) -> String {
        var output: [UInt8] = []
        append(time, fractionDigits: fractionDigits, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private mutating func offset(at time: Time) -> Int64 {
        let seconds = floorDivide(time.nanoseconds, Time.perSecond)
        let quarter = floorDivide(seconds, 900)
        if let cached, cached.quarter == quarter { return cached.offset }
        let offset = TimeZoneRules.utcOffset(at: seconds)
        cached = (quarter, offset)
        return offset
    }
}
