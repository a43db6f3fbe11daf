import CairnFormat
import Testing

/// RFC 6962 section 2.1, word for word.
private func recursiveRoot(_ leaves: ArraySlice<Digest>) -> Digest {
    if leaves.isEmpty { return Digest.sha256([]) }
    if leaves.count == 1 { return leaves[leaves.startIndex] }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    let middle = leaves.startIndex + split
    return Digest.sha256(
        [0x01] + recursiveRoot(leaves[..<middle]).bytes + recursiveRoot(leaves[middle...]).bytes)
}

@Suite struct MerkleTreeTests {
    /// The leaves and roots of the Certificate Transparency reference tests.
    @Test(arguments: [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        (6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ])
    func knownRoots(_ count: Int, _ expected: String) {
        let inputs = [
            "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
        ]
        let leaves = inputs.prefix(count).map { MerkleTree.leaf(hexBytes($0)) }
        #expect(MerkleTree.root(of: leaves).bytes.hex == expected)
    }

    @Test func incrementalRootIsTheRecursiveOne() {
        let leaves = (0..<300).map { digest(UInt64($0)) }
        var tree = MerkleTree()
        for count in 0...300 {
            #expect(tree.count == UInt64(count))
            #expect(tree.root == recursiveRoot(leaves[..<count]))
            if count < 300 { tree.append(leaves[count]) }
        }
    }

    @Test func nodesAndLeaves() {
        #expect(MerkleTree.node(digest(1), digest(2)) == Digest.sha256([1] + digest(1).bytes + digest(2).bytes))
        #expect(MerkleTree.leaf([5, 6]) == Digest.sha256([0, 5, 6]))
    }
}

@Suite struct MerkleProofTests {
    private static let leaves = (0..<40).map { digest(UInt64($0)) }
    private static let roots = (0...40).map { recursiveRoot(leaves[..<$0]) }
    private static let other = digest(1 << 40)

    @Test func inclusionOfEveryLeafInEveryTree() {
        for size in 1...40 {
            let root = MerkleProofTests.roots[size]
            for index in 0..<size {
                let leaf = MerkleProofTests.leaves[index]
                let path = MerkleProof.inclusion(of: index, in: MerkleProofTests.leaves[..<size])
                func verifies(
                    _ leaf: Digest, _ index: Int, _ size: Int, _ path: [Digest], _ root: Digest
                ) -> Bool {
                    MerkleProof.verifyInclusion(
                        leaf: leaf, index: UInt64(index), size: UInt64(size), path: path, root: root)
                }
                check(path.count <= 6)
                check(verifies(leaf, index, size, path, root))
                check(!verifies(MerkleProofTests.other, index, size, path, root))
                check(!verifies(leaf, index, size, path, MerkleProofTests.other))
                check(!verifies(leaf, index, size, path + [MerkleProofTests.other], root))
                if !path.isEmpty {
                    check(!verifies(leaf, index, size, path.dropLast(), root))
                    check(!verifies(leaf, index, size, Array(path.dropFirst()), root))
                }
                for changed in path.indices {
                    var path = path
                    path[changed] = MerkleProofTests.other
                    check(!verifies(leaf, index, size, path, root))
                }
                for wrong in 0..<41 where wrong != index { check(!verifies(leaf, wrong, size, path, root)) }
                check(!verifies(leaf, index, index, path, root))
                check(!verifies(leaf, index, 0, path, root))
                // Another size may lead along the same path (RFC 9162 does not bind it), but never with its own root.
                for wrong in 1...40 where wrong != size {
                    check(!verifies(leaf, index, wrong, path, MerkleProofTests.roots[wrong]))
                }
            }
        }
    }

    @Test func consistencyOfEveryPair() {
        let (roots, other) = (MerkleProofTests.roots, MerkleProofTests.other)
        func verifies(_ old: Int, _ new: Int, _ path: [Digest], _ oldRoot: Digest, _ newRoot: Digest) -> Bool {
            MerkleProof.verifyConsistency(
                from: UInt64(old), root: oldRoot, to: UInt64(new), root: newRoot, path: path)
        }
        for new in 1...40 {
            for old in 1...new {
                let path = MerkleProof.consistency(from: old, in: MerkleProofTests.leaves[..<new])
                check(verifies(old, new, path, roots[old], roots[new]))
                check(!verifies(old, new, path, other, roots[new]))
                check(!verifies(old, new, path, roots[old], other))
                check(!verifies(old, new, path + [other], roots[old], roots[new]))
                if !path.isEmpty {
                    check(!verifies(old, new, path.dropLast(), roots[old], roots[new]))
                    check(!verifies(old, new, Array(path.dropFirst()), roots[old], roots[new]))
                }
                for changed in path.indices {
                    var path = path
                    path[changed] = other
                    check(!verifies(old, new, path, roots[old], roots[new]))
                }
                for wrong in 0...40 {
                    if wrong != old { check(!verifies(wrong, new, path, roots[wrong], roots[new])) }
                    if wrong != new { check(!verifies(old, wrong, path, roots[old], roots[wrong])) }
                }
            }
        }
    }

    @Test func sizesThatAreNone() {
        let root = MerkleProofTests.roots[3]
        #expect(!MerkleProof.verifyConsistency(from: 0, root: .empty, to: 3, root: root, path: []))
        #expect(!MerkleProof.verifyConsistency(from: 4, root: root, to: 3, root: root, path: []))
        #expect(!MerkleProof.verifyInclusion(leaf: root, index: 0, size: 0, path: [], root: root))
        #expect(!MerkleProof.verifyInclusion(leaf: root, index: .max, size: .max, path: [], root: root))
    }
}
