import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// What a policy means for each segment, and which rule says so.
struct RetentionPlanTests {
    private static let day = RetentionPolicy.day

    // MARK: - One segment

    /// One sealed segment, looked at so many days after its newest event.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var events = [event("users")]
        var days: Int64
        var policy = RetentionPlanTests.policy()
        var isArchived = false
        /// Filters of holds, by name.
        var holds: [String: String] = [:]
        /// What happens to the fixture before the plan is made.
        var hasIndex = true
        var reason = SealReason.size
        var action: RetentionPlan.Action
        var rule: String
        /// In days from the newest event; nil: never.
        var due: Int64?
        var expired: UInt64 = 0
        var testDescription: String { name }
    }

    private static func event(_ module: String, _ members: String = "") -> String {
        "{\"action\":\"a\",\"module\":\"\(module)\"\(members)}"
    }

    private static func tagged(_ tags: String...) -> [String] {
        [event("users", ",\"compliance\":[\(tags.map { "\"\($0)\"" }.joined(separator: ","))]")]
    }

    /// After 400 days everything goes, after 30 the noise of scanners; the law never.
    private static func policy(_ change: (inout RetentionPolicy) -> Void = { _ in }) -> RetentionPolicy {
        var policy = RetentionPolicy()
        policy.default.deleteAfter = 400 * day
        let rules: [(String, String, Int64?)] = [("noise", "scanning", 30), ("law", "law", nil)]
        policy.rules = rules.map { name, module, days in
            var rule = RetentionPolicy.Rule(name: name)
            rule.modules = [module]
            rule.terms.deleteAfter = days.map { $0 * day }
            return rule
        }
        change(&policy)
        return policy
    }

    private static let mixed = [event("scanning"), event("scanning"), event("users")]
    private static let redacting = policy { $0.redactsExpired = true }
    private static let archiving = policy { $0.default.archiveAfter = 7 * day }
    private static let archiveFirst = policy { $0.requiresArchive = true }
    private static let limitedByGDPR = policy { $0.frameworks["GDPR"]?.maximum = 100 * day }

    static let cases = [
        Case(name: "not old enough", days: 399, action: .keep, rule: "default", due: 400),
        Case(name: "old enough", days: 400, action: .delete, rule: "default", due: 400),
        Case(name: "a rule", events: [event("scanning")], days: 30, action: .delete, rule: "rule noise", due: 30),
        Case(name: "never", events: [event("law")], days: 40_000, action: .keep, rule: "rule law", due: nil),
        Case(
            name: "when an event says that it happened does not count",
            events: [event("users", ",\"timestamp\":\"1999-01-01T00:00:00Z\"")], days: 399, action: .keep,
            rule: "default", due: 400),
        Case(
            name: "the event that stays longest decides", events: mixed, days: 31, action: .keep, rule: "default",
            due: 400),
        Case(
            name: "one event that never goes keeps all", events: mixed + [event("law")], days: 9999, action: .keep,
            rule: "rule law", due: nil),

        Case(
            name: "a floor beats the age", events: tagged("SOX"), days: 2556, action: .keep, rule: "minimum of SOX",
            due: 2557),
        Case(
            name: "a floor ends", events: tagged("SOX"), days: 2557, action: .delete, rule: "minimum of SOX", due: 2557),
        Case(
            name: "the longest floor counts", events: tagged("HIPAA", "PCI_DSS"), days: 400, action: .keep,
            rule: "minimum of HIPAA", due: 2192),
        Case(
            name: "a floor below the age changes nothing", events: tagged("PCI_DSS"), days: 400, action: .delete,
            rule: "default", due: 400),
        Case(
            name: "a floor of a scanner's event",
            events: [event("scanning", ",\"compliance\":[\"PCI_DSS\"]")], days: 100, action: .keep,
            rule: "minimum of PCI_DSS", due: 365),
        Case(
            name: "what is archived need be at hand for less",
            events: [event("scanning", ",\"compliance\":[\"PCI_DSS\"]")], days: 92, isArchived: true, action: .delete,
            rule: "minimum of PCI_DSS at hand", due: 92),
        Case(
            name: "tags that cannot be read may be any", events: [event("users", ",\"compliance\":7")], days: 2000,
            action: .keep, rule: "minimum of SOX", due: 2557),

        Case(
            name: "a maximum beats the age", events: tagged("GDPR"), days: 100, policy: limitedByGDPR, action: .delete,
            rule: "maximum of GDPR", due: 100),
        Case(
            name: "a maximum beats never", events: [event("law", ",\"compliance\":[\"GDPR\"]")], days: 99,
            policy: limitedByGDPR, action: .keep, rule: "maximum of GDPR", due: 100),
        Case(
            name: "a floor beats a maximum", events: tagged("GDPR", "SOX"), days: 2000, policy: limitedByGDPR,
            action: .keep, rule: "minimum of SOX", due: 2557),

        Case(
            name: "a hold beats the age", days: 9999, holds: ["dispute": "module=users"], action: .keep,
            rule: "hold dispute", due: 400),
        Case(
            name: "a hold beats a maximum", events: tagged("GDPR"), days: 9999, policy: limitedByGDPR,
            holds: ["dispute": ""], action: .keep, rule: "hold dispute", due: 100),
        Case(
            name: "a hold beats a redaction", events: mixed, days: 31, policy: redacting,
            holds: ["dispute": "module=users"], action: .keep, rule: "hold dispute", due: 400),
        Case(
            name: "a hold of others", days: 400, holds: ["dispute": "module=law"], action: .delete, rule: "default",
            due: 400),

        Case(
            name: "to be archived", days: 7, policy: archiving, action: .archive, rule: "default", due: 400),
        Case(name: "not yet to be archived", days: 6, policy: archiving, action: .keep, rule: "default", due: 400),
        Case(
            name: "archived already", days: 7, policy: archiving, isArchived: true, action: .keep, rule: "default",
            due: 400),
        Case(
            name: "a hold is no reason not to archive", days: 7, policy: archiving, holds: ["dispute": ""],
            action: .archive, rule: "hold dispute", due: 400),
        Case(
            name: "an end before the archive brings it forward", events: tagged("GDPR"), days: 100,
            policy: policy {
                $0.default.archiveAfter = 200 * day
                $0.frameworks["GDPR"]?.maximum = 100 * day
                $0.requiresArchive = true
            }, action: .archive, rule: "maximum of GDPR, but it is not in the archive yet", due: 100),
        Case(
            name: "not archived, so it stays", days: 400, policy: archiveFirst, action: .archive,
            rule: "default, but it is not in the archive yet", due: 400),
        Case(
            name: "archived, so it goes", days: 400, policy: archiveFirst, isArchived: true, action: .delete,
            rule: "default", due: 400),

        Case(
            name: "expired events in a segment that stays", events: mixed, days: 31, policy: redacting,
            action: .redact, rule: "default", due: 400, expired: 2),
        Case(
            name: "none of them has expired", events: mixed, days: 29, policy: redacting, action: .keep,
            rule: "default", due: 400),
        Case(
            name: "a damaged segment is not written anew", events: mixed, days: 31, policy: redacting,
            reason: .corruption, action: .keep, rule: "default", due: 400),

        Case(
            name: "without an index the longest life counts", events: mixed, days: 2556, policy: redacting,
            hasIndex: false, action: .keep, rule: "minimum of SOX", due: 2557),
        Case(
            name: "and ends", events: mixed, days: 2557, policy: redacting, hasIndex: false, action: .delete,
            rule: "minimum of SOX", due: 2557),
        Case(
            name: "without an index the seal knows the modules", events: [event("scanning")], days: 400,
            policy: policy { $0.frameworks = [:] }, hasIndex: false, action: .delete, rule: "rule noise", due: 30),
        Case(
            name: "without an index what may be held is", days: 9999, holds: ["dispute": "action=other"],
            hasIndex: false, action: .keep, rule: "hold dispute", due: 2557),
        Case(
            name: "without an index a hold of another module is none", days: 9999, holds: ["dispute": "module=law"],
            hasIndex: false, action: .delete, rule: "minimum of SOX", due: 2557),
    ]

    private static func holds(_ filters: [String: String]) throws -> Holds {
        var holds = Holds()
        holds.holds = try filters.sorted { $0.key < $1.key }.map { name, filter in
            Hold(
                name: name, filter: try Filter(filter), since: nil, until: nil, reason: "x", by: 1,
                at: Time(nanoseconds: 0))
        }
        return holds
    }

    private static func noteArchived(_ ranges: [Range<UInt64>], _ log: SealedLogFixture) throws {
        var list: [UInt8] = []
        SequenceRanges(ranges).append(to: &list)
        let sequences = String(decoding: list, as: UTF8.self)
        try log.append(own: [
            "{\"action\":\"segment.archived\",\"module\":\"system\",\"details\":{\"sequences\":\(sequences)}}"
        ])
        try log.head()
    }

    @Test(arguments: cases) func decides(_ test: Case) throws {
        let log = try SealedLogFixture()
        try log.append(test.events)
        let newest = Time(nanoseconds: log.clock.nanoseconds - Time.perSecond)
        if test.reason != .corruption { try log.foot() }
        try log.seal(test.reason)
        if test.reason == .corruption {
            var finished = log.builder
            let index = finished.finish(reason: .corruption, nextKey: try log.key(1).verifier).index
            log.files.put(FileNames.segment(0, .index), index)
        }
        try log.next()
        try log.checkpoint()
        try log.head()
        if test.isArchived { try Self.noteArchived([0..<UInt64(test.events.count)], log) }
        if !test.hasIndex { log.files[FileNames.segment(0, .index)] = nil }
        let plan = try RetentionPlan(
            AuditLog(log.directory), test.policy, Self.holds(test.holds),
            at: Time(nanoseconds: newest.nanoseconds + test.days * Self.day))
        try #require(plan.entries.count == 1)
        let entry = plan.entries[0]
        #expect(entry.action == test.action)
        #expect(entry.rule == test.rule)
        #expect(entry.due?.nanoseconds == test.due.map { newest.nanoseconds + $0 * Self.day })
        #expect(entry.expiredEvents == test.expired)
        #expect(entry.isArchived == test.isArchived)
        #expect(plan.count(test.action) == 1 && plan.bytesOverLimit == 0)
        let size = [FileNames.Part.data, .index].reduce(0) { $0 + (log.files[FileNames.segment(0, $1)]?.count ?? 0) }
        #expect(entry.bytes == UInt64(size))
    }

    /// The moment before it is due and the moment itself, for every segment of a log and each of its times.
    @Test func whatIsDueIsDoneFromThenOn() throws {
        let log = try SealedLogFixture.whole()
        let audit = AuditLog(log.directory)
        let policy = Self.policy()
        let start = try RetentionPlan(audit, policy, Holds(), at: log.clock)
        #expect(start.entries.map(\.action) == [.keep, .keep, .keep])
        for (index, entry) in start.entries.enumerated() {
            let due = try #require(entry.due)
            let before = try RetentionPlan(audit, policy, Holds(), at: Time(nanoseconds: due.nanoseconds - 1))
            let then = try RetentionPlan(audit, policy, Holds(), at: due)
            #expect(before.entries.map(\.action) == (0..<3).map { $0 < index ? .delete : .keep })
            #expect(then.entries.map(\.action) == (0..<3).map { $0 <= index ? .delete : .keep })
            #expect(then.bytes == start.bytes)
        }
    }

    @Test func anErasedEventKeepsNothing() throws {
        let log = try SealedLogFixture.whole()
        try log.erase(Array(0..<7), from: 0)
        let plan = try RetentionPlan(AuditLog(log.directory), Self.policy(), Holds(), at: log.clock)
        #expect(plan.entries.map(\.action) == [.delete, .keep, .keep])
        #expect(plan.entries[0].rule == "no event is left")
        // Of what was erased nothing is held.
        let held = try RetentionPlan(
            AuditLog(log.directory), Self.policy(), Self.holds(["h": "module=reporting"]), at: log.clock)
        #expect(held.entries.map(\.rule) == ["no event is left", "hold h", "hold h"])
    }

    // MARK: - Size

    private static func limited(
        _ log: SealedLogFixture, to bytes: UInt64, evicts: Bool = true, _ filters: [String: String] = [:]
    ) throws -> RetentionPlan {
        let policy = policy { ($0.maximumBytes, $0.evictsUnarchived) = (bytes, evicts) }
        return try RetentionPlan(AuditLog(log.directory), policy, holds(filters), at: log.clock)
    }

    @Test func theOldestGoFirst() throws {
        let log = try SealedLogFixture.whole()
        let sizes = try Self.limited(log, to: .max).entries.map(\.bytes)
        let all = try Self.limited(log, to: .max).bytes
        let files = log.files.snapshot.filter { $0.key.hasPrefix("segments/") && !$0.key.hasSuffix(".seal") }
        #expect(all == UInt64(files.values.reduce(0) { $0 + $1.count }))
        var limits: [(UInt64, Int, UInt64)] = [(all, 0, 0), (0, 3, all - sizes.reduce(0, +))]
        for count in 1...3 {
            let left = all - sizes[..<count].reduce(0, +)
            limits += [(left, count, 0), (left + 1, count, 0), (left + sizes[count - 1] - 1, count, 0)]
        }
        for (limit, count, over) in limits {
            let plan = try Self.limited(log, to: limit)
            #expect(plan.entries.map(\.action) == (0..<3).map { $0 < count ? .delete : .keep }, "\(limit)")
            #expect(plan.bytesOverLimit == over, "\(limit)")
            #expect(plan.entries[..<count].allSatisfy { $0.rule == "limit of size" })
        }
    }

    @Test func whatMustStayIsNotEvicted() throws {
        let log = try SealedLogFixture.whole()
        let all = try Self.limited(log, to: .max).bytes
        func evicted(_ plan: RetentionPlan) -> [UInt64] {
            let deleted = plan.entries.filter { $0.action == .delete }
            #expect(plan.bytesOverLimit == all - deleted.reduce(0) { $0 + $1.bytes } || plan.bytes != all)
            return deleted.map(\.seal.number)
        }
        #expect(evicted(try Self.limited(log, to: 0)) == [0, 1, 2])
        #expect(evicted(try Self.limited(log, to: 0, ["h": "_seq<8"])) == [2])
        #expect(evicted(try Self.limited(log, to: 0, evicts: false)) == [])
        // Of a segment without an index it is not known whether a floor holds.
        let index = log.files[FileNames.segment(7, .index)]
        log.files[FileNames.segment(7, .index)] = nil
        #expect(evicted(try Self.limited(log, to: 0)) == [0, 2])
        log.files[FileNames.segment(7, .index)] = index
        try Self.noteArchived([0..<12], log)
        #expect(evicted(try Self.limited(log, to: 0, evicts: false)) == [0, 1])
        #expect(try Self.limited(log, to: 0, evicts: false).bytesOverLimit > 0)
    }

    @Test func whatAFloorKeepsIsNotEvicted() throws {
        let log = try SealedLogFixture()
        for tags in [["SOX"], [], ["PCI_DSS"], ["GDPR"]] as [[String]] {
            try log.append([Self.event("users", ",\"compliance\":\(tags)")])
            try log.rotate()
        }
        let plan = try Self.limited(log, to: 0)
        #expect(plan.entries.map(\.action) == [.keep, .delete, .keep, .delete])
        log.clock.nanoseconds += 366 * Self.day
        #expect(try Self.limited(log, to: 0).entries.map(\.action) == [.keep, .delete, .delete, .delete])
    }

    // MARK: - Accounts

    /// The account of an erased event stays as long as what is left of the segment that held it; so does the newest name
    /// of what is archived, whoever wants the room.
    @Test func accountsStay() throws {
        let log = try SealedLogFixture.whole()
        // Events 22 and 23 tell of what is erased in the first segment, and of the archive.
        let details = "{\"sequences\":[[1,1]],\"by\":0,\"reason\":\"why\"}"
        try log.append(own: ["{\"action\":\"log.redacted\",\"module\":\"system\",\"details\":\(details)}"])
        try log.rotate()
        try log.erase([1], from: 0, event: 22)
        try Self.noteArchived([0..<12], log)
        try log.rotate()
        try log.append(1)
        try log.head()
        let held = ["h": "_seq<7"]
        let old = Time(nanoseconds: log.clock.nanoseconds + 9999 * Self.day)
        let plan = try RetentionPlan(AuditLog(log.directory), Self.policy(), Self.holds(held), at: old)
        #expect(plan.entries.map(\.action) == [.keep, .delete, .delete, .keep, .keep])
        #expect(
            plan.entries.suffix(2).map(\.rule) == [
                "says what was erased from older segments that stay", "says which segments are in the archive",
            ])
        let small = try Self.limited(log, to: 0, held)
        #expect(small.entries.map(\.action) == [.keep, .delete, .delete, .keep, .keep])
        // With the segment its account may go.
        let free = try RetentionPlan(AuditLog(log.directory), Self.policy(), Holds(), at: old)
        #expect(free.entries.map(\.action) == [.delete, .delete, .delete, .delete, .keep])
        let smallest = try Self.limited(log, to: 0)
        #expect(smallest.entries.map(\.action) == [.delete, .delete, .delete, .delete, .keep], "\(smallest.entries)")
    }

    @Test func entriesAreOneJSONObjectEach() throws {
        let log = try SealedLogFixture.whole()
        let plan = try RetentionPlan(AuditLog(log.directory), Self.policy(), Self.holds(["h": "_seq<7"]), at: log.clock)
        let bytes = plan.entries[0].bytes
        let due = try #require(plan.entries[0].due)
        #expect(
            String(decoding: plan.entries[0].json, as: UTF8.self)
                == "{\"segment\":0,\"first_seq\":0,\"last_seq\":6,\"events\":7,\"bytes\":\(bytes),\"action\":\"keep\","
                + "\"due\":\"\(due)\",\"rule\":\"hold h\",\"archived\":false,\"expired_events\":0}")
    }
}
