import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Glibc
import Synchronization
import Testing

/// A log on a simulated disk with all that a daemon does to it, on one thread: the writer, and the custody of what it
/// has sealed.
final class CustodyLog {
    let disk: TestDisk
    let clock: SimulatedClock
    let worker: StoreWorker
    let recorder: WorkerRecorder
    var custody: Custody
    private let observer = AnswerObserver()

    /// What is in nearly every event that a test erases: it must be nowhere then.
    static func secret(_ tag: String) -> String { "secret-of-\(tag)-\(Hex.encode(digest(tag).bytes.prefix(8)))" }

    /// Opens the log, or makes it, as a daemon that starts does.
    ///
    /// - Parameter finishes: whether what a crash has cut off is finished at once.
    init(
        _ disk: TestDisk = TestDisk(), clock: SimulatedClock = SimulatedClock(),
        configuration: StoreConfiguration = Fixture.configuration, seed: UInt64 = 1, finishes: Bool = true
    ) throws(StoreError) {
        clock.advance(by: 1_000_000)
        let now = Moment(wall: Time(nanoseconds: clock.wall()), monotonic: clock.monotonic())
        let entropy = SeededEntropy(seed: seed &+ UInt64(bitPattern: now.wall.nanoseconds))
        let opened = try LogOpening(disk.files, configuration: configuration, entropy: entropy, now: now)
            .open(creating: Fixture.name)
        worker = StoreWorker(
            core: opened.core, performer: opened.performer, time: clock, observer: observer, owner: (0, 1))
        recorder = WorkerRecorder(worker)
        if !opened.events.isEmpty { worker.step(.submit([try Submission.own(opened.events, uid: 0, pid: 1)])) }
        custody = try Custody(disk.files, recorder, entropy: entropy, compression: .isal)
        (self.disk, self.clock) = (disk, clock)
        if finishes { try custody.finish() }
    }

    // MARK: What happens to it

    /// One event for each tag, as one group; each has its secret.
    ///
    /// - Returns: their leaves, as the receipts say.
    @discardableResult
    func submit(_ tags: [String], module: String = "scanning") throws -> [Digest] {
        let lines = tags.map { tag in
            "{\"action\":\"\(tag)\",\"module\":\"\(module)\",\"actor\":{\"id\":\"u-\(tag)\"},"
                + "\"details\":\"\(Self.secret(tag))\"}"
        }
        observer.answers.withLock { $0 = [] }
        worker.step(.submit([try Fixture.submission(lines, receipts: true)]))
        let leaves = observer.answers.withLock { $0 }.flatMap(\.runs).flatMap { run -> [Digest] in
            if case .accepted(_, _, _, let leaves) = run { leaves } else { [] }
        }
        #expect(leaves.count == tags.count)
        return leaves
    }

    func rotate() { worker.step(.rotate) }

    /// Segments of so many events each, every one sealed, and one event behind them. A commit, and so a block, holds
    /// `group` of them. The tags are `e0`, `e1`, …
    ///
    /// - Returns: the leaf of each.
    @discardableResult
    func fill(_ segments: [Int], group: Int = 3) throws -> [Digest] {
        var leaves: [Digest] = []
        for size in segments {
            let end = leaves.count + size
            while leaves.count < end {
                leaves += try submit((leaves.count..<min(end, leaves.count + group)).map { "e\($0)" })
            }
            rotate()
        }
        return try leaves + submit(["e\(leaves.count)"])
    }

    @discardableResult
    func redact(
        _ filter: String = "", _ sequences: [Range<UInt64>]? = nil, reason: String = "request 17", isDry: Bool = false
    ) throws -> Custody.RedactionOutcome {
        try custody.redact(
            Custody.RedactionOrder(
                query: Query(filter: try Filter(filter)), sequences: sequences.map { SequenceRanges($0) },
                reason: reason, by: 1001, isDry: isDry))
    }

    func hold(_ name: String, _ filter: String = "", since: Time? = nil, until: Time? = nil) throws {
        let now = Time(nanoseconds: clock.wall())
        try custody.add(
            Hold(
                name: name, filter: try Filter(filter), since: since, until: until, reason: "a dispute", by: 1002,
                at: now))
    }

