import ArgumentParser
import CairnFormat
import CairnReader

/// `cairn hold`
struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep events from being pruned or redacted: legal holds.",
        discussion: """
            While a hold stands, nothing that it matches is removed or erased, whatever a policy or a redaction says. \
            Every change is an event of the log, with who asked for it.

            EXAMPLES
              cairn hold add case-2026-17 --filter 'actor.id=u-4711' --reason 'court order 4 C 17/26'
              cairn hold list
              cairn hold release case-2026-17 --reason 'proceedings ended'
            """,
        subcommands: [HoldAdd.self, HoldList.self, HoldRelease.self])
}

/// Which events, by what they hold and by their times.
struct SelectionOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Events that match this filter.", valueName: "filter"))
    var filter: String?

    @OptionGroup var times: TimeRangeOptions

    @Flag(name: .long, help: "Times without a zone are in UTC.")
    var utc = false

    var isEmpty: Bool { filter == nil && times.isEmpty }

    /// Checked here, so that what is wrong is said with its place.
    func arguments() throws -> [(String, ControlClient.Argument)] {
        var arguments: [(String, ControlClient.Argument)] = []
        if let filter { arguments.append(("filter", .text(try Filter(filter).description))) }
        if let since = try times.since(utc: utc) { arguments.append(("since", .text(since.description))) }
        if let until = try times.until(utc: utc) { arguments.append(("until", .text(until.description))) }
        return arguments
    }
}

/// `cairn hold add`
struct HoldAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Put events under a hold, those to come too.",
        discussion: """
            EXIT STATUS
              0 done; 1 refused, as a hold of that name stands; 64 wrong filter, time or name; 69 no daemon answers; \
            77 not permitted.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var control: ControlOptions
    @OptionGroup var selection: SelectionOptions

    @Argument(help: "Name of the hold: A-Z a-z 0-9 . _ -")
    var name: String

    @Option(name: .long, help: "Why; it stands in the log.")
    var reason: String

    @Flag(name: .long, help: "Every event, without a filter or a time.")
    var everything = false

    @Flag(name: .long, help: "Print the daemon's answer, one JSON object.")
    var json = false

    func validate() throws {
        guard Hold.isName(name) else {
            throw ValidationError("\"\(name)\" cannot be a name: use up to 64 of A-Z a-z 0-9 . _ -")
        }
        if reason.isEmpty { throw ValidationError("--reason is empty: say why.") }
        if selection.isEmpty, !everything {
            throw ValidationError("Say which events: --filter, --since, --until, or --everything.")
        }
    }

    func run() throws {
        let arguments = try [("name", .text(name)), ("reason", .text(reason))] + selection.arguments()
        let answer = try control.connect(directory: log.path).perform(.holdAdd, arguments)
        if json { return try Output.print(String(decoding: answer.line, as: UTF8.self)) }
        let count = answer.read { $0["holds"]?.number ?? 0 }
        try Output.print("Held: \(name). \(Figures.count(count, "hold")) in all.")
    }
}

/// `cairn hold release`
struct HoldRelease: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "End a hold: policies apply again to what it matched.",
        discussion: """
            EXIT STATUS
              0 done; 1 refused, as there is no such hold; 69 no daemon answers; 77 not permitted.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var control: ControlOptions

    @Argument(help: "Name of the hold.")
    var name: String

    @Option(name: .long, help: "Why; it stands in the log.")
    var reason: String

    @Flag(name: .long, help: "Print the daemon's answer, one JSON object.")
    var json = false

    func validate() throws {
        if reason.isEmpty { throw ValidationError("--reason is empty: say why.") }
    }

    func run() throws {
        let answer = try control.connect(directory: log.path)
            .perform(.holdRelease, [("name", .text(name)), ("reason", .text(reason))])
        if json { return try Output.print(String(decoding: answer.line, as: UTF8.self)) }
        let count = answer.read { $0["holds"]?.number ?? 0 }
        try Output.print("Released: \(name). \(Figures.count(count, "hold")) left.")
    }
}

/// `cairn hold list`
struct HoldList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the holds that stand. Needs no daemon.",
        discussion: """
            EXIT STATUS
              0 there are some, 1 there is none, 66 no log, 74 input/output error.
            """)

    @OptionGroup var log: LogOptions

    @Flag(name: .long, help: "Print JSON, one object a hold.")
    var json = false

    func run() throws {
        let holds = try Holds(LogDirectory(path: log.path)).holds
        for hold in holds {
            if json {
                try Output.print(String(decoding: hold.encoded, as: UTF8.self))
                continue
            }
            let filter = hold.filter.isEmpty ? "every event" : hold.filter.description
            let bounds = [hold.since.map { "from \($0)" }, hold.until.map { "before \($0)" }].compactMap { $0 }
            try Output.print(
                """
                \(SafeText.string(hold.name)): \(SafeText.string(([filter] + bounds).joined(separator: ", ")))
                  since \(hold.at), for uid \(hold.by): \(SafeText.string(hold.reason))
                """)
        }
        if holds.isEmpty {
            if !json { Console.say("No hold stands.") }
            throw CommandFailure(.negative)
        }
    }
}
