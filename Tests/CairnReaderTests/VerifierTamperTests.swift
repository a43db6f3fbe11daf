import CairnFormat
import CairnReader
import Testing

/// What a result says beyond the verdict and the first bad event, which `TamperMatrix` holds against every change.
@Suite("Findings and notes of changed logs")
struct VerifierTamperTests {
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

    @Test("a footer without a seal is no note, but what follows it is one")
    func footerWithoutSeal() throws {
        let log = try small()
        try log.foot()
        #expect(try log.verify(key: try log.key(0).verifier).notes.isEmpty)
        log.files.append(log.dataPath, [1, 2, 3])
        let result = try log.verify(key: try log.key(0).verifier)
        #expect(result.verdict == .verified)
        #expect(result.notes.map(\.kind) == [.uncommitted])
    }

    @Test("a missing seal is UNSEALED, and the segment's events are checked all the same")
    func missingSeal() throws {
        let log = try SealedLogFixture.whole()
        log.files[FileNames.segment(7, .seal)] = nil
        var result = try log.verify()
        #expect(result.findings.map(\.verdict) == [.unsealed, .truncatedOrStale])
        #expect(result.findings[0].segment == 1 && result.events == 22)
        try log.forge(log.blocks[3]) { $0.replacing("success", with: "failed!") }
        result = try log.verify()
        #expect(result.findings.contains { $0.verdict == .tampered && $0.sequence == 9 })
    }

    @Test("a segment that stands there twice makes one finding, and the rest is verified")
    func twice() throws {
        let log = try SealedLogFixture.whole()
        for part in FileNames.Part.allCases {
            log.files[FileNames.segment(9, part)] = log.files[FileNames.segment(7, part)]
        }
        let result = try log.verify()
        #expect((result.verdict, result.firstBadSequence, result.findings.count) == (.tampered, 9, 1))
        #expect((result.events, result.segments) == (22, 4))
    }

    @Test("an index that is forged with the footer's digest is one finding")
    func forgedIndex() throws {
        let log = try SealedLogFixture.whole()
        let path = FileNames.segment(0, .index)
        var index = try #require(log.files[path])
        index[48 + 16 + 96] ^= 1
        index.removeLast(4)
        index.append(littleEndian: Checksum.crc32c(index))
        let seal = try #require(try log.directory.seal(log.directory.segments()[0]))
        let footer = SegmentFooter(count: 7, root: seal.root, indexDigest: Digest.sha256(index))
        try log.change(FileNames.segment(0, .data)) { data in
            data.removeLast(SegmentFooter.memberSize)
            data += footer.encoded()
        }
        #expect(try log.verify().findings.map(\.verdict) == [.indexDamaged], "the old index, another digest")
        log.files.put(path, index)
        let result = try log.verify()
        #expect(result.findings.map(\.verdict) == [.indexDamaged] && result.events == 22)
    }
}
