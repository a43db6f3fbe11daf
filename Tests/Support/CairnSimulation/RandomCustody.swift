import CairnFormat
import CairnStore

/// What a life does to its sealed segments.
extension RandomSimulation {
    /// Holds, releases, erases, removes or archives something.
    mutating func custody() -> Violation? {
        guard let outcome = custodyOutcome() else { return nil }
        if case .violation(let text) = outcome { return Violation(text) }
        // What was promised just now.
        guard outcome == .done, random.below(3) == 0, machine.phase == .running else { return nil }
        do throws(Violation) {
            try check()
            return nil
        } catch {
            return error
        }
    }

    /// Nil where there is nothing to do it to.
    private mutating func custodyOutcome() -> SimulatedMachine.CustodyOutcome? {
        let names = machine.ledger.custody.names
        switch random.below(10) {
        case 0:
            guard let hold = someHold() else { return nil }
            return machine.hold(hold.name, tag: hold.tag, module: hold.module)
        case 1, 2: return names.isEmpty ? nil : machine.release(names[random.below(names.count)])
        case 3, 4:
            let end = machine.worker?.core.durable ?? 0
            return end == 0 ? nil : machine.redact(someSequences(below: end, most: 4))
        case 5:
            if let violation = sealSome() { return .violation(violation.description) }
            return machine.prune(1 + random.below(3))
        case 6...8:
            if let violation = sealSome() { return .violation(violation.description) }
            let late = random.below(3) == 0 ? someHold() : nil
            return machine.retain(somePolicy(), late: late)
        default:
            let end = machine.worker?.core.durable ?? 0
            guard end > 0 else { return nil }
            let isAll = random.below(3) > 0
            let sequences = isAll ? SequenceRanges([0..<end]) : someSequences(below: end, most: 6)
            return machine.archive(sequences)
        }
    }

    /// Without sealed segments there is little to be done.
    private mutating func sealSome() -> Violation? { random.below(2) == 0 ? machine.perform(.rotate) : nil }

    private mutating func someHold() -> SimulatedMachine.LateHold? {
        let name = "hold-\(step)"
        if random.below(5) == 0 {
            return SimulatedMachine.LateHold(name: name, module: ["scanning", "users"][random.below(2)])
        }
        let count = machine.ledger.events.count
        return count == 0 ? nil : SimulatedMachine.LateHold(name: name, tag: random.below(count))
    }

    private mutating func someSequences(below end: UInt64, most: Int) -> SequenceRanges {
        var sequences = SequenceRanges()
        for _ in 0..<(1 + random.below(most)) {
            let first = UInt64(random.below(Int(end)))
            sequences.insert(first..<(first + 1 + UInt64(random.below(random.below(4) == 0 ? 30 : 3))))
        }
        return sequences
    }

    private mutating func somePolicy() -> SimulatedPolicy {
        var policy = SimulatedPolicy()
        for module in SimulatedPolicy.modules where random.below(3) > 0 {
            policy.ages[module] = [0, 0, Time.perSecond, 600 * Time.perSecond][random.below(4)]
        }
        policy.floor = [0, 10, 3600][random.below(3)] * Time.perSecond
        policy.requiresArchive = random.below(4) == 0
        policy.redactsExpired = random.below(4) > 0
        policy.evictsUnarchived = random.below(2) == 0
        if random.below(3) == 0 { policy.maximumBytes = UInt64(random.below(20_000)) }
        return policy
    }
}
