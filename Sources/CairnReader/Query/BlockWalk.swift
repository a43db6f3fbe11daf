import CairnFormat
import CairnPlatform

/// Goes from block to block by their heads and leaves what they hold alone.
struct BlockWalk {
    private let file: any ReadableFile
    /// Length of the file when the walk began; what is appended meanwhile is left for the next walk.
    private let size: UInt64
    /// Of the next member.
    private(set) var offset: UInt64
    /// Number of the event at `offset`.
    private(set) var sequence: UInt64

    init(_ file: any ReadableFile, from offset: UInt64, sequence: UInt64) throws(ReadError) {
        self.file = file
        self.offset = offset
        self.sequence = sequence
        size = try accessing { () throws(IOFailure) in try file.size() }
    }

    enum Step {
        case block(BlockHeader)
        case footer
        /// The end of the file.
        case end
        /// What stands at `offset` is not a whole good member; the walk cannot go on.
        case bad(FormatError)
    }

    mutating func next() throws(ReadError) -> Step {
        guard offset < size else { return .end }
        let (file, offset) = (file, offset)
        let bytes = try accessing { () throws(IOFailure) in
            try [UInt8](unsafeUninitializedCapacity: Self.headSize) { (buffer, count) throws(IOFailure) in
                count = try file.read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
        do throws(FormatError) {
            let step = try bytes.withBytes { bytes throws(FormatError) in try member(bytes) }
            let length: UInt64
            switch step {
            case .block(let block): length = UInt64(block.memberSize)
            default: length = UInt64(SegmentFooter.memberSize)
            }
            guard length <= size - offset else { throw FormatError(.truncated, "the member is cut off") }
            self.offset += length
            if case .block(let block) = step { sequence = block.endSequence }
            return step
        } catch {
            return .bad(FormatError(error.code, error.message, at: offset))
        }
    }

    /// Bytes that show the head of a block and the whole of a footer.
    private static let headSize = max(BlockHeader.headSize, SegmentFooter.memberSize)

    private func member(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> Step {
        let head = try Member.head(bytes)
        switch head.kind {
        case .header, .salts: throw FormatError(.malformed, "a header, or salts, inside the segment")
        case .footer:
            try Member.checkEmptyPayload(bytes, at: head.size)
            return .footer
        case .block:
            let block = try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
            guard block.firstSequence == sequence else {
                throw FormatError(
                    .mismatch, "the block begins with event \(block.firstSequence), not with \(sequence)")
            }
            return .block(block)
        }
    }
}
