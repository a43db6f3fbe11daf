import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn anchor`
struct AnchorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anchor",
        abstract: "Publish the log's checkpoint where its host cannot change it.",
        discussion: """
            Whoever owns the host can cut the log's end off, or sign another history with its keys. A checkpoint that is \
            kept elsewhere shows it. Before it is replaced, it is proved that the log extends what stands there; \
            afterwards "cairn verify" and "cairn status" say how far the log is anchored.

            EXAMPLES
              cairn anchor --to-file /mnt/other-host/checkpoint
              cairn verify --checkpoint /mnt/other-host/checkpoint

            EXIT STATUS
              0 anchored; 1 the log does not extend what was anchored before; 65 damaged log, or no checkpoint in the \
            file; 66 no log; 74 input/output error.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var state: StateOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Keep the checkpoint in this file, on another machine or medium.", valueName: "file"))
    var toFile: String

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if toFile.isEmpty { throw ValidationError("--to-file names no file.") }
        if state.path == nil { throw ValidationError("Name a directory for what was anchored, with --state.") }
    }

    func run() throws {
        let directory = try LogDirectory(path: log.path)
        let origin = try directory.origin().origin
        guard let note = try directory.note(FileNames.checkpoint) else {
            throw CommandFailure(.data, "the log has no checkpoint; \"cairn verify\" tells what is still good")
        }
        let (files, name) = try FilePlace.open(toFile)
        let anchor = try Anchor(target: "file:\(toFile)", time: WallClock.now, checkpoint: note.bytes)
        let now = try check(anchor, directory)
        if let before = try files.contents(name, limit: Limits.note) {
            let older = try check(
                Anchor(target: toFile, time: anchor.time, checkpoint: before), directory)
            guard older.size ?? 0 <= now.size ?? 0 else {
                throw CommandFailure(
                    .negative,
                    "\(toFile) covers more seals than the log's checkpoint: is this an older copy of the log?")
            }
        }
        let place = try stateDirectory()
        try files.replace(name, with: anchor.checkpoint, mode: 0o644)
        try AnchorState(place).record(anchor, of: origin)
        try report(now)
    }

    /// Proves that the log extends a checkpoint.
    private func check(_ anchor: Anchor, _ directory: LogDirectory) throws -> AnchorCoverage {
        do {
            _ = try SignedNote(anchor.checkpoint)
        } catch {
            throw CommandFailure(.data, "\(anchor.target) does not hold a checkpoint: name another file")
        }
        guard let coverage = try AnchorCheck(directory).check([anchor]).first else {
            throw CommandFailure(.software, "nothing was found out about the checkpoint")
        }
        guard coverage.verdict == .verified else {
            throw CommandFailure(
                .negative,
                "\(SafeText.string(anchor.target)): \(coverage.verdict.rawValue): "
                    + SafeText.string(coverage.message ?? ""))
        }
        return coverage
    }

    private func stateDirectory() throws -> PosixFileSystem {
        guard let path = state.path else { throw CommandFailure(.usage, "name a directory with --state") }
        try PosixFileSystem.createRoot(path, mode: 0o750)
        return try PosixFileSystem(root: path)
    }

    private func report(_ coverage: AnchorCoverage) throws {
        if json {
            var line = JSONLine()
            line.add("target", coverage.target)
            line.add("time", coverage.time.description)
            line.add("seals", coverage.size)
            line.add("anchored_through", coverage.lastSequence)
            try Output.print(line.text)
        } else {
            let through = coverage.lastSequence.map { ", up to event \(Figures.count($0))" } ?? ""
            try Output.print(
                "Anchored \(Figures.count(coverage.size ?? 0, "seal"))\(through), in \(SafeText.string(toFile)).")
        }
    }
}
