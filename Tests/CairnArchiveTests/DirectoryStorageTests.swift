import CairnFormat
import CairnPlatform
import CairnSimulation
import Glibc
import Testing

@testable import CairnArchive

/// What a directory does when its disk fails or its machine stops.
struct DirectoryStorageTests {
    private static let key = "events/v1/hour=03/1-2.gz"
    private static let bytes = pattern(5000)

    private func storage(_ kernel: SimulatedKernel, clock: any TimeSource = SimulatedClock()) throws -> DirectoryStorage
    {
        DirectoryStorage(try kernel.files(), name: "/archive", clock: clock, entropy: SeededEntropy(seed: 3))
    }

    /// The calls that one put makes.
    private static let calls: Int = {
        let kernel = SimulatedKernel()
        try? DirectoryStorage(kernel.files(), name: "", entropy: SeededEntropy(seed: 3)).put(key, bytes)
        return kernel.changeCount
    }()

    /// Whatever crash at whatever call: the object is there whole or not at all, nobody lists anything else, and what
    /// `put` returned from is there.
    @Test func noCrashLeavesHalfAnObject() throws {
        #expect(Self.calls > 10)
        for call in 0...Self.calls {
            for progress in Fault.Progress.allCases {
                let kernel = SimulatedKernel()
                kernel.fail(call, Fault(.powerLoss, progress: progress))
                let isStored = code { try storage(kernel).put(Self.key, Self.bytes) } == nil
                #expect(isStored == (call == Self.calls || call == Self.calls - 1))
                for loss in [SimulatedDisk.Loss.everything, .nothing] + (0..<20).map({ .mixture($0) }) {
                    let after = SimulatedKernel(kernel.disk.crashed(loss))
                    let storage = try self.storage(after)
                    let found = try storage.contents(Self.key, limit: 9999)
                    #expect(found == Self.bytes || (found == nil && !isStored), "call \(call), \(progress), \(loss)")
                    // The simulated tree may keep a file and lose the directory above it, which no list then shows.
                    let keys = try storage.keys()
                    #expect(keys == [] || keys == [Self.key], "call \(call), \(progress), \(loss)")
                    #expect(!isStored || keys == [Self.key])
                }
            }
        }
    }

    /// A run after a crash comes to the same end, and what it then calls stored, or found stored, survives the next
    /// crash.
    @Test func aSecondRunMendsTheFirst() throws {
        for call in 0..<Self.calls {
            for seed in UInt64(0)..<8 {
                let kernel = SimulatedKernel()
                kernel.fail(call, Fault(.powerLoss, progress: call % 2 == 0 ? .none : .whole))
                _ = code { try storage(kernel).put(Self.key, Self.bytes) }
                let second = SimulatedKernel(kernel.disk.crashed(.mixture(seed)))
                let outcome = code { try storage(second).put(Self.key, Self.bytes) }
                #expect(outcome == nil || outcome == .exists, "call \(call), seed \(seed)")
                let third = try storage(SimulatedKernel(second.disk.crashed(.everything)))
                #expect(try third.contents(Self.key, limit: 9999) == Self.bytes, "call \(call), seed \(seed)")
                #expect(try third.keys() == [Self.key])
            }
        }
    }

    /// The process of the first run was killed before its last steps; the machine goes on, and stops later.
    @Test func whatIsFoundIsMadeDurableToo() throws {
        for call in 0..<Self.calls {
            let kernel = SimulatedKernel()
            kernel.fail(call, Fault(.error(EIO)))
            _ = code { try storage(kernel).put(Self.key, Self.bytes) }
            kernel.endProcess()
            let outcome = code { try storage(kernel).put(Self.key, Self.bytes) }
            #expect(outcome == nil || outcome == .exists, "call \(call)")
            let after = try storage(SimulatedKernel(kernel.disk.crashed(.everything)))
            #expect(try after.contents(Self.key, limit: 9999) == Self.bytes, "call \(call)")
        }
    }

