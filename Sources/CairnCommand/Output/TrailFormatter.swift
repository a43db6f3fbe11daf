import CairnFormat

/// An event in one line, and under it what it changed: `-` before, `+` after.
struct TrailFormatter: EventFormatter {
    private var short: ShortFormatter
    private let style: Style

    init(_ settings: OutputSettings) {
        short = ShortFormatter(settings)
        style = settings.style
    }

    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        short.append(line, to: &output)
        guard let changes = JSONSlice(line)["changes"] else { return }
        for (name, change) in changes.members {
            let (old, new) = (change["old"], change["new"])
            output.append(text: "    ")
            style.append(Self.safe(name.text), .bold, to: &output)
            guard old != nil || new != nil else {
                // Not of the form that is usual; shown as it is.
                output.append(text: ": ")
                output.append(contentsOf: Self.safe(change.text))
                output.endLine()
                continue
            }
            output.endLine()
            append("- ", old, .red, to: &output)
            append("+ ", new, .green, to: &output)
        }
    }

    private func append(_ sign: String, _ value: JSONSlice?, _ look: Style.Look, to output: inout [UInt8]) {
        guard let value, !value.isNull else { return }
        output.append(text: "      ")
        style.append(Array(sign.utf8) + Self.safe(value.text), look, to: &output)
        output.endLine()
    }

    private static func safe(_ text: [UInt8]) -> [UInt8] {
        var safe: [UInt8] = []
        SafeText.append(text, to: &safe)
        return safe
    }
}
