package import CairnFormat

/// CSV with a header (RFC 4180): a column for each field. Every event is one line: control characters inside values are
/// written as JSON escapes, `\n` or `\u001b`.
///
/// Texts stand unescaped otherwise, numbers as they stand in the event, objects and arrays as JSON without white space;
/// what is missing or null is empty. A text that a spreadsheet would take for a formula gets a `'` before it (OWASP, "CSV Injection"); JSON numbers are
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
        fields.find(in: tape, line: line, locating: [])
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
        let type = tape.type(at: index)
        // Most are.
        if type == UInt8(ascii: "\"") { return append(cell: tape.text(at: index)) }
        switch type {
        case UInt8(ascii: "{"), UInt8(ascii: "["): append(jsonCellAt: index, tape, line)
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
        append(visible: text)
        if needsQuotes { append(UInt8(ascii: "\"")) }
    }

    /// Appends a cell with an object or array.
    @inline(never)
    private mutating func append(jsonCellAt index: Int, _ tape: JSONTape, _ line: UnsafeRawBufferPointer) {
        var json = JSONCell(tape: tape, cursor: SourceCursor(tape, line: line), line: line)
        let start = mark
        // Nearly all have quotes or commas in them.
        append(UInt8(ascii: "\""))
        json.append(index, to: &self)
        if json.needsQuotes { return append(UInt8(ascii: "\"")) }
        goBack(to: start)
        json.append(index, to: &self)
    }

    fileprivate mutating func append(visible text: UnsafeRawBufferPointer) {
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
            if VisibleText.isUnsafe(scalar) {
                append(escapeOf: scalar)
            } else {
                append(padded: text.part(index..<(index + size)))
            }
            index += size
        }
    }

    /// Appends a JSON string inside a cell: its quotes are doubled.
    @inline(__always)
    fileprivate mutating func append(cellString text: UnsafeRawBufferPointer) {
        append("\"\"")
        if !append(padded: text, unless: ByteWriter.cellStringMarks) { append(specialCellString: text) }
        append("\"\"")
    }

    @inline(__always)
    private static func cellStringMarks(_ block: ByteBlock) -> ByteBlock.Marks {
        block.isControlOrBeyondASCII | block.equal(UInt8(ascii: "\"")) | block.equal(UInt8(ascii: "\\"))
            | block.equal(0x7F)
    }

    @inline(never)
    private mutating func append(specialCellString text: UnsafeRawBufferPointer) {
        var start = 0
        for index in text.indices where text[index] == UInt8(ascii: "\"") || text[index] == UInt8(ascii: "\\") {
            append(visible: text.part(start..<index))
            append(UInt8(ascii: "\\"))
            start = index
        }
        append(visible: text.part(start..<text.count))
    }
}

/// Writes an object or array as JSON inside a cell with quotes: without white space, numbers as they stand in the line.
private struct JSONCell {
    let tape: JSONTape
    var cursor: SourceCursor
    let line: UnsafeRawBufferPointer
    private(set) var needsQuotes = false

    init(tape: JSONTape, cursor: SourceCursor, line: UnsafeRawBufferPointer) {
        (self.tape, self.cursor, self.line) = (tape, cursor, line)
    }

    /// Not deeper than ``Limits/depth``, as the parser sees to.
    mutating func append(_ index: Int, to writer: inout ByteWriter) {
        switch tape.type(at: index) {
        case UInt8(ascii: "{"): appendObject(index, to: &writer)
        case UInt8(ascii: "["): appendArray(index, to: &writer)
        case UInt8(ascii: "\""):
            needsQuotes = true
            writer.append(cellString: tape.text(at: index))
        case UInt8(ascii: "t"): writer.append("true")
        case UInt8(ascii: "f"): writer.append("false")
        case UInt8(ascii: "n"): writer.append("null")
        default: appendNumber(index, to: &writer)
        }
    }

    private mutating func appendObject(_ object: Int, to writer: inout ByteWriter) {
        writer.append(UInt8(ascii: "{"))
        var name = object &+ 1
        while tape.type(at: name) != UInt8(ascii: "}") {
            if name > object &+ 1 { writer.append(UInt8(ascii: ",")) }
            needsQuotes = true
            writer.append(cellString: tape.text(at: name))
            writer.append(UInt8(ascii: ":"))
            append(name &+ 1, to: &writer)
            name = tape.index(behind: name &+ 1)
        }
        writer.append(UInt8(ascii: "}"))
    }

    private mutating func appendArray(_ array: Int, to writer: inout ByteWriter) {
        writer.append(UInt8(ascii: "["))
        var element = array &+ 1
        while tape.type(at: element) != UInt8(ascii: "]") {
            if element > array &+ 1 {
                needsQuotes = true
                writer.append(UInt8(ascii: ","))
            }
            append(element, to: &writer)
            element = tape.index(behind: element)
        }
        writer.append(UInt8(ascii: "]"))
    }

    private mutating func appendNumber(_ index: Int, to writer: inout ByteWriter) {
        var place = FieldSelection.Place(index: Int32(truncatingIfNeeded: index))
        if tape.type(at: index) == UInt8(ascii: "d") || tape.words[index &+ 1] == 0 {
            place.start = Int32(truncatingIfNeeded: cursor.start(of: index))
            place.end = Int32(truncatingIfNeeded: cursor.end(of: index))
        }
        writer.append(numberAt: place, tape, line)
    }
}
