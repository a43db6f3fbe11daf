/// Grows the index of a segment event by event, so that a seal does not have to read the segment again.
struct IndexBuilder: Sendable {
    private struct CellKey: Hashable {
        var hour: Int64
        var group: UInt32
    }

    private var spans: [IndexSpan] = []
    private var filterBytes: [UInt8] = []
    /// The span that is being filled with whole blocks; nil before its first.
    private var span: IndexSpan?
    private var spanFilter = TokenFilter()
    private var textBytes: [UInt8] = []
    private var spanTexts = SpanTexts()
    /// Facts of the block that is not closed yet.
    private var block = BlockFacts()
    private var cells: [CellKey: UInt64] = [:]
    private var countsAreComplete = true
    private var tallies = TallyTable()
    /// What is not in `cells` yet. Most events fall into few cells, and these into different places here.
    private var recentCells = IndexBuilder.noCells

    private struct RecentCell {
        var key = CellKey(hour: 0, group: 0)
        var count: UInt64 = 0
    }

    private static let recentLimit = 256
    private static let noCells = [RecentCell](repeating: RecentCell(), count: recentLimit)

    private struct BlockFacts {
        var identified: UInt32 = 0
        var statuses: UInt16 = 0
        var severities: UInt16 = 0
        var opaque: UInt16 = 0
        var modules = ModuleBits()
        var lastReceived = Time(nanoseconds: 0)
    }

    /// The numbers in `facts` are those of the segment's own tables; `time` is the event time.
    mutating func append(
        _ facts: EventFacts, time: Time, received: Time, _ terms: IndexTerms.Slice, _ numbers: inout SegmentNumbers
    ) {
        if facts.hasID { block.identified += 1 }
        block.statuses |= 1 << UInt16(facts.status.rawValue)
        block.severities |= 1 << UInt16(facts.severity.rawValue)
        block.opaque |= facts.opaque
        block.modules.insert(facts.module)
        block.lastReceived = received
        spanFilter.insert(terms.tokens)
        numbers.withTexts(of: spans.count) { spanTexts.append(terms, &$0) }
        let group = UInt32(facts.module) << 16 | UInt32(facts.status.rawValue) << 8 | UInt32(facts.severity.rawValue)
        tallies.count(facts, received: received)
        count(CellKey(hour: floorDivide(time.nanoseconds, Time.perHour), group: group))
    }

    /// An event of which nothing is known any more.
    mutating func appendErased(received: Time) {
        block.lastReceived = received
        spanTexts.appendNone()
    }

    private mutating func count(_ key: CellKey) {
        // Statuses and severities are below 8.
        let place = Int(key.group >> 10 ^ key.group >> 5 ^ key.group) & (IndexBuilder.recentLimit - 1)
        if recentCells[place].key != key {
            store(recentCells[place])
            recentCells[place] = RecentCell(key: key)
        }
        recentCells[place].count += 1
    }

    private mutating func store(_ recent: RecentCell) {
        guard recent.count > 0 else { return }
        if cells.count == Limits.cells, cells[recent.key] == nil {
            countsAreComplete = false
        } else {
            cells[recent.key, default: 0] += recent.count
        }
    }

    /// Takes the events since the last call as the block that stands at `offset`.
    mutating func closeBlock(_ header: BlockHeader, offset: UInt64) {
        var current =
            span
            ?? IndexSpan(
                offset: offset, length: 0, firstSequence: header.firstSequence, count: 0, blocks: 0, size: 0,
                identified: 0, leastTime: header.leastTime, greatestTime: header.greatestTime,
                firstReceived: header.firstReceived, lastReceived: block.lastReceived, statuses: 0, severities: 0,
                opaque: 0, filter: 0..<0, texts: 0..<0, modules: ModuleBits())
        current.length += UInt64(header.memberSize)
        current.count += header.count
        current.blocks += 1
        current.size += header.size
        current.identified += block.identified
        current.leastTime = min(current.leastTime, header.leastTime)
        current.greatestTime = max(current.greatestTime, header.greatestTime)
        current.lastReceived = block.lastReceived
        current.statuses |= block.statuses
        current.severities |= block.severities
        current.opaque |= block.opaque
        current.modules.formUnion(block.modules)
        block = BlockFacts()
        span = current
        if Int(current.size) >= Limits.span { closeSpan() }
    }

    private mutating func closeSpan() {
        guard var closed = span else { return }
        let start = filterBytes.count
        _ = spanFilter.flush(to: &filterBytes)
        closed.filter = start..<filterBytes.count
        let textStart = textBytes.count
        spanTexts.flush(to: &textBytes)
        closed.texts = textStart..<textBytes.count
        spans.append(closed)
        span = nil
    }

    /// Bytes of filters and texts so far.
    var size: Int { filterBytes.count + textBytes.count }

