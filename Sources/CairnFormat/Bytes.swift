/// Little-endian reading and writing of the binary structures. The only file of unaligned loads.
package struct ByteReader: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    /// Offset of the next byte to be read.
    package private(set) var offset: Int

    /// The caller keeps `bytes` alive while the reader lives.
    package init(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    package var remaining: Int { bytes.count - offset }

    package mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(FormatError) -> T {
        guard remaining >= MemoryLayout<T>.size else { throw short(MemoryLayout<T>.size) }
        defer { offset += MemoryLayout<T>.size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    package mutating func digest() throws(FormatError) -> Digest {
        try Digest(slice(32))
    }

    package mutating func array(_ count: Int) throws(FormatError) -> [UInt8] {
        try Array(slice(count))
    }

    package mutating func slice(_ count: Int) throws(FormatError) -> UnsafeRawBufferPointer {
        guard count >= 0, remaining >= count else { throw short(count) }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
    }

    /// What was read since `start`, once more.
    package func bytes(from start: Int) -> [UInt8] { Array(bytes[start..<offset]) }

    private func short(_ wanted: Int) -> FormatError {
        FormatError(.truncated, "\(wanted) bytes wanted, \(remaining) left", at: UInt64(offset))
    }
}

extension Array where Element == UInt8 {
    package mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    package mutating func append(_ digest: Digest) {
        digest.withUnsafeBytes { append(contentsOf: $0) }
    }

    package mutating func append(text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number in decimal, without a String on the way.
    package mutating func append(decimal value: UInt64) {
        append(room: RawWriter.decimalSize) { $0.append(decimal: value) }
    }

    /// Appends what `body` writes: at most `room` bytes, which nobody checks.
    @inline(__always)
    mutating func append(room: Int, _ body: (inout RawWriter) -> Void) {
        append(addingCapacity: room) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
                var writer = RawWriter(next: start)
                body(&writer)
                count = writer.next - start
            }
        }
    }

    /// Appends `text` as a JSON string with its quotes (RFC 8259 section 7).
    package mutating func append(jsonString text: some Sequence<UInt8>) {
        append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20, 0x7F:
                append(text: "\\u00")
                append(Hex.digit(byte >> 4))
                append(Hex.digit(byte & 15))
            default:
                append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }
}

extension Array where Element == UInt8 {
    /// `withUnsafeBytes` with typed throws.
    package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { bytes throws(E) in try body(UnsafeRawBufferPointer(bytes)) }
    }
}

/// Lower-case hexadecimal.
package enum Hex {
    package static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digit(byte >> 4))
            text.append(digit(byte & 15))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Both cases of letters; nil for anything else, or an odd number of digits.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for unit in text.utf8 {
            guard let value = Character(Unicode.Scalar(unit)).hexDigitValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(value))
                high = nil
            } else {
                high = UInt8(value)
            }
        }
        return high == nil ? bytes : nil
    }
}
