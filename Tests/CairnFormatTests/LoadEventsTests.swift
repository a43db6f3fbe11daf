import CairnFormat
import LoadEvents
import Testing

/// The events of the benchmarks: a figure means something only if they are what they are said to be.
@Suite struct LoadEventsTests {
    @Test("the same seed makes the same events, another one others")
    func seeds() {
        let events = LoadEvents(count: 300, size: 330, seed: 7)
        #expect(events.bytes == LoadEvents(count: 300, size: 330, seed: 7).bytes)
        #expect(events.bytes != LoadEvents(count: 300, size: 330, seed: 8).bytes)
        #expect(LoadEvents(count: 20, size: 330, seed: 7).bytes[...] == events.bytes[..<events.starts[20]])
    }

    @Test(
        "there are as many as asked for, of that size, and the log takes each", arguments: [330, 1000, 4096, 65_536],
        LoadEvents.Filling.allCases)
    func sizes(size: Int, filling: LoadEvents.Filling) throws {
        let events = LoadEvents(count: 200, size: size, filling: filling, seed: 1)
        #expect(events.count == 200)
        // Records are not cut.
        #expect(abs(events.bytes.count / events.count - size) <= (filling == .words ? 8 : 60))
        let parser = try EventParser()
        var batch = EventBatch()
        let padded = events.bytes + [UInt8](repeating: 0, count: JSONParser.padding)
        padded.withUnsafeBytes { bytes in
            for number in 0..<events.count {
                let line = events.starts[number]..<events.starts[number + 1]
                #expect(bytes[line.upperBound - 1] == UInt8(ascii: "\n"))
                let text = UnsafeRawBufferPointer(rebasing: bytes[line.lowerBound..<(line.upperBound - 1)])
                #expect(!text.contains(UInt8(ascii: "\n")))
                _ = parser.parse(.whole(text), uid: 1000, into: &batch)
            }
        }
        #expect(batch.entries.count == events.count)
        #expect(batch.rejections.isEmpty)
        #expect(batch.entries.allSatisfy { $0.extra.isEmpty })
    }

    @Test("lines of a file are taken as they are", arguments: ["", "\n", "\n\n"])
    func lines(end: String) {
        let events = LoadEvents(lines: Array("{}\n\n{\"a\":1}\(end)".utf8))
        #expect(events.bytes == Array("{}\n{\"a\":1}\n".utf8))
        #expect(events.starts == [0, 3, 11])
        #expect(LoadEvents(lines: Array(end.utf8)).count == 0)
    }
}
