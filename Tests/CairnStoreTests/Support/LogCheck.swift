import CairnFormat
import CairnPlatform
import CairnReader
import Testing

/// A simple checker of a whole log, written apart from the writer's own reading of its seals: it follows the chain from
/// the origin and says what does not hold.
struct LogCheck {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The stored lines by sequence number.
    private(set) var lines: [UInt64: String] = [:]
    private(set) var seals: [Seal] = []
    /// Sequence numbers that a corruption seal left out.
    private(set) var lost: [Range<UInt64>] = []
    private(set) var activeFirst: UInt64 = 0
    private(set) var nextSequence: UInt64 = 0

    private let files: PosixFileSystem
    private let directory: LogDirectory
    private var outer = MerkleTree()
    private var previous = Digest.zero
    private var lastReceived = Time.distantPast

    /// `checkpointMayLag`: as it may just after a crash.
    init(_ disk: TestDisk, checkpointMayLag: Bool = false) throws {
        files = disk.files
        directory = LogDirectory(files)
        let origin = try directory.origin()
        var key = origin.genesisKey
        var roots = [Digest.empty]
        let segments = try directory.segments()
        for (index, segment) in segments.enumerated() {
            guard segment.isSealed else {
                try require(index == segments.count - 1, "\(segment.firstSequence) has no seal and is not the last")
                try readActive(segment, key, origin)
                break
            }
            key = try readSealed(segment, key, origin)
            roots.append(outer.root)
        }
        try require(segments.last?.isSealed == false, "there is no active segment")
        try readCheckpoint(origin, roots, mayLag: checkpointMayLag)
        let private_ = try SignerKey(text(FileNames.epochKey))
        try require(private_.verifier == key, "keys/epoch is not the key of the active segment")
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try files.contents(path, limit: 1 << 20) ?? [], as: UTF8.self)
    }

    private func require(_ holds: Bool, _ message: @autoclosure () -> String) throws {
        if !holds { throw Failure(description: message()) }
    }

    private mutating func readSealed(
        _ segment: LogDirectory.Segment, _ key: VerifierKey, _ origin: OriginStatement
    ) throws -> VerifierKey {
        guard let (note, bytes) = try directory.note(segment.path(.seal)) else {
            throw Failure(description: "no seal")
        }
        try note.verify(key)
        let seal = try Seal(text: note.text)
        let last = seals.last
        let mayLeap = last?.reason == .corruption
        try require(seal.number == UInt64(seals.count), "segment number \(seal.number)")
        try require(seal.previous == previous, "segment \(seal.number) does not name the seal before it")
        try require(
            mayLeap ? seal.firstSequence >= nextSequence : seal.firstSequence == nextSequence,
            "segment \(seal.number) begins at \(seal.firstSequence), not at \(nextSequence)")
        if seal.firstSequence > nextSequence { lost.append(nextSequence..<seal.firstSequence) }
        nextSequence = seal.firstSequence
        if seal.reason == .corruption {
            try readCorrupt(segment, seal)
        } else {
            try readData(segment, seal, key)
        }
        previous = Digest.sha256(bytes)
        outer.append(MerkleTree.leaf(bytes))
        seals.append(seal)
        nextSequence = seal.endSequence
        return seal.nextKey
    }

    private mutating func readData(_ segment: LogDirectory.Segment, _ seal: Seal, _ key: VerifierKey) throws {
        var replay = try SegmentReplay(files, path: segment.path(.data))
        try checkHeader(replay.reader.header, seal.number, seal.firstSequence, key)
        var footer: SegmentFooter?
        loop: while true {
            switch try replay.next() {
            case .block: take(replay)
            case .footer(let found): footer = found
            case .end: break loop
            }
        }
        var builder = replay.builder
        let expected = builder.finish(reason: seal.reason, nextKey: seal.nextKey)
        try require(expected.seal == seal, "seal \(seal.number) does not say what its segment holds")
        let index = try files.contents(segment.path(.index), limit: 1 << 30)
        try require(index == expected.index, "the index of segment \(seal.number) is not that of its events")
        try require(footer?.encoded() == expected.footer, "the footer of segment \(seal.number)")
    }

    /// What stands before the damage must be there; the rest is evidence.
    private mutating func readCorrupt(_ segment: LogDirectory.Segment, _ seal: Seal) throws {
        guard seal.count > 0 else { return }
        var replay = try SegmentReplay(files, path: segment.path(.data))
        while replay.builder.count < seal.count {
            guard case .block = try replay.next() else { throw Failure(description: "sealed events are missing") }
            take(replay)
        }
        try require(replay.builder.tree.root == seal.root, "the corruption seal \(seal.number)")
    }

    private mutating func readActive(
        _ segment: LogDirectory.Segment, _ key: VerifierKey, _ origin: OriginStatement
    ) throws {
        var replay = try SegmentReplay(files, path: segment.path(.data))
        let header = replay.reader.header
        activeFirst = header.firstSequence
        if seals.last?.reason == .corruption, header.firstSequence > nextSequence {
            lost.append(nextSequence..<header.firstSequence)
            nextSequence = header.firstSequence
        }
        try checkHeader(header, UInt64(seals.count), nextSequence, key)
        loop: while true {
            switch try replay.next() {
            case .block: take(replay)
            case .footer: throw Failure(description: "a footer in the active segment")
            case .end: break loop
            }
        }
        nextSequence = replay.builder.nextSequence
        guard let (note, _) = try directory.note(FileNames.head), (try? note.verify(key)) != nil else { return }
        let head = try Head(text: note.text)
        try require(head.endSequence <= nextSequence, "the head names \(head.endSequence) events")
    }

    private func checkHeader(_ header: SegmentHeader, _ number: UInt64, _ first: UInt64, _ key: VerifierKey) throws {
        try require(header.number == number, "header: number \(header.number)")
        try require(header.firstSequence == first, "header: first \(header.firstSequence), not \(first)")
        try require(header.previousSeal == previous, "header: previous seal of segment \(number)")
        try require(header.key == key, "header: key of segment \(number)")
    }

    private mutating func take(_ replay: SegmentReplay) {
        let text = String(decoding: replay.lines, as: UTF8.self)
        for (event, line) in zip(replay.events, text.split(separator: "\n")) {
            #expect(lines[event.stamps.sequence] == nil)
            #expect(event.stamps.received >= lastReceived, "receive times fall at \(event.stamps.sequence)")
            lastReceived = event.stamps.received
            lines[event.stamps.sequence] = String(line)
        }
    }

    private func readCheckpoint(_ origin: OriginStatement, _ roots: [Digest], mayLag: Bool) throws {
        guard let (note, _) = try directory.note(FileNames.checkpoint) else {
            throw Failure(description: "no checkpoint")
        }
        try note.verify(origin.logKey)
        let checkpoint = try Checkpoint(text: note.text)
        let size = Int(checkpoint.size)
        let least = mayLag ? max(0, seals.count - 1) : seals.count
        try require((least...seals.count).contains(size), "the checkpoint is over \(size) of \(seals.count) seals")
        try require(roots[size] == checkpoint.root, "the root of the checkpoint")
    }

    /// Every event that was acknowledged stands once, under its number, in order.
    func expect(_ ledger: Ledger, losing lostTags: Set<String> = []) throws {
        var found: [String: [UInt64]] = [:]
        for (sequence, line) in lines {
            let tag = ledger.order.first { line.contains("\"action\":\"\($0)\"") || line.hasSuffix(tail($0)) }
            guard let tag else { continue }
            found[tag, default: []].append(sequence)
        }
        for (tag, sequence) in ledger.acknowledged where !lostTags.contains(tag) {
            try require(
                found[tag] == [sequence], "\(tag) was acknowledged as \(sequence) and stands at \(found[tag] ?? [])")
        }
        for tag in lostTags {
            let sequence = ledger.acknowledged[tag] ?? 0
            try require(lost.contains { $0.contains(sequence) }, "\(tag), event \(sequence), is not told as lost")
        }
        let sequences = ledger.order.compactMap { ledger.acknowledged[$0] }
        try require(sequences == sequences.sorted(), "acknowledged out of order")
    }

    /// Of an event of the daemon itself, whose whole line is its tag.
    private func tail(_ tag: String) -> String { tag.hasPrefix("{") ? String(tag.dropFirst()) : "\u{0}" }
}
