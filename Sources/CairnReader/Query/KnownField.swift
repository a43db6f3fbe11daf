import CairnFormat

/// What is known of the values of an event's own fields, so that a filter that cannot mean anything is refused.
enum KnownField {
    case number
    case time
    case address
    case boolean
    case severity

    /// nil for a field whose values may be anything.
    init?(_ path: [String]) {
        switch path {
        case ["_seq"], ["_uid"], ["_pid"]: self = .number
        case ["timestamp"], ["_received"]: self = .time
        case ["sensitive"]: self = .boolean
        case ["severity"]: self = .severity
        default:
            guard path.last == "ip_address" else { return nil }
            self = .address
        }
    }

    /// What should stand in the place of a value that the field cannot have; nil if it can.
    func expected(of value: Filter.Value, _ relation: Filter.Relation) -> String? {
        if !value.isQuoted, value.text == "null", !relation.isOrder { return nil }
        switch self {
        case .number:
            return !value.isQuoted && ExactNumber(Array(value.text.utf8)) != nil ? nil : "a number"
        case .time:
            return Time(rfc3339: value.text) != nil
                ? nil : "a time with its zone, such as 2026-11-21T07:00:00Z (other forms: --since and --until)"
        case .boolean:
            return !value.isQuoted && ["true", "false"].contains(value.text) ? nil : "true or false"
        case .address:
            return !value.text.contains("/") || IPNetwork(value.text) != nil
                ? nil : "a network such as 10.0.0.0/8 or 2001:db8::/32"
        case .severity:
            return !relation.isOrder || EventSeverity(named: value.text) != nil ? nil : "low, medium, high or critical"
        }
    }

    /// The names that events have by themselves: see Format.md, "Events and lines". Others are allowed.
    static let names: [String] = [
        "_invalid", "_own", "_pid", "_received", "_redacted", "_sanitized", "_seq", "_uid", "action", "actor",
        "changes",
        "classification", "compliance", "details", "id", "ip_address", "metadata", "module", "request", "sensitive",
        "session_id", "severity", "status", "target", "tenant", "timestamp", "user_agent",
    ]

    /// The known name that is nearest to one that is not; nil if none is near, or if it is one.
    static func suggestion(for name: String) -> String? {
        guard !names.contains(name) else { return nil }
        let near = names.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }.min { $0.1 < $1.1 }
        return near.flatMap { $0.1 <= 2 ? $0.0 : nil }
    }

    /// Edits that make one text of the other (Levenshtein 1965).
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, byte) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in b.enumerated() {
                let changed = byte == other ? diagonal : diagonal + 1
                diagonal = row[j + 1]
                row[j + 1] = min(changed, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
