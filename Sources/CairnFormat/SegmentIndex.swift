/// One run of blocks in an index. Format.md, "Index".
package struct IndexSpan: Sendable, Equatable {
    /// Of its members in the segment file.
    package var offset: UInt64
    package var length: UInt64
    package var firstSequence: UInt64
    package var count: UInt32
    package var blocks: UInt32
    /// Bytes of its lines.
    package var size: UInt32
    /// Events that have an `id`.
    package var identified: UInt32
    package var leastTime: Time
    package var greatestTime: Time
    package var firstReceived: Time
    package var lastReceived: Time
    package var statuses: UInt16
    package var severities: UInt16
    package var opaque: UInt16
    /// In the filter section.
    package var filter: Range<Int>
    /// In the text section.
    package var texts: Range<Int>
    package var modules: ModuleBits

    static let encodedSize = 224

    package var endSequence: UInt64 { firstSequence + UInt64(count) }
}

/// A set of up to 1,024 module numbers.
package struct ModuleBits: Sendable, Equatable {
    private var words = SIMD16<UInt64>()

    package init() {}

    package mutating func insert(_ module: UInt16) { words[Int(module >> 6)] |= 1 << UInt64(module & 63) }

    package func contains(_ module: UInt16) -> Bool { words[Int(module >> 6)] & 1 << UInt64(module & 63) != 0 }

    package func isDisjoint(with other: ModuleBits) -> Bool { words & other.words == SIMD16() }

    package func isSubset(of other: ModuleBits) -> Bool { words & ~other.words == SIMD16() }

    mutating func formUnion(_ other: ModuleBits) { words |= other.words }

    func append(to output: inout [UInt8]) {
        for index in 0..<16 { output.append(littleEndian: words[index]) }
    }

    init(_ reader: inout ByteReader) throws(FormatError) {
        for index in 0..<16 { words[index] = try reader.integer() }
    }
}

/// Events of one hour, module, status and severity.
package struct IndexCell: Sendable, Equatable {
    /// Hours since 1970, rounded down.
    package var hour: Int64
    package var module: UInt16
    package var status: UInt8
    package var severity: UInt8
    package var count: UInt64
}

