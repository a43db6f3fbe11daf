package import CairnFormat

/// Makes the checksums of changed bytes right again, so that a fuzzer gets behind them. Sizes that only repeat what the
/// bytes show are put right, too; every other field is left as it is.
package enum ChecksumRepair {
    /// One member that takes all of the bytes.
    package static func member(_ bytes: [UInt8], with inflater: Inflater) -> [UInt8] {
        var bytes = bytes
        guard bytes.count >= Member.headSize else { return bytes }
        if bytes[13] == Member.Kind.block.rawValue, bytes.count >= BlockHeader.overhead {
            set(UInt16(96), at: 14, in: &bytes)
            repairPayload(0..<bytes.count, in: &bytes, with: inflater)
        }
        repairHead(at: 0, in: &bytes)
        return bytes
    }

    /// Each member of a file, as far as the sizes in their heads lead from one to the next.
    package static func segment(_ bytes: [UInt8], with inflater: Inflater) -> [UInt8] {
        var bytes = bytes
        var start = 0
        while bytes.count - start >= Member.headSize + 4, bytes[start] == 0x1F {
            let length = Int(integer(UInt16.self, at: start + 14, in: bytes))
            guard start + Member.headSize + length <= bytes.count else { break }
            var end = start + Member.headSize + length + Member.emptyPayload.count
            if bytes[start + 13] == Member.Kind.block.rawValue, length == 96 {
                let stream = Int(integer(UInt32.self, at: start + 20, in: bytes))
                end = start + BlockHeader.overhead + stream
                guard end <= bytes.count else { break }
                repairPayload(start..<end, in: &bytes, with: inflater)
            }
            repairHead(at: start, in: &bytes)
            start = end
        }
        return bytes
    }

    /// Both of an index: of its head, where its sizes lead there, and behind all the rest.
    package static func index(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        if let size = bytes.withUnsafeBytes({ try? SegmentIndex.size(header: $0) }), size.head <= bytes.count {
            set(UInt32(0), at: 60, in: &bytes)
            set(Checksum.crc32c(Array(bytes[..<size.head])), at: 60, in: &bytes)
            if size.file == bytes.count {
                set(Checksum.crc32c(Array(bytes[..<(size.filterEnd - 4)])), at: size.filterEnd - 4, in: &bytes)
                set(Checksum.crc32c(Array(bytes[size.filterEnd..<(size.file - 4)])), at: size.file - 4, in: &bytes)
            }
        }
        return bytes
    }

    /// The CRC-32C behind all the rest.
    package static func trailer(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 4 else { return bytes }
        var bytes = bytes
        set(Checksum.crc32c(Array(bytes.dropLast(4))), at: bytes.count - 4, in: &bytes)
        return bytes
    }

    private static func repairHead(at start: Int, in bytes: inout [UInt8]) {
        let length = Int(integer(UInt16.self, at: start + 14, in: bytes))
        let end = start + Member.headSize + length
        guard length >= 4, end <= bytes.count else { return }
        set(UInt16(length + 4), at: start + 10, in: &bytes)
        set(Checksum.crc32c(Array(bytes[start..<(end - 4)])), at: end - 4, in: &bytes)
    }

    /// Stream size, the CRC-32C of the stream, and gzip's trailer as far as the stream inflates to the stated size.
    private static func repairPayload(_ member: Range<Int>, in bytes: inout [UInt8], with inflater: Inflater) {
        let content = member.lowerBound + Member.headSize
        let stream = Array(bytes[(member.lowerBound + BlockHeader.headSize)..<(member.upperBound - Member.trailerSize)])
        set(UInt32(stream.count), at: content + 4, in: &bytes)
        set(Checksum.crc32c(stream), at: content + 88, in: &bytes)
        let size = integer(UInt32.self, at: content + 8, in: bytes)
        guard size <= UInt32(Limits.blockForReader) else { return }
        var lines = [UInt8](repeating: 0, count: Int(size))
        let isGood: Void? = lines.withUnsafeMutableBytes { room in
            stream.withUnsafeBytes { try? inflater.inflate($0, into: room) }
        }
        guard isGood != nil else { return }
        set(lines.withUnsafeBytes { Checksum.crc32($0) }, at: member.upperBound - 8, in: &bytes)
        set(size, at: member.upperBound - 4, in: &bytes)
    }

    private static func integer<T: FixedWidthInteger>(_ type: T.Type, at offset: Int, in bytes: [UInt8]) -> T {
        bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }

    private static func set<T: FixedWidthInteger>(_ value: T, at offset: Int, in bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self) }
    }
}
