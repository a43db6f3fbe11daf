import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Glibc
import Testing

/// Legal holds: they are in force before anybody can know of them, and until nobody can doubt that they are not.
@Suite struct HoldTests {
    private static func hold(
        _ name: String, _ filter: String = "", since: Time? = nil, until: Time? = nil, reason: String = "a dispute"
    ) throws -> Hold {
        Hold(
            name: name, filter: try Filter(filter), since: since, until: until, reason: reason, by: 1002,
            at: Fixture.now.wall)
    }

    private static let release = Hold.Release(by: 1003, reason: "it is over")

    // MARK: Names and the file

    @Test(
        arguments: [
            ("a", true), ("A-b_c.9", true), (String(repeating: "x", count: 64), true), ("..", true), ("-", true),
            ("", false), (String(repeating: "x", count: 65), false), ("a b", false), ("a/b", false), ("ä", false),
            ("a\n", false), ("\u{0}", false), ("a,b", false),
        ])
    func names(_ name: String, _ isGood: Bool) throws {
        #expect(Hold.isName(name) == isGood)
        let log = try CustodyLog()
        if isGood {
            try log.hold(name)
            #expect(log.custody.holds.holds.map(\.name) == [name])
        } else {
            #expect(throws: StoreError.self) { try log.hold(name) }
            #expect(log.disk.snapshot()[Holds.path] == nil)
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        var holds = Holds()
        let (early, late) = (Time(nanoseconds: -1), Time(nanoseconds: Fixture.wall + 1))
        holds.holds = try [
            Self.hold("plain"), Self.hold("filter", #"actor.email="j@x.org" "a \"quoted\" text" not b<=2"#),
            Self.hold("times", "module=x", since: early, until: late), Self.hold("since", since: late),
            Self.hold("until", until: early), Self.hold("text", reason: "quotes \" and \\ and \n and 😀"),
        ]
        holds.holds[1].state = .held
        holds.holds[2].state = .releasing
        holds.holds[2].release = Self.release
        let disk = TestDisk()
        disk.tamper(Holds.path, holds.encoded)
        #expect(try Holds(LogDirectory(disk.files)) == holds)
        #expect(holds.encoded.split(separator: UInt8(ascii: "\n")).count == 6)
        disk.lose(Holds.path)
        #expect(try Holds(LogDirectory(disk.files)) == Holds())
    }

    /// A hold that is not understood is not taken for none: nothing is removed until somebody has looked.
    @Test func aFileThatCannotBeReadStopsEverything() throws {
        let log = try CustodyLog()
        try log.fill([3])
        try log.hold("dispute", "action=e1", since: Fixture.now.wall)
        try log.hold("other")
        let good = try #require(log.disk.snapshot()[Holds.path])
        let text = String(decoding: good, as: UTF8.self)
        var bad = good.indices.dropFirst().map { Array(good[..<$0]) }
            .filter { $0.last != UInt8(ascii: "\n") && $0.last != UInt8(ascii: "}") }
        bad += [
            text.replacing("\"held\"", with: "\"hold\""), text.replacing("\"held\"", with: "\"releasing\""),
            text.replacing("\"name\":\"dispute\"", with: "\"name\":\"a b\""),
            text.replacing("action=e1", with: "action="),
            text.replacing("\"by\":1002", with: "\"by\":-1"), text.replacing("\"by\":1002", with: "\"by\":4294967296"),
            text.replacing("\"since\":\"2", with: "\"since\":\"x2"), text.replacing("\"filter\"", with: "\"filler\""),
            text.replacing("\"state\":\"held\"", with: "\"state\":\"held\",\"released_by\":1,\"release_reason\":\"x\""),
            text + "null\n", text + "{}\n", "[]\n",
        ].map { Array($0.utf8) }
        #expect(bad.count > 100)
        for bytes in bad {
            #expect(bytes != good)
            log.disk.tamper(Holds.path, bytes)
            #expect(throws: StoreError.self, "\(String(decoding: bytes, as: UTF8.self))") {
                try CustodyLog(TestDisk(log.disk.kernel.disk))
            }
        }
        log.disk.tamper(Holds.path, good)
        #expect(try log.restarted().custody.holds.holds.map(\.name) == ["dispute", "other"])
    }

    @Test func theFileHasALimit() throws {
        let log = try CustodyLog()
        let reason = String(repeating: "x", count: Holds.sizeLimit)
        do {
            try log.custody.add(Self.hold("large", reason: reason))
            Issue.record("not refused")
        } catch let error as StoreError {
            #expect(error.code == .refused)
        }
        #expect(log.custody.holds.holds.isEmpty && log.disk.snapshot()[Holds.path] == nil)
    }

    // MARK: Adding and releasing

    @Test func addedAndReleased() throws {
        let log = try CustodyLog()
        try log.fill([3])
        try log.custody.add(Self.hold("dispute", "action=e1 module=scanning", until: Fixture.now.wall))
        #expect(log.custody.holds.holds.map(\.state) == [.held])
        #expect(try log.restarted().custody.holds == log.custody.holds)
        let added = try #require(log.disk.lines("action=hold.added").values.first)
        for part in [
            "\"by\":1002", "\"hold\":\"dispute\"", "\"reason\":\"a dispute\"", "module=scanning",
            "\"until\":\"\(Fixture.now.wall)\"", "\"_uid\":0",
        ] {
            #expect(added.contains(part), "\(part) in \(added)")
        }
        let again = try CustodyLog(TestDisk(log.disk.kernel.disk), clock: log.clock)
        try again.custody.release("dispute", Self.release)
        #expect(again.custody.holds.holds.isEmpty)
        #expect(try again.restarted().custody.holds.holds.isEmpty)
        let released = try #require(again.disk.lines("action=hold.released").values.first)
        #expect(released.contains("\"by\":1003") && released.contains("\"reason\":\"it is over\""))
        again.disk.expectVerified()
    }

    @Test func oneNameIsOneHold() throws {
        let log = try CustodyLog()
        try log.hold("dispute", "action=e1")
        let before = log.disk.snapshot()
        for body in [{ try log.hold("dispute") }, { try log.custody.release("other", Self.release) }] {
            do {
                try body()
                Issue.record("not refused")
            } catch let error as StoreError {
                #expect(error.code == .refused)
            }
        }
        #expect(log.disk.snapshot() == before)
        // Once it is released, the name is free, and each has its events.
        for _ in 0..<2 {
            try log.custody.release("dispute", Self.release)
            log.clock.advance(by: 1_000_000)
            try log.hold("dispute", "action=e2")
        }
        #expect(try log.disk.lines("action=hold.added").count == 3)
        #expect(try log.disk.lines("action=hold.released").count == 2)
    }

    /// The file comes before the event, and the event before the release is in the file.
    @Test func theOrder() throws {
        let log = try CustodyLog()
        try log.fill([3])
        let active = "fdatasync \(FileNames.segment(3, .data))"
        for isRelease in [false, true] {
            let start = log.disk.operationCount
            if isRelease { try log.custody.release("dispute", Self.release) } else { try log.hold("dispute") }
            let operations = log.disk.operations.dropFirst(start)
            let saves = operations.indices.filter { operations[$0] == "rename \(Holds.path)" }
            let event = try #require(operations.firstIndex(of: active))
            #expect(saves.count == 2 && saves[0] < event && event < saves[1], "\(Array(operations))")
        }
    }

    // MARK: Faults

    private enum Step: CaseIterable, Sendable { case add, release }

    private static func perform(_ step: Step, _ log: CustodyLog) throws {
        switch step {
        case .add: try log.hold("new", "action=e1")
        case .release: try log.custody.release("old", release)
        }
    }

    private static func prepared() throws -> CustodyLog {
        let log = try CustodyLog()
        try log.fill([3])
        try log.hold("old", "action=e2")
        return log
    }

    private static func changes(_ step: Step) throws -> [String] {
        let log = try prepared()
        let start = log.disk.operationCount
        try perform(step, log)
        return Array(log.disk.operations.dropFirst(start))
    }

    /// What the file says afterwards is what the events say.
    private static func expectAgreement(_ disk: TestDisk, _ holds: Holds, _ comment: String) throws {
        let events = { (action: String) in
            try disk.lines("action=\(action)").values.flatMap { line in
                ["old", "new"].filter { line.contains("\"hold\":\"\($0)\"") }
            }.sorted()
        }
        let (added, released) = (try events("hold.added"), try events("hold.released"))
        #expect(added == Array(Set(added)).sorted() && released == Array(Set(released)).sorted(), "\(comment): twice")
        let standing = Set(added).subtracting(released)
        #expect(standing == Set(holds.holds.map(\.name)), "\(comment)")
        #expect(holds.holds.allSatisfy { $0.state == .held }, "\(comment)")
    }

    @Test(arguments: Step.allCases) private func aCrashAtAnyCall(_ step: Step) throws {
        let changes = try Self.changes(step)
        let disk = try Self.prepared().disk.kernel.disk
        var outcomes: Set<Int> = []
        for operation in changes.indices {
            for seed in [0, 1, 2, 3] as [UInt64] {
                let place = "operation \(operation) (\(changes[operation])), seed \(seed)"
                let log = try CustodyLog(TestDisk(disk))
                log.disk.fail(log.disk.operationCount + operation, Fault(.powerLoss))
                #expect(throws: StoreError.self, "\(place)") { try Self.perform(step, log) }
                let crashed = log.disk.crash(seed: seed)
                crashed.expectVerified("\(place), before the start")
                // As long as the events do not say that it is released, it is in force.
                let unfinished = try CustodyLog(crashed, finishes: false)
                let released = try crashed.lines("action=hold.released").count
                if released == 0 { #expect(unfinished.custody.holds.holds.contains { $0.name == "old" }, "\(place)") }
                if try crashed.lines("action=hold.added").count == 2 {
                    #expect(unfinished.custody.holds.holds.contains { $0.name == "new" }, "\(place)")
                }
                try unfinished.custody.finish()
                try Self.expectAgreement(crashed, unfinished.custody.holds, place)
                crashed.expectVerified("\(place), finished")
                #expect(try unfinished.restarted().custody.holds == unfinished.custody.holds, "\(place)")
                outcomes.insert(unfinished.custody.holds.holds.count)
            }
        }
        #expect(outcomes == (step == .add ? [1, 2] : [1, 0]))
    }

    @Test(arguments: Step.allCases) private func aFailureAtAnyCall(_ step: Step) throws {
        let changes = try Self.changes(step)
        let disk = try Self.prepared().disk.kernel.disk
        for operation in changes.indices {
            for fault in [Fault(.error(EIO)), Fault(.error(EIO), progress: .whole), Fault(.error(ENOSPC))] {
                let place = "\(fault) at \(operation) (\(changes[operation]))"
                var log = try CustodyLog(TestDisk(disk))
                log.disk.fail(log.disk.operationCount + operation, fault)
                let isDone = (try? Self.perform(step, log)) != nil
                log.disk.expectVerified(place)
                for _ in 0..<3 where log.worker.isSuspended {
                    log.clock.advance(by: log.worker.core.configuration.retryInterval)
                    log.worker.retry()
                }
                if log.worker.isHalted { log = try log.restarted() }
                try log.custody.finish()
                if !isDone { try? Self.perform(step, log) }
                try Self.expectAgreement(log.disk, log.custody.holds, place)
                #expect(log.custody.holds.holds.map(\.name) == (step == .add ? ["old", "new"] : []), "\(place)")
                #expect(try log.restarted().custody.holds == log.custody.holds, "\(place)")
            }
        }
    }

    // MARK: What is held

    private static let filters = [
        "", "action=e3", "module=scanning", "module=users", "module=none", "not module=scanning", "status=failed",
        "status=none", "severity=high", "actor.id=u3", "actor.id!=u3", "tenant=null", "tenant!=null", "tenant=acme",
        "tenant!=acme", "\"u3\"", "_seq<5", "_seq>=7 _seq<9", "_seq!=4", "details.n>4", "not action=e9",
        "module=scanning status=failed actor.id=u1", "ip_address=10.0.0.0/8", "actor.id>=u2", "actor.id=3",
        "module=users not severity=high", "id=i4", "session_id=\"\"", "status=7", "tenant=true",
    ]

    private static func event(_ number: Int, _ random: inout SeededRandom, _ time: Time) -> String {
        func one(_ choices: [String]) -> String { choices[random.below(choices.count)] }
        var members = ["\"action\":\"e\(number)\"", "\"module\":\"\(one(["scanning", "users", "x.y"]))\""]
        members.append(one(["\"status\":\"failed\"", "\"status\":\"success\"", "\"status\":7", "\"x\":1"]))
        members.append(one(["\"severity\":\"high\"", "\"severity\":\"low\"", "\"y\":2"]))
        members.append(one(["\"actor\":{\"id\":\"u\(random.below(4))\"}", "\"actor\":{\"id\":[3]}", "\"z\":null"]))
        members.append(one(["\"tenant\":\"acme\"", "\"tenant\":true", "\"ip_address\":\"10.1.2.3\"", "\"w\":{}"]))
        members.append(one(["\"details\":{\"n\":\(random.below(9))}", "\"id\":\"i\(number)\"", "\"session_id\":\"\""]))
        if random.below(2) == 0 { members.append("\"timestamp\":\"\(time)\"") }
        return "{\(members.joined(separator: ","))}"
    }

    /// That a segment may go is said only if a look at every event says the same.
    @Test func aSegmentWithAMatchIsNeverCalledFree() throws {
        var random = SeededRandom(printedBy: #function)
        var (free, held) = (0, 0)
        for _ in 0..<12 {
            let log = try CustodyLog()
            var number = 0
            for _ in 0..<3 {
                for _ in 0..<(1 + random.below(3)) {
                    let lines = (0..<(1 + random.below(3))).map { _ in
                        number += 1
                        let shift = Int64(random.below(7200) - 3600) * Time.perSecond
                        return Self.event(number, &random, Time(nanoseconds: log.clock.wall() + shift))
                    }
                    log.worker.step(.submit([try Fixture.submission(lines)]))
                    log.clock.advance(by: Int64(random.below(1000)) * Time.perSecond)
                }
                log.rotate()
            }
            if random.below(2) == 0 { try log.redact("", [0..<1, 3..<4]) }
            let directory = LogDirectory(log.disk.files)
            for text in Self.filters {
                let bound = Time(nanoseconds: Fixture.wall + Int64(random.below(7200) - 3600) * Time.perSecond)
                let kind = random.below(3)
                let hold = try Self.hold(
                    "h", text, since: kind == 1 ? bound : nil, until: kind == 2 ? bound : nil)
                for candidate in try log.candidates() {
                    let sequences = candidate.seal.firstSequence..<candidate.seal.endSequence
                    let segment = try #require(try directory.segment(candidate.seal.firstSequence))
                    // Of what was erased nothing is held.
                    let matches = try log.disk.matches(hold.query).filter { sequence, line in
                        sequences.contains(sequence) && !line.contains("\"_redacted\":")
                    }
                    let index = try #require(directory.index(segment, tokens: Self.tokens(hold)))
                    for index in [index, nil] as [SegmentIndex?] {
                        let may = hold.mayMatch(candidate.seal, index)
                        #expect(may || matches.isEmpty, "\(text): \(matches)")
                        if may { held += 1 } else { free += 1 }
                    }
                }
            }
        }
        #expect(free > 50 && held > 50)
    }

    /// What an index has to be asked for.
    private static func tokens(_ hold: Hold) -> [UInt64] {
        var holds = Holds()
        holds.holds = [hold]
        return holds.tokens
    }

    /// Index and seal answer, so that no event has to be read.
    @Test func holdsAreNarrowByModuleTimeAndIndex() throws {
        let log = try CustodyLog()
        try log.submit(["e0"], module: "scanning")
        log.rotate()
        log.clock.advance(by: 3600 * Time.perSecond)
        try log.submit(["e1"], module: "users")
        log.rotate()
        let border = Time(nanoseconds: log.clock.wall())
        let cases: [(Hold, [Bool])] = try [
            (Self.hold("h", "module=users"), [false, true]), (Self.hold("h", "module=other"), [false, false]),
            (Self.hold("h", since: border), [false, true]), (Self.hold("h", until: border), [true, false]),
            (Self.hold("h", "actor.id=u-e0"), [true, false]), (Self.hold("h", "_seq=1"), [false, true]),
            (Self.hold("h"), [true, true]), (Self.hold("h", "\"no index knows\""), [true, true]),
        ]
        let directory = LogDirectory(log.disk.files)
        for (hold, expected) in cases {
            let found = try log.candidates().map { candidate in
                let segment = try #require(try directory.segment(candidate.seal.firstSequence))
                return hold.mayMatch(candidate.seal, directory.index(segment, tokens: Self.tokens(hold)))
            }
            #expect(found == expected, "\(hold)")
        }
    }

    /// Without an index a hold by what only the index knows keeps the segment.
    @Test func aLostIndexKeepsWhatMayBeHeld() throws {
        let log = try CustodyLog()
        try log.fill([3])
        try log.hold("dispute", "actor.id=nobody")
        let index = try #require(log.disk.snapshot()[FileNames.segment(0, .index)])
        log.disk.lose(FileNames.segment(0, .index))
        #expect(try log.prune().removed == [])
        log.disk.tamper(FileNames.segment(0, .index), index)
        #expect(try log.prune().removed == [0])
    }
}

extension TestDisk {
    /// What a look at every line says.
    func matches(_ query: Query) throws -> [UInt64: String] {
        try kernel.watch {
            var lines: [UInt64: String] = [:]
            try AuditLog(LogDirectory(kernel.files())).forEach(query) { sequence, line in
                lines[sequence] = String(decoding: line, as: UTF8.self)
                return .next
            }
            return lines
        }
    }
}
