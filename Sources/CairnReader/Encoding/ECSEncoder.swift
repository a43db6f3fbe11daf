package import CairnFormat

/// JSON lines of the Elastic Common Schema 8.17 (elastic.co/docs/reference/ecs).
///
/// | Event | ECS |
/// | --- | --- |
/// | `timestamp`, else `_received` | `@timestamp`; 1970 where the event was erased, and its time with it |
/// | `message`, `details.message`, or `details` if it is a text | `message` |
/// | `action`, `module` | `event.action`, `event.module` |
/// | the same, and `target.type` | `event.category` and `event.type`, by ``ActivityTable`` |
/// | `status` | `event.outcome`: `success`, `failure`, else `unknown`, and the word among the rest |
/// | `severity` | `event.severity` as in CEF, from 0 to 10; `log.level` |
/// | `id`, else log name and number (`acme/42`) | `event.id`: for every event, so that copies can be told |
/// | `_seq`, `_received` | `event.sequence`, `event.created` |
/// | `actor.id`, `.name`, `.email`, `.roles` | `user.id`, `.name`, `.email`, `.roles`; `related.user` |
/// | `target.id`, `.name` where an account is changed | `user.target.id`, `.name`; `related.user` |
/// | `ip_address` | `source.address`, and if it is one `source.ip` and `related.ip` |
/// | `user_agent`, `tenant` | `user_agent.original`, `organization.id` |
/// | `_pid`, `_uid` | `process.pid`, `process.user.id`: the process that reported it, as the kernel named it |
/// | the log | `observer.name`, with `.vendor`, `.product` and `.version` of Cairn |
/// | everything else | under `cairn`, as it stands in the line |
///
/// What stands under `cairn` is of any shape: an index does well to map `cairn.details`, `cairn.changes`,
/// `cairn.metadata` and `cairn.request` as `flattened`. `event.original` is left out: the line is kept by the log.
package struct ECSEncoder: EventEncoder {
    private var mapping = EventMapping()
    private let form: ECSForm
    /// A time that does not stand in the event as Elasticsearch wants it.
    private var rewritten: [UInt8] = []

    /// - Parameters:
    ///   - logName: the name of the log, as in its origin.
    ///   - version: of the program that writes.
    package init(logName: String, version: String) { form = ECSForm(logName: logName, version: version) }

    package mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        mapping.find(in: tape, line: line)
        var moment = ECSForm.Moment.none
        mapping.withEvent(tape, line: line) { event in moment = ECSForm.Moment(event) }
        rewritten.removeAll(keepingCapacity: true)
        if case .rewritten(let time) = moment { time.append(to: &rewritten, fractionDigits: 9) }
        let (form, rewritten) = (form, rewritten)
        mapping.withEvent(tape, line: line) { event in
            let activity = form.table.activity(event)
            ByteWriter.append(to: &output, room: 2 * line.count + 1536) { writer in
                var event = event
                form.append(&event, activity, moment, rewritten: rewritten, to: &writer)
            }
        }
    }
}

/// What is the same for every event. A class, so that nothing has to be counted on the way.
private final class ECSForm: Sendable {
    let table = ActivityTable()
    /// The content of a JSON string.
    private let logName: [UInt8]
    /// The member `observer`.
    private let observer: [UInt8]

    init(logName: String, version: String) {
        var observer: [UInt8] = []
        observer.append(text: "\"observer\":{\"vendor\":\"Cairn\",\"product\":\"Cairn\",\"version\":")
        observer.append(jsonString: version.utf8)
        observer.append(text: ",\"name\":")
        let start = observer.count
        observer.append(jsonString: logName.utf8)
        self.logName = Array(observer[(start + 1)...].dropLast())
        observer.append(UInt8(ascii: "}"))
        self.observer = observer
    }

    // MARK: Times

    /// Where `@timestamp` comes from.
    enum Moment {
        case field(MappedField)
        case rewritten(Time)
        case none