/// The index of a segment, read back. A hint, never a proof.
package struct SegmentIndex: Sendable {
    static let magic: StaticString = "cairnidx"
    static let version: UInt16 = 1
    static let incompleteCounts: UInt16 = 1

    package var firstSequence: UInt64
    package var count: UInt64
    package var modules: NameTable
    /// By their numbers.
    package var classes: [RetentionClass]
    package var spans: [IndexSpan]
    /// Nil if there were too many to be counted.
    package var cells: [IndexCell]?
    /// Their counts are those of all events but the erased ones.
    package var tallies: [IndexTally]
    /// Roots of the subtrees of the segment's tree; nothing vouches for them but the root that they lead to.
    package var roots: [Digest]
    /// The filters that may hold a token, by where they begin; of other tokens nothing is known.
    var found: [UInt64: Set<Int>] = [:]
    /// The texts that were looked for.
    var texts: [String] = []
    /// For each the events of each span in which it stands; nil where that is not known.
    var foundTexts: [[EventSet?]] = []

    /// Reads a whole index file.
    ///
    /// - Parameters:
    ///   - tokens: those that will be asked for; each span may have any other.
    ///   - texts: the same; not empty.
    package init(_ file: [UInt8], tokens: [UInt64] = [], texts: [String] = []) throws(FormatError) {
        self = try file.withBytes { bytes throws(FormatError) in
            let size = try SegmentIndex.size(header: bytes)
            guard file.count == size.file else {
                throw FormatError(.malformed, "the index's sizes contradict each other")
            }
            var search = try FilterSearch(head: file, size: size, tokens: tokens)
            let taken = try search.take(UnsafeRawBufferPointer(rebasing: bytes[size.head..<(size.filterEnd - 4)]))
            let index = try search.finish(
                UnsafeRawBufferPointer(rebasing: bytes[(size.head + taken)..<size.filterEnd]))
            var textSearch = TextSearch(index, texts: texts)
            let takenTexts = try textSearch.take(
                UnsafeRawBufferPointer(rebasing: bytes[size.filterEnd..<(size.file - 4)]))
            return try textSearch.finish(
                UnsafeRawBufferPointer(rebasing: bytes[(size.filterEnd + takenTexts)...]))
        }
    }

    /// Bytes of an index.
    package struct Size: Sendable, Equatable {
        /// Of its head: everything before the filters.
        package var head: Int
        /// Of all before the texts.
        package var filterEnd: Int
        package var file: Int
    }

    /// Bytes that tell the size of an index.
    package static let headerSize = 72
    static let headChecksumOffset = 60
    /// What is of one span in one of the sections has at most as many bytes.
    package static let pieceSize = max(TokenFilter.sizeLimit, TextSummary.sizeLimit)

    /// Reads a header, the first `headerSize` bytes.
    package static func size(header: UnsafeRawBufferPointer) throws(FormatError) -> Size {
        guard header.count >= SegmentIndex.headerSize else { throw FormatError(.truncated, "the index is cut off") }
        var reader = ByteReader(header, at: 12)
        let spanCount = try Int(reader.integer(UInt32.self))
        _ = try reader.slice(8)
        let rootCount = try SegmentTree.subtrees(of: reader.integer())
        let moduleCount = try Int(reader.integer(UInt32.self))
        let moduleSize = try Int(reader.integer(UInt32.self))
        let cellCount = try Int(reader.integer(UInt32.self))
        let filterSize = try Int(reader.integer(UInt32.self))
        let classCount = try Int(reader.integer(UInt32.self))
        let classSize = try Int(reader.integer(UInt32.self))
        let tallyCount = try Int(reader.integer(UInt32.self))
        _ = try reader.integer(UInt32.self)
        let textSize = try reader.integer(UInt64.self)
        guard moduleCount <= Limits.modules, cellCount <= Limits.cells, classCount <= Limits.classes,
            tallyCount <= Limits.tallies, textSize < 1 << 32
        else { throw FormatError(.malformed, "the index's sizes contradict each other") }
        let head =
            SegmentIndex.headerSize + moduleSize + classSize + spanCount * IndexSpan.encodedSize + cellCount * 24
            + tallyCount * IndexTally.encodedSize + Int(rootCount) * Digest.size
        let filterEnd = head + filterSize + 4
        return Size(head: head, filterEnd: filterEnd, file: filterEnd + Int(textSize) + 4)
    }

    /// Reads the head of an index: everything but the filters, so that each span may have each token.
    ///
    /// - Parameter bytes: at least `size.head` of them.
    package init(head bytes: [UInt8], size: Size) throws(FormatError) {
        guard bytes.count >= size.head else { throw FormatError(.truncated, "the index is cut off") }
        self = try bytes.withBytes { bytes throws(FormatError) in
            try SegmentIndex(UnsafeRawBufferPointer(rebasing: bytes[..<size.head]), size)
        }
    }

    /// The checksum of a head, in which its own four bytes count as 0.
    static func headChecksum(_ head: UnsafeRawBufferPointer) -> UInt32 {
        let before = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: head[..<headChecksumOffset]))
        let zeros = withUnsafeBytes(of: UInt32(0)) { Checksum.crc32c($0, continuing: before) }
        return Checksum.crc32c(UnsafeRawBufferPointer(rebasing: head[(headChecksumOffset + 4)...]), continuing: zeros)
    }

    private init(_ head: UnsafeRawBufferPointer, _ size: Size) throws(FormatError) {
        var reader = ByteReader(head)
        guard try reader.slice(8).isText(SegmentIndex.magic) else { throw FormatError(.malformed, "not an index") }
        let version = try reader.integer(UInt16.self)
        guard version == SegmentIndex.version else {
            throw FormatError(.unsupported, "index version \(version); this program knows version 1")
        }
        let flags = try reader.integer(UInt16.self)
        let spanCount = try Int(reader.integer(UInt32.self))
        firstSequence = try reader.integer()
        count = try reader.integer()
        let moduleCount = try Int(reader.integer(UInt32.self))
        _ = try reader.integer(UInt32.self)
        let cellCount = try Int(reader.integer(UInt32.self))
        _ = try reader.integer(UInt32.self)
        let classCount = try Int(reader.integer(UInt32.self))
        _ = try reader.integer(UInt32.self)
        let tallyCount = try Int(reader.integer(UInt32.self))
        guard try reader.integer() == SegmentIndex.headChecksum(head) else {
            throw FormatError(.checksum, "the head of the index does not match its CRC-32C")
        }
        _ = try reader.integer(UInt64.self)
        guard flags & ~SegmentIndex.incompleteCounts == 0, firstSequence < Limits.sequence else {
            throw FormatError(.malformed, "the index has unknown flags, or begins too late")
        }
        modules = NameTable()
        for number in 0..<moduleCount {
            let length = try Int(reader.integer(UInt8.self))
            guard try Int(modules.insert(reader.slice(length))) == number else {
                throw FormatError(.malformed, "a module stands twice in the index")
            }
        }
        classes = try SegmentIndex.classes(&reader, classCount)
        spans = []
        spans.reserveCapacity(spanCount)
        var (filterEnd, textEnd) = (0, 0)
        for _ in 0..<spanCount {
            let span = try IndexSpan(&reader)
            guard span.filter.lowerBound == filterEnd, span.filter.count <= TokenFilter.sizeLimit,
                span.texts.lowerBound == textEnd, span.texts.count <= TextSummary.sizeLimit
            else {
                throw FormatError(.malformed, "a filter or the texts of a span are not where they belong")
            }
            (filterEnd, textEnd) = (span.filter.upperBound, span.texts.upperBound)
            spans.append(span)
        }
        guard filterEnd == size.filterEnd - size.head - 4, textEnd == size.file - size.filterEnd - 4 else {
            throw FormatError(.malformed, "the index's sizes contradict each other")
        }
        var cells: [IndexCell] = []
        for _ in 0..<cellCount {
            let cell = try IndexCell(&reader)
            guard cell.count > 0, cells.last.map({ $0 < cell }) ?? true else {
                throw FormatError(.malformed, "the cells of the index are not in order")
            }
            cells.append(cell)
        }
        self.cells = flags & SegmentIndex.incompleteCounts == 0 ? cells : nil
        tallies = try SegmentIndex.tallies(&reader, tallyCount)
        roots = []
        for _ in 0..<SegmentTree.subtrees(of: count) { try roots.append(reader.digest()) }
        guard reader.remaining == 0 else {
            throw FormatError(.malformed, "the index's sizes contradict each other")
        }
        try checkTallies()
    }

    /// Whether its spans follow each other through a segment that begins with event `first` and has its first block at
    /// `offset`. That makes it no more than a hint: each block is checked when it is read.
    package func isWhole(from first: UInt64, at offset: UInt64) -> Bool {
        var (sequence, offset) = (first, offset)
        for span in spans {
            let end = offset.addingReportingOverflow(span.length)
            guard span.firstSequence == sequence, span.offset == offset, !end.overflow, span.length < 1 << 40,
                span.identified <= span.count, span.blocks > 0, span.blocks <= span.count, span.count <= span.size,
                span.size <= Limits.span + Limits.blockForReader
            else { return false }
            (sequence, offset) = (span.endSequence, end.partialValue)
        }
        return firstSequence == first && sequence - first == count
    }

    /// Whether an event of `span` may have that token; false is certain.
    package func mayContain(_ token: UInt64, in span: IndexSpan) -> Bool {
        found[token]?.contains(span.filter.lowerBound) ?? true
    }

    /// The events of a span in whose searched strings `text` stands; nil if that is not known.
    package func events(with text: String, inSpan number: Int) -> EventSet? {
        texts.firstIndex(of: text).flatMap { foundTexts[$0][number] }
    }
}

