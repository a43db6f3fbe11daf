import ArgumentParser
import CairnFormat
import CairnReader

/// `cairn redact`
struct Redact: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redact",
        abstract: "Erase the content of events; that they were there stays provable.",
        discussion: """
            The content and the salt of its hash are removed from data and index. The hash stays, so the log verifies, \
            and so do receipts and proofs of all other events. An event log.redacted says who erased what and why; it \
            does not hold the filter, which may name what is to be forgotten. It cannot be undone.

            Events under a legal hold are not erased, nor those that account for what was erased or pruned: then \
            nothing is. Events of encrypted segments need an identity, which the daemon forgets when it is done. If events of the active segment are among them, it is sealed first. What was copied elsewhere, \
            to backups or to archives under a lock, is out of reach.

            EXAMPLES
              cairn redact --filter 'actor.email="jane@example.org"' --reason 'erasure request 2026-88' --dry-run
              cairn redact --seq 4711 --seq 5000-5100 --reason 'password in clear text'

            EXIT STATUS
              0 done; 1 refused, or no event matches; 64 wrong filter, time or number; 69 no daemon answers, or the \
            disk is full; 77 not permitted.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var control: ControlOptions
    @OptionGroup var identity: IdentityOptions
    @OptionGroup var selection: SelectionOptions

    @Option(
        name: .customLong("seq"),
        help: ArgumentHelp("Events by number, such as 5 or 7-9; of those only what matches.", valueName: "N|N-M"))
    var sequences: [String] = []

    @Option(name: .long, help: "Why; it stands in the place of the event.")
    var reason: String

    @Flag(name: .long, help: "Only say what would be erased.")
    var dryRun = false

    @Flag(name: .long, help: "Print the daemon's answer, one JSON object.")
    var json = false

    func validate() throws {
        if reason.isEmpty { throw ValidationError("--reason is empty: say why.") }
        if sequences.isEmpty, selection.isEmpty {
            throw ValidationError("Say which events: --seq, --filter, --since or --until.")
        }
        for text in sequences where SequenceRanges(text) == nil {
            throw ValidationError("--seq \(text): a number or a range is wanted, such as 5 or 7-9.")
        }
    }

    func run() throws {
        var arguments = try [("reason", .text(reason)), ("dry_run", .flag(dryRun))] + selection.arguments()
        if !sequences.isEmpty { arguments.append(("sequences", .text(sequences.joined(separator: ",")))) }
        if let identities = try identity.text() { arguments.append(("identities", .text(identities))) }
        let answer = try control.connect(directory: log.path).perform(.redact, arguments)
        let events = answer.read { $0["events"]?.number ?? 0 }
        if json {
            try Output.print(String(decoding: answer.line, as: UTF8.self))
        } else {
            try answer.read { try Output.print(text($0, events)) }
        }
        if events == 0 { throw CommandFailure(.negative) }
    }

    private func text(_ answer: JSONSlice, _ events: UInt64) -> String {
        let already = answer["already_redacted"]?.number ?? 0
        let before = already > 0 ? " \(Figures.count(already, "event")) had been erased before." : ""
        guard events > 0 else { return "No event matches that could be erased.\(before)" }
        let segments = Figures.count(answer["segments"]?.number ?? 0, "segment")
        let what = "\(Figures.count(events, "event")) in \(segments)"
        return dryRun ? "Would erase \(what).\(before)" : "Erased \(what).\(before)"
    }
}
