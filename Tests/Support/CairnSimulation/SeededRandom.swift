import CairnPlatform
import Glibc
import Synchronization

/// The same numbers from the same seed on every machine.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    package let seed: UInt64
    private var generator: SplitMix64

    package init(seed: UInt64) {
        self.seed = seed
        generator = SplitMix64(seed: seed)
    }

    /// A seed that is printed, so that a failing random test can be run again: `CAIRN_SEED=N`.
    package init(printedBy test: String) {
        let chosen = getenv("CAIRN_SEED").flatMap { UInt64(String(cString: $0)) }
        self.init(seed: chosen ?? UInt64.random(in: 0...UInt64(UInt32.max)))
        print("\(test): CAIRN_SEED=\(seed)")
    }

    package mutating func next() -> UInt64 { generator.next() }

    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// True `chance` times of 65,536.
    package mutating func happens(_ chance: Int) -> Bool { chance > 0 && below(65_536) < chance }
}

/// Key material that is the same in every run.
package final class SeededEntropy: EntropySource {
    private let random: Mutex<SeededRandom>

    package init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed)) }

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        random.withLock { random in
            for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: random.next()) }
        }
    }
}
