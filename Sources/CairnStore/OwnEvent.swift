package import CairnFormat

/// Events that the daemon writes about itself, of module `system`.
package enum OwnEvent {
    package enum Value: Sendable {
        case text(String)
        case number(UInt64)
        case flag(Bool)
        case list([String])
        case ranges(SequenceRanges)
    }

    /// One line without stamps and LF. `details` are written in the order of their names.
    ///
    /// - Parameter id: what was stored under it before is not stored again.
    package static func line(
        action: String, status: String = "info", severity: String = "low", id: String? = nil,
        details: [String: Value] = [:]
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.append(text: "{")
        if let id {
            line.append(text: "\"id\":")
            line.append(jsonString: id.utf8)
            line.append(text: ",")
        }
        line.append(text: "\"action\":")
        line.append(jsonString: action.utf8)
        line.append(text: ",\"module\":\"system\",\"status\":")
        line.append(jsonString: status.utf8)
        line.append(text: ",\"severity\":")
        line.append(jsonString: severity.utf8)
        line.append(text: ",\"details\":{")
        for (index, (name, value)) in details.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { line.append(UInt8(ascii: ",")) }
            line.append(jsonString: name.utf8)
            line.append(UInt8(ascii: ":"))
            append(value, to: &line)
        }
        line.append(text: "}}")
        return line
    }

    private static func append(_ value: Value, to line: inout [UInt8]) {
        switch value {
        case .text(let text): line.append(jsonString: text.utf8)
        case .number(let number): line.append(decimal: number)
        case .ranges(let ranges): ranges.append(to: &line)
        case .flag(let flag): line.append(contentsOf: (flag ? "true" : "false").utf8)
        case .list(let texts):
            line.append(UInt8(ascii: "["))
            for (index, text) in texts.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                line.append(jsonString: text.utf8)
            }
            line.append(UInt8(ascii: "]"))
        }
    }
}

extension Submission {
    /// That of no connection.
    package static let ownTicket: UInt64 = 0

    /// Events of the daemon itself.
    package static func own(_ lines: [[UInt8]], uid: UInt32, pid: Int32) throws(StoreError) -> Submission {
        var batch = EventBatch()
        let parser = try formatting { () throws(FormatError) in try EventParser() }
        for line in lines { parser.append(own: line, to: &batch) }
        return Submission(ticket: ownTicket, uid: uid, pid: pid, batch: batch)
    }
}
