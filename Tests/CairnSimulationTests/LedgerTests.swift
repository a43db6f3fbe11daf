import CairnFormat
import CairnSimulation
import CairnStore
import Testing

/// The ledger must notice answers that contradict what was told before.
struct LedgerTests {
    private func ledger(_ count: Int, hasIdentity: Bool = true) -> (Ledger, [Int]) {
        var ledger = Ledger()
        let tags = (0..<count).map { _ in
            ledger.make(connection: 0, module: "m", hasIdentity: hasIdentity, isInvalid: false, filler: 0)
        }
        ledger.noteSent(tags)
        return (ledger, tags)
    }

    private func accepted(_ lines: Int, from first: UInt64) -> Answer {
        Answer(ticket: 1, runs: [.accepted(lines: lines, firstSequence: first, segment: 0, leaves: [])])
    }

    @Test func goodAnswersAreTaken() {
        var (ledger, tags) = ledger(3)
        #expect(ledger.record(tags, accepted(3, from: 5)) == nil)
        #expect(ledger.events.map(\.sequence) == [5, 6, 7])
        #expect(ledger.order == [0: tags])
        #expect(ledger.record([tags[1]], Answer(ticket: 2, runs: [.duplicate(sequence: 6)])) == nil)
        #expect(ledger.accepted == 3 && ledger.duplicates == 1 && ledger.acknowledged == 3)
    }

    @Test func contradictionsAreNoticed() {
        let (fresh, tags) = ledger(2)
        var ledger = fresh
        #expect(ledger.record(tags, accepted(1, from: 0)) != nil, "a line without an answer")
        ledger = fresh
        #expect(ledger.record(tags, accepted(3, from: 0)) != nil, "an answer without a line")
        ledger = fresh
        _ = ledger.record(tags, accepted(2, from: 0))
        #expect(ledger.record(tags, accepted(2, from: 9)) != nil, "stored twice in spite of its id")
        #expect(ledger.record([tags[0]], Answer(ticket: 1, runs: [.duplicate(sequence: 4)])) != nil, "another number")
        ledger = fresh
        let leaf = Answer(
            ticket: 1, runs: [.accepted(lines: 2, firstSequence: 0, segment: 0, leaves: [.zero])])
        #expect(ledger.record(tags, leaf) != nil, "a receipt is missing")
        var (other, others) = self.ledger(1, hasIdentity: false)
        #expect(other.record(others, Answer(ticket: 1, runs: [.duplicate(sequence: 0)])) != nil, "it has no id")
    }
}
