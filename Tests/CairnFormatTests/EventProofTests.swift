import CairnFormat
import Testing

/// A log of three seals, of which the second is over five events, and the proof of each of them. Written by hand after
/// Format.md, "Proofs", and not with the code under test.
struct ProofFixture {
    let genesis: SignerKey
    let log: SignerKey
    let witness: WitnessSigner
    let seals: [[UInt8]]
    let lines: [[UInt8]]
    let leaves: [Digest]
    static let first: UInt64 = 10
    static let saltKey = [UInt8](50..<82)

    static func line(_ sequence: UInt64) -> [UInt8] {
        Array(
            ("{\"_seq\":\(sequence),\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":1000,\"_pid\":42,"
                + "\"action\":\"login\",\"module\":\"authentication\"}").utf8)
    }

    static func leaf(_ sequence: UInt64, _ line: [UInt8]) -> Digest {
        .sha256([0] + salt(sequence) + line)
    }

    static func salt(_ sequence: UInt64) -> [UInt8] {
        var salts = Salts(saltKey: saltKey)
        return salts.withSalt(of: sequence) { $0.map { Array($0) } ?? [] }
    }

    init(
        line: (UInt64) -> [UInt8] = ProofFixture.line, seal change: (inout Seal) -> Void = { _ in },
        text: (String) -> String = { $0 }
    ) throws {
        genesis = try Fixture.signer(1)
        log = try Fixture.signer(9)
        witness = try WitnessFixture.witness(5)
        lines = (0..<5).map { line(ProofFixture.first + $0) }
        leaves = lines.enumerated().map { ProofFixture.leaf(ProofFixture.first + UInt64($0.offset), $0.element) }
        var seals: [[UInt8]] = []
        for (number, count) in [10, 5, 4].enumerated() {
            let first = [0, 10, 15][number] as UInt64
            var seal = Seal(
                origin: try Fixture.origin(), number: UInt64(number), firstSequence: first, count: UInt64(count),
                root: number == 1 ? MerkleTree.root(of: leaves) : digest(first), previous: digest(1),
                opened: Fixture.time, received: Fixture.time...Fixture.time, time: Fixture.time...Fixture.time,
                modules: [.init(name: "authentication", count: UInt64(count))], reason: .size,
                nextKey: try Fixture.signer(3).verifier)
            if number == 1 { change(&seal) }
            seals.append(try Fixture.signer(2).sign(number == 1 ? text(seal.text) : seal.text))
        }
        self.seals = seals
    }

    var origin: String {
        "cairn/origin/v1\n\(Fixture.name)\ncreated \(Fixture.time)\ngenesis \(genesis.verifier)\nlog \(log.verifier)\n"
    }

    func checkpoint(size: Int = 3) throws -> SignedNote {
        let root = MerkleTree.root(of: seals.prefix(size).map { Digest.sha256([0] + $0) })
        return try SignedNote(log.sign("\(Fixture.name)\n\(size)\n\(root)\n"))
    }

    /// The proof of the event at `place` in the segment.
    func proof(_ place: Int, size: Int = 3, isCosigned: Bool = false) throws -> EventProof {
        var note = try checkpoint(size: size)
        if isCosigned {
            note = try note.cosigned(
                by: witness.verifier, [witness.cosign(note.text, seconds: WitnessFixture.seconds)])
        }
        let sequence = ProofFixture.first + UInt64(place)
        let outer = seals.prefix(size).map { Digest.sha256([0] + $0) }
        return EventProof(
            sequence: sequence, salt: ProofFixture.salt(sequence), line: lines[place],
            segmentPath: MerkleProof.inclusion(of: place, in: leaves[...]), origin: try genesis.sign(origin),
            seal: seals[1], index: 1, path: MerkleProof.inclusion(of: 1, in: outer[...]), checkpoint: note.bytes)
    }
}

@Suite struct EventProofTests {
    /// The step at which a proof is refused; nil if it is taken.
    private func kind(_ proof: EventProof, _ policy: ProofPolicy) -> ProofFailure.Kind? {
        do throws(ProofFailure) {
            _ = try proof.verify(policy)
            return nil
        } catch {
            check(!error.message.isEmpty)
            return error.kind
        }
    }

    @Test("each event is proved, by the genesis key and by the log key")
    func proves() throws {
        let fixture = try ProofFixture()
        for place in 0..<5 {
            for (size, isCosigned) in [(2, false), (3, false), (3, true)] {
                let proof = try EventProof(fixture.proof(place, size: size, isCosigned: isCosigned).bytes)
                for key in [fixture.genesis.verifier, fixture.log.verifier] {
                    let event = try proof.verify(ProofPolicy(key: key))
                    #expect(event.sequence == 10 + UInt64(place))
                    #expect(event.line == fixture.lines[place])
                    #expect(event.leaf == fixture.leaves[place])
                    #expect(event.origin.name == Fixture.name)
                    #expect(event.checkpointSize == UInt64(size))
                    #expect((event.seal.number, event.seal.firstSequence, event.seal.count) == (1, 10, 5))
                    #expect(event.isGenesisKey == (key == fixture.genesis.verifier))
                    #expect(event.cosignatures == [])
                }
            }
        }
    }

