import CairnArchive

/// An element of the small XML documents with which S3 answers: a name, and text or other elements.
///
/// The reader takes what these answers are made of (elements, text, the five entities, character references, the
/// `<?xml … ?>` line, comments) and nothing else: no document type, so no entities of a stranger, and no CDATA.
/// Attributes are checked and dropped. Whoever calls it bounds the size of the document.
struct XMLElement: Equatable {
    /// Without a prefix of a name space.
    var name: String
    /// All text directly in the element.
    var text = ""
    var children: [XMLElement] = []

    /// Elements in elements at most; the answers of S3 have four.
    static let depth = 16

    /// - Returns: the root element; nil where the bytes are no such document.
    static func parse(_ bytes: [UInt8]) -> XMLElement? {
        var reader = XMLReader(bytes)
        return reader.document()
    }

    /// The first element of this name directly in this one.
    func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

    /// The text of the first element of this name.
    func text(_ name: String) -> String? { child(name)?.text }
}

private struct XMLReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func document() -> XMLElement? {
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if rest.starts(with: byteOrderMark) { rest = rest.dropFirst(3) }
        guard skipMiscellany(), let root = element(depth: 1), skipMiscellany(), rest.isEmpty else { return nil }
        return root
    }

    /// White space, comments and processing instructions, such as `<?xml … ?>`. False where one has no end.
    private mutating func skipMiscellany() -> Bool {
        while true {
            skipSpace()
            if take("<?") {
                guard skip(past: "?>") else { return false }
            } else if take("<!--") {
                guard skip(past: "-->") else { return false }
            } else {
                return true
            }
        }
    }

    /// An element with all that is in it.
    private mutating func element(depth: Int) -> XMLElement? {
        guard depth <= XMLElement.depth, take("<"), let name = self.name(), skipAttributes() else { return nil }
        var element = XMLElement(name: Self.localPart(name))
        if take("/>") { return element }
        guard take(">") else { return nil }
        var text: [UInt8] = []
        while let byte = rest.first {
            if take("</") {
                guard self.name() == name else { return nil }
                skipSpace()
                guard take(">"), let text = String(validating: text, as: UTF8.self) else { return nil }
                element.text = text
                return element
            } else if take("<!--") {
                guard skip(past: "-->") else { return nil }
            } else if byte == UInt8(ascii: "<") {
                guard let child = self.element(depth: depth + 1) else { return nil }
                element.children.append(child)
            } else if byte == UInt8(ascii: "&") {
                guard let scalar = reference() else { return nil }
                text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else {
                text.append(byte)
                rest = rest.dropFirst()
            }
        }
        return nil
    }

    private mutating func name() -> String? {
        let end = rest.firstIndex { byte in
            let isName =
                byte >= 0x80 || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte) || "_:-.".utf8.contains(byte)
            return !isName
        }
        let name = rest[..<(end ?? rest.endIndex)]
        rest = rest[name.endIndex...]
        return name.isEmpty ? nil : String(validating: name, as: UTF8.self)
    }

    private static func localPart(_ name: String) -> String {
        name.utf8.lastIndex(of: UInt8(ascii: ":")).map { String(name[name.utf8.index(after: $0)...]) } ?? name
    }

    /// Leaves the reader before `>` or `/>`.
    private mutating func skipAttributes() -> Bool {
        while true {
            skipSpace()
            guard let byte = rest.first else { return false }
            if byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/") { return true }
            guard name() != nil else { return false }
            skipSpace()
            guard take("=") else { return false }
            skipSpace()
            guard take("\"") ? skip(past: "\"") : take("'") && skip(past: "'") else { return false }
        }
    }

    /// `&amp;`, `&#43;`, `&#x2B;`.
    private mutating func reference() -> Unicode.Scalar? {
        // The longest is &#x10FFFF; of ten characters.
        guard let end = rest.prefix(10).firstIndex(of: UInt8(ascii: ";")) else { return nil }
        let name = String(decoding: rest[..<end].dropFirst(), as: UTF8.self)
        rest = rest[end...].dropFirst()
        switch name {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default:
            let isHexadecimal = name.hasPrefix("#x")
            guard name.hasPrefix("#"), let first = name.dropFirst(isHexadecimal ? 2 : 1).first, first.isHexDigit else {
                return nil
            }
            return UInt32(name.dropFirst(isHexadecimal ? 2 : 1), radix: isHexadecimal ? 16 : 10)
                .flatMap(Unicode.Scalar.init)
        }
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    }

    private mutating func take(_ token: StaticString) -> Bool {
        let bytes = UnsafeBufferPointer(start: token.utf8Start, count: token.utf8CodeUnitCount)
        guard rest.starts(with: bytes) else { return false }
        rest = rest.dropFirst(bytes.count)
        return true
    }

    /// Takes everything up to and with the next `token`; false where there is none.
    private mutating func skip(past token: StaticString) -> Bool {
        while !rest.isEmpty {
            if take(token) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
