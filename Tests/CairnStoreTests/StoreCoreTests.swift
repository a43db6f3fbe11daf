import CairnFormat
import CairnPlatform
import CairnSimulation
import CairnStore
import Testing

/// The state machine alone: inputs in, actions out.
struct StoreCoreTests {
    /// A core whose log is new; nothing is written anywhere.
    static func core(
        configuration: StoreConfiguration = Fixture.configuration, identities: (limit: Int, age: Int64) = (100, 1 << 60)
    ) throws -> StoreCore {
        let entropy = SeededEntropy(seed: 7)
        let genesis = try SignerKey(name: Fixture.name, seed: entropy.bytes(32))
        let logKey = try SignerKey(name: Fixture.name, seed: entropy.bytes(32))
        let origin = OriginStatement(
            origin: try Origin(Fixture.name), created: Fixture.now.wall, genesisKey: genesis.verifier,
            logKey: logKey.verifier)
        let header = SegmentHeader(
            number: 0, firstSequence: 0, created: Fixture.now.wall, previousSeal: .zero,
            saltKey: [UInt8](repeating: 3, count: 32), origin: origin.origin, key: genesis.verifier)
        let builder = SegmentBuilder(header: header, lastReceived: .distantPast, deflater: try Deflater(.isal))
        return StoreCore(
            LogState(origin: origin, builder: builder, key: genesis, logKey: logKey, outer: MerkleTree(), checksum: 0),
            configuration: configuration,
            identities: IdentityWindow(limit: identities.limit, age: identities.age), entropy: entropy,
            now: Fixture.now)
    }

    static func moment(after nanoseconds: Int64, wall: Int64? = nil) -> Moment {
        Moment(
            wall: Time(nanoseconds: Fixture.wall + (wall ?? nanoseconds)),
            monotonic: Fixture.now.monotonic + nanoseconds)
    }

    /// The shape of a step, without the bytes.
    static func names(_ actions: [Action]) -> [String] {
        actions.map { action in
            switch action {
            case .append(let offset, _): offset == 0 ? "append 0" : "append"
            case .sync: "sync"
            case .createSegment(let path, _): "create \(path)"
            case .replace(let path, _, let isSecret): "replace \(path)\(isSecret ? " secret" : "")"
            case .hint(let path, _): "hint \(path)"
            case .forget(let path): "forget \(path)"
            case .evolveKey: "evolve key"
            case .restore(let path): "restore \(path)"
            case .acknowledge(let answers): "acknowledge \(answers.count)"
            case .halt(let error): "halt \(error.code)"
            }
        }
    }

    static func runs(_ actions: [Action]) -> [Answer.Run] {
        actions.flatMap { action -> [Answer] in
            if case .acknowledge(let answers) = action { answers } else { [] }
        }.flatMap(\.runs)
    }

    private static func lines(in actions: [Action]) throws -> [String] {
        var lines: [String] = []
        for case .append(_, let bytes) in actions {
            var rest = bytes[...]
            while !rest.isEmpty {
                let (line, size) = try Array(rest).withUnsafeBytes { bytes -> ([UInt8], Int) in
                    let head = try Member.head(bytes)
                    let block = try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
                    var text: [UInt8] = []
                    let payload = UnsafeRawBufferPointer(rebasing: bytes[head.size..<block.memberSize])
                    try block.inflate(payload, with: Inflater(), into: &text)
                    return (Array(text.prefix(Int(block.size))), block.memberSize)
                }
                lines += String(decoding: line, as: UTF8.self).split(separator: "\n").map(String.init)
                rest = rest.dropFirst(size)
            }
        }
        return lines
    }

    private static func submit(
        _ core: inout StoreCore, _ submissions: [Submission], now: Moment = Fixture.now
    ) -> [Action] {
        let actions = core.step(.submit(submissions), now: now)
        if core.phase == .performing { _ = core.step(.performed, now: now) }
        return actions
    }

    static let rotation = [
        "replace keys/epoch.next secret", "append", "sync", "replace segments/00000000000000000000.index",
        "replace segments/00000000000000000000.seal", "evolve key",
    ]

    // MARK: Commits

