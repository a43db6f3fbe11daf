package import CairnFormat
package import CairnPlatform

/// Reads the members of one segment file in order, or from a place that an index named. One owner at a time.
package final class SegmentReader {
    package let path: String
    package let file: any ReadableFile
    package let header: SegmentHeader
    /// Bytes of the header member; salt members follow it where events were erased.
    private let headerSize: UInt64
    /// Offset of the next member.
    package private(set) var offset: UInt64
    /// Number of the event at `offset`.
    package private(set) var nextSequence: UInt64
    /// Set once the footer was read; nothing follows it.
    package private(set) var footer: SegmentFooter?

    private let inflater: Inflater
    private var window: Window

    /// Opens the file and reads its header.
    package init(_ files: any ReadableFileSystem, path: String) throws(ReadError) {
        self.path = path
        let file = try accessing { () throws(IOFailure) in try files.openForReading(path) }
        self.file = file
        inflater = try reading(path) { () throws(FormatError) in try Inflater() }
        var window = Window(file: file)
        // Who looks at a header goes on elsewhere, more often than not.
        window.end = 0
        let bytes = try accessing { () throws(IOFailure) in
            try window.bytes(at: 0, count: SegmentHeader.sizeLimit)
        }
        let (header, size) = try reading(path) { () throws(FormatError) in try SegmentHeader.decode(bytes) }
        window.end = .max
        self.window = window
        self.header = header
        headerSize = UInt64(size)
        offset = UInt64(size)
        nextSequence = header.firstSequence
        if header.isPunctured { offset = try passSalts { _ throws(FormatError) in } }
    }

    /// Another reader of the same file, for another thread.
    init(sameAs place: SpanPlace) throws(ReadError) {
        path = place.path
        file = place.file
        header = place.header
        inflater = try reading(place.path) { () throws(FormatError) in try Inflater() }
        window = Window(file: place.file)
        headerSize = 0
        offset = 0
        nextSequence = place.header.firstSequence
    }

    /// What is left of the salts where events were erased; nil where the header holds the salt key. Every salt member
    /// is checked.
    ///
    /// - Parameter end: the number behind the segment's last event, by its seal: more salts than that are not read.
    package func salts(until end: UInt64) throws(ReadError) -> (salts: PuncturedSalts, size: Int)? {
        guard header.isPunctured else { return nil }
        let start = header.firstSequence
        var (salts, next) = (PuncturedSalts(), start)
        let first = try passSalts { content throws(FormatError) in
            guard next < end else { throw FormatError(.mismatch, "there are salts for more events than were sealed") }
            try salts.take(content, start: start, end: end, next: &next)
        }
        guard next >= end else {
            throw failure(FormatError(.mismatch, "the salts from event \(next) on are missing", at: first))
        }
        return (salts, Int(first - headerSize))
    }

    /// Calls `body` with the content of each salt member and returns the offset behind them.
    private func passSalts(
        _ body: (UnsafeRawBufferPointer) throws(FormatError) -> Void
    ) throws(ReadError) -> UInt64 {
        var offset = headerSize
        while true {
            let bytes = try bytes(at: offset, count: Member.headSize + Limits.subfield + Member.emptyPayload.count)
            let start = offset
            let size = try checked { () throws(FormatError) -> Int? in
                guard !bytes.isEmpty else { throw FormatError(.truncated, "the salts end the file", at: start) }
                let head = try Member.head(bytes)
                guard head.kind == .salts else { return nil }
                try Member.checkEmptyPayload(bytes, at: head.size)
                try body(UnsafeRawBufferPointer(rebasing: bytes[head.content]))
                return head.size + Member.emptyPayload.count
            }
            guard let size else { return offset }
            offset += UInt64(size)
        }
    }

    /// Goes to a block that begins at `offset` with event `sequence`.
    ///
    /// - Parameter end: offset behind the last block that will be read; more is not read ahead then.
    package func seek(offset: UInt64, sequence: UInt64, end: UInt64 = .max) {
        self.offset = offset
        window.end = end
        nextSequence = sequence
        footer = nil
    }

    /// Goes on after more was appended: what was read ahead is read again.
    package func refresh() { window.forget() }

    /// What stands at the current offset.
    package enum Item {
        case block(BlockHeader)
        /// The end of a sealed segment.
        case footer(SegmentFooter)
        /// The end of the file.
        case end
    }

    /// Reads the next member's head and, of a block, the lines into `lines` (padded for the JSON parser behind its
    /// count). A member that is not good is an error and is not passed over.
    package func next(into lines: inout [UInt8]) throws(ReadError) -> Item {
        guard footer == nil else { return .end }
        let start = offset
        let headBytes = try bytes(at: start, count: Member.headSize + Limits.subfield)
        guard headBytes.count > 0 else { return .end }
        let head = try checked { () throws(FormatError) in try Member.head(headBytes) }
        let content = UnsafeRawBufferPointer(rebasing: headBytes[head.content])
        switch head.kind {
        case .header, .salts:
            throw failure(FormatError(.malformed, "a header, or salts, inside the segment", at: start))
        case .footer:
            let footer = try checked { () throws(FormatError) in
                try Member.checkEmptyPayload(headBytes, at: head.size)
                return try SegmentFooter(content: content)
            }
            offset += UInt64(SegmentFooter.memberSize)
            self.footer = footer
            return .footer(footer)
        case .block:
            let block = try checked { () throws(FormatError) in try BlockHeader(content: content) }
            guard block.firstSequence == nextSequence, block.durable >= header.firstSequence else {
                let numbers = "event \(block.firstSequence), behind those up to \(block.durable)"
                throw failure(FormatError(.mismatch, "the block begins with \(numbers)", at: start))
            }
            let payloadSize = block.memberSize - BlockHeader.headSize
            let payload = try bytes(at: start + UInt64(BlockHeader.headSize), count: payloadSize)
            lines.reserveCapacity(Int(block.size) + JSONParser.padding)
            try checked { () throws(FormatError) in try block.inflate(payload, with: inflater, into: &lines) }
            offset += UInt64(block.memberSize)
            nextSequence = block.endSequence
            return .block(block)
        }
    }

    private func bytes(at offset: UInt64, count: Int) throws(ReadError) -> UnsafeRawBufferPointer {
        try accessing { () throws(IOFailure) in try window.bytes(at: offset, count: count) }
    }

    private func checked<R>(_ body: () throws(FormatError) -> R) throws(ReadError) -> R {
        do throws(FormatError) {
            return try body()
        } catch {
            throw failure(error)
        }
    }

    private func failure(_ error: FormatError) -> ReadError {
        var error = error
        error.offset = offset
        return ReadError(error, path: path, sequence: nextSequence)
    }
}

