import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn fields`
struct Fields: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fields",
        abstract: "List the fields that events have.",
        discussion: """
            Each dotted path with the number of its values and their kinds: what a filter, --by or --output-fields can \
            name. Every event that matches is read.

            EXAMPLES
              cairn fields
              cairn fields -S today module=authentication

            EXIT STATUS
              0 listed, 1 there are none, 64 wrong filter, time or flag, 65 damaged, 66 no log, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions
    @OptionGroup var selection: FilterOptions

    @Flag(name: .long, help: "For machines: one JSON object a line.")
    var json = false

    @Flag(name: .long, help: "Times without a zone are in UTC.")
    var utc = false

    func run() throws {
        let fields = try source.open().fields(try selection.query(utc: utc))
        let output = Output()
        let width = fields.map(\.path.count).max() ?? 0
        let countWidth = fields.map { Figures.count($0.values).count }.max() ?? 0
        for field in fields {
            if json {
                var line = JSONLine()
                line.add("field", field.path)
                line.add("values", field.values)
                line.add("kinds", json: "[\(field.kinds.map { "\"\($0)\"" }.joined(separator: ","))]")
                output.line(line.text)
            } else {
                let count = Figures.count(field.values).padded(left: countWidth)
                output.line(
                    SafeText.string(field.path).padded(to: width) + "  \(count)  "
                        + field.kinds.joined(separator: ", "))
            }
            try output.flushIfFull()
        }
        try output.flush()
        if fields.isEmpty { throw CommandFailure(.negative) }
    }
}

/// `cairn values`
struct Values: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "values",
        abstract: "List the values of a field, the most frequent first.",
        discussion: """
            EXAMPLES
              cairn values action
              cairn values ip_address --top 20 'status=failed'
              cairn values metadata.region -S -30d --json

            EXIT STATUS
              0 listed, 1 no event has the field, 64 wrong filter, time or flag, 65 damaged, 66 no log, 74 input/output \
            error.
            """)

    @OptionGroup var source: SourceOptions

    @Argument(help: "A dotted path, such as actor.email.")
    var field: String

    @OptionGroup var selection: FilterOptions

    @Option(name: .long, help: ArgumentHelp("Only the N most frequent values.", valueName: "N|all"))
    var top = EventLimit(nil)

    @Flag(name: .long, help: "For machines: one JSON object a line.")
    var json = false

    @Flag(name: .long, help: "Times without a zone are in UTC.")
    var utc = false

    func validate() throws {
        if field.split(separator: ".", omittingEmptySubsequences: false).contains("") {
            throw ValidationError("\(field) is no path: give names with points between them, such as actor.email.")
        }
    }

    func run() throws {
        let query = try selection.query(utc: utc)
        var counting = StatisticsQuery()
        (counting.filter, counting.since, counting.until) = (query.filter, query.since, query.until)
        counting.by = [field == "module" ? .module : .field(field)]
        let groups = try source.open().statistics(counting).groups[0].filter { $0.value != nil }
        let output = Output()
        let countWidth = Figures.count(groups.map(\.count).max() ?? 0).count
        for group in groups.prefix(top.count ?? .max) {
            if json {
                var line = JSONLine()
                line.add("value", group.value)
                line.add("events", group.count)
                output.line(line.text)
            } else {
                output.line(
                    "\(Figures.count(group.count).padded(left: countWidth))  \(SafeText.string(group.value ?? "-"))")
            }
            try output.flushIfFull()
        }
        try output.flush()
        if groups.isEmpty {
            for (name, known) in (try? Filter("exists(\(field))"))?.misspeltFields ?? [] {
                Console.complain("no event has the field \(SafeText.string(name)); is it \(known)?")
            }
            throw CommandFailure(.negative)
        }
    }
}
