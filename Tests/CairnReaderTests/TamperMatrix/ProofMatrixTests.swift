import CairnFormat
import CairnPlatform
import CairnReader
import Foundation
import Testing

/// Changed proofs, and what this program says of each: the independent checker must come to the same.
struct ProofMatrix: Encodable {
    /// A byte that is changed by `mask` or, where that is 0, the end that is cut off.
    struct Case: Encodable {
        var proof: String
        /// Whether the change is made in what the file carries, or in the file as it is.
        var extra: Bool
        var at: Int
        var mask: UInt8
        var key: String
        var witnesses: [String]
        /// VERIFIED, the step that failed, or `form`.
        var expected: String
    }

    private(set) var proofs: [String: Data] = [:]
    private(set) var keys: [String: String] = [:]
    private(set) var cases: [Case] = []

    init() throws {
        let log = try SealedLogFixture.whole()
        let witness = try WitnessSigner(name: "witness.example/w1", seed: [UInt8](repeating: 3, count: 32))
        let plain = try SignedNote(log.checkpointNote())
        let cosigned = try plain.cosigned(
            by: witness.verifier, [witness.cosign(plain.text, seconds: 1_795_246_752)]
        ).bytes
        keys = [
            "genesis": try log.key(0).verifier.description, "log": try log.logKey().verifier.description,
            "other": try log.key(1).verifier.description,
        ]
        for (name, checkpoint) in [("plain", nil), ("cosigned", cosigned)] as [(String, [UInt8]?)] {
            try Prover(log.directory, checkpoint: checkpoint).prove([9]) { _, result in
                proofs[name] = Data(try result.get().bytes)
            }
        }
        try addCases("plain", [])
        try addCases("cosigned", [witness.verifier.description])
    }

    private mutating func addCases(_ name: String, _ witnesses: [String]) throws {
        let file = Array(try #require(proofs[name]))
        let extra = try #require(try TlogProof(file).extra)
        for key in ["genesis", "log", "other"] {
            try add(
                Case(proof: name, extra: false, at: file.count, mask: 0, key: key, witnesses: witnesses, expected: ""))
        }
        for (isExtra, bytes) in [(false, file), (true, extra)] {
            for at in bytes.indices {
                let key = at % 2 == 0 ? "genesis" : "log"
                let mask: UInt8 = 1 << UInt8(at % 8)
                try add(
                    Case(proof: name, extra: isExtra, at: at, mask: mask, key: key, witnesses: witnesses, expected: ""))
                guard at % 5 == 0 else { continue }
                try add(
                    Case(proof: name, extra: isExtra, at: at, mask: 0, key: key, witnesses: witnesses, expected: ""))
            }
        }
    }

    private mutating func add(_ one: Case) throws {
        var one = one
        one.expected = try outcome(one)
        cases.append(one)
    }

    private func outcome(_ one: Case) throws -> String {
        func change(_ bytes: inout [UInt8]) {
            if one.mask == 0 { bytes.removeSubrange(one.at...) } else { bytes[one.at] ^= one.mask }
        }
        var file = Array(try #require(proofs[one.proof]))
        if one.extra {
            var container = try TlogProof(file)
            var extra = try #require(container.extra)
            change(&extra)
            container.extra = extra
            file = container.bytes
        } else {
            change(&file)
        }
        guard let proof = try? EventProof(file) else { return "form" }
        let policy = try ProofPolicy(
            key: VerifierKey(#require(keys[one.key])), witnesses: one.witnesses.map { try WitnessKey($0) })
        do throws(ProofFailure) {
            _ = try proof.verify(policy)
            return "VERIFIED"
        } catch {
            return error.kind.rawValue
        }
    }
}

@Suite("The tamper matrix of proofs")
struct ProofMatrixTests {
    private static let matrix = Result { try ProofMatrix() }

    @Test("every changed byte and every cut is noticed")
    func everyCase() throws {
        let matrix = try Self.matrix.get()
        let good = matrix.cases.filter { $0.expected == "VERIFIED" }
        #expect(good.map(\.key) == ["genesis", "log", "genesis", "log"])
        let sizes = matrix.proofs.mapValues(\.count)
        #expect(good.allSatisfy { $0.at == sizes[$0.proof] })
        let steps = Dictionary(grouping: matrix.cases, by: \.expected).mapValues(\.count)
        for step in ["form", "key", "origin", "checkpoint", "witness", "seal", "event"] {
            #expect(steps[step] ?? 0 > 0, "no case of \(step)")
        }
        print("tamper matrix of proofs: \(matrix.cases.count) cases, \(steps.sorted { $0.key < $1.key })")
    }

    @Test(
        "the independent verifier comes to the same",
        .enabled(if: IndependentVerifier.isThere, IndependentVerifier.wants))
    func independentVerifier() async throws {
        let matrix = try Self.matrix.get()
        let differences = try await IndependentVerifier().differences(
            "proof_matrix.py", try JSONEncoder().encode(matrix), cases: matrix.cases.count)
        #expect(differences.count == 0, "\(differences.prefix(20).joined(separator: "\n"))")
    }
}
