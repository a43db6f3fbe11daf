import CairnFormat
import CairnStore

/// One thing that happens to a log.
package enum Operation: Sendable, Hashable, CaseIterable {
    /// One event.
    case append
    /// Some events of several connections in one group: with and without ids, one of them invalid.
    case batch
    /// Everything of the last operations once more, as by clients that have lost the answers.
    case retry
    /// Seals the active segment.
    case rotate
    /// Time goes on: a head is signed, an old segment is sealed.
    case tick
    /// The writer stops in order and starts again.
    case restart
    /// kill -9, and another start.
    case kill
    /// Other settings: small segments, another codec.
    case reload
    /// The sealed segments are written anew.
    case compact
    /// The oldest event that can be erased is held.
    case hold
    /// The oldest hold ends.
    case release
    /// The oldest event that is not held is erased, and the newest, which may stand in the active segment.
    case redact
    /// All sealed segments are removed, as far as nothing in them is held.
    case prune
    /// What is older than half a minute is removed, and what belongs to one module is erased at once.
    case retain
    /// All sealed segments are noted as archived.
    case archive
}

extension SimulatedMachine {
    /// Does one operation, as far as the machine can.
    ///
    /// - Returns: what is wrong, if anything is.
    package func perform(_ operation: Operation) -> Violation? {
        switch operation {
        case .append: return submit([[make(0, hasIdentity: true)]])
        case .batch: return submitBatch()
        case .retry: return retry()
        case .rotate: return step(.rotate)
        case .tick:
            clock.advance(by: 61 * Time.perSecond)
            return step(.tick)
        case .restart:
            let violation = stop()
            return violation ?? startAgain()
        case .kill:
            kill()
            return startAgain()
        case .reload:
            var changed = configuration
            let isSmall = changed.segmentBytes < 1 << 20
            changed.segmentBytes = isSmall ? 64 << 20 : 600
            changed.compression = isSmall ? .isal : .zlib(level: 6)
            reload(changed)
            return nil
        case .compact: return compact()
        case .hold: return perform { $0.holdOldest() }
        case .release: return perform { $0.ledger.custody.names.first.map($0.release) ?? .refused }
        case .redact: return perform { $0.redactSome() }
        case .prune: return perform { $0.prune(.max) }
        case .retain: return perform { $0.retain(Self.policy) }
        case .archive: return perform { $0.archive(SequenceRanges([0..<Limits.sequence])) }
        }
    }

    private func perform(_ body: (SimulatedMachine) -> CustodyOutcome) -> Violation? {
        if case .violation(let text) = body(self) { return Violation(text) }
        return nil
    }

    /// Acknowledged events that nobody has taken away, by their tags.
    private var present: [(tag: Int, event: Ledger.Event, sequence: UInt64)] {
        ledger.events.enumerated().compactMap { tag, event in
            guard let sequence = event.sequence, !event.isInvalid, !ledger.custody.mayBeGone(sequence) else {
                return nil
            }
            return (tag, event, sequence)
        }.sorted { $0.sequence < $1.sequence }
    }

    private static let policy: SimulatedPolicy = {
        var policy = SimulatedPolicy()
        for module in SimulatedPolicy.modules { policy.ages[module] = 30 * Time.perSecond }
        policy.ages["scanning"] = 0
        return policy
    }()

    private func holdOldest() -> CustodyOutcome {
        guard let oldest = present.first else { return .refused }
        return hold("h\(ledger.custody.names.count)-\(oldest.tag)", tag: oldest.tag, module: nil)
    }

    private func redactSome() -> CustodyOutcome {
        let free = present.filter { !ledger.custody.holds($0.tag, $0.event) }
        guard let first = free.first, let last = free.last else { return .refused }
        return redact(SequenceRanges([first.sequence, last.sequence].map { $0..<($0 + 1) }))
    }

    /// A start on a machine that works must not fail; on one that does not, it may.
    private func startAgain() -> Violation? {
        do throws(StoreError) {
            try start()
            return nil
        } catch {
            return error.code == .io ? nil : Violation("the start is refused: \(error)")
        }
    }

    private func make(_ connection: Int, hasIdentity: Bool, isInvalid: Bool = false, filler: Int = 0) -> Int {
        ledger.make(
            connection: connection, module: ["scanning", "reporting", "users"][ledger.events.count % 3],
            hasIdentity: hasIdentity, isInvalid: isInvalid, filler: filler)
    }

    private func submitBatch() -> Violation? {
        let groups = [
            [make(0, hasIdentity: true), make(0, hasIdentity: true, filler: 700)],
            [make(1, hasIdentity: false), make(1, hasIdentity: true, isInvalid: true), make(1, hasIdentity: false)],
        ]
        return submit(groups, receipts: ledger.events.count % 2 == 0, sync: true)
    }

    /// The last events that have an id, of each connection.
    private func retry() -> Violation? {
        var groups: [Int: [Int]] = [:]
        for (tag, event) in ledger.events.enumerated().suffix(6) where event.hasIdentity {
            groups[event.connection, default: []].append(tag)
        }
        return groups.isEmpty ? nil : submit(groups.sorted { $0.key < $1.key }.map(\.value))
    }
}
