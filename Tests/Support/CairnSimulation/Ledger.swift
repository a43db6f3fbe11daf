import CairnFormat
package import CairnStore

/// What clients sent and what they were told, kept where no fault of the log can reach it.
package struct Ledger: Sendable {
    package struct Event: Sendable {
        /// The line without its LF, as it was sent.
        package var line: [UInt8]
        package var connection: Int
        package var module: String
        /// Whether it has an `id`, so that it may be sent again.
        package var hasIdentity: Bool
        /// Whether it is no event at all, so that a rejection is stored in its place.
        package var isInvalid = false
        /// Times that it was sent.
        package var sent = 0
        /// The number under which it was acknowledged.
        package var sequence: UInt64?
    }

    /// By tag.
    package private(set) var events: [Event] = []
    /// Of each connection: tags in the order in which they were acknowledged for the first time.
    package private(set) var order: [Int: [Int]] = [:]
    package private(set) var acknowledged = 0
    /// What the clients of this process were told, to be compared with its counters.
    package var accepted: UInt64 = 0
    package var rejected: UInt64 = 0
    package var duplicates: UInt64 = 0
    /// Whether a verifier has told of damage: what was lost by it may be stored anew.
    package var isDamaged = false
    /// What was taken away, and what is not to be.
    package var custody = CustodyLedger()

    package init() {}

    /// A new event; its tag is a part of its line.
    package mutating func make(connection: Int, module: String, hasIdentity: Bool, isInvalid: Bool, filler: Int) -> Int
    {
        let tag = events.count
        let identity = hasIdentity ? ",\"id\":\"c\(connection)-\(tag)\"" : ""
        let details = filler > 0 ? ",\"details\":\"\(String(repeating: "abcdefgh", count: filler / 8))\"" : ""
        let tags = module == SimulatedPolicy.floorModule ? ",\"compliance\":[\"\(SimulatedPolicy.floorTag)\"]" : ""
        let text = "{\"action\":\"t\(tag)\",\"module\":\"\(module)\"\(tags)\(identity)\(details)}"
        // Without its last brace a line is no JSON.
        let line = Array(isInvalid ? text.utf8.dropLast() : text.utf8[...])
        events.append(
            Event(
                line: line, connection: connection, module: module, hasIdentity: hasIdentity && !isInvalid,
                isInvalid: isInvalid))
        return tag
    }

    package mutating func noteSent(_ tags: [Int]) {
        for tag in tags { events[tag].sent += 1 }
    }

    /// Takes the answer to a submission of `tags`.
    ///
    /// - Returns: what is wrong with it, if anything is.
    package mutating func record(_ tags: [Int], _ answer: Answer) -> String? {
        var rest = tags[...]
        var problem: String?
        for run in answer.runs {
            switch run {
            case .accepted(let lines, let first, _, let leaves):
                if !leaves.isEmpty, leaves.count != lines { problem = "\(leaves.count) receipts for \(lines) lines" }
                for index in 0..<UInt64(lines) {
                    guard let tag = rest.popFirst() else { return "more answers than lines" }
                    problem = accept(tag, first + index, isNew: true) ?? problem
                }
                accepted += UInt64(lines)
            case .duplicate(let sequence):
                guard let tag = rest.popFirst() else { return "more answers than lines" }
                problem = accept(tag, sequence, isNew: false) ?? problem
                duplicates += 1
            case .rejected(_, let sequence):
                guard let tag = rest.popFirst() else { return "more answers than lines" }
                if !events[tag].isInvalid { problem = "t\(tag) was rejected" }
                problem = accept(tag, sequence, isNew: true) ?? problem
                rejected += 1
            case .synced: break
            }
        }
        return rest.isEmpty ? problem : "\(rest.count) lines have no answer"
    }

    private mutating func accept(_ tag: Int, _ sequence: UInt64, isNew: Bool) -> String? {
        let event = events[tag]
        if let known = event.sequence {
            if isNew, isDamaged {
                events[tag].sequence = sequence
                return nil
            }
            if known != sequence, event.hasIdentity, custody.mayBeGone(known) {
                // Nobody knew its id any more, so it was stored as another event, now or when an answer was lost.
                events[tag].sequence = sequence
                order[event.connection]?.removeAll { $0 == tag }
                return nil
            }
            if isNew, event.hasIdentity { return "t\(tag) was acknowledged as \(known), and as new as \(sequence)" }
            if !isNew, known != sequence { return "t\(tag) was acknowledged as \(known) and as \(sequence)" }
            return nil
        }
        if !isNew, !event.hasIdentity { return "t\(tag) has no id and is called a duplicate" }
        events[tag].sequence = sequence
        acknowledged += 1
        // A duplicate was stored when its answer was lost, perhaps behind what came later.
        if isNew { order[event.connection, default: []].append(tag) }
        return nil
    }

    /// A new process counts from 0 on.
    package mutating func resetCounters() { (accepted, rejected, duplicates) = (0, 0, 0) }
}
