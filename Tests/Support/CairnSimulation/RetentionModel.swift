import CairnFormat
import CairnReader

/// A policy that asks for the module alone, and so can be reckoned by hand. All times are in nanoseconds.
package struct SimulatedPolicy: Sendable {
    /// The module whose events all bear the tag of a framework.
    package static let floorModule = "reporting"
    package static let floorTag = "SOX"

    /// Age at which the events of a module go; never, if it is not among them.
    package var ages: [String: Int64] = [:]
    /// What the framework demands for the events of `floorModule`.
    package var floor: Int64 = 0
    package var requiresArchive = false
    package var redactsExpired = true
    package var maximumBytes: UInt64?
    package var evictsUnarchived = false

    package init() {}

    package static let modules = ["scanning", "reporting", "users", "x", "system"]

    var policy: RetentionPolicy {
        var policy = RetentionPolicy()
        policy.rules = Self.modules.map { module in
            var rule = RetentionPolicy.Rule(name: module)
            rule.modules = [module]
            rule.terms = .init(archiveAfter: 0, deleteAfter: ages[module])
            return rule
        }
        policy.frameworks = [Self.floorTag: .init(minimum: floor)]
        policy.requiresArchive = requiresArchive
        policy.redactsExpired = redactsExpired
        policy.maximumBytes = maximumBytes
        policy.evictsUnarchived = evictsUnarchived
        return policy
    }

    fileprivate func age(_ module: String) -> Int64? {
        guard let age = ages[module] else { return nil }
        return module == Self.floorModule ? max(age, floor) : age
    }
}

/// What a policy lets go of a log, reckoned from every single line, apart from the plan that is made of seals and
/// indexes.
struct RetentionModel {
    /// A sealed segment whose data is there.
    private struct Segment {
        var sequences: Range<UInt64>
        var lines: [StoredLine]

        /// Those that were not erased.
        var left: [StoredLine] { lines.filter { !$0.isErased } }
    }

    private let policy: SimulatedPolicy
    private let ledger: Ledger
    private let now: Time
    private var segments: [Segment] = []
    /// Those that were erased before.
    private var erasedBefore = SequenceRanges()
    /// What a run may erase in a segment, by the segment's first number; what the plan names.
    private(set) var erasable: [UInt64: SequenceRanges] = [:]
    /// Segments that a run may remove.
    private(set) var removable = SequenceRanges()

    init(_ directory: LogDirectory, _ policy: SimulatedPolicy, _ ledger: Ledger, _ now: Time) throws {
        (self.policy, self.ledger, self.now) = (policy, ledger, now)
        let stored = try StoredLine.all(directory)
        for segment in try directory.segments() where segment.isSealed && segment.hasData {
            guard let seal = try directory.seal(segment) else { continue }
            let sequences = seal.firstSequence..<seal.endSequence
            segments.append(
                Segment(sequences: sequences, lines: stored.filter { sequences.contains($0.sequence) }))
        }
        for line in stored where line.isErased { erasedBefore.insert(line.sequence) }
    }

    // MARK: A plan

    /// Says whether a plan lets go what must stay.
    mutating func check(_ plan: RetentionPlan) throws(Violation) {
        for entry in plan.entries {
            guard let segment = segments.first(where: { $0.sequences.lowerBound == entry.seal.firstSequence }) else {
                throw Violation("segment \(entry.seal.number) is planned for, and not there")
            }
            switch entry.action {
            case .keep, .archive: break
            case .delete: try checkRemoval(segment, entry)
            case .redact: try checkErasure(segment, entry)
            }
        }
    }

    private mutating func checkRemoval(_ segment: Segment, _ entry: RetentionPlan.Entry) throws(Violation) {
        let isArchived = ledger.custody.mayBeArchived(segment.sequences)
        for line in segment.left {
            if isHeld(line) { throw Violation("event \(line.sequence) is held, and to be removed: \(entry.rule)") }
            let isFree = entry.rule == "limit of size" ? isPastFloor(line) : isExpired(line)
            if !isFree { throw Violation("event \(line.sequence) must stay, and is to be removed: \(entry.rule)") }
        }
        let needsArchive = entry.rule == "limit of size" ? !policy.evictsUnarchived : policy.requiresArchive
        if needsArchive, !isArchived {
            throw Violation("events \(segment.sequences) are not archived, and to be removed: \(entry.rule)")
        }
        removable.insert(segment.sequences)
    }

