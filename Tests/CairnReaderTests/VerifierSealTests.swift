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
    private func sealed(
        signedBy: UInt64? = nil, change: (inout Seal) -> Void = { _ in }, text: (String) -> String = { $0 }
    ) throws -> SealedLogFixture {
        let log = try SealedLogFixture()
        try log.append(6)
        try log.foot()
        try log.seal(signedBy: signedBy, change: change, text: text)
        try log.checkpoint()
        try log.head()
        return log
    }

    // MARK: - Seals

    @Test("a seal that is well signed and says something else", arguments: 0..<9)
    func wrongSeal(_ field: Int) throws {
        let log = try sealed(change: { seal in
            switch field {
            case 0: seal.number = 1
            case 1: seal.firstSequence = 1
            case 2: seal.root = .zero
            case 3: seal.previous = .sha256([1])
            case 4: seal.opened.nanoseconds += 1
            case 5: seal.received = seal.received.lowerBound...seal.received.lowerBound
            case 6: seal.time = seal.time.lowerBound...seal.time.lowerBound
            case 7: seal.modules[0].name = "another"
            default:
                seal.modules[0].count += 1
                seal.count += 1
            }
        })
        try check(log, .tampered, field == 8 ? 6 : 0)
    }

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

    @Test("a seal that is signed anew with a newer or a foreign key")
    func resealed() throws {
        try check(try sealed(signedBy: 0), .verified)
        for key in [UInt64(1), 9] { try check(try sealed(signedBy: key), .tampered, 0) }
        let log = try SealedLogFixture.whole()
        let seal = try #require(try log.directory.seal(log.directory.segments()[0]))
        log.files.put(FileNames.segment(0, .seal), try log.key(1).sign(seal.text))
        try check(log, .tampered, 0)
    }

    @Test("the next key counts: a chain that goes on with another is TAMPERED from there on")
    func wrongNextKey() throws {
        let log = try SealedLogFixture()
        try log.append(3)
        try log.foot()
        let other = try log.key(7).verifier
        try log.seal(change: { $0.nextKey = other })
        try log.next()
        try log.append(2)
        try log.checkpoint()
        try log.head()
        try check(log, .tampered, 3)
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

    @Test("receive times do not fall from one segment to the next, sealed or not")
    func fallingTimes() throws {
        for isSealed in [false, true] {
            let log = try SealedLogFixture()
            let start = log.clock
            try log.append(3)
            try log.rotate()
            log.clock = start
            try log.append(2)
            if isSealed { try log.rotate() }
            try log.head()
            try check(log, .tampered, 3)
        }
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

    @Test("what a seal after damage covers must be there")
    func corruptionAndMore() throws {
        let log = try SealedLogFixture()
        try log.append(2)
        try log.append(2)
        try log.seal(.corruption)
        try log.next(lost: 1)
        try log.checkpoint()
        try log.head()
        try check(log, .tampered, 4)
        try log.forge(log.blocks[1]) { $0.replacing("success", with: "failed!") }
        try check(log, .tampered, 2)
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

    @Test("without such a seal a gap is TAMPERED from the first lost event on")
    func gap() throws {
        let log = try SealedLogFixture()
        try log.append(3)
        try log.foot()
        try log.seal()
        try log.next(lost: 4)
        try log.append(2)
        try log.checkpoint()
        try log.head()
        try check(log, .tampered, 3)
    }

    // MARK: - Heads

    @Test("heads that are well signed")
    func heads() throws {
        let log = try SealedLogFixture.whole()
        let prefix = try SealedLogFixture.whole().builder
        try log.head()
        try check(log, .verified)
        try log.head(count: 5)
        try check(log, .truncatedOrStale, 22, "more events than there are")
        try log.head(count: 3)
        try check(log, .tampered, 18, "the root of more events")
        try log.head(root: .zero)
        try check(log, .tampered, 18)
        try log.head(first: 17)
        try check(log, .tampered, 18)
        try log.head(number: 4)
        try check(log, .truncatedOrStale, 22, "a segment that is not here")
        try log.head(key: 2)
        try check(log, .tampered, nil, "the key of another segment")
        try log.head(count: 0, root: .empty)
        try check(log, .verified)
        try log.head(number: 2, first: 12, count: 0, root: .empty)
        try check(log, .verified, nil, "the segment before, just after a rotation")
        try log.head(number: 2, first: 12, count: 6, root: prefix.tree.root)
        try check(log, .tampered, 12)
        try log.head(number: 2, first: 12, count: 7, root: prefix.tree.root)
        try check(log, .truncatedOrStale, 18)
        log.files[FileNames.head] = nil
        try check(log, .truncatedOrStale)
    }

    @Test("a head is compared with a sealed segment inside its blocks, too")
    func headOfSealed() throws {
        let log = try SealedLogFixture()
        try log.append(3)
        try log.append(1)
        try log.head()
        let root = log.builder.tree.root
        try log.append(2)
        try log.foot()
        try log.seal()
        try log.next()
        try log.checkpoint()
        try check(log, .verified)
        try log.head(number: 0, first: 0, count: 4, root: root)
        try check(log, .verified)
        for count in [UInt64(2), 5, 6] {
            try log.head(number: 0, first: 0, count: count, root: root)
            try check(log, .tampered, 0)
        }
    }

    @Test("a head that was put back is stale from the second rotation on")
    func replayedHead() throws {
        let log = try SealedLogFixture()
        try log.append(2)
        try log.head()
        let old = (log.files[FileNames.head], log.files[FileNames.checkpoint])
        try log.rotate()
        let new = (log.files[FileNames.head], log.files[FileNames.checkpoint])
        (log.files[FileNames.head], log.files[FileNames.checkpoint]) = old
        try check(log, .verified)
        (log.files[FileNames.head], log.files[FileNames.checkpoint]) = new
        try log.append(2)
        try log.rotate()
        for (path, bytes) in [(FileNames.head, old.0), (FileNames.checkpoint, old.1)] {
            let now = log.files[path]
            log.files[path] = bytes
            try check(log, .truncatedOrStale, nil, "\(path)")
            log.files[path] = now
        }
        try check(log, .verified)
    }

    @Test("a head of an unknown form")
    func unknownHead() throws {
        let log = try SealedLogFixture.whole()
        let note = try SignedNote(try #require(log.files[FileNames.head]))
        let text = note.text.replacing("/v1", with: "/v2")
        log.files.put(FileNames.head, try log.key(3).sign(text))
        try check(log, .unverifiable)
        log.files.put(FileNames.head, try log.key(9).sign(text))
        try check(log, .tampered)
    }

    // MARK: - Checkpoints

    @Test("checkpoints that are well signed")
    func checkpoints() throws {
        let log = try SealedLogFixture.whole()
        let root = MerkleTree.root(of: log.seals.map { MerkleTree.leaf($0) })
        for (size, verdict) in [(3, Verdict.verified), (2, .verified), (1, .truncatedOrStale), (0, .truncatedOrStale)] {
            try log.checkpoint(size: size)
            try check(log, verdict, nil, "\(size)")
        }
        try log.checkpoint(size: 4, root: root)
        try check(log, .truncatedOrStale, nil)
        try log.checkpoint(size: 5, root: root)
        try check(log, .truncatedOrStale, 22)
        try log.checkpoint(size: 2, root: root)
        try check(log, .tampered)
        try log.checkpoint(root: .zero)
        try check(log, .tampered)
        for (text, verdict) in [
            ("\(log.origin)\n3\n\(root)\nextension\n", Verdict.unverifiable), ("other\n3\n\(root)\n", .tampered),
            ("\(log.origin)\n03\n\(root)\n", .unverifiable),
        ] {
            log.files.put(FileNames.checkpoint, try log.logKey().sign(text))
            try check(log, verdict, nil, "\(text)")
        }
        log.files.put(FileNames.checkpoint, try log.key(0).sign("\(log.origin)\n3\n\(root)\n"))
        try check(log, .tampered, nil, "another key than the log's")
        log.files[FileNames.checkpoint] = nil
        try check(log, .truncatedOrStale)
    }

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
