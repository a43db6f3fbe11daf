import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// Which log.
struct LogOptions: ParsableArguments {
    @Option(
        name: [.customShort("D", allowingJoined: true), .long],
        help: ArgumentHelp(
            "The log's directory (default: $CAIRN_DIRECTORY, else /var/log/cairn).", valueName: "dir"))
    var directory: String?

    var path: String {
        if let directory { return directory }
        let named = ProcessEnvironment.value("CAIRN_DIRECTORY").flatMap { $0.isEmpty ? nil : $0 }
        return named ?? StandardPlaces.log
    }

    func open(_ identity: IdentityOptions) throws -> AuditLog { AuditLog(try openDirectory(identity)) }

    func openDirectory(_ identity: IdentityOptions) throws -> LogDirectory {
        try LogDirectory(path: path, identities: identity.identities())
    }

    func validate() throws {
        if directory?.isEmpty == true { throw ValidationError("-D names no directory.") }
    }
}

/// Who can read what is encrypted.
struct IdentityOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "File of age identities that open encrypted segments (default: $CAIRN_IDENTITY); several times for several.",
            valueName: "file"))
    var identity: [String] = []

    /// Those of all files; none where no file is named.
    func identities() throws -> [AgeIdentity] { try files().flatMap { try AgeIdentity.parse(file: $0) } }

    /// The contents of all files, one behind the other; nil where none is named.
    func text() throws -> String? {
        let files = try files()
        return files.isEmpty ? nil : files.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    }

    private func files() throws -> [[UInt8]] {
        let named = ProcessEnvironment.value("CAIRN_IDENTITY").flatMap { $0.isEmpty ? nil : [$0] } ?? []
        return try (identity.isEmpty ? named : identity).map { path in
            let bytes = try FilePlace.named(path, limit: Limits.ageIdentityFile)
            do throws(FormatError) {
                _ = try AgeIdentity.parse(file: bytes)
            } catch {
                throw CommandFailure(.data, "\(path): \(SafeText.string(error.description))")
            }
            return bytes
        }
    }
}

/// Whom to trust.
struct KeyOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The genesis key that was printed when the log was made.", valueName: "vkey"))
    var key: String?

    @Option(name: .long, help: ArgumentHelp("A file that holds that key.", valueName: "file"))
    var keyFile: String?

    func validate() throws {
        if key != nil, keyFile != nil { throw ValidationError("--key and --key-file both give the key: name one.") }
    }

    /// The key; nil if none was given.
    func verifierKey() throws -> VerifierKey? {
        let text: String
        if let key {
            text = key
        } else if let keyFile {
            let bytes = try FilePlace.named(keyFile, limit: Limits.note)
            text = String(decoding: bytes, as: UTF8.self)
        } else {
            return nil
        }
        do {
            return try VerifierKey(String(text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }))
        } catch {
            throw CommandFailure(.usage, "\(keyFile ?? "--key"): \(SafeText.string(error.description))")
        }
    }

    /// The key, where nothing can be said without one.
    func requiredKey() throws -> VerifierKey {
        guard let key = try verifierKey() else {
            throw ValidationError("Give the key that is trusted, with --key or --key-file.")
        }
        return key
    }
}

/// How to print events.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o", allowingJoined: true), .long],
        help: ArgumentHelp(
            "How to print events.",
            discussion: """
                short: one line of what matters most. json: the stored lines as they are. json-pretty: the same with \
                indentation. csv: with a header. table: aligned. raw: the lines as they were received. cat: only what \
                the events say in words.
                """, valueName: "format"))
    var output = OutputFormat.short

    @Option(
        name: .long,
        help: ArgumentHelp("Print these fields, named by dotted paths and separated by commas.", valueName: "a,b"))
    var outputFields: String?

    @Flag(name: .long, help: "Times in UTC, and not in the zone of TZ.")
    var utc = false

    @Option(name: .long, help: ArgumentHelp("Colours: auto, always or never.", valueName: "when"))
    var color = ColorChoice.auto

    func validate() throws {
        guard let outputFields else { return }
        if output == .raw { throw ValidationError("--output-fields has no meaning with -o raw: use -o json.") }
        let fields = outputFields.split(separator: ",", omittingEmptySubsequences: false)
        if fields.contains(where: \.isEmpty) {
            throw ValidationError("--output-fields wants names with commas between them, such as action,actor.id.")
        }
    }

    var settings: OutputSettings {
        OutputSettings(
            format: output, fields: outputFields?.split(separator: ",").map(String.init) ?? [],
            times: TimeStyle(utc: utc), style: Style(isOn: color.isOn(for: .output)),
            isTerminal: StandardStream.output.isTerminal)
    }
}

/// `N`, or `all`.
struct EventLimit: ExpressibleByArgument, Equatable {
    /// nil for all.
    var count: Int?

    init(_ count: Int?) { self.count = count }

    init?(argument: String) {
        if argument == "all" {
            count = nil
        } else if let number = Int(argument), number >= 0, argument.utf8.allSatisfy({ $0 &- 0x30 < 10 }) {
            count = number
        } else {
            return nil
        }
    }
}

/// Where the daemon listens for commands.
struct ControlOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The daemon's control socket (default: control.sock in the log's directory, or in /run/cairn).",
            valueName: "socket"))
    var control: String?

    /// Where to try, in this order.
    func paths(directory: String) -> [String] {
        if let control { return [control] }
        return [StandardPlaces.controlSocket(of: directory)]
            + (directory == StandardPlaces.log ? [StandardPlaces.serviceControlSocket] : [])
    }
}

enum WallClock {
    static var now: Time { Time(nanoseconds: SystemTimeSource().wall()) }
}
