import CairnFormat
import CairnPlatform
import CairnReader
import Testing

@Suite("Verification of changed logs")
struct VerifierTamperTests {
    /// The verdict and the first bad event.
    private struct Outcome: Equatable, CustomStringConvertible {
        var verdict: Verdict
        var sequence: UInt64?
        init(_ verdict: Verdict, _ sequence: UInt64?) {
            self.verdict = verdict
            self.sequence = sequence
        }
        var description: String { "\(verdict.rawValue) \(sequence.map { "\($0)" } ?? "-")" }
    }

    private func outcome(_ log: SealedLogFixture, checkpoint: [UInt8]? = nil) throws -> Outcome {
        let result = try log.verify(checkpoint: checkpoint)
        return Outcome(result.verdict, result.firstBadSequence)
    }

    private func small() throws -> SealedLogFixture {
        let log = try SealedLogFixture()
        try log.append(2)
        try log.append(1)
        try log.rotate()
        try log.append(2)
        try log.append(1)
        try log.head()
        return log
    }

    // MARK: - Every byte

    @Test("no changed byte of any file passes, and a changed block is named")
    func everyByte() throws {
        let log = try small()
        for (path, original) in log.files.snapshot.sorted(by: { $0.key < $1.key }) {
            for offset in original.indices {
                try log.change(path) { $0[offset] ^= 1 << UInt8(offset % 8) }
                let outcome = try outcome(log)
                let place = "\(path), byte \(offset) of \(original.count): \(outcome)"
                if path.hasSuffix(".index") {
                    #expect(outcome == Outcome(.indexDamaged, nil), "\(place)")
                } else if path.hasSuffix(".seal") {
                    #expect(outcome == Outcome(.tampered, 0), "\(place)")
                } else if path.hasPrefix("segments/") {
                    #expect(outcome == Outcome(.tampered, expectedSequence(log, path, offset)), "\(place)")
                } else {
                    #expect([.tampered, .unverifiable, .truncatedOrStale].contains(outcome.verdict), "\(place)")
                }
                log.files.put(path, original)
            }
        }
        #expect(try outcome(log) == Outcome(.verified, nil))
    }

    /// The first event of the block with that byte; of the header that of the segment, of the footer none.
    private func expectedSequence(_ log: SealedLogFixture, _ path: String, _ offset: Int) -> UInt64? {
        let blocks = log.blocks.filter { path == FileNames.segment($0.segment, .data) }
        if offset < blocks[0].range.lowerBound { return blocks[0].segment }
        return blocks.first { $0.range.contains(offset) }?.firstSequence
    }

    @Test("no changed bit of a signature's last bytes passes")
    func lastBits() throws {
        let log = try small()
        for path in [FileNames.origin, FileNames.head, FileNames.checkpoint, FileNames.segment(0, .seal)] {
            let original = try #require(log.files[path])
            for offset in original.indices.suffix(6) {
                for bit in 0..<UInt8(8) {
                    try log.change(path) { $0[offset] ^= 1 << bit }
                    #expect(try outcome(log).verdict != .verified, "\(path), byte \(offset), bit \(bit)")
                    log.files.put(path, original)
                }
            }
        }
    }

    // MARK: - Every cut

    @Test("a sealed segment that is cut anywhere is TAMPERED from its first lost event on")
    func cutSealed() throws {
        let log = try small()
        let path = FileNames.segment(0, .data)
        let original = try #require(log.files[path])
        for size in original.indices {
            log.files.put(path, Array(original[..<size]))
            let lost = log.blocks.first { $0.segment == 0 && $0.range.upperBound > size }
            #expect(try outcome(log) == Outcome(.tampered, lost?.firstSequence), "cut to \(size)")
        }
        log.files.put(path, original + [0])
        #expect(try outcome(log) == Outcome(.tampered, nil))
    }

