import CairnPlatform
import CairnReader
import Testing

@testable import CairnFormat

@Suite("Proofs of events")
struct ProverTests {
    /// What the prover gives for each of the events.
    private func prove(
        _ log: SealedLogFixture, _ sequences: some Sequence<UInt64>, checkpoint: [UInt8]? = nil
    ) throws -> [UInt64: Result<EventProof, ProofObstacle>] {
        var results: [UInt64: Result<EventProof, ProofObstacle>] = [:]
        var order: [UInt64] = []
        try Prover(log.directory, checkpoint: checkpoint).prove(sequences) { sequence, result in
            results[sequence] = result
            order.append(sequence)
        }
        #expect(order == Set(sequences).sorted())
        return results
    }

    private func proof(_ result: Result<EventProof, ProofObstacle>?) throws -> EventProof {
        try #require(try result?.get())
    }

    private func obstacle(_ result: Result<EventProof, ProofObstacle>?) -> ProofObstacle.Kind? {
        guard case .failure(let obstacle) = result else { return nil }
        #expect(!obstacle.message.isEmpty)
        return obstacle.kind
    }

    @Test("every sealed event is proved, one by one and all at once, by either key")
    func everyEvent() throws {
        let log = try SealedLogFixture.whole()
        let lines = try [0, 7, 12].flatMap { try log.storedLines($0) }
        let all = try prove(log, (0..<18).reversed())
        #expect(all.count == 18)
        for sequence in 0..<18 as Range<UInt64> {
            let alone = try proof(try prove(log, [sequence])[sequence])
            #expect(try proof(all[sequence]) == alone)
            let read = try EventProof(alone.bytes)
            for key in [try log.key(0), try log.logKey()] {
                let event = try read.verify(ProofPolicy(key: key.verifier))
                #expect(event.sequence == sequence)
                #expect(event.line == lines[Int(sequence)])
                #expect(event.checkpointSize == 3)
            }
        }
    }

    @Test("more events than one pass takes, and each asked for twice")
    func manyEvents() throws {
        let log = try SealedLogFixture()
        for _ in 0..<5 { try log.append(40) }
        try log.rotate()
        try log.append(3)
        try log.rotate()
        let results = try prove(log, Array(0..<203) + Array(0..<203))
        let policy = ProofPolicy(key: try log.key(0).verifier)
        for sequence in 0..<203 as Range<UInt64> {
            #expect(try proof(results[sequence]).verify(policy).sequence == sequence)
        }
    }

    /// A sealed segment of 2,700 events, in blocks of 45: three subtrees.
    private func manySubtrees() throws -> SealedLogFixture {
        let log = try SealedLogFixture()
        for _ in 0..<60 { try log.append(45) }
        try log.rotate()
        return log
    }

    private static let index = FileNames.segment(0, .index)
    private static let aroundSubtrees: [UInt64] = [0, 1, 44, 45, 1022, 1023, 1024, 1025, 2047, 2048, 2049, 2698, 2699]

    @Test("an index saves the reading of the other subtrees; the proofs are the same without, and with a forged one")
    func subtrees() throws {
        let log = try manySubtrees()
        let quick = try prove(log, Self.aroundSubtrees).mapValues { try $0.get() }
        #expect(quick.count == Self.aroundSubtrees.count)
        let policy = ProofPolicy(key: try log.key(0).verifier)
        for (sequence, proof) in quick {
            #expect(try proof.verify(policy).sequence == sequence)
            #expect(try prove(log, [sequence])[sequence]?.get() == proof)
        }
        for number in 0..<3 {
            let forged = try manySubtrees()
            try forged.change(Self.index) { index in
                let end = try? index.withUnsafeBytes { try SegmentIndex.size(header: $0).head }
                guard let end else { return }
                index[end - 32 * (3 - number)] ^= 1
                Self.reseal(&index)
            }
            #expect(forged.directory.index(try forged.directory.segments()[0])?.roots.count == 3)
            #expect(try prove(forged, Self.aroundSubtrees).mapValues { try $0.get() } == quick)
        }
        log.files[Self.index] = nil
        #expect(try prove(log, Self.aroundSubtrees).mapValues { try $0.get() } == quick)
    }

    /// Makes the checksum of an index's head right again.
    private static func reseal(_ index: inout [UInt8]) {
        guard let end = try? index.withUnsafeBytes({ try SegmentIndex.size(header: $0).head }) else { return }
        let checksum = index[..<end].withUnsafeBytes { SegmentIndex.headChecksum($0) }
        index.replaceSubrange(60..<64, with: withUnsafeBytes(of: checksum.littleEndian) { Array($0) })
    }

