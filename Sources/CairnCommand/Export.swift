import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn export`
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write events to a file, with a manifest that shows that it is complete.",
        discussion: """
            There is no limit of rows. With -o the file appears once it is whole, and beside it FILE.manifest.json: the \
            query, the zone, rows, first and last sequence number, how far the log reached and what of it was gone, its \
            checkpoint, and the SHA-256 of the file. The export is recorded in the log where the log's daemon listens.

            ndjson: the stored lines. json: one array. csv: RFC 4180; a text that a spreadsheet would take for a formula \
            gets a ' before it. ocsf, ecs, cef: the schemas of SIEMs (OCSF, Elastic Common Schema, ArcSight).

            \(FilterOptions.explanation)

            EXAMPLES
              cairn export -o events.csv -S 2026-01-01 -U 2026-04-01
              cairn export --format ndjson 'module=authentication' | gzip > logins.ndjson.gz
              cairn export --format csv --fields _seq,timestamp,actor.email,action -o who.csv
              cairn export --archive s3://audit-archive/prod --format ocsf -o siem.ndjson

            EXIT STATUS
              0 written, also if nothing was found; 64 wrong filter, time or flag; 65 the log is damaged; 66 no log; 73 the \
            file exists; 74 input/output error; 77 not permitted.
            """)

    @OptionGroup var source: SourceOptions
    @OptionGroup var selection: FilterOptions

    @Option(
        name: .long,
        help: ArgumentHelp("ndjson, json, csv, ocsf, ecs or cef (default: by the file's name, else ndjson)."))
    var format: ExportForm?

    @Option(
        name: .long,
        help: ArgumentHelp("These fields, named by dotted paths and separated by commas.", valueName: "a,b"))
    var fields: String?

    @Option(
        name: [.customShort("o", allowingJoined: true), .long],
        help: ArgumentHelp("Write to this file instead of standard output.", valueName: "file"))
    var output: String?

    @Flag(name: .long, help: "Replace the file if it is there.")
    var force = false

    @Flag(name: .shortAndLong, help: "The newest first.")
    var reverse = false

    @Flag(name: .long, help: "Times without a zone are in UTC.")
    var utc = false

    @Option(name: .long, help: ArgumentHelp("The event socket of the log's daemon.", valueName: "path"))
    var socket = StandardPlaces.eventSocket

    @Flag(name: .long, help: "Do not record the export in the log.")
    var noRecord = false

    @Flag(name: .long, help: "Say on standard error what had to be read.")
    var explain = false

    func validate() throws {
        if output?.isEmpty == true { throw ValidationError("-o names no file.") }
        guard let fields else { return }
        guard form.hasFields else { throw ValidationError("--fields has no meaning with --format \(form.rawValue).") }
        if fields.split(separator: ",", omittingEmptySubsequences: false).contains(where: \.isEmpty) {
            throw ValidationError("--fields wants names with commas between them, such as action,actor.id.")
        }
    }

    private var form: ExportForm {
        if let format { return format }
        let name = output?.split(separator: ".").last.map(String.init) ?? ""
        return ExportForm(rawValue: name) ?? .ndjson
    }

    func run() throws {
        let watch = Stopwatch()
        let log = try source.open()
        let state = try log.exportState()
        var query = try selection.query(utc: utc)
        query.order = reverse ? .newestFirst : .oldestFirst
        var request = ExportRequest(
            query, form, fields: fields?.split(separator: ",").map(String.init) ?? [])
        request.logName = state.origin ?? ""
        request.version = Release.version
        request.end = state.endSequence
        let result: ExportResult
        var digest: Digest?
        if let output {
            let file = try ExportFile(path: output, replaces: force)
            result = try write(request, of: log) { try file.append($0) }
            digest = try file.finish { digest in
                ExportManifest(
                    created: WallClock.now, program: "cairn \(Release.version)",
                    userID: ProcessEnvironment.userID, request: request, zone: zone, result: result, file: file.name,
                    digest: digest, state: state)
            }
        } else {
            let standard = Output()
            result = try write(request, of: log) { try standard.append($0) }
            try standard.flush()
        }
        if !noRecord { record(request, result, digest, state) }
        if let output, StandardStream.error.isTerminal {
            Console.say(
                "\(Figures.count(result.rows, "event")), \(Figures.bytes(result.bytes)) in \(output), "
                    + Figures.duration(nanoseconds: watch.elapsed))
        }
        if explain { result.statistics.explain(printed: Int(result.rows), elapsed: watch.elapsed) }
    }

    private var zone: String { utc ? "UTC" : ProcessEnvironment.value("TZ") ?? "local" }

    private func write(
        _ request: ExportRequest, of log: AuditLog, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> ExportResult {
        let line = ProgressLine()
        defer { line.clear() }
        return try log.export(request, to: write) { result in
            line.update {
                let last = reverse ? result.firstSequence : result.lastSequence
                let done = Double(last ?? 0) / Double(max(1, request.end)) * 100
                return "\(Figures.count(result.rows, "event")), \(Figures.bytes(result.bytes)), "
                    + "\(Figures.decimal(reverse ? 100 - done : done)) % of the log"
            }
        }
    }

    /// An export that cannot be recorded is an export nevertheless; that it is not is said.
    private func record(_ request: ExportRequest, _ result: ExportResult, _ digest: Digest?, _ state: ExportedLog) {
        var details = JSONLine()
        details.add("filter", request.query.filter.description)
        details.add("since", request.query.since?.description)
        details.add("until", request.query.until?.description)
        details.add("format", request.form.rawValue)
        details.add("rows", result.rows)
        details.add("first_seq", result.firstSequence)
        details.add("last_seq", result.lastSequence)
        details.add("file", output)
        details.add("sha256", digest.map { $0.withUnsafeBytes { Hex.encode($0) } })
        var actor = JSONLine()
        actor.add("type", "user")
        actor.add("id", "uid:\(ProcessEnvironment.userID)")
        var event = JSONLine()
        event.add("action", "log.export")
        event.add("module", "reporting")
        event.add("status", "success")
        event.add("actor", json: actor.text)
        event.add("details", json: details.text)
        switch EventRecord.send(event.text, to: socket, origin: state.origin) {
        case .recorded: break
        case .notRecorded(let reason): Console.complain("the export is not recorded in the log: \(reason)")
        }
    }
}

extension ExportForm: ExpressibleByArgument {}

/// A file that appears once it is whole.
private final class ExportFile {
    let name: String
    private let files: PosixFileSystem
    private let file: any AppendFile
    private var hash = StreamingHash()
    private var isDone = false

    init(path: String, replaces: Bool) throws {
        (files, name) = try FilePlace.open(path)
        guard try replaces || files.status(name) == nil else {
            throw CommandFailure(.cannotCreate, "\(path) exists: name another file, or replace it with --force")
        }
        try? files.remove(ExportFile.temporary(name))
        file = try files.create(ExportFile.temporary(name), mode: 0o600)
    }

    deinit {
        if !isDone { try? files.remove(ExportFile.temporary(name)) }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        hash.update(bytes)
        try file.append(bytes)
    }

    /// Gives the file its name, and puts the manifest beside it.
    func finish(_ manifest: (Digest) -> ExportManifest) throws -> Digest {
        try file.sync()
        try file.close()
        let digest = hash.finish()
        try files.rename(ExportFile.temporary(name), to: name)
        isDone = true
        try files.replace("\(name).manifest.json", with: manifest(digest).bytes, mode: 0o600)
        return digest
    }

    private static func temporary(_ name: String) -> String { ".\(name).part" }
}
