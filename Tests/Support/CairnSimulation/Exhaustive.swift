import CairnFormat
import CairnPlatform
import CairnReader
package import CairnStore
import Glibc

/// What some simulated runs came to.
package struct SimulationReport: Sendable, Equatable {
    /// Whole runs of a workload.
    package var runs = 0
    /// Crashes of the machine or the process.
    package var crashes = 0
    /// Recoveries from what a crash has left; the same files need only one.
    package var recoveries = 0
    package var faults = FaultCounts()
    /// Bits that were turned on the disk while nothing ran.
    package var rottenBits = 0
    package var custody = CustodyCounts()
    package var acknowledged = 0
    /// Times that a log was checked against everything that was acknowledged.
    package var checks = 0
    /// Times that a log was verified while a call of the writer was about to be made.
    package var liveVerifications = 0

    package init() {}

    package static func += (a: inout SimulationReport, b: SimulationReport) {
        a.runs += b.runs
        a.crashes += b.crashes
        a.recoveries += b.recoveries
        a.faults += b.faults
        a.rottenBits += b.rottenBits
        a.custody += b.custody
        a.acknowledged += b.acknowledged
        a.checks += b.checks
        a.liveVerifications += b.liveVerifications
    }
}

/// A violation and how to see it again.
package struct SimulationFailure: Error, Sendable, CustomStringConvertible {
    package var place: String
    package var violation: Violation
    /// The last calls before it.
    package var calls: [String] = []

    package var description: String {
        "\(place): \(violation)" + (calls.isEmpty ? "" : "\nthe last calls:\n  " + calls.joined(separator: "\n  "))
    }
}

