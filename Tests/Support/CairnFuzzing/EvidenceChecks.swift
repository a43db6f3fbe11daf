import CairnFormat
import CairnReader

/// Files that prove something to somebody: proofs of events, and anchors. What is taken is written as it was, and a
/// proof that the fixture's key vouches for is of what that key has signed.
final class EvidenceCheck: FuzzCheck {
    private let policy: ProofPolicy
    private let known: EventProof

    init() throws(FormatError) {
        policy = ProofPolicy(key: try Fixture.signer(3).verifier)
        known = try SeedProof.make()
    }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let bytes = Array(input)
        let file = try checkProof(bytes)
        // What the file carries is base64, which a fuzzer hardly gets behind: so it is given it as well.
        let extra = TlogProof(extra: bytes, index: known.index, path: known.path, checkpoint: known.checkpoint)
        let carried = try checkProof(extra.bytes)
        let anchor = try accepted(within: bytes.count) { () throws(FormatError) in try Anchor(bytes) }
        if let anchor { try agree(encoded: anchor.bytes, bytes, "the anchor") }
        return file || carried || anchor != nil
    }

    private func checkProof(_ file: [UInt8]) throws(PropertyFailure) -> Bool {
        if let container = try accepted(within: file.count, { () throws(FormatError) in try TlogProof(file) }) {
            try agree(encoded: container.bytes, file, "the tlog-proof")
        }
        let decoded = try accepted(within: file.count) { () throws(FormatError) in try EventProof(file) }
        guard let proof = decoded else { return false }
        try agree(encoded: proof.bytes, file, "the proof")
        if let event = try? proof.verify(policy) {
            try agree(event.line, known.line, "the event that was proved")
            try agree(event.sequence, known.sequence, "its number")
        }
        return true
    }
}

/// What comes from the daemon and from witnesses: receipts, requests to witnesses, and their answers.
final class AnswerCheck: FuzzCheck {
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let bytes = Array(input)
        let receipt = try accepted(within: bytes.count) { () throws(FormatError) in try Receipt.read(input) }
        if let receipt = receipt ?? nil {
            try require(!receipt.leaves.isEmpty, "a receipt without leaves")
            try require(receipt.endSequence <= Limits.sequence, "a receipt behind the last number")
        }
        let request = try accepted(within: bytes.count) { () throws(FormatError) in try WitnessRequest(body: bytes) }
        if let request { try agree(encoded: request.body, bytes, "the request") }
        var isAnswer = false
        for (status, type) in [(200, nil), (409, "text/x.tlog.size")] as [(Int, String?)] {
            let answer = try accepted(within: bytes.count) { () throws(FormatError) in
                try WitnessAnswer(status: status, contentType: type, body: bytes)
            }
            guard let answer else { continue }
            isAnswer = isAnswer || !bytes.isEmpty
            switch answer {
            case .cosigned(let signatures):
                let again = signatures.map { "\($0.line)\n" }.joined()
                if !bytes.isEmpty { try agree(encoded: Array(again.utf8), bytes, "the signatures") }
            case .isAt(let size): try agree(encoded: Array("\(size)\n".utf8), bytes, "the size")
            case .refused: throw PropertyFailure("an answer of status \(status) is a refusal")
            }
        }
        return receipt ?? nil != nil || request != nil || isAnswer
    }
}

/// A proof of the one event of a log with one seal.
enum SeedProof {
    static func make() throws(FormatError) -> EventProof {
        let line = Array(
            #"{"_seq":0,"_received":"2026-11-21T07:39:12.123456Z","_uid":1000,"_pid":7,"action":"a","module":"m"}"#.utf8
        )
        let salt = [UInt8](repeating: 9, count: Salts.size)
        let leaves = [Digest.sha256([0] + salt + line), .empty]
        let (origin, time) = (try Fixture.origin(), Fixture.time)
        let seal = Seal(
            origin: origin, number: 0, firstSequence: 0, count: 2, root: MerkleTree.root(of: leaves), previous: .zero,
            opened: time, received: time...time, time: time...time, modules: [.init(name: "m", count: 2)],
            reason: .size, nextKey: try Fixture.signer(2).verifier)
        let statement = OriginStatement(
            origin: origin, created: time, genesisKey: try Fixture.signer(1).verifier,
            logKey: try Fixture.signer(3).verifier)
        let note = try Fixture.signer(1).sign(seal.text)
        let seals = [MerkleTree.leaf(note), .zero]
        let checkpoint = Checkpoint(origin: origin, size: 2, root: MerkleTree.root(of: seals))
        return EventProof(
            sequence: 0, salt: salt, line: line, segmentPath: [.empty],
            origin: try Fixture.signer(1).sign(statement.text),
            seal: note, index: 0, path: [.zero], checkpoint: try Fixture.signer(3).sign(checkpoint.text))
    }

    static func evidence() throws(FormatError) -> [Seed] {
        let proof = try make()
        let extra = try TlogProof(proof.bytes).extra ?? []
        let anchor = try Anchor(target: "https://witness.example", time: Fixture.time, checkpoint: proof.checkpoint)
        return [Seed("proof", proof.bytes), Seed("extra", extra), Seed("anchor", anchor.bytes)]
    }

    static func answers() throws(FormatError) -> [Seed] {
        let checkpoint = try make().checkpoint
        let witness = try WitnessSigner(name: "witness.example", seed: [UInt8](repeating: 4, count: 32))
        let line = try witness.cosign(SignedNote(checkpoint).text, seconds: 1_795_246_752).line
        let leaf = Base64.encode(Digest.empty)
        let request = WitnessRequest(oldSize: 1, path: [.empty, .zero], checkpoint: checkpoint)
        return [
            Seed(
                "receipt",
                #"{"_ack":{"lines":2,"first_seq":7,"last_seq":8,"segment":0,"leaves":["\#(leaf)","\#(leaf)"]}}"#),
            Seed("duplicate", #"{"_ack":{"lines":1,"first_seq":7,"last_seq":7,"duplicate":true}}"#),
            Seed("request", request.body), Seed("cosigned", line + "\n" + line + "\n"), Seed("conflict", "17\n"),
        ]
    }
}
