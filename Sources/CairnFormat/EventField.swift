/// The fields of an event that the log knows, as bits of `_invalid`.
enum EventField: UInt32, CaseIterable {
    case action, module, timestamp, id, actor, actorType, actorID, actorName, actorEmail, actorRoles, status, severity
    case target, targetType, targetID, targetName, tenant, ipAddress, userAgent, sessionID, request, changes
    case compliance, classification, sensitive, details, metadata

    var path: StaticString {
        switch self {
        case .action: "action"
        case .module: "module"
        case .timestamp: "timestamp"
        case .id: "id"
        case .actor: "actor"
        case .actorType: "actor.type"
        case .actorID: "actor.id"
        case .actorName: "actor.name"
        case .actorEmail: "actor.email"
        case .actorRoles: "actor.roles"
        case .status: "status"
        case .severity: "severity"
        case .target: "target"
        case .targetType: "target.type"
        case .targetID: "target.id"
        case .targetName: "target.name"
        case .tenant: "tenant"
        case .ipAddress: "ip_address"
        case .userAgent: "user_agent"
        case .sessionID: "session_id"
        case .request: "request"
        case .changes: "changes"
        case .compliance: "compliance"
        case .classification: "classification"
        case .sensitive: "sensitive"
        case .details: "details"
        case .metadata: "metadata"
        }
    }

    /// Whether it is one of the event itself, and not of its actor or target.
    private var isOwn: Bool {
        !UnsafeBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount).contains(UInt8(ascii: "."))
    }

    static let names = KnownNames(allCases.filter(\.isOwn).map { ($0.path, $0) })
}

/// Members of `actor` and `target` that the log knows.
enum PartyMember: UInt8, CaseIterable {
    case type, id, name, email, roles

    private var text: StaticString {
        switch self {
        case .type: "type"
        case .id: "id"
        case .name: "name"
        case .email: "email"
        case .roles: "roles"
        }
    }

    static let names = KnownNames(allCases.map { ($0.text, $0) })
}
