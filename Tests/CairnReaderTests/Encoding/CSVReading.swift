/// Reads CSV by the grammar of RFC 4180 section 2, byte by byte, and shares nothing with what writes it. Quotes inside
/// cells that are not quoted, and lines that do not end with CR LF, are refused.
struct CSVReading {
    struct Malformed: Error, Equatable {
        var offset: Int
        var reason: String
    }

    private let bytes: [UInt8]
    private var index = 0

    static func rows(_ bytes: [UInt8]) throws(Malformed) -> [[String]] {
        var reading = CSVReading(bytes: bytes)
        var rows: [[String]] = []
        while reading.index < bytes.count { rows.append(try reading.row()) }
        return rows
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func row() throws(Malformed) -> [String] {
        var cells = [try cell()]
        while peek == UInt8(ascii: ",") {
            index += 1
            cells.append(try cell())
        }
        guard peek == 0x0D else { throw malformed("a comma or CR expected") }
        index += 1
        guard peek == 0x0A else { throw malformed("LF expected") }
        index += 1
        return cells
    }

    private mutating func cell() throws(Malformed) -> String {
        var content: [UInt8] = []
        guard peek == UInt8(ascii: "\"") else {
            while let byte = peek, byte != UInt8(ascii: ","), byte != 0x0D {
                guard byte != UInt8(ascii: "\""), byte != 0x0A else { throw malformed("a byte that must be quoted") }
                content.append(byte)
                index += 1
            }
            return String(decoding: content, as: UTF8.self)
        }
        index += 1
        while let byte = peek {
            index += 1
            if byte == UInt8(ascii: "\"") {
                guard peek == UInt8(ascii: "\"") else { return String(decoding: content, as: UTF8.self) }
                index += 1
            }
            content.append(byte)
        }
        throw malformed("a quote is missing")
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func malformed(_ reason: String) -> Malformed { Malformed(offset: index, reason: reason) }
}
