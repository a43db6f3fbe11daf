import CairnFormat

/// Events in a row that were erased at one time.
package struct Redaction: Sendable, Equatable {
    package var sequences: Range<UInt64>
    /// Number of the event `log.redacted` that tells of it.
    package var event: UInt64
    /// User id of who asked for it.
    package var by: UInt32
    /// As a JSON string, quotes included.
    package var reason: [UInt8]

    package init(sequences: Range<UInt64>, event: UInt64, by: UInt32, reason: [UInt8]) {
        self.sequences = sequences
        self.event = event
        self.by = by
        self.reason = reason
    }

    /// Adds the next line, to the last of `redactions` where it goes on.
    static func add(_ line: RedactedLine, to redactions: inout [Redaction]) {
        let next = Redaction(
            sequences: line.sequence..<(line.sequence + 1), event: line.event, by: line.by, reason: line.reason)
        if let last = redactions.last, last.sequences.upperBound == line.sequence, last.event == next.event,
            last.by == next.by, last.reason == next.reason
        {
            redactions[redactions.count - 1].sequences = last.sequences.lowerBound..<next.sequences.upperBound
        } else {
            redactions.append(next)
        }
    }
}
