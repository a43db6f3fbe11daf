/// Reads the lines of a note's text in order. Every rule that is broken is an error: a note has one form only.
struct NoteText {
    private var lines: ArraySlice<Substring>
    private let kind: String

    /// `kind` is the first line, with its version: `cairn/seal/v1`.
    init(_ text: String, kind: String) throws(FormatError) {
        self.kind = kind
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        guard let first = lines.popFirst(), first == kind else {
            throw FormatError(.unsupported, "a note that does not begin with \(kind)")
        }
    }

    mutating func line() throws(FormatError) -> Substring {
        guard let line = lines.popFirst() else { throw FormatError(.malformed, "the \(kind) note is too short") }
        return line
    }

    /// The rest of the next line, which begins with `name` and a blank.
    mutating func value(_ name: String) throws(FormatError) -> Substring {
        guard let value = optionalValue(name) else {
            throw FormatError(.malformed, "the \(kind) note has no \"\(name)\" where it belongs")
        }
        return value
    }

    mutating func optionalValue(_ name: String) -> Substring? {
        guard let line = lines.first, line.hasPrefix(name + " ") else { return nil }
        lines.removeFirst()
        return line.dropFirst(name.count + 1)
    }

    mutating func number(_ name: String) throws(FormatError) -> UInt64 {
        try NoteText.number(value(name), name)
    }

    static func number(_ text: Substring, _ name: String) throws(FormatError) -> UInt64 {
        guard let number = UInt64(text), String(number) == text else {
            throw FormatError(.malformed, "\"\(name)\" is not a decimal number: \(text)")
        }
        return number
    }

    mutating func digest(_ name: String) throws(FormatError) -> Digest {
        let text = try value(name)
        guard let digest = Base64.decodeDigest(text) else {
            throw FormatError(.malformed, "\"\(name)\" is not a SHA-256 in base64: \(text)")
        }
        return digest
    }

    mutating func time(_ name: String) throws(FormatError) -> Time {
        try NoteText.time(value(name), name)
    }

    mutating func times(_ name: String) throws(FormatError) -> ClosedRange<Time> {
        let parts = try value(name).split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw FormatError(.malformed, "\"\(name)\" does not hold two times") }
        let (least, greatest) = try (NoteText.time(parts[0], name), NoteText.time(parts[1], name))
        guard least <= greatest else { throw FormatError(.mismatch, "\"\(name)\" ends before it begins") }
        return least...greatest
    }

    private static func time(_ text: Substring, _ name: String) throws(FormatError) -> Time {
        guard let time = Time(rfc3339: String(text)), time.description == text else {
            throw FormatError(.malformed, "\"\(name)\" is not a time with nine fraction digits: \(text)")
        }
        return time
    }

    func end() throws(FormatError) {
        guard lines.isEmpty else { throw FormatError(.malformed, "the \(kind) note is too long") }
    }
}
