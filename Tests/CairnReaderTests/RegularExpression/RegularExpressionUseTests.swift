import CairnReader
import Testing

/// What people look for in audit logs.
@Suite struct RegularExpressionUseTests {
    private typealias Row = (pattern: String, matching: [String], others: [String])

    private static let identities: [Row] = [
        (
            #"@example\.com$"#, ["ann@example.com", "@example.com"],
            ["ann@example.org", "ann@exampleXcom", "ann@example.com.invalid", "ANN@EXAMPLE.COM", "ann@example.com\n"]
        ),
        (
            #"(?i)@(mail\.)?example\.(com|org)$"#, ["Ann@Example.COM", "ann@MAIL.example.org"],
            ["ann@sub.example.com", "ann@example.net", "ann@mailexample.org.x"]
        ),
        (
            #"^[^@\s]+@[^@\s]+\.[a-z]{2,}$"#, ["a@b.cd", "ä.ö+ü@bücher.example", "x_y@a-b.c.museum"],
            ["a@b", "a@@b.cd", "a b@c.de", "a@b.c", "@b.cd", "a@b.cd "]
        ),
        (
            "^(root|admin|postgres|oracle)$", ["root", "admin", "postgres"],
            ["roo", "rootx", "toor", "Root", "", "admin\n"]
        ),
        (
            "^svc-[a-z0-9]+(-[a-z0-9]+)*$", ["svc-a", "svc-backup-01", "svc-a-b-c"],
            ["svc-", "svc--a", "svc-a-", "SVC-a", "xsvc-a"]
        ),
        (
            "^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", ["123e4567-e89b-12d3-a456-426614174000"],
            [
                "123e4567-e89b-12d3-a456-42661417400", "123E4567-e89b-12d3-a456-426614174000",
                "123e4567e89b12d3a456426614174000", "g23e4567-e89b-12d3-a456-426614174000",
            ]
        ),
        (
            #"^S-1-5-21(-\d+){3}-500$"#, ["S-1-5-21-1-2-3-500", "S-1-5-21-1004336348-1177238915-682003330-500"],
            ["S-1-5-21-1-2-500", "S-1-5-21-1-2-3-501", "S-1-5-21-1-2-3-4-500"]
        ),
        ("^.{0,3}$", ["", "abc", "äöü", "😀😀😀"], ["abcd", "äöüß"]),
        ("(?i)müller", ["müller", "MüLLER"], ["MÜLLER", "mueller", "mu\u{308}ller"]),
        ("(?i:m)[üÜ](?i:ller)", ["MÜLLER", "Müller"], ["MÖLLER"]),
    ]

