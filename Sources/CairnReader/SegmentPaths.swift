import CairnFormat

/// Finds events of a sealed segment, and the way from the leaf of each to the root of the seal.
struct SegmentPaths {
    let directory: LogDirectory
    let segment: LogDirectory.Segment
    let seal: Seal

    /// One event.
    struct Found {
        enum Content {
            case event(line: [UInt8], salt: [UInt8])
            case erased(RedactedLine)
        }

        var content: Content
        /// The inclusion proof of its leaf, nearest the leaf first.
        var path: [Digest]
    }

    /// The events of those numbers, which are in ascending order and below the end of the segment.
    func find(_ sequences: [UInt64]) throws(ReadError) -> [UInt64: Found] {
        guard !sequences.isEmpty else { return [:] }
        if let found = try? findInSubtrees(sequences) { return found }
        // Without an index, or with a wrong one, all leaves lead to the root as well; or it shows what is wrong.
        var leaves = try leaves()
        let (root, found) = try read(sequences, of: seal.firstSequence..<seal.endSequence, &leaves)
        guard root == seal.root else {
            throw ReadError(
                FormatError(.mismatch, "the events are not those of the seal"), path: segment.path(.data),
                sequence: seal.firstSequence)
        }
        return found
    }

    private func leaves() throws(ReadError) -> SegmentLeaves {
        let path = segment.path(.data)
        let leaves = try SegmentLeaves(directory.files, path: path, end: seal.endSequence)
        guard leaves.header.firstSequence == seal.firstSequence else {
            throw OuterLog.damage(path, .mismatch, "the data is not that of the seal")
        }
        return leaves
    }

    /// Reads the subtrees of the events alone: the index tells the roots of the others.
    private func findInSubtrees(_ sequences: [UInt64]) throws(ReadError) -> [UInt64: Found]? {
        guard let index = directory.index(segment), index.count == seal.count,
            MerkleTree.root(of: index.roots) == seal.root
        else { return nil }
        var leaves = try leaves()
        guard leaves.isLed(by: index) else { return nil }
        var found: [UInt64: Found] = [:]
        var rest = sequences[...]
        while let first = rest.first {
            let number = (first - seal.firstSequence) / SegmentTree.subtreeSize
            let start = seal.firstSequence + number * SegmentTree.subtreeSize
            let subtree = start..<min(start + SegmentTree.subtreeSize, seal.endSequence)
            let wanted = rest.prefix { subtree.contains($0) }
            leaves.seek(
                to: index.spans.filter { $0.endSequence > subtree.lowerBound && $0.firstSequence < subtree.upperBound })
            let (root, events) = try read(Array(wanted), of: subtree, &leaves)
            guard root == index.roots[Int(number)] else { return nil }
            let upper = MerkleProof.inclusion(of: Int(number), in: index.roots[...])
            for (sequence, var event) in events {
                event.path += upper
                found[sequence] = event
            }
            rest = rest.dropFirst(wanted.count)
        }
        return found
    }

    /// Hashes the leaves of a range of events, and keeps what belongs to the wanted ones. `leaves` are before the range.
    private func read(
        _ sequences: [UInt64], of range: Range<UInt64>, _ leaves: inout SegmentLeaves
    ) throws(ReadError) -> (root: Digest, found: [UInt64: Found]) {
        let wanted = Set(sequences)
        var tree = MerklePaths(to: sequences.map { $0 - range.lowerBound })
        var contents: [UInt64: Found.Content] = [:]
        while leaves.nextSequence < range.upperBound,
            try leaves.next(
                salting: { wanted.contains($0) },
                { event throws(ReadError) in
                    guard range.contains(event.sequence) else { return }
                    tree.append(event.leaf)
                    guard wanted.contains(event.sequence) else { return }
                    if let erased = event.erased {
                        contents[event.sequence] = .erased(erased)
                    } else if let salt = event.salt {
                        contents[event.sequence] = .event(line: Array(event.line), salt: salt)
                    }
                })
        {}
        let count = tree.count
        let (root, paths) = tree.finish()
        guard count == UInt64(range.count) else {
            throw ReadError(
                FormatError(.mismatch, "the events are not those of the seal"), path: segment.path(.data),
                sequence: range.lowerBound)
        }
        var found: [UInt64: Found] = [:]
        for (sequence, path) in zip(sequences, paths) {
            if let content = contents[sequence], let path { found[sequence] = Found(content: content, path: path) }
        }
        return (root, found)
    }
}