    /// All sealed segments whose data is there.
    func candidates(_ rule: String = "default") throws -> [Pruner.Candidate] {
        let directory = LogDirectory(disk.files)
        return try directory.segments().filter { $0.isSealed && $0.hasData }.compactMap { segment in
            try directory.seal(segment).map { Pruner.Candidate(seal: $0, rule: rule) }
        }
    }

    /// Prunes the sealed segments with these numbers, or all that there are.
    @discardableResult
    func prune(
        _ numbers: [UInt64]? = nil, pause: (inout Custody) -> Void = { _ in }
    ) throws -> (removed: [UInt64], bytes: UInt64) {
        let chosen = try candidates().filter { numbers?.contains($0.seal.number) ?? true }
        let (removed, bytes) = try custody.prune(chosen, by: 1003, pause: pause)
        return (removed.map(\.seal.number), bytes)
    }

    /// Ends, and starts again with what is on the disk.
    func restarted(finishes: Bool = true) throws -> CustodyLog {
        worker.end()
        return try CustodyLog(
            TestDisk(disk.kernel.disk), clock: clock, configuration: worker.core.configuration, finishes: finishes)
    }
}

// MARK: - What must hold of a log afterwards

extension TestDisk {
    func verification() throws -> Verification {
        try kernel.watch {
            try Verifier(LogDirectory(kernel.files()), options: VerifyOptions(threads: 1)).run()
        }
    }

    func expectVerified(_ comment: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation) {
        do {
            let found = try verification()
            if found.verdict == .verified { return }
            Issue.record("\(comment()): \(found.verdict): \(found.findings)", sourceLocation: sourceLocation)
        } catch {
            Issue.record("\(comment()): \(error)", sourceLocation: sourceLocation)
        }
    }

    /// Every line that a query finds, by its number.
    func lines(_ filter: String = "") throws -> [UInt64: String] {
        try kernel.watch {
            var lines: [UInt64: String] = [:]
            try AuditLog(LogDirectory(kernel.files())).forEach(Query(filter: try Filter(filter))) { sequence, line in
                lines[sequence] = String(decoding: line, as: UTF8.self)
                return .next
            }
            return lines
        }
    }

    /// The names of the kind of file that an operation is about, in order.
    func names(_ suffix: String) -> [String] { snapshot().keys.filter { $0.hasSuffix(suffix) }.sorted() }

    /// What somebody finds who reads every file, and inflates whatever of it can be inflated, whether the file is one of
    /// the log or not.
    func everything() throws -> [UInt8] {
        var all: [UInt8] = []
        let inflater = try Inflater()
        for (path, bytes) in snapshot().sorted(by: { $0.key < $1.key }) {
            all += Array(path.utf8) + bytes
            for offset in bytes.indices where bytes[offset] == 0x1F && bytes.dropFirst(offset + 1).first == 0x8B {
                all += Self.inflated(Array(bytes[offset...]), inflater)
            }
        }
        return all
    }

    private static func inflated(_ bytes: [UInt8], _ inflater: Inflater) -> [UInt8] {
        bytes.withUnsafeBytes { bytes in
            guard let head = try? Member.head(bytes), head.kind == .block,
                let header = try? BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
            else { return [] }
            var lines: [UInt8] = []
            let payload = bytes[head.size...].prefix(Int(header.compressedSize) + Member.trailerSize)
            try? header.inflate(UnsafeRawBufferPointer(rebasing: payload), with: inflater, into: &lines)
            return lines
        }
    }

    /// Whether `needle` stands in `everything`.
    static func contains(_ all: [UInt8], _ needle: some Collection<UInt8>) -> Bool {
        let needle = Array(needle)
        guard let first = needle.first.map({ Int32($0) }) else { return true }
        return all.withUnsafeBytes { all in
            var start = 0
            while all.count - start >= needle.count, let base = all.baseAddress {
                guard let found = memchr(base + start, first, all.count - start) else { return false }
                let offset = UnsafeRawPointer(found) - base
                if all.count - offset >= needle.count, memcmp(found, needle, needle.count) == 0 { return true }
                start = offset + 1
            }
            return false
        }
    }
}

/// The bytes that a text is known by.
func digest(_ text: String) -> Digest { Digest.sha256(Array(text.utf8)) }