    @Test("the file has the form that Format.md gives")
    func form() throws {
        let fixture = try ProofFixture()
        let proof = try fixture.proof(1)
        let (origin, seal) = (try fixture.genesis.sign(fixture.origin).text, fixture.seals[1].text)
        let extra =
            """
            cairn/event-proof/v1
            event 11
            salt \(Base64.encode(ProofFixture.salt(11)))
            path 3
            \(fixture.leaves[0])
            \(MerkleTree.node(fixture.leaves[2], fixture.leaves[3]))
            \(fixture.leaves[4])
            line \(fixture.lines[1].count)
            \(fixture.lines[1].text)
            origin \(origin.utf8.count)
            \(origin)seal \(seal.utf8.count)
            \(seal)
            """
        let outer = fixture.seals.map { Digest.sha256([0] + $0) }
        let expected =
            "c2sp.org/tlog-proof@v1\nextra \(Base64.encode(Array(extra.utf8)))\nindex 1\n\(outer[0])\n\(outer[2])\n\n"
            + (try fixture.checkpoint().bytes.text)
        #expect(proof.bytes.text == expected)
        #expect(try EventProof(proof.bytes) == proof)
    }

    @Test("every byte of the file counts, whichever key is trusted")
    func everyByte() throws {
        let fixture = try ProofFixture()
        let file = try fixture.proof(2).bytes
        let keys = [fixture.genesis.verifier, fixture.log.verifier]
        for index in file.indices {
            // Every bit, now one and now another, so that the test stays short.
            for mask in [1 << UInt8(index % 8), 0x20] as Set<UInt8> {
                var changed = file
                changed[index] ^= mask
                guard let proof = try? EventProof(changed) else { continue }
                check(kind(proof, ProofPolicy(key: keys[index % 2])) != nil, "byte \(index) changed by \(mask)")
            }
        }
    }

    @Test("every byte of what the file carries counts")
    func everyByteOfTheExtra() throws {
        let fixture = try ProofFixture()
        let file = try TlogProof(fixture.proof(2).bytes)
        let extra = try #require(file.extra)
        for index in extra.indices {
            var changed = file
            changed.extra?[index] ^= 1 << UInt8(index % 8)
            guard let proof = try? EventProof(changed.bytes) else { continue }
            check(kind(proof, ProofPolicy(key: fixture.log.verifier)) != nil, "byte \(index) of the extra")
        }
    }

    @Test("cut at any place it is no proof, or none that holds; and so with bytes behind it")
    func everyCut() throws {
        let fixture = try ProofFixture()
        let file = try fixture.proof(0).bytes
        let policy = ProofPolicy(key: fixture.genesis.verifier)
        for count in file.indices {
            guard let proof = try? EventProof(Array(file[..<count])) else { continue }
            check(kind(proof, policy) != nil, "cut at \(count)")
        }
        for tail in ["\n", " ", "x", "\n\n", "\u{2014} x AAAAAAA=", "\0"] {
            guard let proof = try? EventProof(file + Array(tail.utf8)) else { continue }
            #expect(kind(proof, policy) != nil, "\(tail)")
        }
        let extra = try #require(try TlogProof(file).extra)
        for count in extra.indices {
            var cut = try TlogProof(file)
            cut.extra = Array(extra[..<count])
            check(errorCode { _ = try EventProof(cut.bytes) } != nil, "extra cut at \(count)")
        }
    }

