import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn query`
struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Find events.",
        discussion: """
            \(FilterOptions.explanation)

            EXAMPLES
              cairn query -S today 'module=authentication status=failed'
              cairn query -n 20 -r -o table 'severity>=high or status=failed'
              cairn query 'actor.email~"@example\\.com$" target.type in(invoice, payment)'
              cairn query -c '"password mismatch"'       # how many
              cairn query -o csv --output-fields _seq,actor.email,action > events.csv
              cairn query -o json --cursor-file seen    # what came since last time

            EXIT STATUS
              0 found, 1 nothing found, 64 wrong filter, time or flag, 66 no log, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    @OptionGroup var selection: FilterOptions

    @Option(
        name: [.customShort("n", allowingJoined: true), .long],
        help: ArgumentHelp(
            "Only the newest N that match; behind a cursor the first N. \"all\" for all.", valueName: "N|all"))
    var lines: EventLimit?

    @Flag(name: .shortAndLong, help: "The newest first.")
    var reverse = false

    @Option(name: .long, help: ArgumentHelp("Go on behind this event.", valueName: "cursor"))
    var afterCursor: UInt64?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Go on behind the event that this file names, and write into it how far the answer went.",
            valueName: "file"))
    var cursorFile: String?

    @Flag(name: .long, help: "Print the cursor behind the events: -- cursor: N")
    var showCursor = false

    @Flag(name: .shortAndLong, help: "Then wait and print events as they come. Begins with the newest 10 unless told.")
    var follow = false

    @Flag(name: .shortAndLong, help: "Print only how many events match.")
    var count = false

    @Flag(name: .long, help: "Say on standard error what had to be read.")
    var explain = false

    func validate() throws {
        if count, follow || reverse || showCursor || lines != nil || afterCursor != nil || cursorFile != nil {
            throw ValidationError("--count counts all that match: leave out -f, -n, -r and cursors.")
        }
        if follow, source.archive != nil {
            throw ValidationError("an archive does not grow while it is read: leave out -f or --archive.")
        }
        if follow, reverse { throw ValidationError("-f prints the oldest first: leave out -r.") }
        if follow, selection.times.until != nil {
            throw ValidationError("-f waits for what is to come: leave out --until.")
        }
        if reverse, afterCursor != nil || cursorFile != nil {
            throw ValidationError("a cursor goes forward: leave out -r.")
        }
        if afterCursor != nil, cursorFile != nil {
            throw ValidationError("--after-cursor and --cursor-file both say where to begin: name one.")
        }
    }

    func run() throws {
        let watch = Stopwatch()
        var query = try selection.query(utc: output.utc)
        let file = cursorFile.map(CursorFile.init(path:))
        let cursor = try afterCursor ?? file?.read()
        query.after = cursor
        let log = try source.open()
        if count { return try printCount(query, log, watch) }
        // Taken first: what comes while older events are printed is for the follower.
        let end = follow ? try log.endSequence() : 0
        let printer = EventPrinter(output.settings)
        let statistics = try print(query, printer, log)
        try printer.finish()
        if explain { statistics.explain(printed: printer.count, elapsed: watch.elapsed) }
        let reached = printer.lastSequence ?? cursor
        if showCursor, !follow, let reached { try Output.print("-- cursor: \(reached)") }
        if let file, let reached, reached != cursor { try file.write(reached) }
        if follow { try self.follow(query, printer, log, end: end, cursor: cursor, file: file) }
        if printer.count == 0 {
            selection.hint(at: query.filter)
            throw CommandFailure(.negative)
        }
    }

    private func printCount(_ query: Query, _ log: AuditLog, _ watch: Stopwatch) throws {
        let (count, statistics) = try log.count(query)
        try Output.print("\(count)")
        if explain { statistics.explain(printed: Int(count), elapsed: watch.elapsed) }
        guard count == 0 else { return }
        selection.hint(at: query.filter)
        throw CommandFailure(.negative)
    }

    private func print(_ query: Query, _ printer: EventPrinter, _ log: AuditLog) throws -> QueryStatistics {
        var query = query
        let followed = EventLimit(selection.times.since == nil && query.after == nil ? 10 : nil)
        let limit = (lines ?? (follow ? followed : EventLimit(nil))).count
        if let limit, !reverse, query.after == nil {
            return try printer.printNewest(limit, query, of: log)
        }
        query.limit = limit
        if limit == nil, !follow, let form = output.settings.exportForm {
            query.order = reverse ? .newestFirst : .oldestFirst
            return try printer.export(query, form, fields: output.settings.fields, of: log)
        }
        query.order = reverse ? .newestFirst : .oldestFirst
        return try printer.print(query, of: log)
    }

    private func follow(
        _ query: Query, _ printer: EventPrinter, _ log: AuditLog, end: UInt64, cursor: UInt64?, file: CursorFile?
    ) throws {
        let clock = SystemTimeSource()
        var nextWrite: Int64 = 0
        // A page of a cursor may end before the end of the log: then the follower goes on behind the page.
        let isPage = cursor != nil && lines?.count != nil
        let examined = isPage ? nil : end.subtractingOne
        let after = [printer.lastSequence, examined, cursor].compactMap { $0 }.max()
        try printer.follow(query, after: after, of: log) { sequence in
            let now = clock.monotonic()
            // Once a second: after a crash the last second is printed again, and nothing is left out.
            guard let file, now >= nextWrite else { return }
            nextWrite = now + Time.perSecond
            try file.write(sequence)
        }
    }
}

extension UInt64 {
    fileprivate var subtractingOne: UInt64? { self > 0 ? self - 1 : nil }
}
