import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader
import CairnStore

/// `cairn init`
struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a new log and print its genesis key.",
        discussion: """
            The daemon makes a missing log itself; this is for those who want the key first. Run it as the user that \
            runs the daemon, as the log's private keys are readable for their owner alone.

            EXAMPLES
              sudo -u cairn cairn init
              cairn init -D ./log --origin example.org/audit

            EXIT STATUS
              0 made, 73 there is a log already (its key is shown), 74 input/output error, 75 a daemon runs there.
            """)

    @OptionGroup var log: LogOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The log's name, which stands in all its signatures (default: made up from the host's).",
            valueName: "name"))
    var origin: String?

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard let origin else { return }
        do {
            _ = try Origin(origin)
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() throws {
        let path = log.path
        let statement = try make(path)
        if json {
            var line = JSONLine()
            line.add("directory", path)
            line.add("origin", statement.origin.name)
            line.add("created", statement.created.description)
            line.add("genesis_key", statement.genesisKey.description)
            line.add("log_key", statement.logKey.description)
            try Output.print(line.text)
        } else {
            try Output.print(
                "Made the log \(statement.origin) in \(path). Its genesis key is:", "",
                "  \(statement.genesisKey)", "",
                "Keep this line off this host. With it \"cairn verify --key\" proves that every event is as it was",
                "written; a key that is read from the log itself proves only that the log agrees with itself.")
        }
    }

    private func make(_ path: String) throws -> OriginStatement {
        try PosixFileSystem.createRoot(path, mode: 0o750)
        let files = try PosixFileSystem(root: path)
        if try files.status(FileNames.origin) != nil {
            let key = try LogDirectory(files).origin().genesisKey
            throw CommandFailure(
                .cannotCreate,
                "there is a log in \(path) already; it is left as it is. Its genesis key is:\n\(key)")
        }
        let lock: any DirectoryLock
        do throws(IOFailure) {
            lock = try files.lock()
        } catch {
            throw CommandFailure(error.isForbidden ? .noPermission : .temporaryFailure, error.description)
        }
        defer { lock.release() }
        let entropy = SystemEntropySource()
        let clock = SystemTimeSource()
        let name = origin ?? "\(ProcessEnvironment.hostName())/cairn-\(Hex.encode(entropy.bytes(4)))"
        return try LogCreation.create(
            in: files, name: name, entropy: entropy,
            now: Moment(wall: Time(nanoseconds: clock.wall()), monotonic: clock.monotonic()))
    }
}
