import CairnFormat
import CairnReader
import Testing

/// Changes by somebody who knows the format and mends every checksum, and by a writer that breaks the rules: with the
/// log's keys, which no other tampering here uses.
struct ForgedCases {
    let matrix: TamperMatrix
    private(set) var all: [TamperCase] = []

    init(_ matrix: TamperMatrix) throws {
        self.matrix = matrix
        try addSegments()
        try addOrder()
        try addTails()
        try addTailMembers()
        try addIndexes()
        try addHeaders()
        try addSeals()
        try addResealed()
        try addHeads()
        try addHeadForms()
        try addCheckpoints()
        try addCorruption()
        try addLines()
        try addOrigins()
    }

    /// - Parameter sealed: whether the forger begins with a log of one sealed segment of events 0 to 5, which `change`
    ///   writes itself, and not with the log of the matrix.
    mutating func add(
        _ name: String, _ verdict: Verdict, _ sequence: UInt64? = nil, reason: String? = nil, isNew: Bool = false,
        _ change: (SealedLogFixture) throws -> Void
    ) throws {
        let log = try isNew ? SealedLogFixture(name: TamperMatrix.name) : TamperMatrix.log()
        try change(log)
        let edits = matrix.files(TamperMatrix.main).edits(to: log.files.snapshot)
        all.append(
            TamperCase(
                kind: .forgery, name: name, edits: edits, expected: Outcome(verdict, sequence), reason: reason))
    }

    static let data = TamperMatrix.firsts.map { FileNames.segment($0, .data) }

    // MARK: - Segments

