import CairnPlatform
import Testing

@testable import CairnDaemon

@Suite struct ConfigurationSettingsTests {
    /// The contract with operators and the documentation: key, flag, default, restart.
    static let table: [(key: String, flag: String, text: String, restart: Bool)] = [
        ("directory", "--directory", "/var/log/cairn", true),
        ("origin", "--origin", "", true),
        ("socket.path", "--socket-path", "/run/auditd.sock", true),
        ("socket.mode", "--socket-mode", "0660", true),
        ("socket.backlog", "--socket-backlog", "4096", true),
        ("control.path", "--control-path", "", true),
        ("control.mode", "--control-mode", "0660", true),
        ("control.uids", "--control-uids", "", false),
        ("control.custody_uids", "--control-custody-uids", "", false),
        ("control.archive_uids", "--control-archive-uids", "", false),
        ("limits.event_bytes", "--limits-event-bytes", "256KiB", false),
        ("limits.connections", "--limits-connections", "4096", false),
        ("limits.queue_bytes", "--limits-queue-bytes", "64MiB", false),
        ("limits.connection_bytes", "--limits-connection-bytes", "4MiB", false),
        ("limits.commit_bytes", "--limits-commit-bytes", "8MiB", false),
        ("segment.max_bytes", "--segment-max-bytes", "64MiB", false),
        ("segment.max_age", "--segment-max-age", "1h", false),
        ("segment.seal_on_shutdown", "--segment-seal-on-shutdown", "false", false),
        ("segment.compression", "--segment-compression", "isal", false),
        ("segment.compression_level", "--segment-compression-level", "1", false),
        ("head.interval", "--head-interval", "1s", false),
        ("head.keepalive", "--head-keepalive", "60s", false),
        ("disk.warn_free", "--disk-warn-free", "512MiB", false),
        ("disk.stop_free", "--disk-stop-free", "64MiB", false),
        ("retention.policy", "--retention-policy", "", false),
        ("retention.interval", "--retention-interval", "0s", false),
        ("encryption.recipients", "--encryption-recipients", "", false),
        ("encryption.after", "--encryption-after", "1d", false),
        ("idempotency.ids", "--idempotency-ids", "1000000", true),
        ("idempotency.age", "--idempotency-age", "1d", true),
        ("sanitize.fields", "--sanitize-fields", "", false),
        ("log.level", "--log-level", "info", true),
    ]

    @Test func tableIsTheContract() {
        #expect(Setting.all.map(\.key) == Self.table.map(\.key))
        for (setting, expected) in zip(Setting.all, Self.table) {
            #expect(setting.flag == expected.flag)
            #expect(setting.text(in: Configuration()) == expected.text, "\(setting.key)")
            #expect(setting.needsRestart == expected.restart, "\(setting.key)")
            #expect(!setting.help.isEmpty && !setting.help.contains("\n"))
        }
    }

    @Test func namesAreDistinct() {
        let flags = Setting.all.flatMap { [$0.flag] + $0.aliases }
        #expect(Set(flags).count == flags.count)
        #expect(Setting.flagged("-D")?.key == "directory")
        #expect(Setting.flagged("--socket")?.key == "socket.path")
    }

    @Test func keysOfASectionStandTogether() {
        let runs = Setting.all.compactMap(\.section).reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
        #expect(Set(runs).count == runs.count)
    }

    /// Limits and odd values of every setting: text, and the text that it is printed as.
    @Test(arguments: [
        ("directory", "relative dir", "relative dir"),
        ("origin", "logs.example.com/päge", "logs.example.com/päge"),
        ("socket.path", String(repeating: "p", count: 107), String(repeating: "p", count: 107)),
        ("socket.mode", "666", "0666"), ("socket.backlog", "65535", "65535"), ("control.path", "", ""),
        ("control.path", "/run/cairn/control.sock", "/run/cairn/control.sock"), ("control.mode", "0600", "0600"),
        ("control.uids", "0, 1000 ,4294967294", "0,1000,4294967294"), ("limits.event_bytes", "1024", "1KiB"),
        ("limits.event_bytes", "1MiB", "1MiB"), ("limits.connections", "1", "1"), ("limits.queue_bytes", "1G", "1GiB"),
        ("limits.connection_bytes", "1025K", "1025KiB"), ("limits.commit_bytes", "1M", "1MiB"),
        ("segment.max_bytes", "64KiB", "64KiB"), ("segment.max_age", "1h 30min", "90min"),
        ("segment.seal_on_shutdown", "yes", "true"), ("segment.seal_on_shutdown", "on", "true"),
        ("segment.compression", "zlib", "zlib"), ("segment.compression_level", "9", "9"),
        ("head.interval", "10ms", "10ms"), ("head.keepalive", "1min", "60s"), ("idempotency.ids", "0", "0"),
        ("control.custody_uids", "5", "5"), ("retention.policy", "", ""), ("retention.policy", "/p", "/p"),
        ("encryption.recipients", "", ""), ("encryption.after", "0", "0s"),
        (
            "encryption.recipients", " age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef ",
            "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef"
        ),
        ("retention.interval", "0", "0s"), ("retention.interval", "24h", "1d"), ("disk.warn_free", "0", "0"),
        ("disk.stop_free", "1G", "1GiB"), ("idempotency.age", "2weeks", "2w"),
        ("sanitize.fields", "password,credit card", "password,credit card"),
        ("log.level", "critical", "critical"),
    ])
    func accepts(_ key: String, _ text: String, _ printed: String) throws {
        let setting = try #require(Setting.named(key))
        var configuration = Configuration()
        try setting.set(text, in: &configuration)
        #expect(setting.text(in: configuration) == printed)
        var again = Configuration()
        try setting.set(printed, in: &again)
        #expect(again == configuration)
    }

