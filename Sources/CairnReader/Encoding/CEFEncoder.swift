package import CairnFormat

/// Lines of the ArcSight Common Event Format, `CEF:0|Cairn|cairn|version|action|module action|severity|extension`
/// (Micro Focus, "Implementing ArcSight Common Event Format", version 25). A syslog header before them is left to who
/// sends them.
///
/// | Event | CEF |
/// | --- | --- |
/// | `severity` | severity: low 3, medium 5, high 8, critical 10; 0 where it has none |
/// | `_received` | `rt`, when the device received it |
/// | `timestamp` | `start`, when it happened |
/// | `_seq` | `externalId` |
/// | `action`, `module` | signature id and `act`, `cat` |
/// | `status` | `outcome`: `success`, `failure`, else the word |
/// | `actor.name`, else `.email`; `.id` | `suser`; `suid` |
/// | `ip_address` | `src` (IPv4), `c6a2` (IPv6, as "Source IPv6 Address"), else `shost` |
/// | `user_agent` | `requestClientApplication` |
/// | `_pid` | `dvcpid` |
/// | `target.name`, `.id` of a user | `duser`, `duid` |
/// | the same of a host, of a file | `dhost`, `fname`: the name, else the id |
/// | `tenant` | `cs1` |
/// | `session_id` | `cs2` |
/// | `target.type`, and what of `.id` and `.name` is left | `cs3`, `cs4`, `cs5` |
/// | everything else | `cs6`, a JSON object |
/// | `message`, `details.message`, or `details` if it is a text | `msg` |
///
/// Nothing is cut at the lengths that the format allows; who needs that cuts.
package struct CEFEncoder: EventEncoder {
    private var mapping = EventMapping()
    private let form: CEFForm

    /// - Parameter version: of the program that writes.
    package init(version: String) { form = CEFForm(version: version) }

    package mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        mapping.find(in: tape, line: line)
        let form = form
        mapping.withEvent(tape, line: line) { event in
            ByteWriter.append(to: &output, room: 2 * line.count + 512) { writer in
                var event = event
                form.append(&event, to: &writer)
            }
        }
    }
}

/// What is the same for every event. A class, so that nothing has to be counted on the way.
private final class CEFForm: Sendable {
    private let table = ActivityTable()
    /// Up to the bar before the signature id.
    private let beginning: [UInt8]

    init(version: String) {
        var beginning: [UInt8] = []
        let padded = Array(version.utf8) + [UInt8](repeating: 0, count: ByteBlock.size)
        ByteWriter.append(to: &beginning, room: 64 + 2 * version.utf8.count) { writer in
            writer.append("CEF:0|Cairn|cairn|")
            padded.withUnsafeBytes {
                writer.append(cefHeader: UnsafeRawBufferPointer(rebasing: $0[..<version.utf8.count]))
            }
            writer.append("|")
        }
        self.beginning = beginning
    }

    func append(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        appendHeader(&event, to: &writer)
        appendActivity(&event, to: &writer)
        appendActor(&event, to: &writer)
        appendTarget(&event, table.target(event), to: &writer)
        appendRest(&event, to: &writer)
        writer.append(UInt8(ascii: "\n"))
    }

    // MARK: Parts

    private func appendHeader(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        writer.append(beginning)
        appendName(event, to: &writer)
        writer.append("|")
        if let module = event.text(.module) {
            writer.append(cefHeader: module)
            writer.append(" ")
        }
        appendName(event, to: &writer)
        writer.append("|")
        writer.append(decimal: event.severity.outOfTen ?? 0)
        if event.severity != .other { event.use(.severity) }
        writer.append("|")
    }

    private func appendName(_ event: MappedEvent, to writer: inout ByteWriter) {
        if let action = event.text(.action) {
            writer.append(cefHeader: action)
        } else {
            writer.append(event.isErased ? "erased" : "unknown")
        }
    }

    private func appendActivity(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        // From here on: whether a blank belongs before the next key.
        writer.needsComma = false
        if let time = event.time(.received) {
            writer.append(key: "rt")
            writer.append(milliseconds: time)
            event.use(.received)
        }
        if let time = event.time(.timestamp) {
            writer.append(key: "start")
            writer.append(milliseconds: time)
            // The format has no more than milliseconds, and no zones; so the text is left among the rest.
        }
        if let sequence = event.use(integer: .sequence) {
            writer.append(key: "externalId")
            writer.append(decimal: sequence)
        }
        writer.append("act", cef: .action, of: &event)
        writer.append("cat", cef: .module, of: &event)
        switch event.status {
        case .other: break
        case .success, .failed:
            writer.append(key: "outcome")
            writer.append(event.status == .success ? "success" : "failure")
            event.use(.status)
        case .warning, .info: writer.append("outcome", cef: .status, of: &event)
        }
        if let process = event.use(integer: .pid) {
            writer.append(key: "dvcpid")
            writer.append(decimal: process)
        }
        if let field = event.messageField { writer.append("msg", cef: field, of: &event) }
    }

