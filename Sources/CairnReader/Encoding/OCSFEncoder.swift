package import CairnFormat

/// JSON lines of the Open Cybersecurity Schema Framework 1.5.0 (schema.ocsf.io). ``ActivityTable`` says which class an
/// event is of; every attribute that its class requires is there.
///
/// | Event | OCSF |
/// | --- | --- |
/// | `module`, `action`, `target.type` | `class_uid`, `category_uid`, `activity_id`, `type_uid` |
/// | `timestamp`, else `_received` | `time`; 0 where the event was erased, and its time with it |
/// | `severity` | `severity_id` 2 Low, 3 Medium, 4 High, 5 Critical; 0 Unknown where it has none |
/// | `status` | `status_id` 1 Success, 2 Failure, 99 Other with the word in `status`; 0 Unknown where it has none |
/// | `message`, `details.message`, or `details` if it is a text | `message` |
/// | `_seq` | `metadata.sequence` |
/// | `_received` | `metadata.logged_time` |
/// | `id`, else log name and number (`acme/42`) | `metadata.uid`: for every event, so that copies can be told |
/// | `timestamp` as it was written | `metadata.original_time` |
/// | `action`, `module` | `metadata.event_code`, `metadata.log_provider` |
/// | `tenant` | `metadata.tenant_uid` |
/// | `actor` | `actor.user`, and in Authentication and Account Change `user`, which is required there |
/// | `session_id` | `actor.session.uid`, in Authentication `session.uid` |
/// | `_pid`, `_uid` | `actor.process`: the process that reported it, as the kernel named it |
/// | `ip_address` | `src_endpoint.ip`; in Base Event, which has no such place, an entry of `observables` |
/// | `user_agent` | `http_request.user_agent` |
/// | `target` | in Authentication `dst_endpoint` of a host, `user` of a user, else `service`; in Account Change `user`; in Entity Management `entity`; in API Activity `resources`; in Datastore Activity `database`, `databucket` or `table` |
/// | everything else | `unmapped`, as it stands in the line |
///
/// Required and not in the event: `user` is then named `Unknown`, `service` has the name of the log, and `src_endpoint`
/// has the module as its `svc_name`, for that is where the call came from.
package struct OCSFEncoder: EventEncoder {
    private var mapping = EventMapping()
    private let form: OCSFForm

    /// - Parameters:
    ///   - logName: the name of the log, as in its origin.
    ///   - version: of the program that writes.
    package init(logName: String, version: String) { form = OCSFForm(logName: logName, version: version) }

    package mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        mapping.find(in: tape, line: line)
        let form = form
        mapping.withEvent(tape, line: line) { event in
            let activity = form.table.activity(event)
            ByteWriter.append(to: &output, room: 2 * line.count + 1536) { writer in
                var event = event
                form.append(&event, activity, to: &writer)
            }
        }
    }
}

/// What is the same for every event. A class, so that nothing has to be counted on the way.
private final class OCSFForm: Sendable {
    let table = ActivityTable()
    /// As JSON strings.
    private let logName: [UInt8]
    private let version: [UInt8]
    /// The content of `logName`.
    private let logNameContent: [UInt8]

    init(logName: String, version: String) {
        var quoted: [UInt8] = []
        quoted.append(jsonString: logName.utf8)
        self.logName = quoted
        logNameContent = Array(quoted.dropFirst().dropLast())
        quoted = []
        quoted.append(jsonString: version.utf8)
        self.version = quoted
    }

    func append(_ event: inout MappedEvent, _ activity: Activity, to writer: inout ByteWriter) {
        writer.openObject()
        appendClassification(event, activity, to: &writer)
        appendOutcome(&event, to: &writer)
        if let field = event.messageField { writer.append("message", field, of: &event) }
        appendMetadata(&event, activity, to: &writer)
        appendActor(&event, activity, to: &writer)
        switch activity.activityClass {
        case .base: appendObservables(event, to: &writer)
        case .applicationLifecycle:
            writer.open("app")
            appendProduct(to: &writer)
            writer.close()
        case .authentication: appendAuthentication(&event, to: &writer)
        case .accountChange: appendUser(event.hasTarget ? .target : .actor, &event, to: &writer)
        case .entityManagement: appendTarget("entity", &event, to: &writer)
        case .apiActivity: appendCall(&event, to: &writer)
        case .datastoreActivity: appendStore(&event, to: &writer)
        }
        if activity.activityClass.hasEndpoints { appendEndpoint(&event, activity, to: &writer) }
        event.appendRest("unmapped", to: &writer)
        writer.close()
        writer.append(UInt8(ascii: "\n"))
    }

    // MARK: What every class has

