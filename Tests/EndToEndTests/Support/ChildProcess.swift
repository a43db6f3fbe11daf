import CairnPlatform
import Foundation
import Glibc

/// A process that does not outlive the test that started it.
final class ChildProcess {
    enum End: Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    struct Result {
        let end: End
        let output: [UInt8]
        let error: String

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    let pid: pid_t
    private var end: End?

    /// Starts `command`, found by `PATH`, with its standard streams bound to files.
    init(_ command: [String], environment: [String: String], input: String = "/dev/null", output: String, error: String)
        throws
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var arguments = command.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, command[0], &actions, nil, &arguments, &variables)
        guard code == 0 else { throw IOFailure(operation: "posix_spawnp", path: command[0], code: code) }
        self.pid = pid
    }

    deinit {
        guard end == nil else { return }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    /// Nil while it runs.
    func endIfAny() -> End? {
        if let end { return end }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        // WIFEXITED and its kin are macros, which Swift does not see.
        end = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
        return end
    }

    func wait(within seconds: Double = 120) throws -> End {
        try eventually(within: seconds, "the end of process \(pid)") { endIfAny() != nil }
        return end ?? .exited(-1)
    }

    func signal(_ number: Int32) {
        if endIfAny() == nil { kill(pid, number) }
    }

    /// Runs a command to its end.
    static func run(
        _ command: [String], environment: [String: String] = ProcessEnvironment.all, input: String = "/dev/null",
        within seconds: Double = 300
    ) throws -> Result {
        let scratch = try Scratch()
        let (output, error) = ("\(scratch.path)/output", "\(scratch.path)/error")
        let child = try ChildProcess(
            command, environment: environment, input: input, output: output, error: error)
        let end = try child.wait(within: seconds)
        return Result(
            end: end, output: [UInt8](try Data(contentsOf: URL(fileURLWithPath: output))),
            error: String(decoding: try Data(contentsOf: URL(fileURLWithPath: error)), as: UTF8.self))
    }
}