        init(_ event: MappedEvent) {
            self = .none
            if let text = event.text(.timestamp), let time = Time(rfc3339: text) {
                self = Moment.isStrict(text) ? .field(.timestamp) : .rewritten(time)
            } else if let text = event.text(.received), Time(rfc3339: text) != nil, Moment.isStrict(text) {
                self = .field(.received)
            }
        }

        /// Whether a time of RFC 3339 is one for Elasticsearch (`strict_date_optional_time_nanos`), in UTC.
        private static func isStrict(_ text: UnsafeRawBufferPointer) -> Bool {
            text.count <= 30 && text.last == UInt8(ascii: "Z") && text[10] == UInt8(ascii: "T")
                // There is no second of 60.
                && text[17] < UInt8(ascii: "6")
        }
    }

    private func append(
        _ moment: Moment, rewritten: [UInt8], of event: inout MappedEvent, to writer: inout ByteWriter
    ) {
        switch moment {
        case .field(let field): writer.append("@timestamp", field, of: &event)
        case .rewritten:
            // As it was written it stays among the rest.
            writer.append(name: "@timestamp")
            writer.append(UInt8(ascii: "\""))
            writer.append(rewritten)
            writer.append(UInt8(ascii: "\""))
        case .none: writer.append("@timestamp", "1970-01-01T00:00:00.000Z")
        }
    }

    // MARK: Parts

    func append(
        _ event: inout MappedEvent, _ activity: Activity, _ moment: Moment, rewritten: [UInt8],
        to writer: inout ByteWriter
    ) {
        writer.openObject()
        append(moment, rewritten: rewritten, of: &event, to: &writer)
        writer.append(name: "ecs")
        writer.append("{\"version\":\"8.17.0\"}")
        if let field = event.messageField { writer.append("message", field, of: &event) }
        appendEvent(&event, activity, to: &writer)
        if event.severity != .other {
            writer.open("log")
            writer.append("level", .severity, of: &event)
            writer.close()
        }
        let targetsUser = activity.activityClass == .accountChange && event.hasTarget
        appendUser(&event, targetsUser: targetsUser, to: &writer)
        appendSource(&event, targetsUser: targetsUser, to: &writer)
        if let process = event.use(integer: .pid) {
            writer.open("process")
            writer.append("pid", process)
            if event.hasScalar(.uid) {
                writer.open("user")
                writer.append("id", .uid, of: &event)
                writer.close()
            }
            writer.close()
        }
        writer.appendComma()
        writer.append(observer)
        event.appendRest("cairn", to: &writer)
        writer.close()
        writer.append(UInt8(ascii: "\n"))
    }

    private func appendEvent(_ event: inout MappedEvent, _ activity: Activity, to writer: inout ByteWriter) {
        writer.open("event")
        writer.append("kind", "event")
        writer.append("dataset", "cairn.audit")
        writer.append("module", .module, of: &event)
        if event.isErased { writer.append("action", "erased") }
        writer.append("action", .action, of: &event)
        if let category = activity.activityClass.category {
            writer.append(name: "category")
            writer.append("[\"")
            writer.append(category)
            writer.append("\"]")
        }
        writer.append(name: "type")
        writer.append(activity.activityClass == .accountChange ? "[\"user\",\"" : "[\"")
        writer.append(activity.type)
        writer.append("\"]")
        switch event.status {
        case .success: writer.append("outcome", "success")
        case .failed: writer.append("outcome", "failure")
        default: writer.append("outcome", "unknown")
        }
        if event.status == .success || event.status == .failed { event.use(.status) }
        if let severity = event.severity.outOfTen { writer.append("severity", severity) }
        let sequence = event.use(integer: .sequence)
        if event.hasScalar(.id) {
            writer.append("id", .id, of: &event)
        } else if let sequence {
            writer.append(name: "id")
            writer.append(UInt8(ascii: "\""))
            writer.append(logName)
            writer.append(UInt8(ascii: "/"))
            writer.append(decimal: sequence)
            writer.append(UInt8(ascii: "\""))
        }
        if let sequence { writer.append("sequence", sequence) }
        if event.time(.received) != nil { writer.append("created", .received, of: &event) }
        writer.close()
    }

