/// Which trigrams there are in some texts, of those that begin at an even place. Bytes are taken with bit 5 set, in which
/// the cases of a letter differ.
struct TrigramTable: Sendable {
    /// A byte for each bit of the filter: to set a bit its byte would have to be read first.
    private var marks = noMarks

    private static let noMarks = [UInt8](repeating: 0, count: bits)
    private static let bits = 4096
    /// Bytes of the largest filter.
    static let sizeLimit = bits / 8
    /// Bytes of the smallest that is not empty.
    private static let leastSize = 8

    init() {}

    mutating func removeAll() { marks = TrigramTable.noMarks }

    @inline(__always)
    mutating func insert(_ text: UnsafeRawBufferPointer) {
        guard text.count > 2 else { return }
        marks.withUnsafeMutableBufferPointer { marks in
            var start = 0
            // Three of them stand in eight bytes.
            while start &+ 8 <= text.count {
                let word = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: start, as: UInt64.self))
                marks[TrigramTable.place(UInt32(truncatingIfNeeded: word))] = 1
                marks[TrigramTable.place(UInt32(truncatingIfNeeded: word >> 16))] = 1
                marks[TrigramTable.place(UInt32(truncatingIfNeeded: word >> 32))] = 1
                start &+= 6
            }
            while start < text.count - 2 {
                marks[TrigramTable.place(text, start)] = 1
                start += 2
            }
        }
    }

    /// The bit of the trigram that begins there.
    @inline(__always)
    private static func place(_ text: UnsafeRawBufferPointer, _ start: Int) -> Int {
        let pair = UInt16(littleEndian: text.loadUnaligned(fromByteOffset: start, as: UInt16.self))
        return place(UInt32(pair) | UInt32(text[start + 2]) << 16)
    }

    /// The bit of the trigram in the lower three bytes.
    @inline(__always)
    private static func place(_ trigram: UInt32) -> Int {
        Int(((trigram & 0xFF_FFFF | 0x20_2020) &* 0x9E37_79B1) >> 20)
    }

    /// The filter: empty if there is no trigram, and if it is to be `halved` so, as long as at most half of its bits are
    /// set.
    func bytes(halved: Bool) -> [UInt8] {
        var bytes = marks.withUnsafeBytes { marks in
            stride(from: 0, to: TrigramTable.bits, by: 8).map { start in
                // Each of the eight bytes is 0 or 1; the product has them side by side in its highest byte.
                let eight = UInt64(littleEndian: marks.loadUnaligned(fromByteOffset: start, as: UInt64.self))
                return UInt8(truncatingIfNeeded: (eight &* 0x0102_0408_1020_4080) >> 56)
            }
        }
        guard halved else { return bytes }
        if bytes.allSatisfy({ $0 == 0 }) { return [] }
        while bytes.count > TrigramTable.leastSize {
            let half = stride(from: 0, to: bytes.count, by: 2).map { index in
                TrigramTable.halved(bytes[index]) | TrigramTable.halved(bytes[index + 1]) << 4
            }
            guard half.reduce(0, { $0 + $1.nonzeroBitCount }) * 2 <= half.count * 8 else { break }
            bytes = half
        }
        return bytes
    }

    /// Four bits, each of two neighbours.
    private static func halved(_ byte: UInt8) -> UInt8 {
        let pairs = (byte | byte >> 1) & 0x55
        let close = (pairs | pairs >> 1) & 0x33
        return (close | close >> 2) & 0x0F
    }

    /// Goes on with a filter that was written without being halved.
    init(_ filter: UnsafeRawBufferPointer) throws(FormatError) {
        guard filter.count == TrigramTable.sizeLimit else {
            throw FormatError(.malformed, "a filter of trigrams that was being made has \(filter.count) bytes")
        }
        for bit in 0..<TrigramTable.bits { marks[bit] = filter[bit / 8] >> UInt8(bit % 8) & 1 }
    }

    static func isSize(_ size: Int) -> Bool {
        size == 0 || (leastSize...sizeLimit).contains(size) && size.nonzeroBitCount == 1
    }

    /// Whether a text in which `text` stands, in any case of its letters, may be among those of the filter; false is certain.
    static func mayContain(_ text: [UInt8], in filter: UnsafeRawBufferPointer) -> Bool {
        guard text.count >= leastText else { return true }
        guard filter.count > 0 else { return false }
        let shift = (sizeLimit / filter.count).trailingZeroBitCount
        return text.withUnsafeBytes { text in
            // It may stand at an even place there, or at an odd one.
            (0...1).contains { first in
                stride(from: first, to: text.count - 2, by: 2).allSatisfy { start in
                    let bit = place(text, start) >> shift
                    return filter[bit / 8] >> UInt8(bit % 8) & 1 == 1
                }
            }
        }
    }

    /// Bytes of a text that has a trigram to be looked for wherever it stands.
    static let leastText = 4
}
