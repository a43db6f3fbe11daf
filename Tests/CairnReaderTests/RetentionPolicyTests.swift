import CairnFormat
import CairnReader
import Testing

/// What a policy says of events of one module and class.
struct RetentionPolicyTests {
    private static let day = RetentionPolicy.day

    private static func retentionClass(
        tenant: String? = nil, _ compliance: [String] = [], classification: String? = nil
    ) -> RetentionClass {
        var value = RetentionClass()
        (value.tenant, value.compliance, value.classification) = (tenant, compliance.sorted(), classification)
        return value
    }

    private static func rule(
        _ name: String, delete: Int64?, archive: Int64? = nil, _ change: (inout RetentionPolicy.Rule) -> Void = { _ in }
    ) -> RetentionPolicy.Rule {
        var rule = RetentionPolicy.Rule(name: name)
        rule.terms = .init(archiveAfter: archive.map { $0 * day }, deleteAfter: delete.map { $0 * day })
        change(&rule)
        return rule
    }

    private static var policy: RetentionPolicy {
        var policy = RetentionPolicy()
        policy.default = .init(archiveAfter: 7 * day, deleteAfter: 400 * day)
        policy.rules = [
            rule("noise", delete: 30) { ($0.modules, $0.classifications) = (["scanning", "x"], ["PUBLIC"]) },
            rule("acme", delete: 730, archive: 1) { $0.tenants = ["acme"] },
            rule("cards", delete: 100) { $0.compliance = ["PCI_DSS"] },
            rule("for ever", delete: nil) { $0.modules = ["law"] },
        ]
        return policy
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var module: String? = "authentication"
        var retentionClass = RetentionPolicyTests.retentionClass()
        /// In days.
        var delete: Int64?
        var archived: Int64?
        var archive: Int64? = nil
        var rule: String
        var archivedRule: String? = nil
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "no rule fits", delete: 400, archived: 400, archive: 7, rule: "default"),
        Case(
            name: "module and classification fit", module: "scanning",
            retentionClass: retentionClass(classification: "PUBLIC"), delete: 30, archived: 30, rule: "rule noise"),
        Case(
            name: "only the module fits", module: "scanning",
            retentionClass: retentionClass(classification: "INTERNAL"),
            delete: 400, archived: 400, archive: 7, rule: "default"),
        Case(
            name: "the first rule counts", module: "x",
            retentionClass: retentionClass(tenant: "acme", classification: "PUBLIC"), delete: 30, archived: 30,
            rule: "rule noise"),
        Case(
            name: "a tenant", retentionClass: retentionClass(tenant: "acme"), delete: 730, archived: 730, archive: 1,
            rule: "rule acme"),
        Case(name: "never", module: "law", delete: nil, archived: nil, rule: "rule for ever"),
        Case(
            name: "a floor above the rule", retentionClass: retentionClass(["PCI_DSS"]), delete: 365, archived: 100,
            rule: "minimum of PCI_DSS", archivedRule: "rule cards"),
        Case(
            name: "a floor at hand", module: "x", retentionClass: retentionClass(["PCI_DSS"], classification: "PUBLIC"),
            delete: 365, archived: 92, rule: "minimum of PCI_DSS", archivedRule: "minimum of PCI_DSS at hand"),
        Case(
            name: "the longest floor", retentionClass: retentionClass(["HIPAA", "PCI_DSS", "SOX"]), delete: 2557,
            archived: 2557, rule: "minimum of SOX", archivedRule: "minimum of SOX at hand"),
        Case(
            name: "a floor below the rule", retentionClass: retentionClass(tenant: "acme", ["PCI_DSS"]), delete: 730,
            archived: 730, archive: 1, rule: "rule acme"),
        Case(
            name: "an unknown tag", retentionClass: retentionClass(["ISO_27001"]), delete: 400, archived: 400,
            archive: 7, rule: "default"),
        Case(
            name: "a tag without a maximum", retentionClass: retentionClass(["GDPR"]), delete: 400, archived: 400,
            archive: 7, rule: "default"),
    ]

    @Test(arguments: cases) func decides(_ test: Case) {
        let decision = Self.policy.decide(module: test.module, test.retentionClass)
        #expect(decision.deleteAfter == test.delete.map { $0 * Self.day })
        #expect(decision.deleteArchivedAfter == test.archived.map { $0 * Self.day })
        #expect(decision.archiveAfter == test.archive.map { $0 * Self.day })
        #expect(decision.rule == test.rule)
        #expect(decision.archivedRule == test.archivedRule ?? test.rule)
    }

    @Test func aMaximumShortensAndAMinimumOutlastsIt() {
        var policy = Self.policy
        policy.frameworks["GDPR"] = .init(maximum: 200 * Self.day)
        let plain = policy.decide(module: "m", Self.retentionClass(["GDPR"]))
        #expect(plain.deleteAfter == 200 * Self.day)
        #expect(plain.rule == "maximum of GDPR")
        let kept = policy.decide(module: "law", Self.retentionClass(["GDPR"]))
        #expect(kept.deleteAfter == 200 * Self.day)
        let both = policy.decide(module: "m", Self.retentionClass(["GDPR", "SOX"]))
        #expect(both.deleteAfter == 2557 * Self.day)
        #expect(both.rule == "minimum of SOX")
        #expect(both.floor == 2557 * Self.day)
        // Archiving comes no later than the end.
        policy.default.archiveAfter = 300 * Self.day
        #expect(policy.decide(module: "m", Self.retentionClass(["GDPR"])).archiveAfter == 200 * Self.day)
    }

    // MARK: What is not known

    @Test func ofAnythingTheLongestLifeCounts() {
        var policy = Self.policy
        #expect(policy.decide(module: nil, .anything).deleteAfter == nil)
        policy.rules.removeLast()
        let decision = policy.decide(module: nil, .anything)
        // A rule may fit, so may the default, and every floor holds.
        #expect(decision.deleteAfter == 2557 * Self.day)
        #expect(decision.rule == "minimum of SOX")
        #expect(decision.archiveAfter == 1 * Self.day)
    }

    @Test func anUnknownTenantMayBeAny() {
        var value = Self.retentionClass()
        value.isTenantUnknown = true
        let decision = Self.policy.decide(module: "m", value)
        #expect(decision.deleteAfter == 730 * Self.day)
        #expect(decision.rule == "rule acme")
        // A rule that fits whatever the tenant is ends the search.
        var fits = value
        fits.classification = "PUBLIC"
        #expect(Self.policy.decide(module: "x", fits).rule == "rule noise")
    }

    /// Nothing that is known makes a life longer than not knowing it, unless a maximum is unknown too.
    @Test func knowingMoreNeverKeepsLonger() {
        var random = SystemRandomNumberGenerator()
        let policy = Self.policy
        for _ in 0..<300 {
            let tenant = Bool.random(using: &random) ? "acme" : nil
            let tags = ["PCI_DSS", "SOX", "HIPAA", "other"].filter { _ in Bool.random(using: &random) }
            let name = ["PUBLIC", "INTERNAL", nil].randomElement(using: &random) ?? nil
            let module = ["scanning", "law", "m"].randomElement(using: &random) ?? "m"
            let known = Self.retentionClass(tenant: tenant, tags, classification: name)
            var unknown = known
            if Bool.random(using: &random) { (unknown.tenant, unknown.isTenantUnknown) = (nil, true) }
            if Bool.random(using: &random) { (unknown.compliance, unknown.isComplianceUnknown) = ([], true) }
            if Bool.random(using: &random) { (unknown.classification, unknown.isClassificationUnknown) = (nil, true) }
            let (less, more) = (policy.decide(module: module, unknown), policy.decide(module: module, known))
            #expect(less.deleteAfter ?? .max >= more.deleteAfter ?? .max, "\(known) and \(unknown)")
            #expect(less.floor >= more.floor)
        }
    }
}
