import ArgumentParser
import CairnDaemon
import CairnFormat
import CairnPlatform
import CairnReader
import Synchronization
import Testing

@testable import CairnCommand

/// Commands against a daemon in this process.
@Suite("With a daemon")
struct RunningDaemonTests {
    private final class Daemon {
        let directory: TestDirectory
        let configuration: Configuration
        private let daemon: EmbeddedDaemon

        init(segmentBytes: Int = 64 << 20) throws {
            directory = try TestDirectory()
            var configuration = Configuration()
            configuration.directory = "\(directory.path)/log"
            configuration.socket.path = "\(directory.path)/events.sock"
            configuration.segment.maxBytes = segmentBytes
            self.configuration = configuration
            daemon = EmbeddedDaemon(configuration: configuration)
            try daemon.start()
        }

        func stop() { daemon.stop() }

        func send(_ text: String, listener: Delivery.Listener = Delivery.Listener()) throws -> Delivery.Progress {
            var bytes = Array(text.utf8)[...]
            return try Delivery(path: configuration.socket.path, listener: listener).run { buffer in
                guard !bytes.isEmpty else { return .end }
                let piece = bytes.prefix(min(buffer.count, 7000))
                buffer.copyBytes(from: piece)
                bytes.removeFirst(piece.count)
                return .bytes(piece.count)
            }
        }

        func printed(_ limit: Int?, _ filter: String, _ settings: OutputSettings) throws -> String {
            let printer = EventPrinter(settings, output: Output(pieceBytes: .max))
            let log = try AuditLog(at: configuration.directory)
            let query = try Query(filter: Filter(filter))
            if let limit {
                try printer.printNewest(limit, query, of: log)
            } else {
                try printer.print(query, of: log)
            }
            return String(decoding: printer.output.bytes, as: UTF8.self)
        }
    }

    private static func event(_ number: Int) -> String { "{\"action\":\"a\(number)\",\"module\":\"m\"}\n" }

    @Test("lines are acknowledged, refused ones are told by their number, empty ones do not count")
    func send() throws {
        let daemon = try Daemon()
        defer { daemon.stop() }
        let collected = Refusals()
        let text = Self.event(1) + "\n" + "nonsense\n" + Self.event(2) + "{\"action\":\"last\",\"module\":\"m\"}"
        let progress = try daemon.send(text, listener: Delivery.Listener(refused: { collected.add($0) }))
        #expect(progress.sentLines == 4)
        #expect(progress.acknowledged == 3)
        #expect(progress.refused == 1)
        #expect(progress.inputEnded && progress.hasEnded && !progress.isConfused && progress.unavailable == nil)
        #expect(collected.all.map(\.line) == [2])
        #expect(collected.all.map(\.code) == ["invalid_json"])
        let settings = OutputSettings(format: .cat, fields: ["action"])
        #expect(try daemon.printed(nil, "module=m", settings) == "a1\na2\nlast\n")
    }

