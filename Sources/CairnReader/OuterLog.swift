package import CairnFormat
import CairnPlatform

/// The log of the seals, as its checkpoint covers it. Who makes one reads every seal, hashes it, and compares the root.
struct OuterLog {
    let statement: OriginStatement
    /// The file, whose signature by the log key was checked.
    let checkpoint: SignedNote
    let size: UInt64
    /// All that are there, also those that the checkpoint does not cover.
    let segments: [LogDirectory.Segment]
    /// Of the wanted seals, nearest the seal first; nil for those that the checkpoint does not cover.
    private(set) var paths: [UInt64: [Digest]] = [:]
    private let directory: LogDirectory

    /// - Parameters:
    ///   - checkpoint: the bytes of one that was kept elsewhere; nil for the log's own.
    ///   - choose: what to prove, by the numbers of segments; is called once the segments are known.
    init(
        _ directory: LogDirectory, checkpoint given: [UInt8]? = nil,
        paths choose: ([LogDirectory.Segment]) throws(ReadError) -> Set<UInt64> = { _ in [] }
    ) throws(ReadError) {
        self.directory = directory
        let statement = try directory.origin()
        // Before the segments are listed: what it covers is then among them.
        let (note, checkpoint) = try OuterLog.readCheckpoint(directory, given, statement)
        self.statement = statement
        self.checkpoint = note
        size = checkpoint.size
        segments = try directory.segments()
        let indexes = try choose(segments).filter { $0 < checkpoint.size }.sorted()
        var tree = MerklePaths(to: indexes)
        try OuterLog.forEachLeaf(directory, segments, count: checkpoint.size) { tree.append($0) }
        let (root, found) = tree.finish()
        guard root == checkpoint.root else {
            throw OuterLog.damage(
                given == nil ? FileNames.checkpoint : "", .mismatch,
                "the checkpoint has another root than the first \(checkpoint.size) seals")
        }
        paths = Dictionary(uniqueKeysWithValues: zip(indexes, found.map { $0 ?? [] }))
    }

    private static func readCheckpoint(
        _ directory: LogDirectory, _ given: [UInt8]?, _ statement: OriginStatement
    ) throws(ReadError) -> (SignedNote, Checkpoint) {
        let path = given == nil ? FileNames.checkpoint : ""
        let limit = Limits.note
        let own = try given == nil ? directory.beginning(of: path, limit: limit) : nil
        guard let bytes = given ?? own else {
            throw damage(path, .truncated, "there is no checkpoint")
        }
        return try reading(path) { () throws(FormatError) in
            let note = try SignedNote(bytes)
            try note.verify(statement.logKey)
            let checkpoint = try Checkpoint(note)
            guard checkpoint.origin == statement.origin else {
                throw FormatError(.mismatch, "the checkpoint is of the log \(checkpoint.origin)")
            }
            return (note, checkpoint)
        }
    }

    /// Calls `body` with the leaves of the first `count` seals.
    static func forEachLeaf(
        _ directory: LogDirectory, _ segments: [LogDirectory.Segment], count: UInt64, _ body: (Digest) -> Void
    ) throws(ReadError) {
        guard count <= UInt64(segments.count) else {
            throw damage(
                "", .truncated, "\(count) seals are covered by a checkpoint, and \(segments.count) segments are here")
        }
        for segment in segments.prefix(Int(count)) {
            let path = segment.path(.seal)
            guard let bytes = try directory.beginning(of: path, limit: Limits.note) else {
                throw damage(path, .truncated, "the seal is missing, and a checkpoint covers it")
            }
            body(MerkleTree.leaf(bytes))
        }
    }

    static func damage(_ path: String, _ code: FormatError.Code, _ message: String) -> ReadError {
        ReadError(FormatError(code, message), path: path)
    }

    /// That the checkpoint's tree extends that of the first `old` seals (RFC 6962 section 2.1.2): what witnesses ask
    /// for. Takes 32 bytes of memory a seal.
    func consistency(from old: UInt64) throws(ReadError) -> [Digest] {
        guard old <= size else {
            throw OuterLog.damage("", .mismatch, "the checkpoint covers \(size) seals, fewer than \(old)")
        }
        guard old > 0, old < size else { return [] }
        var leaves: [Digest] = []
        try OuterLog.forEachLeaf(directory, segments, count: size) { leaves.append($0) }
        return MerkleProof.consistency(from: Int(old), in: leaves[...])
    }
}

extension LogDirectory {
    /// That a checkpoint of this log extends the one over its first `old` seals: the hashes that a witness wants.
    ///
    /// - Parameter checkpoint: the bytes of the signed note.
    package func consistency(of checkpoint: [UInt8], from old: UInt64) throws(ReadError) -> [Digest] {
        try OuterLog(self, checkpoint: checkpoint).consistency(from: old)
    }
}
