package import CairnFormat
internal import CairnPlatform
internal import CairnReader

extension Custody {
    /// Encrypts the sealed segments whose newest event came at `end` or before, oldest first; nothing where there are no
    /// recipients.
    ///
    /// - Parameter pause: is called between two segments.
    /// - Returns: how many.
    package mutating func encrypt(
        through end: Time, pause: (inout Custody) -> Void = { _ in }
    ) throws(StoreError) -> Int {
        guard !recipients.isEmpty else { return 0 }
        var count = 0
        let directory = directory
        // Once all are encrypted, no seal is read for that.
        let plain = try scanning { () throws(ReadError) in
            try directory.segments().filter { $0.isSealed && $0.parts.contains(.data) }
        }
        for segment in plain {
            let seal = try scanning { () throws(ReadError) in try directory.seal(segment) }
            guard let seal, seal.received.upperBound <= end else { continue }
            // Afterwards nobody here could.
            _ = try compact(seal.firstSequence)
            try repeatTraces(of: seal)
            try SegmentEncryption(files, for: recipients, entropy: entropy).run(seal.firstSequence)
            count += 1
            pause(&self)
        }
        return count
    }

    /// What the newest traces name counts for the log as a whole. If they stand in the segment, they are written down
    /// once more, where they can be read.
    private func repeatTraces(of seal: Seal) throws(StoreError) {
        let (log, sequences) = (log, seal.firstSequence..<seal.endSequence)
        for kind in [Trace.Kind.pruned, .archived] {
            var newest: (event: UInt64, trace: Trace)?
            try scanning { () throws(ReadError) in
                try log.forEachTrace(kind) { event, trace in
                    newest = (event, trace)
                    return .stop
                }
            }
            guard let newest, sequences.contains(newest.event) else { continue }
            let all: SequenceRanges
            switch newest.trace {
            case .pruned(let pruned): all = pruned
            case .archived: all = try stillArchived()
            case .redacted: continue
            }
            _ = try recorder.record([
                OwnEvent.line(
                    action: kind.rawValue,
                    details: [
                        "sequences": .ranges(all),
                        "message": .text(
                            "said again, as the segment that begins with event \(seal.firstSequence) is encrypted"),
                    ])
            ])
        }
    }

    /// Segments that are in the archive as they are now: without those of which events were erased since.
    private func stillArchived() throws(StoreError) -> SequenceRanges {
        let log = log
        let (archived, erased) = try scanning { () throws(ReadError) in try log.archived() }
        var all = SequenceRanges()
        for (_, seal) in try sealed() {
            let own = seal.firstSequence..<seal.endSequence
            if archived.contains(own), erased.clamped(to: own).isEmpty { all.insert(own) }
        }
        return all
    }
}
