/// That an event stands in a log, with everything that a third party needs to check it: a C2SP tlog-proof of the seal of
/// its segment, which carries the event itself and its way to the seal. Format.md, "Proofs".
public struct EventProof: Sendable, Equatable {
    /// Sequence number of the event.
    public var sequence: UInt64
    /// 16 bytes.
    package var salt: [UInt8]
    /// The stored line without its LF.
    public var line: [UInt8]
    /// From the event's leaf to the root of its segment, nearest the leaf first.
    package var segmentPath: [Digest]
    /// The file `origin`: names the log key, signed by the genesis key.
    package var origin: [UInt8]
    /// The seal of the segment, as its file is.
    package var seal: [UInt8]
    /// Number of the segment.
    package var index: UInt64
    /// From the seal to the root of the checkpoint, nearest the seal first.
    package var path: [Digest]
    /// Signed by the log key and, where witnesses were asked, by them.
    package var checkpoint: [UInt8]

    private static let kind = "cairn/event-proof/"
    private static let version = "v1"

    package init(
        sequence: UInt64, salt: [UInt8], line: [UInt8], segmentPath: [Digest], origin: [UInt8], seal: [UInt8],
        index: UInt64, path: [Digest], checkpoint: [UInt8]
    ) {
        self.sequence = sequence
        self.salt = salt
        self.line = line
        self.segmentPath = segmentPath
        self.origin = origin
        self.seal = seal
        self.index = index
        self.path = path
        self.checkpoint = checkpoint
    }

    /// SHA-256(0x00 ‖ salt ‖ line).
    public var leaf: Digest {
        salt.withUnsafeBytes { salt in line.withUnsafeBytes { Digest.leaf(salt: salt, line: $0) } }
    }

    // MARK: - The file

    /// The file; its name SHOULD end in `.tlog-proof`.
    public var bytes: [UInt8] {
        var extra = Array("\(EventProof.kind)\(EventProof.version)\nevent \(sequence)\n".utf8)
        extra.append(contentsOf: "salt \(Base64.encode(salt))\npath \(segmentPath.count)\n".utf8)
        for hash in segmentPath { extra.append(contentsOf: "\(hash)\n".utf8) }
        extra.append(contentsOf: "line \(line.count)\n".utf8)
        extra.append(contentsOf: line)
        extra.append(contentsOf: "\norigin \(origin.count)\n".utf8)
        extra.append(contentsOf: origin)
        extra.append(contentsOf: "seal \(seal.count)\n".utf8)
        extra.append(contentsOf: seal)
        return TlogProof(extra: extra, index: index, path: path, checkpoint: checkpoint).bytes
    }

    /// Reads a file; each proof has one form only. Nothing is verified: see ``verify(_:)``.
    ///
    /// - Throws: `unsupported` for a later version, another code for a file that is no proof of an event.
    public init(_ file: [UInt8]) throws(FormatError) {
        let proof = try TlogProof(file)
        guard let extra = proof.extra else {
            throw FormatError(.malformed, "the proof carries no event: it is of another kind of log")
        }
        (index, path, checkpoint) = (proof.index, proof.path, proof.checkpoint)
        var scanner = LineScanner(extra)
        let first = try scanner.line()
        guard first.utf8.starts(with: EventProof.kind.utf8) else {
            throw FormatError(.malformed, "the proof carries no event: it is of another kind of log")
        }
        guard first.utf8.elementsEqual("\(EventProof.kind)\(EventProof.version)".utf8) else {
            throw FormatError(.unsupported, "the proof of an event of a later version: \(first)")
        }
        sequence = try scanner.number("event")
        guard sequence < Limits.sequence else {
            throw FormatError(.malformed, "\(sequence) is not the number of an event")
        }
        guard let salt = Base64.decode(try scanner.value("salt")), salt.count == Salts.size else {
            throw FormatError(.malformed, "\"salt\" is not 16 bytes in base64")
        }
        self.salt = salt
        segmentPath = try scanner.hashes(scanner.number("path"))
        line = try scanner.block("line", limit: Limits.storedLine)
        try scanner.expectLineFeed()
        origin = try scanner.block("origin", limit: Limits.note)
        seal = try scanner.block("seal", limit: Limits.note)
        guard scanner.isAtEnd else { throw FormatError(.malformed, "something follows the seal") }
    }

    // MARK: - Verification

    /// Recomputes everything, from the line to the signatures of the checkpoint. It needs no log and no network.
    public func verify(_ policy: ProofPolicy) throws(ProofFailure) -> ProvedEvent {
        let statement = try verifyOrigin(policy.key)
        let (note, checkpoint) = try verifyCheckpoint(statement)
        let cosignatures = try verifyCosignatures(note, policy)
        let seal = try verifySeal(statement, checkpoint)
        try verifyEvent(seal)
        return ProvedEvent(
            origin: statement.origin, sequence: sequence, line: line, leaf: leaf, seal: seal,
            checkpointSize: checkpoint.size, isGenesisKey: policy.key == statement.genesisKey,
            cosignatures: cosignatures)
    }

