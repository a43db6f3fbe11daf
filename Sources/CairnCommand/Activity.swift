import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn activity`
struct Activity: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "activity",
        abstract: "What one actor did.",
        discussion: """
            Counts by module, action, address and hour, and then the newest events. The actor is named by id, email or \
            name.

            EXAMPLES
              cairn activity u-4711
              cairn activity ann@harbour.example -S -7d
              cairn activity u-4711 -n all -o json > u-4711.ndjson     # the events alone

            EXIT STATUS
              0 found, 1 the actor did nothing, 64 wrong time or flag, 65 damaged, 66 no log, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The actor's id, email or name.")
    var actor: String

    @OptionGroup var selection: FilterOptions

    @Option(
        name: [.customShort("n", allowingJoined: true), .long],
        help: ArgumentHelp("So many of the newest events.", valueName: "N|all"))
    var lines = EventLimit(10)

    func run() throws {
        var query = try selection.query(utc: output.utc)
        let names = ["id", "email", "name"].map { name in
            Filter.Term.comparison(
                Filter.Comparison(
                    path: ["actor", name], relation: .equal, value: Filter.Value(text: actor, isQuoted: true)))
        }
        query.filter.terms.insert(.any(names), at: 0)
        let log = try source.open()
        let isForPeople = output.output == .short
        if isForPeople {
            guard try summarize(query, log) else { throw CommandFailure(.negative) }
        }
        let printer = EventPrinter(output.settings)
        if let limit = lines.count {
            try printer.printNewest(limit, query, of: log)
        } else {
            try printer.print(query, of: log)
        }
        try printer.finish()
        if printer.count == 0 { throw CommandFailure(.negative) }
    }

    /// False if there is nothing.
    private func summarize(_ query: Query, _ log: AuditLog) throws -> Bool {
        var counting = StatisticsQuery()
        (counting.filter, counting.since, counting.until) = (query.filter, query.since, query.until)
        counting.by = [.module, .action, .ipAddress, .hour]
        let utc = output.utc
        if !utc {
            counting.utcOffset = { TimeZoneRules.utcOffset(at: floorDivide($0.nanoseconds, Time.perSecond)) }
        }
        let statistics = try log.statistics(counting)
        guard statistics.total > 0 else { return false }
        let report = StatisticsReport(
            statistics: statistics, names: ["module", "action", "ip_address", "hour"], top: 10, query: query, utc: utc)
        let width = StandardStream.output.isTerminal ? Terminal.width() ?? 80 : nil
        try Output.print(report.text(width: width, hours: false), "")
        return true
    }
}
