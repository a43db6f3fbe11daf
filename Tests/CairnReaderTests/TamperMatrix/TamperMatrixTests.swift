import CairnFormat
import CairnPlatform
import CairnReader
import Foundation
import Testing

@Suite("The tamper matrix")
struct TamperMatrixTests {
    /// `CAIRN_LONG=1` flips each byte with several masks; `CAIRN_SEED` repeats the random cases of a run.
    private static let matrix = Result {
        try TamperMatrix(
            isLong: ProcessEnvironment.value("CAIRN_LONG") == "1",
            seed: ProcessEnvironment.value("CAIRN_SEED").flatMap { UInt64($0) } ?? .random(in: .min ... .max))
    }

    @Test("nothing passes unnoticed, and each case has the verdict and the first bad event that its place demands")
    func everyCase() async throws {
        let matrix = try Self.matrix.get()
        // One half on each of two processors.
        let failures = try await withThrowingTaskGroup { group in
            for half in 0..<2 {
                group.addTask {
                    var failures: [(TamperCase, Outcome)] = []
                    for index in stride(from: half, to: matrix.cases.count, by: 2) {
                        let one = matrix.cases[index]
                        let found = try matrix.verify(one)
                        if found != one.expected { failures.append((one, found)) }
                        // Tests with time limits wait for the same threads.
                        await Task.yield()
                    }
                    return failures
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let unnoticed = failures.count { $0.1.verdict == .verified }
        let lines = failures.map { one, found in "\(one.kind): \(one.name): expected \(one.expected), found \(found)" }
        print(
            "tamper matrix: \(matrix.totals), unnoticed: \(unnoticed), other differences: \(failures.count - unnoticed)"
        )
        #expect(lines.count == 0, "\(lines.prefix(50).joined(separator: "\n"))")
    }

    @Test("what may pass says why, and no two cases have one name")
    func casesAreSound() throws {
        let cases = try Self.matrix.get().cases
        #expect(cases.allSatisfy { ($0.expected.verdict == .verified) == ($0.reason != nil) })
        let names = Dictionary(grouping: cases) { "\($0.kind) \($0.name)" }
        #expect(names.filter { $0.value.count > 1 }.keys.sorted() == [])
        for kind in TamperCase.Kind.allCases { #expect(cases.contains { $0.kind == kind }) }
    }

    @Test(
        "the independent verifier comes to the same",
        .enabled(if: IndependentVerifier.isThere, IndependentVerifier.wants))
    func independentVerifier() async throws {
        let matrix = try Self.matrix.get()
        let differences = try await IndependentVerifier().differences(from: matrix)
        print("tamper matrix, independent verifier: \(matrix.totals), differences: \(differences.count)")
        #expect(differences.count == 0, "\(differences.prefix(50).joined(separator: "\n"))")
    }
}

extension TamperMatrix {
    /// One line with the numbers of cases.
    var totals: String {
        func count(_ kind: TamperCase.Kind) -> Int { cases.count { $0.kind == kind } }
        let passing = cases.count { $0.expected.verdict == .verified }
        return "\(count(.flip)) bytes flipped, \(count(.cut)) cuts, \(count(.structure)) structural cases, "
            + "\(count(.forgery)) forgeries, \(count(.random)) random cases (seed \(seed)); "
            + "\(passing) of them change nothing that is protected"
    }
}
