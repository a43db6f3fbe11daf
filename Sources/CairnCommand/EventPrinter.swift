import CairnFormat
import CairnPlatform
import CairnReader

/// Prints what queries find, and remembers how far it came.
final class EventPrinter {
    private(set) var count = 0
    /// The greatest sequence number that was printed: where an answer that is asked for later goes on.
    private(set) var lastSequence: UInt64?
    private var formatter: any EventFormatter
    /// Whether beginning and end are written.
    private var isFinished = false
    let output: Output

    convenience init(_ settings: OutputSettings, output: Output = Output()) {
        self.init(settings.formatter(), output: output)
    }

    init(_ formatter: any EventFormatter, output: Output = Output()) {
        self.formatter = formatter
        self.output = output
    }

    /// Prints all that `query` finds, in a form that the library writes. Nothing else must be printed with it.
    func export(_ query: Query, _ form: ExportForm, fields: [String], of log: AuditLog) throws -> QueryStatistics {
        let result = try log.export(
            ExportRequest(query, form, fields: fields),
            to: { bytes in
                output.bytes.append(contentsOf: bytes)
                try output.flushIfFull()
            })
        count += Int(result.rows)
        lastSequence = result.lastSequence
        isFinished = true
        return result.statistics
    }

    /// Prints all that `query` finds.
    @discardableResult
    func print(_ query: Query, of log: AuditLog) throws -> QueryStatistics {
        var failure: (any Error)?
        let statistics = try log.forEach(query) { sequence, line in
            do {
                try append(line, sequence)
                return .next
            } catch {
                failure = error
                return .stop
            }
        }
        if let failure { throw failure }
        return statistics
    }

    /// Prints the newest events that match, the oldest of them first, as journalctl -n does. Nothing is held: a look
    /// from the end finds where they begin.
    @discardableResult
    func printNewest(_ limit: Int, _ query: Query, of log: AuditLog) throws -> QueryStatistics {
        var query = query
        query.limit = limit
        query.order = .newestFirst
        let lowest = query.after
        query.after = nil
        var first: UInt64?
        let statistics = try log.forEach(query) { sequence, _ in
            if let lowest, sequence <= lowest { return .stop }
            first = sequence
            return .next
        }
        guard let first else { return statistics }
        query.order = .oldestFirst
        query.after = first > 0 ? first - 1 : nil
        return try print(query, of: log)
    }

    /// Prints the events that come after `sequence` (nil: from the first on), each at once. It ends with the process.
    ///
    /// - Parameter flushed: called after events were written, with the number of the last.
    func follow(_ query: Query, after sequence: UInt64?, of log: AuditLog, flushed: (UInt64) throws -> Void) throws {
        var query = query
        query.limit = nil
        query.order = .oldestFirst
        query.after = sequence
        try finish()
        let follower = try log.follow(query)
        while let event = try follower.next() {
            try event.line.withUnsafeBytes { try append($0, event.sequence) }
            try finish()
            try flushed(event.sequence)
        }
    }

    /// Writes all that is held back.
    func finish() throws {
        if !isFinished { formatter.finish(to: &output.bytes) }
        try output.flush()
    }

    private func append(_ line: UnsafeRawBufferPointer, _ sequence: UInt64) throws {
        formatter.append(line, to: &output.bytes)
        count += 1
        lastSequence = max(sequence, lastSequence ?? 0)
        try output.flushIfFull()
    }
}
