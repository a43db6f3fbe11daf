import CairnFormat
import CairnPlatform
import Testing

@testable import CairnCommand

@Suite("Made-up events")
struct DemoEventsTests {
    private static let end = Time(nanoseconds: 1_795_250_352 * Time.perSecond)

    private static func bytes(seed: UInt64, count: Int) -> [UInt8] {
        var events = DemoEvents(seed: seed, count: count, end: end)
        var output: [UInt8] = []
        while events.next(into: &output) {}
        return output
    }

    @Test("the same seed gives the same bytes, another seed others")
    func deterministic() {
        let first = Self.bytes(seed: 1, count: 2000)
        #expect(first == Self.bytes(seed: 1, count: 2000))
        #expect(first != Self.bytes(seed: 2, count: 2000))
    }

    @Test("the bytes for a seed never change")
    func frozen() {
        let digest = Self.bytes(seed: 1, count: 2000).withUnsafeBytes { Digest.sha256($0) }
        #expect(Hex.encode(digest.bytes) == "f8f6809af89bb0dfc11d0f1ea02a12cde36eed0db43c3a46c0a5caf1b04cb70b")
    }

    @Test("every line is an event that the daemon takes as it is", arguments: [UInt64(1), 7, 1 << 63])
    func valid(seed: UInt64) throws {
        let parser = try EventParser()
        var batch = EventBatch()
        var framer = LineFramer(limit: Limits.receivedLineDefault)
        Self.bytes(seed: seed, count: 5000).withUnsafeBytes { bytes in
            framer.push(bytes) { line in
                #expect(parser.parse(line, uid: 1000, into: &batch), "seed \(seed)")
            }
        }
        #expect(batch.entries.count == 5000, "seed \(seed)")
        #expect(batch.rejections.isEmpty, "seed \(seed): \(batch.rejections.prefix(3))")
        #expect(batch.extraStamps.isEmpty, "seed \(seed): some field is invalid")
        let identities = Set(batch.entries.compactMap { $0.identity })
        #expect(identities.count == 5000, "seed \(seed): ids are not unique")
    }

    @Test("they are as long as real ones, and their times go forward over the last days")
    func shape() throws {
        let bytes = Self.bytes(seed: 3, count: 20_000)
        #expect((300...350).contains(bytes.count / 20_000))
        var times: [Time] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let text = try #require(withJSON(String(decoding: line, as: UTF8.self)) { $0["timestamp"]?.string })
            times.append(try #require(Time(rfc3339: text)))
        }
        #expect(times == times.sorted())
        let last = try #require(times.last)
        #expect(last <= Time(nanoseconds: Self.end.nanoseconds + Time.perHour))
        #expect(times[0].nanoseconds >= Self.end.nanoseconds - 6 * 86_400 * Time.perSecond)
    }

    @Test("passwords are guessed from the address that the demonstration asks for", arguments: [UInt64(1), 2, 3])
    func attack(seed: UInt64) {
        let text = String(decoding: Self.bytes(seed: seed, count: 1000), as: UTF8.self)
        let guesses = text.split(separator: "\n").count {
            $0.contains("login_failed") && $0.contains("\"\(DemoEvents.attacker)\"")
        }
        #expect(guesses >= 20, "seed \(seed)")
    }

    @Test("the generator gives the published numbers of SplitMix64")
    func splitMix() {
        // First outputs for the seed 1234567 (Rosetta Code, "Pseudo-random numbers/Splitmix64").
        var random = SplitMix64(seed: 1_234_567)
        #expect(
            (0..<5).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }
}
