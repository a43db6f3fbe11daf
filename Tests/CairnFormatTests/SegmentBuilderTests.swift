import Testing

@testable import CairnFormat

/// Writes a segment as the daemon does, and keeps what it should hold.
struct TestSegment {
    var builder: SegmentBuilder
    var file: [UInt8]
    /// The lines as they should be stored, and their leaves.
    var expected: [[UInt8]] = []
    var leaves: [Digest] = []
    var times: [Time] = []
    var received: [Time] = []
    private let parser: EventParser
    private var clock = Fixture.time

    init(_ header: SegmentHeader, _ compression: Compression = .isal, sanitizing names: [String] = []) throws {
        builder = SegmentBuilder(header: header, lastReceived: header.created, deflater: try Deflater(compression))
        file = header.encoded()
        parser = try EventParser(sanitizer: Sanitizer(names: names))
    }

    /// Appends lines as they were received together.
    mutating func append(_ lines: [[UInt8]], durable: UInt64? = nil, at time: Time? = nil) throws {
        var batch = EventBatch()
        for line in lines { line.padded { _ = parser.parse(.whole($0), uid: 1000, into: &batch) } }
        clock = time ?? Time(nanoseconds: clock.nanoseconds + 1_000_000)
        var stamps: [UInt8] = []
        Stamps.append(received: clock, uid: 1000, pid: 7, to: &stamps)
        var (place, numbers) = (IndexTerms.Size(), SegmentNumbers())
        for (index, entry) in batch.entries.enumerated() {
            let stored = batch.stored(index, sequence: builder.nextSequence, received: clock)
            let facts = builder.numbered(entry.facts, batch.modules, batch.classes)
            let leaf = try batch.withPieces { pieces throws(FormatError) in
                try builder.append(
                    line: pieces.line(of: entry), brace: entry.brace, stamps: stamps, extra: pieces.extra(of: entry),
                    facts: facts, terms: pieces.terms(of: entry, at: &place), &numbers, received: clock,
                    durable: durable ?? builder.header.firstSequence, to: &file)
            }
            expected.append(stored)
            leaves.append(leaf)
            times.append(entry.facts.time ?? clock)
            received.append(clock)
        }
    }

    mutating func closeBlock(durable: UInt64) throws { try builder.closeBlock(durable: durable, to: &file) }

    mutating func finish(_ reason: SealReason = .request) throws -> (seal: Seal, index: [UInt8]) {
        let (seal, footer, index) = builder.finish(reason: reason, nextKey: try Fixture.signer(2).verifier)
        file += footer
        return (seal, index)
    }
}

/// A builder that has read the blocks of `file`, up to `blocks` of them.
func restored(
    _ file: [UInt8], blocks: Int = .max, _ compression: Compression = .isal
) throws -> SegmentBuilder {
    let (header, size) = try file.exactly { try SegmentHeader.decode($0) }
    var builder = SegmentBuilder(header: header, lastReceived: header.created, deflater: try Deflater(compression))
    let reader = try StoredEventReader()
    let inflater = try Inflater()
    var (offset, left) = (size, blocks)
    while offset < file.count, left > 0 {
        let rest = Array(file[offset...])
        let head = try rest.exactly { try Member.head($0) }
        guard head.kind == .block else { break }
        let block = try rest.withBytes { bytes throws(FormatError) in
            try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
        }
        var lines: [UInt8] = []
        try Array(rest[head.size..<block.memberSize]).exactly { try block.inflate($0, with: inflater, into: &lines) }
        var events: [SegmentBuilder.RestoredEvent] = []
        var (terms, numbers) = (IndexTerms(), SegmentNumbers())
        var start = 0
        for line in lines.dropLast().split(separator: 10, omittingEmptySubsequences: false) {
            let termStart = terms.size
            let event = try Array(line).padded { try reader.read($0, terms: &terms) }
            let facts = builder.numbered(event.facts, reader.modules, reader.classes)
            events.append(
                .init(
                    range: start..<(start + line.count),
                    content: .event(facts, terms: (termStart, terms.size)), received: event.stamps.received))
            start += line.count + 1
        }
        let expected = try builder.restore(block, lines: lines, events: events, terms: terms, &numbers)
        #expect(expected == block)
        offset += block.memberSize
        left -= 1
    }
    return builder
}

