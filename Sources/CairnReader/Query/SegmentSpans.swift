import CairnFormat
import CairnPlatform

/// One segment, open, with what a query has to read of it: runs of blocks, in order. One owner at a time.
///
/// The runs come from the index where it is of use, and else from a walk over the heads of the blocks.
struct SegmentSpans {
    /// Blocks that are read at once: less than 128 KiB of lines, and one block more.
    struct Span {
        /// Of its first member.
        var offset: UInt64
        /// Of its members.
        var length: UInt64
        var sequences: Range<UInt64>
    }

    /// A span that is not read, as the index tells how many of its events match.
    struct Counted {
        var sequences: Range<UInt64>
        var blocks: Int
        var events: Int
    }

    let reader: SegmentReader
    let segment: LogDirectory.Segment
    /// nil for the active segment, and where the seal cannot be read.
    let seal: Seal?
    /// The number behind the last event that belongs to the segment; nil if it is still being written.
    let end: UInt64?
    private(set) var spans: [Span] = []
    /// Spans that the index could count.
    private(set) var counted: [Counted] = []
    /// Those of `spans` that are left to be read.
    private(set) var left = 0..<0
    /// Numbers of the events that are left to be looked at.
    private(set) var wanted: Range<UInt64> = 0..<Limits.sequence
    /// Why nothing behind the last span can be found.
    var failure: ReadError?
    /// Whether the spans are those of the index.
    private(set) var usesIndex = false
    /// Where the walk ended: the place of the next block of an active segment.
    private(set) var tail: Tail

    struct Tail {
        let reader: SegmentReader
        let firstSequence: UInt64
        var offset: UInt64
        var sequence: UInt64
    }

    /// Opens the segment and reads its header. Of an earlier `tail` reader and place are taken over if it is of the same
    /// file.
    init(
        _ directory: LogDirectory, _ segment: LogDirectory.Segment, seal: Seal?, end: UInt64?, after tail: Tail?
    ) throws(ReadError) {
        self.segment = segment
        self.seal = seal
        self.end = seal?.endSequence ?? end
        let path = segment.path(.data)
        if let tail, tail.firstSequence == segment.firstSequence {
            let status = try accessing { () throws(IOFailure) in try directory.files.status(path) }
            if status?.identity == tail.reader.file.identity {
                tail.reader.refresh()
                reader = tail.reader
                self.tail = tail
                return
            }
        }
        reader = try SegmentReader(directory.files, path: path)
        guard reader.header.firstSequence == segment.firstSequence else {
            throw ReadError(
                FormatError(.mismatch, "the segment's header says that it begins with event \(reader.nextSequence)"),
                path: path, sequence: segment.firstSequence)
        }
        self.tail = Tail(
            reader: reader, firstSequence: segment.firstSequence, offset: reader.offset, sequence: reader.nextSequence)
    }

    /// Whether the file is still being written, so that its end may be torn.
    var isActive: Bool { end == nil }

    // MARK: Planning

    /// Takes the spans of the index that may hold a match; false if there is no index of use.
    ///
    /// - Parameter countsOnly: whether a span need not be read if the index tells how many of its events match.
    mutating func planByIndex(
        _ directory: LogDirectory, _ pruning: Pruning, countsOnly: Bool, _ statistics: inout QueryStatistics
    ) -> Bool {
        guard let seal,
            let index = directory.index(
                segment, tokens: pruning.condition.tokens, texts: pruning.condition.texts),
            index.isWhole(from: segment.firstSequence, at: reader.offset),
            segment.firstSequence + index.count == seal.endSequence
        else {
            statistics.segmentsWithoutIndex += 1
            return false
        }
        usesIndex = true
        let hasErased = reader.header.isPunctured
        for (number, span) in index.spans.enumerated() {
            statistics.spans += 1
            statistics.blocks += Int(span.blocks)
            let sequences = span.firstSequence..<span.endSequence
            if let reason = pruning.exclusion(ofSpan: number, of: index, hasErased: hasErased) {
                statistics.prune(Int(span.blocks), reason)
            } else if countsOnly, let count = pruning.count(inSpan: number, of: index, hasErased: hasErased) {
                counted.append(Counted(sequences: sequences, blocks: Int(span.blocks), events: count))
                statistics.count(counted[counted.count - 1])
            } else {
                spans.append(
                    Span(offset: span.offset, length: span.length, sequences: sequences))
            }
        }
        left = spans.indices
        return true
    }

