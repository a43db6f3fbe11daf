import CairnFormat
import CairnReader
import Testing

@Suite("Verification of seals, heads and checkpoints")
struct VerifierSealTests {
    private func check(
        _ log: SealedLogFixture, _ verdict: Verdict, _ sequence: UInt64? = nil, checkpoint: [UInt8]? = nil,
        _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try log.verify(checkpoint: checkpoint)
        #expect(result.verdict == verdict, comment, sourceLocation: sourceLocation)
        #expect(result.firstBadSequence == sequence, comment, sourceLocation: sourceLocation)
    }

    /// A log of one sealed segment of six events.
    private func sealed(text: (String) -> String) throws -> SealedLogFixture {
        let log = try SealedLogFixture()
        try log.append(6)
        try log.foot()
        try log.seal(text: text)
        try log.checkpoint()
        try log.head()
        return log
    }

    // MARK: - Seals

    @Test(
        "a well signed seal of a form that is not known is unverifiable",
        arguments: [
            ("count 6", "count 06"), ("reason size", "reason boredom"), ("/v1", "/v2"), ("next ", "later "),
            ("reason size", "reason size\nextra 1"), ("00Z", "Z"),
        ])
    func unknownSeal(_ change: (String, String)) throws {
        let log = try sealed(text: { $0.replacing(change.0, with: change.1) })
        let result = try log.verify()
        #expect(result.findings.map(\.verdict) == [.unverifiable])
        #expect(result.firstBadSequence == 0 && result.events == 6)
    }

    @Test("one bad seal makes one finding, and what follows is verified")
    func oneFinding() throws {
        let log = try SealedLogFixture.whole()
        try log.change(FileNames.segment(0, .seal)) { $0[30] ^= 1 }
        let result = try log.verify()
        // The other is that of the checkpoint, which covers another seal.
        #expect(result.findings.map(\.verdict) == [.tampered, .tampered])
        #expect(result.findings.map(\.segment) == [0, nil])
        #expect((result.events, result.sealedThrough) == (22, 17))
        try log.change(FileNames.segment(12, .data)) { $0[log.blocks[5].range.lowerBound + 50] ^= 1 }
        #expect(try log.verify().findings.map(\.sequence) == [0, 15, nil])
    }

    @Test("foreign signatures beside the right one are ignored")
    func foreignSignature() throws {
        let log = try SealedLogFixture.whole()
        let foreign = try SealedLogFixture(name: "witness").key(4).sign("x\n").split(separator: 10).last
        for path in [FileNames.head, FileNames.checkpoint, FileNames.origin] {
            log.files.append(path, try #require(foreign) + [10])
        }
        try check(log, .verified)
    }

    // MARK: - Damage that a writer found

    @Test("a segment that was sealed after damage is TAMPERED from the first lost event on, and no more")
    func corruption() throws {
        let log = try SealedLogFixture()
        try log.append(3)
        try log.seal(.corruption)
        log.files.append(log.dataPath, [1, 2, 3] + (try log.block(4)))
        try check(log, .tampered, 3, "the newest")
        let after = try SealedLogFixture()
        try after.append(3)
        try after.seal(.corruption)
        after.files.append(after.dataPath, [0x1F, 0x8B, 9])
        try after.next(lost: 4)
        try after.append(2)
        try after.checkpoint()
        try after.head()
        let result = try after.verify()
        #expect(result.findings.map(\.sequence) == [3])
        #expect(result.findings.map(\.verdict) == [.tampered])
        #expect((result.events, result.segments, result.lastSequence) == (5, 2, 8))
    }

    @Test("a seal over no events says nothing about the file, and only damage makes one")
    func emptySeal() throws {
        let log = try SealedLogFixture()
        try log.seal(.corruption)
        log.files.put(log.dataPath, [1, 2, 3])
        try log.next(lost: 3)
        try log.append(1)
        try log.checkpoint()
        try log.head()
        #expect(try log.verify().findings.map(\.sequence) == [0])
        log.files[FileNames.segment(0, .data)] = nil
        #expect(try log.verify().findings.map(\.sequence) == [0])
        let other = try SealedLogFixture()
        try other.foot()
        try other.seal()
        try other.checkpoint()
        #expect(try other.verify().verdict >= .unverifiable)
    }

    // MARK: - Checkpoints

    @Test("a log extends every checkpoint that it had")
    func olderCheckpoint() throws {
        let log = try SealedLogFixture.whole()
        for size in 0...3 {
            let result = try log.verify(checkpoint: try log.checkpointNote(size: size))
            #expect(result.verdict == .verified && result.extends == UInt64(size))
        }
    }

    @Test("a fork, a forgery and a checkpoint beyond the log are seen")
    func otherCheckpoints() throws {
        let log = try SealedLogFixture.whole()
        let fork = try SealedLogFixture.whole(word: "other")
        try check(fork, .verified)
        try check(log, .tampered, nil, checkpoint: try fork.checkpointNote(), "the same keys, another history")
        let forged = try log.key(5).sign("\(log.origin)\n3\n\(Digest.zero)\n")
        try check(log, .tampered, nil, checkpoint: forged)
        try check(log, .tampered, nil, checkpoint: try SealedLogFixture.whole(name: "b").checkpointNote())
        try check(log, .tampered, nil, checkpoint: Array("nonsense".utf8))
        try check(log, .tampered, nil, checkpoint: [])
        let early = log.files.snapshot
        try log.rotate()
        try log.append(1)
        try log.rotate()
        let before = LogDirectory(MemoryTree(early))
        let options = VerifyOptions(checkpoint: try log.checkpointNote(), threads: 1)
        let result = try Verifier(before, options: options).run()
        #expect((result.verdict, result.firstBadSequence, result.extends) == (.truncatedOrStale, 22, nil))
    }
}
