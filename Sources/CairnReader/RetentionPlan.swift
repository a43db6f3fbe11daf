package import CairnFormat
import CairnPlatform

/// What a policy means for each sealed segment at some time, and which rule decided. Made from seals and indexes alone;
/// nothing is changed by it.
package struct RetentionPlan: Sendable, Equatable {
    package enum Action: String, Sendable, CaseIterable {
        case keep
        /// To be copied to the archive.
        case archive
        /// Its data is to be removed.
        case delete
        /// Stays, but some of its events are to be erased.
        case redact
    }

    /// Events of one module and class that have expired, all of them.
    package struct Expired: Sendable, Hashable {
        package var module: UInt16
        package var retentionClass: UInt16

        package init(module: UInt16, retentionClass: UInt16) {
            self.module = module
            self.retentionClass = retentionClass
        }
    }

    package struct Entry: Sendable, Equatable {
        package var seal: Seal
        /// Of data and index.
        package var bytes: UInt64
        package var action: Action
        /// When it may be deleted; nil: never.
        package var due: Time?
        /// The rule that decided, or what stands against it.
        package var rule: String
        package var isArchived: Bool
        /// For `redact`: what, by the numbers of the segment's index, and how many events that is.
        package var expired: Set<Expired> = []
        package var expiredEvents: UInt64 = 0
    }

    /// The time for which it was made.
    package var at: Time
    package var entries: [Entry] = []
    /// Bytes of all segments, those of the active one too.
    package var bytes: UInt64 = 0
    /// Bytes above the limit of size that will be left, as nothing more may go.
    package var bytesOverLimit: UInt64 = 0

    package func count(_ action: Action) -> Int { entries.count { $0.action == action } }

    package init(_ log: AuditLog, _ policy: RetentionPolicy, _ holds: Holds, at: Time) throws(ReadError) {
        self.at = at
        var planner = RetentionPlanner(policy, holds, at: at)
        (planner.archived, planner.erasedSince) = try log.archived()
        let tokens = holds.tokens
        for segment in try log.directory.segments() {
            let bytes = try RetentionPlan.size(segment, log.directory)
            self.bytes += bytes
            guard segment.isSealed, segment.hasData, let seal = try log.directory.seal(segment) else { continue }
            let index = log.directory.index(segment, tokens: tokens)
            entries.append(planner.entry(seal, index, bytes: bytes))
        }
        let isTooLarge = policy.maximumBytes.map { self.bytes > $0 } ?? false
        guard isTooLarge || entries.contains(where: { $0.action == .delete }) else { return }
        let accounts = try Accounts(log)
        keep(accounts)
        limitSize(policy, planner, accounts)
    }

    private static func size(
        _ segment: LogDirectory.Segment, _ directory: LogDirectory
    ) throws(ReadError) -> UInt64 {
        try accessing { () throws(IOFailure) in
            try (directory.files.status(segment.path(.data))?.size ?? 0)
                + (directory.files.status(segment.path(.index))?.size ?? 0)
        }
    }

    // MARK: What must stay for others

    /// A segment that says why events of another are missing stays as long as that one, and the newest that names what
    /// is in the archive stays until there is a newer one.
    private struct Accounts {
        private var redactions: [(event: UInt64, sequences: SequenceRanges)] = []
        private var newestArchived: UInt64?
        /// Segments that cannot be read, by their first sequence numbers.
        private let hidden: Set<UInt64>

        init(_ log: AuditLog) throws(ReadError) {
            var redactions: [(event: UInt64, sequences: SequenceRanges)] = []
            try log.forEachTrace(.redacted) { event, trace in
                if case .redacted(let redacted) = trace { redactions.append((event, redacted.sequences)) }
                return .next
            }
            var newestArchived: UInt64?
            try log.forEachTrace(.archived) { event, _ in
                newestArchived = event
                return .stop
            }
            (self.redactions, self.newestArchived) = (redactions, newestArchived)
            hidden = try log.directory.hiddenSegments()
        }

        /// Why a segment must stay; nil if it need not.
        ///
        /// - Parameter living: the segments before it that stay. What is accounted for stands before the account.
        func need(_ sequences: Range<UInt64>, _ living: SequenceRanges) -> String? {
            let isAccount = redactions.contains { redaction in
                sequences.contains(redaction.event)
                    && redaction.sequences.ranges.contains { !living.clamped(to: $0).isEmpty }
            }
            if isAccount { return "says what was erased from older segments that stay" }
            if hidden.contains(sequences.lowerBound), !living.isEmpty {
                return "is encrypted, and may say what was erased from older segments that stay"
            }
            return newestArchived.map(sequences.contains) == true ? "says which segments are in the archive" : nil
        }
    }

    private mutating func keep(_ accounts: Accounts) {
        var living = SequenceRanges()
        for index in entries.indices {
            let sequences = entries[index].sequences
            if entries[index].action == .delete, let reason = accounts.need(sequences, living) {
                entries[index].keep(reason)
            }
            if entries[index].action != .delete { living.insert(sequences) }
        }
    }

    // MARK: Size

    private mutating func limitSize(
        _ policy: RetentionPolicy, _ planner: RetentionPlanner, _ accounts: Accounts
    ) {
        guard let limit = policy.maximumBytes else { return }
        var left = bytes - entries.reduce(0) { $0 + ($1.action == .delete ? $1.bytes : 0) }
        var living = SequenceRanges()
        for index in entries.indices where entries[index].action != .delete {
            let sequences = entries[index].sequences
            guard left > limit, planner.mayEvict(entries[index]), accounts.need(sequences, living) == nil else {
                living.insert(sequences)
                continue
            }
            entries[index].action = .delete
            entries[index].rule = "limit of size"
            (entries[index].expired, entries[index].expiredEvents) = ([], 0)
            left -= entries[index].bytes
        }
        bytesOverLimit = left > limit ? left - limit : 0
    }
}

