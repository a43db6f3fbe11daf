import CairnFormat
import Testing

@testable import CairnDaemon

private func parse(_ yaml: String) throws -> LoadedConfiguration {
    try Configuration.parse(yaml: yaml, name: "c")
}

private let userIDs = "expected list of user ids, such as [1000, 1001]"
private let names = "expected list of names, such as [password, token]"
private let levels = "expected one of trace, debug, info, notice, warning, error, critical"

private func problems(_ yaml: String) -> [String] {
    do {
        _ = try parse(yaml)
        return []
    } catch {
        return (error as? ConfigurationError)?.problems.map(\.description) ?? ["\(error)"]
    }
}

@Suite struct ConfigurationFileTests {
    @Test(arguments: [
        "", "\n", "# nothing\n", "---\n", "---\n...\n", "~", "{}", "\u{FEFF}", "segment:\n",
        "segment:\n  # max_age: 1h\n",
        "segment: {}\nhead: ~\n",
    ])
    func emptyMeansDefaults(_ yaml: String) throws {
        #expect(try parse(yaml).configuration == Configuration())
    }

    @Test func readsEverySetting() throws {
        let loaded = try parse(
            """
            directory: /srv/audit log
            origin: logs.example.com/1
            socket: {path: /s, mode: 0600, backlog: 16}
            control:
              path: "/c"
              mode: '0640'
              uids: [0, 1000]
              custody_uids: [7]
              archive_uids: [8]
            limits:
              event_bytes: 1KiB
              connections: 1
              queue_bytes: 1M
              connection_bytes: 512K
              commit_bytes: 262144
            segment:
              max_bytes: 1MiB
              max_age: 1h 30min
              seal_on_shutdown: yes
              compression: zlib
              compression_level: 6
            head.interval: 500ms
            head:
              keepalive: 30s
            disk: {warn_free: 2GiB, stop_free: 1GiB}
            retention: {policy: /p, interval: 1d}
            encryption:
              recipients: [age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef]
              after: 2d
            idempotency: {ids: 0, age: 2weeks}
            sanitize:
              fields:
              - password
              - "credit card"
            log: {level: trace}
            """)
        var expected = Configuration()
        expected.directory = "/srv/audit log"
        expected.origin = "logs.example.com/1"
        expected.socket = .init(path: "/s", mode: 0o600, backlog: 16)
        expected.control = .init(path: "/c", mode: 0o640, uids: [0, 1000], custodyUids: [7], archiveUids: [8])
        expected.limits = .init(
            eventBytes: 1 << 10, connections: 1, queueBytes: 1 << 20, connectionBytes: 512 << 10,
            commitBytes: 256 << 10)
        expected.segment = .init(
            maxBytes: 1 << 20, maxAge: .seconds(5400), sealOnShutdown: true, compression: .zlib, compressionLevel: 6)
        expected.head = .init(interval: .milliseconds(500), keepalive: .seconds(30))
        expected.disk = .init(warnFree: 2 << 30, stopFree: 1 << 30)
        expected.retention = .init(policy: "/p", interval: .seconds(86_400))
        expected.encryption = .init(
            recipients: [try AgeRecipient("age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef")],
            after: .seconds(172_800))
        expected.idempotency = .init(ids: 0, age: .seconds(1_209_600))
        expected.sanitize = .init(fields: ["password", "credit card"])
        expected.log = .init(level: .trace)
        #expect(loaded.configuration == expected)
        #expect(Setting.all.allSatisfy { loaded.source(of: $0.key) != .builtIn })
        #expect(loaded.source(of: "segment.max_age") == .file(name: "c", line: 18, column: 12))
    }

