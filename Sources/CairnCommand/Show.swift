import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn show`
struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one event, its place in the log, and what happened around it.",
        discussion: """
            Neighbours are the events before and behind it that have the same session_id, or the same id of the request.

            EXAMPLES
              cairn show 4711
              cairn show 4711 --neighbours 20
              cairn show 4711 --json | jq .place

            EXIT STATUS
              0 shown, 1 it is not there (any more), 64 wrong usage, 65 damaged, 66 no log, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions

    @Argument(help: "The event's sequence number.")
    var sequence: UInt64

    @Option(name: .long, help: ArgumentHelp("Neighbours on each side.", valueName: "N"))
    var neighbours = 3

    @Flag(name: .long, help: "For machines: one JSON object.")
    var json = false

    @Flag(name: .long, help: "Times in UTC, and not in the zone of TZ.")
    var utc = false

    @Option(name: .long, help: ArgumentHelp("Colours: auto, always or never.", valueName: "when"))
    var color = ColorChoice.auto

    func validate() throws {
        if neighbours < 0 || neighbours > Show.neighbourLimit {
            throw ValidationError("--neighbours wants a number from 0 to \(Show.neighbourLimit).")
        }
    }

    /// They are held in memory.
    private static let neighbourLimit = 1000

    func run() throws {
        let log = try source.open()
        var query = Query(after: sequence > 0 ? sequence - 1 : nil)
        query.limit = 1
        var events = try log.events(query)
        guard let event = try events.next(), event.sequence == sequence else {
            throw CommandFailure(.negative, try absence(log))
        }
        let groups = try event.line.withUnsafeBytes { try self.groups(JSONSlice($0), log) }
        let place = try log.place(of: sequence)
        if json {
            try Output.print(describe(event, place, groups))
        } else {
            try print(event, place, groups)
        }
    }

    private func absence(_ log: AuditLog) throws -> String {
        let end = try log.endSequence()
        if sequence >= end {
            return end == 0
                ? "there is no event yet" : "there is no event \(sequence) yet: the newest is \(end - 1)"
        }
        return "event \(sequence) is not here any more: its segment was pruned, and an archive may have it (--archive)"
    }

    // MARK: Neighbours

    /// Events that share something with the event.
    private struct Group {
        let title: String
        let name: String
        let before: [QueriedEvent]
        let behind: [QueriedEvent]

        var isEmpty: Bool { before.isEmpty && behind.isEmpty }
    }

    private func groups(_ event: JSONSlice, _ log: AuditLog) throws -> [Group] {
        var groups: [Group] = []
        for (title, path) in [("session", ["session_id"]), ("request", ["request", "id"])] {
            var value: JSONSlice? = event
            for name in path { value = value?[name] }
            guard neighbours > 0, let value, value.kind == .string else { continue }
            let text = String(decoding: value.text, as: UTF8.self)
            var query = Query(
                filter: Filter(terms: [
                    .comparison(
                        Filter.Comparison(
                            path: path, relation: .equal, value: Filter.Value(text: text, isQuoted: true)))
                ]), limit: neighbours, after: sequence)
            let behind = try all(query, log)
            query.order = .newestFirst
            groups.append(
                Group(title: title, name: text, before: try all(query, log).reversed(), behind: behind))
        }
        return groups
    }

    private func all(_ query: Query, _ log: AuditLog) throws -> [QueriedEvent] {
        var found: [QueriedEvent] = []
        var events = try log.events(query)
        while let event = try events.next() { found.append(event) }
        return found
    }

    // MARK: Output

    private func print(_ event: QueriedEvent, _ place: EventPlace, _ groups: [Group]) throws {
        var settings = OutputSettings()
        settings.times = TimeStyle(utc: utc)
        settings.style = Style(isOn: color.isOn(for: .output))
        settings.isTerminal = StandardStream.output.isTerminal
        let output = Output()
        var short = ShortFormatter(settings)
        var pretty = PrettyFormatter(settings)
        event.line.withUnsafeBytes { pretty.append($0, to: &output.bytes) }
        output.line()
        let state =
            place.isSealed
            ? "sealed, event \(Figures.count(place.number + 1)) of \(Figures.count(place.count ?? 0))"
            : "not sealed yet, event \(Figures.count(place.number + 1))"
        output.line("segment  \(place.segment) (\(state))")
        for group in groups where !group.isEmpty {
            output.line()
            output.line("\(group.title) \(SafeText.string(group.name))")
            for other in group.before + [event] + group.behind {
                output.bytes.append(contentsOf: other.sequence == sequence ? "> ".utf8 : "  ".utf8)
                other.line.withUnsafeBytes { short.append($0, to: &output.bytes) }
            }
        }
        try output.flush()
    }

    private func describe(_ event: QueriedEvent, _ place: EventPlace, _ groups: [Group]) -> String {
        var object = JSONLine()
        object.add("event", json: String(decoding: event.line, as: UTF8.self))
        var where_ = JSONLine()
        where_.add("segment", place.segment)
        where_.add("sealed", place.isSealed)
        where_.add("number", place.number)
        where_.add("count", place.count)
        object.add("place", json: where_.text)
        for (name, title) in [("session", "session"), ("request", "request")] as [(StaticString, String)] {
            guard let group = groups.first(where: { $0.title == title }) else {
                object.add(name, json: "null")
                continue
            }
            let lines = (group.before + group.behind).map { String(decoding: $0.line, as: UTF8.self) }
            object.add(name, json: "[\(lines.joined(separator: ","))]")
        }
        return object.text
    }
}
