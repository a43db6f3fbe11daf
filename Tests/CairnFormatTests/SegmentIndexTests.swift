import Testing

@testable import CairnFormat

/// One event as the index builder is told of it, and where its block ends.
private struct Fact {
    var facts = EventFacts()
    var time = Time(nanoseconds: 0)
    var received = Time(nanoseconds: 0)
    var tokens: [UInt64] = []
    /// Bytes of the lines of the block that this event ends; 0: the block goes on.
    var blockSize: UInt32 = 0
}

private func header(_ events: ArraySlice<Fact>, first: UInt64) -> BlockHeader {
    BlockHeader(
        compressedSize: UInt32(events.count) + 7, size: events.last?.blockSize ?? 0, count: UInt32(events.count),
        firstSequence: first, durable: 0, leastTime: events.map(\.time).min() ?? Time(nanoseconds: 0),
        greatestTime: events.map(\.time).max() ?? Time(nanoseconds: 0),
        firstReceived: events.first?.received ?? Time(nanoseconds: 0), root: .zero, checksum: 0)
}

/// The index of these events, and the blocks with their offsets.
private func build(_ events: [Fact], modules: NameTable, classes: NameTable = classes(1)) -> (
    file: [UInt8], blocks: [(BlockHeader, UInt64, Range<Int>)]
) {
    var builder = IndexBuilder()
    var blocks: [(BlockHeader, UInt64, Range<Int>)] = []
    var (start, offset) = (0, UInt64(300))
    for (index, event) in events.enumerated() {
        var (terms, numbers) = (IndexTerms(), SegmentNumbers())
        terms.tokens = event.tokens
        try? terms.withSlice { terms throws(FormatError) in
            builder.append(event.facts, time: event.time, received: event.received, terms, &numbers)
        }
        guard event.blockSize > 0 else { continue }
        let header = header(events[start...index], first: 1000 + UInt64(start))
        builder.closeBlock(header, offset: offset)
        blocks.append((header, offset, start..<(index + 1)))
        offset += UInt64(header.memberSize)
        start = index + 1
    }
    let file = builder.finish(
        firstSequence: 1000, count: UInt64(events.count), modules: modules, classes: classes,
        roots: roots(events.count))
    return (file, blocks)
}

/// Roots of subtrees, of no tree.
private func roots(_ count: Int) -> [Digest] {
    (0..<SegmentTree.subtrees(of: UInt64(count))).map { Digest.sha256(Array("root \($0)".utf8)) }
}

private func modules(_ count: Int) -> NameTable {
    var table = NameTable()
    for number in 0..<count { _ = Array("module\(number)".utf8).withUnsafeBytes { table.insert($0) } }
    return table
}

/// Classes of no fields, of tenant `t1`, of tenant `t2` …
private func classes(_ count: Int) -> NameTable {
    var table = NameTable()
    for number in 0..<count {
        let tenant = number == 0 ? "" : "t\(number)"
        _ = ([0, 0, 0, UInt8(tenant.utf8.count)] + tenant.utf8).withUnsafeBytes { table.insert($0) }
    }
    return table
}

/// Makes the checksums right again, as far as the sizes allow.
private func reseal(_ file: inout [UInt8]) {
    guard let size = file.withUnsafeBytes({ try? SegmentIndex.size(header: $0) }), size.file == file.count else {
        return
    }
    func write(_ checksum: UInt32, at offset: Int) {
        for byte in 0..<4 { file[offset + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(byte))) }
    }
    write(Array(file[..<size.head]).withUnsafeBytes { SegmentIndex.headChecksum($0) }, at: 60)
    write(Checksum.crc32c(Array(file[..<(size.filterEnd - 4)])), at: size.filterEnd - 4)
    write(Checksum.crc32c(Array(file[size.filterEnd..<(size.file - 4)])), at: size.file - 4)
}

