/// What a block member says about its lines. Format.md, "Block content".
package struct BlockHeader: Sendable, Equatable {
    /// Bytes of the deflate stream.
    package var compressedSize: UInt32
    /// Bytes of the lines, LFs counted.
    package var size: UInt32
    /// Number of events.
    package var count: UInt32
    package var firstSequence: UInt64
    /// Every event below this number was synced before the block was written.
    package var durable: UInt64
    package var leastTime: Time
    package var greatestTime: Time
    package var firstReceived: Time
    /// Root of the segment tree after this block.
    package var root: Digest
    /// CRC-32C of the deflate stream.
    package var checksum: UInt32

    /// Bytes of the member before its deflate stream.
    package static let headSize = Member.headSize + 96
    /// Bytes of a member without its deflate stream.
    package static let overhead = headSize + Member.trailerSize

    /// Bytes of the whole member.
    package var memberSize: Int { BlockHeader.overhead + Int(compressedSize) }
    /// The number of the event behind the block.
    package var endSequence: UInt64 { firstSequence + UInt64(count) }

    func appendHead(to output: inout [UInt8]) {
        Member.appendHead(.block, to: &output) { output in
            output.append(littleEndian: UInt32(0))
            output.append(littleEndian: compressedSize)
            output.append(littleEndian: size)
            output.append(littleEndian: count)
            output.append(littleEndian: firstSequence)
            output.append(littleEndian: durable)
            output.append(littleEndian: leastTime.nanoseconds)
            output.append(littleEndian: greatestTime.nanoseconds)
            output.append(littleEndian: firstReceived.nanoseconds)
            output.append(root)
            output.append(littleEndian: checksum)
        }
    }

    /// Reads the content of a block's head.
    package init(content: UnsafeRawBufferPointer) throws(FormatError) {
        var reader = ByteReader(content)
        guard try reader.integer(UInt32.self) == 0 else { throw FormatError(.malformed, "block flags are not 0") }
        compressedSize = try reader.integer()
        size = try reader.integer()
        count = try reader.integer()
        firstSequence = try reader.integer()
        durable = try reader.integer()
        leastTime = try Time(nanoseconds: reader.integer())
        greatestTime = try Time(nanoseconds: reader.integer())
        firstReceived = try Time(nanoseconds: reader.integer())
        root = try reader.digest()
        checksum = try reader.integer()
        guard reader.remaining == 0, count > 0, size > 0, size <= Limits.blockForReader,
            compressedSize <= 2 * Limits.blockForReader, count <= size,
            size <= Limits.block || count == 1,
            firstSequence < Limits.sequence, durable <= firstSequence, leastTime <= greatestTime
        else { throw FormatError(.malformed, "the block's content is out of its limits") }
    }

    package init(
        compressedSize: UInt32, size: UInt32, count: UInt32, firstSequence: UInt64, durable: UInt64, leastTime: Time,
        greatestTime: Time, firstReceived: Time, root: Digest, checksum: UInt32
    ) {
        self.compressedSize = compressedSize
        self.size = size
        self.count = count
        self.firstSequence = firstSequence
        self.durable = durable
        self.leastTime = leastTime
        self.greatestTime = greatestTime
        self.firstReceived = firstReceived
        self.root = root
        self.checksum = checksum
    }

    /// Checks and inflates the payload of a block: `payload` is the deflate stream with its trailer. `lines` becomes
    /// exactly the block's lines.
    package func inflate(
        _ payload: UnsafeRawBufferPointer, with inflater: Inflater, into lines: inout [UInt8]
    ) throws(FormatError) {
        let streamSize = Int(compressedSize)
        guard payload.count == streamSize + Member.trailerSize else {
            throw FormatError(.truncated, "the block is cut off")
        }
        let stream = UnsafeRawBufferPointer(rebasing: payload[..<streamSize])
        guard Checksum.crc32c(stream) == checksum else {
            throw FormatError(.checksum, "the block's deflate stream does not match its CRC-32C")
        }
        if lines.count > Int(size) {
            lines.removeLast(lines.count - Int(size))
        } else {
            lines.append(contentsOf: repeatElement(0, count: Int(size) - lines.count))
        }
        var failure: FormatError?
        let crc = lines.withUnsafeMutableBytes { bytes in
            do throws(FormatError) {
                try inflater.inflate(stream, into: bytes)
            } catch {
                failure = error
            }
            return Checksum.crc32(UnsafeRawBufferPointer(bytes))
        }
        if let failure { throw failure }
        var trailer = ByteReader(payload, at: streamSize)
        guard try trailer.integer(UInt32.self) == crc, try trailer.integer(UInt32.self) == size else {
            throw FormatError(.checksum, "the block's lines do not match the gzip trailer")
        }
        guard lines.last == UInt8(ascii: "\n") else {
            throw FormatError(.malformed, "the block does not end with a line feed")
        }
    }
}