    @Test(arguments: [
        // Unknown keys, with the nearest known one.
        (
            "segment:\n  max_byte: 1\n",
            ["c:2:3: segment.max_byte: unknown key; the nearest known one is segment.max_bytes"]
        ),
        ("max_age: 1h", ["c:1:1: max_age: unknown key; the nearest known one is segment.max_age"]),
        ("contrl.path: /c", ["c:1:1: contrl.path: unknown key; the nearest known one is control.path"]),
        ("segmnt:\n  max_age: 1h", ["c:1:1: segmnt: unknown key; the nearest known one is segment"]),
        ("frobnication: 1", ["c:1:1: frobnication: unknown key; --print-config shows the known ones"]),
        // Types.
        ("- directory", ["c:1:1: expected settings such as “directory: /var/log/cairn”"]),
        ("directory", ["c:1:1: expected settings such as “directory: /var/log/cairn”"]),
        ("segment: 1", ["c:1:10: segment: expected the settings of this section, indented, one a line"]),
        ("[1]: 2", ["c:1:1: expected the name of a setting"]),
        ("log:\n  {}: 2", ["c:2:3: log: expected the name of a setting"]),
        ("directory: [a]", ["c:1:12: directory: expected path, found a list"]),
        ("directory: {a: b}", ["c:1:12: directory: expected path, found a mapping"]),
        ("directory:", ["c:1:11: directory: expected path, found nothing"]),
        (
            "origin: ~",
            ["c:1:9: origin: expected name of at most 128 bytes without “+” and white space, or nothing, found nothing"]
        ),
        (
            "control:\n  uids: 1000",
            ["c:2:9: control.uids: \(userIDs), found “1000”, which is not a list"]
        ),
        (
            "control: {uids: [root, 7, [8], \"1,2\"]}",
            [
                "c:1:18: control.uids: “root” is not a number: \(userIDs)",
                "c:1:27: control.uids: \(userIDs), one name or number an entry",
                "c:1:32: control.uids: \(userIDs), one name or number an entry",
            ]
        ),
        (
            "sanitize.fields:\n- a\n- ''\n-\n",
            [
                "c:3:3: sanitize.fields: empty entry: \(names)",
                "c:4:2: sanitize.fields: \(names), one name or number an entry",
            ]
        ),
        // Values.
        ("log: {level: loud}", ["c:1:14: log.level: “loud” is none of them: \(levels)"]),
        (
            "limits:\n  event_bytes: 2MiB",
            ["c:2:16: limits.event_bytes: “2MiB” is too large: expected size, 1KiB to 1MiB"]
        ),
        ("head:\n  keepalive: 2min", ["c:2:14: head.keepalive: “2min” is too large: expected time span, 1s to 60s"]),
        // Several documents, and no YAML at all.
        ("directory: /a\n---\ndirectory: /b\n", ["c:2:1: a second document: put all settings in one"]),
        ("directory: *nowhere", ["c:1:12: not YAML: found undefined alias"]),
        ("a: b: c", ["c:1:5: not YAML: mapping values are not allowed in this context"]),
        ("log: {level: info", ["c:2:1: not YAML: did not find expected ',' or '}'"]),
        ("log:\n\tlevel: info", ["c:2:1: not YAML: found character that cannot start any token"]),
        ("log:\n  level: a\u{1}b", ["c:2:1: not YAML: control characters are not allowed"]),
    ])
    func reportsWhereAndWhat(_ yaml: String, _ expected: [String]) {
        #expect(problems(yaml) == expected)
    }

    @Test(arguments: [
        ("directory: /a\ndirectory: /b\n", ["c:2:1: directory: duplicate key, first given on line 1: remove one"]),
        (
            "segment:\n  max_age: 1h\n\n  # again\n  max_age: 2h\n",
            ["c:5:3: segment.max_age: duplicate key, first given on line 2: remove one"]
        ),
        (
            "segment:\r\n  max_age: 1h\r\n  \"max_age\": 2h\r\n",
            ["c:3:3: segment.max_age: duplicate key, first given on line 2: remove one"]
        ),
        ("log: {level: info, level: debug}", ["c:1:7: level: duplicate key, first given on line 1: remove one"]),
        (
            "segment.max_age: 1h\nsegment:\n  max_age: 2h\n",
            ["c:3:3: segment.max_age: given twice, first at c:1: remove one"]
        ),
        // A whole section, a list as far left as its key, three times, and other mistakes after that.
        (
            "sanitize.fields:\n- a\nlog:\n  level: info\nsanitize.fields:\n- b\n- c\nlog:\n  level: loud\nfoo: 1\nlog: {}\n",
            [
                "c:5:1: sanitize.fields: duplicate key, first given on line 1: remove one",
                "c:8:1: log: duplicate key, first given on line 3: remove one",
                "c:10:1: foo: unknown key; --print-config shows the known ones",
                "c:11:1: log: duplicate key, first given on line 3: remove one",
            ]
        ),
        // The same name in two sections is no duplicate.
        ("socket:\n  path: /a\ncontrol:\n  path: /b\n", []),
    ])
    func reportsDuplicates(_ yaml: String, _ expected: [String]) {
        #expect(problems(yaml) == expected)
    }

    @Test func collectsAllProblems() {
        let found = problems(
            """
            directry: /a
            socket:
              mode: 999
              backlog: many
              colour: blue
            head: 7
            log:
              level: INFO
            """)
        #expect(found.count == 6)
        for (place, problem) in zip(["1:1", "3:9", "4:12", "5:3", "6:7", "8:10"], found) {
            #expect(problem.hasPrefix("c:\(place): "), "\(problem)")
        }
    }

