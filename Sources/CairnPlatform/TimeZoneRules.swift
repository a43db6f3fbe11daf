import Glibc

/// The rules of the local time zone: those that the variable TZ names, or else /etc/localtime (tzset(3)).
package enum TimeZoneRules {
    /// Seconds by which local time is ahead of UTC at `seconds` since 1970.
    package static func utcOffset(at seconds: Int64) -> Int64 {
        // localtime_r alone need not notice that TZ has changed.
        tzset()
        var time = time_t(seconds)
        var local = tm()
        // It fails only for years that an int cannot hold.
        guard localtime_r(&time, &local) != nil else { return 0 }
        return Int64(local.tm_gmtoff)
    }

    /// The point in time at which local clocks show `local`, in seconds since 1970 of a clock that knows no zone.
    ///
    /// Of a time that clocks show twice, the first is meant; a time that they leave out is counted on from the time
    /// before the gap, as RFC 5545 section 3.3.5 says. mktime(3) leaves both open.
    package static func utc(ofLocal local: Int64) -> Int64 {
        let day: Int64 = 86_400
        let before = utcOffset(at: local - day)
        let after = utcOffset(at: local + day)
        let candidates = [local - before, local - after].sorted()
        return candidates.first { $0 + utcOffset(at: $0) == local } ?? local - before
    }
}
