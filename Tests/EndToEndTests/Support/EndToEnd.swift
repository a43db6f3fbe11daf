import CairnPlatform
import Glibc
import Testing

/// Tests of the real daemon, from outside: each starts a process of its own and stops it by its number. They run one
/// after the other, because each loads the machine.
@Suite(.serialized) struct EndToEnd {}

/// What the machine and the caller allow.
enum Environment {
    /// `CAIRN_LONG=1`: the full amounts, for a machine that has the time.
    static let isLong = ProcessEnvironment.value("CAIRN_LONG") == "1"

    static let isRoot = ProcessEnvironment.userID == 0

    /// The Python that `Tests/run` set up, or that of the machine.
    static let python = ProcessEnvironment.value("CAIRN_PYTHON") ?? "python3"

    /// Whether the independent verifier can run.
    static let hasVerifier = succeeds([python, "-c", "import cryptography"])

    static let canMount = isRoot && has("mount") && has("unshare") && succeeds(["unshare", "--mount", "true"])

    /// Whether strace(1) is there and may trace (ptrace(2)), which a container may forbid.
    static let canTrace = has("strace") && succeeds(["strace", "-qq", "-o", "/dev/null", "true"])

    /// Whether a test can act as another user.
    static let canBeAnother = isRoot && has("setpriv") && has("socat")

    /// The command that passes its input to a socket as user `uid`, and gives out what comes back.
    static func socat(_ path: String, as uid: Int) -> [String] {
        let user = ["setpriv", "--reuid=\(uid)", "--regid=65534", "--clear-groups"]
        return user + ["socat", "-t60", "STDIO", "UNIX-CONNECT:\(path)"]
    }

    static func has(_ tool: String) -> Bool { succeeds(["sh", "-c", "command -v \(tool)"]) }

    private static func succeeds(_ command: [String]) -> Bool {
        (try? ChildProcess.run(command).end) == .exited(0)
    }
}

/// Why a test gives up waiting; the times are for hangs only and far above what is usual.
struct Timeout: Error, CustomStringConvertible {
    let description: String
}

/// A directory of a test's own, removed when the last reference goes.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = try ScratchDirectory.create(prefix: "cairn-end-to-end-")
    }

    deinit { try? ScratchDirectory.remove(path) }
}

/// Asks again and again, until the answer is yes.
func eventually(within seconds: Double = 60, _ what: String, _ condition: () throws -> Bool) throws {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds)
    while try !condition() {
        guard clock.now < deadline else { throw Timeout(description: "it took too long: \(what)") }
        usleep(10_000)
    }
}
