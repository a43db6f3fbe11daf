import CairnFormat
import CairnReader
import Foundation
import Testing

@testable import CairnDaemon

struct RetentionPolicyFileTests {
    private static let day = RetentionPolicy.day

    @Test func readsEverything() throws {
        let policy = try RetentionPolicy(
            yaml: """
                default: {archive_after: 7d, delete_after: never}
                rules:
                  - name: noise
                    module: [scanning, x]
                    tenant: acme
                    compliance: [SOX]
                    classification: PUBLIC
                    delete_after: 30d
                    archive_after: 36h
                frameworks:
                  GDPR: {maximum: 1095d}
                  PCI_DSS: {minimum: 400d, hot: 100d}
                  HOUSE: {minimum: 10d}
                require_archive: yes
                redact_expired: true
                max_bytes: 2GiB
                evict_unarchived: true
                """, name: "p")
        var expected = RetentionPolicy()
        expected.default = .init(archiveAfter: 7 * Self.day)
        var rule = RetentionPolicy.Rule(name: "noise")
        (rule.modules, rule.tenants, rule.compliance) = (["scanning", "x"], ["acme"], ["SOX"])
        rule.classifications = ["PUBLIC"]
        rule.terms = .init(archiveAfter: Self.day * 3 / 2, deleteAfter: 30 * Self.day)
        expected.rules = [rule]
        expected.frameworks["GDPR"] = .init(maximum: 1095 * Self.day)
        expected.frameworks["PCI_DSS"] = .init(minimum: 400 * Self.day, hot: 100 * Self.day)
        expected.frameworks["HOUSE"] = .init(minimum: 10 * Self.day)
        (expected.requiresArchive, expected.redactsExpired, expected.evictsUnarchived) = (true, true, true)
        expected.maximumBytes = 2 << 30
        #expect(policy == expected)
    }

    @Test(arguments: ["", "# nothing\n", "default: {}"]) func anEmptyPolicyKeepsEverything(_ text: String) throws {
        let policy = try RetentionPolicy(yaml: text, name: "p")
        #expect(policy == RetentionPolicy())
        #expect(policy.decide(module: "m", RetentionClass()).deleteAfter == nil)
    }

    @Test(arguments: [
        ("defaults: {}", "p:1:11: the policy has no \"defaults\""),
        ("default: {delete_after: soon}", "p:1:25: delete_after: “soon” is not a number"),
        ("default: {delete_after: -1d}", "is negative"), ("default: 30d", "default must be a mapping"),
        ("rules: {}", "rules must be a list"), ("rules: [{delete_after: 1d}]", "a rule needs a name"),
        ("rules: [{name: a}]", "rule a says nothing"),
        ("rules: [{name: a, modul: x, delete_after: 1d}]", "has no \"modul\""),
        ("rules: [{name: a, module: [], delete_after: 1d}]", "module is empty"),
        ("rules: [{name: a, module: [[b]], delete_after: 1d}]", "must be a word"),
        ("rules: [{name: a, delete_after: 1d}, {name: a, delete_after: 2d}]", "two rules are named \"a\""),
        ("frameworks: {PCI_DSS: {minimum: 30d}}", "the minimum of PCI_DSS is 365 days, and can only be raised"),
        ("frameworks: {PCI_DSS: {hot: 1d}}", "at hand of PCI_DSS is 92 days"),
        ("frameworks: {SOX: {minimum: never}}", "can only be raised"), ("require_archive: perhaps", "true or false"),
        ("max_bytes: lots", "max_bytes: “lots”"), ("a: [", "not YAML"),
        ("default: {}\ndefault: {}", "not YAML"),
    ])
    func saysWhatIsWrong(_ text: String, _ message: String) {
        let error = #expect(throws: ConfigurationError.self) { try RetentionPolicy(yaml: text, name: "p") }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func aFileThatIsNotThereIsNamed() {
        let error = #expect(throws: ConfigurationError.self) { try RetentionPolicy(file: "/nowhere/policy.yaml") }
        #expect(error?.description.contains("/nowhere/policy.yaml") == true)
    }

    @Test func theExampleIsGood() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Config/retention.yaml")
        let policy = try RetentionPolicy(yaml: String(contentsOf: path, encoding: .utf8), name: "retention.yaml")
        #expect(policy.rules.map(\.name) == ["scanner noise", "tenant acme"])
        #expect(policy.requiresArchive)
        #expect(policy.default.deleteAfter == 400 * Self.day)
    }
}