extension IndexSpan {
    func append(to output: inout [UInt8]) {
        output.append(littleEndian: offset)
        output.append(littleEndian: length)
        output.append(littleEndian: firstSequence)
        output.append(littleEndian: count)
        output.append(littleEndian: blocks)
        output.append(littleEndian: size)
        output.append(littleEndian: identified)
        for time in [leastTime, greatestTime, firstReceived, lastReceived] {
            output.append(littleEndian: time.nanoseconds)
        }
        output.append(littleEndian: statuses)
        output.append(littleEndian: severities)
        output.append(littleEndian: opaque)
        output.append(littleEndian: UInt16(0))
        output.append(littleEndian: UInt32(filter.lowerBound))
        output.append(littleEndian: UInt32(filter.count))
        output.append(littleEndian: UInt32(texts.lowerBound))
        output.append(littleEndian: UInt32(texts.count))
        modules.append(to: &output)
    }

    init(_ reader: inout ByteReader) throws(FormatError) {
        offset = try reader.integer()
        length = try reader.integer()
        firstSequence = try reader.integer()
        count = try reader.integer()
        blocks = try reader.integer()
        size = try reader.integer()
        identified = try reader.integer()
        leastTime = try Time(nanoseconds: reader.integer())
        greatestTime = try Time(nanoseconds: reader.integer())
        firstReceived = try Time(nanoseconds: reader.integer())
        lastReceived = try Time(nanoseconds: reader.integer())
        statuses = try reader.integer()
        severities = try reader.integer()
        opaque = try reader.integer()
        let reserved = try reader.integer(UInt16.self)
        let start = try Int(reader.integer(UInt32.self))
        let filterLength = try Int(reader.integer(UInt32.self))
        let textStart = try Int(reader.integer(UInt32.self))
        let textLength = try Int(reader.integer(UInt32.self))
        guard firstSequence < Limits.sequence, reserved == 0 else {
            throw FormatError(.malformed, "a span of the index is out of its limits")
        }
        filter = start..<(start + filterLength)
        texts = textStart..<(textStart + textLength)
        modules = try ModuleBits(&reader)
    }
}

extension IndexCell {
    /// The order of the index: by hour, module, status and severity.
    static func < (a: IndexCell, b: IndexCell) -> Bool {
        (a.hour, a.module, a.status, a.severity) < (b.hour, b.module, b.status, b.severity)
    }

    func append(to output: inout [UInt8]) {
        output.append(littleEndian: hour)
        output.append(littleEndian: module)
        output.append(status)
        output.append(severity)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: count)
    }

    init(_ reader: inout ByteReader) throws(FormatError) {
        hour = try reader.integer()
        module = try reader.integer()
        status = try reader.integer()
        severity = try reader.integer()
        guard try reader.integer(UInt32.self) == 0 else {
            throw FormatError(.malformed, "reserved bytes of the index are not 0", at: UInt64(reader.offset))
        }
        count = try reader.integer()
    }
}
