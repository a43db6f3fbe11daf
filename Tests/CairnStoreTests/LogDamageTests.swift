import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Testing

/// What a start does with a log that somebody or something has changed.
struct LogDamageTests {
    private static let active = FileNames.segment(0, .data)

    /// A log with three commits in segment 0 and a head from before them; `ends` are the offsets behind each member.
    private struct Sample {
        let clock = SimulatedClock()
        let files: TestDisk
        var writer: TestWriter
        var ends: [Int] = []

        init(headAfter: Int? = nil, commits: Int = 3) throws {
            files = TestDisk()
            writer = try TestWriter(files, clock: clock)
            ends = [size()]
            for number in 1...commits {
                _ = try writer.submit(["a\(number)"])
                ends.append(size())
                if headAfter == number {
                    clock.advance(by: 61 * Time.perSecond)
                    _ = writer.step(.tick)
                }
            }
        }

        func size() -> Int { files.snapshot()[LogDamageTests.active]?.count ?? 0 }
        var bytes: [UInt8] { files.snapshot()[LogDamageTests.active] ?? [] }

        /// The same log with other bytes in the active segment.
        func changed(_ bytes: [UInt8]) -> TestDisk {
            let changed = files.settled()
            changed.tamper(LogDamageTests.active, bytes)
            return changed
        }

        /// What clients know of the first `count` commits.
        func ledger(_ count: Int) -> Ledger {
            var ledger = Ledger()
            for tag in writer.ledger.order.prefix(count) {
                ledger.order.append(tag)
                ledger.acknowledged[tag] = writer.ledger.acknowledged[tag]
            }
            return ledger
        }
    }

    /// Goes on after a start, over a rotation, and checks the whole log.
    private static func goOn(
        _ writer: inout TestWriter, losing lost: Set<String> = []
    ) throws -> LogCheck {
        let steps: [Workload.Step] = [.submit(["x1", "x2"]), .rotate, .submit(["x3"]), .shutdown]
        #expect(try Workload.run(steps, &writer) == .done)
        let check = try LogCheck(writer.files)
        try check.expect(writer.ledger, losing: lost)
        return check
    }

    // MARK: Torn tails

