import CairnFormat
import CairnPlatform
import CairnReader
import Glibc
import Testing

/// Serialized: TZ belongs to the process.
@Suite(.serialized) struct TimeExpressionTests {
    /// 2026-11-21T07:39:12.5Z
    private static let now = Time(nanoseconds: 1_795_246_752_500_000_000)

    private func withZone<R>(_ zone: String, _ body: () throws -> R) rethrows -> R {
        let before = ProcessEnvironment.value("TZ")
        setenv("TZ", zone, 1)
        defer {
            if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
        }
        return try body()
    }

    private static let inUTC: [(String, String)] = [
        ("now", "2026-11-21T07:39:12.5Z"),
        ("today", "2026-11-21T00:00:00Z"),
        ("yesterday", "2026-11-20T00:00:00Z"),
        ("tomorrow", "2026-11-22T00:00:00Z"),
        ("2026-11-21", "2026-11-21T00:00:00Z"),
        ("2026-11-21 07:00", "2026-11-21T07:00:00Z"),
        ("2026-11-21T07:00", "2026-11-21T07:00:00Z"),
        ("2026-11-21 07:00:12", "2026-11-21T07:00:12Z"),
        ("2026-11-21 07:00:12.25", "2026-11-21T07:00:12.25Z"),
        ("2026-11-21 07:00:12.1234567899", "2026-11-21T07:00:12.123456789Z"),
        ("2026-11-21 23:59:60", "2026-11-22T00:00:00Z"),
        ("2026-11-21T07:39:12.123456Z", "2026-11-21T07:39:12.123456Z"),
        ("2026-11-21 07:39:12+05:30", "2026-11-21T02:09:12Z"),
        ("2024-02-29", "2024-02-29T00:00:00Z"),
        ("1969-12-31 23:59:59.5", "1969-12-31T23:59:59.5Z"),
        ("-1h", "2026-11-21T06:39:12.5Z"),
        ("- 1 h", "2026-11-21T06:39:12.5Z"),
        ("+5min", "2026-11-21T07:44:12.5Z"),
        ("1h ago", "2026-11-21T06:39:12.5Z"),
        ("1h 30min ago", "2026-11-21T06:09:12.5Z"),
        ("1h30m ago", "2026-11-21T06:09:12.5Z"),
        ("-1.5h", "2026-11-21T06:09:12.5Z"),
        ("-0.5", "2026-11-21T07:39:12Z"),
        ("30 ago", "2026-11-21T07:38:42.5Z"),
        ("-500ms", "2026-11-21T07:39:12Z"),
        ("-500000us", "2026-11-21T07:39:12Z"),
        ("-500000µs", "2026-11-21T07:39:12Z"),
        ("-1ns", "2026-11-21T07:39:12.499999999Z"),
        ("-2d", "2026-11-19T07:39:12.5Z"),
        ("-1week", "2026-11-14T07:39:12.5Z"),
        ("-1M", "2026-10-21T21:05:36.5Z"),
        ("-1y", "2025-11-21T01:39:12.5Z"),
        ("@0", "1970-01-01T00:00:00Z"),
        ("@1795246752.5", "2026-11-21T07:39:12.5Z"),
        ("@-1.5", "1969-12-31T23:59:58.5Z"),
    ]

    @Test(arguments: inUTC)
    func means(_ text: String, _ expected: String) throws {
        let time = try #require(Time(rfc3339: expected))
        #expect(try TimeExpression.parse(text, now: Self.now, utc: true) == time)
        // TZ does not matter to it, and neither does a locale.
        try withZone("America/New_York") { () throws in
            setenv("LC_ALL", "de_DE.UTF-8", 1)
            defer { unsetenv("LC_ALL") }
            let again = try TimeExpression.parse(text, now: Self.now, utc: true)
            #expect(again == time)
        }
    }

    @Test(arguments: inUTC)
    func zoneUTCIsUTC(_ text: String, _ expected: String) throws {
        let time = try #require(Time(rfc3339: expected))
        #expect(try withZone("UTC") { try TimeExpression.parse(text, now: Self.now) } == time)
    }

