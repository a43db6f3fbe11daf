import CairnPlatform
import Yams

/// A configuration and, for each setting, where its value came from.
package struct LoadedConfiguration: Sendable, Equatable {
    package fileprivate(set) var configuration = Configuration()
    private var sources: [String: SettingSource] = [:]

    /// Where the value of the setting with this key came from.
    package func source(of key: String) -> SettingSource {
        sources[key] ?? .builtIn
    }

    /// The values in force as a YAML file that loads to the same configuration; a comment says where each came from.
    package func printed() -> String {
        var text = ""
        var section: String?
        for setting in Setting.all {
            if setting.section != section, let name = setting.section { text += "\(name):\n" }
            section = setting.section
            let value = yamlText(of: setting, in: configuration)
            text += "\(section == nil ? "" : "  ")\(setting.name): \(value)  # \(source(of: setting.key))\n"
        }
        return text
    }

    fileprivate mutating func set(
        _ setting: Setting, _ text: String, from source: SettingSource
    ) throws(QuantityError) {
        try setting.set(text, in: &configuration)
        sources[setting.key] = source
    }

    /// Broken rules between settings, each reported where the file or a flag, and not a default, last broke it.
    fileprivate var problems: [ConfigurationError.Problem] {
        configuration.conflicts.map { conflict in
            let own = source(of: conflict.key)
            return .init(own == .builtIn ? source(of: conflict.other) : own, key: conflict.key, conflict.message)
        }
    }
}

extension Configuration {
    /// The largest file that is worth reading: a configuration that is larger is a mistake.
    package static let largestFile = 1 << 20

    /// The configuration of the file and the flags. A flag wins over the file, and of two equal flags the last.
    ///
    /// - Parameters:
    ///   - file: the name for messages, and the content; nil if there is no file.
    ///   - flags: with their dashes (`--segment-max-bytes`); `Setting.separateFlags` makes them.
    /// - Throws: every problem of the file and of the flags at once.
    package static func load(
        file: (name: String, bytes: [UInt8])?, flags: [(flag: String, value: String)] = []
    ) throws(ConfigurationError) -> LoadedConfiguration {
        var reader = FileReader(name: file?.name ?? "")
        if let file { reader.read(bytes: file.bytes) }
        for (flag, value) in flags { reader.read(flag: flag, value: value) }
        return try reader.finished()
    }

    /// The configuration of a file's text: a YAML mapping of sections, each with its settings.
    ///
    /// `segment.max_age: 1h` at the top level is another way to write the setting `max_age` of the section `segment`.
    package static func parse(yaml text: String, name: String) throws(ConfigurationError) -> LoadedConfiguration {
        var reader = FileReader(name: name)
        reader.read(text: text)
        return try reader.finished()
    }
}

/// Collects the values of a file and flags, and everything that is wrong with them.
private struct FileReader {
    /// Each duplicate key costs a reading of the whole file.
    static let mostDuplicates = 50

    let name: String
    private var loaded = LoadedConfiguration()
    private var problems: [ConfigurationError.Problem] = []

    init(name: String) {
        self.name = name
    }

    func finished() throws(ConfigurationError) -> LoadedConfiguration {
        // A rule between settings means something only once each of them stands.
        let all = problems.isEmpty ? loaded.problems : problems
        if !all.isEmpty { throw ConfigurationError(problems: all) }
        return loaded
    }

    private mutating func report(_ mark: Mark?, key: String? = nil, _ message: String) {
        problems.append(.init(source(mark), key: key, message))
    }

