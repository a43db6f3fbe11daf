import CairnPlatform
import Synchronization

/// Clocks that stand still until a test moves them.
package final class SimulatedClock: TimeSource {
    private let times: Mutex<(wall: Int64, monotonic: Int64)>

    package init(wall: Int64 = 1_795_246_752_123_456_000, monotonic: Int64 = 1_000_000_000) {
        times = Mutex((wall, monotonic))
    }

    /// One that goes on from the same time on its own.
    package func copy() -> SimulatedClock { SimulatedClock(wall: wall(), monotonic: monotonic()) }

    package func wall() -> Int64 { times.withLock { $0.wall } }
    package func monotonic() -> Int64 { times.withLock { $0.monotonic } }

    /// Both clocks go on, the wall clock by another amount if it was set, which can be back.
    package func advance(by nanoseconds: Int64, wall: Int64? = nil) {
        times.withLock {
            $0.wall += wall ?? nanoseconds
            $0.monotonic += nanoseconds
        }
    }
}
