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
    /// Of each event of the last block: the stamps and the identity.
    package private(set) var events: [StoredEventReader.Event] = []

    private let parser: StoredEventReader
    private var tokens: [UInt64] = []
    private var restored: [SegmentBuilder.RestoredEvent] = []

    package init(_ files: any FileSystem, path: String) throws(ReadError) {
        reader = try SegmentReader(files, path: path)
        let header = reader.header
        (builder, parser) = try reading(path) { () throws(FormatError) in
            let deflater = try Deflater(.isal)
            let builder = SegmentBuilder(header: header, lastReceived: .distantPast, deflater: deflater)
            return (builder, try StoredEventReader())
        }
    }

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
                let expected = builder.restore(block, lines: lines, events: restored, tokens: tokens)
                try compare(block, expected)
                return .block(block)
            } catch {
                throw ReadError(error, path: path, sequence: first)
            }
        }
    }

    /// Keeps the root over the first `count` events of the segment in `builder.watchedRoot`.
    package mutating func watchRoot(at count: UInt64) { builder.watchRoot(at: count) }

    private mutating func readEvents(first: UInt64) throws(FormatError) {
        tokens.removeAll(keepingCapacity: true)
        restored.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        var lastReceived = builder.lastReceived
        var start = 0
        while start < lines.count {
            let tokenStart = tokens.count
            let (event, end) = try lines.withBytes { bytes throws(FormatError) in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                let end = start + (firstLineFeed(rest) ?? rest.count)
                let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                return (try parser.read(line, tokens: &tokens), end)
            }
            guard event.stamps.sequence == first + UInt64(restored.count) else {
                throw FormatError(
                    .mismatch, "event \(event.stamps.sequence) stands where \(first + UInt64(restored.count)) belongs")
            }
            guard event.stamps.received >= lastReceived else {
                throw FormatError(.mismatch, "the receive time of event \(event.stamps.sequence) falls")
            }
            lastReceived = event.stamps.received
            var facts = event.facts
            // The parser numbers modules as the builder does, in order of first appearance.
            facts.module = parser.modules.names[Int(facts.module)].withUnsafeBytes { builder.moduleNumber($0) }
            restored.append(
                SegmentBuilder.RestoredEvent(
                    range: start..<end, facts: facts, tokens: tokenStart..<tokens.count, received: lastReceived))
            events.append(event)
            start = end + 1
        }
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