    @Test func anEventIsAppendedSyncedAndThenAcknowledged() throws {
        var core = try Self.core()
        let header = core.activeSegment.bytes
        let actions = core.step(.submit([try Fixture.submission([Fixture.line("a1")])]), now: Fixture.now)
        #expect(Self.names(actions) == ["append", "sync", "acknowledge 1"])
        guard case .append(let offset, let bytes) = actions.first else { return }
        #expect(offset == header)
        #expect(core.activeSegment.bytes == header + UInt64(bytes.count))
        #expect(core.durable == 0, "not before it was performed")
        #expect(core.step(.performed, now: Fixture.now) == [])
        #expect(core.durable == 1)
        #expect(core.statistics.accepted == 1)
        #expect(core.statistics.commits == 1)
        #expect(core.statistics.bytes == UInt64(bytes.count))
        let stamps = "{\"_seq\":0,\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":1000,\"_pid\":42,"
        #expect(try Self.lines(in: actions) == [stamps + Fixture.line("a1").dropFirst()])
    }

    @Test func aGroupIsOneAppendAndAnswersEachTicketInOrder() throws {
        var core = try Self.core()
        let submissions = try [UInt64](5...7).map { ticket in
            try Fixture.submission([Fixture.line("a\(ticket)"), Fixture.line("b\(ticket)")], ticket: ticket)
        }
        let actions = Self.submit(&core, submissions)
        #expect(Self.names(actions) == ["append", "sync", "acknowledge 3"])
        guard case .acknowledge(let answers) = actions.last else { return }
        #expect(answers.map(\.ticket) == [5, 6, 7])
        #expect(
            answers.map(\.runs) == [0, 2, 4].map { [.accepted(lines: 2, firstSequence: $0, segment: 0, leaves: [])] })
    }

    @Test func linesBeyondOneBlockStillMakeOneAppend() throws {
        var core = try Self.core()
        let lines = (0..<5).map { Fixture.line("a\($0)", filler: 100_000) }
        let actions = Self.submit(&core, [try Fixture.submission(lines)])
        #expect(Self.names(actions) == ["append", "sync", "acknowledge 1"])
        #expect(try Self.lines(in: actions).count == 5)
    }

    @Test func duplicatesAreAnsweredWithTheNumberThatTheyHave() throws {
        var core = try Self.core()
        let one = Fixture.line("a1", id: "one")
        let first = Self.submit(&core, [try Fixture.submission([one, Fixture.line("a2"), one])])
        #expect(
            Self.runs(first) == [
                .accepted(lines: 2, firstSequence: 0, segment: 0, leaves: []), .duplicate(sequence: 0),
            ])
        let second = Self.submit(&core, [try Fixture.submission([one])])
        #expect(Self.names(second) == ["acknowledge 1"], "nothing is to be written")
        #expect(Self.runs(second) == [.duplicate(sequence: 0)])
        let other = Self.submit(&core, [try Fixture.submission([one], uid: 1001)])
        #expect(Self.runs(other) == [.accepted(lines: 1, firstSequence: 2, segment: 0, leaves: [])])
        #expect(core.statistics.duplicates == 2)
        #expect(core.identityCount == 2)
    }

    @Test func keysAreForgottenByNumberAndByAge() throws {
        var core = try Self.core(identities: (limit: 2, age: 10 * Time.perSecond))
        func send(_ id: String, after seconds: Int64) throws -> Answer.Run? {
            let now = Self.moment(after: seconds * Time.perSecond)
            return Self.runs(Self.submit(&core, [try Fixture.submission([Fixture.line("a", id: id)])], now: now)).first
        }
        func accepted(_ sequence: UInt64) -> Answer.Run {
            .accepted(lines: 1, firstSequence: sequence, segment: 0, leaves: [])
        }
        #expect(try send("one", after: 0) == accepted(0))
        #expect(try send("two", after: 1) == accepted(1))
        #expect(try send("one", after: 2) == .duplicate(sequence: 0))
        #expect(try send("three", after: 3) == accepted(2), "the third key pushes the first out")
        #expect(try send("one", after: 4) == accepted(3))
        #expect(try send("three", after: 13) == .duplicate(sequence: 2), "ten seconds are not too old")
        #expect(try send("three", after: 14) == accepted(4), "eleven are")
        #expect(try send("one", after: 14) == .duplicate(sequence: 3))
    }

    @Test func aRefusedLineIsStoredAndSaid() throws {
        var core = try Self.core()
        let lines = [Fixture.line("a1"), "{\"action\":7", Fixture.line("a2"), Fixture.line("a3")]
        let actions = Self.submit(&core, [try Fixture.submission(lines)])
        let runs = Self.runs(actions)
        #expect(runs.count == 3)
        guard case .rejected(let rejection, 1) = runs[1] else {
            Issue.record("\(runs)")
            return
        }
        #expect(rejection.code == .invalidJSON)
        #expect(runs[2] == .accepted(lines: 2, firstSequence: 2, segment: 0, leaves: []))
        #expect(try Self.lines(in: actions)[1].contains("\"action\":\"event.rejected\""))
        #expect(core.statistics.rejected == 1)
        #expect(core.statistics.accepted == 3)
    }

    @Test func syncTokensComeInTheirPlace() throws {
        var core = try Self.core()
        let submissions = [
            try Fixture.submission([Fixture.line("a1")], ticket: 1, sync: "t1"),
            try Fixture.submission([], ticket: 2, sync: "t2"),
        ]
        let actions = Self.submit(&core, submissions)
        #expect(
            Self.runs(actions) == [
                .accepted(lines: 1, firstSequence: 0, segment: 0, leaves: []), .synced(token: Array("t1".utf8)),
                .synced(token: Array("t2".utf8)),
            ])
        let alone = Self.submit(&core, [try Fixture.submission([], sync: "t3")])
        #expect(Self.names(alone) == ["acknowledge 1"], "everything before is durable already")
    }

    @Test func receiptsCarryTheLeavesOfTheStoredLines() throws {
        var core = try Self.core()
        let lines = (0..<5).map { Fixture.line("a\($0)") }
        let actions = Self.submit(&core, [try Fixture.submission(lines, receipts: true)])
        var salts = Salts(saltKey: [UInt8](repeating: 3, count: 32))
        let expected = try Self.lines(in: actions).enumerated().compactMap { index, line in
            Array(line.utf8).withUnsafeBytes { bytes in
                salts.withSalt(of: UInt64(index)) { salt in salt.map { Digest.leaf(salt: $0, line: bytes) } }
            }
        }
        #expect(
            Self.runs(actions) == [.accepted(lines: 5, firstSequence: 0, segment: 0, leaves: expected)])
        #expect(expected.count == 5)
    }

    @Test func aClockThatStepsBackRepeatsTheLastStamp() throws {
        var core = try Self.core()
        let moments = [
            Self.moment(after: 0, wall: 5_000_999), Self.moment(after: 1, wall: -Time.perHour),
            Self.moment(after: 2, wall: 6_000_000),
        ]
        let stamps = try moments.map { now in
            let line = try #require(
                Self.lines(in: Self.submit(&core, [Fixture.submission([Fixture.line("a")])], now: now)).first)
            return String(line.dropFirst("{\"_seq\":0,\"_received\":\"2026-11-21T07:39:12.".count).prefix(6))
        }
        #expect(stamps == ["128456", "128456", "129456"])
    }

    // MARK: Rotation

    @Test func aRotationHasItsOrder() throws {
        var core = try Self.core()
        _ = Self.submit(&core, [try Fixture.submission([Fixture.line("a1")])])
        let actions = core.step(.rotate, now: Fixture.now)
        #expect(
            Self.names(actions) == Self.rotation + [
                "create segments/00000000000000000001.ndjson.gz", "replace checkpoint", "forget resume",
                "replace head",
            ])
        _ = core.step(.performed, now: Fixture.now)
        #expect(core.activeSegment.number == 1)
        #expect(core.activeSegment.firstSequence == 1)
        #expect(core.activeSegment.count == 0)
        #expect(core.sealedSegments == 1)
        #expect(core.durable == 1)
    }

    @Test func aSegmentWithoutEventsIsNotSealed() throws {
        var core = try Self.core()
        #expect(core.step(.rotate, now: Fixture.now) == [])
        #expect(core.phase == .idle)
        core.configuration.segmentAge = 1
        #expect(Self.names(core.step(.tick, now: Self.moment(after: Time.perHour))) == ["replace head"])
        _ = core.step(.performed, now: Fixture.now)
        core.configuration.sealsOnShutdown = true
        #expect(Self.names(core.step(.shutdown, now: Fixture.now)) == ["replace head"])
    }

    /// The reason in the seal that a step writes; nil if it seals nothing.
    private static func reason(_ actions: [Action]) throws -> SealReason? {
        for case .replace(let path, let bytes, _) in actions where path.hasSuffix(".seal") {
            return try Seal(text: SignedNote(bytes).text).reason
        }
        return nil
    }

    @Test func sizeSealsBehindTheCommitThatReachesIt() throws {
        var configuration = Fixture.configuration
        configuration.segmentBytes = 1
        var core = try Self.core(configuration: configuration)
        let actions = core.step(.submit([try Fixture.submission([Fixture.line("a1")])]), now: Fixture.now)
        #expect(Array(Self.names(actions).prefix(9)) == ["append", "sync", "acknowledge 1"] + Self.rotation)
        #expect(try Self.reason(actions) == .size)
    }

    @Test func ageCountsFromTheOpeningOfTheSegment() throws {
        var configuration = Fixture.configuration
        configuration.segmentAge = 100 * Time.perSecond
        var core = try Self.core(configuration: configuration)
        _ = Self.submit(&core, [try Fixture.submission([Fixture.line("a1")])])
        _ = core.step(.tick, now: Fixture.now)
        _ = core.step(.performed, now: Fixture.now)
        let early = core.step(.tick, now: Self.moment(after: 100 * Time.perSecond - 1))
        #expect(try Self.reason(early) == nil)
        _ = core.step(.performed, now: Fixture.now)
        #expect(core.deadline == Fixture.now.monotonic + 100 * Time.perSecond)
        #expect(try Self.reason(core.step(.tick, now: Self.moment(after: 100 * Time.perSecond))) == .age)
    }

    @Test(arguments: [false, true])
    func shutdownSealsIfItIsToldTo(seals: Bool) throws {
        var configuration = Fixture.configuration
        configuration.sealsOnShutdown = seals
        var core = try Self.core(configuration: configuration)
        _ = Self.submit(&core, [try Fixture.submission([Fixture.line("a1")])])
        let actions = core.step(.shutdown, now: Fixture.now)
        #expect(try Self.reason(actions) == (seals ? .shutdown : nil))
        #expect(Self.names(actions).last == (seals ? "replace head" : "hint resume"))
    }

    @Test func aModuleTooManySealsInTheMiddleOfACommit() throws {
        var core = try Self.core()
        let lines = (0..<1024).map { Fixture.line("a\($0)", module: "m\($0)") }
        let first = Self.submit(&core, [try Fixture.submission(lines)])
        #expect(try Self.reason(first) == nil)
        let next = ["m5", "new", "m5"].enumerated().map { Fixture.line("b\($0)", module: $1) }
        let actions = Self.submit(&core, [try Fixture.submission(next, receipts: true)])
        #expect(
            Self.names(actions) == ["append", "sync"] + Self.rotation + [
                "create segments/00000000000000001025.ndjson.gz", "replace checkpoint", "forget resume",
                "replace head", "append",
                "sync", "acknowledge 1",
            ])
        #expect(try Self.reason(actions) == .modules)
        let runs = Self.runs(actions)
        guard runs.count == 2, case .accepted(1, 1024, 0, let before) = runs[0],
            case .accepted(2, 1025, 1, let behind) = runs[1]
        else {
            Issue.record("one run for each segment: \(runs)")
            return
        }
        #expect(before.count == 1)
        #expect(behind.count == 2)
        #expect(core.activeSegment.count == 2)
        #expect(core.durable == 1027)
    }

    // MARK: Heads

    @Test func theHeadFollowsEventsWithinItsIntervalAndStaysFresh() throws {
        var core = try Self.core()
        func tick(_ seconds: Double) -> [String] {
            let now = Self.moment(after: Int64(seconds * Double(Time.perSecond)))
            let names = Self.names(core.step(.tick, now: now))
            _ = core.step(.performed, now: now)
            return names
        }
        #expect(tick(0) == ["replace head"], "the first one at once")
        #expect(core.deadline == Fixture.now.monotonic + 60 * Time.perSecond)
        #expect(tick(59) == [])
        #expect(tick(60) == ["replace head"])
        _ = Self.submit(&core, [try Fixture.submission([Fixture.line("a1")])], now: Self.moment(after: 0))
        #expect(core.deadline == Fixture.now.monotonic + 61 * Time.perSecond)
        #expect(tick(60.5) == [])
        #expect(tick(61) == ["replace head", "hint resume"])
        #expect(tick(62) == [], "it names the event already")
    }

    @Test func theHeadNamesWhatWasSynced() throws {
        var core = try Self.core()
        _ = Self.submit(&core, [try Fixture.submission([Fixture.line("a1"), Fixture.line("a2")])])
        guard case .replace(FileNames.head, let bytes, false) = core.step(.tick, now: Fixture.now).first else {
            Issue.record("no head")
            return
        }
        let note = try SignedNote(bytes)
        try note.verify(core.origin.genesisKey)
        let head = try Head(text: note.text)
        #expect((head.number, head.firstSequence, head.count) == (0, 0, 2))
        #expect(head.time == Fixture.now.wall)
    }

    // MARK: Purity and order

    @Test func theSameInputsGiveTheSameActions() throws {
        func run() throws -> [[Action]] {
            var core = try Self.core()
            let inputs: [Input] = [
                .tick, .submit([try Fixture.submission([Fixture.line("a1", id: "x")], receipts: true)]), .rotate,
                .submit([try Fixture.submission([Fixture.line("b1", id: "x"), "no"])]), .rotate, .shutdown,
            ]
            return inputs.map { input in
                let actions = core.step(input, now: Fixture.now)
                _ = core.step(.performed, now: Fixture.now)
                return actions
            }
        }
        #expect(try run() == run())
    }

    @Test func aStepBeforeTheLastWasReportedDoesNothing() throws {
        var core = try Self.core()
        _ = core.step(.submit([try Fixture.submission([Fixture.line("a1")])]), now: Fixture.now)
        let durable = core.durable
        #expect(core.step(.submit([try Fixture.submission([Fixture.line("a2")])]), now: Fixture.now) == [])
        #expect(core.step(.rotate, now: Fixture.now) == [])
        #expect(core.step(.tick, now: Fixture.now) == [])
        #expect(core.step(.shutdown, now: Fixture.now) == [])
        #expect(core.durable == durable)
        #expect(core.activeSegment.count == 1)
    }

    // MARK: Failures

    /// A step with everything in it: a commit that fills the segment.
    private static func longStep() throws -> (StoreCore, [Action]) {
        var configuration = Fixture.configuration
        configuration.segmentBytes = 1
        var core = try core(configuration: configuration)
        let actions = core.step(.submit([try Fixture.submission([Fixture.line("a1")])]), now: Fixture.now)
        return (core, actions)
    }

    @Test func aFullDiskSuspendsAndATickTriesExactlyTheRest() throws {
        let count = try Self.longStep().1.count
        for index in 0..<count {
            var (core, actions) = try Self.longStep()
            let failure = Input.failed(index: index, isOutOfSpace: true, message: "full")
            if actions[index] == .sync {
                #expect(Self.names(core.step(failure, now: Fixture.now)) == ["halt io"])
                continue
            }
            if case .acknowledge = actions[index] { continue }
            #expect(core.step(failure, now: Fixture.now) == [])
            #expect(core.phase == .suspended("full"))
            #expect(core.deadline == Fixture.now.monotonic + core.configuration.retryInterval)
            #expect(core.step(.rotate, now: Fixture.now) == [])
            #expect(core.step(.submit([try Fixture.submission([Fixture.line("a2")])]), now: Fixture.now) == [])
            let rest = core.step(.tick, now: Self.moment(after: Time.perSecond))
            #expect(rest == Array(actions[index...]), "action \(index)")
            // It fails once more, further on.
            let further = Input.failed(index: rest.count - 1, isOutOfSpace: true, message: "again")
            #expect(core.step(further, now: Fixture.now) == [])
            #expect(core.step(.tick, now: Fixture.now) == Array(actions.suffix(1)))
            #expect(core.durable == 0)
            #expect(core.step(.performed, now: Fixture.now) == [])
            #expect(core.phase == .idle)
            #expect(core.durable == 1)
            #expect(core.statistics.failures == 2)
        }
    }

    @Test func anyOtherErrorHaltsForGood() throws {
        let count = try Self.longStep().1.count
        for index in 0..<count {
            var (core, _) = try Self.longStep()
            let halt = core.step(.failed(index: index, isOutOfSpace: false, message: "broken"), now: Fixture.now)
            let error = StoreError(.io, "broken")
            #expect(halt == [.halt(error)])
            #expect(core.phase == .halted(error))
            let late: [Input] = [
                .tick, .rotate, .shutdown, .performed, .submit([try Fixture.submission([Fixture.line("a2")])]),
                .failed(index: 0, isOutOfSpace: true, message: "late"),
            ]
            for input in late { #expect(core.step(input, now: Self.moment(after: Time.perHour)) == []) }
            #expect(core.deadline == Int64.max)
            #expect(core.durable == 0)
        }
    }
}