    @Test("each step refuses what it is there for")
    func steps() throws {
        let fixture = try ProofFixture()
        let good = try fixture.proof(2)
        let policy = ProofPolicy(key: fixture.log.verifier)
        func expect(_ expected: ProofFailure.Kind, _ change: (inout EventProof) throws -> Void) throws {
            var proof = good
            try change(&proof)
            // By way of the file, as a checker meets it.
            #expect(kind(try EventProof(proof.bytes), policy) == expected)
        }
        #expect(kind(good, ProofPolicy(key: try Fixture.signer(8).verifier)) == .key)
        #expect(kind(good, ProofPolicy(key: try VerifierKey(VerifierKeyTests.c2sp))) == .key)
        try expect(.origin) { $0.origin = try fixture.log.sign(fixture.origin) }
        try expect(.origin) { $0.origin = [] }
        try expect(.origin) {
            $0.origin = try fixture.genesis.sign(fixture.origin.replacing("origin/v1", with: "origin/v2"))
        }
        let later = fixture.origin.replacing("origin/v1", with: "origin/v2")
        let signed = try EventProof(
            sequence: good.sequence, salt: good.salt, line: good.line, segmentPath: good.segmentPath,
            origin: fixture.genesis.sign(later), seal: good.seal, index: good.index, path: good.path,
            checkpoint: good.checkpoint)
        #expect(kind(signed, ProofPolicy(key: fixture.genesis.verifier)) == .unsupported)
        try expect(.key) {
            let other = fixture.origin.replacing(
                fixture.log.verifier.description, with: try Fixture.signer(8).verifier.description)
            $0.origin = try fixture.genesis.sign(other)
        }
        let text = try fixture.checkpoint().text
        try expect(.checkpoint) { $0.checkpoint = try fixture.genesis.sign(text) }
        try expect(.checkpoint) {
            $0.checkpoint = try fixture.log.sign(text.replacing(Fixture.name, with: "another.example/log"))
        }
        try expect(.unsupported) { $0.checkpoint = try fixture.log.sign(text + "an extension\n") }
        try expect(.seal) { $0.checkpoint = try fixture.checkpoint(size: 2).bytes }
        try expect(.seal) { $0.seal = fixture.seals[0] }
        try expect(.seal) { $0.index = 0 }
        try expect(.seal) { $0.index = .max }
        try expect(.seal) { $0.path.removeLast() }
        try expect(.seal) { $0.path.append(digest(1)) }
        try expect(.seal) { $0.seal = try fixture.log.sign("another text\n") }
        try expect(.event) { $0.sequence = 9 }
        try expect(.event) { $0.sequence = 15 }
        try expect(.event) { $0.sequence = 11 }
        try expect(.event) { $0.line.append(32) }
        try expect(.event) { $0.line = [] }
        try expect(.event) { $0.salt[15] ^= 1 }
        try expect(.event) { $0.segmentPath.swapAt(0, 1) }
        try expect(.event) { $0.segmentPath = [] }
    }

    @Test("a log that sealed what is no event of that number proves nothing with it")
    func wrongLines() throws {
        let policy = ProofPolicy(key: try Fixture.signer(9).verifier)
        for (line, expected) in [
            ({ ProofFixture.line($0 + 1) }, .event), ({ _ in Array("{\"action\":\"a\"}".utf8) }, .event),
            ({ _ in [] }, .event),
            ({ Array(" \t".utf8) + ProofFixture.line($0) }, nil),
        ] as [((UInt64) -> [UInt8], ProofFailure.Kind?)] {
            #expect(kind(try ProofFixture(line: line).proof(2), policy) == expected)
        }
    }

    @Test("seals that say something else than their place, or that are of a later version")
    func wrongSeals() throws {
        let policy = ProofPolicy(key: try Fixture.signer(9).verifier)
        let other = try Origin("another.example/log")
        let otherKey = try SignerKey(name: other.name, seed: [UInt8](repeating: 3, count: 32)).verifier
        for (change, text, expected) in [
            ({ $0.number = 2 }, { $0 }, .seal),
            ({ ($0.origin, $0.nextKey) = (other, otherKey) }, { $0 }, .seal),
            ({ _ in }, { $0.replacing("seal/v1", with: "seal/v2") }, .unsupported),
            ({ _ in }, { $0.replacing("reason size", with: "reason boredom") }, .unsupported),
            ({ _ in }, { $0.replacing("count 5", with: "count 05") }, .unsupported),
            ({ _ in }, { $0.replacing("module authentication 5", with: "module authentication 4") }, .seal),
            ({ $0.root = digest(4) }, { $0 }, .event),
        ] as [((inout Seal) -> Void, (String) -> String, ProofFailure.Kind)] {
            let fixture = try ProofFixture(seal: change, text: text)
            #expect(kind(try fixture.proof(2), policy) == expected)
        }
    }

    // MARK: - Witnesses

    @Test("cosignatures of the given witnesses are counted")
    func cosigned() throws {
        let fixture = try ProofFixture()
        let (own, stranger) = (fixture.witness.verifier, try WitnessFixture.witness(6).verifier)
        let (plain, cosigned) = (try fixture.proof(2), try fixture.proof(2, isCosigned: true))
        func policy(_ witnesses: [WitnessKey], _ quorum: Int? = nil) -> ProofPolicy {
            ProofPolicy(key: fixture.log.verifier, witnesses: witnesses, quorum: quorum)
        }
        let event = try cosigned.verify(policy([own]))
        #expect(event.cosignatures.map(\.witness) == [own])
        #expect(event.cosignatures.map(\.time) == [Time(rfc3339: "2026-11-21T07:39:12Z")])
        #expect(kind(plain, policy([own])) == .witness)
        #expect(kind(cosigned, policy([own, stranger])) == .witness)
        #expect(kind(cosigned, policy([own, stranger], 1)) == nil)
        #expect(kind(cosigned, policy([stranger], 0)) == nil)
        #expect(kind(cosigned, policy([own, own])) == nil, "one witness named twice is one")
        #expect(kind(cosigned, policy([own, own], 2)) == .witness)
    }

