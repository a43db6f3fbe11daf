import ArgumentParser
import CairnPlatform

/// When to use colours.
enum ColorChoice: String, CaseIterable, ExpressibleByArgument {
    case auto, always, never

    /// In `auto`: on a terminal that can show them, unless NO_COLOR is set and not empty (no-color.org).
    func isOn(for stream: StandardStream) -> Bool {
        switch self {
        case .always: return true
        case .never: return false
        case .auto:
            let isRefused = ProcessEnvironment.value("NO_COLOR").map { !$0.isEmpty } ?? false
            return stream.isTerminal && !isRefused && ProcessEnvironment.value("TERM") != "dumb"
        }
    }
}

/// How a part of the output looks on a terminal (ECMA-48 SGR); plain text where colours are off.
struct Style {
    enum Look: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case boldRed = "1;31"
        case boldGreen = "1;32"
        case boldYellow = "1;33"
    }

    let isOn: Bool

    static let plain = Style(isOn: false)

    func append(_ text: some Sequence<UInt8>, _ look: Look?, to output: inout [UInt8]) {
        guard isOn, let look else {
            output.append(contentsOf: text)
            return
        }
        output.append(contentsOf: "\u{1B}[\(look.rawValue)m".utf8)
        output.append(contentsOf: text)
        output.append(contentsOf: "\u{1B}[0m".utf8)
    }

    func text(_ text: String, _ look: Look) -> String {
        isOn ? "\u{1B}[\(look.rawValue)m\(text)\u{1B}[0m" : text
    }
}