    @Test("a file is sent to its last line, which needs no end")
    func sendFile() throws {
        let daemon = try Daemon()
        defer { daemon.stop() }
        let path = "\(daemon.directory.path)/events.ndjson"
        let text = (1...20_000).map(Self.event).joined() + #"{"action":"last","module":"m"}"#
        let (files, name) = try FilePlace.open(path)
        try files.replace(name, with: Array(text.utf8), mode: 0o600)
        let arguments = ["send", "--socket", daemon.configuration.socket.path]
        try Send.parse(Array(arguments.dropFirst()) + [path]).run()
        let settings = OutputSettings(format: .cat, fields: ["action"])
        #expect(try daemon.printed(2, "module=m", settings) == "a20000\nlast\n")
        for wrong in [path + "x", "\(daemon.directory.path)/none/x", daemon.directory.path, "/dev/null"] {
            let failure = #expect(throws: CommandFailure.self) {
                try Send.parse(Array(arguments.dropFirst()) + [wrong]).run()
            }
            #expect(failure?.status == .noInput && failure?.message?.contains(wrong) == true, "\(wrong)")
        }
    }

    @Test("many lines over several connections at once")
    func connections() throws {
        let daemon = try Daemon(segmentBytes: 64 << 10)
        defer { daemon.stop() }
        let count = 5000
        let events = DemoEvents(seed: 5, count: count, end: WallClock.now)
        let sum = try SharedEvents(events).deliver(to: daemon.configuration.socket.path, connections: 4)
        #expect(sum.acknowledged == UInt64(count))
        #expect(sum.refused == 0)
        let text = try daemon.printed(nil, "not module=system", OutputSettings(format: .raw))
        var again = events
        var made: [UInt8] = []
        while again.next(into: &made) {}
        let sent = String(decoding: made, as: UTF8.self).split(separator: "\n").sorted()
        let found = text.split(separator: "\n").sorted()
        #expect(found.count == count)
        // Not compared by the macro, which would print ten thousand lines.
        let isSame = found == sent
        #expect(isSame)
    }

    @Test("the newest N, the oldest of them first; a cursor stops the look back")
    func newest() throws {
        let daemon = try Daemon()
        defer { daemon.stop() }
        _ = try daemon.send((0..<50).map(Self.event).joined())
        let settings = OutputSettings(format: .cat, fields: ["action"])
        #expect(try daemon.printed(3, "module=m", settings) == "a47\na48\na49\n")
        #expect(try daemon.printed(1, "action=a0", settings) == "a0\n")
        #expect(try daemon.printed(0, "", settings) == "")
        #expect(try daemon.printed(5, "action=none", settings) == "")
    }

    @Test("a copy with one byte changed is told from the log")
    func tampered() throws {
        let daemon = try Daemon(segmentBytes: 64 << 10)
        defer { daemon.stop() }
        let events = DemoEvents(seed: 6, count: 5000, end: WallClock.now)
        _ = try SharedEvents(events).deliver(to: daemon.configuration.socket.path, connections: 1)
        let client = try #require(try ControlClient(anyOf: [daemon.configuration.controlPath]))
        // The size may have sealed it just before: then there is nothing to seal, and that is no failure.
        #expect(try client.perform(.rotate).read { $0["sealed"]?.flag } != nil)
        let log = try LogDirectory(path: daemon.configuration.directory)
        let key = try log.origin().genesisKey
        let good = try Verifier(log, options: VerifyOptions(genesisKey: key)).run()
        #expect(good.verdict == .verified, "\(good.findings)")

        let copy = "\(daemon.directory.path)/copy"
        let change = try TamperedCopy.make(of: daemon.configuration.directory, at: copy)
        let bad = try Verifier(LogDirectory(path: copy), options: VerifyOptions(genesisKey: key)).run()
        #expect(bad.verdict == .tampered)
        let first = try #require(bad.firstBadSequence)
        #expect(change.sequences.contains(first))
        let report = VerificationReport(bad, elapsed: 1, now: WallClock.now, style: .plain)
        #expect(report.text.hasPrefix("TAMPERED: first at event \(first)"))
        let praise = VerificationReport(good, elapsed: 1_000_000_000, now: WallClock.now, style: .plain).text
        #expect(praise.hasPrefix("VERIFIED  "))
        #expect(praise.contains("sealed and signed"))
        #expect(praise.contains("\(Figures.count(good.events)) events"))
    }

    @Test("status, rotate and sync over the control socket")
    func control() throws {
        let daemon = try Daemon()
        defer { daemon.stop() }
        _ = try daemon.send(Self.event(1))
        let client = try #require(try ControlClient(anyOf: ["/nowhere", daemon.configuration.controlPath]))
        let durable = try client.perform(.sync).read { $0["durable_seq"]?.number }
        #expect(try #require(durable) >= 1)
        let lines = try client.perform(.status).read { status in
            var times = TimeStyle(utc: true)
            return Status.describe(status, &times)
        }
        for title in ["log", "directory", "daemon", "phase", "durable", "active", "accepted"] {
            #expect(lines.contains { $0.hasPrefix(title) }, "\(title) in \(lines)")
        }
        let nobody = try ControlClient(anyOf: ["/nowhere"])
        #expect(nobody.map { _ in true } == nil)
    }
}

/// What a listener on another thread was told.
final class Refusals: Sendable {
    private let refusals = Mutex<[DaemonAnswer.Refusal]>([])

    func add(_ refusal: DaemonAnswer.Refusal) { refusals.withLock { $0.append(refusal) } }

    var all: [DaemonAnswer.Refusal] { refusals.withLock { $0 } }
}
