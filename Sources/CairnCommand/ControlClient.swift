import CairnFormat
import CairnPlatform

/// Asks the daemon on its control socket: a JSON object a line, and one line back. Protocol.md is the norm.
struct ControlClient {
    enum Command: String {
        case status, rotate, sync
        case holdAdd = "hold-add"
        case holdRelease = "hold-release"
        case redact
        case retentionApply = "retention-apply"
        case archived
    }

    /// What goes with a command.
    enum Argument {
        case text(String)
        case flag(Bool)
    }

    /// A command that was carried out.
    struct Answer {
        /// The JSON object, without its LF.
        let line: [UInt8]

        /// Calls `body` with the answer's members.
        func read<R>(_ body: (JSONSlice) throws -> R) rethrows -> R {
            try line.withUnsafeBytes { try body(JSONSlice($0)) }
        }
    }

    /// No answer is longer.
    private static let answerLimit = 1 << 20

    private let connection: UnixConnection
    private let path: String

    /// Connects to the first of `paths` on which somebody listens; nil where nobody does.
    init?(anyOf paths: [String]) throws {
        for path in paths {
            do throws(IOFailure) {
                connection = try UnixConnection(path: path)
                self.path = path
                return
            } catch {
                guard error.isNotListening else { throw error }
            }
        }
        return nil
    }

    /// Sends a command and waits for its answer, however long it takes.
    ///
    /// - Throws: what the daemon answered instead, as a failure with the fitting status.
    func perform(_ command: Command, _ arguments: [(String, Argument)] = []) throws -> Answer {
        do throws(IOFailure) {
            let request = ControlClient.request(command, arguments)
            try request.span.withUnsafeBytes { (bytes) throws(IOFailure) in try connection.send(bytes) }
        } catch {
            throw CommandFailure(.unavailable, "the daemon on \(path) ended the connection: \(error)")
        }
        let answer = Answer(line: try readLine())
        try answer.read { object in
            guard object["ok"]?.flag != true else { return }
            let message = object["message"]?.string ?? "it gave no reason"
            throw CommandFailure(
                ControlClient.status(object["code"]?.string),
                "the daemon did not \(command.rawValue): \(SafeText.string(message))")
        }
        return answer
    }

    private static func request(_ command: Command, _ arguments: [(String, Argument)]) -> [UInt8] {
        var line = Array("{\"command\":\"\(command.rawValue)\"".utf8)
        for (name, argument) in arguments {
            line.append(contentsOf: ",\"\(name)\":".utf8)
            switch argument {
            case .text(let text): line.append(jsonString: text.utf8)
            case .flag(let flag): line.append(contentsOf: "\(flag)".utf8)
            }
        }
        return line + Array("}\n".utf8)
    }

    private func readLine() throws -> [UInt8] {
        var line: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while line.count < ControlClient.answerLimit {
            let count = try piece.withUnsafeMutableBytes { try connection.receive(into: $0) }
            guard count > 0 else { break }
            line.append(contentsOf: piece[..<count])
            if let end = line.firstIndex(of: UInt8(ascii: "\n")) { return Array(line[..<end]) }
        }
        throw CommandFailure(
            .unavailable, "the daemon on \(path) ended the connection without an answer; is it stopping?")
    }

    private static func status(_ code: String?) -> ExitStatus {
        switch code {
        case "not_allowed": .noPermission
        case "bad_request": .usage
        case "refused": .negative
        case "damaged": .data
        case "configuration": .configuration
        default: .unavailable
        }
    }
}

extension ControlOptions {
    /// The daemon of the log in `directory`, or a failure that says that none answers.
    func connect(directory: String) throws -> ControlClient {
        if let client = try ControlClient(anyOf: paths(directory: directory)) { return client }
        throw CommandFailure(
            .unavailable,
            "no daemon answers on \(paths(directory: directory).joined(separator: " or ")): start cairnd, or name its "
                + "socket with --control")
    }
}