extension RetentionPlan.Entry {
    fileprivate var sequences: Range<UInt64> { seal.firstSequence..<seal.endSequence }

    fileprivate mutating func keep(_ reason: String) {
        action = .keep
        rule = reason
    }
}

/// Decides for one segment after the other.
struct RetentionPlanner {
    private let policy: RetentionPolicy
    private let holds: Holds
    private let now: Time
    var archived = SequenceRanges()
    /// Events that were erased behind the newest word of the archive: their segments have to go there again.
    var erasedSince = SequenceRanges()
    /// Segments that a limit of size must not touch, by first sequence number.
    private var untouchable: Set<UInt64> = []
    private var decisions: [DecisionKey: RetentionPolicy.Decision] = [:]

    private struct DecisionKey: Hashable {
        var module: String?
        var retentionClass: RetentionClass
    }

    init(_ policy: RetentionPolicy, _ holds: Holds, at now: Time) {
        self.policy = policy
        self.holds = holds
        self.now = now
    }

    func mayEvict(_ entry: RetentionPlan.Entry) -> Bool {
        !untouchable.contains(entry.seal.firstSequence) && (entry.isArchived || policy.evictsUnarchived)
    }

    mutating func entry(_ seal: Seal, _ index: SegmentIndex?, bytes: UInt64) -> RetentionPlan.Entry {
        let sequences = seal.firstSequence..<seal.endSequence
        let isArchived = archived.contains(sequences) && erasedSince.clamped(to: sequences).isEmpty
        var entry = RetentionPlan.Entry(
            seal: seal, bytes: bytes, action: .keep, due: nil, rule: "default", isArchived: isArchived)
        var verdict = SegmentVerdict()
        for part in parts(seal, index) {
            let decision = decide(part.module, part.retentionClass)
            verdict.add(part, decision, isArchived: isArchived, now: now)
        }
        entry.rule = verdict.rule ?? "no event is left"
        entry.due = verdict.count == 0 ? now : verdict.due
        if now < verdict.floorEnd { untouchable.insert(seal.firstSequence) }
        if let hold = holds.holds.first(where: { $0.mayMatch(seal, index) }) {
            untouchable.insert(seal.firstSequence)
            entry.rule = "hold \(hold.name)"
            return archiveIfDue(entry, verdict)
        }
        if let due = entry.due, due <= now {
            guard isArchived || !policy.requiresArchive else {
                entry.action = .archive
                entry.rule += ", but it is not in the archive yet"
                return entry
            }
            entry.action = .delete
            return entry
        }
        if policy.redactsExpired, !verdict.expired.isEmpty, seal.reason != .corruption {
            entry.action = .redact
            (entry.expired, entry.expiredEvents) = (verdict.expired, verdict.expiredEvents)
            return entry
        }
        return archiveIfDue(entry, verdict)
    }

