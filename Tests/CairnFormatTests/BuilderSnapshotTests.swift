import Testing

@testable import CairnFormat

@Suite struct BuilderSnapshotTests {
    /// Appends random events in groups, each of which ends with its block.
    private static func append(_ groups: Int, to segment: inout TestSegment, _ generator: inout EventGenerator) throws {
        for _ in 0..<groups {
            var lines = (0..<generator.random.below(60)).map { _ in generator.line() }
            if generator.random.below(6) == 0 { lines.append(generator.event(details: 150_000)) }
            if generator.random.below(20) == 0 { lines.append(generator.event(details: 300_000)) }
            try segment.append(lines)
            try segment.closeBlock(durable: segment.builder.header.firstSequence)
        }
    }

    @Test(arguments: [0, 1, 7, 30])
    func aBuilderGoesOnFromASnapshotAsIfNothingHadBeen(_ groups: Int) throws {
        var generator = EventGenerator(SeededRandom())
        var segment = try TestSegment(try Fixture.header(number: 4, first: 1000), .zlib(level: 1))
        try Self.append(groups, to: &segment, &generator)
        let snapshot = try #require(segment.builder.snapshot())
        var other = segment
        other.builder = try SegmentBuilder(header: segment.builder.header, snapshot: snapshot)
        // libisal does not make the same stream of the same lines each time.
        other.builder.use(try Deflater(.zlib(level: 1)))
        #expect(other.builder.count == segment.builder.count && other.builder.fileSize == UInt64(segment.file.count))
        #expect(other.builder.tree == segment.builder.tree)
        #expect(other.builder.snapshot() == snapshot)
        // The clock of an empty one is where the caller says.
        other.builder.keepReceiving(from: segment.builder.lastReceived)
        #expect(other.builder.lastReceived == segment.builder.lastReceived)
        var same = generator
        try Self.append(12, to: &segment, &generator)
        try Self.append(12, to: &other, &same)
        let (ended, endedOther) = (try segment.finish(), try other.finish())
        #expect(ended.seal == endedOther.seal)
        #expect(ended.index == endedOther.index)
        #expect(segment.file == other.file)
    }

    @Test func whatIsNoSnapshotIsRefused() throws {
        var generator = EventGenerator(SeededRandom())
        var segment = try TestSegment(try Fixture.header(number: 4, first: 1000))
        try Self.append(5, to: &segment, &generator)
        let snapshot = try #require(segment.builder.snapshot())
        let header = segment.builder.header
        for end in stride(from: 0, to: snapshot.count, by: max(1, snapshot.count / 200)) {
            #expect(throws: FormatError.self) { try SegmentBuilder(header: header, snapshot: Array(snapshot[..<end])) }
        }
        // Every byte is covered by the signature of the file; here only nothing may break.
        for index in stride(from: 0, to: snapshot.count, by: 37) {
            var changed = snapshot
            changed[index] ^= 0x80
            _ = try? SegmentBuilder(header: header, snapshot: changed)
        }
        // More classes than there can be.
        let tree = 8 + 32 * segment.builder.count.nonzeroBitCount
        let classes = tree + 4 + 8 * segment.builder.modules.count
        for offset in [tree, classes] {
            var changed = snapshot
            changed.replaceSubrange(offset..<(offset + 4), with: [0xFF, 0xFF, 0xFF, 0x7F])
            #expect(throws: FormatError.self) { try SegmentBuilder(header: header, snapshot: changed) }
        }
        #expect(throws: FormatError.self) {
            try SegmentBuilder(header: try Fixture.header(number: 5, first: 2000), snapshot: snapshot)
        }
    }

    @Test func anIndexThatCannotCountEverythingMakesNoSnapshot() throws {
        var segment = try TestSegment(try Fixture.header(number: 0, first: 0))
        for start in stride(from: 0, to: Limits.cells + 1, by: 1000) {
            let hours = start..<min(start + 1000, Limits.cells + 1)
            try segment.append(
                hours.map { hour in
                    let time = Time(nanoseconds: Int64(hour) * Time.perHour)
                    return Array("{\"action\":\"a\",\"module\":\"m\",\"timestamp\":\"\(time)\"}".utf8)
                })
            try segment.closeBlock(durable: 0)
            #expect((segment.builder.snapshot() == nil) == (hours.upperBound > Limits.cells))
        }
    }
}