    @Test(arguments: [
        ("directory", ""), ("directory", "a\u{0}b"), ("directory", "a\nb"), ("origin", "a+b"), ("origin", "a b"),
        ("origin", String(repeating: "o", count: 129)), ("origin", "a\u{7F}"), ("socket.path", ""),
        ("socket.path", String(repeating: "p", count: 108)), ("socket.mode", "1777"), ("socket.mode", "rw"),
        ("socket.backlog", "0"), ("socket.backlog", "65536"), ("control.path", String(repeating: "p", count: 108)),
        ("control.mode", "8"), ("control.uids", "root"), ("control.uids", "-1"), ("control.uids", "4294967295"),
        ("control.uids", "1,,2"), ("control.uids", ","), ("limits.event_bytes", "1023"),
        ("limits.event_bytes", "1048577"), ("limits.connections", "0"), ("limits.queue_bytes", "1KiB"),
        ("limits.connection_bytes", "2GiB"), ("limits.commit_bytes", "0"), ("segment.max_bytes", "65535"),
        ("segment.max_bytes", "64KB"), ("segment.max_age", "0"), ("segment.max_age", "53w"),
        ("segment.seal_on_shutdown", "maybe"), ("segment.compression", "gzip"), ("segment.compression", "ISAL"),
        ("segment.compression_level", "0"), ("segment.compression_level", "10"), ("head.interval", "9ms"),
        ("head.keepalive", "61s"), ("disk.stop_free", "-1"), ("disk.warn_free", "10%"), ("idempotency.ids", "-1"),
        ("idempotency.age", "never"), ("retention.policy", "a\nb"), ("retention.interval", "53w"),
        ("encryption.recipients", "age1xyz"), ("encryption.recipients", "ssh-ed25519 AAAA"),
        ("encryption.recipients", "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef,"),
        ("encryption.after", "53w"),
        ("sanitize.fields", "a,,b"), ("sanitize.fields", "a\tb"), ("log.level", "loud"), ("log.level", ""),
    ])
    func refuses(_ key: String, _ text: String) throws {
        let setting = try #require(Setting.named(key))
        var configuration = Configuration()
        let error = #expect(throws: QuantityError.self) { try setting.set(text, in: &configuration) }
        #expect(configuration == Configuration(), "a refused value must change nothing")
        #expect(error?.description.hasPrefix("“\(text)” ") == true)
        #expect(error?.description.hasSuffix("expected \(setting.expected)") == true)
    }

    /// Each setting writes a place of its own: otherwise two keys of the table would share one.
    @Test func placesAreDistinct() throws {
        let others = [
            "directory": "/d", "origin": "o", "socket.path": "/s", "socket.mode": "0600", "socket.backlog": "7",
            "control.path": "/c", "control.mode": "0600", "control.uids": "7", "control.custody_uids": "8",
            "control.archive_uids": "9",
            "encryption.recipients": "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef",
            "encryption.after": "7h", "retention.policy": "/p", "retention.interval": "7d",
            "limits.event_bytes": "7KiB",
            "limits.connections": "7", "limits.queue_bytes": "7MiB", "limits.connection_bytes": "7MiB",
            "limits.commit_bytes": "7MiB", "segment.max_bytes": "7MiB", "segment.max_age": "7h",
            "segment.seal_on_shutdown": "true", "segment.compression": "zlib", "segment.compression_level": "7",
            "head.interval": "7s", "head.keepalive": "7s", "disk.warn_free": "777MiB", "disk.stop_free": "7MiB",
            "idempotency.ids": "7", "idempotency.age": "7h",
            "sanitize.fields": "password", "log.level": "debug",
        ]
        for setting in Setting.all {
            var configuration = Configuration()
            try setting.set(try #require(others[setting.key]), in: &configuration)
            let changed = Setting.all.filter { $0.text(in: configuration) != $0.text(in: Configuration()) }
            #expect(changed.map(\.key) == [setting.key])
            #expect(
                configuration.changesNeedingRestart(from: Configuration()) == changed.filter(\.needsRestart).map(\.key))
            let reloaded = configuration.reloaded(over: Configuration())
            #expect(reloaded == (setting.needsRestart ? Configuration() : configuration), "\(setting.key)")
        }
    }