    private func appendUser(_ event: inout MappedEvent, targetsUser: Bool, to writer: inout ByteWriter) {
        let mark = writer.mark
        writer.open("user")
        writer.append("id", .actorID, of: &event)
        writer.append("name", .actorName, of: &event)
        writer.append("email", .actorEmail, of: &event)
        appendRoles(&event, to: &writer)
        if targetsUser {
            writer.open("target")
            writer.append("id", .targetID, of: &event)
            writer.append("name", .targetName, of: &event)
            writer.close()
        }
        if writer.needsComma { writer.close() } else { writer.goBack(to: mark) }
    }

    /// A list of texts; anything else stays among the rest.
    private func appendRoles(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        guard event.type(.actorRoles) == UInt8(ascii: "[") else { return }
        let list = Int(event.place(.actorRoles).index)
        let end = event.tape.index(behind: list) - 1
        var role = list + 1
        while role < end, event.tape.type(at: role) == UInt8(ascii: "\"") { role += 1 }
        guard role == end else { return }
        event.use(.actorRoles)
        writer.append(name: "roles")
        writer.append("[")
        for role in (list + 1)..<end {
            if role > list + 1 { writer.append(UInt8(ascii: ",")) }
            writer.append(jsonString: event.tape.text(at: role))
        }
        writer.append("]")
    }

    private func appendSource(_ event: inout MappedEvent, targetsUser: Bool, to writer: inout ByteWriter) {
        let isAddress = event.hasAddress
        if event.hasScalar(.ipAddress) {
            writer.open("source")
            if isAddress { writer.append("ip", .ipAddress, of: &event) }
            writer.append("address", .ipAddress, of: &event)
            writer.close()
        }
        if event.hasScalar(.userAgent) {
            writer.open("user_agent")
            writer.append("original", .userAgent, of: &event)
            writer.close()
        }
        if event.hasScalar(.tenant) {
            writer.open("organization")
            writer.append("id", .tenant, of: &event)
            writer.close()
        }
        appendRelated(&event, isAddress: isAddress, targetsUser: targetsUser, to: &writer)
    }

    private func appendRelated(
        _ event: inout MappedEvent, isAddress: Bool, targetsUser: Bool, to writer: inout ByteWriter
    ) {
        guard event.hasActor || isAddress || targetsUser else { return }
        writer.open("related")
        if event.hasActor || targetsUser {
            writer.append(name: "user")
            writer.append("[")
            writer.needsComma = false
            appendElement(.actorID, &event, to: &writer)
            appendElement(.actorName, &event, to: &writer)
            appendElement(.actorEmail, &event, to: &writer)
            if targetsUser {
                appendElement(.targetID, &event, to: &writer)
                appendElement(.targetName, &event, to: &writer)
            }
            writer.append("]")
            writer.needsComma = true
        }
        if isAddress {
            writer.append(name: "ip")
            writer.append("[")
            writer.append(scalar: .ipAddress, of: &event)
            writer.append("]")
        }
        writer.close()
    }

    private func appendElement(_ field: MappedField, _ event: inout MappedEvent, to writer: inout ByteWriter) {
        guard event.hasScalar(field) else { return }
        writer.appendComma()
        writer.append(scalar: field, of: &event)
    }
}

extension EventSeverity {
    /// On CEF's scale, where 0 to 3 is low, 4 to 6 medium, 7 and 8 high, and 9 and 10 very high; nil for none.
    var outOfTen: UInt64? {
        switch self {
        case .other: nil
        case .low: 3
        case .medium: 5
        case .high: 8
        case .critical: 10
        }
    }
}
