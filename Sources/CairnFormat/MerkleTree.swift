/// The Merkle tree of RFC 6962 section 2.1, grown leaf by leaf. It keeps one hash for each bit of its size.
package struct MerkleTree: Sendable, Equatable {
    /// Number of leaves.
    package private(set) var count: UInt64 = 0
    /// Roots of the perfect subtrees, largest first: one for each set bit of `count`.
    private var peaks: [Digest] = []

    package init() {}

    /// `leaf` is already hashed.
    package mutating func append(_ leaf: Digest) {
        var node = leaf
        var size = count
        while size & 1 == 1 {
            node = MerkleTree.node(peaks.removeLast(), node)
            size >>= 1
        }
        peaks.append(node)
        count += 1
    }

    /// SHA-256 of nothing for an empty tree.
    package var root: Digest {
        guard var root = peaks.last else { return .empty }
        for peak in peaks.dropLast().reversed() { root = MerkleTree.node(peak, root) }
        return root
    }

    /// SHA-256(0x01 ‖ left ‖ right).
    package static func node(_ left: Digest, _ right: Digest) -> Digest { Digest.node(left, right) }

    /// SHA-256(0x00 ‖ data): the leaf of the outer log.
    package static func leaf(_ data: [UInt8]) -> Digest {
        Digest.sha256([0x00] + data)
    }

    func appendPeaks(to output: inout [UInt8]) {
        for peak in peaks { output.append(peak) }
    }

    /// The tree of the leaves behind the subtrees of `size` leaves each; nil if `upper` is not the tree over these.
    ///
    /// - Parameter size: a power of two.
    func rest(of size: UInt64, behind upper: MerkleTree) -> MerkleTree? {
        guard upper.count == count / size, upper.peaks[...] == peaks.prefix(upper.peaks.count) else { return nil }
        var rest = MerkleTree()
        rest.count = count % size
        rest.peaks = Array(peaks.dropFirst(upper.peaks.count))
        return rest
    }

    init(_ reader: inout ByteReader) throws(FormatError) {
        count = try reader.integer()
        for _ in 0..<count.nonzeroBitCount { try peaks.append(reader.digest()) }
    }

    package static func root(of leaves: some Sequence<Digest>) -> Digest {
        var tree = MerkleTree()
        for leaf in leaves { tree.append(leaf) }
        return tree.root
    }
}

/// Proofs about trees (RFC 6962 sections 2.1.1 and 2.1.2; verification as in RFC 9162 sections 2.1.3.2 and 2.1.4.2).
package enum MerkleProof {
    /// The path from leaf `index` to the root of all `leaves`, nearest the leaf first.
    package static func inclusion(of index: Int, in leaves: ArraySlice<Digest>) -> [Digest] {
        guard leaves.count > 1 else { return [] }
        let split = largestPowerOfTwo(below: leaves.count)
        let (left, right) = halves(leaves, split)
        return index < split
            ? inclusion(of: index, in: left) + [MerkleTree.root(of: right)]
            : inclusion(of: index - split, in: right) + [MerkleTree.root(of: left)]
    }

    /// That the tree of the first `old` leaves is a prefix of the tree of all of them; 0 < old ≤ number of leaves.
    package static func consistency(from old: Int, in leaves: ArraySlice<Digest>) -> [Digest] {
        func path(_ old: Int, _ leaves: ArraySlice<Digest>, whole: Bool) -> [Digest] {
            if old == leaves.count { return whole ? [] : [MerkleTree.root(of: leaves)] }
            let split = largestPowerOfTwo(below: leaves.count)
            let (left, right) = halves(leaves, split)
            return old <= split
                ? path(old, left, whole: whole) + [MerkleTree.root(of: right)]
                : path(old - split, right, whole: false) + [MerkleTree.root(of: left)]
        }
        return path(old, leaves, whole: true)
    }

    package static func verifyInclusion(
        leaf: Digest, index: UInt64, size: UInt64, path: [Digest], root: Digest
    ) -> Bool {
        guard index < size else { return false }
        var first = index
        var last = size - 1
        var node = leaf
        for sibling in path {
            guard last > 0 else { return false }
            if first & 1 == 1 || first == last {
                node = MerkleTree.node(sibling, node)
                while first & 1 == 0, first > 0 {
                    first >>= 1
                    last >>= 1
                }
            } else {
                node = MerkleTree.node(node, sibling)
            }
            first >>= 1
            last >>= 1
        }
        return last == 0 && node == root
    }

    package static func verifyConsistency(
        from oldSize: UInt64, root oldRoot: Digest, to newSize: UInt64, root newRoot: Digest, path: [Digest]
    ) -> Bool {
        guard oldSize > 0, oldSize <= newSize else { return false }
        if oldSize == newSize { return path.isEmpty && oldRoot == newRoot }
        var path = path[...]
        if oldSize & (oldSize - 1) == 0 { path = [oldRoot] + path }
        guard let start = path.popFirst() else { return false }
        var first = oldSize - 1
        var last = newSize - 1
        while first & 1 == 1 {
            first >>= 1
            last >>= 1
        }
        var (old, new) = (start, start)
        for sibling in path {
            guard last > 0 else { return false }
            if first & 1 == 1 || first == last {
                old = MerkleTree.node(sibling, old)
                new = MerkleTree.node(sibling, new)
                while first & 1 == 0, first > 0 {
                    first >>= 1
                    last >>= 1
                }
            } else {
                new = MerkleTree.node(new, sibling)
            }
            first >>= 1
            last >>= 1
        }
        return last == 0 && old == oldRoot && new == newRoot
    }

    private static func largestPowerOfTwo(below count: Int) -> Int {
        1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
    }

    private static func halves(_ leaves: ArraySlice<Digest>, _ split: Int) -> (ArraySlice<Digest>, ArraySlice<Digest>) {
        let middle = leaves.startIndex + split
        return (leaves[..<middle], leaves[middle...])
    }
}
