package import CairnFormat
import CairnPlatform

/// What the log says of its own past: events of the daemon that account for data that is not there any more.
/// Format.md, "Traces", is the norm.
package enum Trace: Sendable, Equatable {
    /// Events whose segments were removed by policy, all that ever were: a later trace repeats those before it.
    case pruned(SequenceRanges)
    /// Events that were erased.
    case redacted(Redacted)
    /// Events whose segments are in the archive, all that ever came there.
    case archived(SequenceRanges)

    package struct Redacted: Sendable, Equatable {
        package var sequences: SequenceRanges
        /// User id of who asked for it.
        package var by: UInt32
        /// As a JSON string, quotes included.
        package var reason: [UInt8]
    }

    /// The action of the event, and the member of its details that holds the sequence numbers.
    package enum Kind: String, CaseIterable, Sendable {
        case pruned = "log.pruned"
        case redacted = "log.redacted"
        case archived = "segment.archived"
    }

    /// Reads a stored line; nil if it is no trace. Only the daemon itself can write one: what a client sends cannot bear
    /// its stamp.
    ///
    /// - Parameter line: `JSONParser.padding` readable bytes stand behind it.
    package init?(_ line: UnsafeRawBufferPointer, _ parser: JSONParser) {
        guard let stamps = try? Stamps(line: line), stamps.isOwn, let tape = try? parser.parse(line),
            let module = tape.member("module", of: 1), tape.kind(module) == .string,
            tape.string(module).elementsEqual("system".utf8),
            let action = tape.member("action", of: 1), tape.kind(action) == .string,
            let kind = Kind(rawValue: String(decoding: tape.string(action), as: UTF8.self)),
            let details = tape.member("details", of: 1), let list = tape.member("sequences", of: details),
            let sequences = SequenceRanges(tape, at: list)
        else { return nil }
        switch kind {
        case .pruned: self = .pruned(sequences)
        case .archived: self = .archived(sequences)
        case .redacted:
            guard let by = tape.member("by", of: details).flatMap(tape.integer).flatMap(UInt32.init(exactly:)),
                let reason = tape.member("reason", of: details), tape.kind(reason) == .string
            else { return nil }
            var text: [UInt8] = []
            text.append(jsonString: tape.string(reason))
            self = .redacted(Redacted(sequences: sequences, by: by, reason: text))
        }
    }
}

extension AuditLog {
    /// The traces of a kind, newest first, with the numbers of their events, until `body` says stop. Segments that are
    /// encrypted for others are passed over: what the newest trace of ``Trace/pruned(_:)`` and ``Trace/archived(_:)``
    /// says was repeated before its segment was encrypted.
    package func forEachTrace(
        _ kind: Trace.Kind, _ body: (UInt64, Trace) -> QueryStep
    ) throws(ReadError) {
        let parser = try reading("") { () throws(FormatError) in try JSONParser() }
        let filter = Filter(terms: [.equal("module", "system"), .equal("action", kind.rawValue)])
        var query = Query(filter: filter, order: .newestFirst)
        query.passesEncrypted = true
        var padded: [UInt8] = []
        try forEach(query) { sequence, line in
            padded.removeAll(keepingCapacity: true)
            padded.append(contentsOf: line)
            padded.append(contentsOf: repeatElement(0, count: JSONParser.padding))
            let trace = padded.withUnsafeBytes { Trace(UnsafeRawBufferPointer(rebasing: $0[..<line.count]), parser) }
            guard let trace else { return .next }
            return body(sequence, trace)
        }
    }

    /// What the archive holds, and which events were erased here since it was last said: of these it may still have a
    /// copy.
    package func archived() throws(ReadError) -> (archived: SequenceRanges, erasedSince: SequenceRanges) {
        var newest: (event: UInt64, sequences: SequenceRanges)?
        try forEachTrace(.archived) { event, trace in
            if case .archived(let sequences) = trace { newest = (event, sequences) }
            return .stop
        }
        guard let newest else { return (SequenceRanges(), SequenceRanges()) }
        var erased = SequenceRanges()
        try forEachTrace(.redacted) { event, trace in
            guard event > newest.event else { return .stop }
            if case .redacted(let redacted) = trace { erased.formUnion(redacted.sequences) }
            return .next
        }
        return (newest.sequences, erased)
    }

    /// The sequence numbers that the newest trace of a kind names, which for `pruned` and `archived` are all there ever
    /// were.
    package func newestTrace(_ kind: Trace.Kind) throws(ReadError) -> Trace? {
        var newest: Trace?
        try forEachTrace(kind) { _, trace in
            newest = trace
            return .stop
        }
        return newest
    }
}