    private static let addresses: [Row] = [
        (#"^10\."#, ["10.0.0.1", "10."], ["110.0.0.1", "1.10.0.1", "100.1.1.1"]),
        (
            #"^(10|172\.(1[6-9]|2[0-9]|3[01])|192\.168)\."#,
            ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1"],
            ["172.15.0.1", "172.32.0.1", "192.169.0.1", "11.0.0.1"]
        ),
        (
            #"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$"#, ["0.0.0.0", "255.255.255.255", "192.168.1.99"],
            ["256.1.1.1", "1.1.1", "1.1.1.1.1", "1.1.1.1000", "a.b.c.d"]
        ),
        (
            #"\b\d{1,3}(\.\d{1,3}){3}\b"#, ["from 10.0.0.1 port 22", "10.0.0.1", "(10.0.0.1)", "1.2.3.4.5"],
            ["v1.2.3", "10.0.0", "1234.1.1.1111", "a1.2.3.4_"]
        ),
        ("(?i)^fe80:", ["fe80::1", "FE80::1"], ["fe8::1", "2001:fe80::"]),
        (
            "^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$", ["00:1a:2B:3c:4D:5e", "00-1A-2B-3C-4D-5E"],
            ["00:1a:2b:3c:4d", "00:1a:2b:3c:4d:5e:6f", "0:1a:2b:3c:4d:5e", "00:1g:2b:3c:4d:5e"]
        ),
        (
            #"^https?://([^/@]+@)?([a-z0-9-]+\.)+[a-z]+(:\d+)?(/|$)"#,
            ["http://example.com", "https://a.b-c.example/x?y", "https://u:p@example.com:8443/"],
            ["ftp://example.com", "http://localhost", "http:/example.com", "https://exa mple.com"]
        ),
    ]

    private static let texts: [Row] = [
        (
            "(?i)(fail|den(y|ied)|refus|reject)", ["Login FAILED", "access denied", "Deny", "connection refused"],
            ["Login succeeded", "den", "refers"]
        ),
        (#"\.\./"#, ["../../etc/passwd", "a/../b"], ["./a", ".. /", "..a/"]),
        (#"^/(etc|root)(/|$)"#, ["/etc/passwd", "/root", "/etc/"], ["/etcetera", "/home/root", "etc/passwd"]),
        (#"\.(exe|dll|ps1)$"#, ["a.exe", "C:\\x\\b.dll", ".ps1"], ["a.exe.txt", "exe", "a_exe", "a.EXE"]),
        (#"^[A-Z]:\\"#, [#"C:\Windows"#, #"D:\"#], ["C:/Windows", #"\\server\share"#, #"c:\"#]),
        (#"^\\\\[^\\]+\\[^\\]+"#, [#"\\server\share"#, #"\\s\a\b"#], [#"\server\share"#, #"\\server\"#]),
        (#"(?i)\bor\b\s+1\s*=\s*1"#, ["' OR 1=1 --", "x or  1 = 1"], ["for 1=1", "or1=1", "or 1=2"]),
        (#"\$\{jndi:"#, ["${jndi:ldap://x}"], ["{jndi:", "$jndi:"]),
        ("<script[^>]*>", ["<script>", "a<script src='x'>b"], ["<script", "<scrip>", "script>"]),
        (#"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"#, ["a\u{0}", "\u{1B}[31m", "\u{7F}"], ["a\tb\n", "é", "\r"]),
        (#"\x1B\["#, ["\u{1B}[2J"], ["[2J", "\u{1B}2J"]),
        (#"[^\x{0}-\x{7F}]"#, ["é", "a😀", "а"], ["a", "", "~"]),
        (#"[\x{202A}-\x{202E}\x{2066}-\x{2069}]"#, ["a\u{202E}b", "\u{2066}"], ["ab", "\u{202F}", "\u{2065}"]),
        (#"[а-яА-Я]"#, ["pаypal", "Я"], ["paypal", "ё"]),
        (#"^\s*$"#, ["", " ", "\t\n"], ["a", " a ", "\u{A0}"]),
        (#"(^|\s)-rf?(\s|$)"#, ["rm -rf /", "-r", "rm -r x"], ["-rfx", "a-rf", "- rf"]),
        (#"\bsudo\s+(su|-i|bash|sh)\b"#, ["sudo su", "x; sudo  bash"], ["sudo ls", "pseudo su", "sudo suspend"]),
        (
            #""code":\s*(4\d\d|5\d\d)\b"#, [#"{"code":404}"#, #"{"code": 500,"x":1}"#],
            [#"{"code":200}"#, #"{"code":4044}"#]
        ),
    ]

    private static let values: [Row] = [
        (
            #"^\d{4}-\d{2}-\d{2}T(0\d|1\d|2[0-3]):[0-5]\d"#, ["2026-11-21T07:39:12Z", "2026-11-21T23:59"],
            ["2026-11-21 07:39", "2026-11-21T24:00", "2026-11-21T07:60", "26-11-21T07:39"]
        ),
        ("T(2[2-3]|0[0-5]):", ["2026-11-21T22:00:00Z", "2026-11-21T03:10:00Z"], ["2026-11-21T07:00:00Z", "22:00"]),
        (
            "^(sha256:)?[0-9a-f]{64}$",
            [String(repeating: "0a", count: 32), "sha256:" + String(repeating: "f", count: 64)],
            [String(repeating: "0a", count: 31), String(repeating: "0A", count: 32)]
        ),
        (
            #"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"#, ["0", "-1.5", "1e10", "12.50E-3"],
            ["01", "1.", ".5", "1e", "--1"]
        ),
        (#"^v?(\d+)\.(\d+)\.(\d+)(-[\w.]+)?$"#, ["1.2.3", "v10.0.1", "1.0.0-rc.1"], ["1.2", "v1.2.3.4", "1.2.3-"]),
        (
            #"^4\d{3}([ -]?)\d{4}([ -]?)\d{4}([ -]?)\d{4}$"#, ["4111111111111111", "4111 1111-1111 1111"],
            ["5111111111111111", "411111111111111", "4111  111111111111"]
        ),
        (#"^[A-Za-z0-9+/]{4,}={0,2}$"#, ["TWFu", "TWE=", "TQ=="].map { "aaaa" + $0 }, ["TW", "TWFu=x", "TW Fu"]),
        (
            #"^DE\d{2}( ?\d{4}){4} ?\d{2}$"#, ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00"],
            ["DE8937040044053201300", "FR89370400440532013000"]
        ),
        (#"(.)(.)(.)\z"#, ["abc", "xé😀\u{301}"], ["ab", "ab\n"]),
    ]

    @Test(arguments: identities + addresses + texts + values)
    private func finds(_ row: Row) throws {
        let pattern = try RegularExpression(row.pattern)
        let matchers = AgreeingMatchers(pattern)
        for text in row.matching {
            #expect(matchers.matches(text.utf8), "\(text.debugDescription)")
            if let literal = pattern.requiredLiteral {
                let bytes = Array(text.utf8)
                #expect(bytes.indices.contains { bytes[$0...].starts(with: literal) }, "\(text) without \(literal)")
            }
        }
        for text in row.others { #expect(!matchers.matches(text.utf8), "\(text.debugDescription)") }
    }

    /// Without quantifiers at the ends it does not matter what stands around a match.
    @Test func surroundings() throws {
        let matchers = try AgreeingMatchers("(err|warn)-[0-9]{3}!")
        for before in ["", "x", "err-", "err-12", "warn-123", "é", "\u{FF}\n", "ererrwarn"] {
            for behind in ["", "x", "!", "é", "\nerr"] {
                #expect(matchers.matches((before + "err-404!" + behind).utf8), "\(before) and \(behind)")
                #expect(!matchers.matches((before + "er-404!" + behind).utf8), "\(before) and \(behind)")
                #expect(!matchers.matches((before + "err-404" + (behind == "!" ? "" : behind)).utf8))
            }
        }
    }
}
