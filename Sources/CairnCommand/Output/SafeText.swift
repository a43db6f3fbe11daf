import CairnFormat

/// Text of events as a terminal may show it. An event says what its sender wanted it to say: control characters could
/// forge lines, recolour or rename the window, and marks of text direction could reorder what is read.
enum SafeText {
    /// Appends UTF-8 text with every such character as a JSON escape, `\n` or `\u001b`.
    static func append(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
        escape(text, to: &output, isUnsafe: isUnsafe)
    }

    /// The same for a JSON text, which stays the same JSON: there such characters stand inside strings only, but for
    /// the line feeds and tabs between its values.
    static func append(json text: some Sequence<UInt8>, to output: inout [UInt8]) {
        escape(text, to: &output) { $0.value >= 0x20 && isUnsafe($0) }
    }

    static func string(_ text: String) -> String {
        var output: [UInt8] = []
        append(text.utf8, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private static func escape(
        _ text: some Sequence<UInt8>, to output: inout [UInt8], isUnsafe: (Unicode.Scalar) -> Bool
    ) {
        var decoder = UTF8()
        var iterator = text.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .emptyInput: return
            case .error: output.append(contentsOf: "\u{FFFD}".utf8)
            case .scalarValue(let scalar):
                if isUnsafe(scalar) {
                    appendEscape(scalar, to: &output)
                } else if scalar.isASCII {
                    output.append(UInt8(truncatingIfNeeded: scalar.value))
                } else {
                    output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                }
            }
        }
    }

    /// Controls (C0, DEL, C1), line and paragraph separators, marks that change the direction of text (Unicode UAX #9),
    /// and invisible format characters. The joiners U+200C and U+200D stay: languages and emoji need them.
    static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20..<0x7F: false
        case 0..<0x20, 0x7F..<0xA0: true
        case 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0xE0000...0xE007F:
            true
        default: false
        }
    }

    private static func appendEscape(_ scalar: Unicode.Scalar, to output: inout [UInt8]) {
        switch scalar {
        case "\n": output.append(text: "\\n")
        case "\r": output.append(text: "\\r")
        case "\t": output.append(text: "\\t")
        default:
            for unit in String(scalar).utf16 {
                output.append(text: "\\u")
                for shift in [12, 8, 4, 0] { output.append(Hex.digit(UInt8(unit >> UInt16(shift) & 15))) }
            }
        }
    }
}
