import CairnFormat

/// Checks what says how far a log has come: the head, its own checkpoint and one that was kept elsewhere.
///
/// What is missing was lost or never written; what names more than there is tells of a cut; what names much less is an
/// older file that was put back. All these are TRUNCATED-OR-STALE. What is not well signed, or gives another root, is
/// TAMPERED.
struct FreshnessCheck {
    private let chain: SealChain
    private let statement: OriginStatement
    private let snapshot: LogSnapshot
    private(set) var findings: [Finding] = []
    /// The number behind the last event that is there, once the data was read.
    var end: UInt64?
    private var absentSegment: UInt64?

    init(_ snapshot: LogSnapshot, _ chain: SealChain, _ statement: OriginStatement) {
        self.snapshot = snapshot
        self.chain = chain
        self.statement = statement
    }

    // MARK: - Head

    /// What became of the head: `index` is the place of the segment that it names.
    struct HeadPlace {
        var head: Head
        var index: Int
    }

    /// Checks signature and place of the head; its count and root are to be compared with the segment's data. A head
    /// names the newest segment or the one before.
    mutating func checkHead() -> HeadPlace? {
        guard let newer = snapshot.after.head else {
            find(.truncatedOrStale, "there is no head, so nothing shows whether the newest events are missing")
            return nil
        }
        guard let newest = readHead(newer) else { return nil }
        if let index = index(of: newest.number) {
            let place = checkHead(newest, newer, at: index)
            // Asked of the newer head alone: it is at least as new as the list of segments.
            if index < chain.segments.count - 2 {
                find(.truncatedOrStale, "the head names segment \(newest.number), an older one than it can: put back?")
                return nil
            }
            return place
        }
        // The log moved on behind the list of segments. The head before can only name what is listed.
        guard let older = snapshot.before.head, older != newer, let head = readHead(older),
            let index = index(of: head.number)
        else {
            absentSegment = newest.number
            return nil
        }
        return checkHead(head, older, at: index)
    }

    private func index(of number: UInt64) -> Int? { chain.segments.lastIndex { $0.number == number } }

    /// The head, its signature not checked: it says itself which key that is.
    private mutating func readHead(_ bytes: [UInt8]) -> Head? {
        do throws(FormatError) {
            return try Head(text: SignedNote(bytes).text)
        } catch {
            let keys = chain.segments.suffix(2).compactMap(\.key) + [chain.next.key].compactMap { $0 }
            let isSigned = keys.contains { key in (try? SignedNote(bytes).verify(key)) != nil }
            find(
                isSigned ? .unverifiable : .tampered,
                "the head is not of a form that this program knows, and \(isSigned ? "" : "not ")well signed: \(error)")
            return nil
        }
    }

    private mutating func checkHead(_ head: Head, _ bytes: [UInt8], at index: Int) -> HeadPlace? {
        let segment = chain.segments[index]
        guard let key = segment.key else { return nil }
        do throws(NoteProblem) {
            _ = try Head(note: bytes, key: key)
        } catch {
            find(error.verdict, segment: segment.number, "the head: \(error.message)")
            return nil
        }
        guard head.origin == statement.origin, head.firstSequence == segment.firstSequence else {
            find(
                .tampered, segment: segment.number, sequence: segment.firstSequence,
                "the head is well signed, but it is not that of this segment")
            return nil
        }
        return HeadPlace(head: head, index: index)
    }

    /// Says so if the head names a segment that is not here; to be called once `end` is known.
    mutating func checkAbsence() {
        guard let number = absentSegment else { return }
        let sequence = number >= chain.next.number ? end : nil
        find(.truncatedOrStale, sequence: sequence, "the head names segment \(number), which is not here")
    }

    // MARK: - Checkpoints

    /// Checks the log's own checkpoint and returns its size. It covers all seals, or all but one: a crash can come
    /// between a seal and its checkpoint.
    mutating func checkCheckpoint() -> UInt64? {
        guard let newer = snapshot.after.checkpoint else {
            find(.truncatedOrStale, "there is no checkpoint, so nothing shows whether seals are missing")
            return nil
        }
        let what = "the checkpoint"
        guard let newest = readCheckpoint(newer, what) else { return nil }
        let count = chain.sealCount
        guard newest.size > count, let older = snapshot.before.checkpoint, older != newer else {
            guard checkRoot(newest, what) else { return nil }
            // Asked of the newer checkpoint alone: it is at least as new as the list of seals.
            if newest.size + 1 < count {
                find(
                    .truncatedOrStale, "the checkpoint covers \(newest.size) of \(count) seals: an older one put back?")
                return nil
            }
            return newest.size
        }
        // The log moved on behind the list of seals. The checkpoint before can only cover what is listed.
        guard let checkpoint = readCheckpoint(older, what), checkRoot(checkpoint, what) else { return nil }
        return checkpoint.size
    }

    /// Checks that the log extends a checkpoint that was kept elsewhere, and returns its size.
    mutating func checkOlder(_ bytes: [UInt8]) -> UInt64? {
        let what = "the given checkpoint"
        guard let checkpoint = readCheckpoint(bytes, what), checkRoot(checkpoint, what) else { return nil }
        return checkpoint.size
    }

    private mutating func readCheckpoint(_ bytes: [UInt8], _ what: String) -> Checkpoint? {
        do throws(NoteProblem) {
            let checkpoint = try Checkpoint(note: bytes, key: statement.logKey)
            guard checkpoint.origin == statement.origin else {
                throw NoteProblem(verdict: .tampered, message: "it is of the log \(checkpoint.origin)")
            }
            return checkpoint
        } catch {
            find(error.verdict, "\(what): \(error.message)")
            return nil
        }
    }

    private mutating func checkRoot(_ checkpoint: Checkpoint, _ what: String) -> Bool {
        var tree = MerkleTree()
        while tree.count < checkpoint.size {
            guard let leaf = chain.leaves[tree.count] else {
                let isAhead = checkpoint.size > chain.next.number
                find(
                    .truncatedOrStale, sequence: isAhead ? end : nil,
                    "\(what) covers \(checkpoint.size) seals, and that of segment \(tree.count) is not here")
                return false
            }
            tree.append(leaf)
        }
        guard tree.root == checkpoint.root else {
            find(.tampered, "\(what) has another root than the first \(checkpoint.size) seals: the log was forked")
            return false
        }
        return true
    }

    private mutating func find(
        _ verdict: Verdict, segment: UInt64? = nil, sequence: UInt64? = nil, _ message: String
    ) {
        findings.append(Finding(verdict, segment: segment, sequence: sequence, message))
    }
}