    /// Walks over the blocks from the tail on, and takes those of `wanted` that may hold a match.
    mutating func planByWalk(
        _ directory: LogDirectory, _ pruning: Pruning, wanted: Range<UInt64>, _ statistics: inout QueryStatistics
    ) throws(ReadError) {
        usesIndex = false
        spans.removeAll()
        // What the index told of events that are looked at now does not count any more.
        for other in counted where wanted.overlaps(other.sequences) { statistics.uncount(other) }
        counted.removeAll { wanted.overlaps($0.sequences) }
        self.wanted = wanted
        var walk = try BlockWalk(reader.file, from: tail.offset, sequence: tail.sequence)
        var isSecondLook = false
        walking: while end.map({ walk.sequence < $0 }) ?? true {
            (tail.offset, tail.sequence) = (walk.offset, walk.sequence)
            switch try walk.next() {
            case .block(let block):
                let sequences = block.firstSequence..<block.endSequence
                guard wanted.overlaps(sequences) else { continue }
                statistics.spans += 1
                statistics.blocks += 1
                if pruning.excludes(sequences: sequences) {
                    statistics.prune(1, .sequence)
                } else if pruning.excludes(times: block.leastTime...block.greatestTime) {
                    statistics.prune(1, .time)
                } else {
                    spans.append(
                        Span(offset: tail.offset, length: UInt64(block.memberSize), sequences: sequences))
                }
            case .footer, .end:
                failure = endedEarly()
                break walking
            case .bad(let error):
                if try isTorn(directory, offset: tail.offset, sequence: tail.sequence) { break walking }
                if !isSecondLook, isActive {
                    // The writer may have finished just this block, and later ones, since it was looked at.
                    isSecondLook = true
                    walk = try BlockWalk(reader.file, from: tail.offset, sequence: tail.sequence)
                    continue
                }
                failure = ReadError(error, path: reader.path, sequence: tail.sequence)
                break walking
            }
        }
        (tail.offset, tail.sequence) = (walk.offset, walk.sequence)
        left = spans.indices
    }

    private func endedEarly() -> ReadError? {
        guard let end, tail.sequence < end else { return nil }
        let reason = "the segment ends before event \(tail.sequence), and events up to \(end - 1) belong to it"
        return ReadError(FormatError(.truncated, reason), path: reader.path, sequence: tail.sequence)
    }

    /// Whether what is not good at `offset` is an append that did not finish: Format.md, "Recovery".
    func isTorn(_ directory: LogDirectory, offset: UInt64, sequence: UInt64) throws(ReadError) -> Bool {
        guard isActive else { return false }
        let head = (try? directory.note(FileNames.head)).flatMap { try? Head(text: $0.note.text) }
        let ownHead = head?.firstSequence == segment.firstSequence ? head : nil
        let scan = TailScan(file: reader.file, goodSequence: sequence)
        let found = try accessing { () throws(IOFailure) in try scan.tail(from: offset, head: ownHead) }
        if case .damaged = found { return false }
        return true
    }

    /// Takes the first or the last of the spans that are left.
    mutating func takeSpan(first: Bool) -> Span? {
        guard !left.isEmpty else { return nil }
        let index = first ? left.lowerBound : left.upperBound - 1
        left = first ? (index + 1)..<left.upperBound : left.lowerBound..<index
        return spans[index]
    }

    /// Lets an active segment end before `span`, which is torn; the next walk begins there.
    mutating func end(before span: Span) {
        (tail.offset, tail.sequence) = (span.offset, span.sequences.lowerBound)
        left = left.clamped(to: 0..<(spans.firstIndex { $0.offset >= span.offset } ?? spans.count))
    }

    /// Where a thread of its own finds a span.
    func place(of span: Span) -> SpanPlace {
        SpanPlace(
            file: reader.file, path: reader.path, header: reader.header, span: span,
            wanted: wanted.clamped(to: 0..<(end ?? .max)))
    }
}

/// A span to be read, and all that is needed to do so.
struct SpanPlace: Sendable {
    var file: any ReadableFile
    var path: String
    var header: SegmentHeader
    var span: SegmentSpans.Span
    /// Numbers of the events that are to be looked at.
    var wanted: Range<UInt64>
}