    private func source(_ mark: Mark?) -> SettingSource {
        .file(name: name, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    // MARK: Flags

    mutating func read(flag: String, value: String) {
        guard let setting = Setting.flagged(flag) else {
            let nearest = Setting.nearest(to: flag, among: Setting.all.flatMap { [$0.flag] + $0.aliases })
            problems.append(.init(.flag(flag), "unknown flag\(nearest.map { "; the nearest is \($0)" } ?? "")"))
            return
        }
        do throws(QuantityError) {
            try loaded.set(setting, value, from: .flag(flag))
        } catch {
            problems.append(.init(.flag(flag), key: setting.key, error.description))
        }
    }

    // MARK: Text

    mutating func read(bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) { return read(text: text) }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let line = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
        problems.append(.init(.file(name: name, line: line + 1, column: 1), "not UTF-8: save the file as UTF-8"))
    }

    mutating func read(text: String) {
        // libYAML wants no byte order mark once it is told the encoding.
        var text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        while problems.count < Self.mostDuplicates {
            do {
                if let root = try Yams.compose(yaml: text, .basic, .default, .utf8) { read(root: root) }
                return sortProblems()
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                // Yams stops here. To find what else is wrong, the second one is taken out and the rest read again.
                let message = "duplicate key, first given on line \(context.mark.line): remove one"
                guard let second = removeDuplicate(of: context.mark, from: &text) else {
                    return report(context.mark, key: keys.first, message)
                }
                let source = SettingSource.file(name: name, line: second.line, column: context.mark.column)
                problems.append(.init(source, key: second.key, message))
            } catch {
                report(syntaxError: error, in: text)
                return
            }
        }
    }

    /// Orders what was found by line: duplicates were found before everything else.
    private mutating func sortProblems() {
        func place(_ source: SettingSource) -> (Int, Int) {
            if case .file(_, let line, let column) = source { (line, column) } else { (.max, .max) }
        }
        problems.sort { place($0.source) < place($1.source) }
    }

    private mutating func report(syntaxError error: any Error, in text: String) {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _):
            report(mark, "not YAML: \(problem)")
        case YamlError.composer(_, let problem, let mark, _):
            let isSecond = problem.contains("another document")
            report(mark, isSecond ? "a second document: put all settings in one" : "not YAML: \(problem)")
        case YamlError.reader(let problem, let offset, _, _):
            let line = text.prefix(offset ?? 0).filter(\.isNewline).count + 1
            problems.append(.init(.file(name: name, line: line, column: 1), "not YAML: \(problem)"))
        default:
            report(nil, "not YAML: \(error)")
        }
    }

    /// Blanks the entry that repeats the key at the mark, with everything that belongs to it. Block style only.
    ///
    /// - Returns: its line and dotted key; nil if it was not found.
    private func removeDuplicate(of first: Mark, from text: inout String) -> (line: Int, key: String)? {
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        /// The column in which the line begins; nil if it is empty or a comment.
        func start(_ line: Int) -> Int? {
            let indentation = lines[line].prefix { $0 == " " }
            let next = lines[line].dropFirst(indentation.count).first
            return next.map { $0 == "#" || $0.isWhitespace } ?? true ? nil : indentation.count
        }
        func key(_ line: Int) -> String {
            lines[line].prefix { $0 != ":" }.filter { !"\"' ".contains($0) }
        }
        let line = first.line - 1
        let column = first.column - 1
        guard lines.indices.contains(line), start(line) == column else { return nil }
        let sectionEnd = lines.indices[(line + 1)...].first { (start($0) ?? column) < column } ?? lines.endIndex
        let second = (line + 1..<sectionEnd).first { start($0) == column && key($0) == key(line) }
        guard let second else { return nil }
        // A list may stand as far left as its key.
        let next = (second + 1..<lines.endIndex).first {
            guard let start = start($0) else { return false }
            return start < column || (start == column && !lines[$0].dropFirst(column).hasPrefix("-"))
        }
        let section = column == 0 ? nil : lines.indices[..<line].last { start($0) == 0 }
        let dottedKey = (section.map { key($0) + "." } ?? "") + key(line)
        for blank in second..<(next ?? lines.endIndex) { lines[blank] = "" }
        text = lines.joined(separator: "\n")
        return (second + 1, dottedKey)
    }

    // MARK: Nodes

    private mutating func read(root: Node) {
        if root.isNothing { return }
        guard let mapping = root.mapping else {
            report(root.mark, "expected settings such as “directory: /var/log/cairn”")
            return
        }
        for (key, value) in mapping {
            guard let section = name(of: key, in: nil) else { continue }
            guard Setting.sections.contains(section) else {
                read(key: section, at: key.mark, value: value)
                continue
            }
            // A section whose settings are all commented out has no value.
            if value.isNothing { continue }
            guard let entries = value.mapping else {
                report(value.mark, key: section, "expected the settings of this section, indented, one a line")
                continue
            }
            for (key, value) in entries {
                guard let name = name(of: key, in: section) else { continue }
                read(key: "\(section).\(name)", at: key.mark, value: value)
            }
        }
    }

    private mutating func name(of key: Node, in section: String?) -> String? {
        if let scalar = key.scalar { return scalar.string }
        report(key.mark, key: section, "expected the name of a setting")
        return nil
    }

    private mutating func read(key: String, at mark: Mark?, value: Node) {
        guard let setting = Setting.named(key) else {
            report(mark, key: key, unknown(key))
            return
        }
        if loaded.source(of: key) != .builtIn {
            report(mark, key: key, "given twice, first at \(loaded.source(of: key)): remove one")
            return
        }
        switch (setting.form, value) {
        case (.list, .sequence(let elements)):
            read(elements, of: setting, at: value.mark)
        case (.scalar, .scalar(let scalar)) where !value.isNothing,
            (.boolean, .scalar(let scalar)) where !value.isNothing:
            read(setting, scalar.string, at: value.mark)
        default:
            let found = value.isNothing ? "nothing" : value.kindName
            report(value.mark ?? mark, key: key, "expected \(setting.expected), found \(found)")
        }
    }

    private func unknown(_ key: String) -> String {
        let candidates = Setting.all.map(\.key) + Setting.sections.sorted()
        let hint = Setting.nearest(to: key, among: candidates).map { "the nearest known one is \($0)" }
        return "unknown key; " + (hint ?? "--print-config shows the known ones")
    }

    private mutating func read(_ elements: Node.Sequence, of setting: Setting, at mark: Mark?) {
        var texts: [String] = []
        for element in elements {
            guard let scalar = element.scalar, !element.isNothing, !scalar.string.contains(",") else {
                report(element.mark, key: setting.key, "expected \(setting.expected), one name or number an entry")
                continue
            }
            // Each element is tried alone, so that a bad one is reported where it stands.
            var scratch = Configuration()
            do throws(QuantityError) {
                if scalar.string.isEmpty { throw QuantityError("empty entry: expected \(setting.expected)") }
                try setting.set(scalar.string, in: &scratch)
                texts.append(scalar.string)
            } catch {
                report(element.mark, key: setting.key, error.description)
            }
        }
        read(setting, texts.joined(separator: ","), at: mark)
    }

    private mutating func read(_ setting: Setting, _ text: String, at mark: Mark?) {
        do throws(QuantityError) {
            try loaded.set(setting, text, from: source(mark))
        } catch {
            report(mark, key: setting.key, error.description)
        }
    }
}

extension Node {
    /// True for a value that was left out, or is null by its plain spelling.
    fileprivate var isNothing: Bool {
        guard let scalar else { return false }
        return scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    fileprivate var kindName: String {
        switch self {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar(let scalar): "“\(scalar.string)”, which is not a list"
        case .alias: "an alias"
        }
    }
}

/// The value of a setting as YAML.
private func yamlText(of setting: Setting, in configuration: Configuration) -> String {
    let text = setting.text(in: configuration)
    guard setting.form == .list else { return quoted(text) }
    return "[" + text.split(separator: ",").map { quoted(String($0)) }.joined(separator: ", ") + "]"
}

/// The text, in double quotes unless YAML takes it for what it is anyway.
private func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }
    if isPlain && !text.isEmpty && text.lowercased() != "null" { return text }
    return "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
}
