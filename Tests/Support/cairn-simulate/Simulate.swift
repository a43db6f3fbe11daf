import ArgumentParser
import CairnPlatform
import CairnSimulation

/// Runs logs on simulated machines with faults, and stops at the first event that is lost or tampering that is missed.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cairn-simulate",
        abstract: "Runs logs on simulated machines whose disk, clock and luck come from a seed.",
        discussion: """
            Without --exhaustive it lives one log after the other, each from a seed of its own: submissions of many \
            connections, retries, rotations, restarts, reloads, legal holds, redactions, runs of retention, notes of what \
            is archived, with power losses, failing and interrupted calls, full disks, failed syncs, clocks that jump, and \
            bit rot. After each crash, and now and then between, the log is compared with all that clients were told, and \
            with what was asked for. The same seed gives the same life.

            Examples:
              cairn-simulate --minutes 10                 random lives for ten minutes
              cairn-simulate --seed 42 --lives 1          one life again, as a failure names it
              cairn-simulate --exhaustive 3               every workload of at most 3 operations, every fault at every call
              cairn-simulate --defect skipsSync           shows that a broken writer is found

            Exit status: 0 all is well, 1 something was found, 64 wrong usage.
            """)

    @Option(help: "Run random lives for so long.")
    var minutes: Double?

    @Option(help: "Run so many random lives.")
    var lives: UInt64?

    @Option(help: "Seed of the first life; the next has the next number.")
    var seed: UInt64 = 1

    @Option(help: "Run every workload of at most so many operations instead.")
    var exhaustive: Int?

    @Option(help: "Threads.")
    var jobs = 2

    @Option(help: "Break the writer on purpose (\(Defect.allCases.map(\.rawValue).joined(separator: ", "))).")
    var defect: Defect?

    func validate() throws {
        if jobs < 1 { throw ValidationError("--jobs must be at least 1") }
        if let exhaustive, !(1...5).contains(exhaustive) {
            throw ValidationError("--exhaustive takes a number from 1 to 5")
        }
    }

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let tally = Tally(deadline: minutes.map { start + .seconds($0 * 60) })
        let threads = try (0..<jobs).map { number in
            try DedicatedThread(name: "simulate \(number)") { exhaustive == nil ? live(tally) : exhaust(number, tally) }
        }
        for thread in threads { thread.join() }
        let (report, failure) = tally.result
        if let failure { print(failure) }
        print(summary(report, seconds: (clock.now - start) / .seconds(1)))
        if failure != nil { throw ExitCode(1) }
    }

    private func live(_ tally: Tally) {
        let first = seed
        let most = lives ?? (minutes == nil ? 1000 : UInt64.max)
        while let number = tally.take(most) {
            do throws(SimulationFailure) {
                let (report, trace) = try RandomSimulation.run(seed: first &+ number, defect: defect)
                tally.add(report)
                if most == 1 { print("seed \(first): trace \(String(trace, radix: 16))") }
            } catch {
                tally.fail(error)
            }
        }
    }

    /// Each thread has every so-many-th workload.
    private func exhaust(_ number: Int, _ tally: Tally) {
        do {
            let length = exhaustive ?? 1
            let workloads = ExhaustiveSimulation.workloads(upTo: length)
            try exhaust(number, tally, ExhaustiveSimulation(defect: defect), workloads)
            // Each of these is so many calls that one less makes as many runs.
            let custody = ExhaustiveSimulation.workloads(
                of: ExhaustiveSimulation.custodyOperations, upTo: max(1, length - 1))
            try exhaust(
                number, tally, ExhaustiveSimulation(after: ExhaustiveSimulation.preparation, defect: defect), custody)
        } catch {
            tally.fail(error)
        }
    }

    private func exhaust(
        _ number: Int, _ tally: Tally, _ start: ExhaustiveSimulation, _ workloads: [[CairnSimulation.Operation]]
    ) throws {
        var simulation = start
        for (index, workload) in workloads.enumerated() where index % jobs == number && !tally.isOver {
            try simulation.run(workload)
            tally.show("\(index + 1) of \(workloads.count) workloads")
        }
        tally.add(simulation.report)
    }

    private func summary(_ report: SimulationReport, seconds: Double) -> String {
        let faults = report.faults
        let rows: [(String, Int)] = [
            ("lives or runs", report.runs), ("crashes and ends of the process", report.crashes),
            ("recoveries from what they left", report.recoveries), ("faults injected", faults.total),
            ("  interrupted or shortened calls", faults.interruptions), ("  failing calls", faults.failures),
            ("  full disk", faults.noSpace), ("  failed syncs", faults.failedSyncs),
            ("  power losses", faults.powerLosses),
            ("holds set", report.custody.holds), ("redactions done", report.custody.redactions),
            ("prunings done", report.custody.prunings), ("runs of retention", report.custody.retentions),
            ("notes of what is archived", report.custody.archivings),
            ("bits turned at rest", report.rottenBits), ("events acknowledged", report.acknowledged),
            ("whole logs checked", report.checks), ("live verifications", report.liveVerifications),
        ]
        let lines = rows.map { name, count in
            name + String(repeating: " ", count: max(1, 36 - name.utf8.count)) + String(count)
        }
        return (lines + ["seconds                             \(Int(seconds))"]).joined(separator: "\n")
    }
}

extension Defect: ExpressibleByArgument {}
