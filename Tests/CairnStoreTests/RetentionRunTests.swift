import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Testing

/// What a policy says is done to a log, and nothing else is.
@Suite struct RetentionRunTests {
    private static let day = RetentionPolicy.day

    private static func event(_ action: String, _ module: String, _ members: String = "") -> String {
        "{\"action\":\"\(action)\",\"module\":\"\(module)\",\"details\":\"\(CustodyLog.secret(action))\"\(members)}"
    }

    /// One sealed segment a day, and the same time of day once more behind the last.
    private static func log(_ segments: [[String]]) throws -> CustodyLog {
        let log = try CustodyLog()
        for lines in segments { try add(lines, to: log) }
        return log
    }

    private static func add(_ lines: [String], to log: CustodyLog) throws {
        // Each line is a block of its own, so that a run has more than one to look at.
        for line in lines { log.worker.step(.submit([try Fixture.submission([line])])) }
        log.rotate()
        log.clock.advance(by: day)
    }

    /// Segments from 5 days to 1 day of age: events 0 1, 2 3, 4, 5 6, 7 8.
    private static func fiveDays() throws -> CustodyLog {
        try log([
            [event("a", "scanning"), event("b", "users")],
            [event("c", "scanning", ",\"tenant\":\"acme\""), event("d", "users")],
            [event("e", "users", ",\"compliance\":[\"PCI_DSS\"]")],
            [event("f", "scanning"), event("g", "scanning", ",\"classification\":\"PUBLIC\"")],
            [event("h", "users"), event("i", "law")],
        ])
    }

    private static func rule(
        _ name: String, days: Int64?, _ change: (inout RetentionPolicy.Rule) -> Void
    ) -> RetentionPolicy.Rule {
        var rule = RetentionPolicy.Rule(name: name)
        rule.terms.deleteAfter = days.map { $0 * day }
        change(&rule)
        return rule
    }

    private static func policy(
        days: Int64?, _ rules: [RetentionPolicy.Rule] = [], redacts: Bool = false,
        _ change: (inout RetentionPolicy) -> Void = { _ in }
    ) -> RetentionPolicy {
        var policy = RetentionPolicy()
        policy.default.deleteAfter = days.map { $0 * day }
        policy.rules = rules
        policy.redactsExpired = redacts
        change(&policy)
        return policy
    }

    @discardableResult
    private static func apply(
        _ policy: RetentionPolicy, _ log: CustodyLog, pause: (inout Custody) -> Void = { _ in }
    ) throws -> Custody.RetentionOutcome {
        try log.custody.apply(policy, now: Time(nanoseconds: log.clock.wall()), by: 1006, pause: pause)
    }

    private static func numbers(_ outcome: Custody.RetentionOutcome) -> [UInt64] { outcome.deleted.map(\.seal.number) }

    /// The numbers of the erased events that are there.
    private static func erased(_ log: CustodyLog) throws -> [UInt64] {
        try log.disk.lines().filter { $0.value.contains("\"_redacted\":") }.keys.sorted()
    }

