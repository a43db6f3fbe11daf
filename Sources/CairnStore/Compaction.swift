package import CairnFormat
package import CairnPlatform
internal import CairnReader

/// Makes few large blocks out of many small ones. A block is what one commit brought, so at a low rate a segment holds
/// one for each event: its file is several times as long as it has to be, and slow to read.
package struct Compaction {
    private let files: any FileSystem

    package init(_ files: any FileSystem) { self.files = files }

    /// What a compaction came to.
    package struct Outcome: Sendable, Equatable {
        package var firstSequence: UInt64
        /// Bytes of the data before and after.
        package var before: UInt64
        package var after: UInt64
    }

    /// Sealed segments from `first` on, by their first sequence numbers.
    package func sealedSegments(from first: UInt64) throws(StoreError) -> [UInt64] {
        let files = files
        let segments = try scanning { () throws(ReadError) in try LogDirectory(files).segments() }
        return segments.filter { $0.isSealed && $0.hasData && $0.firstSequence >= first }.map(\.firstSequence)
    }

    /// Writes a sealed segment anew if that pays, or in any case if it is `forced`; nil if it was left as it is.
    package func run(
        _ first: UInt64, _ compression: Compression, forced: Bool = false
    ) throws(StoreError) -> Outcome? {
        let directory = LogDirectory(files)
        return try scanning { () throws(ReadError) -> (Seal, SegmentIndex?)? in
            guard let segment = try directory.segment(first), segment.hasData,
                // It was compacted before it was encrypted.
                !segment.isEncrypted, let seal = try directory.seal(segment),
                // Behind the damage stands evidence.
                seal.reason != .corruption
            else { return nil }
            return (seal, directory.index(segment))
        }.flatMap { (seal, index) throws(StoreError) in
            guard forced || index.map(Self.pays) == true else { return nil }
            return try rewrite(seal, compression)
        }
    }

    private func rewrite(_ seal: Seal, _ compression: Compression) throws(StoreError) -> Outcome {
        let sizes = try SegmentRewrite(files, seal, compression).run()
        return Outcome(firstSequence: seal.firstSequence, before: sizes.before, after: sizes.after)
    }

    /// Whether there are more than twice as many blocks as the lines need, and more than a few.
    static func pays(_ index: SegmentIndex) -> Bool {
        let blocks = index.spans.reduce(0) { $0 + Int($1.blocks) }
        let lines = index.spans.reduce(0) { $0 + Int($1.size) }
        return blocks > 2 * (lines / Limits.block + 1) + 2
    }
}
