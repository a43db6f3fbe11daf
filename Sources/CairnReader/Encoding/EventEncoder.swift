package import CairnFormat

/// Turns stored events into one output form. A value of it belongs to one worker, and copies share nothing.
///
/// What is appended for an event depends on that event alone. So pieces that several workers made can be put one behind
/// the other, between the beginning and the end; ``EventOutput`` does so.
package protocol EventEncoder: Sendable {
    /// Bytes at the start of every event that separate it from the one before: to be left out at the very first.
    static var separatorSize: Int { get }

    /// Appends what stands before the first event.
    func appendBeginning(to output: inout [UInt8])

    /// Appends one event.
    ///
    /// - Parameters:
    ///   - tape: what ``JSONParser`` made of `line`; an object.
    ///   - line: a stored line without its LF, its stamps included, or that of an erased event.
    ///     ``JSONParser/padding`` readable bytes stand behind it, as the parser demands.
    mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8])

    /// Appends what stands behind the last event.
    func appendEnd(to output: inout [UInt8])
}

extension EventEncoder {
    package static var separatorSize: Int { 0 }
    package func appendBeginning(to output: inout [UInt8]) {}
    package func appendEnd(to output: inout [UInt8]) {}
}

/// Puts pieces of one form's output together. What it takes are the events of every piece in their order; beginning and
/// end are the encoder's.
package struct EventOutput: Sendable {
    private let separatorSize: Int
    private var isFirst = true

    package init<Encoder: EventEncoder>(_ type: Encoder.Type) { separatorSize = type.separatorSize }

    /// The part of a piece that is to be written, the whole of it but for the separator before the very first event.
    ///
    /// - Parameter piece: what ``EventEncoder/append(_:line:to:)`` appended for events that follow those before; may be
    ///   empty.
    package mutating func part(of piece: Range<Int>) -> Range<Int> {
        guard isFirst, !piece.isEmpty else { return piece }
        isFirst = false
        return (piece.lowerBound + separatorSize)..<piece.upperBound
    }
}
