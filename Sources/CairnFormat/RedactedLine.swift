/// What stands in the place of an event that was erased: its leaf stays, its content and its salt are gone. Format.md,
/// "Redaction".
package struct RedactedLine: Sendable, Equatable {
    package var sequence: UInt64
    /// Number of the event `log.redacted` that tells of it.
    package var event: UInt64
    /// User id of who asked for it.
    package var by: UInt32
    /// As a JSON string, quotes included.
    package var reason: [UInt8]
    package var leaf: Digest

    package init(sequence: UInt64, event: UInt64, by: UInt32, reason: [UInt8], leaf: Digest) {
        self.sequence = sequence
        self.event = event
        self.by = by
        self.reason = reason
        self.leaf = leaf
    }

    /// Whether a stored line is of this form. Received names never begin with `_`, and stamps begin otherwise.
    package static func isOne(_ line: UnsafeRawBufferPointer) -> Bool {
        var scan = StampScanner(line)
        do throws(FormatError) {
            try scan.expect("{\"_seq\":")
            _ = try scan.number()
            try scan.expect(",\"_redacted\":{")
            return true
        } catch {
            return false
        }
    }

    /// The line without its LF.
    package func append(to output: inout [UInt8]) {
        output.append(text: "{\"_seq\":")
        output.append(decimal: sequence)
        output.append(text: ",\"_redacted\":{\"event\":")
        output.append(decimal: event)
        output.append(text: ",\"by\":")
        output.append(decimal: UInt64(by))
        output.append(text: ",\"reason\":")
        output.append(contentsOf: reason)
        output.append(text: "},\"_leaf\":\"")
        leaf.withUnsafeBytes { Base64.append($0, to: &output) }
        output.append(text: "\"}")
    }

    /// Reads a line; nothing but the one form is accepted.
    package init(line: UnsafeRawBufferPointer) throws(FormatError) {
        var scan = StampScanner(line)
        try scan.expect("{\"_seq\":")
        sequence = try scan.number()
        try scan.expect(",\"_redacted\":{\"event\":")
        event = try scan.number()
        try scan.expect(",\"by\":")
        let by = try scan.number()
        try scan.expect(",\"reason\":")
        reason = try scan.string()
        try scan.expect("},\"_leaf\":\"")
        let leaf = try scan.bytes(44)
        try scan.expect("\"}")
        guard let by = UInt32(exactly: by), sequence < Limits.sequence, event < Limits.sequence, scan.isAtEnd,
            let leaf = Base64.decodeDigest(String(decoding: leaf, as: UTF8.self))
        else {
            throw FormatError(.malformed, "the redacted line is malformed")
        }
        self.by = by
        self.leaf = leaf
    }
}