/// The index as it is read in pieces.
private func search(_ file: [UInt8], _ tokens: [UInt64], texts: [String] = ["text"], piece: Int) throws -> SegmentIndex
{
    let size = try file.withUnsafeBytes { try SegmentIndex.size(header: $0) }
    guard size.file == file.count else { throw FormatError(.malformed, "not as long as it says") }
    var search = try FilterSearch(head: Array(file.prefix(size.head)), size: size, tokens: tokens)
    var rest = file[size.head..<size.filterEnd]
    while rest.count > piece {
        let taken = try Array(rest.prefix(piece)).withUnsafeBytes { try search.take($0) }
        if taken == 0 { break }
        rest = rest.dropFirst(taken)
    }
    rest = rest.dropFirst(try Array(rest).withUnsafeBytes { try search.take($0) })
    var textSearch = TextSearch(try Array(rest).withUnsafeBytes { try search.finish($0) }, texts: texts)
    rest = file[size.filterEnd...]
    while rest.count > piece {
        let taken = try Array(rest.prefix(piece)).withUnsafeBytes { try textSearch.take($0) }
        if taken == 0 { break }
        rest = rest.dropFirst(taken)
    }
    rest = rest.dropFirst(try Array(rest).withUnsafeBytes { try textSearch.take($0) })
    return try Array(rest).withUnsafeBytes { try textSearch.finish($0) }
}

@Suite struct SegmentIndexTests {
    private static func events(
        _ random: inout SeededRandom, sizes: [UInt32], perBlock: Int, modules: Int, classes: Int = 1
    ) -> [Fact] {
        var events: [Fact] = []
        for size in sizes {
            for number in 0...random.below(perBlock) {
                var event = Fact()
                event.facts.module = UInt16(random.below(modules))
                event.facts.retentionClass = UInt16(random.below(classes))
                event.facts.status = random.element(EventStatus.allCases)
                event.facts.severity = random.element(EventSeverity.allCases)
                event.facts.hasID = random.below(2) == 0
                event.facts.opaque = random.below(10) == 0 ? 1 << UInt16(1 + random.below(9)) : 0
                event.time = Time(nanoseconds: Int64(random.below(5)) * Time.perHour - 2 * Time.perHour + Int64(number))
                event.received = Time(nanoseconds: Int64(events.count))
                event.tokens = (0..<random.below(4)).map { _ in random.next() }
                events.append(event)
            }
            events[events.count - 1].blockSize = size
        }
        return events
    }

    /// Sizes of blocks and the spans that they make.
    @Test(
        arguments: [
            ([], []), ([1], [1]), ([131_071], [1]), ([131_072], [1]), ([2_097_152], [1]), ([1, 1, 1], [3]),
            ([100_000, 31_072], [2]), ([100_000, 31_071, 1], [3]), ([100_000, 31_072, 1], [2, 1]),
            ([131_071, 262_144, 1], [2, 1]), ([50_000, 50_000, 50_000, 1], [3, 1]), ([5, 262_144, 5], [2, 1]),
            ([5, 1_000_000, 5, 5], [2, 2]), ([262_144, 262_144], [1, 1]), ([100_000, 100_000, 100_000], [2, 1]),
        ] as [([UInt32], [UInt32])])
    func cutsSpans(_ sizes: [UInt32], _ spans: [UInt32]) throws {
        let events = sizes.map { Fact(blockSize: $0) }
        let index = try SegmentIndex(build(events, modules: modules(1)).file)
        #expect(index.spans.map(\.blocks) == spans)
    }