/// Every workload of at most some operations, with every fault at every call: nearly all crash faults that were ever
/// found in file systems need no more than three operations (CrashMonkey and ACE, OSDI 2018).
package struct ExhaustiveSimulation {
    package static let operations: [Operation] = [.append, .batch, .retry, .rotate, .tick, .restart, .reload]
    /// Those that need sealed segments: they have workloads of their own, behind a preparation that takes no faults. Each
    /// is so many calls that lists of two of them are as many runs as lists of three of the others.
    package static let custodyOperations: [Operation] = [
        .hold, .release, .redact, .prune, .compact, .retain, .archive,
    ]
    package static let preparation: [Operation] = [.batch, .rotate, .tick, .batch, .rotate, .append]

    /// What a call does in place of its work. A crash half-way through a write is one of its own; every crash is
    /// recovered from three times, with all, nothing and a part of what may be lost.
    package static let faults: [Fault] = [
        Fault(.powerLoss), Fault(.powerLoss, progress: .half), Fault(.error(EIO)),
        Fault(.error(EIO), progress: .whole), Fault(.error(ENOSPC)), Fault(.error(ENOSPC), progress: .half),
        Fault(.error(ENOSPC), progress: .whole), Fault(.interruption), Fault(.interruption, progress: .half),
        Fault(.failedSync(keeps: true), progress: .whole), Fault(.failedSync(keeps: false), progress: .whole),
    ]

    /// A log that was just made, where no run has to go through its creation.
    private let base: SimulatedDisk
    private let baseLedger: Ledger
    private let baseClock: SimulatedClock
    private let defect: Defect?
    private let crashesOnly: Bool
    private var seen: Set<UInt64> = []
    package private(set) var report = SimulationReport()

    /// - Parameters:
    ///   - preparation: what every workload begins with, without faults.
    ///   - crashesOnly: no other faults than the loss of power.
    package init(after preparation: [Operation] = [], defect: Defect? = nil, crashesOnly: Bool = false) throws {
        let machine = try SimulatedMachine(configuration: Self.configuration, seed: 1)
        try machine.start()
        for operation in preparation {
            if let violation = machine.perform(operation) { throw violation }
        }
        if let violation = machine.stop() { throw violation }
        base = machine.kernel.disk.settled()
        baseLedger = machine.ledger
        baseClock = machine.clock
        self.defect = defect
        self.crashesOnly = crashesOnly
    }

    package static var configuration: StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.segmentAge = 1_000_000 * Time.perSecond
        return configuration
    }

    /// All lists of one to `length` operations, in a fixed order.
    package static func workloads(of operations: [Operation] = operations, upTo length: Int) -> [[Operation]] {
        var all: [[Operation]] = []
        var last: [[Operation]] = [[]]
        for _ in 0..<length {
            last = last.flatMap { list in operations.map { list + [$0] } }
            all += last
        }
        return all
    }

    /// Runs one workload with every fault at every call, once with none, and once watched at every call.
    package mutating func run(_ workload: [Operation]) throws(SimulationFailure) {
        let place = workload.map { "\($0)" }.joined(separator: " ")
        let (whole, start) = try at("\(place), no fault") { () throws(Violation) in try runWatched(workload) }
        for index in 0..<whole.changes.count {
            for fault in Self.faults where applies(fault, to: whole.changes[index]) {
                // Before its last operation a crash is that of a shorter workload.
                if case .powerLoss = fault.kind, index < start { continue }
                if crashesOnly, fault.kind != .powerLoss { continue }
                let name = "\(place), \(fault) at change \(index) (\(whole.changes[index]))"
                try at(name) { () throws(Violation) in try run(workload, fault, index, isLook: false) }
            }
        }
        if crashesOnly { return }
        for index in 0..<whole.looks.count {
            for fault in [Fault(.error(EIO)), Fault(.interruption), Fault(.interruption, progress: .half)]
            where applies(fault, to: whole.looks[index]) {
                let name = "\(place), \(fault) at look \(index) (\(whole.looks[index]))"
                try at(name) { () throws(Violation) in try run(workload, fault, index, isLook: true) }
            }
        }
    }

    private func at<R>(_ place: String, _ body: () throws(Violation) -> R) throws(SimulationFailure) -> R {
        do throws(Violation) {
            return try body()
        } catch {
            throw SimulationFailure(place: place, violation: error)
        }
    }

    /// Whether the fault can happen to that call, and is not another one under another name.
    private func applies(_ fault: Fault, to call: String) -> Bool {
        let isWrite = call.hasPrefix("write")
        let isSync = call.hasPrefix("fdatasync") || call.hasPrefix("fsync")
        switch (fault.kind, fault.progress) {
        case (.failedSync, _): return isSync
        case (.interruption, .half): return isWrite || call.hasPrefix("pread")
        case (.error(ENOSPC), .none), (.error(ENOSPC), .whole):
            return !call.hasPrefix("unlink") && !call.hasPrefix("ftruncate")
        case (_, .half): return isWrite
        default: return true
        }
    }

    private func machine() throws(Violation) -> SimulatedMachine {
        do {
            let machine = try SimulatedMachine(
                base, configuration: Self.configuration, seed: 2, defect: defect, clock: baseClock.copy())
            machine.ledger = baseLedger
            return machine
        } catch {
            throw Violation("\(error)")
        }
    }

    private func start(_ machine: SimulatedMachine) throws(Violation) {
        do throws(StoreError) {
            try machine.start()
        } catch {
            throw Violation("the start is refused: \(error)")
        }
    }

    /// Without faults; verified before each change.
    ///
    /// - Returns: the kernel, and the number of its changes before the last operation.
    private mutating func runWatched(
        _ workload: [Operation]
    ) throws(Violation) -> (kernel: SimulatedKernel, start: Int) {
        let machine = try machine()
        let watch = LiveVerification(machine.kernel)
        if defect == nil { machine.kernel.interrupt { _ in watch.verify() } }
        try start(machine)
        var lastStart = 0
        for operation in workload {
            lastStart = machine.kernel.changeCount
            if let violation = machine.perform(operation) { throw violation }
        }
        machine.kernel.interrupt(nil)
        if let violation = watch.violation { throw violation }
        try Oracle.check(machine)
        report.liveVerifications += watch.count
        report.runs += 1
        report.checks += 1
        report.acknowledged += machine.ledger.acknowledged
        report.custody += machine.counts
        return (machine.kernel, workload.count == 1 ? 0 : lastStart)
    }

    private mutating func run(
        _ workload: [Operation], _ fault: Fault, _ index: Int, isLook: Bool
    ) throws(Violation) {
        let machine = try machine()
        if isLook { machine.kernel.failLook(index, fault) } else { machine.kernel.fail(index, fault) }
        // A start may fail for the fault, and is tried again below.
        if (try? machine.start()) != nil {
            for operation in workload {
                if machine.phase == .suspended { try waitForSpace(machine) }
                guard machine.phase == .running else { break }
                if let violation = machine.perform(operation) { throw violation }
            }
            if machine.phase == .suspended { try waitForSpace(machine) }
        }
        report.runs += 1
        report.faults += machine.kernel.counts
        report.custody += machine.counts
        let ledger = machine.ledger.acknowledged
        if machine.phase == .running { try Oracle.check(machine) }
        // A process that goes on has nothing to recover from, and crashes have their own runs.
        if machine.phase == .running, fault.kind != .powerLoss { return report.acknowledged += ledger }
        try recover(machine, seed: UInt64(index))
        report.acknowledged += ledger
    }

    /// The disk has space again at the next attempt but a few.
    private func waitForSpace(_ machine: SimulatedMachine) throws(Violation) {
        for _ in 0..<3 where machine.phase == .suspended {
            machine.clock.advance(by: machine.configuration.retryInterval)
            if let violation = machine.step(.tick) { throw violation }
        }
        if machine.phase == .suspended { throw Violation("still suspended, though there is space") }
    }

    /// Recovers from what the machine has come to, in each way in which the rest can be lost.
    private mutating func recover(_ machine: SimulatedMachine, seed: UInt64) throws(Violation) {
        let (disk, ledger) = (machine.kernel.disk, machine.ledger)
        var losses: [SimulatedDisk.Loss?] = [.everything, .nothing, .mixture(seed &* 31 &+ 7)]
        // The process alone can end, too, and start again while the machine goes on.
        if machine.phase != .down { losses.append(nil) }
        for loss in losses {
            let image = loss.map { disk.crashed($0) } ?? disk
            report.crashes += 1
            // Many crashes leave the same files, and what was found good of them once stays good.
            guard seen.insert(fingerprint(image, ledger)).inserted else { continue }
            let after: SimulatedMachine
            do {
                after = try SimulatedMachine(
                    image, configuration: machine.configuration, seed: 3 &+ seed, defect: defect,
                    clock: machine.clock.copy())
            } catch {
                throw Violation("\(error)")
            }
            after.ledger = ledger
            do throws(Violation) {
                try RecoveryCheck.check(after)
            } catch {
                throw Violation("after losing \(loss.map { "\($0)" } ?? "the process only"): \(error)")
            }
            report.recoveries += 1
            report.checks += 2
        }
    }

    private func fingerprint(_ disk: SimulatedDisk, _ ledger: Ledger) -> UInt64 {
        var bytes: [UInt8] = []
        for (path, contents) in disk.files.sorted(by: { $0.key < $1.key }) {
            bytes += Array(path.utf8) + [0]
            bytes.append(littleEndian: UInt64(contents.count))
            bytes += contents
        }
        for event in ledger.events { bytes.append(littleEndian: event.sequence ?? UInt64.max) }
        let custody = ledger.custody
        for sequences in [
            custody.erased, custody.maybeErased, custody.pruned, custody.maybePruned, custody.archived,
            custody.maybeArchived,
        ] { sequences.append(to: &bytes) }
        for name in custody.holds.keys.sorted() { bytes += Array(name.utf8) + [0] }
        return bytes.withUnsafeBytes { XXH64.hash($0, seed: 0) }
    }
}

