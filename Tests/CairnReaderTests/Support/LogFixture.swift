import CairnFormat
import CairnPlatform
import CairnReader
import Glibc
import Testing

/// A real log in a directory of its own, written by hand through the builders of the format: as many sealed segments
/// as a test wants, and an active one. It is removed with the last reference.
final class LogFixture {
    /// An event as it must be read back.
    struct Stored: Equatable {
        var sequence: UInt64
        var line: [UInt8]
        var text: String { String(decoding: line, as: UTF8.self) }
    }

    let path: String
    let files: PosixFileSystem
    /// Every event of the log, in order.
    private(set) var events: [Stored] = []
    /// First numbers of the segments, the active one last.
    private(set) var segments: [UInt64] = []
    /// Receive time of the next event; each takes a second.
    var clock = LogFixture.start

    /// 2026-11-21T07:00:00Z
    static let start = Time(nanoseconds: 1_795_244_400_000_000_000)

    private let origin: Origin
    private let parser: EventParser
    private var builder: SegmentBuilder
    private var file: any AppendFile
    private var key: SignerKey
    private var keys: UInt8 = 0

    init() throws {
        var template = Array("/tmp/cairn-reader-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        path = try #require(made)
        files = try PosixFileSystem(root: path)
        try files.createDirectory(FileNames.segments, mode: 0o700)
        origin = try Origin("test.example/log")
        parser = try EventParser()
        key = try LogFixture.makeKey(0)
        builder = try LogFixture.makeBuilder(origin, key, number: 0, first: 0, previous: .zero)
        file = try files.create(FileNames.segment(0, .data), mode: 0o600)
        try write(builder.header.encoded())
        segments = [0]
        let statement = OriginStatement(
            origin: origin, created: clock, genesisKey: key.verifier, logKey: try LogFixture.makeKey(255).verifier)
        try put(FileNames.origin, key.sign(statement.text))
    }

    deinit {
        for name in ["segments", "keys", "."] {
            let directory = "\(path)/\(name)"
            for file in (try? files.list(name == "." ? "" : name)) ?? [] { unlink("\(directory)/\(file)") }
            rmdir(directory)
        }
        rmdir(path)
    }

    func open() throws -> AuditLog { try AuditLog(at: path) }

    var nextSequence: UInt64 { builder.nextSequence }

    // MARK: Writing

    /// Appends events as one block. Each line is a JSON object as an application sends it.
    func append(_ lines: String..., uid: UInt32 = 1000) throws { try append(lines, uid: uid) }

    func append(_ lines: [String], uid: UInt32 = 1000) throws { try write(block(lines, uid: uid)) }

    /// The bytes of the block, which the caller writes or not.
    func block(_ lines: [String], uid: UInt32 = 1000) throws -> [UInt8] {
        var output: [UInt8] = []
        for line in lines {
            var batch = EventBatch()
            var padded = Array(line.utf8)
            padded.append(contentsOf: [UInt8](repeating: 0, count: JSONParser.padding))
            _ = padded.withUnsafeBytes { bytes in
                parser.parse(
                    .whole(UnsafeRawBufferPointer(rebasing: bytes[..<line.utf8.count])), uid: uid, into: &batch)
            }
            try add(batch, uid: uid, &output)
        }
        try builder.closeBlock(durable: builder.header.firstSequence, to: &output)
        return output
    }

    private func add(_ batch: EventBatch, uid: UInt32, _ output: inout [UInt8]) throws {
        let entry = try #require(batch.entries.first)
        let line = batch.bytes[entry.offset..<(entry.offset + entry.size)]
        let extra = batch.extraStamps[entry.extra]
        var stamps: [UInt8] = []
        Stamps.append(received: clock, uid: uid, pid: 42, to: &stamps)
        let facts = builder.numbered(entry.facts, batch.modules, batch.classes)
        let sequence = builder.nextSequence
        var (place, numbers) = (IndexTerms.Size(), SegmentNumbers())
        _ = try batch.withPieces { pieces throws(FormatError) in
            try builder.append(
                line: pieces.line(of: entry), brace: entry.brace, stamps: stamps, extra: pieces.extra(of: entry),
                facts: facts, terms: pieces.terms(of: entry, at: &place), &numbers, received: clock,
                durable: builder.header.firstSequence, to: &output)
        }
        let stored = line.prefix(entry.brace) + Array("\"_seq\":\(sequence),".utf8) + stamps + extra
        events.append(Stored(sequence: sequence, line: Array(stored + line.dropFirst(entry.brace))))
        clock.nanoseconds += 1_000_000_000
    }

    /// Ends the active segment and begins the next.
    ///
    /// - Parameter lost: numbers that the next segment leaves out, as after damage.
    func seal(_ reason: SealReason = .size, lost: UInt64 = 0) throws {
        keys += 1
        let next = try LogFixture.makeKey(keys)
        let header = builder.header
        let (seal, footer, index) = builder.finish(reason: reason, nextKey: next.verifier)
        if reason != .corruption { try write(footer) }
        let note = try key.sign(seal.text)
        try put(FileNames.segment(header.firstSequence, .index), index)
        try put(FileNames.segment(header.firstSequence, .seal), note)
        try file.close()
        key = next
        let first = seal.endSequence + lost
        builder = try LogFixture.makeBuilder(
            origin, next, number: header.number + 1, first: first, previous: Digest.sha256(note))
        file = try files.create(FileNames.segment(first, .data), mode: 0o600)
        try write(builder.header.encoded())
        segments.append(first)
    }

    /// Writes a head that names the events of the active segment.
    func publishHead(count: UInt64? = nil) throws {
        let header = builder.header
        let head = Head(
            origin: origin, number: header.number, firstSequence: header.firstSequence, count: count ?? builder.count,
            root: builder.tree.root, time: clock)
        try put(FileNames.head, key.sign(head.text))
    }

    /// Appends raw bytes to the active segment's file.
    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try file.append($0) } }

    /// Replaces the active segment's file by a copy of itself, as a recovery does.
    func replaceActiveFile() throws {
        let name = FileNames.segment(builder.header.firstSequence, .data)
        try put(name, try #require(try files.contents(name, limit: 1 << 30)))
        try reopenActiveFile()
    }

    /// Goes on with the file that has the active segment's name now.
    func reopenActiveFile() throws {
        try file.close()
        file = try files.openForAppending(FileNames.segment(builder.header.firstSequence, .data))
    }

    /// Puts a whole file in its place.
    func put(_ name: String, _ bytes: [UInt8]) throws {
        let temporary = try files.create(name + ".tmp", mode: 0o600)
        try bytes.withUnsafeBytes { try temporary.append($0) }
        try temporary.close()
        try files.rename(name + ".tmp", to: name)
    }

    // MARK: Damage

    func remove(_ first: UInt64, _ part: FileNames.Part) throws { try files.remove(FileNames.segment(first, part)) }

    /// Changes the bytes of a file.
    func change(_ first: UInt64, _ part: FileNames.Part, _ body: (inout [UInt8]) -> Void) throws {
        let name = FileNames.segment(first, part)
        var bytes = try #require(try files.contents(name, limit: 1 << 30))
        body(&bytes)
        try put(name, bytes)
    }

    /// Offsets of the blocks of a segment, by their first event.
    func blocks(_ first: UInt64) throws -> [UInt64: UInt64] {
        let reader = try SegmentReader(files, path: FileNames.segment(first, .data))
        var lines: [UInt8] = []
        var found: [UInt64: UInt64] = [:]
        while true {
            let offset = reader.offset
            guard case .block(let block) = try reader.next(into: &lines) else { return found }
            found[block.firstSequence] = offset
        }
    }

    // MARK: Parts

    private static func makeKey(_ number: UInt8) throws -> SignerKey {
        try SignerKey(name: "test.example/log", seed: [UInt8](repeating: number, count: 32))
    }

    private static func makeBuilder(
        _ origin: Origin, _ key: SignerKey, number: UInt64, first: UInt64, previous: Digest
    ) throws -> SegmentBuilder {
        let header = SegmentHeader(
            number: number, firstSequence: first, created: start, previousSeal: previous,
            saltKey: [UInt8](repeating: 7, count: 32), origin: origin, key: key.verifier)
        return SegmentBuilder(header: header, lastReceived: .distantPast, deflater: try Deflater(.isal))
    }
}

extension AuditLog {
    /// All that a query finds, with the work that it was.
    func all(_ query: Query) throws -> (found: [LogFixture.Stored], statistics: QueryStatistics) {
        var events = try events(query)
        var found: [LogFixture.Stored] = []
        while let event = try events.next() {
            found.append(LogFixture.Stored(sequence: event.sequence, line: event.line))
        }
        return (found, events.statistics)
    }

    func sequences(_ filter: String, order: Query.Order = .oldestFirst) throws -> [UInt64] {
        try all(Query(filter: Filter(filter), order: order)).found.map(\.sequence)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// true once in `n` times.
    mutating func oneIn(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }
}
