/// Makes inclusion proofs of a few leaves while a tree grows leaf by leaf (RFC 6962 section 2.1.1). It keeps the proofs
/// and one hash for each bit of the tree's size, however many leaves there are.
package struct MerklePaths: Sendable {
    /// The root of a perfect subtree, and which of the wanted leaves are below it.
    private struct Peak {
        var root: Digest
        var wanted: [Int] = []
    }

    /// Number of leaves so far.
    package private(set) var count: UInt64 = 0
    private let indexes: [UInt64]
    /// Number of the wanted leaves that were reached.
    private var reached = 0
    private var peaks: [Peak] = []
    private var paths: [[Digest]]

    /// - Parameter indexes: of the leaves to be proved, in ascending order, none twice.
    package init(to indexes: [UInt64]) {
        self.indexes = indexes
        paths = Array(repeating: [], count: indexes.count)
    }

    /// `leaf` is already hashed.
    package mutating func append(_ leaf: Digest) {
        var node = Peak(root: leaf)
        if reached < indexes.count, indexes[reached] == count {
            node.wanted = [reached]
            reached += 1
        }
        var size = count
        while size & 1 == 1 {
            node = join(peaks.removeLast(), node)
            size >>= 1
        }
        peaks.append(node)
        count += 1
    }

    /// The parent of two subtrees: each is the next sibling on the paths of the other.
    private mutating func join(_ left: Peak, _ right: Peak) -> Peak {
        for leaf in left.wanted { paths[leaf].append(right.root) }
        for leaf in right.wanted { paths[leaf].append(left.root) }
        return Peak(root: MerkleTree.node(left.root, right.root), wanted: left.wanted + right.wanted)
    }

    /// The root of the tree, and the path of each wanted leaf, nearest the leaf first; nil for one behind the end.
    package consuming func finish() -> (root: Digest, paths: [[Digest]?]) {
        guard var whole = peaks.popLast() else { return (.empty, paths.map { _ in nil }) }
        while let left = peaks.popLast() { whole = join(left, whole) }
        return (whole.root, paths.enumerated().map { $0.offset < reached ? $0.element : nil })
    }
}
