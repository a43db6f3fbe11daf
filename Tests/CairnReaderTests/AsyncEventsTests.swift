import CairnFormat
import CairnPlatform
import CairnReader
import Testing

@Suite(.timeLimit(.minutes(2))) struct AsyncEventsTests {
    private static func line(_ number: Int, _ module: String = "m") -> String {
        #"{"module":"\#(module)","action":"a\#(number)"}"#
    }

    private func log(_ count: Int) throws -> LogFixture {
        let log = try LogFixture()
        for number in 0..<count {
            try log.append(Self.line(number, number % 3 == 0 ? "x" : "m"))
            if number % 7 == 6 { try log.seal() }
        }
        return log
    }

    @Test(arguments: [Query.Order.oldestFirst, .newestFirst])
    func givesWhatAQueryGives(_ order: Query.Order) async throws {
        let log = try log(50)
        let reader = try log.open()
        let filter = try Filter("module=x")
        var found: [UInt64] = []
        let events = reader.events(matching: filter, order: order)
        for try await event in events { found.append(event.sequence) }
        #expect(found == (try reader.all(Query(filter: filter, order: order)).found.map(\.sequence)))
        #expect(found.count == 17)
        // Again from the beginning.
        var again = events.makeAsyncIterator()
        #expect(try await again.next()?.sequence == found.first)
    }

    @Test func rangesAndLimits() async throws {
        let log = try log(20)
        let reader = try log.open()
        var found: [UInt64] = []
        for try await event in reader.events(matching: Filter(), limit: 3, after: 4) { found.append(event.sequence) }
        #expect(found == [5, 6, 7])
        let none = Time(nanoseconds: 0)..<Time(nanoseconds: 1)
        for try await event in reader.events(matching: Filter(), in: none) { Issue.record("found \(event.sequence)") }
    }

    @Test func anErrorComesBehindWhatWasFound() async throws {
        let log = try log(30)
        try log.change(14, .data) { $0[$0.count / 2] ^= 0xFF }
        var found: [UInt64] = []
        let reader = try log.open()
        await #expect(throws: ReadError.self) {
            for try await event in reader.events(matching: Filter()) { found.append(event.sequence) }
        }
        #expect(found.starts(with: Array(0..<14)))
        #expect(found.count < 21)
    }

    @Test func cancellingEndsAWait() async throws {
        let log = try log(5)
        let reader = try log.open()
        let task = Task {
            var found: [UInt64] = []
            do {
                for try await event in reader.newEvents(matching: Filter()) { found.append(event.sequence) }
            } catch is CancellationError {
                return found
            }
            Issue.record("it ended by itself")
            return found
        }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        #expect(try await task.value.isEmpty)
    }

    @Test func newEventsComeAsTheyAreWritten() async throws {
        let log = try log(5)
        var events = try log.open().newEvents(matching: try Filter("module=x"), after: 4).makeAsyncIterator()
        try log.append(Self.line(5, "m"), Self.line(6, "x"))
        #expect(try await events.next()?.sequence == 6)
        try log.seal()
        try log.append(Self.line(7, "x"))
        #expect(try await events.next()?.sequence == 7)
    }
}
