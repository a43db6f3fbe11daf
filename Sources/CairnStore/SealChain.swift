package import CairnFormat
internal import CairnPlatform
package import CairnReader

/// All the seals of a log in order, read by a writer that starts: what it must sign next follows from them.
package struct SealChain {
    package let origin: OriginStatement
    /// The outer log over the seals.
    package private(set) var outer = MerkleTree()
    /// SHA-256 of the last seal file.
    package private(set) var lastSeal = Digest.zero
    /// Number of the segment that is to be active.
    package private(set) var number: UInt64 = 0
    /// Its first sequence number.
    package private(set) var nextFirst: UInt64 = 0
    /// The key that is to sign its seal.
    package private(set) var key: VerifierKey
    /// Of the last sealed event, in whole microseconds as all stamps.
    package private(set) var lastReceived: Time
    /// Whether the checkpoint is one seal behind, as after a crash.
    package var checkpointIsBehind: Bool { outer.count > checkpointSize }
    private let checkpointSize: UInt64
    /// The last seal and the key that signed it.
    package private(set) var last: (seal: Seal, key: VerifierKey)?

    /// Reads and checks origin, seals and checkpoint; a writer must not sign behind what does not hold.
    ///
    /// - Parameter segments: all that are there.
    package init(_ directory: LogDirectory, _ segments: [LogDirectory.Segment]) throws(StoreError) {
        origin = try scanning { () throws(ReadError) in try directory.origin() }
        key = origin.genesisKey
        lastReceived = .distantPast
        let checkpoint = try SealChain.checkpoint(directory, origin)
        checkpointSize = checkpoint.size
        let sealed = segments.filter(\.isSealed)
        // The log key has signed them all at once: only what it has not is left to be checked one by one.
        if try passCovered(sealed, directory, checkpoint) {
            for segment in sealed[Int(number)...] { try append(segment, directory) }
        } else {
            try appendAll(sealed, directory, checkpoint)
        }
        guard outer.count <= checkpoint.size + 1 else { throw disagreement(checkpoint) }
    }

    /// Goes on behind all seals that the checkpoint covers but the last, whose form and place are to be looked at.
    ///
    /// - Returns: false if the checkpoint is not signed over these seals; nothing has changed then.
    private mutating func passCovered(
        _ sealed: [LogDirectory.Segment], _ directory: LogDirectory, _ checkpoint: Checkpoint
    ) throws(StoreError) -> Bool {
        guard checkpoint.size > 1, checkpoint.size <= sealed.count else { return false }
        let previous = Int(checkpoint.size) - 2
        var (tree, before) = (MerkleTree(), MerkleTree())
        for (number, segment) in sealed[...(previous + 1)].enumerated() {
            if number == previous { before = tree }
            tree.append(MerkleTree.leaf(try SealChain.file(segment, directory)))
        }
        guard tree.root == checkpoint.root else { return false }
        let bytes = try SealChain.file(sealed[previous], directory)
        guard let seal = try? Seal(text: SignedNote(bytes).text), seal.number == before.count else { return false }
        (outer, number) = (before, before.count)
        // That `last` names the wrong key then does not matter: the last seal is still to come, and is checked.
        take(seal, bytes)
        return true
    }

    private mutating func appendAll(
        _ sealed: [LogDirectory.Segment], _ directory: LogDirectory, _ checkpoint: Checkpoint
    ) throws(StoreError) {
        var checkpointRoot: Digest? = checkpoint.size == 0 ? .empty : nil
        for segment in sealed {
            try append(segment, directory)
            if outer.count == checkpoint.size { checkpointRoot = outer.root }
        }
        guard checkpointRoot == checkpoint.root else { throw disagreement(checkpoint) }
    }

    private func disagreement(_ checkpoint: Checkpoint) -> StoreError {
        StoreError(
            .damaged,
            "\(FileNames.checkpoint) was signed over \(checkpoint.size) seals, and the \(outer.count) that are there do not "
                + "agree with it: run \"cairn verify\"")
    }

    /// Goes on at `sequence`, behind events that a corruption seal does not cover.
    package mutating func resume(at sequence: UInt64) { nextFirst = sequence }

    /// Whether `header` begins the segment behind the last seal.
    package func isFollowed(by header: SegmentHeader) -> Bool {
        header.number == number && header.firstSequence == nextFirst && header.previousSeal == lastSeal
            && header.key == key && header.origin == origin.origin
    }

    private static func file(
        _ segment: LogDirectory.Segment, _ directory: LogDirectory
    ) throws(StoreError) -> [UInt8] {
        let path = segment.path(.seal)
        let bytes = try storing { () throws(IOFailure) in try directory.files.contents(path, limit: Limits.note) }
        guard let bytes else { throw StoreError(.io, "\(path) vanished while it was read") }
        return bytes
    }

    /// Takes the next seal if it is signed and follows the one before.
    private mutating func append(_ segment: LogDirectory.Segment, _ directory: LogDirectory) throws(StoreError) {
        let bytes = try SealChain.file(segment, directory)
        do throws(FormatError) {
            let note = try SignedNote(bytes)
            let seal = try Seal(text: note.text)
            try note.verify(key)
            guard seal.number == number, seal.previous == lastSeal, seal.origin == origin.origin,
                seal.firstSequence == segment.firstSequence,
                seal.firstSequence == nextFirst || last?.seal.reason == .corruption && seal.firstSequence > nextFirst
            else { throw FormatError(.mismatch, "the seal does not follow the one before") }
            take(seal, bytes)
        } catch {
            throw StoreError(
                .damaged,
                "\(segment.path(.seal)): \(error); a writer does not sign behind a broken chain: run \"cairn verify\"")
        }
    }

    private mutating func take(_ seal: Seal, _ bytes: [UInt8]) {
        last = (seal, key)
        key = seal.nextKey
        number += 1
        nextFirst = seal.endSequence
        // A seal without events has its time of creation there, which may lie between two stamps.
        let received = seal.received.upperBound
        let stamp = received.wholeMicroseconds
        let (next, isLast) = stamp.nanoseconds.addingReportingOverflow(1000)
        lastReceived = max(lastReceived, stamp == received || isLast ? stamp : Time(nanoseconds: next))
        lastSeal = Digest.sha256(bytes)
        outer.append(MerkleTree.leaf(bytes))
    }

    private static func checkpoint(
        _ directory: LogDirectory, _ origin: OriginStatement
    ) throws(StoreError) -> Checkpoint {
        let path = FileNames.checkpoint
        guard let (note, _) = try scanning({ () throws(ReadError) in try directory.note(path) }) else {
            throw StoreError(.damaged, "\(path) is missing: run \"cairn verify\", and put the file back from a copy")
        }
        do throws(FormatError) {
            try note.verify(origin.logKey)
            let checkpoint = try Checkpoint(text: note.text)
            guard checkpoint.origin == origin.origin else {
                throw FormatError(.mismatch, "the checkpoint is of \(checkpoint.origin)")
            }
            return checkpoint
        } catch {
            throw StoreError(.damaged, "\(path): \(error); run \"cairn verify\"")
        }
    }
}
