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
        let before = place.errorText.utf8.count
        child = try ChildProcess(
            wrapper + [Self.program, "-D", place.log, "--socket", place.socket] + flags, environment: environment,
            output: "\(place.scratch.path)/output", error: place.errors)
        guard waits else { return }
        try eventually("the daemon is ready; it says: \(place.errorText)") {
            let new = String(decoding: place.errorText.utf8.dropFirst(before), as: UTF8.self)
            guard child.endIfAny() == nil else { throw Timeout(description: "the daemon ended: \(new)") }
            return new.contains("notice: ready: ") || new.contains("<5>ready: ")
        }
    }

    var pid: pid_t { child.pid }

    func signal(_ number: Int32) { child.signal(number) }

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
}
