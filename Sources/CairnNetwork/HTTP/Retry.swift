import CairnArchive
package import CairnPlatform
import Glibc
import Synchronization

/// What waiting and chance come from, so that tests need no time and no luck.
package struct Pacing: Sendable {
    /// Signs requests, and tells how much a limit of bytes a second lets through.
    package var clock: any TimeSource
    /// How long the next retry waits.
    package var entropy: any EntropySource
    /// Blocks the thread for so many nanoseconds.
    package var sleep: @Sendable (Int64) -> Void

    package init(clock: any TimeSource, entropy: any EntropySource, sleep: @escaping @Sendable (Int64) -> Void) {
        (self.clock, self.entropy, self.sleep) = (clock, entropy, sleep)
    }

    package static let system = Pacing(clock: SystemTimeSource(), entropy: SystemEntropySource()) { duration in
        var rest = timespec(tv_sec: Int(duration / 1_000_000_000), tv_nsec: Int(duration % 1_000_000_000))
        var left = timespec()
        while nanosleep(&rest, &left) != 0, errno == EINTR { rest = left }
    }
}

/// Exponential backoff with full jitter: the wait before a retry is anything between 0 and a bound that doubles, so
/// that many clients of a server that stumbled do not come back all at once
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
enum Retry {
    /// Tries of one request. With the waits below they bridge half a minute; what lasts longer is for the next run.
    static let tries = 8
    /// Bound of the first wait, in nanoseconds.
    static let firstWait: Int64 = 200_000_000
    /// No wait is longer.
    static let longestWait: Int64 = 20_000_000_000

    /// Nanoseconds to wait after so many failed tries (1 and more).
    static func wait(afterTries tries: Int, entropy: any EntropySource) -> Int64 {
        let doublings = min(max(tries, 1) - 1, 30)
        let bound = min(longestWait, firstWait << Int64(doublings))
        var random: UInt64 = 0
        withUnsafeMutableBytes(of: &random) { entropy.fill($0) }
        // The high half of the product: even without the slant of a remainder.
        return Int64(random.multipliedFullWidth(by: UInt64(bound) + 1).high)
    }
}

/// Lets so many bytes a second through, for all threads of a storage together: a token bucket, kept as the time at
/// which it is full again.
final class BandwidthLimit: Sendable {
    /// Bytes a second at least: with fewer, a piece would take so long that servers hang up.
    static let leastBytesPerSecond = 4 << 10
    /// The bucket holds what comes in so many nanoseconds. More would make bursts, less would waste what came while a
    /// thread was reading.
    static let burst: Int64 = 250_000_000

    let bytesPerSecond: Int
    private let pacing: Pacing
    /// The monotonic time by which all that was let through so far has had its time.
    private let paidUntil: Mutex<Int64>

    init(bytesPerSecond: Int, pacing: Pacing) throws(ArchiveError) {
        guard bytesPerSecond >= Self.leastBytesPerSecond else {
            throw ArchiveError(
                .invalid, "an upload takes at least \(Self.leastBytesPerSecond) bytes a second: raise the limit")
        }
        (self.bytesPerSecond, self.pacing) = (bytesPerSecond, pacing)
        paidUntil = Mutex(pacing.clock.monotonic() - Self.burst)
    }

    /// Waits until so many bytes may be sent.
    func pass(_ bytes: Int) {
        let now = pacing.clock.monotonic()
        let cost = Int64(Double(bytes) / Double(bytesPerSecond) * 1e9)
        let end = paidUntil.withLock { paidUntil in
            paidUntil = max(paidUntil, now - Self.burst) + cost
            return paidUntil
        }
        if end > now { pacing.sleep(end - now) }
    }
}