    @Test func aSegmentCutAtAnyByteIsGoneOnWith() throws {
        let sample = try Sample()
        for cut in sample.ends[0]..<sample.bytes.count {
            let image = sample.changed(Array(sample.bytes[..<cut]))
            let whole = sample.ends.lastIndex { $0 <= cut } ?? 0
            var writer = try TestWriter(image, clock: sample.clock, ledger: sample.ledger(whole))
            let kept = image.snapshot().filter { $0.key.contains(".torn-") }
            if sample.ends.contains(cut) {
                #expect(writer.events.isEmpty)
                #expect(kept.isEmpty)
            } else {
                #expect(writer.events.count == 1)
                #expect(writer.events.first?.contains("\"action\":\"log.recovered\"") == true)
                #expect(writer.events.first?.contains("\"bytes\":\(cut - sample.ends[whole])") == true)
                #expect(Array(kept.values) == [Array(sample.bytes[..<cut])], "the file as it was found")
            }
            #expect(image.snapshot()[Self.active] == Array(sample.bytes[..<sample.ends[whole]]))
            if cut % 64 == 0 { #expect(try Self.goOn(&writer).lost.isEmpty) }
        }
    }

    @Test func aHeaderThatWasCutOffIsWrittenAgain() throws {
        let sample = try Sample()
        for cut in 0..<sample.ends[0] {
            let image = sample.changed(Array(sample.bytes[..<cut]))
            var writer = try TestWriter(image, clock: sample.clock)
            #expect(writer.events.isEmpty)
            if cut % 128 == 0 { #expect(try Self.goOn(&writer).lost.isEmpty) }
        }
    }

    /// The copy of a torn file is there whatever a crash leaves of the start that made it.
    @Test func aCrashWhileATornTailIsCutKeepsTheFileThatWasFound() throws {
        let sample = try Sample()
        let torn = Array(sample.bytes.dropLast(10))
        let operations: Int = try {
            let image = sample.changed(torn)
            _ = try TestWriter(image, clock: sample.clock)
            return image.operationCount
        }()
        for index in 0..<operations {
            for seed in UInt64(0)..<6 {
                let image = sample.changed(torn)
                image.fail(index, Fault(.powerLoss))
                _ = try? TestWriter(image, clock: sample.clock)
                let left = image.crash(seed: seed)
                #expect(
                    left.snapshot().contains { $0.key.hasPrefix(Self.active) && $0.value == torn },
                    "operation \(index), seed \(seed)")
                var writer = try TestWriter(left, clock: sample.clock, ledger: sample.ledger(2))
                if seed == 0 { _ = try Self.goOn(&writer) }
            }
        }
    }

    // MARK: Damage

    /// A flipped byte in the last commit cannot be told from a torn append unless the head names that commit.
    @Test(arguments: [false, true])
    func aFlippedByteOfTheLastCommit(headNamesIt: Bool) throws {
        let sample = try Sample(headAfter: headNamesIt ? 3 : nil)
        for offset in stride(from: sample.ends[2], to: sample.ends[3], by: 7) {
            var bytes = sample.bytes
            bytes[offset] ^= 0x10
            let image = sample.changed(bytes)
            var writer = try TestWriter(image, clock: sample.clock, ledger: sample.ledger(3))
            if headNamesIt {
                try Self.expectDiscontinuity(writer, first: 2, end: 3, offset)
                if offset % 4 == 0 { _ = try Self.goOn(&writer, losing: ["a3"]) }
            } else {
                #expect(writer.core.activeSegment.firstSequence == 0)
                #expect(writer.events.first?.contains("log.recovered") == true)
            }
        }
    }

    /// Each later block says that everything before it was synced.
    @Test func aFlippedByteOfAnEarlierCommitIsDamage() throws {
        let sample = try Sample()
        for offset in stride(from: sample.ends[0], to: sample.ends[2], by: 13) {
            var bytes = sample.bytes
            bytes[offset] ^= 0x01
            let image = sample.changed(bytes)
            let first: UInt64 = offset < sample.ends[1] ? 0 : 1
            var writer = try TestWriter(image, clock: sample.clock, ledger: sample.ledger(3))
            try Self.expectDiscontinuity(writer, first: first, end: 3, offset)
            #expect(image.snapshot()[Self.active] == bytes, "evidence is not touched")
            let lost: Set<String> = first == 0 ? ["a1", "a2", "a3"] : ["a2", "a3"]
            let check = try Self.goOn(&writer, losing: lost)
            #expect(check.lost == [first..<3])
            #expect(check.lines[3]?.contains("log.discontinuity") == true)
            let again = try TestWriter(image, clock: sample.clock)
            #expect(again.events.isEmpty)
        }
    }

    private static func expectDiscontinuity(
        _ writer: TestWriter, first: UInt64, end: UInt64, _ offset: Int
    ) throws {
        #expect(writer.events.count == 1, "byte \(offset)")
        let event = try #require(writer.events.first)
        #expect(event.contains("\"action\":\"log.discontinuity\""), "byte \(offset)")
        #expect(event.contains("\"first_lost\":\(first),"), "byte \(offset): \(event)")
        #expect(event.contains("\"end\":\(end),"), "byte \(offset): \(event)")
        #expect(writer.core.activeSegment.firstSequence == end, "byte \(offset)")
        let check = try LogCheck(writer.files)
        #expect(check.seals.last?.reason == .corruption)
        #expect(check.seals.last?.endSequence == first)
    }

    /// The header is damaged while events stand behind it: their numbers are not given out again.
    @Test(arguments: [1, 3])
    func aFlippedByteOfTheHeaderLosesTheSegmentAndReusesNoNumber(commits: Int) throws {
        let sample = try Sample(commits: commits)
        for offset in stride(from: 0, to: sample.ends[0], by: 23) {
            var bytes = sample.bytes
            bytes[offset] ^= 0x04
            let image = sample.changed(bytes)
            var writer = try TestWriter(image, clock: sample.clock, ledger: sample.ledger(commits))
            try Self.expectDiscontinuity(writer, first: 0, end: UInt64(commits), offset)
            let lost = Set(sample.writer.ledger.order)
            #expect(try Self.goOn(&writer, losing: lost).lost == [0..<UInt64(commits)])
            let again = try TestWriter(image, clock: sample.clock)
            #expect(again.events.isEmpty)
        }
    }

    @Test func anActiveFileThatIsGoneIsToldWhenTheHeadNamesEvents() throws {
        let sample = try Sample(headAfter: 2)
        let image = sample.files.settled()
        image.lose(Self.active)
        var writer = try TestWriter(image, clock: sample.clock, ledger: sample.ledger(2))
        try Self.expectDiscontinuity(writer, first: 0, end: 2, 0)
        #expect(try Self.goOn(&writer, losing: ["a1", "a2"]).lost == [0..<2])
    }

    /// The crash comes between the corruption seal and the next file, or later in the same start.
    @Test func aCrashAfterACorruptionSealStillTellsOfIt() throws {
        let sample = try Sample(headAfter: 2)
        var bytes = sample.bytes
        bytes[sample.ends[1] + 40] ^= 0x01
        let whole = sample.changed(bytes)
        _ = try TestWriter(whole, clock: sample.clock)
        for index in 0..<whole.operationCount {
            for seed in UInt64(0)..<3 {
                let image = sample.changed(bytes)
                image.fail(index, Fault(.powerLoss))
                _ = try? TestWriter(image, clock: sample.clock)
                let left = image.crash(seed: seed)
                var writer = try TestWriter(left, clock: sample.clock, ledger: sample.ledger(3))
                try Self.expectDiscontinuity(writer, first: 1, end: 3, index)
                let check = try Self.goOn(&writer, losing: ["a2", "a3"])
                #expect(check.lines[3]?.contains("log.discontinuity") == true)
                #expect(check.lost == [1..<3])
            }
        }
    }

    /// The segment behind a corruption seal vanishes too: the head tells where it began and how far it came.
    @Test func theSegmentBehindACorruptionSealIsLostToo() throws {
        let sample = try Sample(headAfter: 3)
        var bytes = sample.bytes
        bytes[sample.ends[0] + 40] ^= 0x01
        let image = sample.changed(bytes)
        var writer = try TestWriter(image, clock: sample.clock, ledger: sample.ledger(3))
        #expect(try Workload.run([.submit(["b1", "b2"]), .tick], &writer) == .done)
        let ledger = writer.ledger
        let left = image.settled()
        left.lose(FileNames.segment(3, .data))
        var next = try TestWriter(left, clock: sample.clock, ledger: ledger)
        #expect(next.core.activeSegment.firstSequence == 6, "the event of recovery and two more")
        let check = try Self.goOn(&next, losing: Set(ledger.order))
        #expect(check.seals.map(\.reason) == [.corruption, .corruption, .request])
    }

    /// The same where nothing but the head tells of either.
    @Test func theFilesOfTwoSegmentsInARowAreGone() throws {
        let sample = try Sample(headAfter: 2)
        let image = sample.files.settled()
        image.lose(Self.active)
        var writer = try TestWriter(image, clock: sample.clock, ledger: sample.ledger(2))
        #expect(try Workload.run([.submit(["b1"]), .tick], &writer) == .done)
        let (left, ledger) = (image.settled(), writer.ledger)
        left.lose(FileNames.segment(2, .data))
        var next = try TestWriter(left, clock: sample.clock, ledger: ledger)
        try Self.expectDiscontinuity(next, first: 2, end: 4, 0)
        #expect(try Self.goOn(&next, losing: Set(ledger.order)).lost == [0..<2, 2..<4])
    }

    // MARK: Refusals

    private static func refusal(_ files: TestDisk, _ clock: SimulatedClock) -> StoreError? {
        let before = files.snapshot()
        let error = #expect(throws: StoreError.self) { _ = try TestWriter(files, clock: clock) }
        #expect(files.snapshot() == before, "a log that is refused is not changed")
        return error
    }

    /// A log with two sealed segments.
    private static func sealed() throws -> (TestDisk, SimulatedClock) {
        let clock = SimulatedClock()
        let files = TestDisk()
        var writer = try TestWriter(files, clock: clock)
        let steps: [Workload.Step] = [.submit(["a1"]), .rotate, .submit(["b1"]), .rotate, .submit(["c1"]), .tick]
        #expect(try Workload.run(steps, &writer) == .done)
        return (files.settled(), clock)
    }

    @Test(arguments: [FileNames.epochKey, FileNames.logKey])
    func aMissingKeyIsRefused(path: String) throws {
        let (files, clock) = try Self.sealed()
        files.lose(path)
        let error = Self.refusal(files, clock)
        #expect(error?.code == .keyLost)
        #expect(error?.message.contains(path) == true)
        #expect(error?.message.contains("put keys/ back") == true)
    }

    @Test func aKeyOfAnotherSegmentIsRefused() throws {
        let (files, clock) = try Self.sealed()
        files.tamper(FileNames.epochKey, try SignerKey(name: Fixture.name, seed: [UInt8](repeating: 9, count: 32)).file)
        #expect(Self.refusal(files, clock)?.code == .keyLost)
    }

    @Test func aSegmentOfAnotherLogIsRefused() throws {
        let (files, clock) = try Self.sealed()
        let foreign = TestDisk()
        _ = try TestWriter(foreign, clock: clock, seed: 77)
        let bytes = try #require(foreign.snapshot()[FileNames.segment(0, .data)])
        files.tamper(FileNames.segment(2, .data), bytes)
        let error = Self.refusal(files, clock)
        #expect(error?.code == .damaged)
        #expect(error?.message.contains(FileNames.segment(2, .data)) == true)
        #expect(error?.message.contains("cairn verify") == true)
    }

    /// A file that would stand in the way later, or hold events that no seal covers.
    @Test(arguments: [UInt64(1), 5])
    func aSegmentWhereNoneBelongsIsRefused(first: UInt64) throws {
        let (files, clock) = try Self.sealed()
        let bytes = try #require(files.snapshot()[FileNames.segment(2, .data)])
        if first == 1 { files.lose(FileNames.segment(1, .seal)) }
        files.tamper(FileNames.segment(first, .data), bytes)
        #expect(Self.refusal(files, clock)?.code == .damaged)
    }

    @Test(arguments: [FileNames.segment(0, .seal), FileNames.segment(1, .seal), "checkpoint", "origin"])
    func aFlippedByteOfASignedFileIsRefused(path: String) throws {
        let (files, clock) = try Self.sealed()
        let bytes = try #require(files.snapshot()[path])
        for offset in stride(from: 0, to: bytes.count, by: 37) {
            var changed = bytes
            changed[offset] ^= 0x02
            let image = files.settled()
            image.tamper(path, changed)
            let error = Self.refusal(image, clock)
            #expect(error?.code == .damaged, "byte \(offset)")
            #expect(error?.message.contains(path) == true, "byte \(offset): \(error?.message ?? "")")
        }
    }

    @Test(arguments: [FileNames.segment(0, .seal), FileNames.segment(1, .seal), "checkpoint"])
    func aSignedFileThatIsGoneIsRefused(path: String) throws {
        let (files, clock) = try Self.sealed()
        files.lose(path)
        #expect(Self.refusal(files, clock)?.code == .damaged)
    }

    /// The log of before, without its newest segment: the checkpoint knows better.
    @Test func anOlderStateOfTheSegmentsIsRefused() throws {
        let (files, clock) = try Self.sealed()
        for part in FileNames.Part.allCases { files.lose(FileNames.segment(1, part)) }
        files.lose(FileNames.segment(2, .data))
        let error = Self.refusal(files, clock)
        #expect(error?.message.contains("2 seals") == true)
    }

    /// What cannot be read any more of an old segment costs at most the keys in it: new events are still taken.
    @Test func damageInASealedSegmentDoesNotKeepTheWriterFromStarting() throws {
        let (files, clock) = try Self.sealed()
        var bytes = try #require(files.snapshot()[FileNames.segment(0, .data)])
        for offset in stride(from: 0, to: bytes.count, by: 29) {
            bytes[offset] ^= 0x20
            files.tamper(FileNames.segment(0, .data), bytes)
            bytes[offset] ^= 0x20
            var writer = try TestWriter(files.settled(), clock: clock)
            #expect(try writer.submit(["d1"]) == .done)
            #expect(writer.ledger.acknowledged["d1"] == 3)
        }
    }

    /// A clock that was set back must not give an event a stamp that its block does not have.
    @Test func aClockThatStepsBackAfterACorruptionSealSpoilsNothing() throws {
        let sample = try Sample()
        var bytes = sample.bytes
        bytes[20] ^= 1
        let image = sample.changed(bytes)
        let clock = SimulatedClock(wall: sample.clock.wall() + 777)
        _ = try TestWriter(image, clock: clock)
        clock.advance(by: 0, wall: -3600 * Time.perSecond)
        var writer = try TestWriter(image, clock: clock)
        _ = try writer.submit(["x0"])
        var next = try TestWriter(image, clock: clock, ledger: writer.ledger)
        #expect(next.core.activeSegment.firstSequence == 3)
        #expect(next.events.isEmpty)
        _ = try Self.goOn(&next)
    }
}
