import CairnFormat
import CairnPlatform
import CairnSimulation
import CairnStore
import Glibc
import Testing

/// Each action can be done again after it failed half-way, and then holds through a crash.
struct ActionPerformerTests {
    private static let segment = FileNames.segment(0, .data)

    /// A tree with the two directories and a key of before, all durable.
    private static func files() -> TestDisk {
        let files = TestDisk()
        files.tamper(FileNames.epochKey, [1])
        files.tamper(FileNames.nextEpochKey, [2])
        for directory in [FileNames.keys, FileNames.segments] {
            #expect(throws: Never.self) { try files.files.createDirectory(directory, mode: 0o700) }
        }
        #expect(throws: Never.self) { try files.files.syncDirectory("") }
        return files
    }

    private static let actions: [Action] = [
        .createSegment(path: segment, bytes: [3, 4]), .replace(path: FileNames.head, bytes: [5], isSecret: false),
        .evolveKey,
    ]

    @Test(arguments: 0..<actions.count, Fault.Progress.allCases)
    func anActionThatIsRepeatedIsDurable(number: Int, progress: Fault.Progress) throws {
        let action = Self.actions[number]
        let whole = Self.files()
        let start = whole.operationCount
        var performer = ActionPerformer(whole.files)
        try performer.perform(action)
        for index in start..<whole.operationCount where !whole.operations[index].hasPrefix("unlink") {
            let files = Self.files()
            files.fail(index, Fault(.error(ENOSPC), progress: progress))
            var performer = ActionPerformer(files.files)
            #expect(throws: IOFailure.self) { try performer.perform(action) }
            try performer.perform(action)
            let expected = whole.snapshot()
            #expect(files.crash(seed: 0).snapshot() == expected, "operation \(index) (\(whole.operations[index]))")
        }
    }

    @Test func anEvolvedKeyTakesTheOldOnesPlace() throws {
        let files = Self.files()
        var performer = ActionPerformer(files.files)
        try performer.perform(.evolveKey)
        #expect(files.crash(seed: 0).snapshot() == [FileNames.epochKey: [2]])
    }

    /// The bytes stand once, at their place, however much of them an attempt before had written.
    @Test(arguments: Fault.Progress.allCases)
    func anAppendThatIsRepeatedStandsOnce(progress: Fault.Progress) throws {
        let files = Self.files()
        var performer = ActionPerformer(files.files)
        try performer.perform(.createSegment(path: Self.segment, bytes: [3, 4]))
        let append = Action.append(offset: 2, bytes: [6, 7, 8, 9])
        files.fail(files.operationCount, Fault(.error(ENOSPC), progress: progress))
        #expect(throws: IOFailure.self) { try performer.perform(append) }
        try performer.perform(append)
        #expect(files.crash(seed: 0).snapshot()[Self.segment] == [3, 4], "not durable yet")
        try performer.perform(.sync)
        #expect(files.crash(seed: 0).snapshot()[Self.segment] == [3, 4, 6, 7, 8, 9])
    }
}
