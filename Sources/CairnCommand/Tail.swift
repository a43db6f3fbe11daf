import ArgumentParser
import CairnReader

/// `cairn tail`
struct Tail: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Print the newest events, and those that come.",
        discussion: """
            EXAMPLES
              cairn tail
              cairn tail -f 'severity=critical'
              cairn tail -n 100 -o json | jq .action
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var identity: IdentityOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Only events that match, as in \"cairn query\".")
    var filter: [String] = []

    @Option(
        name: [.customShort("n", allowingJoined: true), .long],
        help: ArgumentHelp("So many of the newest events, the oldest of them first.", valueName: "N|all"))
    var lines = EventLimit(10)

    @Flag(name: .shortAndLong, help: "Then wait and print events as they come.")
    var follow = false

    func run() throws {
        let query = Query(filter: try Filter(filter.joined(separator: " ")))
        let log = try log.open(identity)
        let end = follow ? try log.endSequence() : 0
        let printer = EventPrinter(output.settings)
        if let limit = lines.count {
            try printer.printNewest(limit, query, of: log)
        } else {
            try printer.print(query, of: log)
        }
        try printer.finish()
        guard follow else { return }
        let after = [printer.lastSequence, end > 0 ? end - 1 : nil].compactMap { $0 }.max()
        try printer.follow(query, after: after, of: log) { _ in }
    }
}

extension EventLimit: CustomStringConvertible {
    var description: String { count.map(String.init) ?? "all" }
}
