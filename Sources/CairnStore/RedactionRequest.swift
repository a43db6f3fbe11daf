package import CairnFormat
package import CairnPlatform
internal import CairnReader

/// Events that are to be erased: what the file `redaction` holds from the moment that it is decided until it is done, so
/// that no crash leaves it half done.
package struct RedactionRequest: Sendable, Equatable {
    package static let path = "redaction"
    /// Ranges of one request at most: the file and its parser stay small. More are erased in several requests.
    package static let rangeLimit = 1 << 15

    /// Hexadecimal, of one request only.
    package var id: String
    package var by: UInt32
    package var reason: String
    package var sequences: SequenceRanges

    package init(id: String, by: UInt32, reason: String, sequences: SequenceRanges) {
        self.id = id
        self.by = by
        self.reason = reason
        self.sequences = sequences
    }

    package var encoded: [UInt8] {
        var output: [UInt8] = []
        output.append(text: "{\"id\":")
        output.append(jsonString: id.utf8)
        output.append(text: ",\"by\":")
        output.append(decimal: UInt64(by))
        output.append(text: ",\"reason\":")
        output.append(jsonString: reason.utf8)
        output.append(text: ",\"sequences\":")
        sequences.append(to: &output)
        output.append(text: "}\n")
        return output
    }

    /// The one that waits to be finished; nil if there is none.
    package static func pending(_ files: any FileSystem) throws(StoreError) -> RedactionRequest? {
        let bytes = try storing { () throws(IOFailure) in try files.contents(path, limit: Limits.storedLine) }
        guard let bytes else { return nil }
        let parser = try formatting { () throws(FormatError) in try JSONParser() }
        let request = (bytes + [UInt8](repeating: 0, count: JSONParser.padding)).withUnsafeBytes { padded in
            let text = UnsafeRawBufferPointer(rebasing: padded[..<bytes.count])
            return (try? parser.parse(text)).flatMap { RedactionRequest($0) }
        }
        guard let request else {
            throw StoreError(
                .damaged,
                "\(path) cannot be read, so what was to be erased is not known: look at the newest events log.redacted, "
                    + "redact again what they name, and remove the file")
        }
        return request
    }

    private init?(_ tape: JSONTape) {
        guard let id = tape.member("id", of: 1), tape.kind(id) == .string,
            let by = tape.member("by", of: 1).flatMap(tape.integer).flatMap(UInt32.init(exactly:)),
            let reason = tape.member("reason", of: 1), tape.kind(reason) == .string,
            let sequences = tape.member("sequences", of: 1).flatMap({ SequenceRanges(tape, at: $0) })
        else { return nil }
        self.init(
            id: String(decoding: tape.string(id), as: UTF8.self), by: by,
            reason: String(decoding: tape.string(reason), as: UTF8.self), sequences: sequences)
    }
}
