/// Where the value of a setting came from.
package enum SettingSource: Sendable, Equatable, CustomStringConvertible {
    case builtIn
    /// Line and column count from 1; a column is a Unicode scalar.
    case file(name: String, line: Int, column: Int)
    case flag(String)

    /// `default`, `/etc/cairn/cairn.yaml:12`, `--segment-max-bytes`.
    package var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let name, let line, _): "\(name):\(line)"
        case .flag(let flag): flag
        }
    }
}

/// Everything that is wrong with a configuration: never empty; the file by line, then the flags.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// One thing that is wrong: what, where, and what to do.
    package struct Problem: Sendable, Equatable, CustomStringConvertible {
        package let source: SettingSource
        /// The dotted key, where the problem is about one.
        package let key: String?
        package let message: String

        init(_ source: SettingSource, key: String? = nil, _ message: String) {
            self.source = source
            self.key = key
            self.message = message
        }

        /// `/etc/cairn/cairn.yaml:12:3: segment.max_age: …`: the form in which compilers report, so editors can jump.
        package var description: String {
            let place =
                switch source {
                case .builtIn: "default"
                case .file(let name, let line, let column): "\(name):\(line):\(column)"
                case .flag(let flag): flag
                }
            return "\(place): \(key.map { "\($0): " } ?? "")\(message)"
        }
    }

    package let problems: [Problem]

    /// One problem a line.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
