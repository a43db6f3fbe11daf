import CairnFormat
import Testing

@Suite struct TimeTests {
    static let valid: [(String, Int64)] = [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1969-12-31T23:59:59Z", -1_000_000_000),
        ("2026-11-21T07:39:12.123456Z", 1_795_246_752_123_456_000),
        ("2026-11-21t07:39:12.123456z", 1_795_246_752_123_456_000),
        ("2026-11-21 07:39:12.123456Z", 1_795_246_752_123_456_000),
        ("2026-11-21 08:39:12.123456+01:00", 1_795_246_752_123_456_000),
        ("2026-11-20T23:09:12.123456-08:30", 1_795_246_752_123_456_000),
        ("2026-11-21T07:39:12.123456+00:00", 1_795_246_752_123_456_000),
        ("2026-11-21T07:39:12.123456-00:00", 1_795_246_752_123_456_000),
        ("2026-11-22T07:38:12.123456+23:59", 1_795_246_752_123_456_000),
        ("1970-01-01T00:00:00.1Z", 100_000_000),
        ("1970-01-01T00:00:00.12Z", 120_000_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456_789),
        ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
        ("1970-01-01T00:00:00.999999999999999999999999999999999999Z", 999_999_999),
        ("1970-01-01T00:00:60Z", 60_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2016-12-31T23:59:60.5Z", 1_483_228_800_500_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000_000),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000_000_000),
        ("1900-03-01T00:00:00Z", -2_203_891_200_000_000_000),
        ("1677-09-21T00:12:43.145224192Z", .min),
        ("1677-09-21T00:12:43.145224193Z", .min + 1),
        ("1677-09-21T00:12:44Z", -9_223_372_036_000_000_000),
        ("2262-04-11T23:47:16.854775807Z", .max),
        ("2262-04-12T23:46:16.854775807+23:59", .max),
        ("2262-04-11T23:47:16Z", 9_223_372_036_000_000_000),
    ]

    @Test(arguments: valid)
    func parses(_ text: String, _ nanoseconds: Int64) throws {
        let time = try #require(Time(rfc3339: text))
        #expect(time.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "Z", "2026-11-21", "2026-11-21T07:39:12", "2026-11-21T07:39:12.5", "2026-11-21T07:39Z",
        "2026-11-21T07:39:12.Z", "2026-11-21T07:39:12,5Z", "2026-11-21T07:39:12ZZ", "2026-11-21T07:39:12Z ",
        " 2026-11-21T07:39:12Z", "2026-11-21  07:39:12Z", "2026-11-21_07:39:12Z", "2026-11-21T07:39:12+0100",
        "2026-11-21T07:39:12+01", "2026-11-21T07:39:12+1:00", "2026-11-21T07:39:12+24:00", "2026-11-21T07:39:12+01:60",
        "2026-11-21T07:39:12+01:00Z", "2026-11-21T07:39:12+01:0", "2026-11-21T07:39:12~01:00", "2026-11-21T24:00:00Z",
        "2026-11-21T07:60:00Z", "2026-11-21T07:39:61Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "26-11-21T07:39:12Z", "2026-1-21T07:39:12ZZ",
        "+026-11-21T07:39:12Z", "202६-11-21T07:39:12Z", "2026/11/21T07:39:12Z", "2026-11-21T07-39-12Z",
        "2026-11-21T07:39:1aZ", "2026-11-21T07:39:12\u{0}Z", "2026-11-21T07:39:12.-5Z",
        "1677-09-21T00:12:43.145224191Z", "1677-09-21T00:12:43Z", "2262-04-11T23:47:16.854775808Z",
        "2262-04-11T23:47:17Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    ])
    func refuses(_ text: String) {
        #expect(Time(rfc3339: text) == nil)
    }

    @Test func takesNeitherLessNorMoreThanItsBytes() {
        for (text, nanoseconds) in TimeTests.valid {
            let time = [UInt8](text).exactly { Time(rfc3339: $0) }
            #expect(time?.nanoseconds == nanoseconds)
            for count in 0..<text.utf8.count {
                let cut = Array(text.utf8.prefix(count))
                // A cut text is a time only where no fraction digits and no zone were cut, which is nowhere.
                check(cut.exactly { Time(rfc3339: $0) } == nil)
            }
        }
    }

    @Test func formatsWhatItParses() throws {
        var random = SeededRandom()
        var values: [Int64] = [.min, .min + 1, .max, .max - 1, 0, -1, 1, 999_999_999, -999_999_999, -1_000_000_000]
        for _ in 0..<5000 { values.append(Int64(bitPattern: random.next())) }
        for _ in 0..<1000 { values.append(Int64(bitPattern: random.next()) >> Int64(random.below(60))) }
        for value in values {
            let time = Time(nanoseconds: value)
            let text = time.description
            check(text.utf8.count == 30)
            check(Time(rfc3339: text) == time, "\(value) as \(text)")
        }
    }

    @Test(arguments: [
        (0, "2026-11-21T07:39:12Z"), (1, "2026-11-21T07:39:12.9Z"), (3, "2026-11-21T07:39:12.987Z"),
        (6, "2026-11-21T07:39:12.987654Z"), (9, "2026-11-21T07:39:12.987654321Z"),
    ])
    func cutsFractionDigits(_ digits: Int, _ expected: String) {
        var text: [UInt8] = []
        Time(nanoseconds: 1_795_246_752_987_654_321).append(to: &text, fractionDigits: digits)
        #expect(text.text == expected)
    }

    @Test func cutsFractionDigitsBefore1970() {
        var text: [UInt8] = []
        Time(nanoseconds: -1).append(to: &text, fractionDigits: 6)
        #expect(text.text == "1969-12-31T23:59:59.999999Z")
    }

    @Test(
        arguments: [
            (0, 0), (1, 0), (999, 0), (1000, 1000), (1001, 1000), (-1, -1000), (-999, -1000), (-1000, -1000),
            (-1001, -2000), (.max, .max / 1000 * 1000), (.min + 808, .min + 808),
        ] as [(Int64, Int64)])
    func roundsDownToMicroseconds(_ value: Int64, _ expected: Int64) {
        #expect(Time(nanoseconds: value).wholeMicroseconds.nanoseconds == expected)
    }

    @Test func roundedTimesSurviveTheStamp() {
        var random = SeededRandom()
        for _ in 0..<1000 {
            let time = Time(nanoseconds: Int64(bitPattern: random.next()) / 2).wholeMicroseconds
            var text: [UInt8] = []
            time.append(to: &text, fractionDigits: 6)
            check(Time(rfc3339: text.text) == time)
        }
    }

    @Test(
        arguments: [
            (1970, 1, 1, 0), (2026, 11, 21, 1_795_219_200), (2000, 2, 29, 951_782_400), (1969, 12, 31, -86_400),
        ] as [(Int64, Int64, Int64, Int64)])
    func startsOfDays(_ year: Int64, _ month: Int64, _ day: Int64, _ seconds: Int64) {
        #expect(Time(year: year, month: month, day: day)?.nanoseconds == seconds * 1_000_000_000)
    }

    @Test(
        arguments: [
            (2026, 2, 29), (2026, 0, 1), (2026, 13, 1), (2026, 1, 0), (2262, 4, 12), (1677, 9, 21), (0, 1, 1),
            (9999, 1, 1),
        ] as [(Int64, Int64, Int64)])
    func daysThatAreNone(_ year: Int64, _ month: Int64, _ day: Int64) {
        #expect(Time(year: year, month: month, day: day) == nil)
    }

    @Test(arguments: [(7, 2, 3), (-7, 2, -4), (-8, 2, -4), (0, 5, 0), (-1, 3600, -1)] as [(Int64, Int64, Int64)])
    func dividesDownwards(_ value: Int64, _ divisor: Int64, _ expected: Int64) {
        #expect(floorDivide(value, divisor) == expected)
    }
}
