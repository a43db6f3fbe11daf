import CairnFormat
import CairnPlatform

extension AuditLog {
    /// The events that a query finds, and from then on those that come, until ``Follower/stop()``.
    ///
    /// - Parameter query: `limit` means to begin with the last that many of the events that are there, and nil to begin
    ///   with the first of them; `after` means to begin behind that event. The order is always oldest first.
    public func follow(_ query: Query = Query()) throws(ReadError) -> Follower {
        try Follower(self, query)
    }
}

/// Gives the events of a log as they come: over rotations and over files that are replaced.
///
/// An event is given as soon as its block is in the file. That is at most a moment before the daemon acknowledges it.
public final class Follower: Sendable {
    /// How to learn that something has changed. The kernel tells it; a look now and then covers what it does not see,
    /// such as a writer on another host of a network file system.
    package struct Waiting: Sendable {
        /// Milliseconds between two looks while a watch tells of changes: rarely, as who waits must not cost anything.
        package var watched: Int32 = 60_000
        /// Milliseconds between two looks where there is no watch.
        package var unwatched: Int32 = 250

        package init(watched: Int32 = 60_000, unwatched: Int32 = 250) {
            self.watched = watched
            self.unwatched = unwatched
        }
    }

    private struct State {
        /// What is being read; nil between two looks.
        var scan: QueryScan?
        /// Matches of its batch that were given.
        var taken = 0
        /// Events below it need no second look.
        var nextSequence: UInt64
        var tail: SegmentSpans.Tail?
        /// What comes before the first look, the next one last: the beginning that `limit` asks for.
        var beginning: [QueriedEvent]
    }

    private let directory: LogDirectory
    private let query: Query
    private let waiting: Waiting
    /// nil where there is no inotify, or no watch to be had.
    private let watch: DirectoryWatch?
    private let isStopped = Guarded(false)
    private let state: Guarded<State>

    package init(_ log: AuditLog, _ query: Query, waiting: Waiting = Waiting()) throws(ReadError) {
        directory = log.directory
        self.waiting = waiting
        // Before the first look, so that nothing comes between.
        watch = log.directory.path.flatMap { try? DirectoryWatch(root: $0, directories: [FileNames.segments]) }
        var query = query
        query.order = .oldestFirst
        var first = query.after.map { $0 < Limits.sequence ? $0 + 1 : Limits.sequence } ?? 0
        var beginning: [QueriedEvent] = []
        if query.limit != nil {
            let end = try log.endSequence()
            if first < end {
                beginning = try Follower.last(of: query, within: first..<end, log.directory)
                first = end
            }
        }
        query.limit = nil
        query.after = nil
        self.query = query
        state = Guarded(State(nextSequence: first, beginning: beginning))
    }

    /// Ends it: `next` returns nil from then on, and at once where it waits. Any thread may call it.
    public func stop() {
        isStopped.update { $0 = true }
        watch?.stop()
    }

    /// Waits for the next event; nil after `stop`. One thread at a time gets events; others wait for their turn.
    ///
    /// After an error the next call tries the same place again.
    public func next() throws(ReadError) -> QueriedEvent? {
        try state.withLock { (state: inout sending State) throws(ReadError) in
            while !isStopped.withLock({ $0 }) {
                if let event = state.beginning.popLast() { return event }
                if let event = try take(&state) { return event }
                try wait()
            }
            return nil
        }
    }

    /// The next event that is there; nil if none is left for now.
    private func take(_ state: inout State) throws(ReadError) -> QueriedEvent? {
        let scan = try currentScan(&state)
        do throws(ReadError) {
            if state.taken == scan.matches.count {
                state.taken = 0
                guard try scan.nextBatch() else {
                    end(scan, &state, tail: scan.tail)
                    return nil
                }
            }
        } catch {
            end(scan, &state, tail: nil)
            throw error
        }
        defer { state.taken += 1 }
        return scan.event(state.taken)
    }

    private func currentScan(_ state: inout State) throws(ReadError) -> QueryScan {
        if let scan = state.scan { return scan }
        let scan = try QueryScan(
            directory, query, within: state.nextSequence..<Limits.sequence, after: state.tail)
        state.scan = scan
        return scan
    }

    private func end(_ scan: QueryScan, _ state: inout State, tail: SegmentSpans.Tail?) {
        state.scan = nil
        state.taken = 0
        state.tail = tail
        state.nextSequence = max(state.nextSequence, scan.examinedEnd)
    }

    private func wait() throws(ReadError) {
        if let watch {
            _ = try accessing { () throws(IOFailure) in
                try watch.wait(timeoutMilliseconds: waiting.watched)
            }
        } else {
            let deadline = SystemTimeSource().monotonic() + Int64(waiting.unwatched) * 1_000_000
            isStopped.wait(until: deadline, while: { !$0 }, then: { _ in })
        }
    }

    /// The last `query.limit` events that match, the newest first.
    private static func last(
        of query: Query, within bounds: Range<UInt64>, _ directory: LogDirectory
    ) throws(ReadError) -> [QueriedEvent] {
        var query = query
        query.order = .newestFirst
        query.after = nil
        let scan = try QueryScan(directory, query, within: bounds)
        var events: [QueriedEvent] = []
        while try scan.nextBatch() {
            for number in scan.matches.indices { events.append(scan.event(number)) }
        }
        return events
    }
}
