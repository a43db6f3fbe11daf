internal import ArgumentParser
internal import CairnDaemon
internal import CairnPlatform
internal import Logging

/// The daemon's command line. Its settings are flags too, all from one table; ArgumentParser sees what is left.
@main
struct Cairnd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cairnd",
        abstract: "Writes audit events from a Unix socket into a tamper-evident log.",
        usage: "cairnd [-D DIR] [--socket PATH] [--config FILE] [--SETTING VALUE ...]",
        discussion: """
            It runs in the foreground. A log that does not exist is created, and its verifier key is logged: keep a \
            copy of that key off this host.

            EXAMPLES
              cairnd -D /tmp/log --socket /tmp/audit.sock
              cairnd --config /etc/cairn/cairn.yaml --check-config
              cairnd --config /etc/cairn/cairn.yaml --print-config

            SIGNALS
              SIGTERM, SIGINT   stop accepting, commit what was received, and end
              SIGHUP            read the configuration again
              SIGUSR1           seal the active segment

            EXIT CODES
              0 stopped, 64 usage, 65 the log is damaged, 69 a socket cannot be used, 74 the disk failed, 75 another \
            process writes the log, 78 configuration

            SETTINGS (flags; a configuration file has them with dots)
            \(Setting.flagHelp)
            """,
        version: Release.version)

    @Option(name: .long, help: ArgumentHelp("Read settings from a YAML file; flags come before it.", valueName: "file"))
    var config: String?

    @Flag(name: .long, help: "Check the settings and end.")
    var checkConfig = false

    @Flag(name: .long, help: "Print the settings in force, with where each comes from, and end.")
    var printConfig = false

    static func main() {
        do {
            let (flags, remaining) = try Setting.separateFlags(in: Array(CommandLine.arguments.dropFirst()))
            guard let command = try parseAsRoot(remaining) as? Cairnd else {
                // --help and the like come as commands of their own.
                var other = try parseAsRoot(remaining)
                return try other.run()
            }
            try command.run(flags)
        } catch let error as ConfigurationError {
            StandardError.write("\(error)\n")
            exit(withCode: 78)
        } catch let error as DaemonError {
            StandardError.write("cairnd: \(error)\n")
            exit(withCode: error.code.rawValue)
        } catch {
            exit(withError: error)
        }
    }

    private func run(_ flags: [(flag: String, value: String)]) throws {
        let load: @Sendable () throws -> LoadedConfiguration = { [config] in
            try Configuration.load(file: config.map(Cairnd.read), flags: flags)
        }
        let loaded = try load()
        if printConfig { return print(loaded.printed(), terminator: "") }
        if checkConfig { return }
        LargeAllocations.returnToKernel()
        let environment = ProcessEnvironment.all
        let handler = DaemonLogHandler(
            level: Logger.Level(rawValue: loaded.configuration.log.level.rawValue) ?? .info,
            forJournal: environment["JOURNAL_STREAM"] != nil)
        let logger = Logger(label: "cairnd") { _ in handler }
        try DaemonService(loaded, reload: load, environment: environment, logger: logger).run()
    }

    private static func read(_ path: String) throws(DaemonError) -> (name: String, bytes: [UInt8]) {
        do throws(IOFailure) {
            return (path, try FilePlace.contents(path, limit: Configuration.largestFile))
        } catch {
            throw DaemonError(.configuration, "\(error)")
        }
    }

    private static func exit(withCode code: Int32) -> Never { exit(withError: ExitCode(code)) }
}
