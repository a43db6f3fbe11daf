import CairnFormat
import Testing

@Suite struct WitnessRequestTests {
    private static let leaves = (0..<20).map { digest(UInt64($0)) }

    private static func checkpoint(_ size: Int, fork: Bool = false) throws -> SignedNote {
        var leaves = Array(leaves[..<size])
        if fork { leaves[0] = digest(99) }
        let checkpoint = Checkpoint(
            origin: try Fixture.origin(), size: UInt64(size), root: MerkleTree.root(of: leaves))
        return try SignedNote(Fixture.signer(9).sign(checkpoint.text))
    }

    private static func request(_ old: Int, _ new: Int) throws -> WitnessRequest {
        let path = old == 0 ? [] : MerkleProof.consistency(from: old, in: leaves[..<new])
        return WitnessRequest(oldSize: UInt64(old), path: path, checkpoint: try checkpoint(new).bytes)
    }

    private static func witness() throws -> TestWitness {
        TestWitness(try WitnessFixture.witness(1), trusting: try Fixture.signer(9).verifier)
    }

    private static func ask(_ witness: inout TestWitness, _ request: WitnessRequest) throws -> WitnessAnswer {
        let answer = try witness.add(request.body)
        return try WitnessAnswer(status: answer.status, contentType: answer.contentType, body: answer.body)
    }

    @Test func bodyOfTheSpecification() throws {
        let checkpoint = try Self.checkpoint(5)
        let request = WitnessRequest(oldSize: 3, path: [digest(1), digest(2)], checkpoint: checkpoint.bytes)
        #expect(request.body.text == "old 3\n\(digest(1))\n\(digest(2))\n\n\(checkpoint.bytes.text)")
        #expect(try WitnessRequest(body: request.body) == request)
        let first = WitnessRequest(oldSize: 0, path: [], checkpoint: checkpoint.bytes)
        #expect(first.body.text == "old 0\n\n\(checkpoint.bytes.text)")
        #expect(try WitnessRequest(body: first.body) == first)
    }

    @Test(arguments: [
        "", "old", "old 1", "old 01\n\nx", "old -1\n\nx", "old 1\n\n", "new 1\n\nx", "old 1\nnonsense\n\nx",
        "old 1\nAAAA\n\nx",
        "old 18446744073709551616\n\nx", "old 1 \n\nx", " old 1\n\nx",
    ])
    func bodiesThatAreNone(_ text: String) {
        #expect(errorCode { _ = try WitnessRequest(body: Array(text.utf8)) } != nil)
    }

    @Test func sixtyThreeHashesAtMost() throws {
        func code(_ count: Int) -> FormatError.Code? {
            let path = (0..<count).map { digest(UInt64($0)) }
            return errorCode {
                _ = try WitnessRequest(body: WitnessRequest(oldSize: 1, path: path, checkpoint: [65]).body)
            }
        }
        #expect(code(63) == nil)
        #expect(code(64) == .malformed)
    }

    @Test("a witness cosigns a log that grows, whatever its sizes")
    func growing() throws {
        for first in 1...19 {
            for second in first...20 {
                var witness = try Self.witness()
                guard case .cosigned = try Self.ask(&witness, Self.request(0, first)),
                    case .cosigned(let signatures) = try Self.ask(&witness, Self.request(first, second))
                else {
                    Issue.record("\(first), \(second)")
                    continue
                }
                let note = try Self.checkpoint(second).cosigned(by: witness.signer.verifier, signatures)
                check(try note.cosignature(by: witness.signer.verifier) != nil)
            }
        }
    }

    @Test("who does not know where the witness is, learns it and asks again")
    func conflict() throws {
        var witness = try Self.witness()
        _ = try Self.ask(&witness, Self.request(0, 7))
        #expect(try Self.ask(&witness, Self.request(0, 12)) == .isAt(size: 7))
        #expect(try Self.ask(&witness, Self.request(5, 12)) == .isAt(size: 7))
        guard case .cosigned = try Self.ask(&witness, Self.request(7, 12)) else {
            Issue.record("not cosigned")
            return
        }
        #expect(witness.latest.size == 12)
    }

    @Test("a fork, a wrong proof, another log and another key are refused")
    func refusals() throws {
        var witness = try Self.witness()
        _ = try Self.ask(&witness, Self.request(0, 7))
        var request = try Self.request(7, 12)
        request.path[0] = digest(1)
        #expect(try Self.ask(&witness, request) == .refused(.inconsistent))
        let fork = WitnessRequest(oldSize: 7, path: [], checkpoint: try Self.checkpoint(7, fork: true).bytes)
        #expect(try Self.ask(&witness, fork) == .refused(.inconsistent))
        let text = try Self.checkpoint(12).text
        request = WitnessRequest(oldSize: 7, path: [], checkpoint: try Fixture.signer(8).sign(text))
        #expect(try Self.ask(&witness, request) == .refused(.notSigned))
        let other = try SignerKey(name: "other", seed: [UInt8](repeating: 9, count: 32))
        request.checkpoint = try other.sign(text.replacing(Fixture.name, with: "other"))
        #expect(try Self.ask(&witness, request) == .refused(.unknownLog))
        request.checkpoint = [65, 66]
        #expect(try Self.ask(&witness, request) == .refused(.badRequest))
        #expect(witness.latest.size == 7)
    }
}

@Suite struct WitnessAnswerTests {
    private static func answer(_ status: Int, _ type: String?, _ body: String) throws -> WitnessAnswer {
        try WitnessAnswer(status: status, contentType: type, body: Array(body.utf8))
    }

    @Test func statuses() throws {
        #expect(try Self.answer(409, "text/x.tlog.size", "17\n") == .isAt(size: 17))
        #expect(try Self.answer(409, "Text/X.tlog.size; charset=utf-8", "0\n") == .isAt(size: 0))
        for (status, refusal) in [
            (400, .badRequest), (403, .notSigned), (404, .unknownLog), (409, .inconsistent), (422, .inconsistent),
            (500, .status(500)), (302, .status(302)), (204, .status(204)),
        ] as [(Int, WitnessAnswer.Refusal)] {
            #expect(try Self.answer(status, "text/plain", "17\n") == .refused(refusal))
            #expect(try Self.answer(status, nil, "") == .refused(refusal))
        }
    }

    @Test(arguments: ["", "17", "17\n\n", "017\n", "-1\n", "x\n", " 17\n", "17\n18\n", "123456789012345678901\n"])
    func sizesThatAreNone(_ body: String) {
        #expect(errorCode { _ = try Self.answer(409, "text/x.tlog.size", body) } != nil)
    }

    @Test func signatures() throws {
        let signer = try WitnessFixture.witness(1)
        let line = try signer.cosign("x\n", seconds: 1).line
        #expect(
            try Self.answer(200, nil, line + "\n" + line + "\n")
                == .cosigned(Array(repeating: SignedNote.Signature(line: line), count: 2)))
        #expect(try Self.answer(200, nil, String(repeating: line + "\n", count: 16)) != .cosigned([]))
        for bad in ["", line, "\n", line + "\n\n", "x\n", line + " \n", String(repeating: line + "\n", count: 17)] {
            #expect(errorCode { _ = try Self.answer(200, nil, bad) } != nil, "\(bad)")
        }
        let long = [UInt8](repeating: 65, count: WitnessAnswer.sizeLimit + 1)
        #expect(errorCode { _ = try WitnessAnswer(status: 500, contentType: nil, body: long) } == .malformed)
        #expect(errorCode { _ = try WitnessAnswer(status: 200, contentType: nil, body: [0xFF, 10]) } == .malformed)
    }
}