    private func appendClassification(_ event: MappedEvent, _ activity: Activity, to writer: inout ByteWriter) {
        let uid = UInt64(activity.activityClass.rawValue)
        writer.append("class_uid", uid)
        writer.append("class_name", activity.activityClass.name)
        writer.append("category_uid", uid / 1000)
        writer.append("activity_id", UInt64(activity.id))
        if let name = activity.name {
            writer.append("activity_name", name)
        } else if event.isErased {
            writer.append("activity_name", "Erased")
        } else if let action = event.text(.action) {
            writer.append("activity_name", string: action)
        } else {
            writer.append("activity_name", "Other")
        }
        writer.append("type_uid", uid * 100 + UInt64(activity.id))
    }

    private func appendOutcome(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        let time = event.time(.timestamp) ?? event.time(.received) ?? Time(nanoseconds: 0)
        writer.append(name: "time")
        writer.append(milliseconds: time)
        let (severity, severityName): (UInt64, StaticString) =
            switch event.severity {
            case .other: (0, "Unknown")
            case .low: (2, "Low")
            case .medium: (3, "Medium")
            case .high: (4, "High")
            case .critical: (5, "Critical")
            }
        writer.append("severity_id", severity)
        writer.append("severity", severityName)
        if severity != 0 { event.use(.severity) }
        let (status, statusName): (UInt64, StaticString) =
            switch event.status {
            case .other: (0, "Unknown")
            case .success: (1, "Success")
            case .failed: (2, "Failure")
            case .warning: (99, "warning")
            case .info: (99, "info")
            }
        writer.append("status_id", status)
        writer.append("status", statusName)
        if status != 0 { event.use(.status) }
    }

    private func appendMetadata(_ event: inout MappedEvent, _ activity: Activity, to writer: inout ByteWriter) {
        writer.open("metadata")
        writer.append("version", "1.5.0")
        writer.open("product")
        appendProduct(to: &writer)
        writer.close()
        if !activity.activityClass.hasEndpoints, !event.isErased {
            // The profile that gives these classes an actor.
            writer.append(name: "profiles")
            writer.append("[\"host\"]")
        }
        writer.append(name: "log_name")
        writer.append(logName)
        let sequence = event.use(integer: .sequence)
        if event.hasScalar(.id) {
            writer.append("uid", .id, of: &event)
        } else if let sequence {
            writer.append(name: "uid")
            writer.append(UInt8(ascii: "\""))
            writer.append(logNameContent)
            writer.append(UInt8(ascii: "/"))
            writer.append(decimal: sequence)
            writer.append(UInt8(ascii: "\""))
        }
        if let sequence { writer.append("sequence", sequence) }
        if let received = event.time(.received) {
            event.use(.received)
            writer.append(name: "logged_time")
            writer.append(milliseconds: received)
        }
        writer.append("original_time", .timestamp, of: &event)
        writer.append("event_code", .action, of: &event)
        writer.append("log_provider", .module, of: &event)
        writer.append("tenant_uid", .tenant, of: &event)
        writer.close()
    }

    private func appendProduct(to writer: inout ByteWriter) {
        writer.append("name", "Cairn")
        writer.append("vendor_name", "Cairn")
        writer.append(name: "version")
        writer.append(version)
    }

    private func appendActor(_ event: inout MappedEvent, _ activity: Activity, to writer: inout ByteWriter) {
        let mark = writer.mark
        writer.open("actor")
        if event.hasActor {
            writer.open("user")
            appendActorUser(&event, to: &writer)
            writer.close()
        }
        if activity.activityClass != .authentication { appendSession("session", &event, to: &writer) }
        if let process = event.use(integer: .pid) {
            writer.open("process")
            writer.append("pid", process)
            if event.hasScalar(.uid) {
                writer.open("user")
                writer.append("uid", .uid, of: &event)
                writer.close()
            }
            writer.close()
        }
        if writer.needsComma { writer.close() } else { writer.goBack(to: mark) }
    }

    private func appendSession(_ name: StaticString, _ event: inout MappedEvent, to writer: inout ByteWriter) {
        guard event.hasScalar(.sessionID) else { return }
        writer.open(name)
        writer.append("uid", .sessionID, of: &event)
        writer.close()
    }

    // MARK: Parties

    /// The attributes of a User object: of `name` and `uid` at least one is required.
    private func appendActorUser(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        writer.append("uid", .actorID, of: &event)
        if let name = event.first(.actorName, .actorEmail) { writer.append("name", name, of: &event) }
        writer.append("email_addr", .actorEmail, of: &event)
        appendUserType(.actorType, &event, to: &writer)
    }

    private func appendUserType(_ field: MappedField, _ event: inout MappedEvent, to writer: inout ByteWriter) {
        guard event.hasScalar(field) else { return }
        let type = event.text(field)
        let id: UInt64 =
            if type?.equals("user") ?? false {
                1
            } else if type?.equals("admin") ?? false {
                2
            } else if type?.equals("system") ?? false {
                3
            } else {
                99
            }
        writer.append("type_id", id)
        writer.append("type", field, of: &event)
    }

