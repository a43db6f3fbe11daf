import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Testing

@testable import CairnArchive

/// A log on a simulated disk, with its writer and its custody on one thread.
final class TestLog {
    static let name = "audit.example.com/host1"

    let kernel = SimulatedKernel()
    let clock: SimulatedClock
    let worker: StoreWorker
    var custody: Custody
    private let files: PosixFileSystem
    private var eventCount = 0

    init(_ name: String = TestLog.name, seed: UInt64 = 1) throws {
        files = try kernel.files()
        clock = SimulatedClock()
        var configuration = StoreConfiguration()
        configuration.segmentAge = 1_000_000 * Time.perSecond
        let entropy = SeededEntropy(seed: seed)
        let now = Moment(wall: Time(nanoseconds: clock.wall()), monotonic: clock.monotonic())
        let opened = try LogOpening(files, configuration: configuration, entropy: entropy, now: now)
            .open(creating: name)
        worker = StoreWorker(
            core: opened.core, performer: opened.performer, time: clock, observer: AnswerObserver(), owner: (0, 1))
        custody = try Custody(files, WorkerRecorder(worker), entropy: entropy, compression: .isal)
    }

    /// Sealed segments of so many events each, one an hour.
    static func sealed(_ sizes: [Int], seed: UInt64 = 1) throws -> TestLog {
        let log = try TestLog(seed: seed)
        for size in sizes { try log.seal(size) }
        return log
    }

    var directory: LogDirectory { LogDirectory(files) }

    /// The text that only event `number` of ``seal(_:)`` has.
    static func secret(_ number: Int) -> String { "secret-of-\(number)-end" }

    /// A segment of so many events and its seal; then an hour passes.
    func seal(_ count: Int) throws {
        let parser = try EventParser()
        var batch = EventBatch()
        for _ in 0..<count {
            let text =
                "{\"action\":\"a\(eventCount)\",\"module\":\"m\(eventCount % 3)\","
                + "\"details\":\"\(Self.secret(eventCount))\"}"
            let padded = Array(text.utf8) + [UInt8](repeating: 0, count: JSONParser.padding)
            padded.withUnsafeBytes { bytes in
                let line = LineFramer.Line.whole(UnsafeRawBufferPointer(rebasing: bytes[..<text.utf8.count]))
                _ = parser.parse(line, uid: 1000, into: &batch)
            }
            eventCount += 1
        }
        worker.step(.submit([Submission(ticket: 1, uid: 1000, pid: 42, batch: batch)]))
        rotate()
    }

    func rotate() {
        worker.step(.rotate)
        clock.advance(by: 3600 * Time.perSecond)
    }

    func redact(_ sequences: Range<UInt64>) throws {
        _ = try custody.redact(
            Custody.RedactionOrder(
                query: Query(filter: try Filter("")), sequences: SequenceRanges([sequences]), reason: "request 17",
                by: 1001, isDry: false))
    }

    func seals() throws -> [Seal] {
        try directory.segments().filter(\.isSealed).compactMap { try directory.seal($0) }
    }

    /// Removes the data of the segments with these numbers, as a policy does.
    func prune(_ numbers: [UInt64]) throws {
        let chosen = try seals().filter { numbers.contains($0.number) }
        #expect(chosen.count == numbers.count)
        let removed = try custody.prune(chosen.map { Pruner.Candidate(seal: $0, rule: "default") }, by: 1003).removed
        #expect(removed.count == numbers.count)
    }

    func archive(
        to storage: any ObjectStorage, lock: (mode: ObjectLock.Mode, duration: Int64)? = nil
    ) throws -> Archiver.Outcome {
        var options = Archiver.Options()
        options.lock = lock
        var archiver = try Archiver(
            directory, to: storage, options: options, now: Time(nanoseconds: clock.wall()))
        return try archiver.run()
    }

    /// Changes a byte in the middle of a file behind everybody's back.
    func tamper(_ path: String) throws {
        var bytes = try #require(kernel.disk.files[path])
        bytes[bytes.count / 2] ^= 1
        let changed = bytes
        kernel.change { $0.tamper(path, changed) }
    }

    /// All lines that a query finds, by their numbers.
    static func lines(_ directory: LogDirectory, _ filter: String = "") throws -> [UInt64: String] {
        var lines: [UInt64: String] = [:]
        try AuditLog(directory).forEach(Query(filter: try Filter(filter))) { sequence, line in
            lines[sequence] = String(decoding: line, as: UTF8.self)
            return .next
        }
        return lines
    }
}

extension ObjectStorage {
    /// What verification of the only log says.
    func verification() throws -> Verification {
        let check = try ArchiveCheck(self, #require(try ArchiveLayout.logs(in: self).first))
        var options = VerifyOptions(threads: 1)
        options.isArchive = true
        return check.completed(try Verifier(LogDirectory(check.files), options: options).run())
    }

    func expectVerified(
        _ comment: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let found = try verification()
        #expect(found.verdict == .verified, "\(comment()): \(found.findings)", sourceLocation: sourceLocation)
    }

    /// The only log, to be read in place.
    func archivedFiles() throws -> ArchiveFiles {
        try ArchiveFiles(self, #require(try ArchiveLayout.logs(in: self).first))
    }
}

/// The lines of a segment's file.
func inflated(_ bytes: [UInt8]) throws -> String {
    let inflater = try Inflater()
    var lines: [UInt8] = []
    for offset in bytes.indices where bytes[offset] == 0x1F && bytes.dropFirst(offset + 1).first == 0x8B {
        bytes[offset...].withUnsafeBytes { bytes in
            guard let head = try? Member.head(bytes), head.kind == .block,
                let header = try? BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
            else { return }
            let payload = bytes[head.size...].prefix(Int(header.compressedSize) + Member.trailerSize)
            try? header.inflate(UnsafeRawBufferPointer(rebasing: payload), with: inflater, into: &lines)
        }
    }
    return String(decoding: lines, as: UTF8.self)
}
