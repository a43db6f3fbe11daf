import CairnPlatform
import Testing

@testable import CairnDaemon

/// SplitMix64 (Steele, Lea and Flood, 2014): a failing property prints its seed and can be run again.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number whose magnitude, and not only its value, varies.
    mutating func number(upTo bits: Int) -> Int {
        Int(truncatingIfNeeded: next() >> UInt64(64 - Int.random(in: 1...bits, using: &self)))
    }
}

@Suite struct ByteSizeTests {
    @Test(arguments: [
        ("0", 0), ("1", 1), ("65536", 65_536), ("007", 7), ("1K", 1024), ("1KiB", 1024), ("64MiB", 64 << 20),
        ("64M", 64 << 20), ("3G", 3 << 30), ("3GiB", 3 << 30), ("64 MiB", 64 << 20), (" 64\tMiB ", 64 << 20),
        ("9223372036854775807", Int.max), ("8589934591GiB", 8_589_934_591 << 30),
    ])
    func reads(_ text: String, _ bytes: Int) throws {
        #expect(try ByteSize.parse(text) == bytes)
    }

    @Test(arguments: [
        ("", "is empty"), ("  ", "is empty"), ("-1", "is negative"), ("-1MiB", "is negative"),
        ("9223372036854775808", "is too large"), ("8589934592GiB", "is too large"),
        ("99999999999999999999999K", "is too large"), ("1.5MiB", "has a fraction: use a smaller unit"),
        ("1MiB 1KiB", "is more than one number"), ("MiB", "is not a number"), ("+1", "is not a number"),
        ("0x10", "is more than one number"),
        ("5x", "has the unknown unit “x” (known: KiB, MiB, GiB, K, M, G)"), ("1,000", nil), ("1_000", nil),
        ("64MB", nil), ("64mib", nil), ("64TiB", nil), ("1M-", nil), ("١", "is not a number"),
    ])
    func refuses(_ text: String, _ reason: String?) {
        let error = #expect(throws: QuantityError.self) { _ = try ByteSize.parse(text) }
        if let reason { #expect(error?.description == reason) }
    }

    @Test(arguments: [
        (0, "0"), (1, "1"), (1023, "1023"), (1024, "1KiB"), (1025, "1025"), (1 << 20, "1MiB"), (1000 << 10, "1000KiB"),
        (3 << 29, "1536MiB"), (1 << 40, "1024GiB"), (Int.max, "9223372036854775807"),
    ])
    func prints(_ bytes: Int, _ text: String) {
        #expect(ByteSize.text(bytes) == text)
    }

    @Test func printedSizesReadBack() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(state: seed)
        for _ in 0..<2_000 {
            let unit = [0, 10, 20, 30].randomElement(using: &generator) ?? 0
            let bytes = generator.number(upTo: 63 - unit) << unit
            #expect(try ByteSize.parse(ByteSize.text(bytes)) == bytes, "seed \(seed)")
            #expect(ByteSize.text(bytes).utf8.count <= max("\(bytes)".utf8.count, 4), "seed \(seed)")
        }
    }
}

@Suite struct TimeSpanTests {
    @Test(
        arguments: [
            ("0", .zero), ("90", .seconds(90)), ("90s", .seconds(90)), ("1h 30min", .seconds(5400)),
            ("1h30min", .seconds(5400)), ("30min 1h", .seconds(5400)), ("2weeks", .seconds(1_209_600)),
            ("500ms", .milliseconds(500)), ("7us", .microseconds(7)), ("7µs", .microseconds(7)),
            ("7 μs", .microseconds(7)),
            ("1d", .seconds(86_400)), ("2 days", .seconds(172_800)), ("1hr", .seconds(3600)), ("1m", .seconds(60)),
            ("1minute 1second 1msec 1usec", .microseconds(61_001_001)), ("1s 1s", .seconds(2)),
            ("9223372036854775807us", .microseconds(Int64.max)),
        ] as [(String, Duration)])
    func reads(_ text: String, _ duration: Duration) throws {
        #expect(try TimeSpan.parse(text) == duration)
    }

    @Test(arguments: [
        ("", "is empty"), ("-5s", "is negative"), ("1h -5min", "is negative"), ("h", "is not a number"),
        ("1h 30", "has a number without a unit"), ("1.5h", "has a fraction: use a smaller unit"),
        ("1month", "has the unknown unit “month” (known: us, ms, s, min, h, d, w)"), ("1y", nil), ("1M", nil),
        ("9223372036854775808us", "is too large"), ("9223372036855s", "is too large"),
        ("15250284452471w", "is too large"), ("9223372036854775807us 1us", "is too large"), ("infinity", nil),
        ("1H", nil), ("5ns", nil),
    ])
    func refuses(_ text: String, _ reason: String?) {
        let error = #expect(throws: QuantityError.self) { _ = try TimeSpan.parse(text) }
        if let reason { #expect(error?.description == reason) }
    }

    @Test(
        arguments: [
            (.zero, "0s"), (.seconds(1), "1s"), (.seconds(60), "60s"), (.seconds(120), "2min"), (.seconds(90), "90s"),
            (.seconds(3600), "1h"), (.seconds(5400), "90min"), (.seconds(86_400), "1d"), (.seconds(90_000), "25h"),
            (.seconds(1_209_600), "2w"), (.milliseconds(500), "500ms"), (.microseconds(1), "1us"),
            (.milliseconds(1500), "1500ms"),
        ] as [(Duration, String)])
    func prints(_ duration: Duration, _ text: String) {
        #expect(TimeSpan.text(duration) == text)
    }

    @Test func printedSpansReadBack() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(state: seed)
        let units: [Int] = [1, 1_000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000, 604_800_000_000]
        for _ in 0..<2_000 {
            let unit = units.randomElement(using: &generator) ?? 1
            let duration = Duration.microseconds(generator.number(upTo: 22) * unit)
            #expect(try TimeSpan.parse(TimeSpan.text(duration)) == duration, "seed \(seed)")
        }
        #expect(try TimeSpan.parse(TimeSpan.text(.microseconds(Int64.max))) == .microseconds(Int64.max))
    }
}

@Suite struct FileModeTests {
    @Test(arguments: [("0660", 0o660), ("660", 0o660), ("0o660", 0o660), ("0000", 0), ("0777", 0o777)])
    func reads(_ text: String, _ mode: UInt32) throws {
        #expect(try FileMode.parse(text) == mode)
    }

    @Test(arguments: ["", "0", "66", "0888", "1777", "7777", "00660", "-660", "0x1ff", "rw-rw----", "0o0o660", "+660"])
    func refuses(_ text: String) {
        #expect(throws: QuantityError.self) { _ = try FileMode.parse(text) }
    }

    @Test func everyModeReadsBack() throws {
        for mode in UInt32(0)...0o777 {
            let text = FileMode.text(mode)
            #expect(text.utf8.count == 4)
            #expect(try FileMode.parse(text) == mode)
        }
    }
}

@Suite struct CountTests {
    @Test(arguments: [("0", 0), ("4096", 4096), (" 7 ", 7), ("9223372036854775807", Int.max)])
    func reads(_ text: String, _ number: Int) throws {
        #expect(try Count.parse(text) == number)
    }

    @Test(arguments: ["", "-1", "1K", "1 2", "ten", "1e3", "9223372036854775808", "1.0"])
    func refuses(_ text: String) {
        #expect(throws: QuantityError.self) { _ = try Count.parse(text) }
    }
}
