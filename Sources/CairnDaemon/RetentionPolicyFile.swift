internal import CairnPlatform
package import CairnReader
import Yams

extension RetentionPolicy {
    /// The largest file that is worth reading.
    package static let largestFile = 1 << 20

    /// Reads a policy file. Operations.md, "Retention", describes it; `Config/retention.yaml` is an example.
    ///
    /// - Throws: the first thing that is wrong, with its place.
    package init(yaml text: String, name: String) throws(ConfigurationError) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw ConfigurationError(problems: [.init(.file(name: name, line: 1, column: 1), "not YAML: \(error)")])
        }
        self.init()
        guard let root, root.scalar?.string.isEmpty != true else { return }
        let reader = PolicyReader(name: name)
        for (key, node) in try reader.mapping(root, "the policy") {
            switch key {
            case "default": self.default = try reader.terms(node)
            case "rules":
                for rule in try reader.list(node, key) { rules.append(try reader.rule(rule)) }
            case "frameworks":
                for (name, value) in try reader.mapping(node, key) {
                    frameworks[name] = try reader.framework(value, name, frameworks[name] ?? Framework())
                }
            case "require_archive": requiresArchive = try reader.flag(node, key)
            case "redact_expired": redactsExpired = try reader.flag(node, key)
            case "max_bytes": maximumBytes = UInt64(try reader.bytes(node, key))
            case "evict_unarchived": evictsUnarchived = try reader.flag(node, key)
            default: throw reader.unknown(key, node, of: "the policy")
            }
        }
        let names = rules.map(\.name)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw reader.problem(
                root, "two rules are named \"\(twice)\": a plan says which rule decided, so name each apart")
        }
    }
}

/// Reads nodes, each of which must be what is due.
private struct PolicyReader {
    let name: String

    func problem(_ node: Node, _ message: String) -> ConfigurationError {
        let mark = node.mark
        return ConfigurationError(problems: [
            .init(.file(name: name, line: mark?.line ?? 1, column: mark?.column ?? 1), message)
        ])
    }

    /// Each may be a misspelling of one that takes nothing away.
    func unknown(_ key: String, _ node: Node, of what: String) -> ConfigurationError {
        problem(node, "\(what) has no \"\(key)\": see the example in retention.yaml")
    }

    func mapping(_ node: Node, _ what: String) throws(ConfigurationError) -> [(String, Node)] {
        guard let mapping = node.mapping else { throw problem(node, "\(what) must be a mapping, key: value") }
        var pairs: [(String, Node)] = []
        for (key, value) in mapping {
            guard let key = key.scalar?.string else { throw problem(value, "a key of \(what) must be a word") }
            pairs.append((key, value))
        }
        return pairs
    }

    func list(_ node: Node, _ what: String) throws(ConfigurationError) -> [Node] {
        guard let sequence = node.sequence else { throw problem(node, "\(what) must be a list") }
        return Array(sequence)
    }

    /// One word, or a list of them.
    func words(_ node: Node, _ what: String) throws(ConfigurationError) -> [String] {
        if let word = node.scalar?.string, !word.isEmpty { return [word] }
        var words: [String] = []
        for entry in try list(node, what) {
            guard let word = entry.scalar?.string, !word.isEmpty else {
                throw problem(entry, "an entry of \(what) must be a word")
            }
            words.append(word)
        }
        guard !words.isEmpty else { throw problem(node, "\(what) is empty: leave it out to fit everything") }
        return words
    }

    func flag(_ node: Node, _ what: String) throws(ConfigurationError) -> Bool {
        switch node.scalar?.string {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw problem(node, "\(what) must be true or false")
        }
    }

    private func text(_ node: Node, _ what: String) throws(ConfigurationError) -> String {
        guard let text = node.scalar?.string, !text.isEmpty else { throw problem(node, "\(what) must be one value") }
        return text
    }