    @Test func saysWhatANaiveCountSays() throws {
        var random = SeededRandom()
        for _ in 0..<12 {
            let table = modules(random.element([1, 3, 70, 1024]))
            let sizes = (0..<random.below(20)).map { _ in UInt32(1 + random.below(200_000)) }
            let classes = classes(random.element([1, 3, 1024]))
            let events = Self.events(
                &random, sizes: sizes, perBlock: 30, modules: table.count, classes: classes.count)
            let (file, blocks) = build(events, modules: table, classes: classes)
            let strangers = (0..<1000).map { _ in random.next() }
            let index = try SegmentIndex(file, tokens: events.flatMap(\.tokens) + strangers)
            #expect((index.firstSequence, index.count) == (1000, UInt64(events.count)))
            #expect(index.roots == roots(events.count))
            #expect(index.modules.names == table.names)
            try Self.compareCells(index, events)
            #expect(index.classes == (try classes.names.map { try RetentionClass.decoding($0) }))
            Self.compareTallies(index, events)
            var block = 0
            for span in index.spans {
                let own = blocks[block..<(block + Int(span.blocks))]
                block += Int(span.blocks)
                Self.compare(span, own, events, index, strangers)
            }
            #expect(block == blocks.count)
        }
    }

    private static func compareCells(_ index: SegmentIndex, _ events: [Fact]) throws {
        struct Key: Hashable { var hour: Int64, module: UInt16, status: UInt8, severity: UInt8 }
        var counts: [Key: UInt64] = [:]
        for event in events {
            let hour = Int64((Double(event.time.nanoseconds) / Double(Time.perHour)).rounded(.down))
            counts[
                Key(
                    hour: hour, module: event.facts.module, status: event.facts.status.rawValue,
                    severity: event.facts.severity.rawValue), default: 0] += 1
        }
        let cells = try #require(index.cells)
        #expect(cells.count == counts.count)
        for cell in cells {
            let key = Key(hour: cell.hour, module: cell.module, status: cell.status, severity: cell.severity)
            check(counts[key] == cell.count)
        }
        let order = cells.map { ($0.hour, $0.module, $0.status, $0.severity) }
        check(zip(order, order.dropFirst()).allSatisfy { $0 < $1 })
    }

