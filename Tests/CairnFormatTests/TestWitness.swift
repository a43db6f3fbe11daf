import CairnFormat

/// A witness as C2SP tlog-witness v1.0.0 describes it, without the network: what it answers to a body.
struct TestWitness {
    struct Answer: Equatable {
        var status: Int
        var contentType: String?
        var body: [UInt8] = []
    }

    let signer: WitnessSigner
    /// The log key that it trusts, whose name is the origin.
    let trusted: VerifierKey
    /// Of POSIX time.
    var seconds = WitnessFixture.seconds
    private(set) var latest: (size: UInt64, root: Digest) = (0, .empty)

    init(_ signer: WitnessSigner, trusting trusted: VerifierKey) {
        self.signer = signer
        self.trusted = trusted
    }

    mutating func add(_ body: [UInt8]) throws -> Answer {
        guard let request = try? WitnessRequest(body: body), let note = try? SignedNote(request.checkpoint),
            let checkpoint = try? Checkpoint(note)
        else { return Answer(status: 400) }
        guard checkpoint.origin.name == trusted.name else { return Answer(status: 404) }
        guard (try? note.verify(trusted)) != nil else { return Answer(status: 403) }
        guard request.oldSize <= checkpoint.size else { return Answer(status: 400) }
        guard request.oldSize == latest.size else {
            return Answer(status: 409, contentType: "text/x.tlog.size", body: Array("\(latest.size)\n".utf8))
        }
        if request.oldSize == checkpoint.size, request.oldSize > 0 {
            guard checkpoint.root == latest.root else { return Answer(status: 409) }
        } else if request.oldSize == 0 {
            guard request.path.isEmpty else { return Answer(status: 422) }
        } else {
            guard
                MerkleProof.verifyConsistency(
                    from: latest.size, root: latest.root, to: checkpoint.size, root: checkpoint.root,
                    path: request.path)
            else { return Answer(status: 422) }
        }
        latest = (checkpoint.size, checkpoint.root)
        let line = try signer.cosign(note.text, seconds: seconds).line
        return Answer(status: 200, contentType: "text/plain", body: Array("\(line)\n".utf8))
    }
}
