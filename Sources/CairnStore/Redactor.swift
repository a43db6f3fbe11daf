package import CairnFormat
package import CairnPlatform
internal import CairnReader

/// Erases single events from sealed segments. The order makes every crash harmless: the request is durable, then the
/// event `log.redacted` that accounts for it, then segment after segment is written anew without the content and its
/// salt; the request goes last. What is not finished is finished at the next start, and is not called done before.
package struct Redactor {
    /// Ranges that one event `log.redacted` names at most: it stays an event that people can look at.
    static let rangesPerEvent = 4096

    private let files: any FileSystem
    private let recorder: any EventRecorder
    private let compression: Compression
    private let encryption: SegmentRewrite.Encryption?

    package init(
        _ files: any FileSystem, _ recorder: any EventRecorder, _ compression: Compression,
        _ encryption: SegmentRewrite.Encryption? = nil
    ) {
        self.files = files
        self.recorder = recorder
        self.compression = compression
        self.encryption = encryption
    }

    /// What became of a request.
    package struct Outcome: Sendable, Equatable {
        /// Numbers of the events `log.redacted`.
        package var traces: [UInt64] = []
        /// Segments that were written anew.
        package var segments = 0
    }

    /// Finishes what a crash or a failure has cut off; nil if there is nothing.
    package func finish() throws(StoreError) -> Outcome? {
        guard let request = try RedactionRequest.pending(files) else { return nil }
        do throws(StoreError) {
            return try carryOut(request)
        } catch {
            guard error.code == .refused else { throw error }
            throw StoreError(
                .refused,
                "a redaction that was begun is not finished: \(error.message); run \"cairn redact\" with it first")
        }
    }

    /// Erases the events of a request, all of them in sealed segments. Of what was erased before nothing changes.
    package func run(_ request: RedactionRequest) throws(StoreError) -> Outcome {
        guard request.sequences.ranges.count <= RedactionRequest.rangeLimit else {
            throw StoreError(.refused, "more than \(RedactionRequest.rangeLimit) runs of events in one request")
        }
        _ = try finish()
        let files = files
        try storing { () throws(IOFailure) in
            try files.replace(RedactionRequest.path, with: request.encoded, mode: 0o640)
        }
        return try carryOut(request)
    }

    private func carryOut(_ request: RedactionRequest) throws(StoreError) -> Outcome {
        var outcome = Outcome()
        let erasures = try account(for: request, &outcome)
        let directory = LogDirectory(files, identities: encryption?.identities ?? [])
        for segment in try scanning({ () throws(ReadError) in try directory.segments() }) {
            guard segment.isSealed, segment.hasData,
                let seal = try scanning({ () throws(ReadError) in try directory.seal(segment) })
            else { continue }
            let sequences = seal.firstSequence..<seal.endSequence
            let own = erasures.filter { $0.sequences.overlaps(sequences) }
            guard !own.isEmpty else { continue }
            _ = try SegmentRewrite(files, seal, compression, encryption, erasing: own).run()
            let files = files
            try storing { () throws(IOFailure) in try files.removeRecoveryCopies(of: seal.firstSequence) }
            outcome.segments += 1
        }
        try complete(request, outcome)
        return outcome
    }

    /// Writes the events that say what is erased, or finds those of an attempt before.
    private func account(
        for request: RedactionRequest, _ outcome: inout Outcome
    ) throws(StoreError) -> [Redaction] {
        var reason: [UInt8] = []
        reason.append(jsonString: request.reason.utf8)
        var erasures: [Redaction] = []
        let ranges = request.sequences.ranges
        for start in stride(from: 0, to: ranges.count, by: Redactor.rangesPerEvent) {
            let part = ranges[start..<min(ranges.count, start + Redactor.rangesPerEvent)]
            let sequences = SequenceRanges(part)
            let line = OwnEvent.line(
                action: Trace.Kind.redacted.rawValue, status: "success", severity: "high",
                id: "redaction-\(request.id)-\(start / Redactor.rangesPerEvent)",
                details: [
                    "sequences": .ranges(sequences), "events": .number(sequences.count),
                    "by": .number(UInt64(request.by)), "reason": .text(request.reason),
                ])
            guard let event = try recorder.record([line]).first else {
                throw StoreError(.io, "the event log.redacted was not stored; nothing was erased")
            }
            outcome.traces.append(event)
            erasures += part.map { Redaction(sequences: $0, event: event, by: request.by, reason: reason) }
        }
        return erasures
    }

    private func complete(_ request: RedactionRequest, _ outcome: Outcome) throws(StoreError) {
        _ = try recorder.record([
            OwnEvent.line(
                action: "redaction.completed", status: "success", severity: "medium",
                id: "redaction-\(request.id)-completed",
                details: [
                    "events": .number(request.sequences.count),
                    "traces": .ranges(SequenceRanges(outcome.traces.map { $0..<($0 + 1) })),
                ])
        ])
        let files = files
        try storing { () throws(IOFailure) in
            try files.remove(RedactionRequest.path)
            try files.syncDirectory("")
        }
    }
}
