import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// What a query says of files that are not as they were, and what it gives before.
@Suite struct QueryDamageTests {
    private func event(_ number: Int) -> String { #"{"module":"m","action":"a\#(number)"}"# }

    /// Six blocks of two events in a sealed segment, three in the active one.
    private func log() throws -> LogFixture {
        let log = try LogFixture()
        for block in 0..<6 { try log.append(event(2 * block), event(2 * block + 1)) }
        try log.seal()
        for block in 6..<9 { try log.append(event(2 * block), event(2 * block + 1)) }
        return log
    }

    /// What is given before the error, and the error.
    private func read(_ log: LogFixture, _ query: Query = Query()) throws -> (found: [UInt64], error: ReadError?) {
        var events = try log.open().events(query)
        var found: [UInt64] = []
        do throws(ReadError) {
            while let event = try events.next() {
                #expect(event.line == log.events[Int(event.sequence)].line)
                found.append(event.sequence)
            }
            return (found, nil)
        } catch {
            #expect(try events.next() == nil, "nothing comes behind an error")
            return (found, error)
        }
    }

    private enum Place: CaseIterable { case head, stream, trailer }

    private func damage(_ log: LogFixture, segment: UInt64, block: UInt64, _ place: Place) throws {
        let offset = Int(try #require(try log.blocks(segment)[block]))
        try log.change(segment, .data) { bytes in
            switch place {
            case .head: bytes[offset + 40] ^= 1
            case .stream: bytes[offset + BlockHeader.headSize + 2] ^= 1
            case .trailer:
                let next = Int(self.end(of: offset, bytes))
                bytes[next - 1] ^= 1
            }
        }
    }

    private func end(of offset: Int, _ bytes: [UInt8]) -> Int {
        let length = bytes[(offset + 20)..<(offset + 24)].reversed().reduce(0) { $0 << 8 | Int($1) }
        return offset + BlockHeader.overhead + length
    }

    @Test(arguments: Place.allCases, [true, false])
    private func badBlockOfASealedSegment(_ place: Place, _ hasIndex: Bool) throws {
        let log = try log()
        try damage(log, segment: 0, block: 6, place)
        if !hasIndex { try log.remove(0, .index) }

        let forward = try read(log)
        #expect(forward.found == [0, 1, 2, 3, 4, 5])
        #expect(forward.error?.code == .format)
        #expect(forward.error?.path == FileNames.segment(0, .data))
        #expect(forward.error?.sequence == 6)

        // Newest first, what lies behind a head that is not good cannot be found; behind another block it can.
        let backward = try read(log, Query(order: .newestFirst))
        let reached: UInt64 = place == .head ? 12 : 8
        #expect(backward.found == (reached..<18).reversed())
        #expect(backward.error?.sequence == 6)

        // Before the damage, and behind it, the log can be read.
        #expect(try read(log, Query(limit: 6)).error == nil)
        #expect(try read(log, Query(order: .newestFirst, limit: 6)).error == nil)
        #expect(try read(log, Query(after: 11)).found == [12, 13, 14, 15, 16, 17])
    }

    /// Cut between two blocks, inside the head of a block, and inside its stream.
    @Test(arguments: [0, 30, 130], [true, false])
    func cutSegment(_ rest: Int, _ hasIndex: Bool) throws {
        let log = try log()
        let offset = Int(try #require(try log.blocks(0)[8])) + rest
        try log.change(0, .data) { $0.removeLast($0.count - offset) }
        if !hasIndex { try log.remove(0, .index) }
        let forward = try read(log)
        #expect(forward.found == Array(0..<8))
        #expect(forward.error?.sequence == 8)
        #expect(forward.error?.format == .truncated)
        let backward = try read(log, Query(order: .newestFirst))
        #expect(backward.found == [17, 16, 15, 14, 13, 12])
        #expect(backward.error?.sequence == 8)
        #expect(backward.error?.format == .truncated)
    }

    /// An index whose spans are of the right shape and lead to the wrong places: its checksum holds.
    @Test func indexOfOtherBlocks() throws {
        let log = try log()
        let good = log.events
        // The same events in one block: offsets and lengths differ, numbers and counts do not.
        let other = try LogFixture()
        try other.append((0..<12).map(event))
        try other.seal()
        let name = FileNames.segment(0, .index)
        try log.put(name, try #require(try other.files.contents(name, limit: 1 << 20)))
        #expect(try log.open().all(Query()).found == good)
        #expect(try log.open().all(Query(order: .newestFirst)).found == good.reversed())
    }

    @Test func cutIndex() throws {
        let log = try log()
        for count in [0, 1, 47, 60, 300] {
            try log.change(0, .index) { $0 = Array($0.prefix(count)) }
            #expect(try log.open().all(Query()).found == log.events)
        }
    }

    /// Every way to stop writing a block: the tail is torn, and nothing is wrong.
    @Test func tornTail() throws {
        let log = try log()
        try log.publishHead()
        let good = log.events
        let offsets = try log.blocks(12)
        let bytes = try log.block([event(18), event(19)])
        for count in stride(from: 1, to: bytes.count, by: 7) {
            try log.write(Array(bytes[..<count]))
            #expect(try log.open().all(Query()).found == good)
            #expect(try log.open().all(Query(order: .newestFirst)).found == good.reversed())
            #expect(try log.open().endSequence() == 18)
            try log.change(12, .data) { $0.removeLast(count) }
            try log.reopenActiveFile()
        }
        #expect(offsets.count == 3)
        // A whole block of which the stream did not reach the disk.
        var spoilt = bytes
        spoilt[BlockHeader.headSize + 3] ^= 0x55
        try log.write(spoilt)
        #expect(try log.open().all(Query()).found == good)
        #expect(try log.open().all(Query(order: .newestFirst)).found == good.reversed())
    }

    /// What the head names was durable, so its loss is no torn tail.
    @Test(arguments: [Query.Order.oldestFirst, .newestFirst])
    func damageThatTheHeadShows(_ order: Query.Order) throws {
        let log = try log()
        try log.publishHead()
        try damage(log, segment: 12, block: 16, .stream)
        let result = try read(log, Query(order: order))
        #expect(result.error?.sequence == 16)
        #expect(result.error?.path == FileNames.segment(12, .data))
        #expect(result.found == (order == .oldestFirst ? Array(0..<16) : []))
    }

    /// A seal with reason corruption covers the events before the damage; what follows is evidence, and not read.
    @Test(arguments: [true, false])
    func sealedUpToTheDamage(_ hasIndex: Bool) throws {
        let log = try LogFixture()
        try log.append(event(0), event(1))
        try log.append(event(2))
        try log.seal(.corruption, lost: 5)
        try log.change(0, .data) { $0 += Array("damage, and a block that is whole:".utf8) }
        try log.append(event(8), event(9))
        if !hasIndex { try log.remove(0, .index) }
        let reader = try log.open()
        #expect(try reader.sequences("") == [0, 1, 2, 8, 9])
        #expect(try reader.sequences("", order: .newestFirst) == [9, 8, 2, 1, 0])
        #expect(try reader.endSequence() == 10)
    }

    /// Blocks that stand behind what the seal covers are not events.
    @Test func blocksBehindTheSeal() throws {
        let log = try log()
        let extra = try Array(log.block([event(18), event(19)]))
        try log.change(0, .data) { bytes in bytes.insert(contentsOf: extra, at: bytes.count - SegmentFooter.memberSize)
        }
        try log.remove(0, .index)
        #expect(try log.open().all(Query(limit: 18)).found.map(\.sequence) == Array(0..<18))
    }

    @Test func headerOfAnotherSegment() throws {
        let log = try log()
        try log.seal()
        let other = try #require(try log.files.contents(FileNames.segment(12, .data), limit: 1 << 20))
        try log.put(FileNames.segment(0, .data), other)
        let result = try read(log)
        #expect(result.found.isEmpty)
        #expect(result.error?.path == FileNames.segment(0, .data))
    }

    /// Segments that vanish and appear while a query runs.
    @Test(arguments: [Query.Order.oldestFirst, .newestFirst])
    func segmentsPrunedMeanwhile(_ order: Query.Order) throws {
        let log = try LogFixture()
        for segment in 0..<3 {
            try log.append(event(2 * segment), event(2 * segment + 1))
            try log.seal()
        }
        var events = try log.open().events(Query(order: order))
        #expect(try events.next()?.sequence == (order == .oldestFirst ? 0 : 5))
        try log.remove(2, .data)
        try log.remove(2, .index)
        var rest: [UInt64] = []
        while let event = try events.next() { rest.append(event.sequence) }
        #expect(rest == (order == .oldestFirst ? [1, 4, 5] : [4, 1, 0]))
    }

    /// A segment that is sealed and written anew while a query runs.
    @Test func sealedMeanwhile() throws {
        let log = try LogFixture()
        try log.append(event(0))
        try log.seal()
        try log.append(event(1))
        var events = try log.open().events()
        #expect(try events.next()?.sequence == 0)
        try log.append(event(2))
        try log.seal()
        try log.append(event(3))
        var rest: [UInt64] = []
        while let event = try events.next() { rest.append(event.sequence) }
        #expect(rest == [1, 2])
    }
}
