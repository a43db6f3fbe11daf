package import ArgumentParser
import CairnPlatform

/// `cairn`: reads, checks and looks after an audit log.
package struct Cairn: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "cairn",
        abstract: "Read, check and look after a tamper-evident audit log.",
        discussion: """
            The log is the directory named with -D, else by CAIRN_DIRECTORY, else /var/log/cairn. Reading needs no \
            daemon; rotate, sync and send do.

            EXAMPLES
              cairn demo              # see everything at work on a log of its own
              cairn tail -f           # watch events come in
              cairn query -S today 'status=failed not tenant=acme'
              cairn verify --key-file genesis.vkey
              cairn prove 42          # a file that proves event 42 to somebody who has no log

            EXIT STATUS
              0 done, found, verified; 1 nothing found, not verified; 64 wrong usage; 65 refused or damaged data; \
            66 no log; 69 no daemon; 73 exists already; 74 input/output error; 75 try again later; 77 not permitted.
            """,
        version: Release.version,
        subcommands: [
            Activity.self, AnchorCommand.self, Archive.self, CheckProof.self, CheckReceipt.self, Demo.self, Export.self,
            Fields.self, GenerateManual.self,
            HoldCommand.self, Init.self, Prove.self, QueryCommand.self, Redact.self, Retention.self, Rotate.self,
            Send.self, Show.self, Stats.self, Status.self, Sync.self, Tail.self, Trail.self, Values.self, Verify.self,
        ])

    package init() {}

    package static func main() {
        do {
            var command = try parsed(Array(CommandLine.arguments.dropFirst()))
            try command.run()
        } catch {
            end(error)
        }
    }

    /// What the arguments say. A subcommand that is named at once is parsed alone, as the parser takes longer to look at
    /// all of them than most queries take. Whatever is not right is parsed as a whole, for help and messages that begin
    /// at `cairn`.
    static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
        let named = configuration.subcommands.first { $0.configuration.commandName == arguments.first }
        if let named, let command = try? named.parseAsRoot(Array(arguments.dropFirst())) { return command }
        return try parseAsRoot(arguments)
    }

    /// Ends the process and says why, in one line of plain text where there is something to say.
    private static func end(_ error: any Error) -> Never {
        if error is OutputClosed {
            // `cairn query | head`: the reader has what it wanted.
            exit(withError: nil)
        }
        if let failure = CommandFailure(reporting: error) {
            if let message = failure.message { Console.complain(message) }
            exit(withError: ExitCode(failure.status.rawValue))
        }
        // Help, versions and completion scripts go to standard output; ArgumentParser's own complaints say "Error: ".
        guard !(error is ExitCode), exitCode(for: error) != .success else { exit(withError: error) }
        let text = fullMessage(for: error)
        let prefix = "Error: "
        Console.complain(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
        exit(withError: exitCode(for: error))
    }
}
