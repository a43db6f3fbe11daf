import CairnFormat
import CairnFuzzing
import CairnSimulation
import Foundation
import Testing

@Suite struct FuzzTargetTests {
    /// Mutations of a target: seconds for all. A line makes a whole segment each time.
    private static func mutations(_ target: FuzzTarget) -> Int { target == .line ? 300 : 1000 }

    @Test(arguments: FuzzTarget.allCases, FuzzFiles.allCases)
    func filesKeepTheProperties(_ target: FuzzTarget, _ files: FuzzFiles) throws {
        let check = try target.makeCheck()
        for (name, bytes) in try files.inputs(target) {
            do {
                _ = try check.check(bytes)
            } catch {
                Issue.record("\(files.rawValue)/\(target)/\(name): \(error)")
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func mutationsKeepTheProperties(_ target: FuzzTarget) throws {
        let check = try target.makeCheck()
        let corpus = try FuzzFiles.allCases.flatMap { try $0.inputs(target).map(\.bytes) }
        let random = SeededRandom(printedBy: "fuzz target \(target)")
        var mutator = Mutator(random, corpus: corpus, sizeLimit: target.sizeLimit)
        for _ in 0..<Self.mutations(target) {
            let bytes = mutator.next()
            do {
                _ = try check.check(bytes)
            } catch {
                Issue.record("\(target), hex \(Hex.encode(bytes)): \(error)")
                return
            }
        }
    }

    /// The seeds of each target are there, and the decoders take some but not everything: else nothing would be checked.
    @Test(arguments: FuzzTarget.allCases)
    func seedsAreCheckedIn(_ target: FuzzTarget) throws {
        let check = try target.makeCheck()
        let files = Dictionary(uniqueKeysWithValues: try FuzzFiles.corpus.inputs(target).map { ($0.name, $0.bytes) })
        var taken = 0
        for seed in try target.seeds() {
            #expect(files[seed.name] == seed.bytes, "write \(seed.name) again: CAIRN_WRITE_CORPUS=1")
            taken += try check.check(seed.bytes) ? 1 : 0
        }
        #expect(taken > 0)
        #expect(try !check.check([0xFF]))
    }

    @Test func theCorpusIsSmall() throws {
        let sizes = try FuzzTarget.allCases.flatMap { target in
            try FuzzFiles.allCases.flatMap { try $0.inputs(target).map(\.bytes.count) }
        }
        #expect(sizes.reduce(0, +) < 200_000)
    }
}

@Suite struct CorpusWriter {
    /// Writes the seeds, after a change of the encoders or of the seeds. What else is in the corpus stays.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["CAIRN_WRITE_CORPUS"] == "1"))
    func write() throws {
        for target in FuzzTarget.allCases {
            let directory = FuzzFiles.corpus.directory(target)
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            for seed in try target.seeds() {
                try Data(seed.bytes).write(to: directory.appendingPathComponent(seed.name))
            }
        }
    }
}
