import CairnFormat
import CairnPlatform
import CairnSimulation
import CairnStore
import Testing

struct LogCreationTests {
    private static func operations() throws -> [String] {
        let files = TestDisk()
        _ = try LogCreation.create(
            in: files.files, name: Fixture.name, entropy: SeededEntropy(seed: 1), now: Fixture.now)
        return files.operations
    }

    @Test func originIsTheLastThingThatIsWritten() throws {
        let renames = try Self.operations().filter { $0.hasPrefix("rename") }
        #expect(
            renames == [
                "rename keys/log", "rename keys/epoch", "rename segments/00000000000000000000.ndjson.gz",
                "rename checkpoint", "rename head", "rename origin",
            ])
    }

    @Test func whatIsMadeIsSignedByTheKeysThatOriginNames() throws {
        let files = TestDisk()
        let statement = try LogCreation.create(
            in: files.files, name: Fixture.name, entropy: SeededEntropy(seed: 1), now: Fixture.now)
        #expect(statement.origin.name == Fixture.name)
        #expect(statement.created == Fixture.now.wall)
        #expect(statement.genesisKey != statement.logKey)
        let check = try LogCheck(files)
        #expect(check.seals.isEmpty)
        #expect(check.nextSequence == 0)
    }

    @Test func aCrashAtAnyOperationLeavesALogOrNone() throws {
        for (index, operation) in try Self.operations().enumerated() {
            for progress in Fault.Progress.allCases {
                for seed in [0, 1, UInt64(index) + 2] {
                    let files = TestDisk()
                    files.fail(index, Fault(.powerLoss, progress: progress))
                    #expect(throws: StoreError.self) {
                        _ = try LogCreation.create(
                            in: files.files, name: Fixture.name, entropy: SeededEntropy(seed: 1), now: Fixture.now)
                    }
                    let image = files.crash(seed: seed)
                    var writer = try TestWriter(image)
                    #expect(try writer.submit(["a1"]) == .done)
                    #expect(writer.step(.rotate) == .done)
                    #expect(throws: Never.self, "operation \(index) (\(operation)), seed \(seed)") {
                        try LogCheck(image).expect(writer.ledger)
                    }
                }
            }
        }
    }

    @Test(arguments: [
        ("segments/00000000000000000007.ndjson.gz", 10), ("segments/00000000000000000000.seal", 10),
        ("segments/00000000000000000000.index", 10), ("segments/00000000000000000000.ndjson.gz", 1051),
    ])
    func segmentsWithoutAnOriginAreNotWrittenOver(path: String, size: Int) throws {
        let files = TestDisk()
        try files.files.createDirectory("segments", mode: 0o750)
        files.tamper(path, [UInt8](repeating: 1, count: size))
        let before = files.snapshot()
        let error = #expect(throws: StoreError.self) {
            _ = try LogCreation.create(
                in: files.files, name: Fixture.name, entropy: SeededEntropy(seed: 1), now: Fixture.now)
        }
        #expect(error?.code == .damaged)
        #expect(error?.message.contains(path) == true)
        #expect(files.snapshot() == before)
    }

    @Test(arguments: ["", "a b", "a+b", "a\nb", String(repeating: "x", count: 129)])
    func aNameThatCannotBeALogsIsRefused(name: String) {
        let files = TestDisk()
        #expect(throws: StoreError.self) {
            _ = try LogCreation.create(in: files.files, name: name, entropy: SeededEntropy(seed: 1), now: Fixture.now)
        }
        #expect(files.operations.isEmpty)
    }

    @Test func onlyTheOwnerReadsPrivateKeys() throws {
        let directory = try TemporaryDirectory()
        let files = try directory.fileSystem()
        var writer = try LogOpening(
            files, configuration: Fixture.configuration, entropy: SeededEntropy(seed: 1), now: Fixture.now
        ).open(creating: Fixture.name)
        let lines = try Fixture.submission([Fixture.line("a1")])
        for input in [Input.submit([lines]), .rotate] {
            for action in writer.core.step(input, now: Fixture.now) { try writer.performer.perform(action) }
            _ = writer.core.step(.performed, now: Fixture.now)
        }
        #expect(try directory.mode(of: "keys") == 0o700)
        #expect(try directory.mode(of: "keys/epoch") == 0o600)
        #expect(try directory.mode(of: "keys/log") == 0o600)
        #expect(try directory.mode(of: "segments") == 0o750)
        for path in [
            "origin", "checkpoint", "head", "segments/00000000000000000000.ndjson.gz",
            "segments/00000000000000000000.seal", "segments/00000000000000000000.index",
            "segments/00000000000000000001.ndjson.gz",
        ] { #expect(try directory.mode(of: path) == 0o640, "\(path)") }
        #expect(try files.status("keys/epoch.next") == nil)
    }
}
