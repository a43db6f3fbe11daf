import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn verify`
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prove that a log is as it was written, and say what is proved.",
        discussion: """
            Every byte is read, every event hashed, every signature checked. The log may be written meanwhile. Without \
            a key, the key is the one that the log itself names: that shows that the log agrees with itself, not that \
            it is the log that it claims to be. What "cairn anchor" has published must still be a part of the log.

            EXAMPLES
              cairn verify --key-file genesis.vkey
              cairn verify -D /mnt/copy --key 'example.org/audit+1b2c3d4e+AX…'
              cairn verify --checkpoint last-month    # does the log still extend it?

            EXIT STATUS
              0 VERIFIED; 1 any other verdict; 64 wrong usage, 66 no log or file, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions

    @OptionGroup var trust: KeyOptions
    @OptionGroup var state: StateOptions

    @Option(
        name: .long,
        help: ArgumentHelp("A checkpoint that was kept elsewhere: the log must extend it.", valueName: "file"))
    var checkpoint: String?

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
        if json, quiet { throw ValidationError("--quiet prints nothing, so leave out --json.") }
    }

    func run() throws {
        let progress = ProgressLine(isShown: StandardStream.error.isTerminal && !quiet)
        var options = VerifyOptions(
            genesisKey: try trust.verifierKey(), checkpoint: try olderCheckpoint(), threads: threads,
            progress: { done, total in
                progress.update { "verifying: \(Figures.bytes(done)) of \(Figures.bytes(total))" }
            })
        options.isArchive = source.archive != nil
        let directory = try options.isArchive ? source.openDirectory() : openDirectory()
        if !options.isArchive { options.anchors = state.anchors(of: directory) }
        let watch = Stopwatch()
        let verification = try Verifier(directory, options: options).run()
        let elapsed = watch.elapsed
        progress.clear()
        if json {
            try Output.print(String(decoding: verification.json, as: UTF8.self))
        } else if !quiet {
            let report = VerificationReport(
                verification, elapsed: elapsed, now: WallClock.now, style: Style(isOn: color.isOn(for: .output)))
            try Output.print(report.text)
        }
        if verification.verdict != .verified { throw CommandFailure(.negative) }
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
