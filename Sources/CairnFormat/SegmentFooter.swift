/// The last member of a sealed segment.
package struct SegmentFooter: Sendable, Equatable {
    package var count: UInt64
    package var root: Digest
    /// SHA-256 of the index file.
    package var indexDigest: Digest

    /// Bytes of the whole member.
    package static let memberSize = Member.headSize + 76 + Member.emptyPayload.count

    package init(count: UInt64, root: Digest, indexDigest: Digest) {
        self.count = count
        self.root = root
        self.indexDigest = indexDigest
    }

    package func encoded() -> [UInt8] {
        var output: [UInt8] = []
        Member.appendHead(.footer, to: &output) { output in
            output.append(littleEndian: count)
            output.append(root)
            output.append(indexDigest)
        }
        output.append(contentsOf: Member.emptyPayload)
        return output
    }

    package init(content: UnsafeRawBufferPointer) throws(FormatError) {
        var reader = ByteReader(content)
        count = try reader.integer()
        root = try reader.digest()
        indexDigest = try reader.digest()
        guard reader.remaining == 0 else { throw FormatError(.malformed, "the footer's content is malformed") }
    }
}
