package import CairnFormat
package import CairnPlatform
internal import CairnReader

/// Removes the data of sealed segments. A signed event says so first: from then on they are PRUNED, and a crash can only
/// leave more than that event says. The seals stay.
package struct Pruner {
    /// Segments that one event names: a hold that comes meanwhile waits for no more than these.
    package static let segmentsPerEvent = 64

    private let files: any FileSystem
    private let recorder: any EventRecorder

    package init(_ files: any FileSystem, _ recorder: any EventRecorder) {
        self.files = files
        self.recorder = recorder
    }

    /// One segment, and the rule that lets it go.
    package struct Candidate: Sendable, Equatable {
        package var seal: Seal
        package var rule: String

        package init(seal: Seal, rule: String) {
            self.seal = seal
            self.rule = rule
        }
    }

    /// Removes up to `segmentsPerEvent` segments and returns the bytes that became free.
    package func prune(_ candidates: [Candidate], by: UInt32) throws(StoreError) -> UInt64 {
        guard !candidates.isEmpty else { return 0 }
        let directory = LogDirectory(files)
        let earlier = try scanning { () throws(ReadError) in try AuditLog(directory).newestTrace(.pruned) }
        var sequences = SequenceRanges()
        if case .pruned(let pruned)? = earlier { sequences = pruned }
        var bytes: UInt64 = 0
        for candidate in candidates {
            sequences.insert(candidate.seal.firstSequence..<candidate.seal.endSequence)
            bytes += try size(candidate.seal)
        }
        try account(for: candidates, sequences, bytes: bytes, by: by)
        for candidate in candidates { try remove(candidate.seal) }
        let files = files
        try storing { () throws(IOFailure) in try files.syncDirectory(FileNames.segments) }
        return bytes
    }

    private func account(
        for candidates: [Candidate], _ sequences: SequenceRanges, bytes: UInt64, by: UInt32
    ) throws(StoreError) {
        let events = candidates.reduce(0) { $0 + $1.seal.count }
        let first = candidates.map(\.seal.firstSequence).min() ?? 0
        let last = candidates.map(\.seal.endSequence).max() ?? 1
        _ = try recorder.record([
            OwnEvent.line(
                action: Trace.Kind.pruned.rawValue, status: "success", severity: "high",
                details: [
                    "segments": .number(UInt64(candidates.count)), "events": .number(events), "bytes": .number(bytes),
                    "first_seq": .number(first), "last_seq": .number(last - 1), "by": .number(UInt64(by)),
                    "rules": .list(Set(candidates.map(\.rule)).sorted()), "sequences": .ranges(sequences),
                ])
        ])
    }

    private func size(_ seal: Seal) throws(StoreError) -> UInt64 {
        let files = files
        return try storing { () throws(IOFailure) in
            let parts = [FileNames.Part.data, .index].map { FileNames.segment(seal.firstSequence, $0) }
            return try (files.status(parts[0])?.size ?? 0) + (files.status(parts[1])?.size ?? 0)
        }
    }

    /// All files of a segment but its seal: also what recovery or a rewriting has left beside them. The data goes
    /// first, so that an index without data is the only thing that a crash can leave.
    private func remove(_ seal: Seal) throws(StoreError) {
        let files = files
        let data = FileNames.segment(seal.firstSequence, .data)
        let sealName = FileNames.segment(seal.firstSequence, .seal)
        let number = data.dropLast(FileNames.Part.data.rawValue.count)
        try storing { () throws(IOFailure) in
            if try files.status(data) != nil { try files.remove(data) }
            for name in try files.list(FileNames.segments) {
                let path = "\(FileNames.segments)/\(name)"
                if path.hasPrefix(number), path != sealName { try files.remove(path) }
            }
        }
    }
}
