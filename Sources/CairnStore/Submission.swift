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
}

/// Puts an answer together line by line.
struct AnswerBuilder {
    private var answer: Answer
    // The run of accepted lines that may go on.
    private var lines = 0
    private var firstSequence: UInt64 = 0
    private var segment: UInt64 = 0
    private var leaves: [Digest] = []

    init(ticket: UInt64) { answer = Answer(ticket: ticket, runs: []) }

    /// Adds one accepted line, to the run if it goes on there.
    mutating func accept(_ sequence: UInt64, segment: UInt64, leaf: Digest?) {
        if lines == 0 || segment != self.segment || sequence != firstSequence + UInt64(lines) {
            endRun()
            (firstSequence, self.segment) = (sequence, segment)
        }
        lines += 1
        if let leaf { leaves.append(leaf) }
    }

    mutating func append(_ run: Answer.Run) {
        endRun()
        answer.runs.append(run)
    }

    mutating func finish() -> Answer {
        endRun()
        return answer
    }

    private mutating func endRun() {
        guard lines > 0 else { return }
        answer.runs.append(
            .accepted(
                lines: lines, firstSequence: firstSequence, segment: segment, leaves: exchange(&leaves, with: [])))
        lines = 0
    }
}
