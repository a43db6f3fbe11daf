/// Makes the bytes of one segment: numbers and stamps lines, hashes them, cuts them into blocks, counts for index and
/// seal. It writes nothing; what it returns is to be appended to the file as it is.
package struct SegmentBuilder {
    package let header: SegmentHeader
    /// Events so far, in closed blocks and in the open one.
    package private(set) var count: UInt64 = 0
    /// Bytes of the file so far, closed blocks counted.
    package private(set) var fileSize: UInt64
    package private(set) var tree = SegmentTree()
    package private(set) var modules = NameTable()
    /// Retention classes, encoded.
    package private(set) var classes = NameTable()
    package private(set) var lastReceived: Time
    private let beginning: Time
    private var firstReceived: Time?
    private var leastTime = Time.distantFuture
    private var greatestTime = Time.distantPast
    private(set) var moduleCounts: [UInt64] = []
    private(set) var index = IndexBuilder()
    private var salts: Salts
    private var lines: [UInt8] = []
    private var open: OpenBlock?
    private var deflater: Deflater
    private var watchedCount: UInt64?
    package private(set) var watchedRoot: Digest?

    private struct OpenBlock {
        var firstSequence: UInt64
        var firstReceived: Time
        var count: UInt32 = 0
        var leastTime = Time.distantFuture
        var greatestTime = Time.distantPast
    }

    /// The segment begins with `header.encoded()` and, if salts were destroyed, with their members; the caller writes
    /// both.
    ///
    /// - Parameters:
    ///   - salts: what is left of them; nil if the header holds the salt key.
    ///   - saltSize: bytes of the salt members.
    ///   - leastReceived: by the seal, if there is one: what was erased at the beginning counts as of then, or of the
    ///     segment's creation if that is earlier.
    package init(
        header: SegmentHeader, salts: PuncturedSalts? = nil, saltSize: Int = 0, lastReceived: Time,
        leastReceived: Time? = nil, deflater: Deflater
    ) {
        self.header = header
        beginning = min(header.created, leastReceived ?? header.created)
        self.lastReceived = lastReceived
        self.deflater = deflater
        self.salts = Salts(salts.map { .punctured($0) } ?? .key(header.saltKey))
        fileSize = UInt64(header.encoded().count + saltSize)
    }

    /// Takes the parts of a snapshot. Nothing was appended yet.
    mutating func take(
        _ file: SegmentIndex, _ index: IndexBuilder, _ tree: SegmentTree, _ moduleCounts: [UInt64], _ classes: NameTable
    ) {
        (self.index, self.tree, self.moduleCounts, self.classes) = (index, tree, moduleCounts, classes)
        (count, modules) = (tree.count, file.modules)
        for span in file.spans {
            // Whether there is such an offset shows when the file is read up to it.
            fileSize = span.offset + span.length
            leastTime = min(leastTime, span.leastTime)
            greatestTime = max(greatestTime, span.greatestTime)
            if firstReceived == nil { firstReceived = span.firstReceived }
            lastReceived = span.lastReceived
        }
    }

    /// Keeps the root of the tree over the first `count` events in `watchedRoot` once there are so many.
    package mutating func watchRoot(at count: UInt64) {
        watchedCount = count
        if count == self.count { watchedRoot = tree.root }
    }

    package var nextSequence: UInt64 { header.firstSequence + count }

    /// Whether the segment is to be sealed whatever its own size is, as its index is large.
    package var isIndexFull: Bool { index.size >= Limits.index / 2 }

    /// The receive time of an erased event that follows one received at `last`. Its own must not show.
    package func erasedTime(after last: Time) -> Time { max(last, beginning) }

    /// Whether nothing is left of an event's salt.
    package mutating func isSaltDestroyed(of sequence: UInt64) -> Bool { salts.withSalt(of: sequence) { $0 == nil } }

    /// Compresses with another codec from now on.
    package mutating func use(_ deflater: Deflater) { self.deflater = deflater }

    /// Receive times of what is still to come are at least `time`.
    package mutating func keepReceiving(from time: Time) { lastReceived = max(lastReceived, time) }

    /// Whether the segment can take an event of that module.
    package func hasRoom(for module: UnsafeRawBufferPointer) -> Bool {
        modules.count < Limits.modules || modules.find(module) != nil
    }

    package mutating func moduleNumber(_ name: UnsafeRawBufferPointer) -> UInt16 {
        let number = modules.insert(name)
        if Int(number) == moduleCounts.count { moduleCounts.append(0) }
        return number
    }

    /// The number of a retention class, given encoded. Behind the last but one, all others are one: the class of which
    /// nothing is known.
    package mutating func classNumber(_ encoded: UnsafeRawBufferPointer) -> UInt16 {
        if classes.count < Limits.classes - 1 { return classes.insert(encoded) }
        return classes.find(encoded) ?? RetentionClass.unknown.withUnsafeBytes { classes.insert($0) }
    }

    /// What is known of an event, with this segment's numbers of its module and its class. It has room for the module.
    ///
    /// - Parameters:
    ///   - modules: the table that `facts.module` is of.
    ///   - classes: the table that `facts.retentionClass` is of.
    package mutating func numbered(_ facts: EventFacts, _ modules: NameTable, _ classes: NameTable) -> EventFacts {
        var facts = facts
        facts.module = modules.names[Int(facts.module)].withUnsafeBytes { moduleNumber($0) }
        facts.retentionClass = classes.names[Int(facts.retentionClass)].withUnsafeBytes { classNumber($0) }
        return facts
    }

    /// Appends one event and returns its leaf. `facts.module` is a number from `moduleNumber`, `facts.retentionClass` one
    /// from `classNumber`; `stamps` are the bytes from `_received` to the last comma. Closes the block first if the line
    /// does not fit into it any more.
    package mutating func append(
        line: UnsafeRawBufferPointer, brace: Int, stamps: [UInt8], extra: UnsafeRawBufferPointer,
        facts: EventFacts, terms: IndexTerms.Slice, _ numbers: inout SegmentNumbers, received: Time,
        durable: UInt64, to output: inout [UInt8]
    ) throws(FormatError) -> Digest {
        // `"_seq":`, at most 19 digits and a comma make 27 bytes; the LF is one more.
        let room = line.count + stamps.count + extra.count + 28
        if !lines.isEmpty, lines.count + room > Limits.block { try closeBlock(durable: durable, to: &output) }
        let (start, sequence) = (lines.count, nextSequence)
        lines.append(room: room) { writer in
            writer.append(UnsafeRawBufferPointer(rebasing: line[..<brace]))
            writer.append(text: "\"_seq\":")
            writer.append(decimal: sequence)
            writer.append(UInt8(ascii: ","))
            stamps.withUnsafeBytes { writer.append($0) }
            writer.append(extra)
            writer.append(UnsafeRawBufferPointer(rebasing: line[brace...]))
            writer.append(UInt8(ascii: "\n"))
        }
        return add(start..<(lines.count - 1), facts, terms, &numbers, received: received)
    }

    /// Takes the lines of a block that stands in a file already, and returns what its header must say: to check it, or
    /// to go on behind it. `size` and `compressedSize`, `durable` and `checksum` are taken over as they are.
    package mutating func restore(
        _ block: BlockHeader, lines blockLines: [UInt8], events: [RestoredEvent], terms: IndexTerms,
        _ numbers: inout SegmentNumbers
    ) throws(FormatError) -> BlockHeader {
        let (first, start) = (nextSequence, lines.count)
        lines.append(contentsOf: blockLines)
        try terms.withSlice { terms throws(FormatError) in
            for event in events {
                let range = (start + event.range.lowerBound)..<(start + event.range.upperBound)
                switch event.content {
                case .event(let facts, let places):
                    _ = add(range, facts, terms.slice(places.start, places.end), &numbers, received: event.received)
                case .erased(let leaf): addErased(leaf, received: event.received)
                }
            }
        }
        var expected = block
        expected.count = UInt32(events.count)
        expected.firstSequence = first
        expected.leastTime = open?.leastTime ?? block.leastTime
        expected.greatestTime = open?.greatestTime ?? block.greatestTime
        expected.firstReceived = open?.firstReceived ?? block.firstReceived
        expected.root = tree.root
        close(block)
        return expected
    }

    /// Appends the line of an event that was stored before, as it is. Closes the block first if it does not fit into it
    /// any more. `facts` are what `numbered` gives.
    package mutating func append(
        stored line: UnsafeRawBufferPointer, facts: EventFacts, terms: IndexTerms.Slice,
        _ numbers: inout SegmentNumbers, received: Time,
        to output: inout [UInt8]
    ) throws(FormatError) {
        let range = try append(line, to: &output)
        _ = add(range, facts, terms, &numbers, received: received)
    }

    /// Appends the line that stands in the place of an erased event, whose leaf was `leaf`.
    package mutating func append(
        erased line: UnsafeRawBufferPointer, leaf: Digest, received: Time, to output: inout [UInt8]
    ) throws(FormatError) {
        _ = try append(line, to: &output)
        addErased(leaf, received: received)
    }

    private mutating func append(
        _ line: UnsafeRawBufferPointer, to output: inout [UInt8]
    ) throws(FormatError) -> Range<Int> {
        if !lines.isEmpty, lines.count + line.count + 1 > Limits.block { try closeBlock(durable: nil, to: &output) }
        let start = lines.count
        lines.append(contentsOf: line)
        lines.append(UInt8(ascii: "\n"))
        return start..<(lines.count - 1)
    }

    /// An event that was read back.
    package struct RestoredEvent {
        package enum Content {
            /// The facts are what `numbered` gives; `terms` is where what the index takes of it stands among that of the
            /// block.
            case event(EventFacts, terms: (start: IndexTerms.Size, end: IndexTerms.Size))
            case erased(leaf: Digest)
        }

        /// Its line among those of the block, LF left out.
        package var range: Range<Int>
        package var content: Content
        package var received: Time

        package init(range: Range<Int>, content: Content, received: Time) {
            self.range = range
            self.content = content
            self.received = received
        }
    }

    private mutating func add(
        _ range: Range<Int>, _ facts: EventFacts, _ terms: IndexTerms.Slice, _ numbers: inout SegmentNumbers,
        received: Time
    ) -> Digest {
        let leaf = leaf(of: nextSequence, range)
        let time = facts.time ?? received
        moduleCounts[Int(facts.module)] += 1
        // Not that of an erased event, which may be the time of creation, behind the times of those that follow it.
        if firstReceived == nil { firstReceived = received }
        index.append(facts, time: time, received: received, terms, &numbers)
        add(leaf, time: time, received: received)
        return leaf
    }

    /// An erased event counts in no module, no cell and no tally: what it was is gone. Its times are that of the event before it.
    private mutating func addErased(_ leaf: Digest, received: Time) {
        index.appendErased(received: received)
        add(leaf, time: received, received: received)
    }

    private mutating func add(_ leaf: Digest, time: Time, received: Time) {
        tree.append(leaf)
        var block = open ?? OpenBlock(firstSequence: nextSequence, firstReceived: received)
        block.count += 1
        block.leastTime = min(block.leastTime, time)
        block.greatestTime = max(block.greatestTime, time)
        open = block
        lastReceived = received
        leastTime = min(leastTime, time)
        greatestTime = max(greatestTime, time)
        count += 1
        if count == watchedCount { watchedRoot = tree.root }
    }

    /// That of the line in `range`. Where its salt was destroyed no line has the leaf that it had: then it is the leaf
    /// of a salt of zeros, which makes a root that nobody signed.
    private mutating func leaf(of sequence: UInt64, _ range: Range<Int>) -> Digest {
        lines.withUnsafeBytes { salts.leaf(of: sequence, line: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Compresses the open block, if there is one, and appends its member. `durable` is the number of the event behind
    /// the last one that was synced; nil for one that was stored before, which states its own first event.
    package mutating func closeBlock(durable: UInt64?, to output: inout [UInt8]) throws(FormatError) {
        guard let block = open else { return }
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: BlockHeader.headSize))
        let streamStart = output.count
        let (crc, size) = try lines.withBytes { bytes throws(FormatError) in
            try deflater.deflate(bytes, appendingTo: &output)
            return (Checksum.crc32(bytes), UInt32(bytes.count))
        }
        let checksum = output.withUnsafeBytes { Checksum.crc32c(UnsafeRawBufferPointer(rebasing: $0[streamStart...])) }
        let header = BlockHeader(
            compressedSize: UInt32(output.count - streamStart), size: size, count: block.count,
            firstSequence: block.firstSequence, durable: durable ?? block.firstSequence, leastTime: block.leastTime,
            greatestTime: block.greatestTime, firstReceived: block.firstReceived, root: tree.root, checksum: checksum)
        var head: [UInt8] = []
        header.appendHead(to: &head)
        output.replaceSubrange(start..<streamStart, with: head)
        output.append(littleEndian: crc)
        output.append(littleEndian: size)
        close(header)
    }

    private mutating func close(_ header: BlockHeader) {
        index.closeBlock(header, offset: fileSize)
        fileSize += UInt64(header.memberSize)
        lines.removeAll(keepingCapacity: true)
        open = nil
    }

    /// What ends the segment. Every block is closed.
    package mutating func finish(reason: SealReason, nextKey: VerifierKey) -> (
        seal: Seal, footer: [UInt8], index: [UInt8]
    ) {
        let indexFile = index.finish(
            firstSequence: header.firstSequence, count: count, modules: modules, classes: classes,
            roots: tree.subtreeRoots)
        let footer = SegmentFooter(count: count, root: tree.root, indexDigest: Digest.sha256(indexFile))
        let counts = zip(modules.names, moduleCounts).filter { $0.1 > 0 }.map { name, count in
            Seal.ModuleCount(name: String(decoding: name, as: UTF8.self), count: count)
        }.sorted { byteOrder($0.name, $1.name) }
        let first = firstReceived ?? header.created
        let received = first...(firstReceived == nil ? first : max(first, lastReceived))
        let seal = Seal(
            origin: header.origin, number: header.number, firstSequence: header.firstSequence, count: count,
            root: tree.root, previous: header.previousSeal, opened: header.created, received: received,
            time: count == 0 ? header.created...header.created : leastTime...greatestTime, modules: counts,
            reason: reason, nextKey: nextKey)
        return (seal, footer.encoded(), indexFile)
    }
}
