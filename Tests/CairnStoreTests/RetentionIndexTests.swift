import CairnFormat
import CairnReader
import CairnSimulation
import CairnStore
import Testing

/// Whatever way a segment was written, its tallies are those that a reader counts: verification compares the indexes.
struct RetentionIndexTests {
    private static func index(_ disk: TestDisk, _ first: UInt64) throws -> SegmentIndex {
        try SegmentIndex(try #require(disk.snapshot()[FileNames.segment(first, .index)]))
    }

    private static func expectVerified(_ disk: TestDisk) throws {
        let verification = try Verifier(LogDirectory(disk.files), options: VerifyOptions(threads: 1)).run()
        #expect(verification.verdict == .verified, "\(verification.findings)")
    }

    private static func line(_ tag: String, module: String = "scanning", tenant: Int) -> String {
        "{\"action\":\"\(tag)\",\"module\":\"\(module)\",\"tenant\":\"t\(tenant)\",\"compliance\":[\"SOC2\"]}"
    }

    /// Submissions whose classes have other numbers than those of the segment.
    @Test func submissionsShareTheClassesOfTheSegment() throws {
        let disk = TestDisk()
        var writer = try TestWriter(disk)
        for tenants in [[1, 2, 1], [3, 2], [2, 1], []] {
            var lines = tenants.map { Self.line("a", tenant: $0) }
            lines.append(Fixture.line("plain"))
            #expect(writer.step(.submit([try Fixture.submission(lines)])) == .done)
        }
        #expect(writer.step(.rotate) == .done)
        #expect(writer.step(.submit([try Fixture.submission([Self.line("b", tenant: 9)])])) == .done)
        #expect(writer.step(.rotate) == .done)
        let index = try Self.index(disk, 0)
        #expect(index.classes.map(\.tenant) == ["t1", "t2", nil, "t3"])
        #expect(index.tallies.map(\.count) == [3, 3, 4, 1])
        #expect(index.classes[0].compliance == ["SOC2"])
        #expect(try Self.index(disk, 11).classes.map(\.tenant) == ["t9"])
        try Self.expectVerified(disk)
    }

    /// A module too many begins a new segment in the middle of a submission, and with it new numbers.
    @Test func aRotationInTheMiddleOfASubmission() throws {
        let disk = TestDisk()
        var writer = try TestWriter(disk)
        let first = (0..<1024).map { Self.line("a", module: "m\($0)", tenant: $0 % 3) }
        #expect(writer.step(.submit([try Fixture.submission(first)])) == .done)
        let next = [("m5", 0), ("new", 1), ("m5", 0), ("new", 1)].map { Self.line("b", module: $0, tenant: $1) }
        #expect(writer.step(.submit([try Fixture.submission(next)])) == .done)
        #expect(writer.step(.rotate) == .done)
        #expect(try Self.index(disk, 0).classes.map(\.tenant) == ["t0", "t1", "t2"])
        let index = try Self.index(disk, 1025)
        #expect(index.classes.map(\.tenant) == ["t1", "t0"])
        #expect(
            index.tallies.map { [index.moduleName(of: $0), index.retentionClass(of: $0).tenant] } == [
                ["new", "t1"], ["m5", "t0"],
            ])
        try Self.expectVerified(disk)
    }

    /// More classes than the table takes, over several submissions, then written anew.
    @Test func manyTenants() throws {
        let disk = TestDisk()
        var writer = try TestWriter(disk)
        for start in stride(from: 0, to: 1400, by: 100) {
            // Each submission comes back to tenants of the one before.
            let lines = (max(0, start - 20)..<(start + 100)).map { Self.line("a", tenant: $0) }
            #expect(writer.step(.submit([try Fixture.submission(lines)])) == .done)
        }
        #expect(writer.step(.rotate) == .done)
        let before = try Self.index(disk, 0)
        #expect(before.classes.count == Limits.classes)
        #expect(before.classes.last?.isUnknown == true)
        #expect(before.tallies.last?.count == UInt64((1023..<1400).count + 3 * 20))
        try Self.expectVerified(disk)
        _ = try Compaction(disk.files).run(0, .isal, forced: true)
        let after = try Self.index(disk, 0)
        #expect(after.spans.map(\.blocks) != before.spans.map(\.blocks))
        #expect(after.classes == before.classes)
        #expect(after.tallies == before.tallies)
        try Self.expectVerified(disk)
    }

    /// A start goes on with the tallies of what it finds.
    @Test func aStartGoesOnCounting() throws {
        let disk = TestDisk()
        var writer = try TestWriter(disk)
        #expect(writer.step(.submit([try Fixture.submission([Self.line("a", tenant: 1)])])) == .done)
        writer = try TestWriter(disk)
        let lines = [Self.line("b", tenant: 2), Self.line("c", tenant: 1)]
        #expect(writer.step(.submit([try Fixture.submission(lines)])) == .done)
        #expect(writer.step(.rotate) == .done)
        let index = try Self.index(disk, 0)
        #expect(
            index.tallies.map { [index.retentionClass(of: $0).tenant ?? "", "\($0.count)"] } == [
                ["t1", "2"], ["t2", "1"],
            ])
        try Self.expectVerified(disk)
    }
}
