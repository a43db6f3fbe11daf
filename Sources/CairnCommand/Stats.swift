import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn stats`
struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Count events.",
        discussion: """
            Without --by: how many there are, how many failed, how many concern security (failed, or of severity high or \
            critical), and how many actors they have. With --by: the events of each value, exactly. Counts by module, \
            status, severity, hour and day come from the indexes where these tell enough; --explain says so. Erased \
            events are counted by themselves.

            \(FilterOptions.explanation)

            EXAMPLES
              cairn stats
              cairn stats --by module,status -S -7d
              cairn stats --by actor --top 20 'status=failed'
              cairn stats --by hour -S yesterday --json
              cairn stats --by target.type,ip_address 'severity>=high'

            EXIT STATUS
              0 counted, 1 there are none, 64 wrong filter, time or flag, 65 damaged, 66 no log, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions
    @OptionGroup var selection: FilterOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            module, status, severity, actor, action, ip_address, tenant, hour, day, or any dotted path; several with \
            commas.
            """, valueName: "a,b"),
        transform: DimensionList.init)
    var by: DimensionList?

    @Option(name: .long, help: ArgumentHelp("Only the N most frequent values of each.", valueName: "N|all"))
    var top = EventLimit(10)

    @Flag(name: .long, help: "For machines: one JSON object.")
    var json = false

    @Flag(name: .long, help: "Times in UTC, and not in the zone of TZ.")
    var utc = false

    @Flag(name: .long, help: "Say on standard error what had to be read.")
    var explain = false

    func run() throws {
        let watch = Stopwatch()
        let query = try selection.query(utc: utc)
        var counting = StatisticsQuery()
        counting.filter = query.filter
        (counting.since, counting.until) = (query.since, query.until)
        counting.by = by?.dimensions.map(\.dimension) ?? []
        counting.countsActors = by == nil
        if !utc {
            counting.utcOffset = { TimeZoneRules.utcOffset(at: floorDivide($0.nanoseconds, Time.perSecond)) }
        }
        let statistics = try source.open().statistics(counting)
        let report = StatisticsReport(
            statistics: statistics, names: by?.dimensions.map(\.name) ?? [], top: top.count, query: query, utc: utc)
        if json {
            try Output.print(report.json)
        } else {
            let isTerminal = StandardStream.output.isTerminal
            try Output.print(report.text(width: isTerminal ? Terminal.width() ?? 80 : nil))
        }
        if explain {
            statistics.work.explain(counted: statistics.counted, elapsed: watch.elapsed)
        }
        if statistics.total == 0 {
            selection.hint(at: query.filter)
            throw CommandFailure(.negative)
        }
    }
}

/// What `--by` names.
struct DimensionList: Sendable {
    var dimensions: [(name: String, dimension: Dimension)] = []

    init(_ text: String) throws {
        for name in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            guard !name.isEmpty, !name.split(separator: ".", omittingEmptySubsequences: false).contains("") else {
                throw ValidationError("--by wants names with commas between them, such as module,status.")
            }
            dimensions.append((name, Self.known[name] ?? .field(name)))
        }
    }

    private static let known: [String: Dimension] = [
        "module": .module, "status": .status, "severity": .severity, "action": .action, "actor": .actor,
        "ip_address": .ipAddress, "tenant": .tenant, "hour": .hour, "day": .day,
    ]
}