@Suite struct SegmentBuilderTests {
    /// Random events, a few of them very long, and blocks closed now and then.
    private static func segment(_ first: UInt64, _ compression: Compression, _ random: SeededRandom) throws
        -> TestSegment
    {
        var segment = try TestSegment(try Fixture.header(number: first == 0 ? 0 : 4, first: first), compression)
        var generator = EventGenerator(random)
        var durable = first
        for _ in 0..<40 {
            var lines = (0..<generator.random.below(30)).map { _ in generator.line() }
            switch generator.random.below(20) {
            case 0: lines.append(generator.event(details: 300_000))
            case 1: lines += [generator.event(details: 150_000), generator.event(details: 150_000)]
            default: break
            }
            try segment.append(lines, durable: durable)
            if generator.random.below(3) > 0 {
                try segment.closeBlock(durable: durable)
                durable = segment.builder.nextSequence
            }
        }
        try segment.append([generator.event(details: 700_000)], durable: durable)
        try segment.closeBlock(durable: durable)
        return segment
    }

    @Test(arguments: [0, 1000, Limits.sequence - 1_000_000], [Compression.isal, .zlib(level: 6)])
    func anIndependentReaderFindsWhatWasAppended(_ first: UInt64, _ compression: Compression) throws {
        var segment = try Self.segment(first, compression, SeededRandom())
        let (seal, index) = try segment.finish()
        let plain = try PlainSegment(segment.file)
        #expect((plain.firstSequence, plain.number) == (first, first == 0 ? 0 : 4))
        #expect(plain.lines.count == segment.expected.count)
        for (stored, expected) in zip(plain.lines, segment.expected) { check(stored == expected) }
        var event = 0
        for block in plain.blocks {
            let events = event..<(event + block.lines.count)
            event = events.upperBound
            let size = block.lines.reduce(0) { $0 + $1.count + 1 }
            check(size <= Limits.block || block.lines.count == 1)
            check(block.firstSequence == first + UInt64(events.lowerBound))
            check((first...block.firstSequence).contains(block.durable))
            check(block.leastTime == segment.times[events].map(\.nanoseconds).min())
            check(block.greatestTime == segment.times[events].map(\.nanoseconds).max())
            check(block.leastReceived == segment.received[events].map(\.nanoseconds).min())
        }
        #expect(plain.blocks.contains { $0.lines.reduce(0) { $0 + $1.count + 1 } > Limits.block })
        let roots = plain.roots()
        #expect(roots == plain.blocks.map(\.root))
        #expect(roots.last == MerkleTree.root(of: segment.leaves).bytes)
        let footer = try #require(plain.footer)
        #expect(footer == (UInt64(segment.expected.count), roots.last ?? [], Digest.sha256(index).bytes))
        try Self.compare(seal, segment)
        // All of the file is one gzip file whose content is the lines.
        let unzipped = try gunzip(segment.file)
        check(unzipped == Array(segment.expected.joined(separator: [10])) + [10])
    }

