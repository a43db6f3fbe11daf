import CairnPlatform
import CairnSimulation
import Testing

@testable import CairnArchive
@testable import CairnNetwork

struct RetryTests {
    /// Entropy of one byte, again and again.
    private struct Constant: EntropySource {
        let byte: UInt8
        func fill(_ buffer: UnsafeMutableRawBufferPointer) {
            buffer.withMemoryRebound(to: UInt8.self) { $0.update(repeating: byte) }
        }
    }

    @Test(
        arguments: [
            (1, Retry.firstWait), (2, 2 * Retry.firstWait), (3, 4 * Retry.firstWait), (7, 64 * Retry.firstWait),
            (8, Retry.longestWait), (1000, Retry.longestWait), (0, Retry.firstWait), (-5, Retry.firstWait),
        ] as [(Int, Int64)])
    func waitsAreBetweenNothingAndABoundThatDoubles(_ tries: Int, _ bound: Int64) {
        #expect(Retry.wait(afterTries: tries, entropy: Constant(byte: 0)) == 0)
        #expect(Retry.wait(afterTries: tries, entropy: Constant(byte: 0xFF)) == bound)
    }

    /// Full jitter: the waits fill the whole range evenly.
    @Test func waitsAreSpread() {
        let entropy = SeededEntropy(seed: 7)
        var tenths = [Int](repeating: 0, count: 10)
        for _ in 0..<10_000 {
            let wait = Retry.wait(afterTries: 3, entropy: entropy)
            tenths[min(9, Int(wait * 10 / (4 * Retry.firstWait)))] += 1
        }
        #expect(tenths.allSatisfy { (800...1200).contains($0) }, "\(tenths)")
    }

    @Test func allWaitsTogetherAreBounded() {
        let longest = (1..<Retry.tries).reduce(0) { $0 + Retry.wait(afterTries: $1, entropy: Constant(byte: 0xFF)) }
        #expect(longest < 60_000_000_000)
    }
}

struct BandwidthLimitTests {
    @Test func bytesTakeTheirTime() throws {
        let sleep = FakeSleep()
        let limit = try BandwidthLimit(bytesPerSecond: 1_000_000, pacing: sleep.pacing())
        // The bucket is full at first.
        limit.pass(Int(Double(BandwidthLimit.burst) / 1e9 * 1_000_000))
        #expect(sleep.waits == [])
        limit.pass(500_000)
        #expect(sleep.waits == [500_000_000])
        limit.pass(1)
        #expect(sleep.waits == [500_000_000, 1000])
        // It does not fill up beyond its size, however long nothing is sent.
        sleep.clock.advance(by: 3600 * 1_000_000_000)
        limit.pass(1_000_000)
        #expect(sleep.waits.last == 1_000_000_000 - BandwidthLimit.burst)
    }

    /// Over any length of time the rate is kept, whatever the sizes.
    @Test func theRateIsKept() throws {
        var random = SeededRandom(printedBy: "BandwidthLimitTests.theRateIsKept")
        for _ in 0..<50 {
            let rate = BandwidthLimit.leastBytesPerSecond + random.below(10_000_000)
            let sleep = FakeSleep()
            let limit = try BandwidthLimit(bytesPerSecond: rate, pacing: sleep.pacing())
            let start = sleep.clock.monotonic()
            var bytes = 0
            for _ in 0..<100 {
                let piece = 1 + random.below(rate)
                bytes += piece
                limit.pass(piece)
                let passed = sleep.clock.monotonic() - start
                let allowed = Double(rate) * Double(passed + BandwidthLimit.burst) / 1e9
                #expect(Double(bytes) <= allowed + 100)
                if random.below(4) == 0 { sleep.clock.advance(by: Int64(random.below(1_000_000_000))) }
            }
        }
    }

    @Test func tooLittleIsRefused() {
        let pacing = FakeSleep().pacing()
        for rate in [Int.min, -1, 0, 1, BandwidthLimit.leastBytesPerSecond - 1] {
            #expect(code { _ = try BandwidthLimit(bytesPerSecond: rate, pacing: pacing) } == .invalid)
        }
        #expect(
            code { _ = try BandwidthLimit(bytesPerSecond: BandwidthLimit.leastBytesPerSecond, pacing: pacing) } == nil)
    }

    @Test func theSystemSleeps() {
        let clock = SystemTimeSource()
        let start = clock.monotonic()
        Pacing.system.sleep(2_000_000)
        #expect(clock.monotonic() - start >= 2_000_000)
    }
}
