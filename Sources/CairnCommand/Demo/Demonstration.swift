import CairnFormat
import CairnPlatform
import CairnReader

/// The steps of `cairn demo`, each with what it shows.
struct Demonstration {
    private static let connections = 4

    private let daemon: any DaemonWithin
    private let place: String
    private let events: Int
    private let seed: UInt64
    private let end = WallClock.now
    private let style = Style(isOn: ColorChoice.auto.isOn(for: .output))
    private let output = Output()

    /// - Parameters:
    ///   - daemon: not started.
    ///   - place: an empty directory.
    init(daemon: any DaemonWithin, place: String, events: Int, seed: UInt64) {
        self.daemon = daemon
        self.place = place
        self.events = events
        self.seed = seed
    }

    private var logPath: String { "\(place)/log" }
    private var copyPath: String { "\(place)/tampered" }
    private var keyPath: String { "\(place)/genesis.vkey" }

    func run() throws {
        let socket = "\(place)/auditd.sock"
        // Some ten segments, whatever the number of events: one takes about 80 bytes compressed.
        try daemon.start(log: logPath, socket: socket, segmentBytes: max(64 << 10, events * 80 / 10))
        defer { daemon.stop() }
        let key = try saveKey()
        try send(to: socket)
        let log = try AuditLog(at: logPath)
        try showNewest(log)
        try showQuery(log)
        try rotate(StandardPlaces.controlSocket(of: logPath))
        try verify(logPath, key, title: "Verify every byte, hash and signature")
        try tamper(key)
        try suggest()
    }

    // MARK: Steps

    /// The key goes into a file beside the log; of a real log it goes off the host.
    private func saveKey() throws -> VerifierKey {
        let statement = try LogDirectory(path: logPath).origin()
        let files = try PosixFileSystem(root: place)
        try files.replace("genesis.vkey", with: Array("\(statement.genesisKey)\n".utf8), mode: 0o644)
        try title("A new log: \(statement.origin)")
        output.line("Its genesis key is in \(keyPath). Of a real log, keep it off the host.")
        try output.flush()
        return statement.genesisKey
    }

    private func send(to socket: String) throws {
        try title(
            "Send \(Figures.count(events)) events over \(Demonstration.connections) connections, each one acknowledged")
        let source = SharedEvents(DemoEvents(seed: seed, count: events, end: end))
        let watch = Stopwatch()
        let total = try source.deliver(to: socket, connections: Demonstration.connections)
        let elapsed = watch.elapsed
        guard total.acknowledged == UInt64(events) else {
            throw CommandFailure(
                .temporaryFailure, "only \(total.acknowledged) of \(events) events were acknowledged")
        }
        output.line(
            "\(Figures.bytes(total.sentBytes)) in \(Figures.duration(nanoseconds: elapsed)): "
                + "\(Figures.count(Figures.rate(total.acknowledged, nanoseconds: elapsed))) events/s on disk (fdatasync), "
                + "\(Figures.bytes(Figures.rate(total.sentBytes, nanoseconds: elapsed)))/s, made up and sent by this "
                + "same process.")
        try output.flush()
    }

    private func showNewest(_ log: AuditLog) throws {
        try title("cairn tail -n 5")
        let printer = EventPrinter(settings, output: output)
        try printer.printNewest(5, Query(filter: Filter("not module=system")), of: log)
        try printer.finish()
    }

    private func showQuery(_ log: AuditLog) throws {
        let text = "action=login_failed ip_address=\(DemoEvents.attacker)"
        try title("cairn query '\(text)'")
        let filter = try Filter(text)
        let watch = Stopwatch()
        let statistics = try log.forEach(Query(filter: filter)) { _, _ in .next }
        let elapsed = watch.elapsed
        let printer = EventPrinter(settings, output: output)
        try printer.printNewest(3, Query(filter: filter), of: log)
        try printer.finish()
        output.line(
            "The newest 3 of \(Figures.count(statistics.eventsMatched)) failed logins from one address, found in "
                + "\(Figures.duration(nanoseconds: elapsed)); \(Figures.count(statistics.eventsParsed)) of "
                + "\(Figures.count(events)) events had to be parsed.")
        try output.flush()
    }

    private func rotate(_ control: String) throws {
        try title("cairn rotate")
        guard let client = try ControlClient(anyOf: [control]) else {
            throw CommandFailure(.unavailable, "the daemon of the demonstration does not answer on \(control)")
        }
        let sealed = try client.perform(.rotate).read { $0["sealed_segments"]?.number ?? 0 }
        output.line("\(Figures.count(sealed, "sealed segment")); the private keys that signed them are erased.")
        try output.flush()
    }

    @discardableResult
    private func verify(_ path: String, _ key: VerifierKey, title: String) throws -> Verification {
        try self.title(title)
        let watch = Stopwatch()
        let options = VerifyOptions(genesisKey: key)
        let result = try Verifier(LogDirectory(PosixFileSystem(root: path)), options: options).run()
        let report = VerificationReport(result, elapsed: watch.elapsed, now: WallClock.now, style: style)
        output.line(report.text)
        try output.flush()
        return result
    }

    private func tamper(_ key: VerifierKey) throws {
        let change = try TamperedCopy.make(of: logPath, at: copyPath)
        let result = try verify(
            copyPath, key, title: "The same for a copy with one byte changed, where \(change.events) are stored")
        guard result.verdict == .tampered, let bad = result.firstBadSequence, change.sequences.contains(bad) else {
            throw CommandFailure(.software, "verification missed byte \(change.offset) of \(change.path)")
        }
    }

    private func suggest() throws {
        try title("Now you")
        let cairn = CommandLine.arguments.first ?? "cairn"
        output.line("\(cairn) query -D \(logPath) -o table -n 20 'severity=critical'")
        output.line("\(cairn) query -D \(logPath) -o json 'compliance=GDPR status=failed' | head -n 3")
        output.line("\(cairn) verify -D \(logPath) --key-file \(keyPath)")
        output.line("\(cairn) verify -D \(copyPath) --key-file \(keyPath) --json")
        output.line("zcat \(logPath)/segments/*.ndjson.gz | tail -n 1")
        output.line("cairnd -D \(logPath) --socket \(place)/auditd.sock   # a daemon that stays")
        try output.flush()
    }

    // MARK: Parts

    private var settings: OutputSettings {
        OutputSettings(times: TimeStyle(utc: false), style: style, isTerminal: StandardStream.output.isTerminal)
    }

    private func title(_ text: String) throws {
        output.line()
        output.line(style.text("== \(text)", .bold))
        try output.flush()
    }
}
