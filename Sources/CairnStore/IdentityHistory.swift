internal import CairnFormat
internal import CairnReader

/// Finds the idempotency keys of the newest segments when a writer starts.
struct IdentityHistory {
    private let directory: LogDirectory
    private let limit: Int
    private let age: Int64
    private let oldest: Time

    typealias Entry = IdentityWindow.Entry

    init(_ directory: LogDirectory, configuration: StoreConfiguration, now: Time) {
        self.directory = directory
        limit = configuration.identities
        age = configuration.identityAge
        let (start, overflow) = now.nanoseconds.subtractingReportingOverflow(age)
        oldest = overflow ? .distantPast : Time(nanoseconds: start)
    }

    /// - Parameters:
    ///   - active: those of the active segment, which begins with event `before`, in order.
    ///   - first: event before which there is none that is wanted.
    func window(active: [Entry], before: UInt64, from first: UInt64) throws(ReadError) -> IdentityWindow {
        var window = IdentityWindow(limit: limit, age: age)
        guard limit > 0 else { return window }
        // Runs of entries, newest run first; each run is in order.
        var runs = [active]
        var count = active.count
        let segments = first < before ? try directory.segments() : []
        let sealed = segments.filter { $0.isSealed && $0.hasData && $0.firstSequence < before }
        var end = before
        for segment in sealed.reversed() where count < limit {
            guard end > first else { break }
            end = segment.firstSequence
            guard let run = try entries(of: segment) else { break }
            count += run.count
            runs.append(run)
        }
        window.reserve(min(limit, count))
        for entry in runs.reversed().joined() where entry.received >= oldest { window.insert(entry) }
        return window
    }

    /// What can be read of a segment; nil if all of it is too old. Where it is damaged the keys are not known; that is for
    /// the verifier to tell, and no reason to take no new events.
    private func entries(of segment: LogDirectory.Segment) throws(ReadError) -> [Entry]? {
        var entries: [Entry] = []
        if let index = directory.index(segment), let last = index.spans.last {
            guard last.lastReceived >= oldest else { return nil }
            if try readable({ () throws(ReadError) in try read(segment, index, &entries) }) { return entries }
        }
        guard let seal = try directory.seal(segment), seal.received.upperBound >= oldest else { return nil }
        entries = []
        _ = try readable { () throws(ReadError) in
            let (reader, events) = try open(segment)
            try read(reader, until: seal.endSequence, events, &entries)
        }
        return entries
    }

    /// Whether what `body` read was good.
    private func readable(_ body: () throws(ReadError) -> Void) throws(ReadError) -> Bool {
        do throws(ReadError) {
            try body()
            return true
        } catch {
            guard error.code != .io else { throw error }
            return false
        }
    }

    private func open(_ segment: LogDirectory.Segment) throws(ReadError) -> (SegmentReader, StoredEventReader) {
        let path = segment.path(.data)
        let reader = try SegmentReader(directory.files, path: path)
        return (reader, try reading(path) { () throws(FormatError) in try StoredEventReader() })
    }

    private func read(
        _ segment: LogDirectory.Segment, _ index: SegmentIndex, _ entries: inout [Entry]
    ) throws(ReadError) {
        let wanted = index.spans.filter { $0.identified > 0 && $0.lastReceived >= oldest }
        guard !wanted.isEmpty else { return }
        let (reader, events) = try open(segment)
        guard index.isWhole(from: segment.firstSequence, at: reader.offset) else {
            throw ReadError(FormatError(.mismatch, "the index is not of this segment"), path: segment.path(.index))
        }
        for span in wanted {
            reader.seek(offset: span.offset, sequence: span.firstSequence)
            try read(reader, until: span.endSequence, events, &entries)
        }
    }

    private func read(
        _ reader: SegmentReader, until end: UInt64, _ events: StoredEventReader, _ entries: inout [Entry]
    ) throws(ReadError) {
        var lines: [UInt8] = []
        var terms = IndexTerms()
        while reader.nextSequence < end, case .block = try reader.next(into: &lines) {
            events.beginSegment()
            try forEachLine(of: lines) { _, line throws(ReadError) in
                // Of an erased event its key is gone, too.
                if reader.header.isPunctured, RedactedLine.isOne(line) { return }
                terms.removeAll()
                let event = try reading(reader.path) { () throws(FormatError) in
                    try events.read(line, terms: &terms)
                }
                guard let identity = event.identity else { return }
                entries.append(
                    Entry(identity: identity, sequence: event.stamps.sequence, received: event.stamps.received))
            }
        }
    }
}