    @Test func controlSocketIsInTheDirectory() {
        var configuration = Configuration()
        #expect(configuration.controlPath == "/var/log/cairn/control.sock")
        configuration.directory = "/srv/log/"
        #expect(configuration.controlPath == "/srv/log/control.sock")
        configuration.control.path = "/run/c"
        #expect(configuration.controlPath == "/run/c")
    }
}

@Suite struct ConfigurationFlagsTests {
    private func load(_ arguments: [String]) throws -> (LoadedConfiguration, [String]) {
        let (flags, remaining) = try Setting.separateFlags(in: arguments)
        return (try Configuration.load(file: nil, flags: flags), remaining)
    }

    @Test func takesItsOwnAndLeavesTheRest() throws {
        let (loaded, remaining) = try load([
            "-D", "/d", "--config", "/c.yaml", "--socket=/s=1", "--segment-seal-on-shutdown", "--check-config",
            "--limits-connections", "9", "--sanitize-fields=a,b", "--", "--log-level", "debug",
        ])
        #expect(remaining == ["--config", "/c.yaml", "--check-config", "--", "--log-level", "debug"])
        #expect(loaded.configuration.directory == "/d")
        #expect(loaded.configuration.socket.path == "/s=1")
        #expect(loaded.configuration.segment.sealOnShutdown)
        #expect(loaded.configuration.limits.connections == 9)
        #expect(loaded.configuration.sanitize.fields == ["a", "b"])
        #expect(loaded.configuration.log.level == .info)
        #expect(loaded.source(of: "directory") == .flag("-D"))
        #expect(loaded.source(of: "log.level") == .builtIn)
    }

    @Test func booleanDoesNotTakeTheNextArgument() throws {
        let (on, rest) = try load(["--segment-seal-on-shutdown", "false"])
        #expect(on.configuration.segment.sealOnShutdown)
        #expect(rest == ["false"])
        let (off, _) = try load(["--segment-seal-on-shutdown", "--segment-seal-on-shutdown=false"])
        #expect(!off.configuration.segment.sealOnShutdown)
    }

    @Test func missingValuesAreReported() {
        let error = #expect(throws: ConfigurationError.self) { _ = try Setting.separateFlags(in: ["--log-level"]) }
        #expect(
            error?.description == "--log-level: log.level: has no value: "
                + "expected one of trace, debug, info, notice, warning, error, critical")
    }

    @Test func lastFlagWinsAndAllErrorsAreReported() throws {
        let flags = [(flag: "--log-level", value: "debug"), (flag: "--log-level", value: "error")]
        #expect(try Configuration.load(file: nil, flags: flags).configuration.log.level == .error)
        let error = #expect(throws: ConfigurationError.self) {
            _ = try Configuration.load(
                file: nil,
                flags: [("--segment-max-byte", "1MiB"), ("--socket-mode", "9"), ("--frobnicate", "1")])
        }
        #expect(
            error?.problems.map(\.description) == [
                "--segment-max-byte: unknown flag; the nearest is --segment-max-bytes",
                "--socket-mode: socket.mode: “9” is not three or four octal digits: expected octal mode, 0000 to 0777",
                "--frobnicate: unknown flag",
            ])
    }

    @Test func flagsWinOverTheFile() throws {
        let yaml = "log:\n  level: debug\nhead:\n  interval: 2s\n"
        let loaded = try Configuration.load(
            file: ("c.yaml", Array(yaml.utf8)), flags: [("--log-level", "notice")])
        #expect(loaded.configuration.log.level == .notice)
        #expect(loaded.source(of: "log.level") == .flag("--log-level"))
        #expect(loaded.configuration.head.interval == .seconds(2))
        #expect(loaded.source(of: "head.interval") == .file(name: "c.yaml", line: 4, column: 13))
    }

    @Test func helpNamesEveryFlagAndDefault() {
        let help = Setting.flagHelp
        for setting in Setting.all {
            #expect(help.contains("  \(setting.flag)"))
            #expect(help.contains(setting.help))
        }
        #expect(help.contains("--directory, -D <path>\n"))
        #expect(help.contains("(default: 64MiB)") && help.contains("(default: empty)"))
    }
}
