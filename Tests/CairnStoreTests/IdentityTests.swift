import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Testing

struct IdentityWindowTests {
    private static func identity(_ id: String) -> EventIdentity {
        Array(id.utf8).withUnsafeBytes { EventIdentity(uid: 1, id: $0) }
    }

    private static func time(_ seconds: Int64) -> Time { Time(nanoseconds: seconds) }

    @Test func whatIsNeitherOldNorPushedOutIsKnown() {
        var window = IdentityWindow(limit: 3, age: 10)
        for number in UInt64(1)...4 {
            window.insert(Self.identity("\(number)"), sequence: number, received: Self.time(Int64(number)))
        }
        #expect(window.count == 3)
        #expect(window.sequence(of: Self.identity("1"), now: Self.time(4)) == nil)
        #expect(window.sequence(of: Self.identity("2"), now: Self.time(4)) == 2)
        #expect(window.sequence(of: Self.identity("2"), now: Self.time(12)) == 2)
        #expect(window.sequence(of: Self.identity("2"), now: Self.time(13)) == nil)
        #expect(window.count == 2)
    }

    @Test func aKeyThatStandsTwiceIsKnownByItsNewerNumber() {
        var window = IdentityWindow(limit: 3, age: 1000)
        for (number, id) in ["a", "b", "a", "c"].enumerated() {
            window.insert(Self.identity(id), sequence: UInt64(number), received: Self.time(Int64(number)))
        }
        #expect(window.sequence(of: Self.identity("a"), now: Self.time(4)) == 2)
        #expect(window.count == 3)
    }

    @Test func aWindowOfNothingRemembersNothing() {
        var window = IdentityWindow(limit: 0, age: 1000)
        window.insert(Self.identity("a"), sequence: 0, received: Self.time(0))
        #expect(window.sequence(of: Self.identity("a"), now: Self.time(0)) == nil)
        #expect(window.count == 0)
    }

    /// Against the plain meaning of the rules.
    @Test func randomOperationsAgreeWithAList() {
        var random = SeededRandom(printedBy: #function)
        var window = IdentityWindow(limit: 5, age: 20)
        var list: [(id: Int, sequence: UInt64, received: Int64)] = []
        var now: Int64 = 0
        for number in UInt64(0)..<2000 {
            now += Int64(random.below(4))
            let id = random.below(12)
            list.removeAll { now - $0.received > 20 }
            let expected = list.first { $0.id == id }?.sequence
            #expect(window.sequence(of: Self.identity("\(id)"), now: Self.time(now)) == expected)
            if expected == nil {
                window.insert(Self.identity("\(id)"), sequence: number, received: Self.time(now))
                list.append((id, number, now))
                if list.count > 5 { list.removeFirst() }
            }
            #expect(window.count == list.count)
        }
    }
}

struct IdentityHistoryTests {
    private static let age = 1000 * Time.perSecond

    private static func configuration(limit: Int = 100) -> StoreConfiguration {
        var configuration = Fixture.configuration
        configuration.identities = limit
        configuration.identityAge = age
        return configuration
    }

    /// Two sealed segments and an active one, an event every ten seconds.
    private static func log() throws -> (TestDisk, SimulatedClock, Ledger) {
        let clock = SimulatedClock()
        let files = TestDisk()
        var writer = try TestWriter(files, clock: clock, configuration: configuration())
        for tags in [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]] {
            if tags[0] != "a1" { #expect(writer.step(.rotate) == .done) }
            for tag in tags {
                clock.advance(by: 10 * Time.perSecond)
                #expect(try writer.submit([tag]) == .done)
            }
        }
        return (files.settled(), clock, writer.ledger)
    }

    /// What a second submission of each event comes to after a start.
    private static func duplicates(
        _ files: TestDisk, _ clock: SimulatedClock, _ ledger: Ledger, limit: Int = 100
    ) throws -> [String] {
        var writer = try TestWriter(files, clock: clock, configuration: configuration(limit: limit))
        return try ledger.order.filter { tag in
            let before = writer.answers.count
            _ = try writer.submit([tag])
            let runs = writer.answers[before...].flatMap(\.runs)
            guard case .duplicate(let sequence) = runs.first else { return false }
            #expect(sequence == ledger.acknowledged[tag])
            return true
        }
    }

    enum Index: CaseIterable {
        case good, missing, damaged, wrong
    }

    @Test(arguments: Index.allCases)
    func keysAreKnownAfterAStart(index: Index) throws {
        let (files, clock, ledger) = try Self.log()
        for first in [UInt64(0), 2] {
            let path = FileNames.segment(first, .index)
            switch index {
            case .good: break
            case .missing: files.lose(path)
            case .damaged: files.tamper(path, Array((files.snapshot()[path] ?? []).dropLast()))
            case .wrong: files.tamper(path, files.snapshot()[FileNames.segment(2 - first, .index)] ?? [])
            }
        }
        #expect(try Self.duplicates(files, clock, ledger) == ledger.order)
    }

    @Test func keysThatAreTooOldAreNew() throws {
        let (files, clock, ledger) = try Self.log()
        // The last event is as old as it may be, less the millisecond of the start; the one before is too old.
        clock.advance(by: Self.age - 10 * Time.perSecond)
        #expect(try Self.duplicates(files.settled(), clock, ledger) == ["c2"])
        clock.advance(by: 20 * Time.perSecond)
        #expect(try Self.duplicates(files.settled(), clock, ledger) == [])
    }

    @Test func theNewestKeysFillTheWindow() throws {
        let (files, clock, ledger) = try Self.log()
        let writer = try TestWriter(files, clock: clock, configuration: Self.configuration(limit: 3))
        #expect(writer.core.identityCount == 3)
        // The oldest three are stored again and push the others out, one each.
        #expect(try Self.duplicates(files, clock, ledger, limit: 3) == [])
        let (other, otherClock, _) = try Self.log()
        var newest = ledger
        newest.order = ["b2", "c1", "c2"]
        #expect(try Self.duplicates(other, otherClock, newest, limit: 3) == newest.order)
    }

    @Test func noKeysAreReadWhereNoneAreKept() throws {
        let (files, clock, ledger) = try Self.log()
        #expect(try Self.duplicates(files, clock, ledger, limit: 0) == [])
    }

    /// The keys of a segment that was sealed because of damage, up to the damage, stand once in the window.
    @Test func keysBeforeDamageAreKnown() throws {
        let (files, clock, ledger) = try Self.log()
        let path = FileNames.segment(4, .data)
        var bytes = try #require(files.snapshot()[path])
        bytes[bytes.count - 20] ^= 1
        // A head that names both events makes the loss of the second one certain.
        var writer = try TestWriter(files.settled(), clock: clock, configuration: Self.configuration())
        #expect(writer.step(.tick) == .done)
        let image = writer.files.settled()
        image.tamper(path, bytes)
        let recovered = try TestWriter(image, clock: clock, configuration: Self.configuration())
        #expect(recovered.core.identityCount == 5)
        #expect(try Self.duplicates(image, clock, ledger) == ["a1", "a2", "b1", "b2", "c1"])
    }
}