    private static func compare(_ seal: Seal, _ segment: TestSegment) throws {
        let header = segment.builder.header
        #expect((seal.origin, seal.number, seal.firstSequence) == (header.origin, header.number, header.firstSequence))
        #expect((seal.previous, seal.opened, seal.reason) == (header.previousSeal, header.created, .request))
        #expect(seal.count == UInt64(segment.expected.count))
        #expect(seal.root == MerkleTree.root(of: segment.leaves))
        #expect(seal.received.lowerBound == segment.received.min())
        #expect(seal.received.upperBound == segment.received.max())
        #expect(seal.time.lowerBound == segment.times.min())
        #expect(seal.time.upperBound == segment.times.max())
        var counts: [String: UInt64] = [:]
        for line in segment.expected {
            let module = try jsonObject(line)["module"] as? String
            counts[module.flatMap { isModuleName($0.utf8) ? $0 : nil } ?? "?", default: 0] += 1
        }
        #expect(seal.modules.map(\.name) == counts.keys.sorted())
        for module in seal.modules { #expect(counts[module.name] == module.count) }
        #expect(try Seal(text: seal.text) == seal)
    }

    private static func tokens(of object: [String: Any]) -> [UInt64] {
        let email = (object["actor"] as? [String: Any])?["email"]
        let fields: [(TokenField, Any?)] = [(.id, object["id"]), (.action, object["action"]), (.actorEmail, email)]
        return fields.compactMap { field, value in (value as? String).map { field.token(of: $0) } }
    }

    @Test func theIndexDescribesTheFile() throws {
        var segment = try Self.segment(0, .isal, SeededRandom())
        let plain = try PlainSegment(segment.file)
        let tokens = try plain.blocks.flatMap(\.lines).map { try Self.tokens(of: jsonObject($0)) }
        let index = try SegmentIndex(segment.finish().index, tokens: tokens.flatMap(\.self))
        #expect(index.count == UInt64(segment.expected.count))
        var block = 0
        for span in index.spans {
            let blocks = plain.blocks[block..<(block + Int(span.blocks))]
            block += Int(span.blocks)
            let lines = blocks.flatMap(\.lines)
            #expect(Int(span.offset) == blocks.first?.offset)
            #expect(Int(span.length) == blocks.reduce(0) { $0 + $1.size })
            #expect(span.firstSequence == blocks.first?.firstSequence)
            #expect(Int(span.size) == lines.reduce(0) { $0 + $1.count + 1 })
            let last = blocks.last.map { $0.lines.reduce(0) { $0 + $1.count + 1 } } ?? 0
            #expect(Int(span.size) - last < Limits.span)
            #expect(Int(span.count) == lines.count)
            let firstEvent = Int(span.firstSequence - plain.blocks[0].firstSequence)
            for token in tokens[firstEvent..<(firstEvent + lines.count)].joined() {
                check(index.mayContain(token, in: span))
            }
            let identified = try lines.count { try jsonObject($0)["id"] is String }
            #expect(Int(span.identified) == identified)
        }
        #expect(block == plain.blocks.count)
        #expect(index.cells?.reduce(0) { $0 + $1.count } == index.count)
    }

    /// A builder that reads a segment back goes on exactly as the one that wrote it, wherever it takes over. With zlib:
    /// libisal does not make the same stream of the same lines each time.
    @Test func restoringIsHavingAppended() throws {
        let random = SeededRandom()
        let whole = try Self.segment(1000, .zlib(level: 1), random)
        let count = try PlainSegment(whole.file).blocks.count
        for taken in [0, 1, 2, count / 2, count - 1, count] {
            let builder = try restored(whole.file, blocks: taken)
            let bytes = try PlainSegment(whole.file).blocks.prefix(taken).last.map { $0.offset + $0.size }
            #expect(builder.fileSize == UInt64(bytes ?? whole.builder.header.encoded().count))
        }
        var (written, read) = (whole, whole)
        read.builder = try restored(whole.file, .zlib(level: 1))
        #expect(read.builder.fileSize == written.builder.fileSize)
        #expect(read.builder.tree == written.builder.tree)
        #expect(read.builder.lastReceived == written.builder.lastReceived)
        var (one, other) = (EventGenerator(random), EventGenerator(random))
        for _ in 0..<5 {
            try written.append((0..<40).map { _ in one.line() }, durable: 1000)
            try read.append((0..<40).map { _ in other.line() }, durable: 1000)
            try written.closeBlock(durable: 1000)
            try read.closeBlock(durable: 1000)
        }
        let (first, second) = (try written.finish(), try read.finish())
        check(written.file == read.file)
        #expect(first.seal == second.seal)
        check(first.index == second.index)
    }

    /// Seal and index follow from the lines alone: not from the library that compressed them.
    @Test func theSealDoesNotDependOnCompression() throws {
        let random = SeededRandom()
        var (one, other) = (try Self.segment(0, .isal, random), try Self.segment(0, .zlib(level: 9), random))
        check(one.file != other.file)
        #expect(try one.finish().seal == other.finish().seal)
    }

    @Test(arguments: [0, 1])
    func blocksAreFilledToTheirLimit(_ more: Int) throws {
        var segment = try TestSegment(try Fixture.header())
        // Room is reckoned for the longest sequence number, 18 digits more than are used here.
        let line = Array("{\"action\":\"a\",\"module\":\"m\",\"details\":\"\"}".utf8)
        let stored = 131_072 - 18
        try segment.append([line])
        let overhead = segment.expected[0].count + 1
        var longer = line
        longer.insert(contentsOf: [UInt8](repeating: 0x78, count: stored - overhead), at: line.count - 2)
        segment = try TestSegment(try Fixture.header())
        try segment.append([longer])
        longer.insert(contentsOf: [UInt8](repeating: 0x78, count: 18 + more), at: line.count - 2)
        try segment.append([longer])
        try segment.closeBlock(durable: 0)
        #expect(try PlainSegment(segment.file).blocks.count == 1 + more)
    }

    @Test func anEmptySegment() throws {
        var segment = try TestSegment(try Fixture.header())
        try segment.closeBlock(durable: 0)
        #expect(segment.file == segment.builder.header.encoded())
        let (seal, index) = try segment.finish(.corruption)
        #expect((seal.count, seal.root) == (0, .empty))
        #expect(seal.received == Fixture.time...Fixture.time)
        #expect(seal.time == Fixture.time...Fixture.time)
        #expect(seal.modules.isEmpty)
        #expect(try Seal(text: seal.text) == seal)
        #expect(try SegmentIndex(index).spans.isEmpty)
        let plain = try PlainSegment(segment.file)
        #expect(plain.footer?.1 == Digest.empty.bytes)
    }

    @Test func modulesHaveALimit() throws {
        var segment = try TestSegment(try Fixture.header())
        func hasRoom(_ name: String) -> Bool { Array(name.utf8).withUnsafeBytes { segment.builder.hasRoom(for: $0) } }
        for number in 0..<Limits.modules {
            #expect(hasRoom("m\(number)"))
            try segment.append([Array("{\"action\":\"a\",\"module\":\"m\(number)\"}".utf8)])
        }
        #expect(!hasRoom("m1024"))
        #expect(hasRoom("m7"))
        try segment.closeBlock(durable: 0)
        let (seal, index) = try segment.finish(.modules)
        #expect(seal.modules.count == Limits.modules)
        #expect(try Seal(text: seal.text) == seal)
        let read = try SegmentIndex(index)
        #expect(read.modules.count == Limits.modules)
        #expect((0..<1024).allSatisfy { read.spans[0].modules.contains($0) })
    }

    /// 1,023 classes and one for all others, which may have been there before. A reader of the file comes to the same.
    @Test(arguments: [
        (1000, false), (1023, false), (1024, false), (1500, false), (1022, true), (1023, true), (1500, true),
    ])
    func retentionClassesHaveALimit(_ count: Int, _ beginsWithUnknown: Bool) throws {
        var segment = try TestSegment(try Fixture.header())
        func event(_ fields: String) -> [UInt8] { Array("{\"action\":\"a\",\"module\":\"m\",\(fields)}".utf8) }
        if beginsWithUnknown { try segment.append([event("\"tenant\":1,\"classification\":1,\"compliance\":1")]) }
        let tenants = (0..<count).map { event("\"tenant\":\"t\($0)\"") }
        try segment.append(tenants)
        try segment.closeBlock(durable: 0)
        try segment.append([tenants[count - 1], tenants[0]])
        try segment.closeBlock(durable: 0)
        let (_, file) = try segment.finish()
        var reader = try restored(segment.file)
        #expect(reader.finish(reason: .request, nextKey: try Fixture.signer(2).verifier).index == file)

        let index = try SegmentIndex(file)
        let extra = beginsWithUnknown ? 1 : 0
        let named = min(count, 1023 - extra)
        #expect(index.classes.compactMap(\.tenant) == (0..<named).map { "t\($0)" })
        #expect(index.classes.count == named + (beginsWithUnknown || count > named ? 1 : 0))
        #expect(index.classes.filter(\.isUnknown).count == index.classes.count - named)
        let first = try #require(index.tallies.first { index.retentionClass(of: $0).tenant == "t0" })
        #expect(first.count == 2)
        let unknown = index.tallies.first { index.retentionClass(of: $0).isUnknown }
        let beyond = count - named + (count > named ? 1 : 0) + extra
        #expect(unknown?.count ?? 0 == UInt64(beyond))
        #expect(index.tallies.reduce(0) { $0 + $1.count } == index.count)
    }

    /// Against the stored lines, read by another parser.
    @Test func talliesCountTheLines() throws {
        var segment = try Self.segment(0, .isal, SeededRandom())
        let index = try SegmentIndex(segment.finish().index)
        var counts: [String: UInt64] = [:]
        for line in segment.expected {
            let object = try jsonObject(line)
            let module = (object["module"] as? String).flatMap { isModuleName($0.utf8) ? $0 : nil } ?? "?"
            let tags = object["compliance"].map { ($0 as? [String])?.sorted().joined(separator: "+") ?? "unknown" }
            let name = object["classification"] as? String
            counts[
                [module, object["tenant"] as? String ?? "", name == "secret" ? "unknown" : name ?? "", tags ?? ""]
                    .joined(separator: " "), default: 0] += 1
        }
        for tally in index.tallies {
            let value = index.retentionClass(of: tally)
            let tags = value.isComplianceUnknown ? "unknown" : value.compliance.joined(separator: "+")
            let name = value.isClassificationUnknown ? "unknown" : value.classification ?? ""
            let key = [index.moduleName(of: tally) ?? "", value.tenant ?? "", name, tags].joined(separator: " ")
            check(counts.removeValue(forKey: key) == tally.count, key)
            check(tally.leastReceived <= tally.greatestReceived)
        }
        #expect(counts.isEmpty)
    }
}
