package import CairnFormat
package import CairnPlatform

/// Reads a segment from its beginning and does again what its writer did, checking each block against the result. The
/// verifier compares what comes out with seal and footer; a writer that starts goes on from it.
package struct SegmentReplay {
    package let reader: SegmentReader
    /// Holds every block that was good.
    package private(set) var builder: SegmentBuilder
    /// The lines of the last block, LFs included.
    package private(set) var lines: [UInt8] = []
    /// Of each event of the last block that was not erased: the stamps and the identity. Their numbers are those of
    /// `modules` and `classes`.
    package private(set) var events: [StoredEventReader.Event] = []
    /// What stands in the last block in the place of erased events.
    package private(set) var redacted: [RedactedLine] = []
    /// Of the first event that was not erased; nil if there was none so far.
    package private(set) var firstReceived: Time?

    /// What the last block says of events that are not there any more, with the numbers of the events that say it.
    package private(set) var traces: [(sequence: UInt64, trace: Trace)] = []

    /// Numbers in `builder` of the parser's modules, and of its classes in this block.
    private var numbers = SegmentNumbers()
    private let parser: StoredEventReader
    private let traceParser: JSONParser
    /// What the index takes of the last block, and its events with their places among that.
    package private(set) var terms = IndexTerms()
    package private(set) var restored: [SegmentBuilder.RestoredEvent] = []

    /// - Parameter seal: of the segment, if it is sealed. Events can be erased only there.
    package init(_ files: any ReadableFileSystem, path: String, seal: Seal? = nil) throws(ReadError) {
        let reader = try SegmentReader(files, path: path)
        let left = try seal.flatMap { seal throws(ReadError) in try reader.salts(until: seal.endSequence) }
        self.reader = reader
        let header = reader.header
        (builder, parser, traceParser) = try reading(path) { () throws(FormatError) in
            guard !header.isPunctured || left != nil else {
                throw FormatError(.mismatch, "events were erased from a segment that is not sealed")
            }
            let deflater = try Deflater(.isal)
            let builder = SegmentBuilder(
                header: header, salts: left?.salts, saltSize: left?.size ?? 0, lastReceived: .distantPast,
                leastReceived: seal?.received.lowerBound, deflater: deflater)
            return (builder, try StoredEventReader(), try JSONParser())
        }
    }

    /// Modules of the segment by the numbers in `events`.
    package var modules: NameTable { parser.modules }
    /// Retention classes of the last block by the numbers in `events`.
    package var classes: NameTable { parser.classes }

    /// Offset behind the last good member.
    package var goodOffset: UInt64 { builder.fileSize }

    /// What the last call of `next` came to.
    package enum Step {
        case block(BlockHeader)
        case footer(SegmentFooter)
        case end
    }

    /// Reads and checks one member. After an error of a block whose own checks passed, `builder` is spoilt; up to
    /// `goodOffset` before that call the file is good.
    package mutating func next() throws(ReadError) -> Step {
        let path = reader.path
        let first = builder.nextSequence
        let item: SegmentReader.Item
        do throws(ReadError) {
            item = try reader.next(into: &lines)
        } catch {
            var error = error
            error.sequence = first
            throw error
        }
        switch item {
        case .end: return .end
        case .footer(let footer): return .footer(footer)
        case .block(let block):
            do throws(FormatError) {
                try readEvents(first: first)
                let expected = try builder.restore(block, lines: lines, events: restored, terms: terms, &numbers)
                try compare(block, expected)
                return .block(block)
            } catch {
                throw ReadError(error, path: path, sequence: first)
            }
        }
    }

    /// Goes on behind the events that `known` has, a builder of this segment; nothing was read before. The caller has made
    /// sure that they are there.
    package mutating func resume(with known: SegmentBuilder) {
        reader.seek(offset: known.fileSize, sequence: known.nextSequence)
        builder = known
    }

    /// Keeps the root over the first `count` events of the segment in `builder.watchedRoot`.
    package mutating func watchRoot(at count: UInt64) { builder.watchRoot(at: count) }

    private mutating func readEvents(first: UInt64) throws(FormatError) {
        terms.removeAll()
        restored.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        redacted.removeAll()
        traces.removeAll()
        parser.beginBlock()
        numbers.beginBlock()
        var lastReceived = builder.lastReceived
        let lines = self.lines
        try forEachLine(of: lines) { range, line throws(FormatError) in
            try readEvent(line, at: range, first + UInt64(restored.count), &lastReceived)
        }
    }

    private mutating func readEvent(
        _ line: UnsafeRawBufferPointer, at range: Range<Int>, _ sequence: UInt64, _ lastReceived: inout Time
    ) throws(FormatError) {
        if builder.header.isPunctured, RedactedLine.isOne(line) {
            let erased = try RedactedLine(line: line)
            guard erased.sequence == sequence else { throw Self.misplaced(erased.sequence, sequence) }
            guard builder.isSaltDestroyed(of: sequence) else {
                throw FormatError(.mismatch, "the salt of the erased event \(sequence) is still there")
            }
            lastReceived = builder.erasedTime(after: lastReceived)
            redacted.append(erased)
            restored.append(
                SegmentBuilder.RestoredEvent(
                    range: range, content: .erased(leaf: erased.leaf), received: lastReceived))
            return
        }
        let termStart = terms.size
        let event = try parser.read(line, terms: &terms)
        guard event.stamps.sequence == sequence else { throw Self.misplaced(event.stamps.sequence, sequence) }
        guard event.stamps.received >= lastReceived else {
            throw FormatError(.mismatch, "the receive time of event \(sequence) falls")
        }
        lastReceived = event.stamps.received
        if firstReceived == nil { firstReceived = lastReceived }
        let facts =
            numbers.numbered(event.facts)
            ?? numbers.learn(event.facts, builder.numbered(event.facts, parser.modules, parser.classes))
        restored.append(
            SegmentBuilder.RestoredEvent(
                range: range, content: .event(facts, terms: (termStart, terms.size)), received: lastReceived))
        events.append(event)
        if event.stamps.isOwn, let trace = Trace(line, traceParser) { traces.append((sequence, trace)) }
    }

    private static func misplaced(_ sequence: UInt64, _ due: UInt64) -> FormatError {
        FormatError(.mismatch, "event \(sequence) stands where \(due) belongs")
    }

    private mutating func compare(_ block: BlockHeader, _ expected: BlockHeader) throws(FormatError) {
        guard block.count == expected.count else {
            throw FormatError(.mismatch, "the block states \(block.count) events and holds \(expected.count)")
        }
        guard block.root == expected.root else {
            throw FormatError(.mismatch, "the lines do not give the root that the block states")
        }
        guard block == expected else {
            throw FormatError(.mismatch, "the block's times or numbers are not those of its lines")
        }
    }
}
