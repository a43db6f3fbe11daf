import CairnFormat

/// Stores what a parser made of lines in a segment of its own, as the writer does, and reads it back as the verifier
/// does: both must say the same about each event.
final class EventStorage {
    struct Stored {
        var header: SegmentHeader
        var members: [UInt8]
        var footer: [UInt8]
        var index: [UInt8]
        var seal: Seal
        /// The stored lines, LFs counted.
        var lines: [UInt8]

        /// The whole file.
        var file: [UInt8] { header.encoded() + members + footer }
    }

    private let header: SegmentHeader
    private let nextKey: VerifierKey
    private let deflater: Deflater
    private let inflater: Inflater
    private let reader: StoredEventReader
    private let arena = GuardedBytes()
    private var lines: [UInt8] = []

    init(header: SegmentHeader? = nil) throws(FormatError) {
        if let header { self.header = header } else { self.header = try Fixture.header() }
        nextKey = try Fixture.signer(2).verifier
        deflater = try Deflater(.isal)
        inflater = try Inflater()
        reader = try StoredEventReader()
    }

    /// One block with all of the batch; the batch is not empty and fits.
    func store(_ batch: EventBatch) throws(FormatError) -> Stored {
        var builder = SegmentBuilder(header: header, lastReceived: .distantPast, deflater: deflater)
        var output: [UInt8] = []
        var stamps: [UInt8] = []
        Stamps.append(received: Fixture.time, uid: Fixture.uid, pid: Fixture.pid, to: &stamps)
        var (place, numbers) = (IndexTerms.Size(), SegmentNumbers())
        for entry in batch.entries {
            let facts = builder.numbered(entry.facts, batch.modules, batch.classes)
            _ = try batch.withPieces { pieces throws(FormatError) in
                try builder.append(
                    line: pieces.line(of: entry), brace: entry.brace, stamps: stamps, extra: pieces.extra(of: entry),
                    facts: facts, terms: pieces.terms(of: entry, at: &place), &numbers, received: Fixture.time,
                    durable: header.firstSequence, to: &output)
            }
        }
        try builder.closeBlock(durable: header.firstSequence, to: &output)
        let (seal, footer, index) = builder.finish(reason: .size, nextKey: nextKey)
        return Stored(header: header, members: output, footer: footer, index: index, seal: seal, lines: [])
    }

    /// Stores a batch of one entry and reads it back.
    func checkRoundTrip(_ batch: EventBatch) throws(PropertyFailure) -> Stored {
        var stored = try mustSucceed("the event cannot be stored") { () throws(FormatError) in try store(batch) }
        let entry = batch.entries[0]
        let block = try mustSucceed("the block is not good") { () throws(FormatError) in
            try stored.members.withBytes { bytes throws(FormatError) in
                let head = try Member.head(bytes)
                let block = try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
                let payload = UnsafeRawBufferPointer(rebasing: bytes[head.size...])
                try block.inflate(payload, with: inflater, into: &lines)
                return block
            }
        }
        stored.lines = lines
        try require(firstLineFeed(of: lines) == lines.count - 1, "a stored line with a line feed in it")
        reader.beginSegment()
        var terms = IndexTerms()
        let event = try mustSucceed("the stored line cannot be read") { () throws(FormatError) in
            try arena.place(lines.dropLast(), padding: JSONParser.padding) { line throws(FormatError) in
                try reader.read(line, terms: &terms)
            }
        }
        try agree(event.stamps.sequence, header.firstSequence, "the sequence number")
        try agree(event.stamps.received, Fixture.time, "the receive time")
        try agree(event.stamps.uid, Fixture.uid, "the uid")
        try agree(event.stamps.pid, Fixture.pid, "the pid")
        try require(!event.stamps.isOwn, "a client's event that is stamped as the daemon's own")
        var facts = event.facts
        let module = reader.modules.names[Int(facts.module)]
        try agree(module, batch.modules.names[Int(entry.facts.module)], "the module")
        facts.module = entry.facts.module
        let retentionClass = reader.classes.names[Int(facts.retentionClass)]
        try agree(retentionClass, batch.classes.names[Int(entry.facts.retentionClass)], "the retention class")
        facts.retentionClass = entry.facts.retentionClass
        try agree(facts, entry.facts, "the facts of the event")
        try agree(terms.tokens, batch.terms.tokens, "the tokens")
        try agree(terms.texts.items, batch.terms.texts.items, "the texts")
        try agree(event.identity, entry.identity, "the identity")
        try agree(event.time...event.time, block.leastTime...block.greatestTime, "the times of the block")
        try checkSeal(stored, terms.tokens, module)
        return stored
    }

    private func checkSeal(_ stored: Stored, _ tokens: [UInt64], _ module: [UInt8]) throws(PropertyFailure) {
        let seal = try mustSucceed("the seal cannot be read") { () throws(FormatError) in
            try Seal(text: stored.seal.text)
        }
        try agree(seal, stored.seal, "the seal")
        let index = try mustSucceed("the index cannot be read") { () throws(FormatError) in
            try SegmentIndex(stored.index, tokens: tokens)
        }
        try require(index.spans.count == 1 && index.count == 1, "an index without its event")
        let span = index.spans[0]
        for token in tokens { try require(index.mayContain(token, in: span), "the index leaves out a token") }
        let number = module.withUnsafeBytes { index.modules.find($0) }
        try require(number.map { span.modules.contains($0) } ?? false, "the index leaves out the module")
    }

    private func firstLineFeed(of lines: [UInt8]) -> Int? { lines.firstIndex(of: 0x0A) }
}
