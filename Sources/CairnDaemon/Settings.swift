package import CairnPlatform

/// One setting: its key, its text form and its place in `Configuration`.
///
/// `Setting.all` is the one table behind the file, the flags, `--print-config`, `--check-config` and the help text.
package struct Setting: Sendable {
    /// How the value stands in the file and on the command line.
    package enum Form: Sendable {
        /// One text. `--flag value` or `--flag=value`.
        case scalar
        /// `true` or `false`. `--flag` alone means true; another value is given as `--flag=false`.
        case boolean
        /// A YAML list; on the command line separated by commas.
        case list
    }

    /// Dotted: `segment.max_bytes`.
    package let key: String
    /// What the setting is for, in one line.
    package let help: String
    /// What a value looks like, to stand after “expected”.
    package let expected: String
    package let form: Form
    /// True if a change takes effect only at the next start.
    package let needsRestart: Bool
    /// Other spellings of the flag.
    package let aliases: [String]

    private let read: @Sendable (Configuration) -> String
    private let write: @Sendable (inout Configuration, String) throws(QuantityError) -> Void

    init<Value>(
        _ key: String, _ kind: ValueKind<Value>, _ place: any WritableKeyPath<Configuration, Value> & Sendable,
        needsRestart: Bool = false, aliases: [String] = [], _ help: String
    ) {
        self.key = key
        self.help = help
        self.needsRestart = needsRestart
        self.aliases = aliases
        expected = kind.expected
        form = kind.form
        read = { kind.text($0[keyPath: place]) }
        write = { (configuration, text) throws(QuantityError) in
            configuration[keyPath: place] = try kind.parse(text)
        }
    }

    /// `--segment-max-bytes` for `segment.max_bytes`.
    package var flag: String {
        "--" + key.map { $0 == "." || $0 == "_" ? "-" : String($0) }.joined()
    }

    /// The value as text: the form that `set` reads, and the shortest one.
    package func text(in configuration: Configuration) -> String {
        read(configuration)
    }

    /// Reads the text into the configuration, or leaves it alone and says why not.
    package func set(_ text: String, in configuration: inout Configuration) throws(QuantityError) {
        do throws(QuantityError) {
            try write(&configuration, text)
        } catch {
            throw QuantityError("“\(text)” \(error): expected \(expected)")
        }
    }
}

// MARK: - The table

extension Setting {
    /// Every setting, in the order in which it is printed. The keys of one section stand together.
    package static let all: [Setting] = [
        Setting(
            "directory", .path, \.directory, needsRestart: true, aliases: ["-D"],
            "Directory of the log. It is created, and a log in it, if there is none."),
        Setting(
            "origin", .origin, \.origin, needsRestart: true,
            "Name of a log that is created; empty: host name and random digits."),
        Setting(
            "socket.path", .socketPath, \.socket.path, needsRestart: true, aliases: ["--socket"],
            "Socket for events, unless systemd passes one named “events”."),
        Setting(
            "socket.mode", .mode, \.socket.mode, needsRestart: true,
            "Permissions of that socket: who may write may log."),
        Setting(
            "socket.backlog", .count(1...65_535), \.socket.backlog, needsRestart: true,
            "Connections that wait to be accepted; the kernel caps it at net.core.somaxconn."),
        Setting(
            "control.path", .optionalSocketPath, \.control.path, needsRestart: true,
            "Control socket; empty: control.sock in the log directory."),
        Setting(
            "control.mode", .mode, \.control.mode, needsRestart: true,
            "Permissions of the control socket: who may write may ask for the status."),
        Setting(
            "control.uids", .userIDs, \.control.uids,
            "Users, beside root and the daemon's own, that may rotate and sync."),
        Setting(
            "control.custody_uids", .userIDs, \.control.custodyUids,
            "Users, beside root and the daemon's own, that may hold, redact and prune."),
        Setting(
            "control.archive_uids", .userIDs, \.control.archiveUids,
            "Users, beside root and the daemon's own, that may say what is in the archive."),
        Setting(
            "limits.event_bytes", .size(1 << 10...1 << 20), \.limits.eventBytes,
            "Longest event line; a longer one is stored as a rejected event."),
        Setting(
            "limits.connections", .count(1...500_000), \.limits.connections,
            "Connections at a time; each needs a file descriptor."),
        Setting(
            "limits.queue_bytes", .size(64 << 10...64 << 30), \.limits.queueBytes,
            "Received and not yet durable, all together: above it no socket is read."),
        Setting(
            "limits.connection_bytes", .size(1 << 10...1 << 30), \.limits.connectionBytes,
            "The same for one connection, so that one client cannot starve the others."),
        Setting(
            "limits.commit_bytes", .size(1 << 10...1 << 30), \.limits.commitBytes,
            "Lines of one group commit: more gives throughput, less gives latency."),
        Setting(
            "segment.max_bytes", .size(64 << 10...1 << 40), \.segment.maxBytes,
            "Compressed size at which a segment is sealed."),
        Setting(
            "segment.max_age", .span(.seconds(1) ... .seconds(366 * 86_400)), \.segment.maxAge,
            "Age at which a segment is sealed: only sealed segments can be archived, pruned or redacted."),
        Setting(
            "segment.seal_on_shutdown", .boolean, \.segment.sealOnShutdown,
            "Seal the active segment when the daemon stops."),
        Setting(
            "segment.compression", .choice(), \.segment.compression,
            "Compressor: isal is five to ten times as fast, zlib packs tighter at level 6. Both write gzip."),
        Setting(
            "segment.compression_level", .count(1...9), \.segment.compressionLevel,
            "Effort of zlib; isal has one level."),
        Setting(
            "head.interval", .span(.milliseconds(10) ... .seconds(60)), \.head.interval,
            "Shortest time between two signed heads of the active segment."),
        Setting(
            "head.keepalive", .span(.seconds(1) ... .seconds(60)), \.head.keepalive,
            "Longest time between two heads: an older head is a sign that the log is stale."),
        Setting(
            "disk.warn_free", .size(0...1 << 50), \.disk.warnFree,
            "Free bytes below which the log and the journal warn; 0: never."),
        Setting(
            "disk.stop_free", .size(0...1 << 50), \.disk.stopFree,
            "Free bytes below which no events are taken, so that seals and the host have room; 0: fill the disk."),
        Setting(
            "retention.policy", .optionalPath, \.retention.policy,
            "File of the retention policy; empty: nothing is ever removed."),
        Setting(
            "retention.interval", .span(.zero ... .seconds(366 * 86_400)), \.retention.interval,
            "Time between two runs of retention; 0: only on request."),
        Setting(
            "encryption.recipients", .recipients, \.encryption.recipients,
            "Age recipients for whom sealed segments are encrypted; empty: they are not."),
        Setting(
            "encryption.after", .span(.zero ... .seconds(366 * 86_400)), \.encryption.after,
            "How long after its last event a segment stays readable on this host."),
        Setting(
            "idempotency.ids", .count(0...100_000_000), \.idempotency.ids, needsRestart: true,
            "Event ids that are remembered to find retries; 0: off."),
        Setting(
            "idempotency.age", .span(.seconds(1) ... .seconds(366 * 86_400)), \.idempotency.age, needsRestart: true,
            "How long an event id is remembered."),
        Setting(
            "sanitize.fields", .names, \.sanitize.fields,
            "Fields, at any depth and in any case, whose value is replaced before it is stored."),
        Setting(
            "log.level", .choice(), \.log.level, needsRestart: true,
            "Least severe message that the daemon itself prints."),
    ]

