import CairnPlatform
import CairnSimulation
import Glibc
import Testing

/// The simulated disk itself: it must lose what a real one may lose, and nothing that was promised.
struct SimulatedDiskTests {
    private func tree() throws -> (SimulatedKernel, PosixFileSystem) {
        let kernel = SimulatedKernel()
        return (kernel, try kernel.files())
    }

    private func write(_ bytes: [UInt8], to file: any AppendFile) throws {
        try bytes.withUnsafeBytes { try file.append($0) }
    }

    @Test func whatIsSyncedWithItsNameSurvivesEveryCrash() throws {
        let (kernel, files) = try tree()
        try files.replace("a", with: [1, 2, 3], mode: 0o640)
        for loss in [SimulatedDisk.Loss.everything, .nothing] + (0..<50).map({ .mixture($0) }) {
            #expect(kernel.disk.crashed(loss).files == ["a": [1, 2, 3]])
        }
    }

    /// A signal ends a listing with its descriptor; the next one is whole.
    @Test func aListingThatIsInterruptedIsBegunAnew() throws {
        let (kernel, files) = try tree()
        for name in ["a", "b"] { try files.replace(name, with: [1], mode: 0o640) }
        let open = kernel.openDescriptors
        for offset in [1, 2] { kernel.failLook(kernel.lookCount + offset, Fault(.interruption)) }
        kernel.failLook(kernel.lookCount + 3, Fault(.interruption))
        #expect(try files.list("") == ["a", "b"])
        #expect(kernel.counts.interruptions == 3 && kernel.openDescriptors == open)
        kernel.failLook(kernel.lookCount + 1, Fault(.error(EIO)))
        #expect(throws: IOFailure.self) { try files.list("") }
        #expect(kernel.openDescriptors == open)
    }

    @Test func whatIsNotSyncedCanBeLostKeptOrTorn() throws {
        let (kernel, files) = try tree()
        let file = try files.create("a", mode: 0o640)
        try write([UInt8](repeating: 1, count: 700), to: file)
        try file.sync()
        try files.syncDirectory("")
        try write([UInt8](repeating: 2, count: 2000), to: file)
        #expect(kernel.disk.crashed(.everything).files["a"]?.count == 700)
        #expect(kernel.disk.crashed(.nothing).files["a"]?.count == 2700)
        var (sizes, hasHole, hasTornSector) = (Set<Int>(), false, false)
        for seed in UInt64(0)..<400 {
            let bytes = try #require(kernel.disk.crashed(.mixture(seed)).files["a"])
            #expect(bytes.prefix(700).allSatisfy { $0 == 1 }, "synced bytes are never touched")
            sizes.insert(bytes.count)
            let sectors = stride(from: 1024, to: bytes.count - 511, by: 512).map { Set(bytes[$0..<($0 + 512)]) }
            hasHole = hasHole || sectors.contains([0])
            hasTornSector = hasTornSector || sectors.contains([0, 2])
        }
        #expect(sizes.count > 10 && sizes.contains(700) && sizes.contains(2700))
        #expect(hasHole && hasTornSector)
    }

    @Test func namesThatAreNotSyncedComeAndGoOneByOne() throws {
        let (kernel, files) = try tree()
        for name in ["a", "b", "c"] { try files.create(name, mode: 0o640).sync() }
        try files.rename("a", to: "d")
        var seen: Set<[String]> = []
        for seed in UInt64(0)..<200 { seen.insert(kernel.disk.crashed(.mixture(seed)).files.keys.sorted()) }
        #expect(seen.contains([]) && seen.contains(["b", "c", "d"]) && seen.contains(["a", "c"]))
        #expect(kernel.disk.crashed(.everything).files.isEmpty)
        try files.syncDirectory("")
        #expect(kernel.disk.crashed(.everything).files.keys.sorted() == ["b", "c", "d"])
    }

