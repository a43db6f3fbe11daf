import CairnPlatform

/// Numbers as people read them.
enum Figures {
    /// `1,234,567`.
    static func count(_ value: UInt64) -> String {
        let digits = Array(String(value))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    static func count(_ value: Int) -> String { count(UInt64(max(0, value))) }

    /// `1 event`, `2 events`.
    static func count(_ value: UInt64, _ noun: String) -> String { "\(count(value)) \(noun)\(value == 1 ? "" : "s")" }

    /// `17 B`, `32.4 MB`: powers of 1000, as disks and networks are sold.
    static func bytes(_ value: UInt64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var amount = Double(value)
        var unit = 0
        while amount >= 999.95, unit < units.count - 1 {
            amount /= 1000
            unit += 1
        }
        return unit == 0 ? "\(value) B" : "\(decimal(amount)) \(units[unit])"
    }

    /// `0.8 s`, `250 µs`, `3 min`.
    static func duration(nanoseconds: Int64) -> String {
        let value = Double(max(0, nanoseconds))
        switch value {
        case ..<1e6: return "\(Int((value / 1e3).rounded())) µs"
        case ..<1e9: return "\(decimal(value / 1e6)) ms"
        case ..<120e9: return "\(decimal(value / 1e9)) s"
        case ..<7200e9: return "\(Int(value / 60e9)) min"
        case ..<172_800e9: return "\(Int(value / 3600e9)) h"
        default: return "\(Int(value / 86_400e9)) days"
        }
    }

    /// Per second; 0 where no time has passed.
    static func rate(_ value: UInt64, nanoseconds: Int64) -> UInt64 {
        nanoseconds > 0 ? UInt64(Double(value) / Double(nanoseconds) * 1e9) : 0
    }

    /// One digit behind the point.
    static func decimal(_ value: Double) -> String {
        let tenths = UInt64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

/// Measures how long something takes.
struct Stopwatch {
    private let clock = SystemTimeSource()
    private let start: Int64

    init() { start = clock.monotonic() }

    /// In nanoseconds.
    var elapsed: Int64 { max(1, clock.monotonic() - start) }
}
