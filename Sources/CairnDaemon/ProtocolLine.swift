package import CairnFormat
package import CairnStore

/// The lines of a client that are not events. Protocol.md is the norm.
package enum ProtocolLine: Equatable {
    /// `{"_hello":{"ack":true,"receipts":false}}`
    case hello(acknowledges: Bool, receipts: Bool)
    /// `{"_sync":"token"}`; the bytes are the token as a JSON string's content.
    case sync(token: [UInt8])

    /// Whether a line may be one of them: a cheap look, so that events pay almost nothing for it.
    package static func mayBe(_ line: UnsafeRawBufferPointer) -> Bool {
        // Names that are written with escapes do not count.
        line.count > 8 && line[2] == UInt8(ascii: "_")
            && (line.starts(with: "{\"_hello\"".utf8) || line.starts(with: "{\"_sync\"".utf8))
    }

    /// Nil if the line is none of them; it is then an event that is refused for its reserved name.
    package init?(_ line: UnsafeRawBufferPointer, parser: JSONParser) {
        guard let tape = try? parser.parse(line), tape.kind(1) == .object, tape.kind(2) == .string else { return nil }
        let name = tape.string(2)
        guard tape.kind(tape.next(3)) == .objectEnd else { return nil }
        if name.elementsEqual("_sync".utf8), tape.kind(3) == .string {
            self = .sync(token: Array(tape.string(3)))
        } else if name.elementsEqual("_hello".utf8), tape.kind(3) == .object {
            var (acknowledges, receipts) = (false, false)
            var index = 4
            while tape.kind(index) != .objectEnd {
                // Names of a later version are for a later daemon.
                if tape.string(index).elementsEqual("ack".utf8) { acknowledges = tape.kind(index + 1) == .yes }
                if tape.string(index).elementsEqual("receipts".utf8) { receipts = tape.kind(index + 1) == .yes }
                index = tape.next(index + 1)
            }
            self = .hello(acknowledges: acknowledges, receipts: receipts)
        } else {
            return nil
        }
    }
}

/// Writes the daemon's answers to a client. Protocol.md is the norm.
package struct AnswerEncoder {
    /// Number of the last line that was answered, from 1.
    private(set) var line: UInt64 = 0

    static func appendHello(origin: String, eventBytes: Int, to output: inout [UInt8]) {
        output.append(text: "{\"_hello\":{\"version\":1,\"origin\":")
        output.append(jsonString: origin.utf8)
        output.append(text: ",\"max_event_bytes\":")
        output.append(decimal: UInt64(eventBytes))
        output.append(text: "}}\n")
    }

    /// A notice without a line: what was sent is still waiting.
    static func appendUnavailable(_ message: String, to output: inout [UInt8]) {
        output.append(text: "{\"_error\":{\"code\":\"unavailable\",\"message\":")
        output.append(jsonString: message.utf8)
        output.append(text: "}}\n")
    }

    package init() {}

    package mutating func append(_ runs: [Answer.Run], to output: inout [UInt8]) {
        for run in runs {
            switch run {
            case .accepted(let lines, let first, let segment, let leaves):
                line += UInt64(lines)
                appendAck(lines: lines, first: first, to: &output)
                if !leaves.isEmpty { appendReceipts(segment, leaves, to: &output) }
                output.append(text: "}}\n")
            case .duplicate(let sequence):
                line += 1
                appendAck(lines: 1, first: sequence, to: &output)
                output.append(text: ",\"duplicate\":true}}\n")
            case .rejected(let rejection, let sequence):
                line += 1
                append(rejection, sequence: sequence, to: &output)
            case .synced(let token):
                line += 1
                output.append(text: "{\"_synced\":")
                output.append(jsonString: token)
                output.append(text: "}\n")
            }
        }
    }

    private func appendAck(lines: Int, first: UInt64, to output: inout [UInt8]) {
        output.append(text: "{\"_ack\":{\"lines\":")
        output.append(decimal: UInt64(lines))
        output.append(text: ",\"first_seq\":")
        output.append(decimal: first)
        output.append(text: ",\"last_seq\":")
        output.append(decimal: first + UInt64(lines) - 1)
    }

    private func appendReceipts(_ segment: UInt64, _ leaves: [Digest], to output: inout [UInt8]) {
        output.append(text: ",\"segment\":")
        output.append(decimal: segment)
        output.append(text: ",\"leaves\":[")
        for (index, leaf) in leaves.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(UInt8(ascii: "\""))
            leaf.withUnsafeBytes { Base64.append($0, to: &output) }
            output.append(UInt8(ascii: "\""))
        }
        output.append(UInt8(ascii: "]"))
    }

    private func append(_ rejection: Rejection, sequence: UInt64, to output: inout [UInt8]) {
        output.append(text: "{\"_error\":{\"line\":")
        output.append(decimal: line)
        output.append(text: ",\"code\":")
        output.append(jsonString: rejection.code.rawValue.utf8)
        output.append(text: ",\"message\":")
        output.append(jsonString: rejection.message.utf8)
        output.append(text: ",\"offset\":")
        output.append(decimal: UInt64(rejection.offset))
        output.append(text: ",\"seq\":")
        output.append(decimal: sequence)
        output.append(text: "}}\n")
    }
}
