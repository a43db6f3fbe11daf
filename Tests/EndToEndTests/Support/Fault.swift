import CairnPlatform
import Foundation
import Glibc
import Testing

/// A fault that strace(1) puts in the place of a system call on a file of the log.
struct Fault: CustomStringConvertible, Sendable {
    enum Kind: String, CaseIterable {
        // The call is not made, and fails.
        case io = "error=EIO"
        case space = "error=ENOSPC"
        case interruption = "error=EINTR"
        /// The process is killed in front of the call.
        case kill = "signal=KILL"
    }

    /// The calls, separated by commas.
    var calls: String
    var kind: Kind
    /// Which occurrences: `3`, or `2+5` for every fifth from the second on.
    var occurrence: String

    init(_ calls: String, _ kind: Kind, _ occurrence: String) {
        self.calls = calls
        self.kind = kind
        self.occurrence = occurrence
    }

    init(_ call: String, _ kind: Kind, _ occurrence: Int) { self.init(call, kind, "\(occurrence)") }

    var description: String { "\(calls):\(kind.rawValue):when=\(occurrence)" }
}

/// strace(1) at work on one daemon, restricted to the files of its log: what it does on its sockets, on those of the
/// event loop and on its libraries is left alone.
final class SystemCallTrace {
    /// What the writer and a start do to files.
    static let calls = [
        "openat", "write", "fdatasync", "fsync", "renameat", "unlinkat", "linkat", "mkdir", "mkdirat", "ftruncate",
        "fchmod", "close", "newfstatat", "fstat", "pread64", "getdents64", "fcntl", "flock",
    ]

    /// Those of them that a signal can interrupt (the manual pages, ERRORS).
    static let interruptible = ["openat", "write", "fdatasync", "fsync", "ftruncate", "close", "pread64", "flock"]

    private let output: String
    /// strace itself, where it came later.
    private let tracer: ChildProcess?

    /// A command before that of the daemon: traces all its threads from the start.
    static func wrapper(_ place: DaemonProcess.Place, _ fault: Fault?) -> [String] {
        // -D: the daemon stays the child of the test.
        command(place, fault) + ["-D", "-f"]
    }

    /// The trace of a daemon that was started with `wrapper`.
    init(of place: DaemonProcess.Place) {
        output = Self.output(place)
        tracer = nil
    }

    /// Joins the thread that writes the log of a running daemon.
    init(_ daemon: DaemonProcess, _ fault: Fault?) throws {
        output = Self.output(daemon.place)
        let thread = try daemon.writerThread()
        let messages = "\(daemon.place.scratch.path)/strace"
        let tracer = try ChildProcess(
            Self.command(daemon.place, fault) + ["-p", "\(thread)"], environment: ProcessEnvironment.all,
            output: messages, error: messages)
        self.tracer = tracer
        try eventually("strace has joined") {
            let status = try String(contentsOfFile: "/proc/\(thread)/status", encoding: .utf8)
            guard tracer.endIfAny() == nil else {
                throw Timeout(description: try String(contentsOfFile: messages, encoding: .utf8))
            }
            return status.contains("TracerPid:\t\(tracer.pid)\n")
        }
    }

    /// What it saw, once the daemon has ended.
    func lines(of daemon: DaemonProcess) throws -> [Substring] {
        var text = ""
        if let tracer {
            _ = try tracer.wait(within: 30)
            text = try String(contentsOfFile: output, encoding: .utf8)
        } else {
            try eventually("strace has seen the end") {
                text = try String(contentsOfFile: output, encoding: .utf8)
                return text.split(separator: "\n").contains { $0.hasPrefix("\(daemon.pid) ") && $0.contains("+++ ") }
            }
        }
        return text.split(separator: "\n")
    }

    /// How often each call was made, by the thread that made it most often.
    func counts(of daemon: DaemonProcess) throws -> [String: Int] {
        var counts: [String: [Substring: Int]] = [:]
        for line in try lines(of: daemon) {
            let words = line.prefix { $0 != "(" }.split(separator: " ")
            guard let call = words.last.map(String.init), Self.calls.contains(call) else { continue }
            counts[call, default: [:]][words.count > 1 ? words[0] : "", default: 0] += 1
        }
        return counts.compactMapValues { $0.values.max() }
    }

    /// How many calls failed that would not have.
    func injected(of daemon: DaemonProcess) throws -> Int { try lines(of: daemon).count { $0.contains("(INJECTED)") } }

    private static func output(_ place: DaemonProcess.Place) -> String { "\(place.scratch.path)/trace" }

    private static func command(_ place: DaemonProcess.Place, _ fault: Fault?) -> [String] {
        unlink(output(place))
        let paths = names.flatMap { ["-P", $0.isEmpty ? place.log : "\(place.log)/\($0)"] }
        let quiet = "--quiet=attach,path-resolution,personality"
        return ["strace", quiet, "-o", output(place), "-e", "trace=\(calls.joined(separator: ","))"]
            + (fault.map { ["-e", "inject=\($0)"] } ?? []) + paths
    }

    /// Every name below the log that a small workload can bring about. Names of segments are first sequence numbers.
    private static let names: [String] = {
        let single = ["origin", "checkpoint", "head", "keys/log", "keys/epoch", "keys/epoch.next"]
        let segments = (0..<100).flatMap { number -> [String] in
            let digits = String(number)
            let name = "segments/" + String(repeating: "0", count: 20 - digits.count) + digits
            return [".ndjson.gz", ".index", ".seal"].map { name + $0 }
        }
        return ["", "keys", "segments"] + (single + segments).flatMap { [$0, $0 + ".tmp"] }
    }()
}
