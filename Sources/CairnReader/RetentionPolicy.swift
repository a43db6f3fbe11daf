package import CairnFormat

/// How long events are kept. Ages count from the receive time; all times are in nanoseconds.
package struct RetentionPolicy: Sendable, Equatable {
    /// What happens to an event in the course of time; nil: never.
    package struct Terms: Sendable, Equatable {
        package var archiveAfter: Int64?
        package var deleteAfter: Int64?

        package init(archiveAfter: Int64? = nil, deleteAfter: Int64? = nil) {
            self.archiveAfter = archiveAfter
            self.deleteAfter = deleteAfter
        }
    }

    /// Terms for some events. Of each list one entry must fit; an empty list fits every event. Of the rules that fit an
    /// event the first counts.
    package struct Rule: Sendable, Equatable {
        package var name: String
        package var modules: [String] = []
        package var tenants: [String] = []
        package var compliance: [String] = []
        package var classifications: [String] = []
        package var terms = Terms()

        package init(name: String) { self.name = name }
    }

    /// What a framework demands of events that bear its tag, whatever the rules say.
    package struct Framework: Sendable, Equatable {
        /// They are kept so long at least.
        package var minimum: Int64?
        /// Once they are in the archive, so long is enough.
        package var hot: Int64?
        /// They are kept no longer than this, unless another framework's minimum demands it.
        package var maximum: Int64?

        package init(minimum: Int64? = nil, hot: Int64? = nil, maximum: Int64? = nil) {
            self.minimum = minimum
            self.hot = hot
            self.maximum = maximum
        }
    }

    package var `default` = Terms()
    package var rules: [Rule] = []
    package var frameworks = RetentionPolicy.knownFrameworks
    /// Nothing is deleted that is not in the archive.
    package var requiresArchive = false
    /// Events that have expired in a segment that has not are erased.
    package var redactsExpired = false
    /// Bytes of data and indexes above which the oldest segments go before their time.
    package var maximumBytes: UInt64?
    /// Whether that may hit what is not in the archive.
    package var evictsUnarchived = false

    package init() {}

    package static let day: Int64 = 24 * 3600 * Time.perSecond

    /// PCI DSS 4.0 requirement 10.5.1: twelve months, three of them at hand. SOX: 17 CFR 210.2-06, seven years. HIPAA:
    /// 45 CFR 164.316(b)(2), six years. GDPR article 5(1)(e) names no number: a policy does.
    package static let knownFrameworks: [String: Framework] = [
        "PCI_DSS": Framework(minimum: 365 * day, hot: 92 * day), "SOX": Framework(minimum: 2557 * day),
        "HIPAA": Framework(minimum: 2192 * day), "GDPR": Framework(),
    ]
}

// MARK: - Decisions

extension RetentionPolicy {
    /// What the policy says of the events of one class.
    package struct Decision: Sendable, Equatable {
        /// Age at which they may be deleted; nil: never.
        package var deleteAfter: Int64?
        /// The same once they are in the archive.
        package var deleteArchivedAfter: Int64?
        /// Age at which they are to be archived; nil: never.
        package var archiveAfter: Int64?
        /// What of this is a floor that a limit of size must not undercut, outside and inside of the archive.
        package var floor: Int64
        package var archivedFloor: Int64
        /// The rule, or the demand of a framework, that decided, for each of the two ages.
        package var rule: String
        package var archivedRule: String
    }

    /// - Parameter module: nil if it may be any.
    package func decide(module: String?, _ retentionClass: RetentionClass) -> Decision {
        var (archiveAfter, keep, rule) = configured(module, retentionClass)
        let names = retentionClass.isComplianceUnknown ? frameworks.keys.sorted() : retentionClass.compliance
        let demands = names.compactMap { name in frameworks[name].map { (name: name, demand: $0) } }
        if !retentionClass.isComplianceUnknown {
            for (name, demand) in demands {
                guard let maximum = demand.maximum, keep.map({ $0 > maximum }) ?? true else { continue }
                (keep, rule) = (maximum, "maximum of \(name)")
            }
        }
        // Nothing that is to be archived late is kept from being archived by a shorter life.
        if let end = keep, let start = archiveAfter, start > end { archiveAfter = end }
        var decision = Decision(
            deleteAfter: keep, deleteArchivedAfter: keep, archiveAfter: archiveAfter, floor: 0, archivedFloor: 0,
            rule: rule, archivedRule: rule)
        for (name, demand) in demands {
            guard let minimum = demand.minimum else { continue }
            decision.floor = max(decision.floor, minimum)
            decision.archivedFloor = max(decision.archivedFloor, demand.hot ?? minimum)
            if let age = decision.deleteAfter, age < minimum {
                (decision.deleteAfter, decision.rule) = (minimum, "minimum of \(name)")
            }
            let hot = demand.hot ?? minimum
            if let age = decision.deleteArchivedAfter, age < hot {
                (decision.deleteArchivedAfter, decision.archivedRule) = (hot, "minimum of \(name) at hand")
            }
        }
        return decision
    }

    /// What rules and default say. Where it is not known whether a rule fits, the longer life counts, and the earlier
    /// archiving, which takes nothing away.
    private func configured(
        _ module: String?, _ retentionClass: RetentionClass
    ) -> (archiveAfter: Int64?, deleteAfter: Int64?, rule: String) {
        var candidates: [(terms: Terms, name: String)] = []
        var isDecided = false
        for rule in rules where !isDecided {
            let fits = rule.fits(module, retentionClass)
            guard fits != false else { continue }
            candidates.append((rule.terms, "rule \(rule.name)"))
            isDecided = fits == true
        }
        if !isDecided { candidates.append((`default`, "default")) }
        let longest = candidates.max { a, b in
            guard let mine = a.terms.deleteAfter else { return false }
            return b.terms.deleteAfter.map { mine < $0 } ?? true
        }
        let earliest = candidates.compactMap(\.terms.archiveAfter).min()
        return (earliest, longest?.terms.deleteAfter, longest?.name ?? "default")
    }
}

extension RetentionPolicy.Rule {
    /// Whether it is for events of that module and class; nil if that is not known.
    fileprivate func fits(_ module: String?, _ retentionClass: RetentionClass) -> Bool? {
        func fits(_ list: [String], _ values: [String], isUnknown: Bool) -> Bool? {
            if list.isEmpty { return true }
            return isUnknown ? nil : values.contains { list.contains($0) }
        }
        let parts = [
            fits(modules, module.map { [$0] } ?? [], isUnknown: module == nil),
            fits(
                tenants, retentionClass.tenant.map { [$0] } ?? [], isUnknown: retentionClass.isTenantUnknown),
            fits(compliance, retentionClass.compliance, isUnknown: retentionClass.isComplianceUnknown),
            fits(
                classifications, retentionClass.classification.map { [$0] } ?? [],
                isUnknown: retentionClass.isClassificationUnknown),
        ]
        if parts.contains(where: { $0 == false }) { return false }
        return parts.contains { $0 == nil } ? nil : true
    }
}