    @Test("an active segment that is cut is TRUNCATED between blocks, and TAMPERED where a block is broken")
    func cutActive() throws {
        let log = try small()
        let original = try #require(log.files[log.dataPath])
        let blocks = log.blocks.filter { $0.segment == log.first }
        let borders = [0, blocks[0].range.lowerBound] + blocks.map(\.range.upperBound)
        for size in original.indices {
            log.files.put(log.dataPath, Array(original[..<size]))
            let lost = blocks.first { $0.range.upperBound > size }
            let verdict: Verdict = borders.contains(size) ? .truncatedOrStale : .tampered
            #expect(try outcome(log) == Outcome(verdict, lost?.firstSequence), "cut to \(size)")
        }
    }

    @Test("a cut note never passes")
    func cutNotes() throws {
        let log = try small()
        for path in [FileNames.origin, FileNames.head, FileNames.checkpoint, FileNames.segment(0, .seal)] {
            let original = try #require(log.files[path])
            for size in original.indices {
                log.files.put(path, Array(original[..<size]))
                #expect(try outcome(log).verdict != .verified, "\(path) cut to \(size)")
            }
            log.files.put(path, original)
        }
        log.files.put(FileNames.head, [UInt8](repeating: 65, count: Limits.note + 10))
        #expect(try outcome(log).verdict == .tampered)
    }

    // MARK: - The tail of the active segment

    @Test("a torn tail that nothing names is a note")
    func tornTail() throws {
        let log = try small()
        let whole = try #require(log.files[log.dataPath])
        let block = try log.block(2)
        for size in 1..<block.count {
            log.files.put(log.dataPath, whole + block[..<size])
            let result = try log.verify(key: try log.key(0).verifier)
            #expect(result.verdict == .verified && result.events == 6, "\(size): \(result)")
            #expect(result.notes.map(\.kind) == [.uncommitted] && result.notes[0].message.contains("\(size) bytes"))
            #expect((result.signedThrough, result.committedThrough) == (5, 5))
        }
    }

    @Test("the head is compared with the events before a torn tail, too")
    func headBeforeTornTail() throws {
        let log = try small()
        log.files.append(log.dataPath, [0x1F, 0x8B])
        try log.head(root: .zero)
        #expect(try outcome(log) == Outcome(.tampered, 3))
    }

    @Test("a later block tells a torn tail from damage", arguments: [(false, Verdict.verified), (true, .tampered)])
    func durable(_ isDurable: Bool, _ verdict: Verdict) throws {
        let log = try small()
        let broken = try log.block(2)
        let later = try log.block(1, durable: isDurable ? nil : 6)
        log.files.append(log.dataPath, broken.dropLast() + [broken[broken.count - 1] ^ 1] + later)
        #expect(try outcome(log) == Outcome(verdict, isDurable ? 6 : nil))
    }

    @Test("a new active file may be torn anywhere, even be empty")
    func tornHeader() throws {
        let log = try small()
        try log.rotate()
        let header = try #require(log.files[log.dataPath])
        for size in header.indices {
            log.files.put(log.dataPath, Array(header[..<size]))
            #expect(try outcome(log) == Outcome(.verified, nil), "cut to \(size)")
        }
    }

    @Test("a footer without a seal is as good as a torn tail, but not a wrong one, nor what follows it")
    func footerWithoutSeal() throws {
        let log = try small()
        try log.foot()
        #expect(try outcome(log) == Outcome(.verified, nil))
        log.files.append(log.dataPath, [1, 2, 3])
        let result = try log.verify(key: try log.key(0).verifier)
        #expect(result.verdict == .verified)
        #expect(result.notes.map(\.kind) == [.uncommitted])
        let other = try small()
        other.files.append(
            other.dataPath, SegmentFooter(count: 3, root: .zero, indexDigest: .zero).encoded())
        #expect(try outcome(other) == Outcome(.tampered, 6))
    }

