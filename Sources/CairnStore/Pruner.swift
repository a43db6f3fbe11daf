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
        try remove(candidates.map(\.seal.firstSequence))
        return bytes
    }

    /// Removes what a crash or a failure has left beside the seals of segments that are pruned.
    package func finish() throws(StoreError) {
        let directory = LogDirectory(files)
        let names = try names()
        let left = try scanning { () throws(ReadError) in
            try directory.segments().filter { segment in
                guard segment.isSealed, !segment.hasData else { return false }
                return names.contains { Self.isPart($0, of: segment.firstSequence) }
            }
        }
        guard !left.isEmpty,
            case .pruned(let pruned)? = try scanning({ () throws(ReadError) in
                try AuditLog(directory).newestTrace(.pruned)
            })
        else { return }
        let gone = try scanning { () throws(ReadError) in
            var gone: [UInt64] = []
            for segment in left {
                guard let seal = try directory.seal(segment) else { continue }
                if pruned.contains(seal.firstSequence..<seal.endSequence) { gone.append(seal.firstSequence) }
            }
            return gone
        }
        try remove(gone)
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
            var size: UInt64 = 0
            for part in [FileNames.Part.data, .index, .encryptedData, .encryptedIndex] {
                size += try files.status(FileNames.segment(seal.firstSequence, part))?.size ?? 0
            }
            return size
        }
    }

    /// All files of the segments but their seals: also what recovery or a rewriting has left beside them. Data without an
    /// index would be damage, so the index goes when the other names are gone for certain.
    private func remove(_ segments: [UInt64]) throws(StoreError) {
        guard !segments.isEmpty else { return }
        let names = try names().filter { name in segments.contains { Self.isPart(name, of: $0) } }
        let isIndex = { (name: String) in FileNames.parse(name).map { $0.part.plain == .index } ?? false }
        let files = files
        try storing { () throws(IOFailure) in
            for part in [names.filter { !isIndex($0) }, names.filter(isIndex)] {
                for name in part { try files.remove("\(FileNames.segments)/\(name)") }
                try files.syncDirectory(FileNames.segments)
            }
        }
    }

    private func names() throws(StoreError) -> [String] {
        let files = files
        return try storing { () throws(IOFailure) in try files.list(FileNames.segments) }
    }

    /// Whether a file is the segment's, in some way, and not its seal.
    private static func isPart(_ name: String, of first: UInt64) -> Bool {
        let seal = FileNames.segment(first, .seal).dropFirst(FileNames.segments.utf8.count + 1)
        return name.hasPrefix(seal.dropLast(FileNames.Part.seal.rawValue.utf8.count)) && name != seal
    }
}
