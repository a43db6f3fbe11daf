import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// A log in memory, written by hand through the format, step by step as a writer would: so a test can stop it at any
/// step, or do a step wrong.
final class SealedLogFixture {
    /// Where a block stands.
    struct Block {
        /// First sequence number of its segment.
        var segment: UInt64
        var range: Range<Int>
        var firstSequence: UInt64
        var endSequence: UInt64
    }

    let files: MemoryTree
    let origin: Origin
    private(set) var blocks: [Block] = []
    private(set) var seals: [[UInt8]] = []
    /// Receive time of the next event.
    var clock = Time(nanoseconds: 1_795_244_400_000_000_000)
    /// Is part of every event: logs of other words are other logs.
    var word = "login"

    private let parser: EventParser
    private let seed: UInt8
    private(set) var builder: SegmentBuilder

    /// Logs of other seeds have other keys and salts.
    init(name: String = "test.example/log", seed: UInt8 = 0, files: MemoryTree = MemoryTree()) throws {
        self.files = files
        self.seed = seed
        origin = try Origin(name)
        parser = try EventParser()
        let firstKey = try Self.key(origin, seed, 0)
        builder = try Self.builder(origin, firstKey, seed, number: 0, first: 0, created: clock, previous: .zero)
        let statement = OriginStatement(
            origin: origin, created: clock, genesisKey: try key(0).verifier, logKey: try logKey().verifier)
        files.put(FileNames.origin, try key(0).sign(statement.text))
        files.put(dataPath, builder.header.encoded())
        try head()
        try checkpoint()
    }

    /// Three sealed segments (events 0–6, 7–11, 12–17) and an active one (18–21).
    static func whole(name: String = "test.example/log", word: String = "login") throws -> SealedLogFixture {
        let log = try SealedLogFixture(name: name)
        log.word = word
        for sizes in [[3, 4], [2, 3], [3, 3]] {
            for size in sizes { try log.append(size) }
            try log.rotate()
        }
        try log.append(2)
        try log.append(2)
        try log.head()
        return log
    }

    var directory: LogDirectory { LogDirectory(files) }
    var first: UInt64 { builder.header.firstSequence }
    var number: UInt64 { builder.header.number }
    var dataPath: String { FileNames.segment(first, .data) }

    func key(_ number: UInt64) throws -> SignerKey { try Self.key(origin, seed, number) }

    func logKey() throws -> SignerKey { try Self.key(origin, seed, 0xFF) }

    /// What has the form of a key, and a byte too few.
    func shortKey() -> VerifierKey {
        VerifierKey(name: origin.name, publicKey: [UInt8](repeating: 7, count: 31))
    }

    private static func key(_ origin: Origin, _ seed: UInt8, _ number: UInt64) throws -> SignerKey {
        let byte = UInt8(truncatingIfNeeded: number)
        return try SignerKey(name: origin.name, seed: [seed] + [UInt8](repeating: byte, count: 31))
    }

    private static func builder(
        _ origin: Origin, _ key: SignerKey, _ seed: UInt8, number: UInt64, first: UInt64, created: Time,
        previous: Digest
    ) throws -> SegmentBuilder {
        let header = SegmentHeader(
            number: number, firstSequence: first, created: created, previousSeal: previous,
            saltKey: [seed] + [UInt8](repeating: UInt8(truncatingIfNeeded: number) &+ 100, count: 31),
            origin: origin, key: key.verifier)
        return SegmentBuilder(header: header, lastReceived: .distantPast, deflater: try Deflater(.isal))
    }

    // MARK: - Steps of a writer

    /// Appends a block; by default as one that was written after everything before it was synced.
    func append(_ count: Int, durable: UInt64? = nil) throws {
        let firstSequence = builder.nextSequence
        append(try block(count, durable: durable), from: firstSequence)
    }

    /// Appends a block of received lines.
    func append(_ lines: [String]) throws {
        let firstSequence = builder.nextSequence
        append(try block(lines), from: firstSequence)
    }

    /// Appends a block of events of the daemon itself.
    func append(own lines: [String]) throws {
        let firstSequence = builder.nextSequence
        var output: [UInt8] = []
        for line in lines { try add(Array(line.utf8), isOwn: true, durable: firstSequence, &output) }
        try builder.closeBlock(durable: firstSequence, to: &output)
        append(output, from: firstSequence)
    }

    private func append(_ bytes: [UInt8], from firstSequence: UInt64) {
        let start = files[dataPath]?.count ?? 0
        files.append(dataPath, bytes)
        blocks.append(
            Block(
                segment: first, range: start..<(start + bytes.count), firstSequence: firstSequence,
                endSequence: builder.nextSequence))
    }