    // MARK: - Policies

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var policy: RetentionPolicy
        /// Numbers of the segments that go, and the rules that say so.
        var deleted: [UInt64]
        var rules: [String] = ["default"]
        /// Numbers of the events that are erased in the others.
        var erased: [UInt64] = []
        var testDescription: String { name }
    }

    private static let scanner = rule("scanner", days: 1) { $0.modules = ["scanning"] }
    private static let acme = rule("acme", days: nil) { $0.tenants = ["acme"] }

    static let cases = [
        Case(name: "an age for all, and a floor", policy: policy(days: 2), deleted: [0, 1, 3]),
        Case(name: "never", policy: policy(days: nil, redacts: true), deleted: []),
        Case(
            name: "a module in segments of its own", policy: policy(days: nil, [scanner]), deleted: [3],
            rules: ["rule scanner"]),
        Case(
            name: "a module in the segments of others", policy: policy(days: nil, [scanner], redacts: true),
            deleted: [3], rules: ["rule scanner"], erased: [0, 2]),
        Case(
            name: "a tenant before the module", policy: policy(days: nil, [acme, scanner], redacts: true),
            deleted: [3], rules: ["rule scanner"], erased: [0]),
        Case(
            name: "a classification",
            policy: policy(
                days: nil, [rule("public", days: 0) { $0.classifications = ["PUBLIC"] }], redacts: true),
            deleted: [], erased: [6]),
        Case(
            name: "a floor that is raised", policy: policy(days: 4) { $0.frameworks["PCI_DSS"]?.minimum = 4000 * day },
            deleted: [0, 1]),
        Case(
            name: "no floor", policy: policy(days: 2) { $0.frameworks = [:] }, deleted: [0, 1, 2, 3]),
        Case(name: "the archive comes first", policy: policy(days: 2) { $0.requiresArchive = true }, deleted: []),
    ]

    @Test(arguments: cases) func apply(_ test: Case) throws {
        let log = try Self.fiveDays()
        let before = try log.disk.lines()
        let outcome = try Self.apply(test.policy, log)
        #expect(Self.numbers(outcome) == test.deleted)
        #expect(outcome.erasedEvents == UInt64(test.erased.count))
        #expect(Set(outcome.deleted.map(\.rule)) == (test.deleted.isEmpty ? [] : Set(test.rules)))
        #expect((outcome.bytes > 0) == !test.deleted.isEmpty)
        #expect(try Self.erased(log) == test.erased)
        log.disk.expectVerified(test.name)
        // What stays is as it was.
        let (after, everything) = (try log.disk.lines(), try log.disk.everything())
        let gone = SequenceRanges(outcome.deleted.map { $0.seal.firstSequence..<$0.seal.endSequence })
        for (sequence, line) in before {
            let stays = !gone.contains(sequence) && !test.erased.contains(sequence)
            #expect(stays ? after[sequence] == line : after[sequence] != line, "\(line)")
            let secret = CustodyLog.secret(["a", "b", "c", "d", "e", "f", "g", "h", "i"][Int(sequence)])
            if !stays { #expect(!TestDisk.contains(everything, secret.utf8), "\(line)") }
        }
        let reasons = try log.disk.lines("action=log.redacted").values
        #expect(reasons.allSatisfy { $0.contains("\"by\":1006") && $0.contains("expired, by the policy") })
        #expect(try log.disk.lines("action=retention.blocked").isEmpty)
        // Once is enough.
        let again = try Self.apply(test.policy, log)
        #expect(again.deleted.isEmpty && again.erasedEvents == 0)
        #expect(try log.disk.lines() == after)
        log.disk.expectVerified("\(test.name), started again")
        #expect(try log.restarted().disk.lines() == after)
    }

    /// Its age counts from its newest event, to the nanosecond.
    @Test func aSegmentGoesAtItsTimeAndNotBefore() throws {
        let log = try Self.log([[Self.event("a", "users")]])
        let received = try #require(try log.candidates().first?.seal.received.upperBound)
        let due = received.nanoseconds + 3 * Self.day
        for (now, isGone) in [(due - 1, false), (due, true)] {
            let outcome = try log.custody.apply(Self.policy(days: 3), now: Time(nanoseconds: now), by: 0)
            #expect(outcome.deleted.isEmpty != isGone)
        }
    }

    @Test func aSegmentWithoutEventsIsNotKept() throws {
        let log = try Self.fiveDays()
        try log.redact("", [0..<2])
        let outcome = try Self.apply(Self.policy(days: nil), log)
        #expect(outcome.deleted.map(\.rule) == ["no event is left"])
        #expect(Self.numbers(outcome) == [0])
        log.disk.expectVerified()
    }

    /// What says that others were erased does not expire before them; what it says of itself does not count.
    @Test func tracesInLivingSegmentsStay() throws {
        let log = try Self.log([[Self.event("a", "law"), Self.event("b", "users")]])
        try log.redact("", [1..<2])
        // The trace and an event that stays are in one segment.
        try Self.add([Self.event("c", "law")], to: log)
        let own = Self.rule("own", days: 0) { $0.modules = ["system"] }
        let outcome = try Self.apply(Self.policy(days: nil, [own], redacts: true), log)
        #expect(outcome.deleted.isEmpty && outcome.erasedEvents == 1, "that the redaction is completed may go")
        #expect(try log.disk.lines("action=log.redacted").values.contains { $0.contains("request 17") })
        #expect(try log.disk.lines("action=redaction.completed").count == 1, "only the new one")
        log.disk.expectVerified()
    }

    /// Modules, tenants and tags in any order over many blocks, compared with a look at every line.
    @Test func exactlyWhatHasExpiredIsErased() throws {
        var random = SeededRandom(printedBy: #function)
        for _ in 0..<12 {
            let segments = (0..<3).map { segment in
                (0..<(2 + random.below(9))).map { number in
                    let members = ["", ",\"tenant\":\"a\"", ",\"tenant\":\"b\"", ",\"compliance\":[\"SOX\"]"]
                    return Self.event(
                        "e\(segment)-\(number)", ["m", "n", "o"][random.below(3)], members[random.below(4)])
                }
            }
            let log = try Self.log(segments)
            let rules = [
                Self.rule("o", days: nil) { $0.modules = ["o"] }, Self.rule("b", days: nil) { $0.tenants = ["b"] },
            ]
            let before = try log.disk.lines()
            let outcome = try Self.apply(Self.policy(days: 0, rules, redacts: true), log)
            let after = try log.disk.lines()
            for (sequence, line) in before {
                let stays = ["\"module\":\"o\"", "\"tenant\":\"b\"", "SOX"].contains { line.contains($0) }
                let isThere = after[sequence] == line
                #expect(stays == isThere, "\(line)")
            }
            #expect(outcome.erasedEvents == UInt64(try Self.erased(log).count))
            log.disk.expectVerified()
        }
    }

    // MARK: - Holds

    @Test func whatIsHeldStays() throws {
        let log = try Self.fiveDays()
        try log.hold("dispute", "action=a")
        let all = Self.policy(days: 0) { $0.frameworks = [:] }
        let held = try Self.apply(all, log)
        #expect(Self.numbers(held) == [1, 2, 3, 4])
        #expect(held.plan.entries.first?.rule == "hold dispute")
        // Nothing is erased from its segment either: not what stands beside it.
        let users = Self.rule("users", days: 0) { $0.modules = ["users"] }
        #expect(try Self.apply(Self.policy(days: nil, [users], redacts: true), log).erasedEvents == 0)
        try log.custody.release("dispute", Hold.Release(by: 1, reason: "over"))
        #expect(try Self.numbers(Self.apply(all, log)).contains(0))
        log.disk.expectVerified()
    }

    /// A hold that comes between two steps keeps what is not gone yet.
    @Test func aHoldComesWhileARunGoesOn() throws {
        let log = try Self.fiveDays()
        var pauses = 0
        let policy = Self.policy(days: nil, [Self.scanner], redacts: true)
        let now = Time(nanoseconds: log.clock.wall())
        let hold = Hold(
            name: "late", filter: try Filter("module=scanning"), since: nil, until: nil, reason: "x", by: 1, at: now)
        let outcome = try Self.apply(policy, log) { custody in
            pauses += 1
            if pauses == 1 { #expect(throws: Never.self) { try custody.add(hold) } }
        }
        #expect(pauses == 3, "behind each redaction and each removal")
        #expect(try Self.erased(log) == [0])
        #expect(outcome.deleted.isEmpty && outcome.erasedEvents == 1)
        log.disk.expectVerified()
    }

    // MARK: - Size

    /// Six segments of about the same size, of one day each.
    private static func six(_ members: (Int) -> String = { _ in "" }) throws -> (CustodyLog, UInt64) {
        let log = try log((0..<6).map { [event("e\($0)", "users", members($0))] })
        let plan = try RetentionPlan(
            AuditLog(LogDirectory(log.disk.files)), RetentionPolicy(), log.custody.holds, at: Fixture.now.wall)
        let sizes = plan.entries.map(\.bytes)
        // Room for the active segment, two of the others, and half of a third.
        return (log, plan.bytes - sizes.reduce(0, +) + sizes[4] + sizes[5] + sizes[3] / 2)
    }

    private static func limited(_ bytes: UInt64, evicts: Bool = false) -> RetentionPolicy {
        policy(days: nil) { ($0.maximumBytes, $0.evictsUnarchived) = (bytes, evicts) }
    }

    private static func expectBlocked(_ outcome: Custody.RetentionOutcome, _ log: CustodyLog) throws {
        #expect(outcome.plan.bytesOverLimit > 0)
        let lines = try log.disk.lines("action=retention.blocked").values.sorted()
        #expect(lines.count == 1 && lines[0].contains("\"over_limit\":\(outcome.plan.bytesOverLimit)"), "\(lines)")
    }

    @Test func theOldestGoUntilItFits() throws {
        let (log, limit) = try Self.six()
        let outcome = try Self.apply(Self.limited(limit, evicts: true), log)
        #expect(Self.numbers(outcome) == [0, 1, 2, 3])
        #expect(Set(outcome.deleted.map(\.rule)) == ["limit of size"])
        #expect(outcome.plan.bytesOverLimit == 0)
        #expect(try log.disk.lines("action=retention.blocked").isEmpty)
        log.disk.expectVerified()
        // Where it fits, nothing goes.
        #expect(try Self.apply(Self.limited(1 << 30, evicts: true), log).deleted.isEmpty)
    }

    @Test func whatIsNotArchivedIsNotEvicted() throws {
        let (log, limit) = try Self.six()
        try Self.expectBlocked(Self.apply(Self.limited(limit), log), log)
        #expect(try log.candidates().count == 6)
        #expect(try log.custody.noteArchived(SequenceRanges([1..<3, 4..<5]), in: "/archive", by: 1))
        let outcome = try Self.apply(Self.limited(limit), log)
        #expect(Self.numbers(outcome) == [1, 2, 4])
        #expect(outcome.plan.bytesOverLimit > 0)
        #expect(try log.disk.lines("action=retention.blocked").count == 2)
        log.disk.expectVerified()
    }

    @Test func whatIsHeldIsNotEvicted() throws {
        let (log, limit) = try Self.six()
        try log.hold("first", "action=e0")
        try log.hold("last", "_seq>=3")
        let outcome = try Self.apply(Self.limited(limit, evicts: true), log)
        #expect(Self.numbers(outcome) == [1, 2])
        try Self.expectBlocked(outcome, log)
        log.disk.expectVerified()
    }

    @Test func whatIsUnderAFloorIsNotEvicted() throws {
        let (log, limit) = try Self.six { $0 == 0 ? ",\"compliance\":[\"HIPAA\"]" : $0 == 1 ? ",\"compliance\":7" : "" }
        // Of tags that cannot be read any may be meant.
        let outcome = try Self.apply(Self.limited(limit, evicts: true), log)
        #expect(Self.numbers(outcome) == [2, 3, 4, 5])
        log.disk.expectVerified()
        log.clock.advance(by: 2192 * Self.day)
        let later = try Self.apply(Self.limited(0, evicts: true), log)
        #expect(Self.numbers(later) == [0])
        try Self.expectBlocked(later, log)
    }

    /// A limit of size is no reason to lose what accounts for an event that was erased, or what names the archive.
    @Test func accountsAreNotEvicted() throws {
        let log = try Self.log([[Self.event("a", "users"), Self.event("b", "users")], [Self.event("c", "users")]])
        try log.redact("", [0..<1])
        try log.hold("first", "action=b")
        log.rotate()
        #expect(try log.custody.noteArchived(SequenceRanges([0..<3]), in: "/archive", by: 1))
        log.rotate()
        try log.submit(["last"])
        let outcome = try Self.apply(Self.limited(0, evicts: true), log)
        #expect(Self.numbers(outcome) == [1])
        #expect(
            outcome.plan.entries.map(\.rule) == [
                "hold first", "limit of size", "default", "default",
            ])
        let archived = try AuditLog(LogDirectory(log.disk.files)).newestTrace(.archived)
        #expect(archived == .archived(SequenceRanges([0..<3])))
        log.disk.expectVerified()
        // Nor are they removed by whoever asks for it.
        #expect(try log.prune().removed == [])
        // With the first segment the account goes, and with another name of the archive the one before.
        try log.custody.release("first", Hold.Release(by: 1, reason: "over"))
        log.rotate()
        #expect(try log.custody.noteArchived(SequenceRanges([0..<8]), in: "/archive", by: 1))
        log.rotate()
        #expect(try log.prune().removed == [0, 2, 3, 4])
        log.disk.expectVerified()
    }

    // MARK: - Archive

    @Test func onlyWholeSealedSegmentsAreNoted() throws {
        let log = try Self.fiveDays()
        let end = log.worker.core.durable
        // Half of the first, all of the second, one of two of the fourth, and what is not sealed or not there.
        let sequences = SequenceRanges([1..<4, 5..<6, end..<(end + 100)])
        #expect(try log.custody.noteArchived(sequences, in: "s3://bucket/prefix", by: 1007))
        let line = try #require(try log.disk.lines("action=segment.archived").values.first)
        for member in [
            "\"sequences\":[[2,3]]", "\"segments\":1", "\"events\":2", "\"archive\":\"s3://bucket/prefix\"",
            "\"by\":1007",
        ] { #expect(line.contains(member), "\(line)") }
        // What is known is not noted again, and nothing at all is not noted either.
        #expect(try !log.custody.noteArchived(sequences, in: "s3://bucket/prefix", by: 1007))
        #expect(try !log.custody.noteArchived(SequenceRanges([0..<1]), in: "s3://bucket/prefix", by: 1007))
        #expect(try log.disk.lines("action=segment.archived").count == 1)
        // The newest names them all, also behind a start.
        let restarted = try log.restarted()
        #expect(try restarted.custody.noteArchived(SequenceRanges([4..<9]), in: "s3://bucket/prefix", by: 1007))
        let newest = try AuditLog(LogDirectory(restarted.disk.files)).newestTrace(.archived)
        #expect(newest == .archived(SequenceRanges([2..<9])))
        restarted.disk.expectVerified()
    }

    @Test func whatIsArchivedMayGo() throws {
        let log = try Self.fiveDays()
        let policy = Self.policy(days: 2) { $0.requiresArchive = true }
        let before = try Self.apply(policy, log)
        #expect(before.deleted.isEmpty && before.plan.count(.archive) == 3)
        #expect(try log.custody.noteArchived(SequenceRanges([0..<3, 5..<7]), in: "/archive", by: 1))
        #expect(try Self.numbers(Self.apply(policy, log)) == [0, 3], "of the second only a half is there")
        // At hand PCI DSS demands 92 days of what is in the archive.
        #expect(try log.custody.noteArchived(SequenceRanges([0..<9]), in: "/archive", by: 1))
        #expect(try Self.numbers(Self.apply(policy, log)) == [1])
        log.clock.advance(by: 90 * Self.day)
        #expect(try Self.numbers(Self.apply(policy, log)) == [2, 4])
        log.disk.expectVerified()
    }
}
