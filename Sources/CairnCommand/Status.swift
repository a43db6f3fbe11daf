import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn status`
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how the log and its daemon are.",
        discussion: """
            Where no daemon answers, what the directory shows is told, and that none answers.

            EXIT STATUS
              0 told, 66 no log, 74 input/output error.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var control: ControlOptions
    @OptionGroup var state: StateOptions

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    @Flag(name: .long, help: "Times in UTC, and not in the zone of TZ.")
    var utc = false

    func run() throws {
        var times = TimeStyle(utc: utc)
        if let client = try ControlClient(anyOf: control.paths(directory: log.path)) {
            let answer = try client.perform(.status)
            if json { return try Output.print(String(decoding: answer.line, as: UTF8.self)) }
            let anchors = try anchorRows()
            let lines = answer.read { Status.describe($0, &times, anchors) }
            return try Output.print(lines.joined(separator: "\n"))
        }
        let found = try DirectoryStatus(LogDirectory(path: log.path), path: log.path)
        try Output.print(json ? found.json : found.text(&times, anchorRows()))
    }

    /// How far the log was published elsewhere. Needs the right to read the log.
    private func anchorRows() throws -> [(String, String)] {
        guard let directory = try? LogDirectory(path: log.path) else { return [] }
        return try AnchorCheck(directory).check(state.anchors(of: directory)).map { coverage in
            ("anchored", AnchorReport.text(coverage, now: WallClock.now))
        }
    }

    /// The daemon's answer in words. Fields of another version that are missing are left out.
    static func describe(
        _ status: JSONSlice, _ times: inout TimeStyle, _ anchors: [(String, String)] = []
    ) -> [String] {
        var rows: [(String, String)] = []
        func add(_ title: String, _ value: String?) {
            if let value { rows.append((title, SafeText.string(value))) }
        }
        func count(_ name: String) -> String? { status[name]?.number.map { Figures.count($0) } }
        let since = status["since"]?.string.flatMap { Time(rfc3339: $0) }.map { times.text($0) }
        add("log", status["origin"]?.string)
        add("directory", status["directory"]?.string)
        let pid = status["pid"]?.number.map { "pid \($0)" }
        let daemon = [status["version"]?.string.map { "cairnd \($0)" }, pid, since.map { "since \($0)" }]
        add("daemon", daemon.compactMap { $0 }.joined(separator: ", "))
        add("phase", status["phase"]?.string)
        add("disk", status["disk"]?.string)
        add("socket", status["socket"]?.string)
        add("durable", status["durable_seq"]?.number.map { "events up to \(Figures.count($0))" } ?? "no event yet")
        add("sealed", status["sealed_segments"]?.number.map { Figures.count($0, "segment") })
        if let segment = status["segment"], let number = segment["number"]?.number,
            let first = segment["first_seq"]?.number, let events = segment["events"]?.number,
            let bytes = segment["bytes"]?.number
        {
            add(
                "active",
                "segment \(number) from event \(Figures.count(first)): \(Figures.count(events, "event")), "
                    + Figures.bytes(bytes))
        }
        add("connections", count("connections"))
        add("queued", status["queued_bytes"]?.number.map(Figures.bytes))
        add("accepted", count("accepted"))
        add("rejected", count("rejected"))
        add("duplicates", count("duplicates"))
        add("identities", count("identities"))
        return Rows.aligned(rows + anchors)
    }
}

/// `title  value` lines, the values under each other.
enum Rows {
    static func aligned(_ rows: [(String, String)]) -> [String] {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { $0.0 + String(repeating: " ", count: width - $0.0.count + 2) + $0.1 }
    }
}

/// What a log's directory shows by itself; nothing of it is verified here.
struct DirectoryStatus {
    private let path: String
    private let origin: OriginStatement
    private let segments: [LogDirectory.Segment]
    private let head: Head?
    private let endSequence: UInt64
    private let bytes: UInt64

    init(_ directory: LogDirectory, path: String) throws {
        self.path = path
        origin = try directory.origin()
        segments = try directory.segments()
        head = try? directory.note(FileNames.head).flatMap { try? Head(text: $0.note.text) }
        endSequence = try AuditLog(directory).endSequence()
        bytes = try segments.filter(\.hasData).reduce(0) { sum, segment in
            sum + (try directory.files.status(segment.path(.data))?.size ?? 0)
        }
    }

    private var sealed: UInt64 { UInt64(segments.filter(\.isSealed).count) }
    private var lastSequence: UInt64? { endSequence > 0 ? endSequence - 1 : nil }

    func text(_ times: inout TimeStyle, _ anchors: [(String, String)] = []) -> String {
        Rows.aligned(
            [
                ("log", SafeText.string(origin.origin.name)),
                ("directory", SafeText.string(path)),
                ("daemon", "none answers"),
                ("created", times.text(origin.created)),
                ("events", lastSequence.map { "up to \(Figures.count($0))" } ?? "none yet"),
                ("sealed", Figures.count(sealed, "segment")),
                ("data", Figures.bytes(bytes)),
                ("head", head.map { "signed \(times.text($0.time))" } ?? "missing"),
            ] + anchors
        ).joined(separator: "\n")
    }

    var json: String {
        var line = JSONLine()
        line.add("daemon", false)
        line.add("origin", origin.origin.name)
        line.add("directory", path)
        line.add("created", origin.created.description)
        line.add("last_seq", lastSequence)
        line.add("sealed_segments", sealed)
        line.add("data_bytes", bytes)
        line.add("head_time", head?.time.description)
        return line.text
    }
}