    @Test("with its witness given, every byte of a cosigned checkpoint counts")
    func everyByteOfACosignedCheckpoint() throws {
        let fixture = try ProofFixture()
        let file = try fixture.proof(2, isCosigned: true).bytes
        let policy = ProofPolicy(key: fixture.log.verifier, witnesses: [fixture.witness.verifier])
        let start = try #require(file.firstRange(of: Array("\n\n".utf8))?.lowerBound)
        for index in start..<file.count {
            for mask in [0x01, 0x40] as [UInt8] {
                var changed = file
                changed[index] ^= mask
                guard let proof = try? EventProof(changed) else { continue }
                check(kind(proof, policy) != nil, "byte \(index) changed by \(mask)")
            }
        }
    }
}

@Suite struct TlogProofTests {
    /// Files that are none; C stands for what a proof needs in the place of a checkpoint.
    @Test(arguments: [
        "", "\n", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nindex 1\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n\n", "c2sp.org/tlog-proof@v1\n\nC", "c2sp.org/tlog-proof@v1\nindex 01\n\nC",
        "c2sp.org/tlog-proof@v1\nindex +1\n\nC", "c2sp.org/tlog-proof@v1\nindex  1\n\nC",
        "c2sp.org/tlog-proof@v1\nextra AA\nindex 1\n\nC", "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\nC",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 1\n\nC", "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nC",
        "c2sp.org/tlog-proof@v1 \nindex 1\n\nC", "C2SP.org/tlog-proof@v1\nindex 1\n\nC",
        "c2sp.org/tlog-proof@v1\r\nindex 1\r\n\r\nC",
        "c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n\nC",
    ])
    func refuses(_ text: String) {
        #expect(errorCode { _ = try TlogProof(Array(text.utf8)) } != nil)
    }

    @Test func takes() throws {
        let hash = digest(1)
        let text = "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 18446744073709551615\n\(hash)\n\nC\n\nmore"
        let proof = try TlogProof(Array(text.utf8))
        #expect(proof == TlogProof(extra: [0, 0, 0], index: .max, path: [hash], checkpoint: Array("C\n\nmore".utf8)))
        #expect(proof.bytes.text == text)
        let bare = "c2sp.org/tlog-proof@v1\nindex 0\n\nC"
        #expect(try TlogProof(Array(bare.utf8)).extra == nil)
        #expect(try TlogProof(Array(bare.utf8)).bytes.text == bare)
        #expect(errorCode { _ = try EventProof(Array(bare.utf8)) } == .malformed)
        #expect(errorCode { _ = try EventProof(Array(text.utf8)) } != nil)
    }

    @Test func laterVersions() throws {
        #expect(errorCode { _ = try TlogProof(Array("c2sp.org/tlog-proof@v2\nindex 0\n\nC".utf8)) } == .unsupported)
        var proof = try TlogProof(ProofFixture().proof(0).bytes)
        proof.extra = proof.extra.map { Array($0.text.replacing("event-proof/v1", with: "event-proof/v2").utf8) }
        #expect(errorCode { _ = try EventProof(proof.bytes) } == .unsupported)
    }

    @Test func limits() throws {
        func code(_ count: Int) -> FormatError.Code? {
            errorCode {
                let path = (0..<count).map { digest(UInt64($0)) }
                _ = try TlogProof(TlogProof(extra: nil, index: 0, path: path, checkpoint: [65]).bytes)
            }
        }
        #expect(code(63) == nil)
        #expect(code(64) == .malformed)
        #expect(errorCode { _ = try TlogProof([UInt8](repeating: 65, count: Limits.proof + 1)) } == .malformed)
        let note = [UInt8](repeating: 65, count: Limits.note)
        _ = try TlogProof(TlogProof(extra: nil, index: 0, path: [], checkpoint: note).bytes)
        #expect(
            errorCode { _ = try TlogProof(TlogProof(extra: nil, index: 0, path: [], checkpoint: note + [65]).bytes) }
                == .malformed)
        // The largest proof that there can be is no larger than a proof may be.
        var proof = try ProofFixture().proof(0)
        proof.line = [UInt8](repeating: 65, count: Limits.storedLine)
        (proof.origin, proof.seal, proof.checkpoint) = (note, note, note)
        proof.segmentPath = Array(repeating: digest(1), count: Limits.proofHashes)
        proof.path = proof.segmentPath
        #expect(try EventProof(proof.bytes) == proof)
        proof.line.append(65)
        #expect(errorCode { _ = try EventProof(proof.bytes) } == .malformed)
    }
}