/// What must hold when a log is opened again.
enum RecoveryCheck {
    /// Verifies what was left, starts, checks, starts once more, and goes on for a while.
    static func check(_ machine: SimulatedMachine) throws(Violation) {
        try expectVerified(machine, "before the start")
        try start(machine)
        let first = machine.events
        try expectFinished(machine)
        try Oracle.check(machine)
        let settled = machine.kernel.disk.files
        machine.kill()
        try start(machine)
        // The events of the first start are appended, which is all that may change.
        if first.isEmpty, !machine.events.isEmpty {
            throw Violation("a second start finds something to repair: \(machine.events)")
        }
        if first.isEmpty, machine.kernel.disk.files != settled { throw Violation("a second start changes something") }
        try expectFinished(machine)
        for operation in [Operation.batch, .rotate, .append] {
            if let violation = machine.perform(operation) { throw violation }
        }
        try Oracle.check(machine)
        guard machine.phase == .running else { throw Violation("it does not go on: \(machine.phase)") }
    }

    /// Without faults what was begun is brought to its end.
    private static func expectFinished(_ machine: SimulatedMachine) throws(Violation) {
        if let problem = machine.unfinished { throw Violation("what was begun cannot be finished: \(problem)") }
    }

    static func expectVerified(_ machine: SimulatedMachine, _ when: String) throws(Violation) {
        guard let verification = try Oracle.verdict(machine.kernel), verification.verdict != .verified else { return }
        // A creation that was cut off; nothing can be in it.
        if machine.kernel.disk.files[FileNames.origin] == nil, machine.ledger.acknowledged == 0 { return }
        throw Violation(
            "\(when): \(verification.verdict.rawValue): "
                + verification.findings.map(\.message).joined(separator: "; "))
    }

    private static func start(_ machine: SimulatedMachine) throws(Violation) {
        do throws(StoreError) {
            try machine.start()
        } catch {
            throw Violation("the start is refused: \(error)")
        }
    }
}
