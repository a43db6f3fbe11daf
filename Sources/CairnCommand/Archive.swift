import ArgumentParser
import CairnArchive
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn archive`
struct Archive: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive",
        abstract: "Copy sealed segments to an archive: a directory, or a bucket of any S3.",
        discussion: """
            Each segment is verified, sent with its SHA-256, compared when it is there, and named by a manifest; then the \
            daemon notes in the log that it is archived, and policies may let the local copy go. A run that is cut off is \
            gone on with by the next. DuckDB, ClickHouse and Spark read events/v1/**/*.ndjson.gz as it is; query and \
            verify work on it in place, with --archive.

            Credentials come from --credentials or the systemd credential "s3" (both as ~/.aws/credentials), from \
            AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws/credentials; another server than AWS from \
            CAIRN_S3_ENDPOINT.

            EXAMPLES
              cairn archive --to /srv/archive
              cairn archive --to s3://audit-archive/prod --lock compliance:2557d --limit-rate 50MiB
              cairn query --archive s3://audit-archive/prod 'status=failed'
              cairn verify --archive s3://audit-archive/prod --key-file genesis.vkey

            EXIT STATUS
              0 done; 1 redacted content is still in the archive, under a lock; 64 wrong usage; 65 a segment does not \
            verify, or is there with other bytes; 66 no log; 69 no daemon or storage answers; 74 input/output error; 77 \
            not permitted.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var control: ControlOptions
    @OptionGroup var identity: IdentityOptions

    @Option(
        name: .long, help: ArgumentHelp("s3://BUCKET/PREFIX, or a directory.", valueName: "url"),
        transform: ArchiveLocation.init)
    var to: ArchiveLocation

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Have the bucket keep each object so long (Object Lock): governance:30d or compliance:365d.",
            valueName: "mode:time"),
        transform: LockOption.init)
    var lock: LockOption?

    @Option(
        name: .long, help: ArgumentHelp("Send no more bytes a second than this, such as 10MiB.", valueName: "size"),
        transform: ByteCount.init)
    var limitRate: ByteCount?

    @Option(name: .long, help: ArgumentHelp("File with credentials for S3.", valueName: "file"))
    var credentials: String?

    @Flag(name: .long, help: "Do not tell the daemon: it goes on to take the segments for not archived.")
    var noReport = false

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard case .directory = to else { return }
        for (name, isGiven) in [
            ("--lock", lock != nil), ("--limit-rate", limitRate != nil), ("--credentials", credentials != nil),
        ] where isGiven {
            throw ValidationError("\(name) is for s3://BUCKET/PREFIX, and \(to) is a directory: leave it out.")
        }
    }

    func run() throws {
        let line = ProgressLine(isShown: StandardStream.error.isTerminal)
        let storage = try to.openTelling(
            creating: true, credentialsFile: credentials, uploadBytesPerSecond: limitRate?.bytes)
        var options = Archiver.Options()
        options.lock = lock.map { ($0.mode, $0.duration) }
        let watch = Stopwatch()
        var archiver = try Archiver(
            log.openDirectory(identity), to: storage, options: options, now: WallClock.now
        ) { first, sent, size in
            line.update { "segment from event \(first): \(Figures.bytes(sent)) of \(Figures.bytes(size))" }
        }
        let outcome = try archiver.run()
        line.clear()
        let isNoted = try noReport ? nil : report(outcome, storage.name)
        try Output.print(json ? jsonText(outcome, isNoted) : text(outcome, watch.elapsed))
        if outcome.waiting > 0, !json { Console.complain(Archive.advice(waiting: outcome.waiting)) }
        if let key = outcome.locked.first {
            throw CommandFailure(
                .negative,
                "\(Figures.count(UInt64(outcome.locked.count), "object")) with redacted content cannot be removed, as Object Lock "
                    + "keeps them: \(SafeText.string(key)); archive again when the lock has ended")
        }
    }

    /// Tells the daemon what is there; nil if nothing is.
    private func report(_ outcome: Archiver.Outcome, _ place: String) throws -> Bool? {
        guard !outcome.sequences.isEmpty else { return nil }
        let answer = try control.connect(directory: log.path).perform(
            .archived, [("sequences", .text(outcome.sequences.description)), ("archive", .text(place))])
        return answer.read { $0["noted"]?.flag }
    }

    static func advice(waiting count: Int) -> String {
        "\(Figures.count(UInt64(count), "segment")) will come with a later run: what accounts for events that were erased "
            + "or pruned there is not sealed yet; \"cairn rotate\" seals it"
    }

    private func text(_ outcome: Archiver.Outcome, _ elapsed: Int64) -> String {
        let all = Figures.count(outcome.sequences.count, "event")
        guard outcome.archived > 0 || outcome.replaced > 0 else {
            return "Nothing new: \(all) are in the archive."
        }
        let again = outcome.replaced > 0 ? ", \(outcome.replaced) anew as events were redacted" : ""
        return
            "Archived \(Figures.count(UInt64(outcome.archived), "segment"))\(again): \(Figures.bytes(outcome.bytes)) in "
            + "\(Figures.duration(nanoseconds: elapsed)). \(all) are in the archive."
    }

    private func jsonText(_ outcome: Archiver.Outcome, _ isNoted: Bool?) -> String {
        "{\"archived\":\(outcome.archived),\"replaced\":\(outcome.replaced),\"bytes\":\(outcome.bytes),"
            + "\"events\":\(outcome.sequences.count),\"noted\":\(isNoted ?? false),\"locked\":\(outcome.locked.count),"
            + "\"waiting\":\(outcome.waiting)}"
    }
}

extension ArchiveLocation {
    /// Opens the storage, and says on standard error what is unwise about it.
    func openTelling(
        creating: Bool, credentialsFile: String?, uploadBytesPerSecond: Int? = nil
    ) throws -> any ObjectStorage {
        switch self {
        case .directory(let path): return try DirectoryStorage(path: path, creating: creating)
        case .s3(let bucket, let prefix):
            let (storage, warning) = try Program.facilities.storage(
                BucketAccess(
                    bucket: bucket, prefix: prefix, credentialsFile: credentialsFile,
                    uploadBytesPerSecond: uploadBytesPerSecond))
            if let warning { Console.complain("warning: \(SafeText.string(warning))") }
            return storage
        }
    }
}

/// `compliance:365d`
struct LockOption {
    let mode: ObjectLock.Mode
    /// In nanoseconds.
    let duration: Int64

    init(_ argument: String) throws {
        let parts = argument.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let mode = ObjectLock.Mode(rawValue: parts[0].uppercased()),
            let span = try? TimeSpan.parse(String(parts[1])), span > .zero, span.components.seconds < 1 << 32
        else { throw ValidationError("write governance:30d, or compliance:365d where nobody may lift it") }
        self.mode = mode
        duration = span.components.seconds * Time.perSecond
    }
}

/// `10MiB`
struct ByteCount {
    let bytes: Int

    init(_ argument: String) throws {
        guard let bytes = try? ByteSize.parse(argument), bytes > 0 else {
            throw ValidationError("write bytes a second, such as 512KiB or 10MiB")
        }
        self.bytes = bytes
    }
}

/// A log on this machine, or in an archive.
struct SourceOptions: ParsableArguments {
    @OptionGroup var log: LogOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Read the archive there instead: s3://BUCKET/PREFIX, or a directory.", valueName: "url"),
        transform: ArchiveLocation.init)
    var archive: ArchiveLocation?

    @Option(name: .long, help: ArgumentHelp("Which log of an archive that holds several.", valueName: "name"))
    var logName: String?

    @Option(name: .long, help: ArgumentHelp("File with credentials for S3.", valueName: "file"))
    var credentials: String?

    @OptionGroup var identity: IdentityOptions

    func validate() throws {
        if archive == nil, logName != nil { throw ValidationError("--log-name goes with --archive.") }
        if archive == nil, credentials != nil { throw ValidationError("--credentials goes with --archive.") }
    }

    func open() throws -> AuditLog { AuditLog(try openDirectory()) }

    func openDirectory() throws -> LogDirectory {
        guard let (storage, layouts) = try openArchive() else { return try log.openDirectory(identity) }
        return LogDirectory(try ArchiveFiles(storage, only(of: layouts)), identities: try identity.identities())
    }

    /// The archive that is named, and its logs; nil where it is a log on this machine.
    func openArchive() throws -> (storage: any ObjectStorage, logs: [ArchiveLayout])? {
        guard let archive else { return nil }
        let storage = try archive.openTelling(creating: false, credentialsFile: credentials)
        let logs = try ArchiveLayout.logs(in: storage)
        guard !logs.isEmpty else {
            throw CommandFailure(
                .noInput,
                "there is no log in \(archive): check the bucket and the prefix, or \"cairn archive\" one there")
        }
        return (storage, logs)
    }

    /// The log that `--log-name` names, or the only one.
    func only(of logs: [ArchiveLayout]) throws -> ArchiveLayout {
        let wanted = logName.map { name in logs.filter { $0.name == name } } ?? logs
        if wanted.count == 1 { return wanted[0] }
        let names = logs.map { SafeText.string($0.name) }.joined(separator: ", ")
        let place = archive?.description ?? ""
        throw logName.map {
            CommandFailure(.noInput, "\(place) holds no log of the name \(SafeText.string($0)), but \(names)")
        }
            ?? CommandFailure(.usage, "\(place) holds several logs: name one with --log-name: \(names)")
    }
}
