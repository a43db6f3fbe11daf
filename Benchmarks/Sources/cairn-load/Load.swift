import ArgumentParser
import Glibc
import Histogram
import LoadEvents

/// `cairn-load`
@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cairn-load",
        abstract:
            "Send made-up events to a Unix socket as fast as it takes them, or at a rate, and say how long it took.",
        discussion: """
            Each connection asks the daemon to acknowledge; the time of an event is from the beginning of the write that \
            it is part of (at a rate: from when that was due) to the acknowledgement. With --raw lines are only written: \
            for programs that acknowledge nothing.

            EXAMPLES
              cairn-load --socket /run/auditd.sock --connections 8 --events 4000000
              cairn-load --socket ./auditd.sock --connections 1 --batch 1 --window 1 --events 20000
              cairn-load --socket ./auditd.sock --file events.ndjson --events 1000000
              cairn-load --socket ./auditd.sock --rate 20000 --batch 10 --seconds 3600 --interval 60

            EXIT STATUS
              0 everything was acknowledged as accepted; 1 it was not.
            """)

    @Option(help: "The socket.")
    var socket: String

    @Option(help: "Connections, all on one thread.")
    var connections = 8

    @Option(help: "Events of all connections together.")
    var events = 800_000

    @Option(help: "Instead of --events: for so many seconds, at --rate.")
    var seconds: Int?

    @Option(help: "Bytes of an event with its line feed, on average; from 330.")
    var size = 330

    @Flag(help: "Fill events up with records that have the same members, instead of words in random order.")
    var records = false

    @Option(help: "The lines of a file, again and again, instead of made-up events.")
    var file: String?

    @Option(help: "Events of one write.")
    var batch = 200

    @Option(help: "Events of a connection that may wait for their acknowledgement.")
    var window = 1_000_000

    @Option(help: "Events a second of all connections; 0 is as fast as it goes.")
    var rate = 0

    @Option(help: "Other events; the same seed makes the same ones.")
    var seed: UInt64 = 1

    @Option(help: "Print a line every so many seconds.")
    var interval = 0

    @Flag(help: "Write lines only: no hello, no acknowledgements.")
    var raw = false

    @Flag(help: "Print one JSON object a line.")
    var json = false

    func validate() throws {
        for (name, value) in [
            ("connections", connections), ("events", events), ("batch", batch), ("window", window), ("size", size),
        ] where value < 1 { throw ValidationError("--\(name) wants a number above 0.") }
        if records, file != nil { throw ValidationError("--records is for made-up events, and --file has others.") }
        if seconds != nil, rate == 0 { throw ValidationError("--seconds needs a --rate.") }
    }

    func run() throws {
        // Enough that a filter or a dictionary meets many values, and not so many that making them takes long.
        let made =
            try file.map(Load.lines(of:))
            ?? LoadEvents(
                count: max(batch, min(events, 20_000_000 / size)), size: size, filling: records ? .records : .words,
                seed: seed)
        let plan = LoadRun.Plan(
            socket: socket, connections: connections, events: seconds.map { $0 * rate } ?? events, batch: batch,
            window: window, isAcknowledged: !raw, rate: rate)
        var load = LoadRun(plan, made)
        try load.run(every: Int64(interval) * 1_000_000_000) {
            print(report($0, $0.recent))
            // Whoever reads this through a pipe wants it now.
            fflush(nil)
        }
        print(report(load, load.latencies))
        if !raw, load.answered != load.sent || load.rejected > 0 {
            throw LoadError("\(load.sent) events sent, \(load.answered) answered, \(load.rejected) of them rejected")
        }
    }

    private static func lines(of path: String) throws -> LoadEvents {
        guard let file = fopen(path, "r") else {
            throw LoadError("\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var (bytes, piece) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 20))
        while true {
            let count = fread(&piece, 1, piece.count, file)
            guard count > 0 else { break }
            bytes.append(contentsOf: piece[..<count])
        }
        let events = LoadEvents(lines: bytes)
        guard ferror(file) == 0, events.count > 0 else { throw LoadError("\(path) has no lines that can be read") }
        return events
    }

    private func report(_ load: LoadRun, _ latencies: Histogram<UInt64>) -> String {
        let seconds = Double(load.nanoseconds) / 1e9
        var figures: [(String, Double)] = [
            ("seconds", seconds), ("events", Double(load.sent)), ("bytes", Double(load.sentBytes)),
            ("events_per_second", Double(load.sent) / seconds), ("bytes_per_second", Double(load.sentBytes) / seconds),
            ("own_cpu_seconds", Load.processorTime),
        ]
        if !raw {
            for (name, percent) in [("p50", 50.0), ("p90", 90), ("p99", 99), ("p999", 99.9), ("max", 100)] {
                figures.append(("\(name)_us", Double(latencies.valueAtPercentile(percent)) / 1000))
            }
        }
        func text(_ value: Double) -> String {
            if value == value.rounded() { return String(Int(value)) }
            return String(Double(Int((value * 1000).rounded())) / 1000)
        }
        if json { return "{" + figures.map { "\"\($0.0)\":\(text($0.1))" }.joined(separator: ",") + "}" }
        return figures.map { "\($0.0) \(text($0.1))" }.joined(separator: "  ")
    }

    /// Seconds that this process has computed.
    private static var processorTime: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
