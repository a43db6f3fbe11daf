import ArgumentParser
import CairnArchive
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn verify`
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that a log is as it was written, and say what is proved.",
        discussion: """
            Every byte is read, every event hashed, every signature checked. The log may be written meanwhile. Without \
            a key, the key is the one that the log itself names: that shows that the log agrees with itself, not that \
            it is the log that it claims to be. What "cairn anchor" has published must still be a part of the log.

            EXAMPLES
              cairn verify --key-file genesis.vkey
              cairn verify -D /mnt/copy --key 'example.org/audit+1b2c3d4e+AX…'
              cairn verify --checkpoint last-month    # does the log still extend it?
              cairn verify --events-only              # every night; and without it now and then
              cairn verify --archive s3://audit-archive/prod --all-logs --key-file all.vkeys

            EXIT STATUS
              0 VERIFIED, with --all-logs every log; 1 any other verdict; 64 wrong usage, 66 no log or file, 69 the \
            storage does not answer, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions

    @Flag(
        name: .long,
        help: "Verify every log of the archive, each with the key of its name of those in --key-file.")
    var allLogs = false

    @OptionGroup var trust: KeyOptions
    @OptionGroup var state: StateOptions

    @Option(
        name: .long,
        help: ArgumentHelp("A checkpoint that was kept elsewhere: the log must extend it.", valueName: "file"))
    var checkpoint: String?

    @Flag(
        name: .long,
        help: "Check sealed events by their hashes and seals alone, and not the indexes that find them: faster.")
    var eventsOnly = false

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    @Option(
        name: .long, help: ArgumentHelp("Segments to verify at once (default: one a processor).", valueName: "N"))
    var threads: Int?

    @Flag(name: .shortAndLong, help: "Print nothing: the exit status tells.")
    var quiet = false

    @Option(name: .long, help: ArgumentHelp("Colours: auto, always or never.", valueName: "when"))
    var color = ColorChoice.auto

    func validate() throws {
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads wants a number from 1 to 1024.")
        }
        if allLogs {
            if source.archive == nil { throw ValidationError("--all-logs is for --archive.") }
            if source.logName != nil { throw ValidationError("--all-logs takes every log: leave out --log-name.") }
            if checkpoint != nil { throw ValidationError("--checkpoint is of one log: leave out --all-logs.") }
        }
        if json, quiet { throw ValidationError("--quiet prints nothing, so leave out --json.") }
    }

    func run() throws {
        if let (storage, logs) = try source.openArchive() {
            if allLogs { return try verifyAll(storage, logs) }
            let layout = try source.only(of: logs)
            return try report(timed { try verify(storage, layout, key: trust.verifierKey()) })
        }
        let directory = try openDirectory()
        try report(
            timed {
                var options = try options(key: trust.verifierKey())
                options.anchors = state.anchors(of: directory)
                return try Verifier(directory, options: options).run()
            })
    }

    /// A log in an archive.
    func verify(
        _ storage: any ObjectStorage, _ layout: ArchiveLayout, key: VerifierKey?
    ) throws -> Verification {
        let check = try ArchiveCheck(storage, layout)
        var options = try options(key: key)
        options.isArchive = true
        let directory = LogDirectory(check.files, identities: try source.identity.identities())
        return check.completed(try Verifier(directory, options: options).run())
    }

    /// What `body` finds, and the nanoseconds that it takes.
    func timed(_ body: () throws -> Verification) rethrows -> (verification: Verification, elapsed: Int64) {
        let watch = Stopwatch()
        return (try body(), watch.elapsed)
    }

    private func options(key: VerifierKey?) throws -> VerifyOptions {
        let line = ProgressLine(isShown: StandardStream.error.isTerminal && !quiet)
        var options = VerifyOptions(
            genesisKey: key, checkpoint: try olderCheckpoint(), threads: threads,
            progress: { done, total in
                if done < total {
                    line.update { "verifying: \(Figures.bytes(done)) of \(Figures.bytes(total))" }
                } else {
                    line.clear()
                }
            })
        options.isOfEventsOnly = eventsOnly
        return options
    }

    private func report(_ outcome: (verification: Verification, elapsed: Int64)) throws {
        let verification = outcome.verification
        if json {
            try Output.print(String(decoding: verification.json, as: UTF8.self))
        } else if !quiet {
            try Output.print(text(verification, outcome.elapsed))
        }
        if verification.verdict != .verified { throw CommandFailure(.negative) }
    }

    func text(_ verification: Verification, _ elapsed: Int64) -> String {
        VerificationReport(
            verification, elapsed: elapsed, now: WallClock.now, style: Style(isOn: color.isOn(for: .output))
        ).text
    }

    /// Not through `LogDirectory(path:)`: that refuses a log whose origin is gone, and here that is a finding.
    private func openDirectory() throws -> LogDirectory {
        let identities = try source.identity.identities()
        do throws(IOFailure) {
            return LogDirectory(try PosixFileSystem(root: source.log.path), identities: identities)
        } catch {
            guard error.isMissing else { throw error }
            throw CommandFailure(
                .noInput,
                "there is no directory \(source.log.path): name another with -D, or make a log with \"cairn init\"")
        }
    }

    private func olderCheckpoint() throws -> [UInt8]? {
        try checkpoint.map { try FilePlace.named($0, limit: Limits.note) }
    }
}