    @Test("a member with a right checksum and wrong content was not torn")
    func wrongContentIsNotTorn() throws {
        let log = try small()
        let whole = try #require(log.files[log.dataPath])
        let wrong: [[UInt8]] = [
            SealedLogFixture.member(0x42, [UInt8](repeating: 9, count: 92)) + [UInt8](repeating: 0, count: 20),
            log.builder.header.encoded(),
            Array(whole[try #require(log.blocks.last).range]),
        ]
        for member in wrong {
            log.files.put(log.dataPath, whole + member)
            #expect(try outcome(log) == Outcome(.tampered, 6))
        }
        log.files.put(log.dataPath, whole + SealedLogFixture.member(0x58, [1, 2, 3]) + Member.emptyPayload)
        #expect(try outcome(log) == Outcome(.unverifiable, 6))
    }

    // MARK: - Whole files

    private static let segments: [UInt64] = [0, 7, 12, 18]

    private func remove(_ log: SealedLogFixture, _ index: Int, _ parts: [FileNames.Part]) {
        for part in parts { log.files[FileNames.segment(Self.segments[index], part)] = nil }
    }

    struct Removal: Sendable {
        var index: Int
        var parts: [FileNames.Part]
        var verdict: Verdict
        var sequence: UInt64?
    }

    @Test(
        "removed files",
        arguments: [
            Removal(index: 0, parts: [.data], verdict: .tampered, sequence: 0),
            Removal(index: 1, parts: [.data], verdict: .tampered, sequence: 7),
            Removal(index: 2, parts: [.data], verdict: .tampered, sequence: 12),
            Removal(index: 1, parts: [.index], verdict: .indexDamaged, sequence: nil),
            Removal(index: 0, parts: [.seal], verdict: .truncatedOrStale, sequence: 0),
            Removal(index: 1, parts: [.seal], verdict: .truncatedOrStale, sequence: 7),
            Removal(index: 0, parts: [.data, .seal], verdict: .tampered, sequence: 0),
            Removal(index: 1, parts: [.data, .seal, .index], verdict: .tampered, sequence: 7),
            Removal(index: 3, parts: [.data], verdict: .truncatedOrStale, sequence: 18),
        ])
    func removed(_ removal: Removal) throws {
        let log = try SealedLogFixture.whole()
        remove(log, removal.index, removal.parts)
        #expect(try outcome(log) == Outcome(removal.verdict, removal.sequence))
    }

    @Test("a missing seal is UNSEALED, and the segment's events are checked all the same")
    func missingSeal() throws {
        let log = try SealedLogFixture.whole()
        remove(log, 1, [.seal])
        var result = try log.verify()
        #expect(result.findings.map(\.verdict) == [.unsealed, .truncatedOrStale])
        #expect(result.findings[0].segment == 1 && result.events == 22)
        // Without a checkpoint that covers it, that is all.
        log.files.put(FileNames.checkpoint, try log.checkpointNote(size: 1))
        result = try log.verify()
        #expect(result.findings.map(\.verdict).contains(.unsealed))
        try log.forge(log.blocks[3]) { $0.replacing("success", with: "failed!") }
        #expect(try outcome(log) == Outcome(.tampered, 7))
        #expect(try log.verify().findings.contains { $0.verdict == .tampered && $0.sequence == 9 })
    }

    @Test("of an unsealed segment the data says where the next must begin")
    func cutUnsealed() throws {
        let log = try SealedLogFixture.whole()
        remove(log, 1, [.seal])
        try log.change(FileNames.segment(7, .data)) { $0.removeSubrange(log.blocks[3].range.lowerBound...) }
        #expect(try log.verify().findings.contains { $0.verdict == .tampered && $0.sequence == 9 })
    }

    @Test("the newest segments removed together are seen by head and checkpoint", arguments: 0...3)
    func newestRemoved(_ kept: Int) throws {
        let log = try SealedLogFixture.whole()
        for index in kept...3 { remove(log, index, FileNames.Part.allCases) }
        #expect(try outcome(log) == Outcome(.truncatedOrStale, Self.segments[kept]))
    }

    @Test("swapped files", arguments: [FileNames.Part.data, .seal])
    func swapped(_ part: FileNames.Part) throws {
        let log = try SealedLogFixture.whole()
        let (one, two) = (FileNames.segment(0, part), FileNames.segment(7, part))
        let bytes = log.files[one]
        log.files[one] = log.files[two]
        log.files[two] = bytes
        #expect(try outcome(log) == Outcome(.tampered, 0))
    }

    @Test("a segment under another name, or twice")
    func renamed() throws {
        let log = try SealedLogFixture.whole()
        for part in FileNames.Part.allCases {
            log.files[FileNames.segment(9, part)] = log.files[FileNames.segment(7, part)]
        }
        var result = try log.verify()
        #expect((result.verdict, result.firstBadSequence, result.findings.count) == (.tampered, 9, 1))
        for part in FileNames.Part.allCases { log.files[FileNames.segment(7, part)] = nil }
        result = try log.verify()
        #expect((result.verdict, result.firstBadSequence) == (.tampered, 7))
    }

    @Test("a segment that is replaced by an older one, or one of another log")
    func replayed() throws {
        for other in [try SealedLogFixture.whole(word: "other"), try SealedLogFixture.whole(name: "b")] {
            for parts in [[FileNames.Part.data], [.seal], FileNames.Part.allCases] {
                let log = try SealedLogFixture.whole()
                for part in parts {
                    log.files[FileNames.segment(7, part)] = other.files[FileNames.segment(7, part)]
                }
                let outcome = try outcome(log)
                #expect(outcome == Outcome(.tampered, 7) || outcome == Outcome(.tampered, 12), "\(parts): \(outcome)")
            }
        }
    }

    @Test("blocks that are swapped, doubled or left out")
    func blocks() throws {
        let log = try SealedLogFixture.whole()
        let path = FileNames.segment(0, .data)
        let data = try #require(log.files[path])
        let (first, second) = (log.blocks[0].range, log.blocks[1].range)
        let header = Array(data[..<first.lowerBound])
        let footer = Array(data[second.upperBound...])
        let (one, two) = (Array(data[first]), Array(data[second]))
        for (blocks, sequence) in [([two, one], UInt64(0)), ([one, one, two], 3), ([one], 3), ([], 0), ([two], 0)] {
            log.files.put(path, header + Array(blocks.joined()) + footer)
            #expect(try outcome(log) == Outcome(.tampered, sequence))
        }
    }

    // MARK: - Somebody who knows the format

    @Test("lines that are changed with every checksum mended do not give the block's root")
    func forgedLines() throws {
        let log = try SealedLogFixture.whole()
        try log.forge(log.blocks[1]) { $0 }
        #expect(try outcome(log) == Outcome(.verified, nil), "the same lines, compressed anew")
        try log.forge(log.blocks[1]) { $0.replacing("success", with: "failed!") }
        #expect(try outcome(log) == Outcome(.tampered, 3))
    }

    @Test("a segment that is written anew with every root mended does not give the seal's")
    func forgedSegment() throws {
        let forged = try SealedLogFixture.whole(word: "other")
        let log = try SealedLogFixture.whole()
        for part in [FileNames.Part.data, .index] {
            log.files[FileNames.segment(0, part)] = forged.files[FileNames.segment(0, part)]
        }
        #expect(try outcome(log) == Outcome(.tampered, 0))
        let active = try SealedLogFixture.whole()
        let other = try SealedLogFixture()
        let first = try SealedLogFixture()
        first.word = "other"
        for log in [other, first] { try log.append(3) }
        try other.head()
        other.files[other.dataPath] = first.files[first.dataPath]
        #expect(try outcome(other) == Outcome(.tampered, 0), "the head tells")
        #expect(try outcome(active) == Outcome(.verified, nil))
    }

    @Test("events behind those of the seal are seen")
    func appended() throws {
        let log = try SealedLogFixture()
        try log.append(3)
        try log.seal()
        try log.append(2)
        try log.foot()
        try log.checkpoint()
        try log.head(count: 3, root: nil)
        #expect(try log.verify().findings.first.map { Outcome($0.verdict, $0.sequence) } == Outcome(.tampered, 3))
    }

    @Test("an index that is forged with the footer's digest is not the one that the segment gives")
    func forgedIndex() throws {
        let log = try SealedLogFixture.whole()
        let path = FileNames.segment(0, .index)
        var index = try #require(log.files[path])
        index[48 + 16 + 96] ^= 1
        index.removeLast(4)
        index.append(littleEndian: Checksum.crc32c(index))
        let seal = try log.directory.seal(log.directory.segments()[0])
        let footer = SegmentFooter(
            count: 7, root: try #require(seal).root, indexDigest: Digest.sha256(index))
        try log.change(FileNames.segment(0, .data)) { data in
            data.removeLast(SegmentFooter.memberSize)
            data += footer.encoded()
        }
        #expect(try log.verify().findings.map(\.verdict) == [.indexDamaged], "the old index, another digest")
        log.files.put(path, index)
        #expect(try outcome(log) == Outcome(.indexDamaged, nil))
    }

    @Test("a footer with a right checksum and other contents")
    func forgedFooter() throws {
        let log = try SealedLogFixture.whole()
        try log.change(FileNames.segment(0, .data)) { data in
            data.removeLast(SegmentFooter.memberSize)
            data += SegmentFooter(count: 7, root: .zero, indexDigest: .zero).encoded()
        }
        #expect(try outcome(log) == Outcome(.tampered, nil))
    }

    @Test("headers with a right checksum that are not due here", arguments: 0..<6)
    func forgedHeader(_ field: Int) throws {
        for number in [UInt64(0), 3] {
            let log = try SealedLogFixture.whole()
            let path = FileNames.segment(Self.segments[Int(number)], .data)
            let bytes = try #require(log.files[path])
            let (decoded, size) = try bytes.withUnsafeBytes { try SegmentHeader.decode($0) }
            var header = decoded
            switch field {
            case 0: header.number += 1
            case 1: header.firstSequence += 1
            case 2: header.previousSeal = .sha256([1])
            case 3: header.key = try log.key(8).verifier
            case 4: header.saltKey[0] ^= 1
            default:
                header.origin = try Origin("another")
                header.key = try SealedLogFixture(name: "another").key(number).verifier
            }
            log.files.put(path, header.encoded() + bytes[size...])
            #expect(try outcome(log) == Outcome(.tampered, Self.segments[Int(number)]))
        }
    }

    @Test("a header of a later version is unverifiable")
    func laterHeader() throws {
        let log = try SealedLogFixture.whole()
        let path = FileNames.segment(7, .data)
        try log.change(path) { data in
            let size = Int(data[14]) | Int(data[15]) << 8
            data[16] = 2
            let crc = Checksum.crc32c(Array(data[..<(12 + size)]))
            var bytes: [UInt8] = []
            bytes.append(littleEndian: crc)
            data.replaceSubrange((12 + size)..<(16 + size), with: bytes)
        }
        #expect(try outcome(log) == Outcome(.unverifiable, 7))
    }

    @Test("random changes of several files never pass")
    func random() throws {
        let log = try small()
        let original = log.files.snapshot
        let paths = original.keys.sorted()
        let seed = UInt64.random(in: .min ... .max)
        var random = LinearRandom(state: seed)
        for turn in 0..<300 {
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let path = paths[Int.random(in: 0..<paths.count, using: &random)]
                try log.change(path) { bytes in
                    guard let index = bytes.indices.randomElement(using: &random) else { return }
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: bytes[index] &+= UInt8.random(in: 1...255, using: &random)
                    case 1: bytes.remove(at: index)
                    case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                    default: bytes.removeSubrange(index...)
                    }
                }
            }
            guard log.files.snapshot != original else { continue }
            #expect(try outcome(log).verdict != .verified, "seed \(seed), turn \(turn)")
            for (path, bytes) in original { log.files.put(path, bytes) }
        }
    }
}

/// The numbers of Knuth's MMIX: enough to choose bytes, and the same everywhere.
private struct LinearRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