    /// The bytes of a block, which the caller writes or not.
    func block(_ count: Int, durable: UInt64? = nil) throws -> [UInt8] {
        let lines = (0..<UInt64(count)).map { index in
            let module = (builder.nextSequence + index) % 3 == 0 ? "authentication" : "reporting"
            return #"{"action":"\#(word)","module":"\#(module)","status":"success"}"#
        }
        return try block(lines, durable: durable)
    }

    func block(_ lines: [String], durable: UInt64? = nil) throws -> [UInt8] {
        var output: [UInt8] = []
        let durable = durable ?? builder.nextSequence
        for line in lines { try add(Array(line.utf8), durable: durable, &output) }
        try builder.closeBlock(durable: durable, to: &output)
        return output
    }

    private func add(
        _ line: [UInt8], isOwn: Bool = false, durable: UInt64, _ output: inout [UInt8]
    ) throws {
        var batch = EventBatch()
        if isOwn {
            parser.append(own: line, to: &batch)
        } else {
            let padded = line + [UInt8](repeating: 0, count: JSONParser.padding)
            let isEvent = padded.withUnsafeBytes { bytes in
                parser.parse(.whole(UnsafeRawBufferPointer(rebasing: bytes[..<line.count])), uid: 1000, into: &batch)
            }
            try #require(isEvent)
        }
        let entry = try #require(batch.entries.first)
        var stamps: [UInt8] = []
        Stamps.append(received: clock, uid: 1000, pid: 42, to: &stamps)
        let facts = builder.numbered(entry.facts, batch.modules, batch.classes)
        var (place, numbers) = (IndexTerms.Size(), SegmentNumbers())
        _ = try batch.withPieces { pieces throws(FormatError) in
            try builder.append(
                line: pieces.line(of: entry), brace: entry.brace, stamps: stamps, extra: pieces.extra(of: entry),
                facts: facts, terms: pieces.terms(of: entry, at: &place), &numbers, received: clock, durable: durable,
                to: &output)
        }
        clock.nanoseconds += 1_000_000_000
    }

    func head(
        number: UInt64? = nil, first: UInt64? = nil, count: UInt64? = nil, root: Digest? = nil, key: UInt64? = nil
    ) throws {
        let head = Head(
            origin: origin, number: number ?? self.number, firstSequence: first ?? self.first,
            count: count ?? builder.count, root: root ?? builder.tree.root, time: clock)
        files.put(FileNames.head, try self.key(key ?? number ?? self.number).sign(head.text))
    }

    /// Footer and index: what precedes a seal.
    func foot() throws {
        var finished = builder
        let (_, footer, index) = finished.finish(reason: .size, nextKey: try key(number + 1).verifier)
        files.append(dataPath, footer)
        files.put(FileNames.segment(first, .index), index)
    }

    /// - Parameters:
    ///   - change: what a wrong writer would say, well signed.
    ///   - text: what a later writer would write.
    func seal(
        _ reason: SealReason = .size, signedBy: UInt64? = nil, change: (inout Seal) -> Void = { _ in },
        text: (String) -> String = { $0 }
    ) throws {
        var finished = builder
        var seal = finished.finish(reason: reason, nextKey: try key(number + 1).verifier).seal
        change(&seal)
        let note = try key(signedBy ?? number).sign(text(seal.text))
        files.put(FileNames.segment(first, .seal), note)
        seals.append(note)
    }

    func checkpoint(size: Int? = nil, root: Digest? = nil) throws {
        files.put(FileNames.checkpoint, try checkpointNote(size: size, root: root))
    }

    func checkpointNote(size: Int? = nil, root: Digest? = nil) throws -> [UInt8] {
        let covered = seals.prefix(size ?? seals.count)
        let checkpoint = Checkpoint(
            origin: origin, size: UInt64(size ?? seals.count),
            root: root ?? MerkleTree.root(of: covered.map { MerkleTree.leaf($0) }))
        return try logKey().sign(checkpoint.text)
    }

    /// Opens the next segment; `lost` numbers are left out, as after damage.
    func next(lost: UInt64 = 0) throws {
        let previous = try #require(seals.last)
        builder = try Self.builder(
            origin, try key(number + 1), seed, number: number + 1, first: builder.nextSequence + lost, created: clock,
            previous: Digest.sha256(previous))
        files.put(dataPath, builder.header.encoded())
    }

    func rotate() throws {
        try foot()
        try seal()
        try next()
        try checkpoint()
        try head()
    }

    // MARK: - Damage