    private func archiveIfDue(_ entry: RetentionPlan.Entry, _ verdict: SegmentVerdict) -> RetentionPlan.Entry {
        var entry = entry
        if !entry.isArchived, let due = verdict.archiveDue, due <= now { entry.action = .archive }
        return entry
    }

    private mutating func decide(_ module: String?, _ retentionClass: RetentionClass) -> RetentionPolicy.Decision {
        let key = DecisionKey(module: module, retentionClass: retentionClass)
        if let known = decisions[key] { return known }
        let decision = policy.decide(module: module, retentionClass)
        decisions[key] = decision
        return decision
    }

    /// Events of a segment that are judged together.
    struct Part {
        var key: RetentionPlan.Expired?
        var module: String?
        var retentionClass: RetentionClass
        var count: UInt64
        var newest: Time
    }

    /// Without an index all that is known is what the seal says.
    private func parts(_ seal: Seal, _ index: SegmentIndex?) -> [Part] {
        guard let index, index.firstSequence == seal.firstSequence, index.count == seal.count else {
            return seal.modules.map { module in
                Part(
                    key: nil, module: module.name, retentionClass: .anything, count: module.count,
                    newest: seal.received.upperBound)
            }
        }
        return index.tallies.map { tally in
            let name =
                tally.module == IndexTally.anyModule
                ? nil : String(decoding: index.modules.names[Int(tally.module)], as: UTF8.self)
            return Part(
                key: RetentionPlan.Expired(module: tally.module, retentionClass: tally.retentionClass), module: name,
                retentionClass: index.classes[Int(tally.retentionClass)], count: tally.count,
                newest: tally.greatestReceived)
        }
    }
}

/// What the parts of a segment come to.
private struct SegmentVerdict {
    var count: UInt64 = 0
    /// When the last of its events expires; nil: never.
    var due: Time? = .distantPast
    var rule: String?
    /// When the first of its events is to be archived; nil: never.
    var archiveDue: Time?
    /// Until when a floor holds.
    var floorEnd = Time.distantPast
    var expired: Set<RetentionPlan.Expired> = []
    var expiredEvents: UInt64 = 0

    mutating func add(
        _ part: RetentionPlanner.Part, _ decision: RetentionPolicy.Decision, isArchived: Bool, now: Time
    ) {
        count += part.count
        let age = isArchived ? decision.deleteArchivedAfter : decision.deleteAfter
        let end = age.map { part.newest.adding($0) }
        if let known = due, end.map({ $0 >= known }) ?? true {
            due = end
            rule = isArchived ? decision.archivedRule : decision.rule
        }
        if let end, end <= now, let key = part.key, part.key?.module != IndexTally.anyModule {
            expired.insert(key)
            expiredEvents += part.count
        }
        if let age = decision.archiveAfter {
            archiveDue = min(archiveDue ?? .distantFuture, part.newest.adding(age))
        }
        floorEnd = max(floorEnd, part.newest.adding(isArchived ? decision.archivedFloor : decision.floor))
    }
}

extension Time {
    /// That much later; at most the last time that there is.
    fileprivate func adding(_ duration: Int64) -> Time {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration)
        return overflow ? .distantFuture : Time(nanoseconds: sum)
    }
}

extension RetentionPlan.Entry {
    /// One JSON object: segment, first_seq, last_seq, events, bytes, action, due (null: never), rule, archived,
    /// expired_events.
    package var json: [UInt8] {
        var json = JSONObject()
        json.append("segment", seal.number)
        json.append("first_seq", seal.firstSequence)
        json.append("last_seq", seal.count > 0 ? seal.endSequence - 1 : nil)
        json.append("events", seal.count)
        json.append("bytes", bytes)
        json.append("action", text: action.rawValue)
        json.append("due", text: due?.description)
        json.append("rule", text: rule)
        json.append("archived", literal: isArchived ? "true" : "false")
        json.append("expired_events", expiredEvents)
        return json.bytes
    }
}
