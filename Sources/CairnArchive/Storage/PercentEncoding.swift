import CairnFormat

/// RFC 3986 section 2.1, as SigV4 wants it: all but letters, digits and `-._~` is escaped, with capital digits.
package enum PercentEncoding {
    /// - Parameter keepsSlashes: for a path; a slash in a query is escaped.
    package static func encode(_ text: String, keepsSlashes: Bool = false) -> String {
        let capitals = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.append(byte)
            case UInt8(ascii: "/") where keepsSlashes:
                encoded.append(byte)
            default:
                encoded.append(UInt8(ascii: "%"))
                encoded.append(capitals[Int(byte >> 4)])
                encoded.append(capitals[Int(byte & 15)])
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Nil where a `%` is not followed by two digits, or the result is not UTF-8.
    package static func decode(_ text: String) -> String? {
        var decoded: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = Hex.decode(String(decoding: digits, as: UTF8.self))?.first else {
                return nil
            }
            decoded.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: decoded, as: UTF8.self)
    }
}
