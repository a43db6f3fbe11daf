internal import CairnFormat
internal import CairnReader
public import LoadEvents

/// One part of the work on events, to be measured alone: done with the same events again and again.
public struct Step {
    /// What it is called.
    public let name: String
    /// Events of one run.
    public let events: Int
    /// Bytes that one run takes in.
    public let bytes: Int
    /// Does it once with all of them.
    public let run: () -> Void

    /// Everything that is done with an event on its way into the log and out of it.
    public static func all(_ events: LoadEvents) throws -> [Step] {
        let bench = try StepBench(events)
        return try bench.writing() + bench.reading()
    }
}

/// What the steps work on: one block of events, as it is received, and as it is stored.
struct StepBench {
    let received: [UInt8]
    let receivedLines: [Range<Int>]
    let batch: EventBatch
    /// With the parser's padding behind their count.
    let stored: [UInt8]
    let storedLines: [Range<Int>]
    let leaves: [Digest]
    let compressed: [UInt8]
    /// Of the segment that ends with these events.
    let index: [UInt8]

    static let time = Time(nanoseconds: 1_767_225_600_000_000_000)
    private static let seed = [UInt8](repeating: 7, count: 32)

    init(_ events: LoadEvents) throws {
        var (received, lines) = (events.bytes, [Range<Int>]())
        received.reserveCapacity(received.count + JSONParser.padding)
        for number in 0..<events.count { lines.append(events.starts[number]..<(events.starts[number + 1] - 1)) }
        (self.received, receivedLines) = (received, lines)
        let parser = try EventParser()
        var batch = EventBatch()
        received.withUnsafeBytes { bytes in
            for line in lines {
                _ = parser.parse(.whole(UnsafeRawBufferPointer(rebasing: bytes[line])), uid: 1000, into: &batch)
            }
        }
        self.batch = batch
        var (builder, file) = (try StepBench.builder(), [UInt8]())
        var stored: [UInt8] = []
        var leaves: [Digest] = []
        var storedLines: [Range<Int>] = []
        try StepBench.append(batch, to: &builder, &file) { leaves.append($0) }
        try builder.closeBlock(durable: 0, to: &file)
        index = builder.finish(reason: .size, nextKey: builder.header.key).index
        let inflater = try Inflater()
        var (rest, block) = (file[...], [UInt8]())
        while !rest.isEmpty {
            let header = try StepBench.block(rest)
            let payload = Array(rest[(rest.startIndex + BlockHeader.headSize)..<(rest.startIndex + header.memberSize)])
            try payload.withUnsafeBytes { try header.inflate($0, with: inflater, into: &block) }
            var start = stored.count
            for line in block.split(separator: UInt8(ascii: "\n")) {
                storedLines.append(start..<(start + line.count))
                start += line.count + 1
            }
            stored += block
            rest = rest.dropFirst(header.memberSize)
        }
        stored.reserveCapacity(stored.count + JSONParser.padding)
        (self.stored, self.storedLines, self.leaves, compressed) = (stored, storedLines, leaves, file)
    }

    static func block(_ bytes: ArraySlice<UInt8>) throws(FormatError) -> BlockHeader {
        try Array(bytes.prefix(BlockHeader.headSize)).withBytes { bytes throws(FormatError) in
            try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[Member.head(bytes).content]))
        }
    }

    static func builder() throws(FormatError) -> SegmentBuilder {
        let key = try SignerKey(name: "steps", seed: seed)
        let header = SegmentHeader(
            number: 0, firstSequence: 0, created: time, previousSeal: .zero, saltKey: seed,
            origin: try Origin("steps"), key: key.verifier)
        return SegmentBuilder(header: header, lastReceived: time, deflater: try Deflater(.isal))
    }

    /// Numbers, stamps, hashes and, block by block, compresses.
    static func append(
        _ batch: EventBatch, to builder: inout SegmentBuilder, _ output: inout [UInt8], _ body: (Digest) -> Void
    ) throws(FormatError) {
        var stamps: [UInt8] = []
        Stamps.append(received: time, uid: 1000, pid: 4711, to: &stamps)
        try batch.withPieces { pieces throws(FormatError) in
            var (place, numbers) = (IndexTerms.Size(), SegmentNumbers())
            for entry in batch.entries {
                body(
                    try builder.append(
                        line: pieces.line(of: entry), brace: entry.brace, stamps: stamps,
                        extra: pieces.extra(of: entry),
                        facts: numbers.numbered(entry.facts)
                            ?? numbers.learn(
                                entry.facts, builder.numbered(entry.facts, batch.modules, batch.classes)),
                        terms: pieces.terms(of: entry, at: &place), &numbers, received: time, durable: 0, to: &output))
            }
        }
    }

    func step(_ name: String, bytes: Int? = nil, _ run: @escaping () -> Void) -> Step {
        Step(name: name, events: receivedLines.count, bytes: bytes ?? received.count, run: run)
    }
}

/// What a step has computed goes here, so that the optimiser does not leave it out.
@inline(never)
func keep<Value>(_ value: Value) {}
