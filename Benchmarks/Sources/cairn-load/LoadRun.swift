import Glibc
import Histogram
import LoadEvents

/// All connections, on one thread.
struct LoadRun {
    struct Plan {
        var socket: String
        var connections: Int
        /// Of all connections.
        var events: Int
        var batch: Int
        var window: Int
        var isAcknowledged: Bool
        /// Events a second of all connections; 0: as fast as it goes.
        var rate: Int
    }

    private let plan: Plan
    private let events: LoadEvents
    private(set) var latencies = LoadRun.histogram()
    private(set) var recent = LoadRun.histogram()
    private(set) var nanoseconds: Int64 = 0
    private(set) var sent = 0
    private(set) var sentBytes = 0
    private(set) var answered = 0
    private(set) var rejected = 0

    init(_ plan: Plan, _ events: LoadEvents) {
        self.plan = plan
        self.events = events
    }

    /// Up to an hour, in nanoseconds.
    private static func histogram() -> Histogram<UInt64> {
        Histogram(highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: .three)
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Sends everything and waits until it is answered, or read to the end.
    ///
    /// - Parameter report: called every `interval` nanoseconds with the run as it is; 0: never.
    mutating func run(every interval: Int64, _ report: (LoadRun) -> Void) throws {
        let start = LoadRun.now()
        let connections = try connect(start)
        var readiness = Readiness(connections.map(\.descriptor))
        var hasRoom = [Bool](repeating: true, count: connections.count)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
        defer { room.deallocate() }
        var (open, nextReport) = (connections.count, start + interval)
        while open > 0 {
            var pause: Int64?
            let now = LoadRun.now()
            for (number, connection) in connections.enumerated() where !connection.isClosed {
                if hasRoom[number], connection.wantsWrite(now) { hasRoom[number] = try connection.write(LoadRun.now) }
                readiness.set(number, wantsRoom: !hasRoom[number])
                if connection.isAwaitingTime { pause = min(pause ?? .max, max(0, connection.due - now)) }
            }
            if interval > 0 { pause = min(pause ?? .max, max(0, nextReport - now)) }
            var ended: [Int] = []
            try readiness.wait(nanoseconds: pause) { number, isReadable, isWritable in
                if isWritable { hasRoom[number] = true }
                guard isReadable, !connections[number].isClosed else { return }
                try connections[number].read(room, LoadRun.now, &recent)
                guard connections[number].isClosed else { return }
                ended.append(number)
            }
            for number in ended { readiness.set(number, wantsRoom: nil) }
            open -= ended.count
            if interval > 0, LoadRun.now() >= nextReport {
                gather(connections, since: start)
                report(self)
                nextReport += interval
                merge()
            }
        }
        gather(connections, since: start)
        merge()
    }

    private func connect(_ start: Int64) throws -> [LoadConnection] {
        let share = (plan.events + plan.connections - 1) / plan.connections
        var settings = LoadConnection.Settings(
            batch: plan.batch, window: plan.window, isAcknowledged: plan.isAcknowledged, interval: 0)
        if plan.rate > 0 {
            settings.interval = Int64(plan.batch) * Int64(plan.connections) * 1_000_000_000 / Int64(plan.rate)
        }
        return try (0..<plan.connections).map { number in
            try LoadConnection(
                plan.socket, events, first: number * events.count / plan.connections,
                count: max(0, min(share, plan.events - number * share)),
                due: start + settings.interval * Int64(number) / Int64(plan.connections), settings)
        }
    }

    private mutating func gather(_ connections: [LoadConnection], since start: Int64) {
        nanoseconds = LoadRun.now() - start
        sent = connections.reduce(0) { $0 + $1.sent }
        sentBytes = connections.reduce(0) { $0 + $1.sentBytes }
        answered = connections.reduce(0) { $0 + $1.answered }
        rejected = connections.reduce(0) { $0 + $1.rejected }
    }

    private mutating func merge() {
        for value in recent.recordedValues() { latencies.record(value.value, count: value.count) }
        recent.reset()
    }
}