    private mutating func checkErasure(_ segment: Segment, _ entry: RetentionPlan.Entry) throws(Violation) {
        if let line = segment.lines.first(where: isHeld) {
            throw Violation("event \(line.sequence) is held, and its segment is to be redacted")
        }
        let expired = expired(segment)
        if expired.count != entry.expiredEvents {
            throw Violation(
                "\(expired.count) events of \(segment.sequences) have expired; the plan says \(entry.expiredEvents)")
        }
        erasable[segment.sequences.lowerBound] = Self.sequences(expired.filter { !$0.isTrace })
    }

    /// The events of the modules of which all have expired.
    private func expired(_ segment: Segment) -> [StoredLine] {
        Dictionary(grouping: segment.left, by: \.module).values.filter { $0.allSatisfy(isExpired) }.flatMap { $0 }
    }

    private static func sequences(_ lines: [StoredLine]) -> SequenceRanges {
        SequenceRanges(lines.map { $0.sequence..<($0.sequence + 1) })
    }

    private func isExpired(_ line: StoredLine) -> Bool {
        guard let age = policy.age(line.module) else { return false }
        return line.received.nanoseconds + age <= now.nanoseconds
    }

    private func isPastFloor(_ line: StoredLine) -> Bool {
        line.module != SimulatedPolicy.floorModule || line.received.nanoseconds + policy.floor <= now.nanoseconds
    }

    private func isHeld(_ line: StoredLine) -> Bool {
        guard line.uid == 1000, let tag = line.tag, tag < ledger.events.count else { return false }
        return ledger.custody.holds(tag, ledger.events[tag], at: line.sequence)
    }

    // MARK: What was done

    /// Compares what is there after a run that has met no fault.
    ///
    /// - Parameter mustBeDone: whether nothing may have kept the run from taking all that has expired.
    /// - Returns: what was erased.
    func compare(
        _ after: [StoredLine], removed: SequenceRanges, mustBeDone: Bool
    ) throws(Violation) -> SequenceRanges {
        if let range = removed.ranges.first(where: { !removable.contains($0) }) {
            throw Violation("events \(range) were removed, and only \(removable) may be")
        }
        var erased = SequenceRanges()
        var due = SequenceRanges()
        for sequences in erasable.values { due.formUnion(sequences) }
        for line in after where line.isErased && !erasedBefore.contains(line.sequence) {
            erased.insert(line.sequence)
            guard due.contains(line.sequence) else { throw Violation("event \(line.sequence) was erased too early") }
        }
        if mustBeDone {
            if erased != due { throw Violation("\(due) have expired, and \(erased) were erased") }
            for segment in segments where !removable.contains(segment.sequences) { try expectDone(segment, erased) }
        }
        return erased
    }

    /// What the plan has left alone had to be.
    private func expectDone(_ segment: Segment, _ erased: SequenceRanges) throws(Violation) {
        if segment.left.allSatisfy(isExpired) {
            // The archive may still hold what was erased here: then it has to be archived again first.
            let isArchived =
                ledger.custody.archived.contains(segment.sequences) && !segment.lines.contains(where: \.isErased)
            let mayGo = !policy.requiresArchive || isArchived
            // What accounts for others stays with them.
            if mayGo, !segment.lines.contains(where: \.isTrace) {
                throw Violation("all events of \(segment.sequences) have expired, and they were not removed")
            }
        } else if policy.redactsExpired {
            let left = expired(segment).first { !$0.isTrace && !erased.contains($0.sequence) }
            if let left { throw Violation("event \(left.sequence) has expired, and was not erased") }
        }
    }
}
