package import CairnFormat

/// What was erased and removed from a log on purpose, and what holds stand against it.
package struct CustodyLedger: Sendable {
    /// A hold that stands for certain, by what it matches.
    package struct Hold: Sendable, Equatable {
        /// The one event, by its tag; nil for every event of the module.
        package var tag: Int?
        package var module: String?
        /// What was gone before it.
        package var exempt: SequenceRanges
    }

    package private(set) var erased = SequenceRanges()
    package private(set) var maybeErased = SequenceRanges()
    package private(set) var pruned = SequenceRanges()
    package private(set) var maybePruned = SequenceRanges()
    /// What the log was told is in an archive.
    package private(set) var archived = SequenceRanges()
    package private(set) var maybeArchived = SequenceRanges()
    /// By name; those of which nobody knows whether they stand are not among them.
    package private(set) var holds: [String: Hold] = [:]
    /// Names of all that ever were, and may stand.
    package private(set) var names: [String] = []
    /// Redactions of which nobody was told that they are done: in the end each is done or not, as a whole.
    package private(set) var undecided: [SequenceRanges] = []

    package init() {}

    /// Whether an event may be not there any more, or without its content.
    package func mayBeGone(_ sequence: UInt64) -> Bool {
        [erased, maybeErased, pruned, maybePruned].contains { $0.contains(sequence) }
    }

    package func mayBePruned(_ sequence: UInt64) -> Bool { pruned.contains(sequence) || maybePruned.contains(sequence) }

    package func mayBeErased(_ sequence: UInt64) -> Bool { erased.contains(sequence) || maybeErased.contains(sequence) }

    mutating func noteErased(_ sequences: SequenceRanges, isCertain: Bool) {
        if isCertain {
            erased.formUnion(sequences)
        } else {
            maybeErased.formUnion(sequences)
            undecided.append(sequences)
        }
    }

    mutating func notePruned(_ sequences: SequenceRanges, isCertain: Bool) {
        if isCertain { pruned.formUnion(sequences) } else { maybePruned.formUnion(sequences) }
    }

    mutating func noteArchived(_ sequences: SequenceRanges, isCertain: Bool) {
        if isCertain { archived.formUnion(sequences) } else { maybeArchived.formUnion(sequences) }
    }

    func mayBeArchived(_ sequences: Range<UInt64>) -> Bool {
        var possible = archived
        possible.formUnion(maybeArchived)
        return possible.contains(sequences)
    }

    /// A hold is asked for.
    mutating func begin(_ name: String) { names.append(name) }

    /// - Parameter gone: what is known to be gone besides what the ledger knows.
    mutating func noteHeld(_ name: String, tag: Int?, module: String?, gone: SequenceRanges = SequenceRanges()) {
        var exempt = gone
        for gone in [erased, maybeErased, pruned, maybePruned] { exempt.formUnion(gone) }
        holds[name] = Hold(tag: tag, module: module, exempt: exempt)
    }

    /// From when its release is asked for, a hold may be gone.
    mutating func noteReleasing(_ name: String) { holds[name] = nil }

    mutating func noteReleased(_ name: String) { names.removeAll { $0 == name } }

    /// Whether an event is held for certain, so that it must be there.
    package func holds(_ tag: Int, _ event: Ledger.Event) -> Bool {
        event.sequence.map { holds(tag, event, at: $0) } ?? false
    }

    /// The same of one of the places where it may stand.
    func holds(_ tag: Int, _ event: Ledger.Event, at sequence: UInt64) -> Bool {
        holds.values.contains { hold in
            guard !hold.exempt.contains(sequence) else { return false }
            if let module = hold.module { return event.module == module && !event.isInvalid }
            return hold.tag == tag && !event.isInvalid
        }
    }
}
