import ArgumentParser

/// `cairn sync`
struct Sync: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Wait until everything that the daemon has received is on disk.",
        discussion: """
            EXIT STATUS
              0 done, 69 no daemon answers, 77 not permitted.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var control: ControlOptions

    @Flag(name: .long, help: "Print the daemon's answer, one JSON object.")
    var json = false

    func run() throws {
        let answer = try control.connect(directory: log.path).perform(.sync)
        if json { return try Output.print(String(decoding: answer.line, as: UTF8.self)) }
        try answer.read { object in
            let through = object["durable_seq"]?.number.map { "Events up to \(Figures.count($0)) are on disk." }
            try Output.print(through ?? "There is no event yet.")
        }
    }
}
