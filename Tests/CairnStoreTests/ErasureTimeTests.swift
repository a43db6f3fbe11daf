import CairnFormat
import CairnReader
import CairnSimulation
import CairnStore
import Testing

/// What was erased at the beginning of a segment counts as of its creation, or of the first receive time that the seal
/// states: a clock that was set back makes that the earlier one.
@Suite struct ErasureTimeTests {
    /// A segment of five events, created before the clock was set back by so many seconds.
    private static func log(_ seconds: Int64) throws -> CustodyLog {
        let log = try CustodyLog()
        try log.submit(["e0"])
        log.clock.advance(by: 10 * Time.perSecond)
        log.rotate()
        log.clock.advance(by: 0, wall: -seconds * Time.perSecond)
        for number in 1...5 {
            try log.submit(["e\(number)"])
            log.clock.advance(by: 1_000_000)
        }
        log.rotate()
        try log.submit(["behind"])
        return log
    }

    @Test(arguments: [0, 3, 60] as [Int64], [[1..<2], [1..<3], [2..<3], [1..<6], [1..<2, 4..<6]])
    func aClockThatIsSetBackSpoilsNoErasure(_ seconds: Int64, _ erased: [Range<UInt64>]) throws {
        let log = try Self.log(seconds)
        let count = erased.reduce(0) { $0 + UInt64($1.count) }
        #expect(try log.redact("", erased).events == count)
        log.disk.expectVerified("\(seconds) s, \(erased)")
        // And once more, with what is left.
        try log.redact("", [3..<4])
        log.disk.expectVerified("\(seconds) s, \(erased), and event 3")
        let restarted = try log.restarted()
        restarted.disk.expectVerified("\(seconds) s, \(erased), after a start")
        #expect(try restarted.disk.lines("action=e3").isEmpty)
    }
}
