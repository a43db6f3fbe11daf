import Foundation
import Testing

@testable import CairnDaemon

/// The file that is installed as /etc/cairn/cairn.yaml.
@Suite struct ConfigurationShippedFileTests {
    private let text: String

    init() throws {
        // Resolved, because the tests may be reached by a link.
        let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        let root = file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        text = try String(contentsOf: root.appendingPathComponent("Config/cairn.yaml"), encoding: .utf8)
    }

    /// The file with every commented-out setting, and nothing else, made live.
    private var uncommented: String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let body = line.drop { $0 == " " }
            guard body.first == "#", body.dropFirst().first.map({ $0.isLowercase }) == true,
                body.dropFirst().prefix(while: { $0.isLowercase || $0 == "_" }).endIndex
                    == body.firstIndex(of: ":")
            else { return String(line) }
            return String(line.prefix { $0 == " " }) + body.dropFirst()
        }.joined(separator: "\n")
    }

    @Test func loadsAndChangesOnlyWhatItSays() throws {
        let loaded = try Configuration.parse(yaml: text, name: "cairn.yaml")
        var expected = Configuration()
        expected.control.path = "/run/cairn/control.sock"
        expected.sanitize.fields = [
            "password", "passwd", "secret", "token", "access_token", "refresh_token", "api_key", "private_key",
            "authorization", "ssn", "credit_card", "cvv",
        ]
        #expect(loaded.configuration == expected)
    }

    @Test func namesEverySettingWithItsDefault() throws {
        let live = try Configuration.parse(yaml: text, name: "cairn.yaml")
        let all = try Configuration.parse(yaml: uncommented, name: "cairn.yaml")
        for setting in Setting.all {
            #expect(all.source(of: setting.key) != .builtIn, "\(setting.key) is not in the file")
            guard live.source(of: setting.key) == .builtIn else { continue }
            #expect(
                setting.text(in: all.configuration) == setting.text(in: Configuration()),
                "the commented value of \(setting.key) is not its default")
        }
    }

    @Test func saysTheDefaultOfEverySetting() throws {
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        let section = { (line: Substring) in line.hasSuffix(":") && line.first != "#" }
        var current: Substring?
        var described: Set<String> = []
        for line in lines {
            if section(line) { current = line.dropLast() }
            guard let range = line.range(of: "Default: ") else { continue }
            let rest = line[range.upperBound...]
            let value = rest[..<(rest.range(of: ". ")?.lowerBound ?? rest.index(before: rest.endIndex))]
            // The setting is the first one below the comment: it is found by its name in this section.
            let following = lines[(lines.firstIndex { $0.startIndex == line.startIndex } ?? 0)...]
                .first { $0.first != "#" || $0.dropFirst().first?.isLowercase == true }
            let name = (following ?? "").drop { $0 == "#" }.prefix { $0 != ":" }
            let setting = Setting.named("\(name)") ?? Setting.named("\(current ?? "").\(name)")
            guard let setting else {
                Issue.record("no setting for “\(line)”")
                continue
            }
            described.insert(setting.key)
            let text = setting.text(in: Configuration())
            let isEmpty = value == "empty" && text.isEmpty
            #expect(isEmpty || value == text, "\(setting.key): says \(value), is \(text)")
        }
        #expect(described == Set(Setting.all.map(\.key)))
    }
}
