import CairnFormat
import Testing

@testable import CairnArchive

struct ArchiveLayoutTests {
    private func seal(first: UInt64, count: UInt64, received: String) throws -> Seal {
        let time = try #require(Time(rfc3339: received))
        return Seal(
            origin: try Origin("a"), number: 3, firstSequence: first, count: count, root: .empty, previous: .zero,
            opened: time, received: time...time, time: time...time, modules: [], reason: .size,
            nextKey: VerifierKey(name: "a", publicKey: [UInt8](repeating: 1, count: 32)))
    }

    @Test func keysAreThoseOfTheNorm() throws {
        let layout = ArchiveLayout(try Origin("host.example/cairn-1"))
        let name = "log=host.example%2Fcairn-1"
        let seal = try seal(first: 1000, count: 50, received: "2026-11-21T07:39:12.123456Z")
        let digits = "00000000000000001000"
        #expect(
            layout.data(seal, generation: 0)
                == "events/v1/\(name)/dt=2026-11-21/hour=07/\(digits)-00000000000000001049.ndjson.gz")
        #expect(
            layout.data(seal, generation: 2)
                == "events/v1/\(name)/dt=2026-11-21/hour=07/\(digits)-00000000000000001049.r2.ndjson.gz")
        #expect(layout.index(1000, generation: 0) == "indexes/v1/\(name)/\(digits).index")
        #expect(layout.index(1000, generation: 1) == "indexes/v1/\(name)/\(digits).r1.index")
        #expect(layout.seal(1000) == "seals/v1/\(name)/\(digits).seal")
        #expect(layout.manifest(1000) == "manifests/v1/\(name)/\(digits).json")
        #expect(layout.origin == "origins/v1/\(name)/origin")
        #expect(layout.checkpoint(7) == "checkpoints/v1/\(name)/00000000000000000007")
        for key in [layout.data(seal, generation: 2), layout.index(.max, generation: .max), layout.checkpoint(.max)] {
            #expect(throws: Never.self) { try ObjectKey.check(key) }
        }
    }

    /// The last hour of a day, the first, and a segment sealed over no events.
    @Test(arguments: [
        ("2026-12-31T23:59:59.999999Z", 5 as UInt64, "dt=2026-12-31/hour=23", "00000000000000000104"),
        ("2027-01-01T00:00:00Z", 1, "dt=2027-01-01/hour=00", "00000000000000000100"),
        ("2024-02-29T12:00:00Z", 0, "dt=2024-02-29/hour=12", "00000000000000000100"),
    ])
    func dataStandsInTheHourOfItsFirstEvent(_ received: String, _ count: UInt64, _ partition: String, _ last: String)
        throws
    {
        let key = ArchiveLayout(try Origin("a")).data(
            try seal(first: 100, count: count, received: received), generation: 0)
        #expect(key == "events/v1/log=a/\(partition)/00000000000000000100-\(last).ndjson.gz")
        #expect(ArchiveLayout.firstSequence(ofData: key) == 100)
    }

    /// Whatever a log is called, its keys are legal, its name comes back, and no other log has them.
    @Test(arguments: [
        "a", "a/b", "a%2Fb", "ä", "e\u{301}", "\u{E9}", "a=b", "..", ".", "a//b", "/", "a\\b", "log=a", "a*?[]",
        "a\u{1F600}b", String(repeating: "x", count: 128),
    ])
    func namesAreKeptApart(_ name: String) throws {
        let layout = ArchiveLayout(try Origin(name))
        #expect(Array(layout.name.utf8) == Array(name.utf8))
        try ObjectKey.check(layout.origin)
        #expect(layout.partition.utf8.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "/") })
        #expect(layout.partition.dropFirst("log=".count).contains("=") == false, "engines split at it")
        #expect(ArchiveLayout(partition: layout.partition) == layout)
    }

    @Test func theOrderOfKeysIsThatOfNumbers() {
        let numbers: [UInt64] = [0, 1, 9, 10, 99, 100, 1 << 32, .max - 1, .max]
        let digits = numbers.map(ArchiveLayout.digits)
        #expect(digits == digits.sorted(by: ObjectKey.precedes))
        #expect(digits.allSatisfy { $0.utf8.count == 20 })
        for number in numbers {
            let key = "p/\(ArchiveLayout.digits(number)).json"
            #expect(ArchiveLayout.number(key, prefix: "p/", suffix: ".json") == number)
        }
    }

    @Test(arguments: [
        "", "p/", "p/.json", "p/0000000000000000001.json", "p/000000000000000000001.json",
        "p/0000000000000000000x.json",
        "p/+0000000000000000001.json", "q/00000000000000000001.json", "p/00000000000000000001.jso",
        "p/99999999999999999999.json", "p/x/00000000000000000001.json", "p/０0000000000000000001.json",
    ])
    func whatIsNoNumberIsNone(_ key: String) {
        #expect(ArchiveLayout.number(key, prefix: "p/", suffix: ".json") == nil)
    }

    @Test(arguments: ["", "events/v1/log=a/readme", "a/00000000000000000001.gz", "a/0000000000000000001-2.gz", "a/-"])
    func otherFilesAreNoData(_ key: String) { #expect(ArchiveLayout.firstSequence(ofData: key) == nil) }

    @Test func theLogsOfAnArchiveAreFound() throws {
        let storage = MemoryStorage()
        #expect(try ArchiveLayout.logs(in: storage).isEmpty)
        for name in ["one", "two/2", "drei ß"] where !name.contains(" ") {
            try storage.put(ArchiveLayout(try Origin(name)).origin, [1])
        }
        try storage.put("origins/v1/log=four/other", [1])
        try storage.put("origins/v1/log=five/origin/deeper", [1])
        try storage.put("manifests/v1/log=six/origin", [1])
        #expect(try ArchiveLayout.logs(in: storage).map(\.name) == ["one", "two/2"])
    }
}
