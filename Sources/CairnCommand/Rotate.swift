import ArgumentParser

/// `cairn rotate`
struct Rotate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Have the daemon seal the active segment and begin the next.",
        discussion: """
            What is sealed can be archived, pruned and redacted, and whoever breaks in later cannot change it unseen. \
            A segment without events is not sealed.

            EXIT STATUS
              0 done, 69 no daemon answers, 77 not permitted.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var control: ControlOptions

    @Flag(name: .long, help: "Print the daemon's answer, one JSON object.")
    var json = false

    func run() throws {
        let answer = try control.connect(directory: log.path).perform(.rotate)
        if json { return try Output.print(String(decoding: answer.line, as: UTF8.self)) }
        try answer.read { object in
            guard object["sealed"]?.flag == true else {
                return try Output.print("Nothing to seal: the active segment has no event yet.")
            }
            let count = object["sealed_segments"]?.number ?? 0
            try Output.print("Sealed: \(Figures.count(count, "segment")) in all.")
        }
    }
}
