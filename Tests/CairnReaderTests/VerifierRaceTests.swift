import CairnFormat
import CairnPlatform
import CairnReader
import Testing

@Suite("Verification of logs that are being written")
struct VerifierRaceTests {
    /// What a writer may do between two operations of a reader.
    enum Burst: CaseIterable, Sendable {
        /// Ends the write that is under way, and appends more.
        case append
        /// As `append`, and signs a head.
        case head
        /// Ends the segment, and begins the next.
        case rotate
        /// Does so several times.
        case rotateMore
        /// Starts anew: cuts off the torn tail in a copy, and appends something else.
        case recover
        /// Puts a copy in the place of a sealed segment, as compaction does.
        case replace
    }

    @Test(
        "whatever a writer does between any two operations of a reader, there is no false alarm",
        arguments: Burst.allCases, [false, true])
    func everyOperation(_ burst: Burst, isOfEventsOnly: Bool) throws {
        var operation = 0
        var hasInterrupted = true
        while hasInterrupted {
            nonisolated(unsafe) let log = try SealedLogFixture()
            for _ in 0..<2 {
                try log.append(2)
                try log.rotate()
            }
            try log.append(1)
            try log.head()
            let good = try #require(log.files[log.dataPath])
            let before = log.builder.count
            let pending = burst == .recover ? nil : try log.block(2)
            log.files.append(log.dataPath, pending?.prefix(150) ?? [0x1F, 0x8B, 8, 4])
            // What is to be done holds the log, and the log's files hold it.
            defer { log.files.interrupt(before: .max) {} }
            log.files.interrupt(before: operation) {
                do {
                    try perform(burst, on: log, good: good, pending)
                } catch {
                    Issue.record("the writer failed: \(error)")
                }
            }
            let result = try log.verifyLive(key: try log.key(0).verifier, isOfEventsOnly: isOfEventsOnly)
            #expect(result.verdict == .verified, "operation \(operation): \(result.findings)")
            #expect(result.events >= 4 + before)
            hasInterrupted = log.files.operations > operation
            operation += 1
        }
        #expect(operation > 40)
    }

    private func perform(
        _ burst: Burst, on log: SealedLogFixture, good: [UInt8], _ pending: [UInt8]?
    ) throws {
        if burst == .recover {
            log.files.put(log.dataPath, good)
        } else {
            log.files.append(log.dataPath, try #require(pending).dropFirst(150))
        }
        try log.append(2)
        try log.append(1)
        switch burst {
        case .append, .recover: break
        case .head: try log.head()
        case .rotate: try log.rotate()
        case .rotateMore:
            for _ in 0..<3 {
                try log.rotate()
                try log.append(2)
            }
            try log.head()
        case .replace:
            let path = FileNames.segment(2, .data)
            log.files.put(path, try #require(log.files[path]))
        }
    }

    @Test("a finding about a file that was replaced meanwhile is looked at again, and stands if it is true")
    func replacedByAnother() throws {
        for isRepaired in [true, false] {
            let log = try SealedLogFixture.whole()
            let path = FileNames.segment(0, .data)
            let good = try #require(log.files[path])
            var bad = good
            bad[log.blocks[1].range.lowerBound + 30] ^= 1
            let (broken, next) = (bad, isRepaired ? good : bad)
            var verdicts: Set<Verdict> = []
            var operation = 0
            repeat {
                let copy = MemoryTree(log.files.snapshot)
                copy.put(path, broken)
                defer { copy.interrupt(before: .max) {} }
                copy.interrupt(before: operation) { copy.put(path, next) }
                verdicts.insert(try Verifier(LogDirectory(copy), options: VerifyOptions(threads: 1)).run().verdict)
                operation += 1
                if copy.operations < operation { break }
            } while true
            #expect(verdicts == (isRepaired ? [.verified, .tampered] : [.tampered]))
        }
    }

    @Test("a log that is being written gives no false alarm", .timeLimit(.minutes(2)))
    func liveWriter() throws {
        let live = try LiveWriter()
        let thread = try DedicatedThread(name: "writer") { live.run() }
        defer {
            live.stop()
            thread.join()
        }
        var events: UInt64 = 0
        var rounds = 0
        while rounds < 80 || events < 200 {
            let result = try live.log.verifyLive(key: live.key, threads: 2, isOfEventsOnly: rounds % 2 == 1)
            guard result.verdict == .verified else {
                Issue.record("round \(rounds): \(result)")
                return
            }
            // What was there once is there ever after.
            #expect(result.events >= events)
            #expect(result.lastSequence.map { $0 + 1 } ?? 0 == result.events)
            events = result.events
            rounds += 1
            live.mayContinue(rounds)
        }
        #expect(events > 0)
    }
}

/// Writes a log as fast as it can, some steps ahead of the reader at most: so that a test of some readings meets every
/// step of a writer, and the log stays small.
private final class LiveWriter: @unchecked Sendable {
    // @unchecked: the thread of `run` alone calls what writes; readers use `files`, which is thread-safe.
    let log: SealedLogFixture
    let key: VerifierKey
    private let state = Guarded((round: 0, isStopped: false))

    init() throws {
        log = try SealedLogFixture()
        key = try log.key(0).verifier
    }

    func stop() { state.update { $0.isStopped = true } }

    func mayContinue(_ round: Int) { state.update { $0.round = round } }

    func run() {
        var random = SystemRandomNumberGenerator()
        do {
            for step in 0... {
                let stopped = state.wait(while: { !$0.isStopped && step > $0.round * 6 + 20 }, then: { $0.isStopped })
                if stopped { return }
                try write(step, &random)
            }
        } catch {
            Issue.record("the writer failed: \(error)")
        }
    }

    private func write(_ step: Int, _ random: inout SystemRandomNumberGenerator) throws {
        switch step % 12 {
        case 0..<8:
            let path = log.dataPath
            let bytes = try log.block(Int.random(in: 1...3, using: &random))
            // In two writes, as a reader may see one.
            let cut = Int.random(in: 0...bytes.count, using: &random)
            log.files.append(path, bytes[..<cut])
            log.files.append(path, bytes[cut...])
        case 8, 9:
            try log.head()
        case 10:
            try log.rotate()
        default:
            // As a writer that starts anew: a copy takes the place of the file.
            log.files.put(log.dataPath, try #require(log.files[log.dataPath]))
        }
    }
}
