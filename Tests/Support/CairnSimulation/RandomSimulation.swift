import CairnFormat
import CairnReader
import CairnStore
import Glibc

/// One long life of a log, every step and every fault of which follows from a seed.
package struct RandomSimulation {
    let machine: SimulatedMachine
    var random: SeededRandom
    private let steps: Int
    private let rates: FaultRates
    private let mayRot: Bool
    var report = SimulationReport()
    /// Behind bit rot a log may be damaged; what is lost has to be told.
    private var isRotten: Bool { !rottenPath.isEmpty }
    private var rottenPath = ""
    private(set) var step = 0

    /// Runs the life of that seed.
    ///
    /// - Returns: what it came to, and a number that is the same for the same seed and the same program.
    package static func run(
        seed: UInt64, defect: Defect? = nil, crashesOnly: Bool = false
    ) throws(SimulationFailure) -> (report: SimulationReport, trace: UInt64) {
        var simulation: RandomSimulation
        do throws(FormatError) {
            simulation = try RandomSimulation(seed: seed, defect: defect, crashesOnly: crashesOnly)
        } catch {
            throw SimulationFailure(place: "seed \(seed)", violation: Violation("\(error)"))
        }
        do throws(Violation) {
            try simulation.live()
        } catch {
            throw SimulationFailure(
                place: "seed \(seed), step \(simulation.step)", violation: error,
                calls: simulation.machine.kernel.changes.suffix(40))
        }
        simulation.report.runs = 1
        simulation.report.faults += simulation.machine.kernel.counts
        simulation.report.custody = simulation.machine.counts
        simulation.report.acknowledged = simulation.machine.ledger.acknowledged
        return (simulation.report, simulation.machine.kernel.trace)
    }

    /// Chances differ from seed to seed, so that no kind of fault hides another (swarm testing).
    private init(seed: UInt64, defect: Defect?, crashesOnly: Bool) throws(FormatError) {
        var random = SeededRandom(seed: seed)
        var configuration = StoreConfiguration()
        configuration.segmentBytes = UInt64([1500, 4000, 12_000, 64 << 20][random.below(4)])
        configuration.segmentAge = [1, 3600][random.below(2)] * Time.perSecond
        configuration.compression = random.below(4) == 0 ? .zlib(level: 1) : .isal
        configuration.sealsOnShutdown = random.below(4) == 0
        configuration.stopFree = UInt64([0, 0, 3000][random.below(3)])
        configuration.warnFree = UInt64([0, 5000][random.below(2)])
        configuration.upkeepInterval = [0, Time.perSecond][random.below(2)]
        var rates = FaultRates()
        func chance(_ most: Int) -> Int { random.below(3) == 0 ? 0 : random.below(most) }
        rates.powerLoss = chance(400)
        rates.interruption = chance(32_000)
        if !crashesOnly {
            rates.failure = chance(300)
            rates.failedSync = chance(600)
            rates.noSpace = chance(2000)
        }
        self.rates = rates
        steps = 10 + random.below(60)
        mayRot = !crashesOnly && defect == nil && random.below(8) == 0
        machine = try SimulatedMachine(configuration: configuration, seed: random.next(), defect: defect)
        machine.kernel.fail(rates, seed: random.next())
        self.random = random
    }

    private mutating func live() throws(Violation) {
        try startSomehow()
        let watch = LiveVerification(machine.kernel)
        while step < steps, !isRotten || machine.phase != .stopped {
            step += 1
            let watched = !isRotten && random.below(16) == 0
            if watched { machine.kernel.interrupt { if $0 % 3 == 0 { watch.verify() } } }
            let violation = act()
            machine.kernel.interrupt(nil)
            report.liveVerifications += watched ? 1 : 0
            if let violation = violation ?? (isRotten ? nil : watch.violation) { throw violation }
            try settle()
            if isRotten, machine.phase == .stopped { return }
        }
        try finish()
    }

    // MARK: Steps

    private mutating func act() -> Violation? {
        switch random.below(33) {
        case 0..<8: return submitSome()
        case 8..<12: return machine.perform(.append)
        case 12..<14: return machine.perform(.batch)
        case 14..<16: return machine.perform(.retry)
        case 16, 17: return machine.perform(.rotate)
        case 18: return moveClocks()
        case 19: return machine.perform(.tick)
        case 20: return machine.perform(.reload)
        case 21:
            machine.kernel.change { $0.dropCaches() }
            return nil
        case 22: return stopInOrder()
        case 23:
            let used = machine.kernel.disk.usedBytes
            machine.kernel.limit(to: used + random.below(8000))
            return nil
        case 24: return displace()
        case 25: return isRotten ? nil : machine.compact()
        case 26...31: return isRotten ? nil : custody()
        default:
            // What no head names yet, rot makes look like an append that was cut off.
            var violation: Violation?
            if mayRot { violation = machine.perform(.tick) }
            let isNamed = machine.phase == .running
            machine.kill()
            report.crashes += 1
            if mayRot, isNamed, !isRotten, random.below(3) == 0 { rot() }
            return violation
        }
    }

    /// Some connections, each with some events.
    private mutating func submitSome() -> Violation? {
        let groups = (0..<(1 + random.below(4))).map { _ in
            let connection = random.below(5)
            return (0..<(1 + random.below(8))).map { _ in
                machine.ledger.make(
                    connection: connection, module: ["scanning", "reporting", "users", "x"][random.below(4)],
                    hasIdentity: random.below(3) > 0, isInvalid: random.below(12) == 0,
                    filler: random.below(4) == 0 ? random.below(1500) : 0)
            }
        }
        // One connection has one place in a group, so that its order is that of its lines.
        var first: [Int: [Int]] = [:]
        for tags in groups { first[machine.ledger.events[tags[0]].connection, default: []] += tags }
        return machine.submit(
            first.sorted { $0.key < $1.key }.map(\.value), receipts: random.below(2) == 0, sync: random.below(4) == 0)
    }

    /// A clock that is set back or forth, or a machine that slept.
    private mutating func moveClocks() -> Violation? {
        switch random.below(4) {
        case 0: machine.clock.advance(by: Time.perSecond, wall: -Int64(random.below(7200)) * Time.perSecond)
        case 1: machine.clock.advance(by: 0, wall: Int64(random.below(7200)) * Time.perSecond)
        case 2: machine.clock.advance(by: Int64(random.below(7200)) * Time.perSecond)
        default: machine.clock.advance(by: Int64(random.below(2000)) * 1_000_000)
        }
        return machine.step(.tick)
    }

    /// Somebody takes a file from under the writer, which puts it back.
    private mutating func displace() -> Violation? {
        machine.kernel.limit(to: nil)
        guard !isRotten, machine.phase == .running else { return nil }
        if let violation = machine.displace(key: random.below(4) == 0, leavesAnother: random.below(2) == 0) {
            return violation
        }
        do throws(Violation) {
            try check()
            return machine.phase == .running ? nil : Violation("a file was taken away, and it is \(machine.phase)")
        } catch {
            return error
        }
    }

    private mutating func stopInOrder() -> Violation? {
        guard machine.phase == .running else { return nil }
        return machine.stop()
    }

    /// One bit of one file turns over while nothing runs.
    private mutating func rot() {
        // These two are not protected against it: nothing is lost with them but what they say.
        let unprotected = [Holds.path, RedactionRequest.path]
        let files = machine.kernel.disk.files.sorted { $0.key < $1.key }
            .filter { !$0.value.isEmpty && !unprotected.contains($0.key) }
        guard !files.isEmpty else { return }
        let file = files[random.below(files.count)]
        let bit = random.below(file.value.count * 8)
        machine.kernel.change { $0.rot(file.key, bit: bit) }
        rottenPath = file.key
        report.rottenBits += 1
    }

    // MARK: What follows a fault

    /// Brings the log back to where it takes events, and checks it there.
    private mutating func settle() throws(Violation) {
        switch machine.phase {
        case .running:
            if random.below(8) == 0, !isRotten { try check() }
        case .suspended:
            if random.below(3) == 0 { machine.kernel.limit(to: nil) }
            machine.clock.advance(by: machine.configuration.retryInterval)
            if let violation = machine.step(.tick) { throw violation }
            if machine.phase == .halted || machine.phase == .down { try settle() }
        case .halted:
            report.crashes += 1
            machine.kill()
            if random.below(2) == 0 { machine.kernel.change { $0.dropCaches() } }
            try startSomehow()
        case .down:
            report.crashes += 1
            machine.powerCycle(loss())
            try startSomehow()
        case .stopped: try startSomehow()
        }
    }

    private mutating func loss() -> SimulatedDisk.Loss {
        switch random.below(6) {
        case 0: .everything
        case 1: .nothing
        default: .mixture(random.next())
        }
    }

    mutating func check() throws(Violation) {
        report.checks += 1
        try Oracle.check(machine, asksQueries: random.below(4) == 0)
    }

    /// Starts, again and again as long as faults come between; a start without one must work.
    private mutating func startSomehow() throws(Violation) {
        for attempt in 0..<30 {
            if !isRotten, attempt == 0 || random.below(4) == 0 {
                try RecoveryCheck.expectVerified(machine, "before a start")
            }
            if attempt == 20 { machine.kernel.fail(.none, seed: 0) }
            if attempt > 0 { machine.kernel.limit(to: nil) }
            let before = machine.kernel.counts
            if let refusal = start() {
                if isRotten, refusal.code != .io { return try checkRefusal(refusal) }
                if refusal.code != .io { throw Violation("the start is refused: \(refusal)") }
                if machine.kernel.counts == before { throw Violation("the start fails without a fault: \(refusal)") }
            } else {
                machine.kernel.fail(rates, seed: random.next())
                if machine.phase == .running {
                    if !isRotten, let problem = machine.unfinished, ![.io, .unavailable].contains(problem.code) {
                        throw Violation("what was begun cannot be finished: \(problem)")
                    }
                    report.recoveries += 1
                    return isRotten ? try checkRotten() : try check()
                }
                if machine.phase == .suspended { return }
                machine.kill()
            }
            report.crashes += 1
            if machine.kernel.isDown { machine.powerCycle(loss()) }
        }
        throw Violation("30 starts have failed")
    }

    private func start() -> StoreError? {
        do throws(StoreError) {
            try machine.start()
            return nil
        } catch {
            return error
        }
    }

    /// At the end everything is checked once more, after an orderly stop and a last start without faults.
    private mutating func finish() throws(Violation) {
        machine.kernel.fail(.none, seed: 0)
        machine.kernel.limit(to: nil)
        for _ in 0..<4 where machine.phase == .suspended { try settle() }
        if machine.phase != .running { try settle() }
        if isRotten { return }
        guard machine.phase == .running else { throw Violation("without faults it is still \(machine.phase)") }
        try check()
        if let violation = machine.stop() { throw violation }
        try startSomehow()
        let descriptors = machine.kernel.openDescriptors
        if descriptors > 4 { throw Violation("\(descriptors) files are open") }
    }

    // MARK: Bit rot

    /// A log with a turned bit: either everything is there, or a verifier says that it is not.
    private mutating func checkRotten() throws(Violation) {
        report.checks += 1
        guard let verification = try Oracle.verdict(machine.kernel) else {
            throw Violation("after bit rot there is no log, and a new one was begun")
        }
        machine.ledger.isDamaged = verification.verdict != .verified
        if !machine.ledger.isDamaged { try Oracle.check(machine) }
    }

    /// A start that is refused after bit rot: the reason must be one that a verifier sees, too, or a private key.
    private mutating func checkRefusal(_ refusal: StoreError) throws(Violation) {
        report.checks += 1
        if rottenPath.hasPrefix(FileNames.keys) { return }
        guard let verification = try Oracle.verdict(machine.kernel), verification.verdict == .verified else { return }
        throw Violation("a bit of \(rottenPath) turned, a start is refused (\(refusal)), and the verifier sees nothing")
    }
}