    /// The index file. `roots` are those of the subtrees of the segment's tree.
    mutating func finish(
        firstSequence: UInt64, count: UInt64, modules: NameTable, classes: NameTable, roots: [Digest]
    ) -> [UInt8] {
        closeSpan()
        return encoded(firstSequence: firstSequence, count: count, modules: modules, classes: classes, roots: roots)
    }

    /// An index of the events so far, to go on from. Its last span may not be full; the filters of such a one were not
    /// halved. Nil if an index does not say all that is to be known, which will not change.
    func snapshot(
        firstSequence: UInt64, count: UInt64, modules: NameTable, classes: NameTable, roots: [Digest]
    ) -> [UInt8]? {
        guard countsAreComplete, tallies.isComplete else { return nil }
        var copy = self
        if var open = span {
            open.filter = filterBytes.count..<(filterBytes.count + TokenFilter.sizeLimit)
            spanFilter.append(to: &copy.filterBytes)
            spanTexts.append(to: &copy.textBytes)
            open.texts = textBytes.count..<copy.textBytes.count
            copy.spans.append(open)
        }
        let file = copy.encoded(
            firstSequence: firstSequence, count: count, modules: modules, classes: classes, roots: roots)
        return copy.countsAreComplete ? file : nil
    }

    init() {}

    /// Goes on from a snapshot, of which `filters` is the filter section and `texts` the text section.
    init(
        _ index: SegmentIndex, filters: UnsafeRawBufferPointer, texts: UnsafeRawBufferPointer
    ) throws(FormatError) {
        spans = index.spans
        (filterBytes, textBytes) = (Array(filters), Array(texts))
        if let last = spans.last, last.size < Limits.span {
            spanFilter = try TokenFilter(UnsafeRawBufferPointer(rebasing: filters[last.filter]))
            spanTexts = try SpanTexts(UnsafeRawBufferPointer(rebasing: texts[last.texts]), count: Int(last.count))
            filterBytes.removeSubrange(last.filter)
            textBytes.removeSubrange(last.texts)
            span = spans.removeLast()
        }
        for cell in index.cells ?? [] {
            let group = UInt32(cell.module) << 16 | UInt32(cell.status) << 8 | UInt32(cell.severity)
            cells[CellKey(hour: cell.hour, group: group)] = cell.count
        }
        tallies = TallyTable(index.tallies)
    }

    private mutating func encoded(
        firstSequence: UInt64, count: UInt64, modules: NameTable, classes: NameTable, roots: [Digest]
    ) -> [UInt8] {
        for recent in recentCells { store(recent) }
        recentCells = IndexBuilder.noCells
        let sorted = cells.map { key, count in
            IndexCell(
                hour: key.hour, module: UInt16(truncatingIfNeeded: key.group >> 16),
                status: UInt8(truncatingIfNeeded: key.group >> 8), severity: UInt8(truncatingIfNeeded: key.group),
                count: count)
        }.sorted { $0 < $1 }
        let kept = countsAreComplete ? sorted : []
        var classes = classes
        let rows = tallies.sorted(&classes)
        var output: [UInt8] = []
        output.append(text: SegmentIndex.magic)
        output.append(littleEndian: SegmentIndex.version)
        output.append(littleEndian: countsAreComplete ? 0 : SegmentIndex.incompleteCounts)
        output.append(littleEndian: UInt32(spans.count))
        output.append(littleEndian: firstSequence)
        output.append(littleEndian: count)
        output.append(littleEndian: UInt32(modules.count))
        output.append(littleEndian: UInt32(modules.names.reduce(0) { $0 + 1 + $1.count }))
        output.append(littleEndian: UInt32(kept.count))
        output.append(littleEndian: UInt32(filterBytes.count))
        output.append(littleEndian: UInt32(classes.count))
        output.append(littleEndian: UInt32(classes.names.reduce(0) { $0 + $1.count }))
        output.append(littleEndian: UInt32(rows.count))
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: UInt64(textBytes.count))
        for name in modules.names {
            output.append(UInt8(name.count))
            output.append(contentsOf: name)
        }
        for encoded in classes.names { output.append(contentsOf: encoded) }
        for span in spans { span.append(to: &output) }
        for cell in kept { cell.append(to: &output) }
        for row in rows { row.append(to: &output) }
        for root in roots { output.append(root) }
        let checksum = output.withBytes { SegmentIndex.headChecksum($0) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes in
            let start = SegmentIndex.headChecksumOffset
            output.replaceSubrange(start..<(start + bytes.count), with: bytes)
        }
        output.append(contentsOf: filterBytes)
        output.append(littleEndian: Checksum.crc32c(output))
        output.append(contentsOf: textBytes)
        output.append(littleEndian: Checksum.crc32c(textBytes))
        return output
    }
}
