import CairnFormat

/// CSV with a header (RFC 4180). Every event is one line: line feeds inside values are written as `\n`.
struct CSVFormatter: EventFormatter {
    private let columns: [Column]
    private var times: TimeStyle
    private var hasHeader = false

    init(_ settings: OutputSettings) {
        columns = settings.columns(Column.flat)
        times = settings.times
    }

    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        appendHeader(to: &output)
        let event = ShownEvent(line)
        for (index, column) in columns.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            guard let text = event.text(column, &times) else { continue }
            CSVFormatter.append(text, isNumber: isNumber(column, event), to: &output)
        }
        output.append(text: "\r\n")
    }

    mutating func finish(to output: inout [UInt8]) { appendHeader(to: &output) }

    private mutating func appendHeader(to output: inout [UInt8]) {
        guard !hasHeader else { return }
        hasHeader = true
        for (index, column) in columns.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            guard case .path(let path) = column else { continue }
            CSVFormatter.append(Array(path.utf8), isNumber: false, to: &output)
        }
        output.append(text: "\r\n")
    }

    private func isNumber(_ column: Column, _ event: ShownEvent) -> Bool {
        guard case .path(let path) = column else { return false }
        return event.value(path)?.kind == .number
    }

    /// Appends a cell. A text that a spreadsheet would take for a formula gets a `'` before it (OWASP, "CSV
    /// Injection"); numbers are none.
    static func append(_ text: [UInt8], isNumber: Bool, to output: inout [UInt8]) {
        var cell: [UInt8] = []
        if !isNumber, let first = text.first, isFormulaStart(first) { cell.append(UInt8(ascii: "'")) }
        SafeText.append(text, to: &cell)
        let needsQuotes = cell.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: ",") }
        guard needsQuotes || cell.first == UInt8(ascii: " ") || cell.last == UInt8(ascii: " ") else {
            output.append(contentsOf: cell)
            return
        }
        output.append(UInt8(ascii: "\""))
        for byte in cell {
            if byte == UInt8(ascii: "\"") { output.append(byte) }
            output.append(byte)
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func isFormulaStart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 0x09, 0x0D: true
        default: false
        }
    }
}
