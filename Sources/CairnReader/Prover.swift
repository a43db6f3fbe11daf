package import CairnFormat
import CairnPlatform

/// Why an event cannot be proved, though nothing is wrong with the log.
public struct ProofObstacle: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller acts on.
    public enum Kind: String, Sendable, CaseIterable {
        /// No segment holds an event of this number.
        case absent
        /// The event is in the active segment, or its seal is not covered by a checkpoint yet.
        case unsealed
        /// The segment's data was removed by a policy.
        case pruned
        /// The event was erased; its leaf alone is left.
        case redacted
    }

    /// What it is.
    public var kind: Kind
    /// Number of the event.
    public var sequence: UInt64
    /// In words, with what to do.
    public var message: String

    init(_ kind: Kind, _ sequence: UInt64, _ message: String) {
        self.kind = kind
        self.sequence = sequence
        self.message = message
    }

    /// The message.
    public var description: String { message }
}

/// Makes proofs of events: each for a third party that has neither the log nor a network. A proof that it gives out was
/// checked.
///
/// Of each segment in which an event stands the lines around it are read (all of them if there is no good index), and of
/// the log every seal.
package struct Prover {
    private let directory: LogDirectory
    private let checkpoint: [UInt8]?

    /// Events of one pass through a segment at most: each keeps a line of up to 2 MiB in memory.
    private static let batch = 64

    /// - Parameter checkpoint: one with cosignatures that was kept elsewhere; nil for the log's own.
    package init(_ directory: LogDirectory, checkpoint: [UInt8]? = nil) {
        self.directory = directory
        self.checkpoint = checkpoint
    }

    /// Calls `body` for each of the events, in the order of their numbers.
    ///
    /// - Throws: ``ReadError`` where the log is not what it should be: `cairn verify` tells more; and what `body` throws.
    package func prove(
        _ sequences: some Sequence<UInt64>, _ body: (UInt64, Result<EventProof, ProofObstacle>) throws -> Void
    ) throws {
        let sequences = Set(sequences).sorted()
        let log = try OuterLog(directory, checkpoint: checkpoint) { segments throws(ReadError) in
            Set(sequences.compactMap { Prover.place(of: $0, in: segments).map { UInt64($0) } })
        }
        var rest = sequences[...]
        while let first = rest.first {
            guard let index = Prover.place(of: first, in: log.segments) else {
                try body(first, .failure(ProofObstacle(.absent, first, "there is no event \(first) in this log")))
                rest = rest.dropFirst()
                continue
            }
            let own = rest.prefix(Prover.batch).prefix { Prover.place(of: $0, in: log.segments) == index }
            let pass = SegmentPass(directory, log, index)
            let results = try pass.run(Array(own))
            for (sequence, result) in zip(own, results) { try body(sequence, result) }
            rest = rest.dropFirst(own.count)
        }
    }

    /// That the log extends the tree of its first `old` seals, up to the checkpoint.
    package func consistency(from old: UInt64) throws(ReadError) -> [Digest] {
        try OuterLog(directory, checkpoint: checkpoint).consistency(from: old)
    }

    /// Index of the segment in which an event stands, if it exists.
    private static func place(of sequence: UInt64, in segments: [LogDirectory.Segment]) -> Int? {
        // The first that begins behind it.
        var (low, high) = (0, segments.count)
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].firstSequence <= sequence { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }
}

/// The proofs of some events of one segment.
private struct SegmentPass {
    private let directory: LogDirectory
    private let log: OuterLog
    private let index: Int

    init(_ directory: LogDirectory, _ log: OuterLog, _ index: Int) {
        self.directory = directory
        self.log = log
        self.index = index
    }

    private var segment: LogDirectory.Segment { log.segments[index] }

    func run(_ sequences: [UInt64]) throws(ReadError) -> [Result<EventProof, ProofObstacle>] {
        guard let path = log.paths[UInt64(index)] else { return try obstacles(sequences) }
        guard let (note, bytes) = try directory.note(segment.path(.seal)) else {
            throw OuterLog.damage(segment.path(.seal), .truncated, "the seal is missing")
        }
        let seal = try reading(segment.path(.seal)) { () throws(FormatError) in try Seal(note) }
        guard seal.firstSequence == segment.firstSequence else {
            throw OuterLog.damage(
                segment.path(.seal), .mismatch, "the seal is of a segment that begins with event \(seal.firstSequence)")
        }
        guard segment.hasData else {
            return sequences.map { sequence in
                .failure(
                    seal.endSequence <= sequence
                        ? absent(sequence)
                        : ProofObstacle(
                            .pruned, sequence,
                            "the data of the segment of event \(sequence) was pruned; a proof that was made before is still good"
                        )
                )
            }
        }
        let inside = sequences.filter { $0 < seal.endSequence }
        let found = try SegmentPaths(directory: directory, segment: segment, seal: seal).find(inside)
        var results: [Result<EventProof, ProofObstacle>] = []
        for sequence in sequences {
            guard let event = found[sequence] else {
                results.append(.failure(absent(sequence)))
                continue
            }
            switch event.content {
            case .erased(let line): results.append(.failure(redacted(line)))
            case .event(let line, let salt):
                let proof = EventProof(
                    sequence: sequence, salt: salt, line: line, segmentPath: event.path,
                    origin: try origin(), seal: bytes, index: UInt64(index), path: path,
                    checkpoint: log.checkpoint.bytes)
                results.append(.success(try check(proof)))
            }
        }
        return results
    }

    private func origin() throws(ReadError) -> [UInt8] {
        guard let (_, bytes) = try directory.note(FileNames.origin) else {
            throw OuterLog.damage(FileNames.origin, .truncated, "the origin is missing")
        }
        return bytes
    }

    /// A proof that does not hold would shame the log: then something is wrong that was not looked at here.
    private func check(_ proof: EventProof) throws(ReadError) -> EventProof {
        do throws(ProofFailure) {
            _ = try proof.verify(ProofPolicy(key: log.statement.logKey))
            return proof
        } catch {
            throw ReadError(
                FormatError(.mismatch, error.message), path: segment.path(.data), sequence: proof.sequence)
        }
    }

    // MARK: - What cannot be proved

    /// Of the events of a segment that the checkpoint does not cover.
    private func obstacles(_ sequences: [UInt64]) throws(ReadError) -> [Result<EventProof, ProofObstacle>] {
        let seal = try directory.seal(segment)
        let end = if let seal { seal.endSequence } else { try AuditLog(directory).endSequence() }
        return sequences.map { sequence in
            guard sequence < end else { return .failure(absent(sequence)) }
            let message =
                seal == nil
                ? "event \(sequence) is in the active segment: it can be proved once that is sealed (\"cairn rotate\")"
                : "event \(sequence) is sealed, but the checkpoint does not cover its seal yet: try again"
            return .failure(ProofObstacle(.unsealed, sequence, message))
        }
    }

    private func absent(_ sequence: UInt64) -> ProofObstacle {
        ProofObstacle(.absent, sequence, "there is no event \(sequence) in this log")
    }

    private func redacted(_ line: RedactedLine) -> ProofObstacle {
        ProofObstacle(
            .redacted, line.sequence,
            "event \(line.sequence) was erased (event \(line.event) tells of it): with its salt gone, nothing can be "
                + "proved of it")
    }
}
