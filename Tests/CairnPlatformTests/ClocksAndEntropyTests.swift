import CairnPlatform
import Glibc
import Testing

@Suite struct ClockTests {
    private let clock = SystemTimeSource()

    @Test func wallIsTheTimeSince1970() {
        // time(2) may lag by a tick, so the upper bound is a second further.
        let before = Int64(time(nil))
        let now = clock.wall()
        let after = Int64(time(nil))
        #expect(now / 1_000_000_000 >= before)
        #expect(now / 1_000_000_000 <= after + 1)
    }

    @Test func monotonicNeverGoesBack() {
        var last = clock.monotonic()
        for _ in 0..<10_000 {
            let now = clock.monotonic()
            #expect(now >= last)
            last = now
        }
    }

    /// CLOCK_BOOTTIME, which counts the sleep of the machine, and not CLOCK_MONOTONIC.
    @Test func monotonicIsTheTimeSinceBoot() {
        var (before, after) = (timespec(), timespec())
        clock_gettime(CLOCK_BOOTTIME, &before)
        let now = clock.monotonic()
        clock_gettime(CLOCK_BOOTTIME, &after)
        #expect(now >= Int64(before.tv_sec) * 1_000_000_000 + Int64(before.tv_nsec))
        #expect(now <= Int64(after.tv_sec) * 1_000_000_000 + Int64(after.tv_nsec))
    }
}

@Suite struct EntropyTests {
    /// Around the 256 bytes that the kernel gives at a time. Every byte must change: after 64 fills the chance that one
    /// never differs from what was there is 2^-512.
    @Test(arguments: [0, 1, 16, 255, 256, 257, 512, 1_000])
    func everyByteIsFilledAndNoneBeyond(_ count: Int) {
        let guardBytes = 16
        var changed = [Bool](repeating: false, count: count)
        for _ in 0..<64 {
            var buffer = [UInt8](repeating: 0xAA, count: count + guardBytes)
            buffer.withUnsafeMutableBytes { SystemEntropySource().fill(.init(rebasing: $0[..<count])) }
            for index in 0..<count where buffer[index] != 0xAA { changed[index] = true }
            #expect(buffer[count...] == ArraySlice(repeating: 0xAA, count: guardBytes))
        }
        #expect(!changed.contains(false))
    }

    @Test func bytesAreAsManyAndNeverTheSame() {
        let source = SystemEntropySource()
        #expect(source.bytes(0).isEmpty)
        let drawn = Set((0..<1_000).map { _ in source.bytes(32) })
        #expect(drawn.count == 1_000)
        #expect(drawn.allSatisfy { $0.count == 32 })
    }

    @Test func bytesComeFromTheSource() {
        struct Constant: EntropySource {
            func fill(_ buffer: UnsafeMutableRawBufferPointer) {
                for index in buffer.indices { buffer[index] = 7 }
            }
        }
        #expect(Constant().bytes(300) == [UInt8](repeating: 7, count: 300))
    }
}
