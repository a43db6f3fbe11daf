import CairnFormat
import CairnPlatform
import Testing

@testable import CairnReader

/// What a verification of events only sees, and what not. That it comes to the same as a whole one, in every state and
/// with every change, `Verifier.runBothWays` holds in the tests of both.
@Suite struct EventCheckTests {
    private func verify(_ log: SealedLogFixture, eventsOnly: Bool) throws -> Verification {
        var options = VerifyOptions(threads: 1)
        options.isOfEventsOnly = eventsOnly
        return try Verifier(log.directory, options: options).run()
    }

    private func expectation(_ log: SealedLogFixture, _ first: UInt64) throws -> SegmentExpectation {
        let snapshot = try LogSnapshot(log.directory)
        var chain = SealChain(log.directory, try log.directory.origin())
        for (index, segment) in snapshot.segments.enumerated() {
            try chain.follow(segment, isNewest: index == snapshot.segments.count - 1)
        }
        return try #require(chain.segments.first { $0.firstSequence == first })
    }

    @Test func aGoodSegmentIsGood() throws {
        let log = try SealedLogFixture.whole()
        for (first, count) in [(0, 7), (7, 5), (12, 6)] as [(UInt64, UInt64)] {
            var check = try #require(try EventCheck(log.directory, try expectation(log, first)))
            var read: UInt64 = 0
            let result = try #require(try check.run { read += $0 })
            #expect(result.count == count && result.isWhole && result.findings.isEmpty)
            let file = try #require(log.files[FileNames.segment(first, .data)])
            #expect(read > 0 && read < file.count)
            var whole = SegmentVerifier(log.directory, try expectation(log, first), isOfEventsOnly: false) { _ in }
            let expected = try whole.run()
            #expect(result.bytes == expected.bytes && result.headIsGood == expected.headIsGood)
            #expect(result.firstReceived == expected.firstReceived && result.lastReceived == expected.lastReceived)
        }
    }

    /// The newest segment has no seal, and where events were erased their leaves must be looked up.
    @Test func whatIsNotForItIsLeft() throws {
        let log = try SealedLogFixture.whole()
        #expect(try EventCheck(log.directory, try expectation(log, 18)) == nil)
        try log.erase([8], from: 7)
        #expect(try EventCheck(log.directory, try expectation(log, 7)) == nil)
    }

    /// Behind a seal that is missing nothing demands a previous seal of the header; the next seal does.
    @Test func aHeaderAndItsSealNameOnePreviousSeal() throws {
        let log = try SealedLogFixture.whole()
        var segment = try expectation(log, 7)
        segment.previous = nil
        #expect(try EventCheck(log.directory, segment) != nil)
        guard case .sealed(var seal) = segment.role else { return #expect(Bool(false), "segment 7 is sealed") }
        seal.previous = .zero
        segment.role = .sealed(seal)
        #expect(try EventCheck(log.directory, segment) == nil)
    }

    /// A segment that is read twice is not told twice.
    @Test(arguments: [false, true]) func progressIsThatOfOneReading(_ isOfEventsOnly: Bool) throws {
        let log = try SealedLogFixture.whole()
        let file = try #require(log.files[FileNames.segment(7, .data)])
        log.files.put(FileNames.segment(7, .index), [1])
        var read: UInt64 = 0
        var verifier = SegmentVerifier(
            log.directory, try expectation(log, 7), isOfEventsOnly: isOfEventsOnly
        ) { read += $0 }
        #expect(try verifier.run().findings.map(\.verdict) == [.indexDamaged])
        #expect(read > UInt64(file.count / 2) && read <= UInt64(file.count))
    }

    @Test func anEventThatIsNotTheSealedOneIsNoGoodOne() throws {
        let log = try SealedLogFixture.whole()
        let block = try #require(log.blocks.first { $0.segment == 7 })
        try log.forge(block) { $0.replacing("login", with: "logon") }
        var check = try #require(try EventCheck(log.directory, try expectation(log, 7)))
        #expect(try check.run { _ in } == nil)
        let (events, whole) = (try verify(log, eventsOnly: true), try verify(log, eventsOnly: false))
        #expect(events.verdict == .tampered && events.findings == whole.findings)
        #expect(events.notes.map(\.kind) == [.keyFromLog, .eventsOnly])
    }

    /// An index that is not what its footer names is seen, one that is named is not: it is not signed.
    @Test(arguments: [false, true]) func anIndexIsLookedAtAsFarAsItsDigest(_ isNamed: Bool) throws {
        let log = try SealedLogFixture.whole()
        let (path, data) = (FileNames.segment(7, .index), FileNames.segment(7, .data))
        var index = try #require(log.files[path])
        index[index.count - 1] ^= 1
        log.files.put(path, index)
        if isNamed {
            let file = try #require(log.files[data])
            let footer = SegmentFooter(
                count: 5, root: try #require(try log.directory.segment(7).flatMap { try log.directory.seal($0) }).root,
                indexDigest: Digest.sha256(index))
            log.files.put(data, file.dropLast(SegmentFooter.memberSize) + footer.encoded())
        }
        #expect(try verify(log, eventsOnly: false).verdict == .indexDamaged)
        #expect(try verify(log, eventsOnly: true).verdict == (isNamed ? .verified : .indexDamaged))
    }

    /// What the log's own events tell of others is heard.
    @Test func tracesAreRead() throws {
        let log = try SealedLogFixture()
        try log.append(2)
        try log.append(own: [
            #"{"action":"log.pruned","module":"system","details":{"sequences":[[0,1]]}}"#,
            #"{"action":"daemon.started","module":"system"}"#,
        ])
        try log.rotate()
        var check = try #require(try EventCheck(log.directory, try expectation(log, 0)))
        let result = try #require(try check.run { _ in })
        var whole = SegmentVerifier(log.directory, try expectation(log, 0), isOfEventsOnly: false) { _ in }
        #expect(result.traces.map(\.sequence) == (try whole.run()).traces.map(\.sequence))
    }
}
