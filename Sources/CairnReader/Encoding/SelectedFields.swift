import CairnFormat

/// Fields that a user chose by their paths. A member whose own name has points in it wins over a path.
struct SelectedFields: Sendable {
    let count: Int
    private let selection: FieldSelection
    private var findings: FieldSelection.Findings

    init(_ fields: [String]) {
        count = fields.count
        var paths: [[String]] = []
        for field in fields {
            let names = field.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            // The first that is found counts.
            paths += [[field], names]
        }
        selection = FieldSelection(paths)
        findings = selection.makeFindings()
    }

    mutating func find(in tape: JSONTape, line: UnsafeRawBufferPointer, locating located: FieldSelection.Located) {
        selection.find(in: tape, line: line, locating: located, into: &findings)
    }

    /// What was found last, by the numbers of the fields.
    struct Places {
        fileprivate let found: FieldSelection.Places

        @inline(__always)
        subscript(field: Int) -> FieldSelection.Place { found[2 &* field, 2 &* field &+ 1] }
    }

    @inline(__always)
    func withPlaces(_ body: (Places) -> Void) {
        selection.withPlaces(findings) { body(Places(found: $0)) }
    }
}

extension ByteWriter {
    /// Appends the text of a number. Its place in the line is known where the tape is no help.
    @inline(__always)
    mutating func append(numberAt place: FieldSelection.Place, _ tape: JSONTape, _ line: UnsafeRawBufferPointer) {
        if place.end > 0 { return append(padded: line.part(place.range)) }
        guard let value = tape.signedInteger(at: Int(place.index)) else { return }
        if value.isNegative { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }
}