    private enum Party { case actor, target }

    /// `user`, which the class requires.
    private func appendUser(_ party: Party, _ event: inout MappedEvent, to writer: inout ByteWriter) {
        writer.open("user")
        switch party {
        case .target:
            writer.append("uid", .targetID, of: &event)
            writer.append("name", .targetName, of: &event)
            appendUserType(.targetType, &event, to: &writer)
        case .actor where event.hasActor: appendActorUser(&event, to: &writer)
        case .actor:
            writer.append("name", "Unknown")
            writer.append("type_id", 0)
        }
        writer.close()
    }

    /// The target as an entity or a resource; its type is its name where it has no other.
    private func appendTarget(_ name: StaticString, _ event: inout MappedEvent, to writer: inout ByteWriter) {
        writer.open(name)
        appendTargetMembers(&event, to: &writer)
        writer.close()
    }

    private func appendTargetMembers(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        writer.append("uid", .targetID, of: &event)
        if event.hasTarget {
            writer.append("name", .targetName, of: &event)
        } else {
            writer.append("name", .targetType, of: &event)
        }
        writer.append("type", .targetType, of: &event)
    }

    // MARK: Classes

    private func appendAuthentication(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        let kind = table.target(event)
        let isUser = event.hasTarget && kind.contains(.user)
        appendUser(isUser ? .target : .actor, &event, to: &writer)
        appendSession("session", &event, to: &writer)
        if event.hasTarget, kind.contains(.host) {
            writer.open("dst_endpoint")
            writer.append("uid", .targetID, of: &event)
            writer.append("name", .targetName, of: &event)
            writer.append("type", .targetType, of: &event)
            writer.close()
            return
        }
        writer.open("service")
        if event.hasTarget, !isUser {
            writer.append("uid", .targetID, of: &event)
            writer.append("name", .targetName, of: &event)
        } else {
            writer.append(name: "name")
            writer.append(logName)
        }
        writer.close()
    }

    private func appendCall(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        writer.open("api")
        if event.hasScalar(.action) {
            writer.append("operation", .action, of: &event)
        } else {
            writer.append("operation", "Unknown")
        }
        if event.hasScalar(.module) {
            writer.open("service")
            writer.append("name", .module, of: &event)
            writer.close()
        }
        writer.close()
        guard event.hasTarget || event.hasScalar(.targetType) else { return }
        writer.append(name: "resources")
        writer.append("[")
        writer.openObject()
        appendTargetMembers(&event, to: &writer)
        writer.close()
        writer.append("]")
    }

    private func appendStore(_ event: inout MappedEvent, to writer: inout ByteWriter) {
        let kind = table.target(event)
        if kind.contains(.table) {
            // It has no type, so that stays among the rest.
            writer.open("table")
            writer.append("uid", .targetID, of: &event)
            writer.append("name", .targetName, of: &event)
        } else {
            writer.open(kind.contains(.bucket) ? "databucket" : "database")
            appendTargetMembers(&event, to: &writer)
            writer.append("type_id", event.hasScalar(.targetType) ? 99 : 0)
        }
        writer.close()
        writer.append("type_id", kind.contains(.table) ? 3 : kind.contains(.bucket) ? 2 : 1)
    }

    /// Of whom or what the classes tell by `src_endpoint`, the base has no place for; its address can be looked for here.
    private func appendObservables(_ event: MappedEvent, to writer: inout ByteWriter) {
        guard event.hasAddress, let address = event.text(.ipAddress) else { return }
        writer.append(name: "observables")
        writer.append("[")
        writer.openObject()
        writer.append("name", "unmapped.ip_address")
        writer.append("type_id", 2)
        writer.append("type", "IP Address")
        writer.append("value", string: address)
        writer.close()
        writer.append("]")
    }

    private func appendEndpoint(_ event: inout MappedEvent, _ activity: Activity, to writer: inout ByteWriter) {
        if event.hasAddress {
            writer.open("src_endpoint")
            writer.append("ip", .ipAddress, of: &event)
            writer.close()
        } else if activity.activityClass.requiresEndpoint {
            writer.open("src_endpoint")
            if event.hasScalar(.module) {
                writer.append("svc_name", .module, of: &event)
            } else {
                writer.append("svc_name", "Unknown")
            }
            writer.close()
        }
        guard event.hasScalar(.userAgent) else { return }
        writer.open("http_request")
        writer.append("user_agent", .userAgent, of: &event)
        writer.close()
    }
}

extension ActivityClass {
    /// Whether the class has `src_endpoint` and `http_request`, and `actor` without a profile.
    fileprivate var hasEndpoints: Bool { self != .base && self != .applicationLifecycle }

    fileprivate var requiresEndpoint: Bool { self == .apiActivity || self == .datastoreActivity }
}
