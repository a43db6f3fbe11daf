package import CairnFormat

/// Lines of one connection, on their way into the log.
package struct Submission: Sendable {
    /// The connection that wants the answer.
    package var ticket: UInt64
    package var uid: UInt32
    package var pid: Int32
    package var batch: EventBatch
    /// Whether the answer carries the leaf of each event.
    package var wantsReceipts: Bool

    package init(ticket: UInt64, uid: UInt32, pid: Int32, batch: EventBatch, wantsReceipts: Bool = false) {
        self.ticket = ticket
        self.uid = uid
        self.pid = pid
        self.batch = batch
        self.wantsReceipts = wantsReceipts
    }
}

/// What became of a submission, once it is durable: one run for lines that can be answered together, in their order.
package struct Answer: Sendable, Equatable {
    package var ticket: UInt64
    package var runs: [Run]

    package enum Run: Sendable, Equatable {
        /// Lines with dense sequence numbers in one segment; `leaves` is empty unless receipts were asked for.
        case accepted(lines: Int, firstSequence: UInt64, segment: UInt64, leaves: [Digest])
        /// A line whose `id` was stored before, under that number.
        case duplicate(sequence: UInt64)
        /// A line that was stored as an `event.rejected`, under that number.
        case rejected(Rejection, sequence: UInt64)
        case synced(token: [UInt8])
    }

    package init(ticket: UInt64, runs: [Run]) {
        self.ticket = ticket
        self.runs = runs
    }

    /// Adds one accepted line, to the last run if it goes on there.
    mutating func accept(_ sequence: UInt64, segment: UInt64, leaf: Digest?) {
        if case .accepted(let lines, let first, segment, var leaves) = runs.last, first + UInt64(lines) == sequence {
            // Taken out first, so that the array is not copied for each line.
            runs.removeLast()
            if let leaf { leaves.append(leaf) }
            runs.append(.accepted(lines: lines + 1, firstSequence: first, segment: segment, leaves: leaves))
        } else {
            runs.append(.accepted(lines: 1, firstSequence: sequence, segment: segment, leaves: leaf.map { [$0] } ?? []))
        }
    }
}