    mutating func addSegments() throws {
        let forged = { (line: String) in line.replacing("success", with: "failed!") }
        let anew = "hashes are over lines, and these are the same"
        // Not compressed at all: surely of another length, which the index of a sealed segment knows.
        let stored = Compression.zlib(level: 0)
        try add("the newest block compressed anew", .verified, reason: anew) { log in
            try log.forge(log.blocks[6], codec: stored)
        }
        try add("a sealed block compressed anew", .indexDamaged) { try $0.forge($0.blocks[0], codec: stored) }
        try add("a block with other lines", .tampered, 2) { try $0.forge($0.blocks[1], forged) }
        try add("a block of the active segment with other lines", .tampered, 7) { try $0.forge($0.blocks[5], forged) }
        let headers = matrix.shape.segments.map(\.header.upperBound)
        for (segment, path) in Self.data.enumerated() {
            try add("segment \(segment) written anew, every root mended", .tampered, TamperMatrix.firsts[segment]) {
                log in
                let other = try TamperMatrix.log(word: "logon")
                for part in [FileNames.Part.data, .index] {
                    let path = FileNames.segment(TamperMatrix.firsts[segment], part)
                    // The header names the seal before, which is another one there.
                    let (mine, theirs) = (log.files[path], other.files[path])
                    guard part == .data, let mine, let theirs else {
                        log.files[path] = theirs
                        continue
                    }
                    let size = headers[segment]
                    log.files[path] = Array(mine[..<size]) + Array(theirs[size...])
                }
            }
            // Of the active segment, the last block is damaged, and without it the head cannot be compared.
            let first = segment == 3 ? 9 : TamperMatrix.firsts[segment]
            try add("segment \(segment) written anew, and one byte of its end", .tampered, first) { log in
                let other = try TamperMatrix.log(word: "logon")
                let size = headers[segment]
                let mine = try #require(log.files[path])
                var bytes = Array(mine[..<size]) + Array(try #require(other.files[path])[size...])
                bytes[bytes.count - 1] ^= 1
                log.files.put(path, bytes)
            }
        }
        try add("events behind those of the seal", .tampered, 6, isNew: true) { log in
            try log.append(6)
            try log.seal()
            try log.append(2)
            try log.foot()
            try log.checkpoint()
            try log.head(number: 0, first: 0, count: 0, root: .empty)
        }
        try add("events behind those of the seal, and its footer", .tampered, 6, isNew: true) { log in
            try log.append(6)
            try log.seal()
            let footer = SegmentFooter(count: 6, root: log.builder.tree.root, indexDigest: .zero)
            try log.append(2)
            log.files.append(log.dataPath, footer.encoded())
            try log.checkpoint()
            try log.head(number: 0, first: 0, count: 0, root: .empty)
        }
        try add("events behind those of the seal, and a byte", .tampered, nil, isNew: true) { log in
            try log.append(6)
            try log.seal()
            try log.append(2)
            log.files.append(log.dataPath, [0])
            try log.checkpoint()
            try log.head(number: 0, first: 0, count: 0, root: .empty)
        }
    }

    /// Segments that are good alone, and not in their place.
    mutating func addOrder() throws {
        try add("receive times that fall from one segment to the next", .tampered, 3, isNew: true) { log in
            let start = log.clock
            try log.append(3)
            try log.rotate()
            log.clock = start
            try log.append(2)
            try log.append(2)
            try log.head()
        }
        try add("receive times that fall, in a sealed segment", .tampered, 3, isNew: true) { log in
            let start = log.clock
            try log.append(3)
            try log.rotate()
            log.clock = start
            try log.append(2)
            try log.rotate()
        }
        try add("events that no segment holds", .tampered, 3, isNew: true) { log in
            try log.append(3)
            try log.foot()
            try log.seal()
            try log.next(lost: 4)
            try log.append(2)
            try log.checkpoint()
            try log.head()
        }
        try add("a seal removed, and a checkpoint of no seals", .unsealed, 0, isNew: true) { log in
            try log.append(3)
            try log.foot()
            try log.seal()
            try log.next()
            try log.head()
            log.files[FileNames.segment(0, .seal)] = nil
        }
        let rewritten = "who has the key of the active segment can write it anew: it is not sealed yet"
        try add("the active segment and the head written anew", .verified, reason: rewritten) { log in
            let other = try TamperMatrix.log { state, log in if state == "3 new" { log.word = "logon" } }
            for path in [Self.data[3], FileNames.head] { log.files[path] = other.files[path] }
        }
    }

    // MARK: - The tail of the active segment

    mutating func addTails() throws {
        let path = Self.data[3]
        for (isDurable, verdict) in [(false, Verdict.verified), (true, .tampered)] {
            let reason = isDurable ? nil : "no later block says that the broken one had been synced"
            try add(
                "a broken block and a later one, durable \(isDurable)", verdict, isDurable ? 10 : nil, reason: reason
            ) { log in
                let broken = try log.block(2)
                let later = try log.block(1, durable: isDurable ? nil : 10)
                log.files.append(path, broken.dropLast() + [broken[broken.count - 1] ^ 1] + later)
            }
        }
        try add("a torn tail, and a head that names more", .tampered, 10) { log in
            let block = try log.block(2)
            log.files.append(path, block.prefix(40))
            try log.head()
        }
        try add("a torn tail, and a head that nobody signed names more", .tampered) { log in
            let block = try log.block(2)
            log.files.append(path, block.prefix(40))
            try log.head(key: 9)
        }
        try add("a torn tail, and a head with another root", .tampered, 7) { log in
            log.files.append(path, [0x1F, 0x8B])
            try log.head(root: .zero)
        }
    }

    /// Members that a crash cannot have left, and some that it can.
    mutating func addTailMembers() throws {
        let path = Self.data[3]
        let stream = [UInt8](repeating: 0, count: 20)
        let wrong: [(String, (SealedLogFixture) throws -> [UInt8])] = [
            ("block of nonsense", { _ in SealedLogFixture.member(0x42, [UInt8](repeating: 9, count: 92)) + stream }),
            ("short block", { _ in SealedLogFixture.member(0x42, [UInt8](repeating: 0, count: 50)) + stream }),
            ("long block", { _ in SealedLogFixture.member(0x42, [UInt8](repeating: 0, count: 120)) + stream }),
            ("second header", { $0.builder.header.encoded() }),
            (
                "block again",
                { log in
                    Array(try #require(log.files[path])[try #require(log.blocks.last).range])
                }
            ),
            ("short footer", { _ in SealedLogFixture.member(0x46, [1, 2, 3]) + Member.emptyPayload }),
            ("footer of other events", { _ in SegmentFooter(count: 3, root: .zero, indexDigest: .zero).encoded() }),
            (
                "block of the right number, cut off, that starts below its segment",
                { log in
                    Array(try log.block(1, durable: 6).prefix(150))
                }
            ),
        ]
        for (name, bytes) in wrong {
            try add("\(name), its checksum right", .tampered, 10) { $0.files.append(path, try bytes($0)) }
        }
        for payload in [[UInt8](repeating: 0, count: 10), [3, 0, 1, 0, 0, 0, 0, 0, 0, 0], []] {
            let reason = "the payload is what a crash may leave unwritten"
            try add("a footer with the payload \(payload)", .verified, reason: reason) { log in
                try log.foot()
                let whole = try #require(log.files[path])
                log.files.put(path, whole.dropLast(10) + payload)
            }
        }
        try add("a footer with one byte behind it", .verified, reason: "as a torn tail") { log in
            try log.foot()
            log.files.append(path, [7])
        }
        try add("a subfield that is not known", .unverifiable, 10) { log in
            log.files.append(path, SealedLogFixture.member(0x58, [1, 2, 3]) + Member.emptyPayload)
        }
        try add("a subfield that is not known, in a sealed segment", .unverifiable) { log in
            try log.change(Self.data[0]) { data in
                data.removeLast(SegmentFooter.memberSize)
                data += SealedLogFixture.member(0x58, [1, 2, 3]) + Member.emptyPayload
            }
        }
    }

    // MARK: - Indexes and footers

    mutating func addIndexes() throws {
        let path = FileNames.segment(0, .index)
        func footer(_ log: SealedLogFixture, _ index: [UInt8], root: Digest? = nil, count: UInt64 = 3) throws {
            let seal = try #require(try log.directory.seal(log.directory.segments()[0]))
            let footer = SegmentFooter(count: count, root: root ?? seal.root, indexDigest: Digest.sha256(index))
            try log.change(Self.data[0]) { data in
                data.removeLast(SegmentFooter.memberSize)
                data += footer.encoded()
            }
        }
        let count = try #require(matrix.files(TamperMatrix.main)[path]).count
        for offset in stride(from: 0, to: count - 4, by: 7) {
            try add("an index changed at \(offset), its checksum and the footer mended", .indexDamaged) { log in
                var index = try #require(log.files[path])
                index[offset] ^= 1
                index.removeLast(4)
                index.append(littleEndian: Checksum.crc32c(index))
                log.files.put(path, index)
                try footer(log, index)
            }
        }
        try add("a footer that names another index", .indexDamaged) { try footer($0, [1]) }
        try add("an index that is empty, and a footer for it", .indexDamaged) { log in
            log.files.put(path, [])
            try footer(log, [])
        }
        try add("a footer with another root", .tampered) { log in
            try footer(log, log.files[path] ?? [], root: .zero)
        }
        try add("a footer with another count", .tampered) { log in
            try footer(log, log.files[path] ?? [], count: 4)
        }
    }

    // MARK: - Headers

    mutating func addHeaders() throws {
        let changes: [(String, (inout SegmentHeader) throws -> Void)] = [
            ("number", { $0.number += 1 }), ("first sequence number", { $0.firstSequence += 1 }),
            ("time", { $0.created.nanoseconds += 1 }), ("previous seal", { $0.previousSeal = .sha256([1]) }),
            ("salt key", { $0.saltKey[0] ^= 1 }),
            ("key", { $0.key = try TamperMatrix.log().key(8).verifier }),
            ("key, and too short", { $0.key = try TamperMatrix.log().shortKey() }),
            (
                "origin",
                { header in
                    let other = try SealedLogFixture(name: "another")
                    (header.origin, header.key) = (other.origin, try other.key(header.number).verifier)
                }
            ),
        ]
        for (segment, path) in Self.data.enumerated() {
            for (name, change) in changes {
                // The time alone is not in the chain: of an active segment nothing says what it was.
                let isFree = name == "time" && segment == 3
                let reason = isFree ? "the seal that is to come will state this time" : nil
                try add(
                    "segment \(segment), a header with another \(name)", isFree ? .verified : .tampered,
                    isFree ? nil : TamperMatrix.firsts[segment], reason: reason
                ) { log in
                    let bytes = try #require(log.files[path])
                    var (header, size) = try bytes.withUnsafeBytes { try SegmentHeader.decode($0) }
                    try change(&header)
                    log.files.put(path, header.encoded() + bytes[size...])
                }
            }
            // Version, reserved, compatible and incompatible features.
            let later: [(Int, Verdict)] = [(0, .unverifiable), (2, .tampered), (4, .unverifiable), (8, .unverifiable)]
            for (offset, verdict) in later {
                try add(
                    "segment \(segment), a header with other bytes at \(offset)", verdict, TamperMatrix.firsts[segment]
                ) { log in
                    try log.change(path) { data in
                        let size = Int(data[14]) | Int(data[15]) << 8
                        data[16 + offset] ^= 2
                        var bytes: [UInt8] = []
                        bytes.append(littleEndian: Checksum.crc32c(Array(data[..<(12 + size)])))
                        data.replaceSubrange((12 + size)..<(16 + size), with: bytes)
                    }
                }
            }
        }
    }
}
