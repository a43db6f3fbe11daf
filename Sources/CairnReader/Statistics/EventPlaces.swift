import CairnFormat

/// Where the fields of an event stand on its tape, found in one pass.
struct EventPlaces {
    private let tape: JSONTape
    /// 0: it is not there.
    private(set) var (action, ipAddress, tenant) = (0, 0, 0)
    private var (moduleIndex, statusIndex, severityIndex, actorIndex) = (0, 0, 0, 0)

    init(_ tape: JSONTape) {
        self.tape = tape
        var index = 2
        while tape.kind(index) != .objectEnd {
            let name = tape.string(index)
            switch name.count {
            case 5 where name.isText("actor"): actorIndex = index + 1
            case 6:
                if name.isText("action") {
                    action = index + 1
                } else if name.isText("module") {
                    moduleIndex = index + 1
                } else if name.isText("status") {
                    statusIndex = index + 1
                } else if name.isText("tenant") {
                    tenant = index + 1
                }
            case 8 where name.isText("severity"): severityIndex = index + 1
            case 10 where name.isText("ip_address"): ipAddress = index + 1
            default: break
            }
            index = tape.next(index + 1)
        }
    }

    /// The string at a place; nil if none stands there.
    func text(_ index: Int) -> UnsafeRawBufferPointer? {
        index > 0 && tape.kind(index) == .string ? tape.string(index) : nil
    }

    /// As the index counts it.
    var module: UnsafeRawBufferPointer {
        if let name = text(moduleIndex), isModuleName(name) { return name }
        let unknown: StaticString = "?"
        return UnsafeRawBufferPointer(start: unknown.utf8Start, count: unknown.utf8CodeUnitCount)
    }

    var status: EventStatus { text(statusIndex).flatMap { EventStatus(named: $0) } ?? .other }

    var severity: EventSeverity { text(severityIndex).flatMap { EventSeverity(named: $0) } ?? .other }

    /// The actor's id, or else its email, or else its name; nil if it has none of them.
    var actorName: UnsafeRawBufferPointer? {
        guard actorIndex > 0, tape.kind(actorIndex) == .object else { return nil }
        var (id, email, name): (UnsafeRawBufferPointer?, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?)
        tape.forEachMember(of: actorIndex) { member, value in
            guard let text = text(value), !text.isEmpty else { return }
            if member.isText("id") {
                id = text
            } else if member.isText("email") {
                email = text
            } else if member.isText("name") {
                name = text
            }
        }
        return id ?? email ?? name
    }
}

/// A dotted path, and the values that it leads to: through objects, and through the elements of arrays.
struct ValuePath: Sendable {
    private let names: [[UInt8]]

    /// - Parameter path: as it stands in a filter without quotes.
    init(_ path: String) {
        names = path.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) }
    }

    /// Calls `body` with the text of each string, number and boolean that stands there.
    func forEachValue(
        _ tape: JSONTape, _ line: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var numbers = NumberTexts(tape, line: line)
        visit(tape, at: 1, depth: 0, &numbers, body)
    }

    private func visit(
        _ tape: JSONTape, at index: Int, depth: Int, _ numbers: inout NumberTexts,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        switch tape.kind(index) {
        case .object where depth < names.count:
            tape.forEachMember(of: index) { name, value in
                if isEqual(name, names[depth]) { visit(tape, at: value, depth: depth + 1, &numbers, body) }
            }
        case .array:
            var element = index + 1
            while tape.kind(element) != .arrayEnd {
                visit(tape, at: element, depth: depth, &numbers, body)
                element = tape.next(element)
            }
        default:
            guard depth == names.count, let text = tape.text(at: index, &numbers) else { return }
            body(text)
        }
    }
}

extension JSONTape {
    /// A string unescaped, a number or boolean as it is written; nil for anything else.
    func text(at index: Int, _ numbers: inout NumberTexts) -> UnsafeRawBufferPointer? {
        switch kind(index) {
        case .string: return string(index)
        case .int, .uint, .double: return numbers.text(at: index)
        case .yes, .no:
            let word: StaticString = kind(index) == .yes ? "true" : "false"
            return UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        default: return nil
        }
    }
}
