import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Testing

/// What the writer looks after beside its events: room on the disk, and its files in their places.
struct UpkeepTests {
    private static func machine(
        stopFree: UInt64 = 0, warnFree: UInt64 = 0
    ) throws -> SimulatedMachine {
        var configuration = Fixture.configuration
        configuration.stopFree = stopFree
        configuration.warnFree = warnFree
        configuration.upkeepInterval = 0
        let machine = try SimulatedMachine(configuration: configuration, seed: 1)
        try machine.start()
        return machine
    }

    /// The actions of the daemon's own events, in order.
    private static func ownActions(_ machine: SimulatedMachine) throws -> [String] {
        var actions: [String] = []
        try AuditLog(LogDirectory(try machine.kernel.files())).forEach(Query(filter: try Filter("module=system"))) {
            _, line in
            let text = String(decoding: line, as: UTF8.self)
            if let range = text.firstRange(of: "\"action\":\"") {
                actions.append(String(text[range.upperBound...].prefix { $0 != "\"" }))
            }
            return .next
        }
        return actions
    }

    private static func free(_ bytes: Int, _ machine: SimulatedMachine) {
        machine.kernel.limit(to: machine.kernel.disk.usedBytes + bytes)
    }

    @Test func aDiskThatRunsFullIsToldInStagesAndLeavesRoom() throws {
        let machine = try Self.machine(stopFree: 10_000, warnFree: 20_000)
        #expect(machine.perform(.append) == nil)
        #expect(machine.worker?.core.space == .ample)
        Self.free(18_000, machine)
        #expect(machine.perform(.append) == nil)
        #expect(machine.worker?.core.space == .low)
        #expect(machine.phase == .running)
        Self.free(9_000, machine)
        #expect(machine.perform(.append) == nil)
        #expect(machine.phase == .suspended)
        #expect(machine.worker?.core.waitsForReserve == true)
        let acknowledged = machine.ledger.acknowledged
        #expect(acknowledged == 3)
        // Nothing is taken, and no room is used, as long as it stays like that.
        for _ in 0..<5 { #expect(machine.perform(.tick) == nil) }
        #expect(machine.phase == .suspended)
        #expect(machine.ledger.acknowledged == acknowledged)
        // A little more is not enough: it would come and go.
        Self.free(10_500, machine)
        #expect(machine.perform(.tick) == nil)
        #expect(machine.phase == .suspended)
        machine.kernel.limit(to: nil)
        #expect(machine.perform(.tick) == nil)
        #expect(machine.phase == .running)
        #expect(machine.perform(.append) == nil)
        #expect(try Self.ownActions(machine) == ["disk.low", "disk.full", "disk.recovered"])
        try Oracle.check(machine)
    }

    @Test(arguments: [
        (SpaceStage.ample, 0, SpaceStage.ample), (.ample, 200, .ample), (.ample, 199, .low), (.low, 199, .low),
        (.low, 224, .low), (.low, 225, .ample), (.low, 99, .exhausted), (.exhausted, 100, .exhausted),
        (.exhausted, 111, .exhausted), (.exhausted, 112, .low), (.exhausted, 225, .ample),
    ])
    func aStageIsLeftOnlyWithSomeMoreRoom(before: SpaceStage, available: Int, after: SpaceStage) throws {
        let machine = try Self.machine(stopFree: available == 0 ? 0 : 100, warnFree: available == 0 ? 0 : 200)
        let worker = try #require(machine.worker)
        switch before {
        case .ample: break
        case .low: worker.step(.space(available: 150))
        case .exhausted: worker.step(.space(available: 50))
        }
        #expect(worker.core.space == before)
        worker.step(.space(available: UInt64(available)))
        #expect(worker.core.space == after)
    }

    @Test(arguments: [false, true])
    func aSegmentThatIsTakenAwayIsPutBackWhole(leavesAnother: Bool) throws {
        let machine = try Self.machine()
        for _ in 0..<3 { #expect(machine.perform(.append) == nil) }
        #expect(machine.displace(key: false, leavesAnother: leavesAnother) == nil)
        #expect(machine.phase == .running)
        try Oracle.check(machine)
        #expect(try Self.ownActions(machine) == ["log.displaced"])
        let kept = machine.kernel.disk.files.filter { $0.key.contains(".displaced-") }
        #expect(Array(kept.values) == (leavesAnother ? [[1, 2, 3]] : []), "what stood there is evidence")
        #expect(machine.perform(.append) == nil)
        #expect(machine.perform(.rotate) == nil)
        #expect(machine.perform(.append) == nil)
        machine.powerCycle(.everything)
        try machine.start()
        try Oracle.check(machine)
        #expect(machine.ledger.acknowledged == 5)
    }

    @Test func theKeyIsPutBackToo() throws {
        let machine = try Self.machine()
        #expect(machine.perform(.append) == nil)
        let key = machine.kernel.disk.files[FileNames.epochKey]
        #expect(machine.displace(key: true, leavesAnother: false) == nil)
        #expect(machine.kernel.disk.files[FileNames.epochKey] == key)
        machine.powerCycle(.everything)
        try machine.start()
        try Oracle.check(machine)
    }

    /// The segment is put back also when each of the calls of that fails for lack of space once.
    @Test func puttingBackIsTriedAgain() throws {
        let count: Int = try {
            let machine = try Self.machine()
            #expect(machine.perform(.append) == nil)
            let before = machine.kernel.changeCount
            machine.kernel.change { $0.tamper(FileNames.segment(0, .data), [9]) }
            machine.worker?.keepUp(isUrgent: true)
            return machine.kernel.changeCount - before
        }()
        #expect(count > 6)
        for index in 0..<count {
            let machine = try Self.machine()
            #expect(machine.perform(.append) == nil)
            machine.kernel.fail(machine.kernel.changeCount + index, Fault(.error(28)))
            machine.kernel.change { $0.tamper(FileNames.segment(0, .data), [9]) }
            machine.worker?.keepUp(isUrgent: true)
            for _ in 0..<3 where machine.phase == .suspended { #expect(machine.perform(.tick) == nil) }
            guard machine.phase == .running else {
                // A sync of the active segment that fails is the end of the process, for whatever reason.
                #expect(machine.phase == .halted, "call \(index)")
                machine.kill()
                try machine.start()
                continue
            }
            machine.worker?.keepUp(isUrgent: true)
            try Oracle.check(machine)
            #expect(try Self.ownActions(machine) == ["log.displaced"], "call \(index)")
        }
    }

    @Test func aDirectoryThatIsGoneEndsIt() throws {
        let machine = try Self.machine()
        #expect(machine.perform(.append) == nil)
        let worker = try #require(machine.worker)
        worker.step(.displaced(.directory))
        #expect(machine.phase == .halted)
        guard case .halted(let error) = worker.core.phase else { return }
        #expect(error.code == .io)
        #expect(error.message.contains("directory is not at its path any more"))
        let acknowledged = machine.ledger.acknowledged
        _ = machine.perform(.append)
        #expect(machine.ledger.acknowledged == acknowledged)
    }
}