    func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try #require(files[path])
        body(&bytes)
        files.put(path, bytes)
    }

    /// Writes a block's lines anew with every checksum right, as somebody would who knows the format and has no key.
    func forge(
        _ block: Block, durable: UInt64? = nil, root: Digest? = nil, codec: Compression = .isal,
        _ body: (String) -> String = { $0 }
    ) throws {
        let path = FileNames.segment(block.segment, .data)
        let data = try #require(files[path])
        let (header, lines) = try read(block)
        let changed = Array(body(lines).utf8)
        let forged = try encode(
            header, changed, durable: durable ?? header.durable, root: root ?? header.root, Deflater(codec))
        files.put(path, data[..<block.range.lowerBound] + forged + data[block.range.upperBound...])
    }

    /// Writes the lines of the last block anew as a writer with the keys would: block and head have the root of them.
    func forgeLast(_ body: (String) -> String) throws {
        var tree = MerkleTree()
        var salts = Salts(saltKey: builder.header.saltKey)
        let own = blocks.filter { $0.segment == first }
        let last = try #require(own.last)
        func forged(_ lines: String) -> String {
            lines.split(separator: "\n").map { body(String($0)) + "\n" }.joined()
        }
        for block in own {
            let lines = try read(block).lines
            let now = block.firstSequence == last.firstSequence ? forged(lines) : lines
            for line in now.split(separator: "\n") {
                let leaf = salts.withSalt(of: first + tree.count) { salt in
                    salt.map { salt in Array(line.utf8).withUnsafeBytes { Digest.leaf(salt: salt, line: $0) } }
                }
                tree.append(try #require(leaf))
            }
        }
        try forge(last, root: tree.root, forged)
        try head(root: tree.root)
    }

    private func read(_ block: Block) throws -> (header: BlockHeader, lines: String) {
        let member = Array(try #require(files[FileNames.segment(block.segment, .data)])[block.range])
        return try member.withUnsafeBytes { bytes in
            let head = try Member.head(bytes)
            let header = try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
            var lines: [UInt8] = []
            try header.inflate(
                UnsafeRawBufferPointer(rebasing: bytes[head.size...]), with: Inflater(), into: &lines)
            return (header, String(decoding: lines, as: UTF8.self))
        }
    }

    private func encode(
        _ header: BlockHeader, _ lines: [UInt8], durable: UInt64, root: Digest, _ deflater: Deflater
    ) throws -> [UInt8] {
        var stream: [UInt8] = []
        let crc = try lines.withUnsafeBytes { bytes in
            try deflater.deflate(bytes, appendingTo: &stream)
            return Checksum.crc32(bytes)
        }
        var content: [UInt8] = []
        content.append(littleEndian: UInt32(0))
        content.append(littleEndian: UInt32(stream.count))
        content.append(littleEndian: UInt32(lines.count))
        content.append(littleEndian: UInt32(lines.count { $0 == 10 }))
        for number in [header.firstSequence, durable] { content.append(littleEndian: number) }
        for time in [header.leastTime, header.greatestTime, header.firstReceived] {
            content.append(littleEndian: time.nanoseconds)
        }
        content.append(root)
        content.append(littleEndian: Checksum.crc32c(stream))
        var member = Self.member(0x42, content)
        member += stream
        member.append(littleEndian: crc)
        member.append(littleEndian: UInt32(lines.count))
        return member
    }

    /// Head of a member with a right CRC-32C, after Format.md.
    static func member(_ kind: UInt8, _ content: [UInt8]) -> [UInt8] {
        var member: [UInt8] = [0x1F, 0x8B, 0x08, 0x04, 0, 0, 0, 0, 0, 0xFF]
        member.append(littleEndian: UInt16(content.count + 8))
        member += [0x43, kind]
        member.append(littleEndian: UInt16(content.count + 4))
        member += content
        member.append(littleEndian: Checksum.crc32c(member))
        return member
    }

    // MARK: - Verification

    /// In both ways, whole and events only; what both find is that of the whole one.
    func verify(
        key: VerifierKey? = nil, checkpoint: [UInt8]? = nil, threads: Int = 1
    ) throws -> Verification {
        let options = VerifyOptions(genesisKey: key, checkpoint: checkpoint, threads: threads)
        return try Verifier.runBothWays(directory, options)
    }

    /// While the log is written two verifications see two logs.
    func verifyLive(
        key: VerifierKey, threads: Int = 1, isOfEventsOnly: Bool = false
    ) throws -> Verification {
        var options = VerifyOptions(genesisKey: key, threads: threads)
        options.isOfEventsOnly = isOfEventsOnly
        return try Verifier(directory, options: options).run()
    }
}

extension SealedLogFixture {
    /// The lines of a segment file with all its members good; nil for any other.
    static func lines(of data: [UInt8]) -> [UInt8]? {
        let path = "segments/x"
        var lines: [UInt8] = []
        var all: [UInt8] = []
        guard let reader = try? SegmentReader(MemoryTree([path: data]), path: path) else { return nil }
        while let item = try? reader.next(into: &lines) {
            guard case .block = item else { return all }
            all += lines
        }
        return nil
    }
}
