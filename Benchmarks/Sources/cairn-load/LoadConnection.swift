import Glibc
import Histogram
import LoadEvents

/// One producer: writes its share of the events, batch by batch, and takes the daemon's answers. It never waits; whoever
/// runs it says when there is room and when there is something to read.
final class LoadConnection {
    struct Settings {
        /// Lines of one write.
        var batch: Int
        /// Lines that may wait for their acknowledgement.
        var window: Int
        var isAcknowledged: Bool
        /// Nanoseconds from one batch to the next; 0: as fast as it goes.
        var interval: Int64
    }

    let descriptor: Int32
    private let events: LoadEvents
    private let settings: Settings
    private let count: Int
    private(set) var sent = 0
    private(set) var sentBytes = 0
    private(set) var answered = 0
    private(set) var rejected = 0
    private(set) var isClosed = false
    /// When the next batch is due.
    private(set) var due: Int64
    /// Index of the next line.
    private var next: Int
    /// What is left of the batch that is being written.
    private var rest = 0..<0
    /// Last line of each batch that waits, and when it was due or, at full speed, begun.
    private var waiting: [(end: Int, begin: Int64)] = []
    private var firstWaiting = 0
    private var isShut = false
    private var answers = AnswerScanner()

    /// - Parameters:
    ///   - first: index of the first line it sends; behind the last it goes on with the first of all.
    ///   - count: lines that it sends.
    ///   - due: when the first batch is due, on the monotonic clock.
    init(_ path: String, _ events: LoadEvents, first: Int, count: Int, due: Int64, _ settings: Settings) throws {
        self.events = events
        self.settings = settings
        self.count = count
        self.due = due
        next = first
        descriptor = try Sockets.connect(path)
        if settings.isAcknowledged { try Sockets.sendAll(descriptor, Array("{\"_hello\":{\"ack\":true}}\n".utf8)) }
        try Sockets.setNonblocking(descriptor)
    }

    deinit { close(descriptor) }

    /// Whether it would write now if there were room.
    func wantsWrite(_ now: Int64) -> Bool {
        guard !isShut else { return false }
        if !rest.isEmpty { return true }
        if sent == count { return answered >= sent || !settings.isAcknowledged }
        return due <= now
            && (!settings.isAcknowledged || sent - answered + settings.batch <= max(settings.window, settings.batch))
    }

    /// Whether only time keeps it from writing.
    var isAwaitingTime: Bool { !isShut && rest.isEmpty && sent < count && settings.interval > 0 }

    /// Writes until there is no room; false then.
    func write(_ now: () -> Int64) throws -> Bool {
        while true {
            if rest.isEmpty {
                let time = now()
                guard wantsWrite(time) else { return true }
                if sent == count {
                    shutdown(descriptor, Int32(SHUT_WR))
                    isShut = true
                    return true
                }
                begin(time)
            }
            let written = events.bytes.withUnsafeBytes { bytes in
                send(
                    descriptor, bytes.baseAddress.map { $0 + rest.lowerBound }, rest.count, Int32(MSG_NOSIGNAL)
                )
            }
            if written < 0 {
                if errno == EAGAIN { return false }
                throw LoadError("send: \(LoadError.reason)")
            }
            sentBytes += written
            rest = (rest.lowerBound + written)..<rest.upperBound
        }
    }

    private func begin(_ now: Int64) {
        let lines = min(settings.batch, count - sent, events.count - next)
        rest = events.starts[next]..<events.starts[next + lines]
        next = (next + lines) % events.count
        sent += lines
        if settings.isAcknowledged { waiting.append((sent, settings.interval > 0 ? due : now)) }
        due = settings.interval > 0 ? due + settings.interval : due
    }

    /// Reads what there is. `latencies` are in nanoseconds, once for each event.
    func read(_ room: UnsafeMutableRawBufferPointer, _ now: () -> Int64, _ latencies: inout Histogram<UInt64>) throws {
        while true {
            let count = recv(descriptor, room.baseAddress, room.count, 0)
            if count < 0 {
                if errno == EAGAIN { return }
                throw LoadError("recv: \(LoadError.reason)")
            }
            if count == 0 {
                isClosed = true
                return
            }
            guard settings.isAcknowledged else { continue }
            let found = answers.take(UnsafeRawBufferPointer(rebasing: room[..<count]))
            answered += found.lines
            rejected += found.rejected
            settle(now(), &latencies)
            if count < room.count { return }
        }
    }

    private func settle(_ now: Int64, _ latencies: inout Histogram<UInt64>) {
        while firstWaiting < waiting.count, waiting[firstWaiting].end <= answered {
            let before = firstWaiting > 0 ? waiting[firstWaiting - 1].end : settled
            let (end, begin) = waiting[firstWaiting]
            latencies.record(UInt64(max(1, now - begin)), count: UInt64(end - before))
            firstWaiting += 1
        }
        if firstWaiting > 1024 {
            settled = waiting[firstWaiting - 1].end
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
    }

    /// Lines up to the batches that are no longer kept.
    private var settled = 0
}

/// Counts the lines that the daemon's answers speak of.
struct AnswerScanner {
    private var line: [UInt8] = []

    /// Bytes of answers, whole lines or not.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> (lines: Int, rejected: Int) {
        var found = (lines: 0, rejected: 0)
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if starts(with: "{\"_ack\":{\"lines\":") {
                found.lines += number(at: 17)
            } else if starts(with: "{\"_error\":{\"line\":") {
                found.lines += 1
                found.rejected += 1
            }
            line.removeAll(keepingCapacity: true)
        }
        return found
    }

    private func starts(with text: StaticString) -> Bool {
        line.starts(with: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private func number(at start: Int) -> Int {
        var value = 0
        for byte in line[start...] {
            guard byte &- UInt8(ascii: "0") < 10 else { break }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
