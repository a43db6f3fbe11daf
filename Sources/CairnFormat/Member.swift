/// One gzip member of a segment (RFC 1952) with Cairn's subfield in FEXTRA. Format.md, "Segment".
package enum Member {
    package enum Kind: UInt8, Sendable {
        case header = 0x48
        case block = 0x42
        case footer = 0x46
        case salts = 0x53
    }

    /// Bytes before the subfield's content.
    package static let headSize = 16
    /// Bytes behind the deflate stream: CRC-32 and ISIZE.
    package static let trailerSize = 8
    /// Deflate stream and trailer of an empty payload.
    package static let emptyPayload: [UInt8] = [0x03, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]

    private static let fixed: [UInt8] = [0x1F, 0x8B, 0x08, 0x04, 0, 0, 0, 0, 0, 0xFF]

    /// Appends head, content and the CRC-32C over both. `content` is without its CRC.
    static func appendHead(_ kind: Kind, to output: inout [UInt8], content: (inout [UInt8]) -> Void) {
        let start = output.count
        output.append(contentsOf: fixed)
        output.append(littleEndian: UInt16(0))
        output.append(UInt8(ascii: "C"))
        output.append(kind.rawValue)
        output.append(littleEndian: UInt16(0))
        content(&output)
        let length = output.count - start - headSize + 4
        precondition(length <= Limits.subfield)
        output[start + 10] = UInt8(truncatingIfNeeded: length + 4)
        output[start + 11] = UInt8(truncatingIfNeeded: (length + 4) >> 8)
        output[start + 14] = UInt8(truncatingIfNeeded: length)
        output[start + 15] = UInt8(truncatingIfNeeded: length >> 8)
        let checksum = output.withUnsafeBytes { bytes in
            Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
        output.append(littleEndian: checksum)
    }

    /// A member's head as it was read: what kind it is and where its content lies.
    package struct Head: Sendable {
        package var kind: Kind
        /// Offsets in the bytes that were read: content without its CRC-32C.
        package var content: Range<Int>
        /// Bytes from the member's first to the first of its deflate stream.
        package var size: Int { content.upperBound + 4 }
    }

    /// Reads the head at the start of `bytes` and checks its fixed values and its CRC-32C.
    package static func head(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> Head {
        guard bytes.count >= headSize else { throw FormatError(.truncated, "the member's head is cut off") }
        for index in 0..<fixed.count where bytes[index] != fixed[index] {
            throw FormatError(.malformed, "not the start of a member", at: UInt64(index))
        }
        func short(_ index: Int) -> Int { Int(bytes[index]) | Int(bytes[index + 1]) << 8 }
        let length = short(14)
        guard bytes[12] == UInt8(ascii: "C"), short(10) == length + 4, length >= 4, length <= Limits.subfield else {
            throw FormatError(.malformed, "not one subfield of Cairn", at: 10)
        }
        let end = headSize + length
        guard bytes.count >= end else { throw FormatError(.truncated, "the member's head is cut off") }
        let checksum = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: end - 4, as: UInt32.self))
        guard Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[..<(end - 4)])) == checksum else {
            throw FormatError(.checksum, "the member's head does not match its CRC-32C")
        }
        guard let kind = Kind(rawValue: bytes[13]) else {
            throw FormatError(.unsupported, "subfield C\(Character(Unicode.Scalar(bytes[13]))) is of a later version")
        }
        return Head(kind: kind, content: headSize..<(end - 4))
    }

    /// Checks that an empty payload stands at `offset`.
    package static func checkEmptyPayload(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FormatError) {
        guard bytes.count >= offset + emptyPayload.count else {
            throw FormatError(.truncated, "the member is cut off", at: UInt64(offset))
        }
        for index in 0..<emptyPayload.count where bytes[offset + index] != emptyPayload[index] {
            throw FormatError(.malformed, "the payload is not the empty one", at: UInt64(offset + index))
        }
    }
}
