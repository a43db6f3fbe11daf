import CairnFormat

/// The stored lines, byte for byte; with `raw` without the daemon's stamps, with fields an object of these alone.
struct JSONFormatter: EventFormatter {
    private let fields: [String]
    private let isRaw: Bool
    private let isTerminal: Bool

    init(_ settings: OutputSettings) {
        fields = settings.fields
        isRaw = settings.format == .raw
        isTerminal = settings.isTerminal
    }

    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        if isTerminal || isRaw || !fields.isEmpty {
            var text: [UInt8] = []
            if isRaw {
                ShownEvent(line).appendReceived(to: &text)
            } else {
                JSONFormatter.append(line, fields: fields, to: &text)
            }
            if isTerminal {
                SafeText.append(json: text, to: &output)
            } else {
                output.append(contentsOf: text)
            }
        } else {
            output.append(contentsOf: line)
        }
        output.endLine()
    }

    /// Appends the event, or an object of the chosen fields that it has, named by their paths.
    static func append(_ line: UnsafeRawBufferPointer, fields: [String], to output: inout [UInt8]) {
        guard !fields.isEmpty else {
            output.append(contentsOf: line)
            return
        }
        let event = ShownEvent(line)
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for field in fields {
            guard let value = event.value(field) else { continue }
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            output.append(jsonString: field.utf8)
            output.append(UInt8(ascii: ":"))
            output.append(contentsOf: value.bytes)
        }
        output.append(UInt8(ascii: "}"))
    }
}

/// JSON in lines with indentation; values keep their text. The events follow each other, as jq(1) reads them.
struct PrettyFormatter: EventFormatter {
    private let fields: [String]
    private let isTerminal: Bool
    private let style: Style

    init(_ settings: OutputSettings) {
        fields = settings.fields
        isTerminal = settings.isTerminal
        style = settings.style
    }

    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var text: [UInt8] = []
        JSONFormatter.append(line, fields: fields, to: &text)
        text.withUnsafeBytes { append(JSONSlice($0), depth: 0, to: &output) }
        output.endLine()
    }

    private func append(_ value: JSONSlice, depth: Int, to output: inout [UInt8]) {
        switch value.kind {
        case .object:
            let members = value.members
            guard !members.isEmpty else { return output.append(text: "{}") }
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                startLine(depth + 1, isFirst: index == 0, to: &output)
                appendLeaf(member.name, .bold, to: &output)
                output.append(text: ": ")
                append(member.value, depth: depth + 1, to: &output)
            }
            startLine(depth, isFirst: true, to: &output)
            output.append(UInt8(ascii: "}"))
        case .array:
            let elements = value.elements
            guard !elements.isEmpty else { return output.append(text: "[]") }
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                startLine(depth + 1, isFirst: index == 0, to: &output)
                append(element, depth: depth + 1, to: &output)
            }
            startLine(depth, isFirst: true, to: &output)
            output.append(UInt8(ascii: "]"))
        case .string, .number, .literal: appendLeaf(value, nil, to: &output)
        }
    }

    private func startLine(_ depth: Int, isFirst: Bool, to output: inout [UInt8]) {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        output.endLine()
        output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    private func appendLeaf(_ value: JSONSlice, _ look: Style.Look?, to output: inout [UInt8]) {
        var text: [UInt8] = []
        if isTerminal { SafeText.append(json: value.bytes, to: &text) } else { text.append(contentsOf: value.bytes) }
        style.append(text, look, to: &output)
    }
}
