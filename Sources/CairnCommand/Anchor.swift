import ArgumentParser
import CairnArchive
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

            A place is a file, a bucket (s3://BUCKET/PREFIX, with --lock under Object Lock), or a witness \
            (https://HOST/PATH, with its key), which cosigns the checkpoint as C2SP tlog-witness says. Credentials for \
            S3 come from where "cairn archive" takes them.

            EXAMPLES
              cairn anchor --to /mnt/other-host/checkpoint
              cairn anchor --to s3://audit-archive/prod --lock compliance:2557d
              cairn anchor --to https://witness.example --witness 'witness.example+1b2c3d4e+BA…' --output cosigned
              cairn anchor --to-command 'mail -s "checkpoint of $CAIRN_ORIGIN" auditor@example.org'
              cairn verify --checkpoint /mnt/other-host/checkpoint
              cairn prove 42 --checkpoint cosigned

            EXIT STATUS
              0 anchored; 1 the log does not extend what was anchored before; 64 wrong usage; 65 damaged log, or no \
            checkpoint at the place; 66 no log; 69 the place does not answer, or the command fails; 74 input/output \
            error; 77 not permitted.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var state: StateOptions

    @Option(
        name: [.long, .customLong("to-file")],
        help: ArgumentHelp(
            "A file on another machine or medium, s3://BUCKET/PREFIX, or https://WITNESS.", valueName: "place"))
    var to: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Give the checkpoint to this command of the shell, as its input.", valueName: "command"))
    var toCommand: String?

    @Option(name: .long, help: ArgumentHelp("The key of the witness.", valueName: "vkey"))
    var witness: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Have the bucket keep the checkpoint so long (Object Lock): governance:30d or compliance:2557d.",
            valueName: "mode:time"),
        transform: LockOption.init)
    var lock: LockOption?

    @Option(name: .long, help: ArgumentHelp("File with credentials for S3.", valueName: "file"))
    var credentials: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Write the checkpoint here, too, with the cosignature of the witness.", valueName: "file"))
    var output: String?

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    private var isWitness: Bool { to.map { $0.hasPrefix("https://") || $0.hasPrefix("http://") } ?? false }
    private var isBucket: Bool { to?.hasPrefix("s3://") ?? false }

    func validate() throws {
        guard (to == nil) != (toCommand == nil) else { throw ValidationError("Name one place: --to or --to-command.") }
        if to?.isEmpty == true || toCommand?.isEmpty == true { throw ValidationError("The place has no name.") }
        if isWitness != (witness != nil) {
            throw ValidationError("A witness has an address, --to https://…, and a key, --witness: give both.")
        }
        if lock != nil, !isBucket { throw ValidationError("--lock goes with --to s3://….") }
        if credentials != nil, !isBucket { throw ValidationError("--credentials goes with --to s3://….") }
        if state.path == nil { throw ValidationError("Name a directory for what was anchored, with --state.") }
    }

    func run() throws {
        let directory = try LogDirectory(path: log.path)
        let origin = try directory.origin().origin
        guard let note = try directory.note(FileNames.checkpoint) else {
            throw CommandFailure(.data, "the log has no checkpoint; \"cairn verify\" tells what is still good")
        }
        let files = try stateDirectory()
        let place = try place(directory, AnchorState(files).anchors(of: origin))
        let now = WallClock.now
        let own = try check(Anchor(target: place.target, time: now, checkpoint: note.bytes), directory)
        if let before = try place.newest(of: origin) {
            let older = try check(Anchor(target: place.target, time: now, checkpoint: before), directory)
            guard older.size ?? 0 <= own.size ?? 0 else {
                throw CommandFailure(
                    .negative,
                    "\(SafeText.string(place.target)) covers more seals than the log's checkpoint: is this an older "
                        + "copy of the log?")
            }
        }
        let published = try publish(note.note, place, of: origin)
        try AnchorState(files).record(
            Anchor(target: place.target, time: WallClock.now, checkpoint: published.bytes), of: origin)
        if let output {
            let (files, name) = try FilePlace.open(output)
            try files.replace(name, with: published.bytes, mode: 0o644)
        }
        try report(own)
    }

    /// - Parameter anchors: those that are known, of all places.
    private func place(_ directory: LogDirectory, _ anchors: [Anchor]) throws -> any AnchorPlace {
        if let toCommand { return CommandAnchor(toCommand) }
        let to = to ?? ""
        if let witness {
            let key: WitnessKey
            do throws(FormatError) {
                key = try WitnessKey(witness)
            } catch {
                throw CommandFailure(.usage, "--witness: \(SafeText.string(error.description))")
            }
            return try Program.facilities.witness(to, key, directory) { target in
                anchors.first { $0.target == target }
                    .flatMap { try? Checkpoint(SignedNote($0.checkpoint)).size } ?? 0
            }
        }
        guard isBucket else { return FileAnchor(to.hasPrefix("file://") ? String(to.dropFirst(7)) : to) }
        let storage = try ArchiveLocation(to).openTelling(creating: false, credentialsFile: credentials)
        return BucketAnchor(
            storage,
            lock: lock.map { ObjectLock($0.mode, until: Time(nanoseconds: WallClock.now.nanoseconds &+ $0.duration)) })
    }

    private func publish(
        _ checkpoint: SignedNote, _ place: any AnchorPlace, of origin: Origin
    ) throws -> SignedNote {
        do throws(ArchiveError) {
            return try place.publish(checkpoint, of: origin)
        } catch {
            // The place knows another history.
            if error.code == .changed { throw CommandFailure(.negative, SafeText.string(error.description)) }
            throw error
        }
    }

    /// Proves that the log extends a checkpoint.
    private func check(_ anchor: Anchor, _ directory: LogDirectory) throws -> AnchorCoverage {
        do {
            _ = try SignedNote(anchor.checkpoint)
        } catch {
            throw CommandFailure(.data, "\(anchor.target) does not hold a checkpoint: name another place")
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
                "Anchored \(Figures.count(coverage.size ?? 0, "seal"))\(through): \(SafeText.string(coverage.target)).")
        }
    }
}