    /// Every failure of the disk is told, and the next put, if nothing fails any more, succeeds.
    @Test(
        arguments: [
            (EIO, .unavailable), (ENOSPC, .unavailable), (EACCES, .denied), (EROFS, .denied),
        ] as [(Int32, ArchiveError.Code)])
    func failuresOfTheDiskAreTold(_ errno: Int32, _ expected: ArchiveError.Code) throws {
        for call in 0..<Self.calls - 1 {
            let kernel = SimulatedKernel()
            kernel.fail(call, Fault(.error(errno)))
            let failure = failure { try self.storage(kernel).put(Self.key, Self.bytes) }
            // Removing the name in .uploads, and closing, are for tidiness only.
            let name = kernel.changes[call]
            if failure == nil { #expect(name.hasPrefix("unlink") || name.hasPrefix("close"), "call \(call) \(name)") }
            if let failure {
                #expect(failure.code == expected, "call \(call) \(name)")
                #expect(failure.key == Self.key)
            }
            let storage = try self.storage(kernel)
            let second = code { try storage.put(Self.key, Self.bytes) }
            #expect(second == nil || second == .exists, "call \(call)")
            #expect(try storage.contents(Self.key, limit: 9999) == Self.bytes)
        }
    }

    @Test func aFailureLeavesNoTemporaryBehind() throws {
        let kernel = SimulatedKernel()
        let storage = try self.storage(kernel)
        #expect(code { try storage.put(Upload(key: "a", source: BytesSource([1]), sha256: .zero)) } == .changed)
        try storage.put("b", [1])
        #expect(code { try storage.put("b", [1]) } == .exists)
        #expect(kernel.disk.files.keys.sorted() == ["b"])
    }

    @Test func leftoversGoWhenTheyAreOld() throws {
        let scratch = try Scratch()
        let files = try PosixFileSystem(root: scratch.path)
        try files.createDirectory(".uploads", mode: 0o750)
        for name in ["young", "old"] { _ = try scratch.write(".uploads/\(name)", "half") }
        try files.createDirectory(".uploads/directory", mode: 0o750)
        let now = SystemTimeSource().wall()
        var times = [timespec(), timespec()]
        times[1].tv_sec = Int((now - DirectoryStorage.leftoverAge) / 1_000_000_000) - 10
        times[0].tv_sec = times[1].tv_sec
        utimensat(AT_FDCWD, "\(scratch.path)/.uploads/old", times, 0)
        let storage = try DirectoryStorage(path: scratch.path, creating: false)
        #expect(try storage.keys() == [])
        try storage.put("a", [1])
        #expect(try files.list(".uploads") == ["directory", "young"])
        #expect(try storage.keys() == ["a"])
    }

    @Test func modesAndPlaces() throws {
        let scratch = try Scratch()
        let storage = try DirectoryStorage(path: "\(scratch.path)/a/b", creating: true)
        try storage.put("c/d", [1])
        func mode(_ path: String) -> UInt32 {
            var status = stat()
            return lstat("\(scratch.path)/\(path)", &status) == 0 ? status.st_mode & 0o777 : 0
        }
        #expect(mode("a/b") == 0o750)
        #expect(mode("a/b/c") == 0o750)
        #expect(mode("a/b/c/d") == 0o440)
        #expect(code { _ = try DirectoryStorage(path: "\(scratch.path)/none", creating: false) } == .notFound)
        #expect(code { _ = try DirectoryStorage(path: "\(scratch.path)/a/b/c/d", creating: false) } == .invalid)
    }

    @Test func aDirectoryCannotLock() throws {
        let storage = try self.storage(SimulatedKernel())
        let lock = ObjectLock(.compliance, until: .distantFuture)
        #expect(failure { try storage.put("a", [1], lock: lock) }?.message.contains("Object Lock") == true)
        #expect(try storage.keys() == [])
        #expect(code { _ = try storage.list(prefix: "", from: .token("t"), limit: 1) } == .invalid)
    }

    @Test func aKeyThatIsAlsoADirectoryIsRefused() throws {
        let scratch = try Scratch()
        let storage = try DirectoryStorage(path: scratch.path, creating: false)
        try storage.put("a/b", [1])
        #expect([.exists, .invalid].contains(code { try storage.put("a", [1]) }))
        #expect(code { try storage.put("a", [1], onlyIfAbsent: false) } == .invalid)
        #expect([.exists, .invalid].contains(code { try storage.put("a/b/c", [1]) }))
        try storage.remove("a")
        try storage.remove("a/b/c")
        #expect(try storage.keys() == ["a/b"])
        #expect(try PosixFileSystem(root: scratch.path).list(".uploads") == [])
    }

    /// A loop of links is no endless archive.
    @Test func linksInARingEnd() throws {
        let scratch = try Scratch()
        let storage = try DirectoryStorage(path: scratch.path, creating: false)
        try storage.put("a/b", [1])
        symlink("..", "\(scratch.path)/a/up")
        let keys = try? storage.keys()
        #expect(keys == nil || keys?.contains("a/b") == true)
    }

    @Test func linkFailuresOfAFileSystemWithoutLinksAreExplained() throws {
        let kernel = SimulatedKernel()
        let number = try #require(
            (0..<Self.calls).first { call in
                let probe = SimulatedKernel()
                try? storage(probe).put(Self.key, Self.bytes)
                return probe.changes[call].hasPrefix("link")
            })
        kernel.fail(number, Fault(.error(EPERM)))
        let failure = failure { try self.storage(kernel).put(Self.key, Self.bytes) }
        #expect(failure?.code == .invalid)
        #expect(failure?.message.contains("hard links") == true)
    }
}