    /// Of a span: the field at an offset of its entry, and what it is made.
    @Test(
        "an index whose roots are right and whose spans are not is of no use, and does no harm",
        arguments: [
            (0, UInt64.max - 15), (0, .max), (0, 1 << 62), (0, 300), (8, .max), (8, 1 << 39), (8, 1), (16, 1), (16, 0),
            (16, (1 << 62) - 1), (24, 0), (24, .max),
        ] as [(Int, UInt64)])
    func forgedSpans(_ field: Int, _ value: UInt64) throws {
        let log = try manySubtrees()
        let expected = try prove(log, Self.aroundSubtrees).mapValues { try $0.get() }
        let count = try #require(log.directory.index(try log.directory.segments()[0])?.spans.count)
        #expect(count > 2)
        for span in 0..<count {
            let forged = try manySubtrees()
            try forged.change(Self.index) { index in
                func length(at offset: Int) -> Int {
                    (0..<4).reduce(0) { $0 | Int(index[offset + $1]) << (8 * $1) }
                }
                let place = 72 + length(at: 36) + length(at: 52) + 224 * span + field
                withUnsafeBytes(of: value.littleEndian) { index.replaceSubrange(place..<(place + 8), with: $0) }
                Self.reseal(&index)
            }
            #expect(try prove(forged, Self.aroundSubtrees).mapValues { try $0.get() } == expected)
        }
    }