    /// The statement that ties genesis key and log key together. Either can be the one that the caller trusts: it is
    /// signed by the one, and names both.
    private func verifyOrigin(_ key: VerifierKey) throws(ProofFailure) -> OriginStatement {
        let note = try reading(.origin, "the origin") { () throws(FormatError) in try SignedNote(origin) }
        let statement: OriginStatement
        if (try? note.verify(key)) != nil {
            statement = try read(note, .origin, "the origin")
        } else {
            // What nobody is known to have signed is not of a later version, but changed.
            statement = try reading(.origin, "the origin") { () throws(FormatError) in try OriginStatement(note) }
        }
        try reading(.origin, "the origin") { () throws(FormatError) in try note.verify(statement.genesisKey) }
        guard key == statement.genesisKey || key == statement.logKey else {
            throw ProofFailure(
                .key,
                "the proof is of the log \(statement.origin), and \(key) is neither its genesis key nor its log key")
        }
        return statement
    }

    private func verifyCheckpoint(_ statement: OriginStatement) throws(ProofFailure) -> (SignedNote, Checkpoint) {
        let note = try reading(.checkpoint, "the checkpoint") { () throws(FormatError) in
            let note = try SignedNote(self.checkpoint)
            try note.verify(statement.logKey)
            return note
        }
        let checkpoint: Checkpoint = try read(note, .checkpoint, "the checkpoint")
        guard checkpoint.origin == statement.origin else {
            throw ProofFailure(.checkpoint, "the checkpoint is of the log \(checkpoint.origin)")
        }
        return (note, checkpoint)
    }

    private func verifyCosignatures(
        _ note: SignedNote, _ policy: ProofPolicy
    ) throws(ProofFailure) -> [Cosignature] {
        var found: [Cosignature] = []
        for key in policy.witnesses {
            let cosignature = try reading(.witness, "the checkpoint") { () throws(FormatError) in
                try note.cosignature(by: key)
            }
            if let cosignature { found.append(cosignature) }
        }
        guard found.count >= policy.quorum else {
            let missing = policy.witnesses.filter { key in !found.contains { $0.witness == key } }
            throw ProofFailure(
                .witness,
                "\(found.count) of the \(policy.quorum) wanted cosignatures are there; there is none by "
                    + missing.map(\.description).joined(separator: ", "))
        }
        return found
    }

    private func verifySeal(
        _ statement: OriginStatement, _ checkpoint: Checkpoint
    ) throws(ProofFailure) -> Seal {
        let leaf = MerkleTree.leaf(self.seal)
        guard
            MerkleProof.verifyInclusion(
                leaf: leaf, index: index, size: checkpoint.size, path: path, root: checkpoint.root)
        else { throw ProofFailure(.seal, "the seal is not number \(index) of those that the checkpoint covers") }
        let note = try reading(.seal, "the seal") { () throws(FormatError) in try SignedNote(self.seal) }
        let seal: Seal = try read(note, .seal, "the seal")
        guard seal.number == index, seal.origin == statement.origin else {
            throw ProofFailure(.seal, "the seal is that of segment \(seal.number) of \(seal.origin), out of its place")
        }
        return seal
    }

    private func verifyEvent(_ seal: Seal) throws(ProofFailure) {
        guard (seal.firstSequence..<seal.endSequence).contains(sequence) else {
            throw ProofFailure(.event, "the segment of that seal does not hold event \(sequence)")
        }
        guard
            MerkleProof.verifyInclusion(
                leaf: leaf, index: sequence - seal.firstSequence, size: seal.count, path: segmentPath, root: seal.root)
        else { throw ProofFailure(.event, "the event is not number \(sequence) of those that were sealed") }
        let stamps = try reading(.event, "the event") { () throws(FormatError) in
            try line.withBytes { bytes throws(FormatError) in try Stamps(line: bytes) }
        }
        guard stamps.sequence == sequence else {
            throw ProofFailure(.event, "the line of event \(sequence) says that it is event \(stamps.sequence)")
        }
    }

    /// Reads a note that is well signed, or in its place in the tree: what this program cannot read of it is of a
    /// later version.
    private func read<Statement: SignedStatement>(
        _ note: SignedNote, _ kind: ProofFailure.Kind, _ what: String
    ) throws(ProofFailure) -> Statement {
        do throws(FormatError) {
            return try Statement(note)
        } catch {
            throw ProofFailure(error.code == .mismatch ? kind : .unsupported, "\(what): \(error)")
        }
    }

    private func reading<R>(
        _ kind: ProofFailure.Kind, _ what: String, _ body: () throws(FormatError) -> R
    ) throws(ProofFailure) -> R {
        do throws(FormatError) {
            return try body()
        } catch {
            throw ProofFailure(kind, "\(what): \(error)")
        }
    }
}
