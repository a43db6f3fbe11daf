import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Glibc
import Testing

/// Single events are erased: their content is gone, and everything that was signed stays as it was.
@Suite struct RedactionTests {
    /// What is to be known of a log before a redaction, to be compared with it afterwards.
    private struct Before {
        let lines: [UInt64: String]
        let seals: [String: [UInt8]]
        let leaves: [Digest]
        /// The bytes from which the salts of all events follow.
        let saltKeys: [[UInt8]]

        init(_ log: CustodyLog, _ leaves: [Digest]) throws {
            lines = try log.disk.lines()
            seals = log.disk.snapshot().filter { $0.key.hasSuffix(".seal") }
            self.leaves = leaves
            let files = log.disk.files
            saltKeys = try LogDirectory(files).segments().filter { $0.isSealed && $0.hasData }.map {
                try SegmentReader(files, path: $0.path(.data)).header.saltKey
            }.filter { !$0.isEmpty }
        }

        /// The salt that an event has.
        func salt(_ sequence: UInt64, _ segment: Int) -> [UInt8] {
            var salts = Salts(saltKey: saltKeys[segment])
            return salts.withSalt(of: sequence) { $0.map { Array($0) } ?? [] }
        }
    }

    /// Whether all that was to be erased is gone from everywhere, and all that was not is as it was.
    private static func expect(
        _ log: CustodyLog, _ before: Before, erased: [UInt64], traces: [UInt64],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (disk, gone) = (log.disk, Set(erased))
        let verification = try disk.verification()
        #expect(verification.verdict == .verified, "\(verification.findings)", sourceLocation: sourceLocation)
        #expect(verification.notes.contains { $0.kind == .redacted } == !erased.isEmpty, sourceLocation: sourceLocation)
        let lines = try disk.lines()
        let all = try disk.everything()
        for (sequence, line) in before.lines {
            let now = lines[sequence] ?? ""
            guard gone.contains(sequence) else {
                if now != line { Issue.record("\(line) is now \(now)", sourceLocation: sourceLocation) }
                continue
            }
            let redacted = try Array(now.utf8).withUnsafeBytes { try RedactedLine(line: $0) }
            #expect(redacted.sequence == sequence, sourceLocation: sourceLocation)
            #expect(traces.contains(redacted.event), sourceLocation: sourceLocation)
            #expect(redacted.by == 1001, sourceLocation: sourceLocation)
            #expect(redacted.reason == Array("\"request 17\"".utf8), sourceLocation: sourceLocation)
            #expect(redacted.leaf == before.leaves[Int(sequence)], sourceLocation: sourceLocation)
            if TestDisk.contains(all, CustodyLog.secret("e\(sequence)").utf8) {
                Issue.record("the content of event \(sequence) is still there", sourceLocation: sourceLocation)
            }
        }
        // The same look finds what is left.
        if let left = before.lines.keys.first(where: { !gone.contains($0) && $0 < before.leaves.count }) {
            #expect(TestDisk.contains(all, CustodyLog.secret("e\(left)").utf8), sourceLocation: sourceLocation)
        }
        for (path, seal) in before.seals { #expect(disk.snapshot()[path] == seal, sourceLocation: sourceLocation) }
        #expect(disk.snapshot()[RedactionRequest.path] == nil, sourceLocation: sourceLocation)
        #expect(disk.names(".tmp") + disk.names(".next") == [], sourceLocation: sourceLocation)
    }

    private static func all(_ ranges: [Range<UInt64>]) -> [UInt64] { ranges.flatMap { Array($0) } }

    // MARK: What is erased

    @Test func oneEvent() throws {
        let log = try CustodyLog()
        let before = try Before(log, log.fill([7, 5]))
        let outcome = try log.redact("action=e3")
        #expect(outcome.events == 1 && outcome.alreadyErased == 0 && outcome.segments == 1)
        #expect(outcome.traces.count == 1)
        try Self.expect(log, before, erased: [3], traces: outcome.traces)
        // Neither the salt nor what it follows from is anywhere.
        let all = try log.disk.everything()
        #expect(!TestDisk.contains(all, before.salt(3, 0)))
        #expect(!TestDisk.contains(all, before.saltKeys[0]))
        #expect(TestDisk.contains(all, before.salt(4, 0)))
        #expect(TestDisk.contains(all, before.saltKeys[1]))
        // A query does not find it any more, and finds the others.
        #expect(try log.disk.lines("action=e3").isEmpty)
        #expect(try log.disk.lines("actor.id=u-e3").isEmpty)
        #expect(try log.disk.lines("actor.id=u-e4").keys.sorted() == [4])
    }

    /// What stands in the log says who erased how much and why, and not what.
    @Test func theTraceSaysWhoAndWhy() throws {
        let log = try CustodyLog()
        try log.fill([7, 5])
        let outcome = try log.redact("actor.id>=u-e3 actor.id!=u-e6 actor.id!=u-e5 actor.id!=u-e7 actor.id!=u-e8")
        let trace = try #require(outcome.traces.first)
        let lines = try log.disk.lines("action=log.redacted")
        let line = try #require(lines[trace])
        #expect(lines.count == 1)
        #expect(line.hasPrefix("{\"_seq\":\(trace),") && line.contains("\"_uid\":0,"))
        let details = "{\"by\":1001,\"events\":3,\"reason\":\"request 17\",\"sequences\":[[3,4],[9,9]]}"
        #expect(line.contains("\"details\":\(details)"))
        #expect(!line.contains("u-e"))
        let completed = try log.disk.lines("action=redaction.completed")
        #expect(completed.count == 1)
        #expect(completed.values.allSatisfy { $0.contains("\"traces\":[[\(trace),\(trace)]]") })
        #expect(try #require(completed.keys.first) > trace)
    }

    /// Ranges of events in a log of two segments with 1,500 and 1,100 events, in blocks of 500.
    @Test(
        arguments: [
            [0..<1], [499..<500], [500..<501], [499..<501], [1499..<1500], [1500..<1501], [1499..<1501],
            [1023..<1024], [1024..<1025], [1023..<1025], [2047..<2049], [2599..<2600], [0..<1500], [1500..<2600],
            [0..<2600], [0..<500], [500..<1024], [3..<4, 700..<800, 1498..<1503, 2599..<2600],
        ] as [[Range<UInt64>]])
    func atTheBordersOfBlocksGroupsAndSegments(_ ranges: [Range<UInt64>]) throws {
        let log = try CustodyLog(TestDisk(Self.large.disk))
        let outcome = try log.redact("", ranges)
        let erased = Self.all(ranges)
        #expect(outcome.events == UInt64(erased.count))
        #expect(outcome.segments == Set(erased.map { $0 < 1500 }).count)
        let verification = try log.disk.verification()
        #expect(verification.verdict == .verified, "\(verification.findings)")
        let lines = try log.disk.lines()
        var wrong: [UInt64] = []
        for (sequence, line) in Self.large.lines {
            let isErased = ranges.contains { $0.contains(sequence) }
            let redacted = Array((lines[sequence] ?? "").utf8).withUnsafeBytes { try? RedactedLine(line: $0) }
            let isRight = isErased ? redacted?.leaf == Self.large.leaves[Int(sequence)] : lines[sequence] == line
            if !isRight { wrong.append(sequence) }
        }
        #expect(wrong == [])
        let all = try log.disk.everything()
        for sequence in erased.prefix(3) + erased.suffix(3) {
            #expect(!TestDisk.contains(all, CustodyLog.secret("e\(sequence)").utf8), "event \(sequence)")
        }
    }

    private static let large: (disk: SimulatedDisk, lines: [UInt64: String], leaves: [Digest]) = {
        do {
            let log = try CustodyLog()
            let leaves = try log.fill([1500, 1100], group: 500)
            return (log.disk.kernel.disk, try log.disk.lines(), leaves)
        } catch {
            Issue.record("\(error)")
            return (SimulatedDisk(), [:], [])
        }
    }()

    @Test func aWholeSegment() throws {
        let log = try CustodyLog()
        let before = try Before(log, log.fill([7, 5, 6]))
        let outcome = try log.redact("", [7..<12])
        #expect(outcome.events == 5 && outcome.segments == 1)
        try Self.expect(log, before, erased: Array(7..<12), traces: outcome.traces)
        #expect(!TestDisk.contains(try log.disk.everything(), before.saltKeys[1]))
    }

    /// Seal and index of a segment with erased events know their times and modules no more, or say too much: a query
    /// must find what is left all the same.
    @Test func queriesFindWhatIsLeft() throws {
        let log = try CustodyLog()
        try log.submit(["e0", "e1"], module: "scanning")
        log.clock.advance(by: 3600 * Time.perSecond)
        try log.submit(["e2", "e3"], module: "reporting")
        log.rotate()
        try log.redact("", [0..<1, 2..<3])
        for filter in ["module=scanning", "action=e1", "actor.id=u-e1"] {
            #expect(try log.disk.lines(filter).keys.sorted() == [1], "\(filter)")
        }
        for filter in ["module=reporting", "action=e3", "not module=scanning action=e3"] {
            #expect(try log.disk.lines(filter).keys.sorted() == [3], "\(filter)")
        }
        #expect(try log.redact("", [0..<4]).events == 2)
        log.disk.expectVerified()
    }

    /// The times of a segment may be before that of its creation, as clocks step back: what is erased takes no time that
    /// makes those behind it fall, nor those of the next segment.
    @Test(arguments: [[0..<1, 2..<3], [1..<2], [0..<4], [1..<4], [3..<4]] as [[Range<UInt64>]])
    func aClockThatStepsBack(_ erased: [Range<UInt64>]) throws {
        let log = try CustodyLog()
        try log.submit(["before"])
        log.clock.advance(by: 100 * Time.perSecond)
        log.rotate()
        log.clock.advance(by: 0, wall: -50 * Time.perSecond)
        for tag in ["a", "b", "c"] { try log.submit([tag]) }
        log.rotate()
        // The next begins after it, at a time before its creation.
        try log.submit(["next"])
        log.rotate()
        try log.submit(["last"])
        try log.redact("", erased)
        log.disk.expectVerified("\(erased)")
        // Once more, and with other blocks.
        try log.redact("", [0..<5])
        for first in [0, 1, 4] as [UInt64] { _ = try Compaction(log.disk.files).run(first, .isal, forced: true) }
        log.disk.expectVerified("\(erased), all")
        #expect(try log.disk.lines("action=last").count == 1)
    }

    /// A client that sends them again after a restart is told their numbers; that of the erased one is not known any more.
    @Test(arguments: [true, false]) func idsOfOthersStayKnown(_ hasIndex: Bool) throws {
        let log = try CustodyLog()
        let lines = (0..<6).map { Fixture.line("e\($0)", id: "id-\($0)") }
        for line in lines { log.worker.step(.submit([try Fixture.submission([line])])) }
        log.rotate()
        try log.redact("", [2..<3])
        if !hasIndex { log.disk.lose(FileNames.segment(0, .index)) }
        let restarted = try log.restarted()
        let next = restarted.worker.core.durable
        restarted.worker.step(.submit([try Fixture.submission(lines)]))
        #expect(restarted.worker.core.durable == next + 1)
        for number in [0, 1, 3, 4, 5] { #expect(try restarted.disk.lines("id=id-\(number)").count == 1) }
        #expect(try restarted.disk.lines("id=id-2").keys.sorted() == [next])
    }

    @Test func theSameTwiceIsOnce() throws {
        let log = try CustodyLog()
        let before = try Before(log, log.fill([7, 5]))
        let first = try log.redact("", [3..<5])
        let again = try log.redact("", [3..<5])
        #expect(again.events == 0 && again.alreadyErased == 2 && again.segments == 0 && again.traces == [])
        try Self.expect(log, before, erased: [3, 4], traces: first.traces)
        #expect(try log.disk.lines("action=log.redacted").count == 1)
    }

    @Test func whatOverlapsIsErasedOnce() throws {
        let log = try CustodyLog()
        let before = try Before(log, log.fill([7, 5]))
        let first = try log.redact("", [3..<5])
        let bytes = try #require(log.disk.lines()[4])
        let second = try log.redact("", [2..<9])
        #expect(second.events == 5 && second.alreadyErased == 2 && second.segments == 2)
        try Self.expect(log, before, erased: Array(2..<9), traces: first.traces + second.traces)
        // What stands there says what first erased it.
        #expect(try log.disk.lines()[4] == bytes)
        #expect(first.traces != second.traces)
    }

    @Test func theActiveSegmentIsSealedFirst() throws {
        let log = try CustodyLog()
        let leaves = try log.fill([7])
        #expect(log.worker.core.sealedSegments == 1)
        let before = try Before(log, leaves)
        let outcome = try log.redact("", [6..<8])
        #expect(outcome.events == 2 && outcome.segments == 2)
        #expect(log.worker.core.sealedSegments == 2)
        try Self.expect(log, before, erased: [6, 7], traces: outcome.traces)
    }

    @Test func numbersThatAreNotThereYetAreNotErasedLater() throws {
        let log = try CustodyLog()
        try log.fill([7])
        let outcome = try log.redact("", [5..<10_000])
        #expect(outcome.events == 3)
        try log.submit(["later"])
        log.rotate()
        #expect(try log.restarted().disk.lines("action=later").count == 1)
        log.disk.expectVerified()
    }

    @Test func nothingThatMatchesIsNoRedaction() throws {
        let log = try CustodyLog()
        try log.fill([7])
        let before = log.disk.snapshot()
        let outcome = try log.redact("action=none")
        #expect(outcome.events == 0 && outcome.alreadyErased == 0 && outcome.segments == 0 && outcome.traces == [])
        #expect(log.disk.snapshot() == before)
    }

    @Test func aDryRunChangesNothing() throws {
        let log = try CustodyLog()
        try log.fill([7, 5])
        let before = log.disk.snapshot()
        let outcome = try log.redact("", [5..<13], isDry: true)
        #expect(outcome.events == 8 && outcome.alreadyErased == 0 && outcome.segments == 3 && outcome.traces == [])
        #expect(log.disk.snapshot() == before)
        #expect(try log.redact("", [5..<13]).events == 8)
        #expect(try log.redact("", [0..<13], isDry: true).alreadyErased == 8)
    }

    // MARK: What is refused

    private static func expectRefused(_ log: CustodyLog, _ word: String, _ body: () throws -> Void) throws {
        let before = log.disk.snapshot()
        do {
            try body()
            Issue.record("not refused")
        } catch let error as StoreError {
            #expect(error.code == .refused)
            #expect(error.message.contains(word), "\(error.message)")
        }
        #expect(log.disk.snapshot() == before)
    }

    @Test func heldEventsAreRefusedWithAllOthers() throws {
        let log = try CustodyLog()
        try log.fill([7, 5])
        try log.hold("dispute", "action=e3")
        for isDry in [false, true] {
            try Self.expectRefused(log, "dispute") { try log.redact("", [0..<6], isDry: isDry) }
        }
        // What it does not match can go.
        #expect(try log.redact("", [0..<3, 4..<6]).events == 5)
        try log.custody.release("dispute", Hold.Release(by: 1, reason: "over"))
        #expect(try log.redact("", [0..<6]).events == 1)
        log.disk.expectVerified()
    }

    @Test func aHoldByTimeHolds() throws {
        let log = try CustodyLog()
        try log.submit(["e0"])
        let border = Time(nanoseconds: log.clock.wall() + Time.perSecond)
        log.clock.advance(by: 2 * Time.perSecond)
        try log.submit(["e1"])
        log.rotate()
        try log.hold("old", until: border)
        try Self.expectRefused(log, "old") { try log.redact("", [0..<2]) }
        #expect(try log.redact("", [1..<2]).events == 1)
        try log.custody.release("old", Hold.Release(by: 1, reason: "over"))
        try log.hold("new", since: border)
        // Of an erased event nothing is left to be held.
        #expect(try log.redact("", [0..<2]).events == 1)
    }

    @Test func tracesStay() throws {
        let log = try CustodyLog()
        try log.fill([7, 5])
        try log.redact("", [9..<10])
        try log.prune([0])
        _ = try log.recorder.record([
            OwnEvent.line(
                action: "segment.archived", details: ["sequences": .ranges(SequenceRanges([0..<7]))])
        ])
        for action in ["log.redacted", "log.pruned", "segment.archived"] {
            #expect(try log.disk.lines("action=\(action)").count == 1)
            try Self.expectRefused(log, "account for") { try log.redact("action=\(action)") }
        }
        // What only looks like one is an event like any other.
        try log.submit(["log.redacted"])
        let last = log.worker.core.durable - 1
        #expect(try log.redact("", [last..<(last + 1)]).events == 1)
        log.disk.expectVerified()
    }

    @Test func aReasonIsWanted() throws {
        let log = try CustodyLog()
        try log.fill([7])
        try Self.expectRefused(log, "reason") { try log.redact("", [0..<2], reason: "") }
    }

    @Test func aSegmentThatWasSealedForDamageIsEvidence() throws {
        let disk = TestDisk()
        let log = try CustodyLog(disk)
        try log.submit(["e0", "e1"])
        try log.submit(["e2", "e3"])
        log.worker.step(.shutdown)
        let path = FileNames.segment(0, .data)
        var bytes = try #require(disk.snapshot()[path])
        bytes[bytes.count - 30] ^= 1
        disk.tamper(path, bytes)
        let after = try log.restarted()
        #expect(try LogDirectory(after.disk.files).segments().count == 2)
        try after.submit(["e4"])
        try Self.expectRefused(after, "damage") { try after.redact("", [0..<2]) }
        #expect(try after.redact("action=e4").events == 1)
    }

    /// One that is not there any more is found out before anything is promised.
    @Test func whatWasPrunedCannotBeErased() throws {
        let log = try CustodyLog()
        try log.fill([7, 5])
        try log.prune([0])
        #expect(try log.redact("", [0..<9]).events == 2)
        log.disk.expectVerified()
    }

    // MARK: Traces and verification

    /// A log with an erased event, and the segment of its trace sealed.
    private static func redacted() throws -> (log: CustodyLog, trace: UInt64) {
        let log = try CustodyLog()
        try log.fill([7, 5])
        let trace = try #require(try log.redact("", [3..<4]).traces.first)
        return (log, trace)
    }

    @Test(arguments: [false, true]) func aTraceThatIsGoneIsTampering(_ isSealed: Bool) throws {
        let (log, trace) = try Self.redacted()
        if isSealed { log.rotate() }
        let verdict = try log.disk.verification()
        #expect(verdict.verdict == .verified)
        // The segment goes without the event log.pruned, or the newest one with all that is in it.
        let path = FileNames.segment(12, .data)
        #expect(trace > 12)
        log.disk.lose(path)
        let found = try log.disk.verification()
        #expect(found.verdict == .tampered)
        let isNamed = found.findings.contains { $0.sequence == 3 && $0.message.contains("event \(trace)") }
        #expect(isNamed, "\(found.findings)")
    }

    /// Another line in the place of an erased event: with another trace, by another user, for another reason, or with
    /// another leaf.
    @Test(
        arguments: [
            ("\"event\":T,", "\"event\":U,"), ("\"by\":1001", "\"by\":1002"), ("request 17", "request 18"),
            ("\"_leaf\":\"", "\"_leaf\":\"A"),
        ])
    func anAlteredLineIsTampering(_ old: String, _ new: String) throws {
        let (log, trace) = try Self.redacted()
        log.rotate()
        let path = FileNames.segment(0, .data)
        let data = try #require(log.disk.snapshot()[path])
        let forged = try Forgery.forge(data) { lines in
            let (old, new) = (
                old.replacing("T", with: "\(trace)"), new.replacing("U", with: "\(trace - 1)")
            )
            let changed = lines.replacing(old, with: new)
            // Of the leaf a character makes room for the other.
            return old.hasPrefix("\"_leaf") ? changed.replacing("=\"}", with: "\"}") : changed
        }
        #expect(forged != data)
        log.disk.tamper(path, forged)
        #expect(try log.disk.verification().verdict == .tampered)
        log.disk.tamper(path, try Forgery.forge(data) { $0 })
        log.disk.expectVerified("the same lines, forged")
    }

    // MARK: Size

    @Test func manyRunsOfEventsAreAccountedForInSeveralEvents() throws {
        let log = try CustodyLog()
        let count = 2 * 4096 + 1024
        for start in stride(from: 0, to: 2 * count, by: 2048) {
            let lines = (start..<(start + 2048)).map { Fixture.line("e\($0)", module: $0 % 2 == 0 ? "even" : "odd") }
            log.worker.step(.submit([try Fixture.submission(lines)]))
        }
        log.rotate()
        let outcome = try log.redact("module=even")
        #expect(outcome.events == UInt64(count) && outcome.segments == 1)
        #expect(outcome.traces.count == 3)
        let verification = try log.disk.verification()
        #expect(verification.verdict == .verified, "\(verification.findings.first.map { "\($0)" } ?? "")")
        #expect(verification.notes.count { $0.kind == .redacted } == count)
        let lines = try log.disk.lines()
        let erased = lines.values.filter { Array($0.utf8).withUnsafeBytes { RedactedLine.isOne($0) } }
        #expect(erased.count == count)
        #expect(outcome.traces.allSatisfy { lines[$0]?.contains("log.redacted") == true })
    }

    @Test func aRequestHasALimit() throws {
        let log = try CustodyLog()
        try log.fill([7])
        let ranges = (0...UInt64(RedactionRequest.rangeLimit)).map { (2 * $0)..<(2 * $0 + 1) }
        let request = RedactionRequest(id: "x", by: 1, reason: "y", sequences: SequenceRanges(ranges))
        let redactor = Redactor(log.disk.files, log.recorder, .isal)
        let before = log.disk.snapshot()
        #expect(throws: StoreError.self) { try redactor.run(request) }
        #expect(log.disk.snapshot() == before)
    }

    // MARK: Other files

    @Test func copiesThatRecoveryHasKeptGo() throws {
        let log = try CustodyLog()
        let before = try Before(log, log.fill([7, 5]))
        let (first, second) = (FileNames.segment(0, .data), FileNames.segment(7, .data))
        let data = try #require(log.disk.snapshot()[first])
        let copies = ["\(first).torn-17", "\(first).displaced-5", "\(second).torn-18"]
        for copy in copies { log.disk.tamper(copy, data) }
        #expect(TestDisk.contains(try log.disk.everything(), CustodyLog.secret("e3").utf8))
        let outcome = try log.redact("", [3..<4])
        let names = Set(log.disk.snapshot().keys)
        #expect(copies.map { names.contains($0) } == [false, false, true])
        log.disk.lose(copies[2])
        try Self.expect(log, before, erased: [3], traces: outcome.traces)
    }

    @Test func compactionKeepsAllOfIt() throws {
        let log = try CustodyLog()
        let before = try Before(log, log.fill([40, 5], group: 1))
        let outcome = try log.redact("", [3..<4, 20..<30])
        for _ in 0..<2 {
            for compression in [Compression.isal, .zlib(level: 9)] {
                #expect(try Compaction(log.disk.files).run(0, compression, forced: true) != nil)
                try Self.expect(log, before, erased: [3] + Array(20..<30), traces: outcome.traces)
                #expect(!TestDisk.contains(try log.disk.everything(), before.saltKeys[0]))
            }
        }
        let more = try log.redact("", [39..<40])
        try Self.expect(
            log, before, erased: [3] + Array(20..<30) + [39], traces: outcome.traces + more.traces)
    }

    // MARK: The request

    @Test(arguments: ["", "a \"quoted\"\nreason 😀"]) func theRequestIsReadAsItWasWritten(_ reason: String) throws {
        let disk = TestDisk()
        #expect(try RedactionRequest.pending(disk.files) == nil)
        let request = RedactionRequest(
            id: "00ff", by: .max, reason: reason, sequences: SequenceRanges([3..<9, 20..<Limits.sequence]))
        disk.tamper(RedactionRequest.path, request.encoded)
        #expect(try RedactionRequest.pending(disk.files) == request)
        // As many runs as there may be fit into the file.
        let most = (0..<UInt64(RedactionRequest.rangeLimit)).map { index in
            let first = Limits.sequence - 1 - 2 * index
            return first..<(first + 1)
        }
        let large = RedactionRequest(id: "1", by: 1, reason: reason, sequences: SequenceRanges(most.reversed()))
        disk.tamper(RedactionRequest.path, large.encoded)
        #expect(try RedactionRequest.pending(disk.files)?.sequences == large.sequences)
    }

    @Test func aRequestThatCannotBeReadStopsAllErasure() throws {
        let log = try CustodyLog()
        try log.fill([7])
        let good = RedactionRequest(id: "1", by: 1, reason: "y", sequences: SequenceRanges([3..<4])).encoded
        for size in 0..<(good.count - 1) {
            log.disk.tamper(RedactionRequest.path, Array(good[..<size]))
            #expect(throws: StoreError.self, "cut to \(size)") { try log.custody.finish() }
        }
        for bad in ["{}", "[]", "{\"id\":1,\"by\":1,\"reason\":\"y\",\"sequences\":[]}", "null"] {
            log.disk.tamper(RedactionRequest.path, Array(bad.utf8))
            #expect(throws: StoreError.self) { try log.redact("", [0..<1]) }
        }
        log.disk.lose(RedactionRequest.path)
        #expect(try log.redact("", [0..<1]).events == 1)
    }
}