    /// The zone, what is written, and the time.
    @Test(arguments: [
        ("Europe/Berlin", "2026-11-21 07:00", "2026-11-21T06:00:00Z"),
        ("Europe/Berlin", "2026-07-21 07:00", "2026-07-21T05:00:00Z"),
        ("Europe/Berlin", "today", "2026-11-20T23:00:00Z"),
        ("Europe/Berlin", "yesterday", "2026-11-19T23:00:00Z"),
        // The hour from 02:00 to 03:00 is not there on the last Sunday of March.
        ("Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"),
        ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00Z"),
        ("Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z"),
        ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00Z"),
        // The hour from 02:00 to 03:00 is there twice on the last Sunday of October.
        ("Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24T23:59:59Z"),
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ("Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00Z"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z"),
        ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00:00Z"),
        // A zone is a zone, whatever TZ says.
        ("Europe/Berlin", "2026-11-21T07:39:12Z", "2026-11-21T07:39:12Z"),
        ("Europe/Berlin", "-1h", "2026-11-21T06:39:12.5Z"),
        ("America/New_York", "today", "2026-11-21T05:00:00Z"),
        ("Asia/Kolkata", "2026-11-21", "2026-11-20T18:30:00Z"),
        ("Pacific/Auckland", "today", "2026-11-20T11:00:00Z"),
        ("Pacific/Kiritimati", "yesterday", "2026-11-19T10:00:00Z"),
    ])
    func zoneOfTZ(_ zone: String, _ text: String, _ expected: String) throws {
        let time = try #require(Time(rfc3339: expected))
        try withZone(zone) {
            #expect(try TimeExpression.parse(text, now: Self.now) == time)
            // What was asked before does not matter, as it does to mktime(3).
            _ = try TimeExpression.parse("2026-07-01", now: Self.now)
            #expect(try TimeExpression.parse(text, now: Self.now) == time)
        }
    }

    /// On days with 23 and 25 hours, too, a day begins at midnight.
    @Test func daysAroundChanges() throws {
        try withZone("Europe/Berlin") {
            let march = try #require(Time(rfc3339: "2026-03-30T10:00:00Z"))
            #expect(try TimeExpression.parse("yesterday", now: march).description == "2026-03-28T23:00:00.000000000Z")
            #expect(try TimeExpression.parse("today", now: march).description == "2026-03-29T22:00:00.000000000Z")
            let october = try #require(Time(rfc3339: "2026-10-25T10:00:00Z"))
            #expect(try TimeExpression.parse("today", now: october).description == "2026-10-24T22:00:00.000000000Z")
            #expect(try TimeExpression.parse("tomorrow", now: october).description == "2026-10-25T23:00:00.000000000Z")
        }
    }

    /// Every local time that clocks show means a time at which they show it.
    @Test(arguments: ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"])
    func rulesAgreeWithThemselves(_ zone: String) {
        withZone(zone) {
            for quarter in 0..<(366 * 96) {
                let utc = 1_767_225_600 + Int64(quarter) * 900
                let local = utc + TimeZoneRules.utcOffset(at: utc)
                let back = TimeZoneRules.utc(ofLocal: local)
                #expect(back + TimeZoneRules.utcOffset(at: back) == local)
                #expect(back <= utc)
            }
        }
    }

    /// Text, column, a part of what is expected.
    @Test(arguments: [
        ("", 1, "a time"), ("soon", 1, "a time"), ("Today", 1, "a time"), (" now", 1, "a time"),
        ("2026-13-01", 1, "a day of the calendar"), ("2026-02-29", 1, "a day of the calendar"),
        ("2026-1-01", 6, "a month"), ("2026-11-2", 9, "a day"), ("2026-11-21 ", 12, "an hour"),
        ("2026-11-21x", 11, "a blank"), ("2026-11-21 24:00", 12, "an hour"), ("2026-11-21 07", 14, "\":\""),
        ("2026-11-21 07:60", 15, "a minute"), ("2026-11-21 07:00:61", 18, "a second"),
        ("2026-11-21 07:00:00.", 21, "a digit"), ("2026-11-21 07:00 UTC", 17, "the end"),
        ("-", 2, "a number"), ("-h", 2, "a number"), ("-1x", 3, "a unit"), ("-1h3x", 5, "a unit"),
        ("-1H", 3, "a unit"), ("-1.h", 4, "a digit"), ("1h", 3, "ago"), ("1h agoo", 4, "ago"),
        ("-1h ago", 5, "the end"),
        ("@", 2, "a number"), ("@1x", 3, "the end"), ("@1.", 4, "a digit"), ("@9999999999999", 1, "between 1677"),
        ("-999999999999999999999s", 1, "between 1677"), ("-9999y", 1, "between 1677"), ("+300y", 1, "between 1677"),
        ("@99999999999999999999999", 1, "between 1677"),
    ])
    func saysWhatIsWrong(_ text: String, _ column: Int, _ expected: String) throws {
        let error = try #require(throws: QuerySyntaxError.self) {
            try TimeExpression.parse(text, now: Self.now, utc: true)
        }
        #expect(error.column == column, "\(error)")
        #expect(error.expected.contains(expected), "\(error)")
    }
}
