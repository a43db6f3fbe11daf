import ArgumentParser
import CairnArchive
import CairnDaemon
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn archive`
struct Archive: ParsableCommand {
    static let configuration = CommandConfiguration(
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

    @Option(name: .long, help: ArgumentHelp("s3://BUCKET/PREFIX, or a directory.", valueName: "url"))
    var to: ArchiveLocation

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Have the bucket keep each object so long (Object Lock): governance:30d or compliance:7y.",
            valueName: "mode:time"))
    var lock: LockOption?

    @Option(
        name: .long, help: ArgumentHelp("Send no more bytes a second than this, such as 10MiB.", valueName: "size"))
    var limitRate: ByteCount?

    @Option(name: .long, help: ArgumentHelp("File with credentials for S3.", valueName: "file"))
    var credentials: String?

    @Flag(name: .long, help: "Do not tell the daemon: it goes on to take the segments for not archived.")
    var noReport = false

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func run() throws {
        let line = ProgressLine(isShown: StandardStream.error.isTerminal)
        let storage = try to.open(
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
            + "\"events\":\(outcome.sequences.count),\"noted\":\(isNoted ?? false),\"locked\":\(outcome.locked.count)}"
    }
}

extension ArchiveLocation: ExpressibleByArgument {
    /// Reads `--to` and `--archive`.
    public init?(argument: String) {
        guard let location = try? ArchiveLocation(argument) else { return nil }
        self = location
    }
}

/// `compliance:365d`
struct LockOption: ExpressibleByArgument {
    let mode: ObjectLock.Mode
    /// In nanoseconds.
    let duration: Int64

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let mode = ObjectLock.Mode(rawValue: parts[0].uppercased()),
            let span = try? TimeSpan.parse(String(parts[1])), span > .zero, span.components.seconds < 1 << 32
        else { return nil }
        self.mode = mode
        duration = span.components.seconds * Time.perSecond
    }
}

/// `10MiB`
struct ByteCount: ExpressibleByArgument {
    let bytes: Int

    init?(argument: String) {
        guard let bytes = try? ByteSize.parse(argument), bytes > 0 else { return nil }
        self.bytes = bytes
    }
}

/// A log on this machine, or in an archive.
struct SourceOptions: ParsableArguments {
    @OptionGroup var log: LogOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Read the archive there instead: s3://BUCKET/PREFIX, or a directory.", valueName: "url"))
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
        guard let archive else { return try log.openDirectory(identity) }
        let storage = try archive.open(creating: false, credentialsFile: credentials)
        let logs = try ArchiveLayout.logs(in: storage)
        let wanted = logName.map { name in logs.filter { $0.name == name } } ?? logs
        guard let layout = wanted.first else {
            throw CommandFailure(
                .noInput, "\(archive) holds no log\(logName.map { " of the name \($0)" } ?? "")")
        }
        guard wanted.count == 1 else {
            let names = logs.map { SafeText.string($0.name) }.joined(separator: ", ")
            throw CommandFailure(.usage, "\(archive) holds several logs: name one with --log-name: \(names)")
        }
        return LogDirectory(try ArchiveFiles(storage, layout), identities: try identity.identities())
    }
}