    /// fsyncgate: a sync that failed is not made good by one that works.
    @Test(arguments: [true, false])
    func afterAFailedSyncTheNextOneBringsNothingBack(keeps: Bool) throws {
        let kernel = SimulatedKernel()
        let number = kernel.openat(try rootDescriptor(kernel), "a", O_RDWR | O_CREAT | O_EXCL, 0o640)
        _ = kernel.fsync(try rootDescriptor(kernel))
        let bytes = [UInt8](repeating: 7, count: 1500)
        #expect(bytes.withUnsafeBytes { kernel.write(number, $0) } == 1500)
        kernel.fail(kernel.changeCount, Fault(.failedSync(keeps: keeps), progress: .whole))
        #expect(kernel.fdatasync(number) == -1)
        #expect(errno == EIO)
        #expect(kernel.fdatasync(number) == 0, "the kernel says that all is well")
        let live = try #require(kernel.disk.files["a"])
        #expect(live.allSatisfy { $0 == 7 } == keeps)
        kernel.change { $0.dropCaches() }
        let onDisk = try #require(kernel.disk.files["a"])
        #expect(onDisk != bytes)
        #expect(kernel.disk.crashed(.nothing).files["a"] == onDisk)
        #expect(kernel.hasLostSync("a"))
    }

    private func rootDescriptor(_ kernel: SimulatedKernel) throws -> Int32 {
        let number = kernel.openat(AT_FDCWD, SimulatedKernel.rootPath, O_RDONLY | O_DIRECTORY, 0)
        try #require(number >= 0)
        return number
    }

    /// The real file layer above it goes on through interruptions and short writes.
    @Test func interruptedCallsLoseAndDoubleNothing() throws {
        let (kernel, files) = try tree()
        var rates = FaultRates()
        rates.interruption = 40_000
        kernel.fail(rates, seed: 3)
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        try files.replace("a", with: bytes, mode: 0o640)
        #expect(try files.contents("a", limit: 1 << 20) == bytes)
        #expect(kernel.counts.interruptions > 10)
        #expect(kernel.counts.total == kernel.counts.interruptions)
    }

    @Test(arguments: Fault.Progress.allCases)
    func aFailedAppendSaysHowMuchOfItIsThere(progress: Fault.Progress) throws {
        let (kernel, files) = try tree()
        let file = try files.create("a", mode: 0o640)
        try write([1, 2], to: file)
        kernel.fail(kernel.changeCount, Fault(.error(ENOSPC), progress: progress))
        #expect(throws: IOFailure.self) { try write([3, 4, 5, 6], to: file) }
        #expect(file.size == UInt64(kernel.disk.files["a"]?.count ?? 0))
        try file.truncate(to: 2)
        try write([9], to: file)
        #expect(kernel.disk.files["a"] == [1, 2, 9])
    }

    @Test func aFailedAppendOfUnknownLengthIsNeverGoneOnWith() throws {
        let (kernel, files) = try tree()
        let file = try files.create("a", mode: 0o640)
        kernel.fail(kernel.changeCount, Fault(.error(ENOSPC), progress: .half))
        kernel.failLook(kernel.lookCount, Fault(.error(EIO)))
        #expect(throws: IOFailure.self) { try write([3, 4, 5, 6], to: file) }
        #expect(throws: IOFailure.self) { try write([3, 4, 5, 6], to: file) }
        #expect(throws: IOFailure.self) { try file.truncate(to: 0) }
        #expect(throws: IOFailure.self) { try file.sync() }
    }

    @Test func afterAPowerLossNothingWorksUntilTheMachineStartsAgain() throws {
        let (kernel, files) = try tree()
        kernel.fail(0, Fault(.powerLoss, progress: .whole))
        #expect(throws: IOFailure.self) { try files.createDirectory("d", mode: 0o700) }
        #expect(kernel.isDown)
        #expect(throws: IOFailure.self) { try files.list("") }
        kernel.restart(.nothing)
        #expect(throws: IOFailure.self, "descriptors of before are gone") { try files.list("") }
        #expect(try kernel.files().list("") == ["d"])
    }

    @Test func aFullDiskTakesWhatFits() throws {
        let (kernel, files) = try tree()
        kernel.limit(to: 10)
        let file = try files.create("a", mode: 0o640)
        #expect(try files.availableBytes() == 10)
        let failure = #expect(throws: IOFailure.self) { try write([UInt8](repeating: 1, count: 25), to: file) }
        #expect(failure?.isOutOfSpace == true)
        #expect(file.size == 10)
        kernel.limit(to: nil)
        try file.truncate(to: 0)
        try write([1], to: file)
        #expect(file.size == 1)
    }

    @Test func aLockIsOfOneProcess() throws {
        let (kernel, files) = try tree()
        let lock = try files.lock()
        #expect(throws: IOFailure.self) { try kernel.files().lock() }
        lock.release()
        _ = try kernel.files().lock()
    }
}