    @Test("a segment under the name of another event")
    func renamed() throws {
        let log = try SealedLogFixture.whole()
        for part in [FileNames.Part.data, .index, .seal] {
            log.files[FileNames.segment(5, part)] = log.files[FileNames.segment(7, part)]
            log.files[FileNames.segment(7, part)] = nil
        }
        #expect(try proof(prove(log, [2])[2]).sequence == 2)
        for sequence in [5, 6, 7, 11] as [UInt64] { #expect(throws: ReadError.self) { try prove(log, [sequence]) } }
    }

    @Test("damage elsewhere does not keep an event from being proved while there is an index")
    func damageElsewhere() throws {
        let log = try manySubtrees()
        try log.change(FileNames.segment(0, .data)) { $0[$0.count - 300] ^= 1 }
        #expect(try proof(prove(log, [5])[5]).verify(ProofPolicy(key: log.key(0).verifier)).sequence == 5)
        #expect(throws: ReadError.self) { try prove(log, [2699]) }
        log.files[Self.index] = nil
        #expect(throws: ReadError.self) { try prove(log, [5]) }
    }

    @Test("what is not sealed, and what there is not, says so")
    func obstacles() throws {
        let log = try SealedLogFixture.whole()
        let results = try prove(log, [17, 18, 21, 22, 1 << 40])
        #expect(try proof(results[17]).sequence == 17)
        #expect([18, 21, 22, 1 << 40].map { obstacle(results[$0]) } == [.unsealed, .unsealed, .absent, .absent])
        if case .failure(let obstacle) = results[18] { #expect(obstacle.message.contains("cairn rotate")) }
        let new = try SealedLogFixture()
        #expect(obstacle(try prove(new, [0])[0]) == .absent)
        #expect(try prove(new, []).isEmpty)
    }

    @Test("a seal that the checkpoint does not cover yet")
    func notCovered() throws {
        let log = try SealedLogFixture.whole()
        let older = try log.checkpointNote(size: 2)
        log.files.put(FileNames.checkpoint, older)
        let results = try prove(log, [11, 12, 18])
        #expect(try proof(results[11]).verify(ProofPolicy(key: log.logKey().verifier)).checkpointSize == 2)
        #expect(obstacle(results[12]) == .unsealed)
        #expect(obstacle(results[18]) == .unsealed)
    }

    @Test("numbers that damage has lost")
    func lost() throws {
        let log = try SealedLogFixture()
        try log.append(3)
        try log.seal(.corruption)
        log.files.append(log.dataPath, [1, 2, 3])
        try log.next(lost: 4)
        try log.append(2)
        try log.rotate()
        let results = try prove(log, [2, 3, 6, 7])
        let policy = ProofPolicy(key: try log.key(0).verifier)
        #expect(try proof(results[2]).verify(policy).seal.reason == .corruption)
        #expect(try proof(results[7]).verify(policy).sequence == 7)
        #expect([3, 6].map { obstacle(results[$0]) } == [.absent, .absent])
    }

    @Test("an erased event has no proof; proofs of others, and old ones, hold")
    func erased() throws {
        let log = try SealedLogFixture.whole()
        let before = try prove(log, 0..<18)
        try log.erase([8, 9], from: 7)
        let after = try prove(log, 0..<18)
        let policy = ProofPolicy(key: try log.key(0).verifier)
        for sequence in 0..<18 as Range<UInt64> {
            // A copy that was made before cannot be unmade: the log keeps the leaf.
            _ = try proof(before[sequence]).verify(policy)
            if [8, 9].contains(sequence) {
                #expect(obstacle(after[sequence]) == .redacted)
            } else {
                #expect(try proof(after[sequence]) == proof(before[sequence]))
            }
        }
    }

    @Test("a pruned event has no proof; old ones hold, and those of other segments")
    func pruned() throws {
        let log = try SealedLogFixture.whole()
        let before = try prove(log, [0, 6])
        log.files[FileNames.segment(0, .data)] = nil
        log.files[FileNames.segment(0, .index)] = nil
        let after = try prove(log, [0, 6, 7])
        #expect([0, 6].map { obstacle(after[$0]) } == [.pruned, .pruned])
        let policy = ProofPolicy(key: try log.logKey().verifier)
        for proof_ in [before[0], before[6], after[7]] { _ = try proof(proof_).verify(policy) }
    }

    @Test("a log that was changed proves nothing: data, seals, origin, checkpoint")
    func damaged() throws {
        func fails(_ change: (SealedLogFixture) throws -> Void) throws {
            let log = try SealedLogFixture.whole()
            try change(log)
            #expect(throws: ReadError.self) { try prove(log, [8]) }
        }
        try fails { try $0.change(FileNames.segment(7, .data)) { $0[$0.count / 2] ^= 1 } }
        try fails { log in
            try log.forge(try #require(log.blocks.first { $0.segment == 7 })) { $0.replacing("login", with: "logon") }
        }
        for first in [0, 7, 12] as [UInt64] {
            try fails { try $0.change(FileNames.segment(first, .seal)) { $0[$0.count - 3] ^= 1 } }
            try fails { $0.files[FileNames.segment(first, .seal)] = nil }
        }
        try fails { try $0.change(FileNames.checkpoint) { $0[$0.count - 3] ^= 1 } }
        try fails { $0.files[FileNames.checkpoint] = nil }
        try fails { try $0.change(FileNames.origin) { $0[$0.count - 3] ^= 1 } }
        try fails { try $0.checkpoint(root: .zero) }
        try fails { try $0.checkpoint(size: 3, root: MerkleTree.root(of: [.zero, .zero, .zero])) }
        try fails { $0.files.put(FileNames.segment(7, .data), $0.files[FileNames.segment(12, .data)] ?? []) }
    }

    @Test("every byte of the segment's data that a proof is made from counts")
    func everyByteOfTheData() throws {
        let log = try SealedLogFixture()
        try log.append(3)
        try log.rotate()
        let path = FileNames.segment(0, .data)
        let data = try #require(log.files[path])
        let good = try prove(log, [1])
        let proofOfOne = try proof(good[1])
        for index in data.indices {
            var changed = data
            changed[index] ^= 0x10
            log.files.put(path, changed)
            // What was changed is noticed, or it is nothing that a proof is made from: the header, the footer.
            if let result = try? prove(log, [1]) { #expect(try proof(result[1]) == proofOfOne, "byte \(index)") }
        }
    }

    @Test("with a cosigned checkpoint that was kept elsewhere")
    func cosigned() throws {
        let log = try SealedLogFixture.whole()
        let witness = try WitnessSigner(name: "w", seed: [UInt8](repeating: 3, count: 32))
        let plain = try SignedNote(log.checkpointNote(size: 2))
        let note = try plain.cosigned(by: witness.verifier, [witness.cosign(plain.text, seconds: 1_795_246_752)])
        let results = try prove(log, [8, 14], checkpoint: note.bytes)
        let policy = ProofPolicy(key: try log.key(0).verifier, witnesses: [witness.verifier])
        let event = try proof(results[8]).verify(policy)
        #expect(event.checkpointSize == 2 && event.cosignatures.map(\.witness) == [witness.verifier])
        #expect(obstacle(results[14]) == .unsealed)
        let other = try SealedLogFixture.whole(word: "other")
        #expect(throws: ReadError.self) { try prove(other, [8], checkpoint: note.bytes) }
    }

    @Test("consistency proofs are those that a witness takes")
    func consistency() throws {
        let log = try SealedLogFixture()
        for _ in 0..<6 {
            try log.append(1)
            try log.rotate()
        }
        let leaves = log.seals.map { MerkleTree.leaf($0) }
        let prover = Prover(log.directory)
        #expect(try prover.consistency(from: 0) == [])
        #expect(try prover.consistency(from: 6) == [])
        for old in 1...6 {
            #expect(
                MerkleProof.verifyConsistency(
                    from: UInt64(old), root: MerkleTree.root(of: leaves[..<old]), to: 6,
                    root: MerkleTree.root(of: leaves),
                    path: try prover.consistency(from: UInt64(old))))
        }
        #expect(throws: ReadError.self) { try prover.consistency(from: 7) }
    }

    @Test("a log that is written meanwhile")
    func whileWritten() throws {
        let probe = try SealedLogFixture.whole()
        _ = try prove(probe, [3])
        for operation in 0..<probe.files.operations {
            let log = try SealedLogFixture.whole()
            let later = MemoryTree(log.files.snapshot)
            let writer = try SealedLogFixture.whole()
            try writer.rotate()
            let after = writer.files.snapshot
            let files = log.files
            log.files.interrupt(before: operation) { for (path, bytes) in after { files.put(path, bytes) } }
            let result = try prove(log, [3])
            let event = try proof(result[3]).verify(ProofPolicy(key: log.key(0).verifier))
            #expect([3, 4].contains(event.checkpointSize), "before operation \(operation)")
            #expect(later.snapshot.count < after.count)
        }
    }
}
