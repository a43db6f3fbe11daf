package import CairnFormat
import CairnPlatform
import CairnReader
package import CairnStore
import Synchronization

/// What a simulation found that must not be.
package struct Violation: Error, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// A machine with a disk and a clock, on which the writer of a log runs as one process, on one thread. Opening, core,
/// performer and worker are those of production; what the daemon does around them is done here by hand.
package final class SimulatedMachine {
    package enum Phase: Sendable, Equatable {
        case stopped
        case running
        /// The disk is full, so nothing is stored for now.
        case suspended
        /// The writer has given up; the process has ended.
        case halted
        /// The power is gone.
        case down
    }

    package let kernel: SimulatedKernel
    package let clock: SimulatedClock
    package var configuration: StoreConfiguration
    package var ledger = Ledger()
    /// The way in which the writer is broken on purpose.
    package let defect: Defect?
    /// What the last start had to tell, and how often a start was refused.
    package private(set) var events: [String] = []
    package private(set) var worker: StoreWorker?
    /// What the daemon's caretaker owns; nil if no process runs.
    var custody: Custody?
    package internal(set) var counts = CustodyCounts()
    /// Why what a crash has cut off could not be finished yet; nil if it is.
    package internal(set) var unfinished: StoreError?
    private var lock: (any DirectoryLock)?
    private var starts: UInt64 = 0
    private let seed: UInt64
    private let parser: EventParser
    private let mailbox = AnswerObserver()
    /// Events of the daemon itself that were acknowledged to this process.
    package private(set) var ownAccepted: UInt64 = 0
    /// Those that were stored before under the same id.
    package private(set) var ownDuplicates: UInt64 = 0
    /// Submissions without an answer, by ticket.
    private var waiting: [UInt64: [Int]] = [:]
    private var lastTicket: UInt64 = 0
    /// What was wrong with answers that were taken in the middle of something.
    private var problem: String?

    package init(
        _ disk: SimulatedDisk = SimulatedDisk(), configuration: StoreConfiguration, seed: UInt64, defect: Defect? = nil,
        clock: SimulatedClock = SimulatedClock()
    ) throws(FormatError) {
        kernel = SimulatedKernel(disk)
        self.clock = clock
        self.configuration = configuration
        self.seed = seed
        self.defect = defect
        parser = try EventParser()
        if let defect { defect.damage(kernel) }
    }

    package static let logName = "audit.example.com/simulated"

    package var phase: Phase {
        if kernel.isDown { return .down }
        guard let worker else { return .stopped }
        if worker.isHalted { return .halted }
        return worker.isSuspended ? .suspended : .running
    }

    private var now: Moment { Moment(wall: Time(nanoseconds: clock.wall()), monotonic: clock.monotonic()) }

    // MARK: Life of the process

    /// Starts the writer, which finds a log or makes one. After a throw no process runs.
    package func start() throws(StoreError) {
        precondition(worker == nil, "one process at a time")
        starts += 1
        // No two starts are at the same nanosecond.
        clock.advance(by: 1_000_000)
        ledger.resetCounters()
        (ownAccepted, ownDuplicates) = (0, 0)
        do throws(StoreError) {
            let files = try opening { () throws(IOFailure) in try kernel.files() }
            lock = try opening { () throws(IOFailure) in try files.lock() }
            let opened = try LogOpening(
                files, configuration: configuration, entropy: SeededEntropy(seed: seed &+ starts &* 7919), now: now
            ).open(creating: Self.logName)
            events = opened.events.map { String(decoding: $0, as: UTF8.self) }
            let performer: any ActionPerforming = defect?.wrap(opened.performer) ?? opened.performer
            let worker = StoreWorker(
                core: opened.core, performer: performer, time: clock, observer: mailbox, owner: (0, 1))
            self.worker = worker
            try submitOwn(opened.events)
            let base = WorkerRecorder(worker) { [unowned self] in problem = takeAnswers() }
            let (trusted, recorder) = defect?.wrap(files, base) ?? (files, base)
            custody = try Custody(
                trusted, recorder, entropy: SeededEntropy(seed: seed &+ starts &* 104_729),
                compression: configuration.compression)
            finishCustody()
            if let problem = takeAnswers() { throw StoreError(.damaged, problem) }
        } catch {
            end()
            throw error
        }
    }

    func opening<R>(_ body: () throws(IOFailure) -> R) throws(StoreError) -> R {
        do throws(IOFailure) {
            return try body()
        } catch {
            throw StoreError(error)
        }
    }

    /// What recovery has to tell is written before anything else.
    private func submitOwn(_ lines: [[UInt8]]) throws(StoreError) {
        guard !lines.isEmpty else { return }
        var batch = EventBatch()
        for line in lines { parser.append(own: line, to: &batch) }
        worker?.step(.submit([Submission(ticket: 0, uid: 0, pid: 1, batch: batch)]))
        if let problem = takeAnswers() { throw StoreError(.damaged, problem) }
    }

    /// The process stops in order: what waits is committed, then it is gone.
    package func stop() -> Violation? {
        worker?.step(.shutdown)
        let problem = takeAnswers()
        end()
        return problem.map { Violation($0) }
    }

    /// kill -9; the machine goes on. Also what follows a halt.
    package func kill() { end() }

    private func end() {
        worker?.end()
        worker = nil
        custody = nil
        unfinished = nil
        lock = nil
        waiting = [:]
        problem = nil
        mailbox.answers.withLock { $0 = [] }
        kernel.endProcess()
    }

    /// The power goes, if it has not gone yet, and comes back.
    package func powerCycle(_ loss: SimulatedDisk.Loss) {
        kernel.restart(loss)
        end()
    }

    // MARK: What clients do

    /// Sends events, one list for each of some connections, as one group.
    package func submit(_ groups: [[Int]], receipts: Bool = false, sync: Bool = false) -> Violation? {
        var submissions: [Submission] = []
        for tags in groups {
            lastTicket += 1
            waiting[lastTicket] = tags
            ledger.noteSent(tags)
            var batch = EventBatch()
            for tag in tags { append(ledger.events[tag].line, to: &batch) }
            if sync { batch.appendSync([UInt8(ascii: "7")]) }
            submissions.append(
                Submission(ticket: lastTicket, uid: 1000, pid: 42, batch: batch, wantsReceipts: receipts))
        }
        return step(.submit(submissions))
    }

    private func append(_ line: [UInt8], to batch: inout EventBatch) {
        let padded = line + [UInt8](repeating: 0, count: JSONParser.padding)
        padded.withUnsafeBytes { bytes in
            let whole = LineFramer.Line.whole(UnsafeRawBufferPointer(rebasing: bytes[..<line.count]))
            _ = parser.parse(whole, uid: 1000, into: &batch)
        }
    }

    package func step(_ input: Input) -> Violation? {
        if input.isTick, worker?.isSuspended == true { worker?.retry() } else { worker?.step(input) }
        // What was promised is judged before the writer goes on, which may lose the file.
        if let problem = takeAnswers() { return Violation(problem) }
        worker?.keepUp()
        return takeAnswers().map { Violation($0) }
    }

    /// Takes the file of the active segment from under the writer, or its key, and lets the writer notice that.
    package func displace(key: Bool, leavesAnother: Bool) -> Violation? {
        guard let worker else { return nil }
        let path = key ? FileNames.epochKey : FileNames.segment(worker.core.activeSegment.firstSequence, .data)
        kernel.change { $0.tamper(path, leavesAnother && !key ? [1, 2, 3] : nil) }
        kernel.watch { worker.keepUp(isUrgent: true) }
        return takeAnswers().map { Violation($0) }
    }

    /// Writes every sealed segment anew, as the caretaker does beside the writer. What fails may be done later.
    package func compact() -> Violation? {
        guard phase == .running else { return nil }
        do throws(StoreError) {
            let compaction = try opening { () throws(IOFailure) in Compaction(try kernel.files()) }
            for first in try compaction.sealedSegments(from: 0) {
                _ = try compaction.run(first, .zlib(level: 6), forced: true)
            }
            return nil
        } catch {
            return error.code == .io ? nil : Violation("a segment cannot be written anew: \(error)")
        }
    }

    /// New settings, as after SIGHUP.
    package func reload(_ configuration: StoreConfiguration) {
        self.configuration = configuration
        worker?.core.configuration = configuration
    }

    func takeAnswers() -> String? {
        let answers = mailbox.answers.withLock { answers in
            defer { answers = [] }
            return answers
        }
        var problem = problem
        self.problem = nil
        for answer in answers {
            if answer.ticket == 0 {
                for run in answer.runs {
                    if case .accepted(let lines, _, _, _) = run { ownAccepted += UInt64(lines) }
                    if case .duplicate = run { ownDuplicates += 1 }
                }
                continue
            }
            guard let tags = waiting.removeValue(forKey: answer.ticket) else {
                return "an answer that nobody waits for"
            }
            problem = ledger.record(tags, answer) ?? problem
        }
        return problem ?? acknowledgedBehindLostSync(answers)
    }

    /// After a failed sync nothing of that file may be promised any more.
    private func acknowledgedBehindLostSync(_ answers: [Answer]) -> String? {
        guard let worker else { return nil }
        for answer in answers {
            for case .accepted(_, _, let segment, _) in answer.runs where segment == worker.status.segmentNumber {
                let path = FileNames.segment(worker.status.segmentFirstSequence, .data)
                if kernel.hasLostSync(path) { return "acknowledged from \(path), of which a sync had failed" }
            }
        }
        return nil
    }
}

extension Input {
    fileprivate var isTick: Bool { if case .tick = self { true } else { false } }
}