    /// The setting with the dotted key.
    package static func named(_ key: String) -> Setting? {
        all.first { $0.key == key }
    }

    /// The setting with the flag or alias, dashes included.
    package static func flagged(_ flag: String) -> Setting? {
        all.first { $0.flag == flag || $0.aliases.contains(flag) }
    }

    /// `socket`, `control`, …
    static let sections = Set(all.compactMap { $0.section })

    /// The key up to its dot, or nil at the top level.
    var section: String? {
        key.firstIndex(of: ".").map { String(key[..<$0]) }
    }

    /// The key behind its dot.
    var name: Substring {
        key.firstIndex(of: ".").map { key[key.index(after: $0)...] } ?? key[...]
    }
}

// MARK: - Command line

extension Setting {
    /// Takes the flags of the table out of the arguments (without the program's name), and leaves the rest as it was.
    ///
    /// What follows `--` is not looked at. A flag without its value is an error.
    package static func separateFlags(
        in arguments: [String]
    ) throws(ConfigurationError) -> (flags: [(flag: String, value: String)], remaining: [String]) {
        var flags: [(flag: String, value: String)] = []
        var remaining: [String] = []
        var problems: [ConfigurationError.Problem] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                remaining += [argument] + rest
                break
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts.first.map(String.init) ?? argument
            guard let setting = flagged(name) else {
                remaining.append(argument)
                continue
            }
            if parts.count == 2 {
                flags.append((name, String(parts[1])))
            } else if setting.form == .boolean {
                flags.append((name, "true"))
            } else if let value = rest.popFirst() {
                flags.append((name, value))
            } else {
                problems.append(.init(.flag(name), key: setting.key, "has no value: expected \(setting.expected)"))
            }
        }
        if !problems.isEmpty { throw ConfigurationError(problems: problems) }
        return (flags, remaining)
    }

    /// The help text of all flags, two lines for each.
    package static var flagHelp: String {
        let defaults = Configuration()
        return all.map { setting in
            let names = ([setting.flag] + setting.aliases).joined(separator: ", ")
            let value = setting.text(in: defaults)
            return "  \(names) <\(setting.expected)>\n"
                + "        \(setting.help) (default: \(value.isEmpty ? "empty" : value))\n"
        }.joined()
    }
}

// MARK: - Nearest name

extension Setting {
    /// The known name nearest to an unknown one, if one is near enough to be meant.
    ///
    /// - Parameter name: a dotted key, a section, or a flag.
    static func nearest(to name: String, among candidates: [String]) -> String? {
        // `max_bytes` without its section is the right name in the wrong place, far as it is from the whole key.
        let misplaced = candidates.filter { $0.hasSuffix("." + (name.split(separator: ".").last ?? "")) }
        let ranked = (misplaced.isEmpty ? candidates : misplaced).map { (name: $0, distance: editDistance(name, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        return !misplaced.isEmpty || best.distance <= max(1, name.count / 3) ? best.name : nil
    }
}

/// Levenshtein's distance: single-character insertions, deletions and substitutions.
private func editDistance(_ first: String, _ second: String) -> Int {
    let first = Array(first)
    let second = Array(second)
    var row = Array(0...second.count)
    for (i, character) in first.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in second.enumerated() {
            let substituted = diagonal + (character == other ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[second.count]
}