    private func appendActor(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        if let name = event.first(.actorName, .actorEmail) { writer.append("suser", cef: name, of: &event) }
        writer.append("suid", cef: .actorID, of: &event)
        if !event.hasAddress {
            writer.append("shost", cef: .ipAddress, of: &event)
        } else if event.text(.ipAddress)?.contains(UInt8(ascii: ":")) ?? false {
            writer.append("c6a2", label: "Source IPv6 Address", .ipAddress, of: &event)
        } else {
            writer.append("src", cef: .ipAddress, of: &event)
        }
        writer.append("requestClientApplication", cef: .userAgent, of: &event)
        writer.append("cs1", label: "tenant", .tenant, of: &event)
        writer.append("cs2", label: "session", .sessionID, of: &event)
    }

    private func appendTarget(_ event: inout MappedEvent, _ target: TargetWords, to writer: inout ByteWriter) {
        writer.append("cs3", label: "targetType", .targetType, of: &event)
        if target.contains(.user) {
            writer.append("duser", cef: .targetName, of: &event)
            writer.append("duid", cef: .targetID, of: &event)
            return
        }
        var isNamed = false
        if let name = event.first(.targetName, .targetID), !target.isDisjoint(with: [.host, .file]) {
            writer.append(target.contains(.host) ? "dhost" : "fname", cef: name, of: &event)
            isNamed = true
        }
        if !isNamed || event.hasScalar(.targetName) { writer.append("cs4", label: "targetId", .targetID, of: &event) }
        if !isNamed { writer.append("cs5", label: "targetName", .targetName, of: &event) }
    }

    private func appendRest(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        let mark = writer.mark
        writer.append(" cs6Label=event")
        writer.append(" cs6=")
        let start = writer.mark
        writer.openObject()
        event.appendRest(to: &writer)
        guard writer.needsComma else { return writer.goBack(to: mark) }
        writer.close()
        writer.escapeJSON(since: start, UInt8(ascii: "\\"), UInt8(ascii: "="))
    }
}

extension ByteWriter {
    /// Appends ` key=`, without the blank if it is the first.
    @inline(__always)
    fileprivate mutating func append(key: StaticString) {
        if needsComma { append(UInt8(ascii: " ")) }
        needsComma = true
        append(key)
        append(UInt8(ascii: "="))
    }

    /// Appends the value of the field for a key, if it has a scalar.
    fileprivate mutating func append(_ key: StaticString, cef field: MappedField, of event: inout MappedEvent) {
        guard event.hasScalar(field) else { return }
        event.use(field)
        append(key: key)
        if let text = event.text(field) {
            append(cefValue: text)
        } else {
            append(jsonAt: event.place(field), event.tape, event.line)
        }
    }

    /// Appends it for one of the keys whose meaning is told by a label.
    fileprivate mutating func append(
        _ key: StaticString, label: StaticString, _ field: MappedField, of event: inout MappedEvent
    ) {
        guard event.hasScalar(field) else { return }
        if needsComma { append(UInt8(ascii: " ")) }
        needsComma = true
        append(key)
        append("Label=")
        append(label)
        append(key, cef: field, of: &event)
    }

    /// Appends a value of the extension: backslash, `=`, LF and CR are escaped; for other controls there is no escape,
    /// so they are written as in JSON.
    @inline(__always)
    fileprivate mutating func append(cefValue text: UnsafeRawBufferPointer) {
        let isPlain = append(padded: text, unless: ByteWriter.valueMarks)
        if !isPlain { append(special: text, escaping: UInt8(ascii: "="), keepsLines: true) }
    }

    @inline(__always)
    private static func valueMarks(_ block: ByteBlock) -> ByteBlock.Marks {
        block.isControl | block.equal(UInt8(ascii: "=")) | block.equal(UInt8(ascii: "\\"))
    }

    /// Appends a field of the header: backslash and bar are escaped, and there are no line ends.
    fileprivate mutating func append(cefHeader text: UnsafeRawBufferPointer) {
        let isPlain = append(padded: text, unless: ByteWriter.headerMarks)
        if !isPlain { append(special: text, escaping: UInt8(ascii: "|"), keepsLines: false) }
    }

    @inline(__always)
    private static func headerMarks(_ block: ByteBlock) -> ByteBlock.Marks {
        block.isControl | block.equal(UInt8(ascii: "|")) | block.equal(UInt8(ascii: "\\"))
    }

    @inline(never)
    private mutating func append(special text: UnsafeRawBufferPointer, escaping delimiter: UInt8, keepsLines: Bool) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\\"), delimiter:
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0x0A where keepsLines, 0x0D where keepsLines: append(escapeOf: UInt32(byte))
            case 0..<0x20:
                append(UInt8(ascii: "\\"))
                append(escapeOf: UInt32(byte))
            default: append(byte)
            }
        }
    }
}