    func bytes(_ node: Node, _ what: String) throws(ConfigurationError) -> Int {
        let text = try text(node, what)
        do throws(QuantityError) {
            return try ByteSize.parse(text)
        } catch {
            throw problem(node, "\(what): “\(text)” \(error)")
        }
    }

    /// Nanoseconds; nil for `never`.
    func age(_ node: Node, _ what: String) throws(ConfigurationError) -> Int64? {
        let text = try text(node, what)
        if text == "never" { return nil }
        let span: Duration
        do throws(QuantityError) {
            span = try TimeSpan.parse(text)
        } catch {
            throw problem(node, "\(what): “\(text)” \(error)")
        }
        let (nanoseconds, overflow) = span.components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { throw problem(node, "\(what) is too long: write never") }
        return nanoseconds + span.components.attoseconds / 1_000_000_000
    }

    func terms(_ node: Node) throws(ConfigurationError) -> RetentionPolicy.Terms {
        var terms = RetentionPolicy.Terms()
        for (key, value) in try mapping(node, "default") {
            guard try read(key, value, into: &terms) else { throw unknown(key, value, of: "default") }
        }
        return terms
    }

    /// Whether the key is one of terms.
    private func read(
        _ key: String, _ node: Node, into terms: inout RetentionPolicy.Terms
    ) throws(ConfigurationError) -> Bool {
        switch key {
        case "archive_after": terms.archiveAfter = try age(node, key)
        case "delete_after": terms.deleteAfter = try age(node, key)
        default: return false
        }
        return true
    }

    func rule(_ node: Node) throws(ConfigurationError) -> RetentionPolicy.Rule {
        var rule = RetentionPolicy.Rule(name: "")
        var saysSomething = false
        for (key, value) in try mapping(node, "a rule") {
            switch key {
            case "name": rule.name = try text(value, key)
            case "module": rule.modules = try words(value, key)
            case "tenant": rule.tenants = try words(value, key)
            case "compliance": rule.compliance = try words(value, key)
            case "classification": rule.classifications = try words(value, key)
            default:
                guard try read(key, value, into: &rule.terms) else { throw unknown(key, value, of: "a rule") }
                saysSomething = true
            }
        }
        guard !rule.name.isEmpty else { throw problem(node, "a rule needs a name: a plan says which rule decided") }
        guard saysSomething else {
            throw problem(node, "rule \(rule.name) says nothing: give it delete_after or archive_after")
        }
        return rule
    }

    /// A floor is there to be relied on: a policy can raise it.
    func framework(
        _ node: Node, _ name: String, _ known: RetentionPolicy.Framework
    ) throws(ConfigurationError) -> RetentionPolicy.Framework {
        var framework = known
        for (key, value) in try mapping(node, "framework \(name)") {
            let age = try age(value, key)
            switch key {
            case "minimum": framework.minimum = try raised(age, known.minimum, value, "the minimum of \(name)")
            case "hot": framework.hot = try raised(age, known.hot, value, "the time at hand of \(name)")
            case "maximum": framework.maximum = age
            default: throw unknown(key, value, of: "framework \(name)")
            }
        }
        return framework
    }

    private func raised(
        _ age: Int64?, _ floor: Int64?, _ node: Node, _ what: String
    ) throws(ConfigurationError) -> Int64? {
        guard let floor, age.map({ $0 < floor }) ?? true else { return age }
        throw problem(node, "\(what) is \(floor / RetentionPolicy.day) days, and can only be raised")
    }
}

extension RetentionPolicy {
    /// Reads the policy in a file.
    package init(file path: String) throws(ConfigurationError) {
        let bytes: [UInt8]
        do throws(IOFailure) {
            bytes = try FilePlace.contents(path, limit: RetentionPolicy.largestFile)
        } catch {
            throw ConfigurationError(problems: [.init(.file(name: path, line: 1, column: 1), error.description)])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(problems: [.init(.file(name: path, line: 1, column: 1), "not UTF-8")])
        }
        try self.init(yaml: text, name: path)
    }
}
