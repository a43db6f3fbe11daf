package import CairnFormat

/// One JSON object a line. Without fields these are the stored lines, byte for byte; with fields, objects of those that
/// the event has, named by their paths, whose values keep their JSON text. What is null counts as missing.
package struct JSONLinesEncoder: EventEncoder {
    private var object: JSONObjectEncoder

    /// - Parameter fields: paths, as in filters; a member whose own name has points in it wins.
    package init(fields: [String] = []) { object = JSONObjectEncoder(fields: fields) }

    package mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        object.append(tape, line: line, to: &output)
        output.append(UInt8(ascii: "\n"))
    }
}

/// One JSON array with an event a line; the events are those of ``JSONLinesEncoder``.
package struct JSONArrayEncoder: EventEncoder {
    package static let separatorSize = 2

    private var object: JSONObjectEncoder

    /// - Parameter fields: as for ``JSONLinesEncoder``.
    package init(fields: [String] = []) { object = JSONObjectEncoder(fields: fields) }

    package func appendBeginning(to output: inout [UInt8]) { output.append(text: "[\n") }

    package mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(text: ",\n")
        object.append(tape, line: line, to: &output)
    }

    package func appendEnd(to output: inout [UInt8]) { output.append(text: "\n]\n") }
}

private struct JSONObjectEncoder: Sendable {
    private var fields: SelectedFields
    /// `"path":` for each field.
    private let names: [[UInt8]]

    init(fields: [String]) {
        var unique: [String] = []
        for field in fields where !unique.contains(field) { unique.append(field) }
        self.fields = SelectedFields(unique)
        names = unique.map { field in
            var name: [UInt8] = []
            name.append(jsonString: field.utf8)
            name.append(UInt8(ascii: ":"))
            return name
        }
    }

    mutating func append(_ tape: JSONTape, line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        guard !names.isEmpty else {
            output.append(contentsOf: line)
            return
        }
        // Without a backslash in the line the strings of the tape are those of the text.
        let hasEscapes = line.hasByte(UInt8(ascii: "\\"))
        fields.find(in: tape, line: line, locating: hasEscapes ? [.containers, .strings] : .containers)
        fields.withPlaces { places in
            ByteWriter.append(to: &output, room: 2 * line.count + 16 * names.count) { writer in
                writer.openObject()
                for field in names.indices {
                    let place = places[field]
                    guard place.isFound, tape.type(at: Int(place.index)) != UInt8(ascii: "n") else { continue }
                    writer.appendComma()
                    writer.append(names[field])
                    writer.append(jsonAt: place, tape, line)
                }
                writer.close()
            }
        }
    }
}

extension ByteWriter {
    /// Appends the JSON text of a value, which was located or can be told without.
    mutating func append(jsonAt place: FieldSelection.Place, _ tape: JSONTape, _ line: UnsafeRawBufferPointer) {
        if place.end > 0 { return append(padded: line.part(place.range)) }
        switch tape.type(at: Int(place.index)) {
        case UInt8(ascii: "\""):
            append(UInt8(ascii: "\""))
            append(padded: tape.text(at: Int(place.index)))
            append(UInt8(ascii: "\""))
        case UInt8(ascii: "t"): append("true")
        case UInt8(ascii: "f"): append("false")
        case UInt8(ascii: "n"): append("null")
        default: append(numberAt: place, tape, line)
        }
    }
}
