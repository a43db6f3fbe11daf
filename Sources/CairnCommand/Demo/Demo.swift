import ArgumentParser
import CairnPlatform

/// `cairn demo`
struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See everything at work on a log of its own.",
        discussion: """
            Runs a daemon inside this process on a new directory, sends made-up events over four connections, looks at \
            them, verifies the log, and shows what verification says of a copy in which one byte was changed. Nothing \
            outside that directory is touched.

            EXAMPLES
              cairn demo
              cairn demo --events 1000000 --directory ./demo
            """)

    @Option(name: .long, help: ArgumentHelp("How many events.", valueName: "N"))
    var events = 100_000

    @Option(name: .long, help: ArgumentHelp("Other events; the same seed makes the same ones.", valueName: "N"))
    var seed: UInt64 = 1

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where to put the files: a directory that is empty or new (default: below TMPDIR or /tmp).",
            valueName: "dir"))
    var directory: String?

    @Flag(inversion: .prefixedNo, help: "Leave the files there, to try more with them.")
    var keep = true

    func validate() throws {
        guard (100...100_000_000).contains(events) else {
            throw ValidationError("--events wants a number from 100 to 100000000.")
        }
    }

    func run() throws {
        // Before there is anything on disk: the command may begin anew in another program.
        let daemon = try Program.facilities.daemon()
        let place = try makePlace()
        do {
            try Demonstration(daemon: daemon, place: place, events: events, seed: seed).run()
            if keep {
                try Output.print("", "The files are in \(place); when you are done: rm -r \(place)")
            } else {
                try ScratchDirectory.remove(place)
            }
        } catch {
            Console.say("the files are in \(place); remove them with: rm -r \(place)")
            throw error
        }
    }

    private func makePlace() throws -> String {
        guard let directory else { return try ScratchDirectory.create(prefix: "cairn-demo-") }
        try PosixFileSystem.createRoot(directory, mode: 0o700)
        guard try PosixFileSystem(root: directory).list("").isEmpty else {
            throw CommandFailure(.cannotCreate, "\(directory) is not empty: name another directory")
        }
        return directory
    }
}
