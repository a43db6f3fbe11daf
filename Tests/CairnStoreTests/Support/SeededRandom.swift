import CairnPlatform
import Glibc
import Synchronization

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from the same seed on every machine.
struct SeededRandom: RandomNumberGenerator, Sendable {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// A seed that is printed, so that a failing random test can be run again: `CAIRN_SEED=N`.
    init(printedBy test: String) {
        let chosen = getenv("CAIRN_SEED").flatMap { UInt64(String(cString: $0)) }
        self.init(seed: chosen ?? UInt64.random(in: 0...UInt64(UInt32.max)))
        print("\(test): CAIRN_SEED=\(seed)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// Key material that is the same in every run.
final class SeededEntropy: EntropySource {
    private let random: Mutex<SeededRandom>

    init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed)) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        random.withLock { random in
            for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: random.next()) }
        }
    }
}

/// Clocks that stand still until a test moves them.
final class FakeTimeSource: TimeSource {
    private let times: Mutex<(wall: Int64, monotonic: Int64)>

    init(wall: Int64 = 1_795_246_752_123_456_000, monotonic: Int64 = 1_000_000_000) {
        times = Mutex((wall, monotonic))
    }

    func wall() -> Int64 { times.withLock { $0.wall } }
    func monotonic() -> Int64 { times.withLock { $0.monotonic } }

    /// Both clocks go on, the wall clock by another amount if it was set.
    func advance(by nanoseconds: Int64, wall: Int64? = nil) {
        times.withLock {
            $0.wall += wall ?? nanoseconds
            $0.monotonic += nanoseconds
        }
    }
}
