import CairnPlatform
import Foundation
import Glibc
import Testing

/// A `cairnd` of a test's own. Several may follow one another on the same files.
final class DaemonProcess {
    /// Where it keeps its files; they go with the last daemon that uses them.
    struct Place {
        let scratch: Scratch
        var log: String
        var socket: String

        init() throws {
            scratch = try Scratch()
            log = "\(scratch.path)/log"
            socket = "\(scratch.path)/socket"
        }

        var control: String { "\(log)/control.sock" }
        var errors: String { "\(scratch.path)/errors" }
        var stored: StoredLog { StoredLog(directory: log) }

        var errorText: String {
            (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
        }
    }

    let place: Place
    private let child: ChildProcess
    /// Bytes of the error file that others wrote before.
    private let earlierErrors: Int

    /// The program stands beside the test bundle.
    static let program: String = {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count)
        let bundle = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("cairnd").path
    }()

    /// The environment of the tests without what a service manager may have said to them.
    static let environment = ProcessEnvironment.all.filter { name, _ in
        !name.hasPrefix("LISTEN_") && !name.hasPrefix("WATCHDOG_") && name != "NOTIFY_SOCKET"
            && name != "JOURNAL_STREAM"
    }

    /// Starts it and waits until it is ready.
    ///
    /// - Parameters:
    ///   - wrapper: a command that runs the command behind it in its own place.
    ///   - waits: false where it is not expected to become ready.
    init(
        _ place: Place? = nil, _ flags: [String] = [], environment: [String: String] = DaemonProcess.environment,
        wrapper: [String] = [], waits: Bool = true
    ) throws {
        let place = try place ?? Place()
        self.place = place
        earlierErrors = place.errorText.utf8.count
        child = try ChildProcess(
            wrapper + [Self.program, "-D", place.log, "--socket", place.socket] + flags, environment: environment,
            output: "\(place.scratch.path)/output", error: place.errors)
        guard waits else { return }
        guard try becomesReady() else { throw Timeout(description: "the daemon ended: \(errors)") }
    }

    /// What it has said so far.
    var errors: String { String(decoding: place.errorText.utf8.dropFirst(earlierErrors), as: UTF8.self) }

    /// Waits until it is ready; false if it ends before.
    func becomesReady() throws -> Bool {
        var isReady = false
        try eventually("the daemon is ready; it says: \(errors)") {
            // In this order: what it said before it ended is there once the end is seen.
            let hasEnded = child.endIfAny() != nil
            isReady = errors.contains("notice: ready: ") || errors.contains("<5>ready: ")
            return isReady || hasEnded
        }
        return isReady
    }

    var pid: pid_t { child.pid }

    func signal(_ number: Int32) { child.signal(number) }

    var hasEnded: Bool { child.endIfAny() != nil }

    func end(within seconds: Double = 120) throws -> ChildProcess.End { try child.wait(within: seconds) }

    /// Stops it in order and gives back what its log holds.
    @discardableResult
    func stop() throws -> [StoredLine] {
        signal(SIGTERM)
        let end = try end()
        try #require(end == .exited(0), "\(place.errorText)")
        return try place.stored.lines()
    }

    func killNow() throws {
        signal(SIGKILL)
        #expect(try end() == .signalled(SIGKILL))
    }

    func plain() throws -> EventClient { try EventClient(place.socket) }

    func acknowledged(receipts: Bool = false) throws -> EventClient {
        let client = try plain()
        try client.send("{\"_hello\":{\"ack\":true,\"receipts\":\(receipts)}}\n")
        guard case .hello? = try client.answer() else { throw Timeout(description: "no answer to the hello") }
        return client
    }

    /// Asks on the control socket and returns the answer.
    func ask(_ command: String) throws -> [String: Any] {
        let client = try EventClient(place.control)
        try client.send("{\"command\":\"\(command)\"}\n")
        let line = try #require(try client.line())
        return try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    }

    /// Bytes of memory that it had at most (VmHWM of proc(5)).
    func peakMemory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.filter(\.isNumber))) << 10
    }

    /// Open file descriptors.
    func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }

    /// Seconds of processor time that it has used, its own and the kernel's (stat of proc(5)).
    func processorTime() throws -> Double {
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field behind it.
        let fields = try #require(stat.split(separator: ")").last).split(separator: " ")
        let ticks = fields[11...12].compactMap { Int($0) }
        try #require(ticks.count == 2)
        return Double(ticks[0] + ticks[1]) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The number of the thread that writes the log.
    func writerThread() throws -> pid_t {
        let tasks = "/proc/\(pid)/task"
        var writer: pid_t?
        try eventually("the writer has its name") {
            for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
                let name = try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8)
                if name == "cairn-writer\n" { writer = pid_t(task) }
            }
            return writer != nil
        }
        return try #require(writer)
    }
}
