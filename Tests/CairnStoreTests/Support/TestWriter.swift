import CairnFormat
import CairnPlatform
import CairnSimulation
import CairnStore
import Testing

/// Names and times that the tests share.
enum Fixture {
    static let name = "audit.example.com/host1"
    static let wall: Int64 = 1_795_246_752_123_456_000
    static let now = Moment(wall: Time(nanoseconds: wall), monotonic: Time.perSecond)

    /// Rotates on request alone.
    static var configuration: StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.segmentAge = 1_000_000 * Time.perSecond
        return configuration
    }

    /// An event whose action tells it from all others.
    static func line(_ tag: String, module: String = "scanning", id: String? = nil, filler: Int = 0) -> String {
        let identity = id.map { ",\"id\":\"\($0)\"" } ?? ""
        let details = filler > 0 ? ",\"details\":\"\(String(repeating: "x", count: filler))\"" : ""
        return "{\"action\":\"\(tag)\",\"module\":\"\(module)\"\(identity)\(details)}"
    }

    static func batch(_ lines: [String], uid: UInt32 = 1000, sync: String? = nil) throws -> EventBatch {
        let parser = try EventParser()
        var batch = EventBatch()
        for line in lines {
            let padded = Array(line.utf8) + [UInt8](repeating: 0, count: JSONParser.padding)
            padded.withUnsafeBytes { bytes in
                let whole = LineFramer.Line.whole(UnsafeRawBufferPointer(rebasing: bytes[..<line.utf8.count]))
                _ = parser.parse(whole, uid: uid, into: &batch)
            }
        }
        if let sync { batch.appendSync(Array(sync.utf8)) }
        return batch
    }

    static func submission(
        _ lines: [String], ticket: UInt64 = 1, uid: UInt32 = 1000, sync: String? = nil, receipts: Bool = false
    ) throws -> Submission {
        Submission(
            ticket: ticket, uid: uid, pid: 42, batch: try batch(lines, uid: uid, sync: sync), wantsReceipts: receipts)
    }
}

/// Everything that clients were told, by the tags of the events.
struct Ledger: Sendable {
    /// Sequence numbers by tag.
    var acknowledged: [String: UInt64] = [:]
    /// Tags in the order in which they were told.
    var order: [String] = []

    mutating func record(_ tags: [String], _ answers: [Answer]) {
        var rest = tags[...]
        for run in answers.flatMap(\.runs) {
            switch run {
            case .accepted(let lines, let first, _, _):
                for index in 0..<UInt64(lines) {
                    guard let tag = rest.popFirst() else { return }
                    #expect(acknowledged[tag] == nil, "\(tag) was acknowledged twice")
                    acknowledged[tag] = first + index
                    order.append(tag)
                }
            case .duplicate, .rejected: _ = rest.popFirst()
            case .synced: break
            }
        }
    }
}

/// Drives core and performer on one thread, as the writer's thread does, and notes what clients are told.
struct TestWriter {
    enum Outcome: Equatable {
        case done
        case suspended
        case halted
        /// The power went.
        case down
    }

    let files: TestDisk
    let clock: SimulatedClock
    var core: StoreCore
    var performer: ActionPerformer
    var ledger: Ledger
    /// The daemon's own events, as recovery gave them.
    let events: [String]
    private(set) var answers: [Answer] = []
    private var tags: [String] = []

    /// Opens the log, or makes it. The clock goes on a little, as no two starts are at the same nanosecond.
    init(
        _ files: TestDisk, clock: SimulatedClock = SimulatedClock(),
        configuration: StoreConfiguration = Fixture.configuration, ledger: Ledger = Ledger(), seed: UInt64 = 1
    ) throws(StoreError) {
        clock.advance(by: 1_000_000)
        let now = Moment(wall: Time(nanoseconds: clock.wall()), monotonic: clock.monotonic())
        let entropy = SeededEntropy(seed: seed &+ UInt64(bitPattern: now.wall.nanoseconds))
        let opening = LogOpening(files.files, configuration: configuration, entropy: entropy, now: now)
        let opened = try opening.open(creating: Fixture.name)
        (self.files, self.clock, self.ledger) = (files, clock, ledger)
        (core, performer) = (opened.core, opened.performer)
        events = opened.events.map { String(decoding: $0, as: UTF8.self) }
    }

    var now: Moment { Moment(wall: Time(nanoseconds: clock.wall()), monotonic: clock.monotonic()) }

    /// Does one step with all that follows from it.
    mutating func step(_ input: Input) -> Outcome {
        perform(core.step(input, now: now))
    }

    /// Submits one event for each tag, as one connection would.
    mutating func submit(_ tags: [String], filler: Int = 0) throws -> Outcome {
        let lines = tags.map { Fixture.line($0, id: "id-\($0)", filler: filler) }
        self.tags = tags
        return step(.submit([try Fixture.submission(lines)]))
    }

    /// Writes what recovery has to tell, as the writer does before anything else.
    mutating func submitEvents() throws -> Outcome {
        guard !events.isEmpty else { return .done }
        tags = events
        return step(.submit([try Fixture.submission(events, uid: 0)]))
    }

    /// Tries again until the disk has space.
    mutating func retry() -> Outcome {
        clock.advance(by: core.configuration.retryInterval)
        return step(.tick)
    }

    private mutating func perform(_ actions: [Action]) -> Outcome {
        for (index, action) in actions.enumerated() {
            switch action {
            case .acknowledge(let answers):
                self.answers += answers
                ledger.record(tags, answers)
                tags = []
            case .halt: return .halted
            default:
                do throws(IOFailure) {
                    try performer.perform(action)
                } catch {
                    if files.isDown { return .down }
                    let failed = Input.failed(
                        index: index, isOutOfSpace: error.isOutOfSpace, message: error.description)
                    let outcome = perform(core.step(failed, now: now))
                    return outcome == .halted ? .halted : .suspended
                }
            }
        }
        if !actions.isEmpty { _ = core.step(.performed, now: now) }
        return .done
    }
}

/// A short life of a log with all that a writer does: commits, heads, rotations.
enum Workload {
    enum Step: Sendable {
        case submit([String])
        case tick
        case rotate
        case shutdown
    }

    static let steps: [Step] = [
        .tick, .submit(["a1", "a2", "a3"]), .submit(["a4"]), .tick, .submit(["a5", "a6"]), .rotate,
        .submit(["b1", "b2"]), .tick, .submit(["b3"]), .rotate, .submit(["c1"]), .shutdown,
    ]

    /// Runs until something stops the writer; a full disk is waited for.
    static func run(_ steps: [Step], _ writer: inout TestWriter) throws -> TestWriter.Outcome {
        var outcome = try writer.submitEvents()
        for step in steps {
            if outcome == .suspended { outcome = retryUntilDone(&writer) }
            guard outcome == .done else { return outcome }
            switch step {
            case .submit(let tags): outcome = try writer.submit(tags)
            case .tick:
                writer.clock.advance(by: 61 * Time.perSecond)
                outcome = writer.step(.tick)
            case .rotate: outcome = writer.step(.rotate)
            case .shutdown: outcome = writer.step(.shutdown)
            }
        }
        return outcome == .suspended ? retryUntilDone(&writer) : outcome
    }

    private static func retryUntilDone(_ writer: inout TestWriter) -> TestWriter.Outcome {
        for _ in 0..<10 {
            let outcome = writer.retry()
            if outcome != .suspended { return outcome }
        }
        return .suspended
    }
}