    @Test(arguments: [
        (
            "limits:\n  connection_bytes: 100K\n",
            "c:2:21: limits.connection_bytes: 100KiB is less than limits.event_bytes, 256KiB: "
        ),
        (
            "limits:\n  queue_bytes: 1MiB\n",
            "c:2:16: limits.queue_bytes: 1MiB is less than limits.connection_bytes, 4MiB: "
        ),
        (
            "limits:\n  commit_bytes: 255K\n",
            "c:2:17: limits.commit_bytes: 255KiB is less than limits.event_bytes, 256KiB: "
        ),
        ("head:\n  keepalive: 5s\n  interval: 6s\n", "c:2:14: head.keepalive: 5s is less than head.interval, 6s: "),
        ("segment:\n  compression_level: 6\n", "c:2:22: segment.compression_level: 6 has no effect with isal: "),
        // The default of the other one is in the way: the place is that of the value that was given.
        (
            "limits:\n  connection_bytes: 128M\n",
            "c:2:21: limits.queue_bytes: 64MiB is less than limits.connection_bytes, 128MiB: "
        ),
        ("directory: /\(String(repeating: "d", count: 94))\n", "c:1:12: control.path: /ddd"),
    ])
    func rulesBetweenSettings(_ yaml: String, _ prefix: String) {
        let found = problems(yaml)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix(prefix) == true, "\(found)")
    }

    @Test(arguments: [
        "head:\n  keepalive: 6s\n  interval: 6s\n", "segment:\n  compression: zlib\n  compression_level: 6\n",
        "limits:\n  queue_bytes: 256K\n  connection_bytes: 256K\n  commit_bytes: 256K\n",
        "directory: /\(String(repeating: "d", count: 93))\n",
        "directory: /\(String(repeating: "d", count: 200))\ncontrol:\n  path: /run/c\n",
    ])
    func rulesBetweenSettingsAllow(_ yaml: String) {
        #expect(problems(yaml) == [])
    }

    @Test func flagsMayMendTheFile() throws {
        let file = (name: "c", bytes: Array("head:\n  interval: 10s\n".utf8))
        let loaded = try Configuration.load(file: file, flags: [("--head-keepalive", "20s")])
        #expect(loaded.configuration.head.keepalive == .seconds(20))
        let error = #expect(throws: ConfigurationError.self) {
            _ = try Configuration.load(file: file, flags: [("--head-keepalive", "5s")])
        }
        #expect(error?.problems.map(\.source) == [.flag("--head-keepalive")])
    }

    @Test func bytesThatAreNotText() {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try Configuration.load(file: ("c", Array("origin: ok\nlog: ".utf8) + [0xFF, 0x0A]))
        }
        #expect(error?.description == "c:2:1: not UTF-8: save the file as UTF-8")
    }

    @Test func endlessDuplicatesAreCutOff() {
        #expect(problems(String(repeating: "directory: /a\n", count: 1_000)).count == 50)
    }

    @Test func deepNestingIsAnError() {
        #expect(problems(String(repeating: "[", count: 100_000)).count == 1)
        #expect(problems(String(repeating: "{a: ", count: 100_000)).count == 1)
    }

    /// No text makes the reader crash or loop: every prefix, and the file with each line doubled or cut.
    @Test func mangledFilesEndInProblemsOrValues() throws {
        let file = "socket:\n  path: /s\n  mode: 0600\nsanitize:\n  fields:\n  - a\n  - \"b c\"\nlog: {level: info}\n"
        for count in 0...file.count { _ = problems(String(file.prefix(count))) }
        let lines = file.split(separator: "\n").map(String.init)
        for index in lines.indices {
            var doubled = lines
            doubled.insert(lines[index], at: index)
            let found = problems(doubled.joined(separator: "\n"))
            #expect(found.isEmpty == ["  - a", "  - \"b c\""].contains(lines[index]), "\(lines[index]): \(found)")
        }
    }
}

@Suite struct PrintedConfigurationTests {
    @Test func saysWhereEachValueCameFrom() throws {
        let file = (name: "/etc/c.yaml", bytes: Array("control:\n  uids: [1, 2]\n".utf8))
        let printed = try Configuration.load(file: file, flags: [("-D", "/a b")]).printed()
        #expect(
            printed.hasPrefix(
                """
                directory: "/a b"  # -D
                origin: ""  # default
                socket:
                  path: /run/auditd.sock  # default
                  mode: 0660  # default
                  backlog: 4096  # default
                control:
                  path: ""  # default
                  mode: 0660  # default
                  uids: [1, 2]  # /etc/c.yaml:2

                """))
        #expect(printed.hasSuffix("\nsanitize:\n  fields: []  # default\nlog:\n  level: info  # default\n"))
    }

    /// Odd values survive printing and reading.
    @Test(arguments: [
        (
            "-D",
            "~"
        ), ("-D", "null"), ("-D", "# no comment"), ("-D", "a: b"), ("-D", "\"quoted\" \\ back"),
        (
            "-D", "- x"
        ),
        ("-D", "*a"), ("-D", "ümläut 🪨"), ("-D", " leading"), ("-D", "!tag"), ("-D", "%x"), ("-D", "{"),
        ("--sanitize-fields", "null,a b,[,\",x: y,#"), ("--control-uids", "7"), ("--socket-mode", "0007"),
        ("--origin", "null"), ("--segment-seal-on-shutdown", "true"), ("--head-interval", "1001ms"),
    ])
    func readsBack(_ flag: String, _ value: String) throws {
        let loaded = try Configuration.load(file: nil, flags: [(flag, value)])
        let again = try Configuration.parse(yaml: loaded.printed(), name: "printed")
        #expect(again.configuration == loaded.configuration)
        #expect(again.configuration != Configuration())
    }
}
