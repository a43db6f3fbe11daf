import CairnFormat

/// Inclusion and consistency proofs: the right ones are taken, and no other.
final class ProofCheck: FuzzCheck {
    /// Number of leaves, two positions, then proofs of any digests.
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        guard input.count >= 8 else { return false }
        let count = Int(input[0]) % 70 + 1
        let leaves = (0..<count).map { Digest.sha256([0] + Array(input.prefix(4)) + [UInt8($0)]) }
        let (index, other) = (Int(input[1]) % count, Int(input[2]) % count)
        let root = MerkleTree.root(of: leaves)
        try agree(root, ProofCheck.root(leaves[...]), "the root")
        try checkInclusion(leaves, index, other, root, Array(input.dropFirst(4)))
        try checkConsistency(leaves, index + 1, root, Array(input.dropFirst(4)))
        return checkAnything(input)
    }

    private func checkInclusion(
        _ leaves: [Digest], _ index: Int, _ other: Int, _ root: Digest, _ changes: [UInt8]
    ) throws(PropertyFailure) {
        let path = MerkleProof.inclusion(of: index, in: leaves[...])
        func verifies(_ leaf: Digest, _ index: Int, _ path: [Digest]) -> Bool {
            MerkleProof.verifyInclusion(
                leaf: leaf, index: UInt64(index), size: UInt64(leaves.count), path: path, root: root)
        }
        try require(verifies(leaves[index], index, path), "a right inclusion proof is refused")
        try agree(verifies(leaves[other], index, path), other == index, "whether another leaf is taken")
        try agree(verifies(leaves[index], other, path), other == index, "whether another place is taken")
        let changed = ProofCheck.change(path, changes)
        try agree(verifies(leaves[index], index, changed), changed == path, "whether another path is taken")
    }

    private func checkConsistency(
        _ leaves: [Digest], _ old: Int, _ root: Digest, _ changes: [UInt8]
    ) throws(PropertyFailure) {
        let oldRoot = MerkleTree.root(of: leaves[..<old])
        let path = MerkleProof.consistency(from: old, in: leaves[...])
        func verifies(_ oldRoot: Digest, _ path: [Digest]) -> Bool {
            MerkleProof.verifyConsistency(
                from: UInt64(old), root: oldRoot, to: UInt64(leaves.count), root: root, path: path)
        }
        try require(verifies(oldRoot, path), "a right consistency proof is refused")
        let changed = ProofCheck.change(path, changes)
        try agree(verifies(oldRoot, changed), changed == path, "whether another path is taken")
        try require(!verifies(ProofCheck.stranger(changes), path), "another old root is taken")
    }

    /// Sizes, places and paths from the input as they are: nothing but false comes of it.
    private func checkAnything(_ input: UnsafeRawBufferPointer) -> Bool {
        var reader = ByteReader(input)
        var path: [Digest] = []
        guard let first = try? reader.integer(UInt64.self), let second = try? reader.integer(UInt64.self) else {
            return true
        }
        while let digest = try? reader.digest() { path.append(digest) }
        let root = Digest.sha256(input)
        _ = MerkleProof.verifyInclusion(leaf: root, index: first, size: second, path: path, root: root)
        _ = MerkleProof.verifyConsistency(from: first, root: root, to: second, root: root, path: path)
        return true
    }

    /// Changes, adds or removes digests as the bytes say.
    private static func change(_ path: [Digest], _ changes: [UInt8]) -> [Digest] {
        guard changes.count >= 2 else { return path }
        var path = path
        let place = Int(changes[1]) % (path.count + 1)
        switch changes[0] % 4 {
        case 0 where place < path.count: path[place] = stranger(changes)
        case 1: path.insert(stranger(changes), at: place)
        case 2 where place < path.count: path.remove(at: place)
        case 3 where place + 1 < path.count: path.swapAt(place, place + 1)
        default: break
        }
        return path
    }

    /// A digest that is in no tree here: those of the leaves begin with another byte.
    private static func stranger(_ bytes: [UInt8]) -> Digest { .sha256([1] + bytes) }

    /// RFC 6962 section 2.1, word for word.
    private static func root(_ leaves: ArraySlice<Digest>) -> Digest {
        guard leaves.count > 1 else { return leaves.first ?? .empty }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        let middle = leaves.startIndex + split
        return MerkleTree.node(root(leaves[..<middle]), root(leaves[middle...]))
    }
}
