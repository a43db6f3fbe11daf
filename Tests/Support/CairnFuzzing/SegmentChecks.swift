import CairnFormat
import CairnPlatform
import CairnReader

/// One gzip member: header, block or footer. What is taken is encoded to the same bytes; both inflaters agree.
final class MemberCheck: FuzzCheck {
    private let arena = GuardedBytes()
    private let inflaters: [Inflater]

    init() throws(FormatError) { inflaters = try [Inflater(.isal), Inflater(.zlib)] }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        if try arena.place(input, { member throws(PropertyFailure) in try checkMember(member) }) { return true }
        // Behind the checksums lies more than chance would ever reach.
        let repaired = ChecksumRepair.member(Array(input), with: inflaters[0])
        return try arena.place(repaired) { member throws(PropertyFailure) in try checkMember(member) }
    }

    private func checkMember(_ bytes: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let head = try accepted(within: bytes.count) { () throws(FormatError) in try Member.head(bytes) }
        guard let head else { return false }
        try require(head.size <= bytes.count, "a head that ends behind its bytes")
        let content = UnsafeRawBufferPointer(rebasing: bytes[head.content])
        switch head.kind {
        case .header:
            let decoded = try accepted(within: bytes.count) { () throws(FormatError) in
                try SegmentHeader.decode(bytes)
            }
            guard let (header, size) = decoded else { return false }
            try agree(encoded: header.encoded(), bytes[..<size], "the header")
            return true
        case .footer:
            let decoded = try accepted(within: bytes.count) { () throws(FormatError) in
                try Member.checkEmptyPayload(bytes, at: head.size)
                return try SegmentFooter(content: content)
            }
            guard let footer = decoded else { return false }
            try agree(encoded: footer.encoded(), bytes[..<SegmentFooter.memberSize], "the footer")
            return true
        case .salts:
            return try checkSalts(content, member: bytes, headSize: head.size)
        case .block:
            let decoded = try accepted(within: bytes.count) { () throws(FormatError) in
                try BlockHeader(content: content)
            }
            guard let block = decoded else { return false }
            try agree(encoded: FormatTables.content(of: block), content, "the block's content")
            return try checkBlock(block, UnsafeRawBufferPointer(rebasing: bytes[head.size...]))
        }
    }

    /// As if it were the first salt member of a segment that begins where it does.
    private func checkSalts(
        _ content: UnsafeRawBufferPointer, member: UnsafeRawBufferPointer, headSize: Int
    ) throws(PropertyFailure) -> Bool {
        guard content.count >= 16 else { return false }
        let first = content.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let isKeys = content.loadUnaligned(as: UInt16.self) == 0
        let (start, overflow) = first.multipliedReportingOverflow(by: isKeys ? Salts.groupSize : 1)
        guard !overflow else { return false }
        let decoded = try accepted(within: member.count) { () throws(FormatError) in
            try Member.checkEmptyPayload(member, at: headSize)
            var (salts, next) = (PuncturedSalts(), start)
            try salts.take(content, start: start, end: Limits.sequence, next: &next)
            return (salts, next)
        }
        guard let (salts, next) = decoded else { return false }
        let size = headSize + Member.emptyPayload.count
        try agree(encoded: salts.encoded(of: start..<next), member[..<size], "the salts")
        return true
    }

    private func checkBlock(_ block: BlockHeader, _ payload: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        var results: [[UInt8]?] = []
        for inflater in inflaters {
            var lines: [UInt8] = []
            let isGood: Void? = try accepted(within: payload.count) { () throws(FormatError) in
                try block.inflate(payload, with: inflater, into: &lines)
            }
            results.append(isGood.map { lines })
        }
        try checkInflated(isal: results[0], zlib: results[1])
        guard let lines = results[0] else { return false }
        try require(lines.count == Int(block.size) && lines.last == 0x0A, "lines of another size than was stated")
        return true
    }
}

/// libisal, which readers use, takes what zlib takes and makes the same bytes of it. It also takes streams with incomplete
/// codes, which zlib refuses and RFC 1951 leaves open; what comes of those is held by the same hashes.
private func checkInflated(isal: [UInt8]?, zlib: [UInt8]?) throws(PropertyFailure) {
    try require(zlib == nil || isal == zlib, "libisal does not inflate a stream as zlib does")
}

/// A raw deflate stream, as anybody may have written it.
final class DeflateCheck: FuzzCheck {
    private static let room = 16 << 10

    private let arena = GuardedBytes()
    private let output = GuardedBytes(capacity: DeflateCheck.room)
    private let backends: [Inflater]
    private let deflater: Deflater

