import Glibc

/// What time it is. The simulator has its own, so nothing above this target asks the operating system.
package protocol TimeSource: Sendable {
    /// Nanoseconds since 1970 in UTC (CLOCK_REALTIME). It can jump, also backwards.
    func wall() -> Int64

    /// Nanoseconds since an unknown start that never go backwards and go on while the machine sleeps (CLOCK_BOOTTIME).
    func monotonic() -> Int64
}

/// The clocks of the operating system (clock_gettime(2)).
package struct SystemTimeSource: TimeSource {
    package init() {}

    package func wall() -> Int64 {
        nanoseconds(of: CLOCK_REALTIME)
    }

    package func monotonic() -> Int64 {
        nanoseconds(of: CLOCK_BOOTTIME)
    }
}

/// Reads a clock. That fails only for a clock that the kernel does not have, and every Linux since 2.6.39 has these.
func nanoseconds(of clock: clockid_t) -> Int64 {
    var time = timespec()
    let result = clock_gettime(clock, &time)
    precondition(result == 0, "clock_gettime failed for clock \(clock); Cairn needs Linux 2.6.39 or newer")
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