    private static func compareTallies(_ index: SegmentIndex, _ events: [Fact]) {
        let groups = Dictionary(grouping: events) { UInt32($0.facts.module) << 16 | UInt32($0.facts.retentionClass) }
        #expect(
            index.tallies.map { UInt32($0.module) << 16 | UInt32($0.retentionClass) } == groups.keys.sorted())
        for tally in index.tallies {
            let own = groups[UInt32(tally.module) << 16 | UInt32(tally.retentionClass)] ?? []
            check(tally.count == UInt64(own.count))
            check(tally.leastReceived == own.map(\.received).min())
            check(tally.greatestReceived == own.map(\.received).max())
            check(index.moduleName(of: tally) == "module\(tally.module)")
            let tenant = tally.retentionClass == 0 ? nil : "t\(tally.retentionClass)"
            check(index.retentionClass(of: tally).tenant == tenant)
        }
    }

    private static func compare(
        _ span: IndexSpan, _ blocks: ArraySlice<(BlockHeader, UInt64, Range<Int>)>, _ events: [Fact],
        _ index: SegmentIndex, _ strangers: [UInt64]
    ) {
        guard let first = blocks.first, let last = blocks.last else { return }
        let own = events[first.2.lowerBound..<last.2.upperBound]
        #expect(span.offset == first.1)
        #expect(span.length == last.1 + UInt64(last.0.memberSize) - first.1)
        #expect(span.firstSequence == first.0.firstSequence)
        #expect(span.endSequence == last.0.endSequence)
        #expect(span.size == blocks.reduce(0) { $0 + $1.0.size })
        #expect(Int(span.identified) == own.filter(\.facts.hasID).count)
        #expect(span.leastTime == own.map(\.time).min())
        #expect(span.greatestTime == own.map(\.time).max())
        #expect(span.firstReceived == own.first?.received)
        #expect(span.lastReceived == own.last?.received)
        #expect(span.statuses == own.reduce(0) { $0 | 1 << UInt16($1.facts.status.rawValue) })
        #expect(span.severities == own.reduce(0) { $0 | 1 << UInt16($1.facts.severity.rawValue) })
        #expect(span.opaque == own.reduce(0) { $0 | $1.facts.opaque })
        for module in 0..<(1024 as UInt16) {
            check(span.modules.contains(module) == own.contains { $0.facts.module == module })
        }
        for token in own.flatMap(\.tokens) { check(index.mayContain(token, in: span)) }
        #expect(strangers.count { index.mayContain($0, in: span) } < 60)
    }

    @Test func partsSayWhatTheWholeSays() throws {
        var random = SeededRandom()
        let events = Self.events(&random, sizes: [200_000, 100_000, 300_000, 5], perBlock: 200, modules: 3)
        let file = build(events, modules: modules(3)).file
        let tokens = Array(events.flatMap(\.tokens).prefix(50)) + (0..<50).map { _ in random.next() }
        let whole = try SegmentIndex(file, tokens: tokens)
        let size = try file.withUnsafeBytes { try SegmentIndex.size(header: $0) }
        #expect(size.file == file.count)
        let head = try SegmentIndex(head: file, size: size)
        #expect(head.spans == whole.spans && head.cells == whole.cells && head.tallies == whole.tallies)
        #expect(head.classes == whole.classes && head.modules.names == whole.modules.names)
        for piece in [TokenFilter.sizeLimit, TokenFilter.sizeLimit + 1, 1 << 20] {
            let found = try search(file, tokens, piece: piece)
            for span in whole.spans {
                for token in tokens {
                    check(found.mayContain(token, in: span) == whole.mayContain(token, in: span))
                    check(head.mayContain(token, in: span))
                }
                // Of what it was not asked it knows nothing.
                check(found.mayContain(1, in: span))
            }
        }
    }

    @Test func everyByteCountsInParts() throws {
        var random = SeededRandom()
        let events = Self.events(&random, sizes: [200_000, 100_000, 5], perBlock: 3, modules: 3)
        let file = build(events, modules: modules(3)).file
        try expectEveryChangeRefused(file) { _ = try search(Array($0), [1], piece: TokenFilter.sizeLimit) }
        let size = try file.withUnsafeBytes { try SegmentIndex.size(header: $0) }
        try expectEveryChangeRefused(Array(file[..<size.head])) { bytes in
            let own = try Array(bytes).withUnsafeBytes { try SegmentIndex.size(header: $0) }
            guard own == size else { throw FormatError(.malformed, "another size") }
            _ = try SegmentIndex(head: Array(bytes), size: size)
        }
        expectEveryCutRefused(Array(file[..<size.head])) { _ = try SegmentIndex(head: Array($0), size: size) }
    }

    /// Hostile times make a cell for every event: 65,536 are counted, one more gives up counting.
    @Test(arguments: [(65_535, false), (65_536, false), (65_537, true), (70_000, true)])
    func tooManyCells(_ count: Int, _ isIncomplete: Bool) throws {
        var events = (0..<count).map { Fact(time: Time(nanoseconds: Int64($0 - 30_000) * Time.perHour)) }
        // Cells that are known already count on, also behind the limit.
        events += [events[0], events[1], events[0]]
        events[events.count - 1].blockSize = 1000
        let file = build(events, modules: modules(1)).file
        #expect(file[10] == (isIncomplete ? 1 : 0))
        let index = try SegmentIndex(file)
        #expect((index.cells == nil) == isIncomplete)
        #expect(index.count == UInt64(events.count))
        if let cells = index.cells {
            #expect(cells.count == count)
            #expect(cells.reduce(0) { $0 + $1.count } == UInt64(events.count))
            #expect(cells.first?.count == 3)
        } else {
            #expect(file.count < 1000 + 32 * index.roots.count)
            #expect(index.tallies.map(\.count) == [UInt64(events.count)])
        }
    }

    /// Pairs of module and class beyond 16,383 are counted in one row more, of a class of which nothing is known.
    @Test(arguments: [(16_382, false), (16_383, false), (16_384, true), (17_408, true)])
    func tooManyTallies(_ count: Int, _ hasRest: Bool) throws {
        var events = (0..<count).map { number in
            var event = Fact(received: Time(nanoseconds: Int64(number)))
            (event.facts.module, event.facts.retentionClass) = (UInt16(number % 1024), UInt16(number / 1024))
            return event
        }
        // A pair that has its row counts on.
        events.append(events[0])
        events[events.count - 1].received = Time(nanoseconds: Int64(count))
        events[events.count - 1].blockSize = 1000
        let index = try SegmentIndex(build(events, modules: modules(1024), classes: classes(17)).file)
        #expect(index.tallies.count == min(count, 16_384))
        #expect(index.tallies.reduce(0) { $0 + $1.count } == UInt64(events.count))
        #expect((index.tallies[0].count, index.tallies[0].greatestReceived) == (2, Time(nanoseconds: Int64(count))))
        #expect(index.classes.count == (hasRest ? 18 : 17))
        let last = try #require(index.tallies.last)
        #expect((last.module == IndexTally.anyModule) == hasRest)
        #expect((index.moduleName(of: last) == nil) == hasRest)
        #expect(index.retentionClass(of: last).isUnknown == hasRest)
        if hasRest {
            #expect(last.count == UInt64(count - 16_383))
            #expect(last.leastReceived == events[16_383].received)
            #expect(last.greatestReceived == events[count - 1].received)
        }
    }

    /// The row for the rest stands only in a full table, and is of a class of which nothing is known.
    @Test func forgedRest() throws {
        var events = (0..<16_384).map { number in
            var event = Fact()
            (event.facts.module, event.facts.retentionClass) = (UInt16(number % 1024), UInt16(number / 1024))
            return event
        }
        events[events.count - 1].blockSize = 1000
        func code(_ file: [UInt8], _ change: (inout [UInt8]) -> Void) -> FormatError.Code? {
            var file = file
            change(&file)
            reseal(&file)
            return errorCode { _ = try SegmentIndex(file) }
        }
        let full = build(events, modules: modules(1024), classes: classes(17)).file
        let row = full.count - 12 - 32 - 16 * 32 - 32
        #expect(full[row] == 0xFF && full[row + 1] == 0xFF && full[row + 2] == 17)
        #expect(code(full) { _ in } == nil)
        #expect(code(full) { $0[row + 2] = 16 } == .malformed)
        #expect(code(full) { $0[row + 2] = 18 } == .malformed)
        #expect(code(full) { $0[row + 1] = 0xFE } == .malformed)
        events = [Fact(), Fact(blockSize: 1000)]
        events[1].facts.module = 1
        var unknown = NameTable()
        _ = RetentionClass.unknown.withUnsafeBytes { unknown.insert($0) }
        let small = build(events, modules: modules(2), classes: unknown).file
        #expect(code(small) { _ in } == nil)
        #expect(code(small) { ($0[small.count - 108], $0[small.count - 107]) = (0xFF, 0xFF) } == .malformed)
    }

    @Test func classesStandOnce() throws {
        var file = build([Fact(blockSize: 1000)], modules: modules(1), classes: classes(3)).file
        let place = 72 + 8 + 4
        #expect(Array(file[place..<(place + 6)]) == [0, 0, 0, 2, 0x74, 0x31])
        file[place + 5] = 0x32
        reseal(&file)
        #expect(errorCode { _ = try SegmentIndex(file) } == .malformed)
    }

    @Test func everyByteCounts() throws {
        var random = SeededRandom()
        let events = Self.events(&random, sizes: [200_000, 100_000, 5], perBlock: 3, modules: 3)
        let file = build(events, modules: modules(3)).file
        try expectEveryChangeRefused(file) { _ = try SegmentIndex(Array($0)) }
        expectEveryCutRefused(file) { _ = try SegmentIndex(Array($0)) }
        #expect(errorCode { _ = try SegmentIndex(file + [0]) } != nil)
    }

    /// Files whose CRC-32C is right and which are wrong all the same: offset, value, code.
    @Test(
        arguments: [
            (0, 0x43, .malformed), (8, 2, .unsupported), (9, 1, .unsupported), (10, 2, .malformed),
            (11, 0x80, .malformed),
            (12, 2, .malformed), (15, 0xFF, .malformed), (23, 0x80, .malformed), (25, 4, .malformed),
            (32, 4, .malformed),
            (33, 8, .malformed),
            (36, 1, .malformed), (40, 9, .malformed), (42, 2, .malformed), (44, 1, .malformed), (47, 0xFF, .malformed),
            (48, 0, .malformed), (49, 5, .malformed), (52, 5, .malformed), (56, 2, .malformed), (58, 1, .malformed),
            (64, 5, .malformed), (69, 1, .malformed), (72, 8, .malformed), (72, 200, .malformed),
            (87, 0x30, .malformed),
            (96, 8, .malformed), (97, 1, .malformed), (99, 1, .malformed),
            (100 + 78, 1, .malformed), (100 + 80, 1, .malformed), (100 + 84, 0xFF, .malformed),
            (100 + 88, 1, .malformed), (100 + 92, 3, .malformed),
            (100 + 224 + 12, 1, .malformed), (100 + 224 + 16, 0, .malformed),
            (396, 1, .malformed), (396 + 2, 1, .malformed), (396 + 4, 1, .malformed), (396 + 7, 1, .malformed),
            (396 + 8, 0, .malformed), (396 + 8, 2, .malformed), (396 + 15, 0x80, .malformed), (396 + 16, 1, .malformed),
            (396 + 31, 0x80, .malformed), (396 + 64, 0, .malformed), (396 + 64, 3, .malformed),
            (560, 1, .truncated), (560, 17, .malformed), (561, 1, .malformed), (562, 8, .malformed),
            (562, 9, .malformed),
        ] as [(Int, UInt8, FormatError.Code)])
    func forgedFilesAreRefused(_ offset: Int, _ value: UInt8, _ code: FormatError.Code) throws {
        var events = [Fact(), Fact(), Fact(blockSize: 1000)]
        for number in events.indices { events[number].facts.module = UInt16(number) }
        var file = build(events, modules: modules(3)).file
        #expect(file.count == 72 + 3 * 8 + 4 + 224 + 3 * 24 + 3 * 32 + 32 + 32 + 4 + 4 + 4)
        file[offset] = file[offset] == value ? value ^ 1 : value
        reseal(&file)
        #expect(errorCode { _ = try SegmentIndex(file) } == code)
    }

    @Test func cellsStandInOrder() throws {
        var events = [Fact(), Fact(), Fact(blockSize: 1000)]
        for number in events.indices { events[number].facts.module = UInt16(number) }
        var file = build(events, modules: modules(3)).file
        let cells = 72 + 3 * 8 + 4 + 224
        let (first, second) = (Array(file[cells..<(cells + 24)]), Array(file[(cells + 24)..<(cells + 48)]))
        for order in [second + first, first + first] {
            file.replaceSubrange(cells..<(cells + 48), with: order)
            reseal(&file)
            #expect(errorCode { _ = try SegmentIndex(file) } == .malformed)
        }
    }

    @Test func emptyIndex() throws {
        let index = try SegmentIndex(build([], modules: NameTable()).file)
        #expect(index.spans.isEmpty)
        #expect(index.cells == [])
        #expect(index.modules.count == 0)
        #expect(index.tallies.isEmpty)
    }

    @Test func moduleBits() {
        var bits = ModuleBits()
        for module in [0, 1, 63, 64, 1023] as [UInt16] {
            #expect(!bits.contains(module))
            bits.insert(module)
            #expect(bits.contains(module))
        }
        var bytes: [UInt8] = []
        bits.append(to: &bytes)
        #expect(bytes.count == 128)
        #expect((bytes[0], bytes[7], bytes[8], bytes[127]) == (3, 0x80, 1, 0x80))
    }
}
