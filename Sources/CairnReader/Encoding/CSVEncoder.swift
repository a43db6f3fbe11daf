package import CairnFormat

/// CSV with a header (RFC 4180): a column for each field. Every event is one line: control characters inside values are
/// written as JSON escapes, `\n` or `\u001b`.
///
/// Texts stand unescaped otherwise, numbers, objects and arrays as their JSON text; what is missing or null is empty. A
/// text that a spreadsheet would take for a formula gets a `'` before it (OWASP, "CSV Injection"); JSON numbers are
/// none.
package struct CSVEncoder: EventEncoder {
    /// The fields of an event that have one value, by their own names.
    package static let defaultFields = [
        "_seq", "_received", "timestamp", "module", "action", "status", "severity", "actor.type", "actor.id",
        "actor.name", "actor.email", "target.type", "target.id", "target.name", "tenant", "ip_address", "session_id",
        "user_agent", "classification", "id", "details",
    ]

    private let header: [UInt8]
    private var fields: SelectedFields

    /// - Parameter fields: paths, as in filters; a member whose own name has points in it wins.
    package init(fields: [String] = defaultFields) {
        self.fields = SelectedFields(fields)
        var header: [UInt8] = []
        for (number, field) in fields.enumerated() {
            ByteWriter.append(to: &header, room: 2 * field.utf8.count + 2) { writer in
                if number > 0 { writer.append(UInt8(ascii: ",")) }
                // The writer reads whole words.
                let padded = Array(field.utf8) + [UInt8](repeating: 0, count: ByteBlock.size)
                padded.withUnsafeBytes {
                    writer.append(cell: UnsafeRawBufferPointer(rebasing: $0[..<field.utf8.count]))
                }
            }
        }
        header.append(text: "\r\n")
        self.header = header
    }

    package func appendBeginning(to output: inout [UInt8]) { output.append(contentsOf: header) }

    package mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        fields.find(in: tape, line: line, locating: .containers)
        let count = fields.count
        fields.withPlaces { places in
            ByteWriter.append(to: &output, room: 2 * line.count + count) { writer in
                for field in 0..<count {
                    if field > 0 { writer.append(UInt8(ascii: ",")) }
                    writer.append(cellAt: places[field], tape, line)
                }
                writer.append("\r\n")
            }
        }
    }
}

extension ByteWriter {
    @inline(__always)
    fileprivate mutating func append(
        cellAt place: FieldSelection.Place, _ tape: JSONTape, _ line: UnsafeRawBufferPointer
    ) {
        guard place.isFound else { return }
        let index = Int(place.index)
        switch tape.type(at: index) {
        case UInt8(ascii: "\""): append(cell: tape.text(at: index))
        case UInt8(ascii: "{"), UInt8(ascii: "["): append(jsonCell: line.part(place.range))
        case UInt8(ascii: "l"), UInt8(ascii: "u"), UInt8(ascii: "d"): append(numberAt: place, tape, line)
        case UInt8(ascii: "t"): append("true")
        case UInt8(ascii: "f"): append("false")
        default: break
        }
    }

    /// Appends a cell with a text.
    @inline(__always)
    mutating func append(cell text: UnsafeRawBufferPointer) {
        guard let first = text.first, let last = text.last else { return }
        let isPlain: Bool
        switch first {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), UInt8(ascii: " "):
            isPlain = false
        default: isPlain = last != UInt8(ascii: " ")
        }
        if isPlain, append(padded: text, unless: ByteWriter.cellMarks) { return }
        append(specialCell: text)
    }

    /// What needs a closer look inside a cell: quotes, commas, controls, and all that is not ASCII.
    @inline(__always)
    private static func cellMarks(_ block: ByteBlock) -> ByteBlock.Marks {
        block.isControlOrBeyondASCII | block.equal(UInt8(ascii: "\"")) | block.equal(UInt8(ascii: ","))
            | block.equal(0x7F)
    }

    @inline(never)
    private mutating func append(specialCell text: UnsafeRawBufferPointer) {
        let needsQuotes =
            text.first == UInt8(ascii: " ") || text.last == UInt8(ascii: " ")
            || text.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: ",") }
        if needsQuotes { append(UInt8(ascii: "\"")) }
        switch text.first {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 0x09, 0x0D:
            append(UInt8(ascii: "'"))
        default: break
        }
        append(visible: text, isJSON: false)
        if needsQuotes { append(UInt8(ascii: "\"")) }
    }

    /// Appends a cell with a JSON text, which stays the same JSON: there controls are white space between values only.
    @inline(never)
    mutating func append(jsonCell text: UnsafeRawBufferPointer) {
        let needsQuotes = text.contains { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: ",") }
        if needsQuotes { append(UInt8(ascii: "\"")) }
        append(visible: text, isJSON: true)
        if needsQuotes { append(UInt8(ascii: "\"")) }
    }

    private mutating func append(visible text: UnsafeRawBufferPointer, isJSON: Bool) {
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte &- 0x20 < 0x5F {
                append(doublingQuote: byte)
                index += 1
                continue
            }
            let size = min(VisibleText.size(lead: byte), text.count - index)
            let scalar = VisibleText.scalar(text, at: index, size: size)
            if isJSON, byte < 0x20 {
                append(UInt8(ascii: " "))
            } else if VisibleText.isUnsafe(scalar) {
                append(escapeOf: scalar)
            } else {
                append(padded: text.part(index..<(index + size)))
            }
            index += size
        }
    }
}
