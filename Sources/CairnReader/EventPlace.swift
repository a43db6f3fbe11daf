import CairnFormat

/// Where an event stands in the log.
package struct EventPlace: Sendable, Equatable {
    /// Name of the segment: its first sequence number in 20 digits.
    package var segment: String
    package var isSealed: Bool
    /// Events of the segment before it.
    package var number: UInt64
    /// Events of a sealed segment.
    package var count: UInt64?
}

extension AuditLog {
    /// The place of an event that is there.
    package func place(of sequence: UInt64) throws(ReadError) -> EventPlace {
        let segment = try directory.segments().last { $0.firstSequence <= sequence }
        guard let segment else {
            throw ReadError(.format, "there is no segment for event \(sequence)", path: FileNames.segments)
        }
        let digits = String(segment.firstSequence)
        return EventPlace(
            segment: String(repeating: "0", count: 20 - digits.count) + digits, isSealed: segment.isSealed,
            number: sequence - segment.firstSequence,
            count: segment.isSealed ? try directory.seal(segment)?.count : nil)
    }
}
