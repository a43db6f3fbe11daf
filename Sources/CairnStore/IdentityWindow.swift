package import CairnFormat

/// The idempotency keys that were stored lately, and under which sequence number.
package struct IdentityWindow: Sendable {
    package struct Entry: Sendable {
        package var identity: EventIdentity
        package var sequence: UInt64
        package var received: Time
    }

    /// Keys at most.
    let limit: Int
    /// Nanoseconds after which a key is forgotten.
    let age: Int64
    private var sequences: [EventIdentity: UInt64] = [:]
    // In order of receipt; those before `first` are forgotten.
    private var entries: [Entry] = []
    private var first = 0

    /// At most `limit` keys, none older than `age` nanoseconds.
    package init(limit: Int, age: Int64) {
        self.limit = limit
        self.age = age
    }

    package var count: Int { entries.count - first }

    /// Event of the oldest one.
    var firstSequence: UInt64? { entries[first...].first?.sequence }

    /// Those of event `sequence` and the events behind it, in order of receipt.
    func remembered(since sequence: UInt64) -> [Entry] { entries[first...].filter { $0.sequence >= sequence } }

    /// The number under which the key was stored, if it is remembered.
    package mutating func sequence(of identity: EventIdentity, now: Time) -> UInt64? {
        forget(before: now)
        return sequences[identity]
    }

    /// Remembers a key; `received` does not fall from call to call.
    package mutating func insert(_ identity: EventIdentity, sequence: UInt64, received: Time) {
        insert(Entry(identity: identity, sequence: sequence, received: received))
    }

    mutating func insert(_ entry: Entry) {
        guard limit > 0 else { return }
        if count == limit { forgetFirst() }
        sequences[entry.identity] = entry.sequence
        entries.append(entry)
    }

    /// Makes room for so many keys.
    mutating func reserve(_ count: Int) {
        sequences.reserveCapacity(count)
        entries.reserveCapacity(count)
    }

    private mutating func forget(before now: Time) {
        while first < entries.count, isOld(entries[first].received, now: now) { forgetFirst() }
    }

    private func isOld(_ received: Time, now: Time) -> Bool {
        let (difference, overflow) = now.nanoseconds.subtractingReportingOverflow(received.nanoseconds)
        return overflow ? received < now : difference > age
    }

    private mutating func forgetFirst() {
        let entry = entries[first]
        // A key that was stored again, in a log whose window was shorter then, stays known by its newer number.
        if sequences[entry.identity] == entry.sequence { sequences[entry.identity] = nil }
        first += 1
        // Gives the memory back once half of the array is forgotten.
        if first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
    }
}