/// A piece of a file, read ahead so that small reads next to each other cost one system call.
private struct Window {
    private static let readAhead = 1 << 20

    private let file: any ReadableFile
    private var buffer: UnsafeMutableRawBufferPointer
    private var start: UInt64 = 0
    private var count = 0
    /// Offset up to which it is read ahead.
    var end = UInt64.max
    // Frees the buffer with the last copy of the window.
    private let owner: Owner

    private final class Owner {
        var buffer: UnsafeMutableRawBufferPointer
        init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }
        deinit { buffer.deallocate() }
    }

    init(file: any ReadableFile) {
        self.file = file
        buffer = .allocate(byteCount: Window.readAhead, alignment: 64)
        owner = Owner(buffer)
    }

    mutating func forget() { count = 0 }

    /// The bytes at `offset`, fewer only at the end of the file. Good until the next call.
    mutating func bytes(at offset: UInt64, count wanted: Int) throws(IOFailure) -> UnsafeRawBufferPointer {
        // An index may name any offset.
        guard offset < UInt64(Int64.max) - UInt64(wanted) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        if offset < start || offset + UInt64(wanted) > start + UInt64(count) {
            if wanted > buffer.count {
                buffer.deallocate()
                buffer = .allocate(byteCount: wanted, alignment: 64)
                owner.buffer = buffer
            }
            count = 0
            start = offset
            let ahead = end > offset ? Int(min(end - offset, UInt64(buffer.count))) : 0
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<max(wanted, ahead)])
            count = try file.read(at: offset, into: room)
        }
        let from = Int(offset - start)
        let available = max(0, min(wanted, count - from))
        return UnsafeRawBufferPointer(rebasing: buffer[from..<(from + available)])
    }
}

/// Calls `body` for each line of a block, with its place in `lines`, LF left out.
package func forEachLine<Failure: Error>(
    of lines: [UInt8], _ body: (Range<Int>, UnsafeRawBufferPointer) throws(Failure) -> Void
) throws(Failure) {
    try lines.withBytes { bytes throws(Failure) in
        var start = 0
        while start < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
            let end = start + (firstLineFeed(rest) ?? rest.count)
            try body(start..<end, UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            start = end + 1
        }
    }
}
