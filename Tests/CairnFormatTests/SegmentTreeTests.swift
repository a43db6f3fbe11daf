import Testing

@testable import CairnFormat

@Suite("The tree of a segment and the roots of its subtrees")
struct SegmentTreeTests {
    private static func leaf(_ number: Int) -> Digest { Digest.sha256(Array("leaf \(number)".utf8)) }
    /// Around every size at which a subtree begins or ends.
    private static let sizes = [
        0, 1, 2, 3, 1022, 1023, 1024, 1025, 1026, 2047, 2048, 2049, 3071, 3072, 3073, 4096, 4097, 5000,
    ]
    private static let leaves = (0..<5000).map(leaf)

    private static func tree(_ size: Int) -> SegmentTree {
        var tree = SegmentTree()
        for leaf in leaves[..<size] { tree.append(leaf) }
        return tree
    }

    @Test("the root is that of RFC 6962, and so is that over the subtrees", arguments: sizes)
    func root(size: Int) {
        let tree = Self.tree(size)
        let expected = MerkleTree.root(of: Self.leaves[..<size])
        #expect(tree.count == UInt64(size))
        #expect(tree.root == expected)
        #expect(tree.subtreeRoots.count == (size + 1023) / 1024)
        #expect(SegmentTree.subtrees(of: UInt64(size)) == UInt64(tree.subtreeRoots.count))
        #expect(MerkleTree.root(of: tree.subtreeRoots) == expected)
        for (number, root) in tree.subtreeRoots.enumerated() {
            let range = (number * 1024)..<min(size, (number + 1) * 1024)
            #expect(root == MerkleTree.root(of: Self.leaves[range]))
        }
    }

    @Test("a path in the subtree, and behind it the path of the subtree, is the path", arguments: sizes.dropFirst())
    func paths(size: Int) {
        let tree = Self.tree(size)
        for index in Set([0, 1, 1023, 1024, 2047, 2048, size / 2, size - 1]).filter({ $0 < size }) {
            let start = index / 1024 * 1024
            let lower = MerkleProof.inclusion(of: index - start, in: Self.leaves[start..<min(size, start + 1024)])
            let upper = MerkleProof.inclusion(of: index / 1024, in: tree.subtreeRoots[...])
            #expect(lower + upper == MerkleProof.inclusion(of: index, in: Self.leaves[..<size]))
        }
    }

    private func peaks(_ tree: SegmentTree) throws -> MerkleTree {
        var bytes: [UInt8] = []
        tree.append(to: &bytes)
        return try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            return try MerkleTree(&reader)
        }
    }

    @Test("what was kept goes on as if it had not stopped", arguments: sizes)
    func restored(size: Int) throws {
        let tree = Self.tree(size)
        var other = try SegmentTree(peaks: peaks(tree), roots: tree.subtreeRoots[...])
        #expect(other == tree)
        var whole = tree
        for leaf in Self.leaves[..<1500] {
            whole.append(leaf)
            other.append(leaf)
        }
        #expect(other == whole)
        #expect(other.root == whole.root)
    }

    @Test("roots that are not those of the tree", arguments: sizes.dropFirst())
    func otherRoots(size: Int) throws {
        let tree = Self.tree(size)
        let peaks = try peaks(tree)
        let roots = tree.subtreeRoots
        #expect(throws: FormatError.self) { try SegmentTree(peaks: peaks, roots: roots.dropLast()) }
        #expect(throws: FormatError.self) { try SegmentTree(peaks: peaks, roots: (roots + [Self.leaf(9)])[...]) }
        for number in roots.indices {
            var changed = roots
            changed[number] = Self.leaf(-1)
            #expect(throws: FormatError.self) { try SegmentTree(peaks: peaks, roots: changed[...]) }
        }
    }
}
