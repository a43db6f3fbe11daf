/// The Merkle tree of a segment's events, grown leaf by leaf. It keeps the root of each subtree of 1,024 leaves: who has
/// these proves an event from the leaves of its own subtree alone. Format.md, "Subtrees".
package struct SegmentTree: Sendable, Equatable {
    /// Leaves of a subtree.
    package static let subtreeSize: UInt64 = 1024

    /// The roots of the subtrees that are full.
    private var roots: [Digest] = []
    /// The tree over them, and that of the leaves behind them. As the size of a subtree is a power of two, both together
    /// have the shape of one tree.
    private var upper = MerkleTree()
    private var last = MerkleTree()

    package init() {}

    /// Goes on from a tree of which `peaks` are the perfect subtrees and `roots` those that ``subtreeRoots`` told.
    init(peaks: MerkleTree, roots: ArraySlice<Digest>) throws(FormatError) {
        guard UInt64(roots.count) == SegmentTree.subtrees(of: peaks.count) else {
            throw FormatError(.mismatch, "there are \(roots.count) roots of subtrees for \(peaks.count) events")
        }
        self.roots = Array(roots.prefix(Int(peaks.count / SegmentTree.subtreeSize)))
        for root in self.roots { upper.append(root) }
        guard let last = peaks.rest(of: SegmentTree.subtreeSize, behind: upper),
            last.count == 0 || last.root == roots.last
        else { throw FormatError(.mismatch, "the roots of the subtrees are not those of the tree") }
        self.last = last
    }

    /// How many subtrees that many leaves have; the last may not be full.
    package static func subtrees(of leaves: UInt64) -> UInt64 {
        leaves / subtreeSize + (leaves % subtreeSize > 0 ? 1 : 0)
    }

    /// Number of leaves.
    package var count: UInt64 { UInt64(roots.count) * SegmentTree.subtreeSize + last.count }

    /// `leaf` is already hashed.
    package mutating func append(_ leaf: Digest) {
        last.append(leaf)
        guard last.count == SegmentTree.subtreeSize else { return }
        roots.append(last.root)
        upper.append(last.root)
        last = MerkleTree()
    }

    /// SHA-256 of nothing for an empty tree.
    package var root: Digest {
        guard last.count > 0 else { return upper.root }
        var whole = upper
        whole.append(last.root)
        return whole.root
    }

    /// The root of every subtree, that of the last among them even if it is not full.
    var subtreeRoots: [Digest] { last.count > 0 ? roots + [last.root] : roots }

    /// Appends the count, and the peaks of the tree as a whole.
    func append(to output: inout [UInt8]) {
        output.append(littleEndian: count)
        upper.appendPeaks(to: &output)
        last.appendPeaks(to: &output)
    }
}
