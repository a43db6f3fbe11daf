import CairnFormat

/// One thing to show of an event.
enum Column: Equatable {
    /// When it happened; where it does not say so, when it was received.
    case time
    /// Who: the most telling of the actor's email, name and id.
    case actor
    /// On what: `type:name`, or `type:id`.
    case target
    /// The value at a dotted path.
    case path(String)

    /// The value at a path, as in filters. A member whose own name has points in it wins.
    init(path: String) { self = .path(path) }

    /// What to write over it.
    var title: String {
        switch self {
        case .time: "time"
        case .actor: "actor"
        case .target: "target"
        case .path("_seq"): "seq"
        case .path("ip_address"): "ip"
        case .path(let path): path
        }
    }

    /// What short and table show.
    static let overview: [Column] = [
        .time, .path("_seq"), .path("module"), .path("action"), .path("status"), .actor, .target, .path("ip_address"),
    ]
}

/// An event to be shown: a stored line with the places of its members.
struct ShownEvent {
    let line: JSONSlice
    let members: [(name: JSONSlice, value: JSONSlice)]

    init(_ line: UnsafeRawBufferPointer) {
        self.line = JSONSlice(line)
        members = self.line.members
    }

    /// The value at a dotted path; nil if it is not there or null.
    func value(_ path: String) -> JSONSlice? {
        let found = member(path) ?? nested(path)
        return found.flatMap { $0.isNull ? nil : $0 }
    }

    private func member(_ name: String) -> JSONSlice? {
        members.first { $0.name.isText(name) }?.value
    }

    private func nested(_ path: String) -> JSONSlice? {
        let names = path.split(separator: ".", omittingEmptySubsequences: false)
        guard names.count > 1, var value = member(String(names[0])) else { return nil }
        for name in names.dropFirst() {
            guard let inner = value[String(name)] else { return nil }
            value = inner
        }
        return value
    }

    /// When it happened, or else when it was received.
    var time: Time? {
        for name in ["timestamp", "_received"] {
            guard let value = member(name), value.kind == .string else { continue }
            if let time = value.text.withUnsafeBytes({ Time(rfc3339: $0) }) { return time }
        }
        return nil
    }

    /// UTF-8 of what a column shows, not escaped; nil if there is nothing.
    func text(_ column: Column, _ times: inout TimeStyle) -> [UInt8]? {
        switch column {
        case .time:
            guard let time else { return nil }
            var text: [UInt8] = []
            times.append(time, to: &text)
            return text
        case .actor: return first(of: ["actor.email", "actor.name", "actor.id"])
        case .target:
            guard let name = first(of: ["target.name", "target.id"]) else { return value("target.type")?.text }
            guard let type = value("target.type")?.text else { return name }
            return type + [UInt8(ascii: ":")] + name
        case .path(let path): return value(path)?.text
        }
    }

    /// What it says in words: `message`, `details`, or the action.
    var message: [UInt8] {
        if let text = first(of: ["message", "details.message"]) { return text }
        return first(of: ["details", "action"]) ?? []
    }

    private func first(of paths: [String]) -> [UInt8]? {
        for path in paths {
            if let text = value(path)?.text, !text.isEmpty { return text }
        }
        return nil
    }

    /// Appends the line as it was received: without the stamps, which are the members before the first whose name
    /// does not begin with `_`.
    func appendReceived(to output: inout [UInt8]) {
        guard let end = members.last(where: { $0.name.bytes.dropFirst().first == UInt8(ascii: "_") })?.value.bytes,
            let base = line.bytes.baseAddress, let last = end.baseAddress
        else {
            output.append(contentsOf: line.bytes)
            return
        }
        var rest = UnsafeRawBufferPointer(rebasing: line.bytes[(last - base + end.count)...])
        // The comma is the daemon's.
        if rest.first == UInt8(ascii: ",") { rest = UnsafeRawBufferPointer(rebasing: rest[1...]) }
        output.append(UInt8(ascii: "{"))
        output.append(contentsOf: rest)
    }
}
