import CairnFormat
import CairnSimulation
import CairnStore
import Testing

/// Whole logs on simulated machines. `cairn-simulate` runs the same for as long as one likes; here it is a fixed part
/// that a debug build gets through in a minute.
struct SimulationTests {
    /// Every workload of one operation, with every fault at every call.
    @Test(arguments: ExhaustiveSimulation.operations)
    func everyFaultAtEveryCall(of operation: Operation) throws {
        var simulation = try ExhaustiveSimulation()
        try simulation.run([operation])
        let report = simulation.report
        #expect(report.runs > 100)
        #expect(report.faults.total >= report.runs - 1, "each run but the first has its fault")
        #expect(report.crashes > 0 && report.recoveries > 0)
        #expect(report.liveVerifications > 0)
    }

    /// The same for what is done to sealed segments.
    @Test(arguments: ExhaustiveSimulation.custodyOperations)
    func everyFaultAtEveryCallOfCustody(_ operation: CairnSimulation.Operation) throws {
        var simulation = try ExhaustiveSimulation(after: ExhaustiveSimulation.preparation)
        // A release needs a hold.
        try simulation.run(operation == .release ? [.hold, .release] : [operation])
        let report = simulation.report
        let done: KeyPath<CustodyCounts, Int>? =
            switch operation {
            case .hold, .release: \.holds
            case .redact: \.redactions
            case .prune: \.prunings
            case .retain: \.retentions
            case .archive: \.archivings
            default: nil
            }
        if let done { #expect(report.custody[keyPath: done] > 20) }
        #expect(report.runs > 100 && report.recoveries > 0 && report.liveVerifications > 0)
    }

    @Test func workloadsAreAllOfThem() {
        let workloads = ExhaustiveSimulation.workloads(upTo: 3)
        let count = ExhaustiveSimulation.operations.count
        #expect(workloads.count == count + count * count + count * count * count)
        #expect(Set(workloads).count == workloads.count)
        #expect(workloads.contains([.batch, .rotate, .retry]))
    }

    @Test func fixedSeedsFindNothing() throws {
        var report = SimulationReport()
        for seed in UInt64(1)...8 { report += try RandomSimulation.run(seed: seed).report }
        #expect(report.runs == 8)
        #expect(report.crashes > 20)
        #expect(report.faults.interruptions > 500)
        #expect(report.faults.noSpace > 0 && report.faults.failures > 0)
        #expect(report.acknowledged > 300)
        let custody = report.custody
        #expect(custody.redactions > 0 && custody.prunings > 0 && custody.holds > 0)
        #expect(custody.retentions > 0 && custody.archivings > 0)
    }

    @Test func aNewSeedFindsNothing() throws {
        let random = SeededRandom(printedBy: #function)
        for offset in UInt64(0)..<2 { _ = try RandomSimulation.run(seed: random.seed &+ offset) }
    }

    /// Those that have found something once: a log whose `origin` was lost behind a failed sync of its directory; heads
    /// that were two segments behind; an append whose length nobody knew.
    @Test(arguments: [102, 20, 33, 129, 57] as [UInt64])
    func seedsThatHaveFoundSomething(seed: UInt64) throws {
        _ = try RandomSimulation.run(seed: seed)
    }

    @Test func theSameSeedIsTheSameLife() throws {
        let first = try RandomSimulation.run(seed: 7)
        let second = try RandomSimulation.run(seed: 7)
        #expect(first.trace == second.trace)
        #expect(first.report == second.report)
        #expect(try RandomSimulation.run(seed: 8).trace != first.trace)
    }

    /// A writer that is broken on purpose, in each of nine ways, is found out: that is how we know that somebody looks.
    @Test(arguments: Defect.allCases)
    func aBrokenWriterIsFound(defect: Defect) throws {
        var found: SimulationFailure?
        for seed in UInt64(1)...200 where found == nil {
            do throws(SimulationFailure) {
                _ = try RandomSimulation.run(seed: seed, defect: defect, crashesOnly: true)
            } catch {
                found = error
            }
        }
        let failure = try #require(found, "\(defect) was not found in 200 lives")
        #expect(failure.place.hasPrefix("seed "))
        #expect(!failure.calls.isEmpty)
        // The same seed without the defect is well, so it is the defect that was found.
        let seed = try #require(UInt64(failure.place.dropFirst(5).prefix { $0.isNumber }))
        _ = try RandomSimulation.run(seed: seed, crashesOnly: true)
    }

    /// The crashes of all workloads of two operations find most defects without any luck.
    @Test(arguments: [Defect.skipsSync, .acknowledgesEarly, .forgetsDirectorySync, .acknowledgesBeforeKey])
    func exhaustiveCrashesFindABrokenWriter(defect: Defect) throws {
        var found: SimulationFailure?
        do {
            var simulation = try ExhaustiveSimulation(defect: defect, crashesOnly: true)
            for workload in [[.append], [.rotate, .append], [.append, .rotate], [.append, .rotate, .append]]
                as [[Operation]]
            {
                try simulation.run(workload)
            }
        } catch let failure as SimulationFailure {
            found = failure
        }
        #expect(found != nil, "\(defect)")
    }

    /// The same for what is done to sealed segments.
    @Test(
        arguments: [
            (.prunesBeforeTrace, [.prune]), (.prunesBeforeTrace, [.retain]), (.erasesWithoutTrace, [.redact]),
            (.erasesWithoutTrace, [.retain]), (.forgetsHolds, [.hold, .restart, .prune]),
            (.forgetsHolds, [.hold, .restart, .retain]), (.forgetsRequest, [.redact]), (.forgetsRequest, [.retain]),
        ] as [(Defect, [CairnSimulation.Operation])])
    func exhaustiveCrashesFindBrokenCustody(_ defect: Defect, _ workload: [CairnSimulation.Operation]) throws {
        let preparation = ExhaustiveSimulation.preparation
        #expect(throws: SimulationFailure.self, "\(defect), \(workload)") {
            var simulation = try ExhaustiveSimulation(after: preparation, defect: defect, crashesOnly: true)
            try simulation.run(workload)
        }
    }
}
