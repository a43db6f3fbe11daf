import CairnFormat

/// Segments as somebody writes them who knows the format and has no key: every checksum is right.
enum Forgery {
    /// The segment with the lines of each block changed; what the blocks say of them is left as it was.
    static func forge(_ data: [UInt8], _ change: (String) -> String) throws -> [UInt8] {
        var (output, offset) = ([UInt8](), 0)
        while offset < data.count {
            let (member, size) = try data.withUnsafeBytes { bytes in
                try self.member(UnsafeRawBufferPointer(rebasing: bytes[offset...]), change)
            }
            output += member
            offset += size
        }
        return output
    }

    private static func member(
        _ bytes: UnsafeRawBufferPointer, _ change: (String) -> String
    ) throws -> (bytes: [UInt8], size: Int) {
        let head = try Member.head(bytes)
        guard head.kind == .block else {
            let size = head.size + Member.emptyPayload.count
            return (Array(bytes[..<size]), size)
        }
        let header = try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
        var lines: [UInt8] = []
        let payload = UnsafeRawBufferPointer(rebasing: bytes[head.size..<header.memberSize])
        try header.inflate(payload, with: Inflater(), into: &lines)
        let changed = Array(change(String(decoding: lines, as: UTF8.self)).utf8)
        // libisal does not make the same stream of the same lines each time, and the index says how long it is.
        var stream = Array(payload[..<(payload.startIndex + Int(header.compressedSize))])
        if changed != lines {
            stream = []
            try changed.withUnsafeBytes { try Deflater(.isal).deflate($0, appendingTo: &stream) }
        }
        return (encode(header, changed, stream), header.memberSize)
    }

    private static func encode(_ header: BlockHeader, _ lines: [UInt8], _ stream: [UInt8]) -> [UInt8] {
        let crc = lines.withUnsafeBytes { Checksum.crc32($0) }
        var content: [UInt8] = []
        let sizes = [0, UInt32(stream.count), UInt32(lines.count), header.count]
        for size in sizes { content.append(littleEndian: size) }
        for number in [header.firstSequence, header.durable] { content.append(littleEndian: number) }
        for time in [header.leastTime, header.greatestTime, header.firstReceived] {
            content.append(littleEndian: time.nanoseconds)
        }
        content.append(header.root)
        content.append(littleEndian: Checksum.crc32c(stream))
        var member: [UInt8] = [0x1F, 0x8B, 0x08, 0x04, 0, 0, 0, 0, 0, 0xFF]
        member.append(littleEndian: UInt16(content.count + 8))
        member += [0x43, Member.Kind.block.rawValue]
        member.append(littleEndian: UInt16(content.count + 4))
        member += content
        member.append(littleEndian: Checksum.crc32c(member))
        member += stream
        member.append(littleEndian: crc)
        member.append(littleEndian: UInt32(lines.count))
        return member
    }
}