    init() throws(FormatError) {
        backends = try [Inflater(.isal), Inflater(.zlib)]
        deflater = try Deflater(.isal)
    }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        try checkWriting(input)
        return try arena.place(input) { stream throws(PropertyFailure) in
            var isGood = false
            for size in sizes(stream) {
                let results = backends.map { inflate(stream, size, $0) }
                try checkInflated(isal: results[0], zlib: results[1])
                isGood = isGood || results[0] != nil
            }
            return isGood
        }
    }

    /// What is compressed inflates to what it was.
    private func checkWriting(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) {
        var stream: [UInt8] = []
        try mustSucceed("compression fails") { () throws(FormatError) in
            try deflater.deflate(input, appendingTo: &stream)
        }
        try arena.place(stream) { stream throws(PropertyFailure) in
            for backend in backends {
                let isSame = inflate(stream, input.count, backend)?.elementsEqual(input) ?? false
                try require(isSame, "other bytes come back")
            }
        }
    }

    private func inflate(_ stream: UnsafeRawBufferPointer, _ size: Int, _ backend: Inflater) -> [UInt8]? {
        let room = output.room(size)
        do throws(FormatError) {
            try backend.inflate(stream, into: room)
            return Array(room)
        } catch {
            return nil
        }
    }

    /// libisal may write a little behind what it inflated, so its size is known only within that.
    private func sizes(_ stream: UnsafeRawBufferPointer) -> [Int] {
        let (isal, zlib) = (naturalSize(stream, backends[0]), naturalSize(stream, backends[1]))
        return isal == zlib ? [zlib] : [zlib] + Array(max(0, isal - 16)...isal)
    }

    /// Bytes that the stream inflates to before it ends or breaks: in a room of zeros and one of ones, what stands
    /// behind them is as it was in one at least.
    private func naturalSize(_ stream: UnsafeRawBufferPointer, _ backend: Inflater) -> Int {
        [0x00, 0xFF].map { (fill: UInt8) in
            var room = [UInt8](repeating: fill, count: DeflateCheck.room)
            _ = room.withUnsafeMutableBytes { try? backend.inflate(stream, into: $0) }
            return room.withUnsafeBytes { room in
                // By words: a fuzzer looks at each comparison.
                var end = room.count
                let word = UInt64(fill) * 0x0101_0101_0101_0101
                while end > 0, room.load(fromByteOffset: end - 8, as: UInt64.self) == word { end -= 8 }
                while end > 0, room[end - 1] == fill { end -= 1 }
                return end
            }
        }.reduce(0, max)
    }
}

/// A whole segment file, read from its start as every reader does, and its end looked at as recovery does.
final class SegmentCheck: FuzzCheck {
    private let inflater: Inflater
    private let events: StoredEventReader
    private var lines: [UInt8] = []

    init() throws(FormatError) {
        inflater = try Inflater()
        events = try StoredEventReader()
    }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let bytes = Array(input)
        if try checkFile(bytes) { return true }
        return try checkFile(ChecksumRepair.segment(bytes, with: inflater))
    }

    /// Whether the whole file is good.
    private func checkFile(_ bytes: [UInt8]) throws(PropertyFailure) -> Bool {
        let files = OneFile(bytes)
        let reader: SegmentReader
        do throws(ReadError) {
            reader = try SegmentReader(files, path: "segment")
        } catch {
            return false
        }
        events.beginSegment()
        var isGood = true
        while true {
            let (offset, sequence) = (reader.offset, reader.nextSequence)
            let item = nextItem(of: reader)
            isGood = item != nil
            guard case .block(let block)? = item else { break }
            try agree(reader.offset, offset + UInt64(block.memberSize), "the place of the next member")
            try agree(reader.nextSequence, sequence + UInt64(block.count), "the number of the next event")
            try readLines()
        }
        try require(reader.offset <= UInt64(bytes.count), "the reader is behind the end of the file")
        try checkTail(files, reader)
        return isGood && reader.offset == UInt64(bytes.count)
    }

    /// nil for what is not good.
    private func nextItem(of reader: SegmentReader) -> SegmentReader.Item? {
        do throws(ReadError) {
            return try reader.next(into: &lines)
        } catch {
            return nil
        }
    }

    private func readLines() throws(PropertyFailure) {
        do throws(ReadError) {
            try forEachLine(of: lines) { range, line throws(ReadError) in
                var terms = IndexTerms()
                _ = try? events.read(line, terms: &terms)
            }
        } catch {
            throw PropertyFailure("\(error)")
        }
    }

    /// What is behind the good members is nothing, or torn, or damaged.
    private func checkTail(_ files: OneFile, _ reader: SegmentReader) throws(PropertyFailure) {
        let scan = TailScan(file: files.file, goodSequence: reader.nextSequence)
        let tail: Tail
        do throws(IOFailure) {
            tail = try scan.tail(from: reader.offset, head: nil)
        } catch {
            throw PropertyFailure("\(error)")
        }
        let rest = files.file.bytes.count - Int(reader.offset)
        switch tail {
        case .clean: try agree(rest, 0, "the bytes of a clean tail")
        case .torn(let bytes): try agree(Int(bytes), rest, "the bytes of a torn tail")
        case .damaged(let reached, _): try require(reached > reader.nextSequence, "damage that reaches no event")
        case .footer: throw PropertyFailure("the scan found a footer")
        }
    }
}
