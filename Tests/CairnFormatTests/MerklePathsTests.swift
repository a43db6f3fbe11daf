import CairnFormat
import Testing

@Suite struct MerklePathsTests {
    private static let leaves = (0..<65).map { digest(UInt64($0)) }

    private static func run(_ indexes: [Int], size: Int) -> (root: Digest, paths: [[Digest]?]) {
        var tree = MerklePaths(to: indexes.map(UInt64.init))
        for leaf in leaves[..<size] { tree.append(leaf) }
        return tree.finish()
    }

    @Test("the path of each leaf of each tree is that of RFC 6962, and verifies")
    func everyLeaf() {
        for size in 1...65 {
            let expectedRoot = MerkleTree.root(of: Self.leaves[..<size])
            for index in 0..<size {
                let (root, paths) = Self.run([index], size: size)
                check(root == expectedRoot)
                check(paths == [MerkleProof.inclusion(of: index, in: Self.leaves[..<size])], "\(index) of \(size)")
                check(
                    MerkleProof.verifyInclusion(
                        leaf: Self.leaves[index], index: UInt64(index), size: UInt64(size), path: paths[0] ?? [],
                        root: root))
            }
        }
    }

    @Test("several leaves in one pass have the paths that they have alone")
    func several() {
        var random = SeededRandom()
        for _ in 0..<300 {
            let size = random.below(65) + 1
            let indexes = (0..<size).filter { _ in random.below(3) == 0 }
            let (root, paths) = Self.run(indexes, size: size)
            check(root == MerkleTree.root(of: Self.leaves[..<size]))
            check(paths == indexes.map { MerkleProof.inclusion(of: $0, in: Self.leaves[..<size]) })
        }
    }

    @Test("leaves behind the end have no path")
    func behindTheEnd() {
        let (root, paths) = Self.run([1, 3, 9], size: 3)
        #expect(root == MerkleTree.root(of: Self.leaves[..<3]))
        #expect(paths.map { $0 == nil } == [false, true, true])
        #expect(MerklePaths(to: [0]).finish().root == .empty)
        #expect(MerklePaths(to: [0]).finish().paths == [nil])
        #expect(MerklePaths(to: []).finish().paths == [])
    }
}

/// The proofs of RFC 6962 between trees of all sizes up to 64: each is taken, and none with a hash changed.
@Suite struct ConsistencyTests {
    @Test func everyPairUpTo64() {
        let leaves = (0..<64).map { digest(UInt64($0)) }
        let roots = (0...64).map { MerkleTree.root(of: leaves[..<$0]) }
        for new in 1...64 {
            for old in 1...new {
                var path = MerkleProof.consistency(from: old, in: leaves[..<new])
                func verifies() -> Bool {
                    MerkleProof.verifyConsistency(
                        from: UInt64(old), root: roots[old], to: UInt64(new), root: roots[new], path: path)
                }
                check(path.count <= 7)
                check(verifies(), "\(old) to \(new)")
                for place in path.indices {
                    let right = path[place]
                    path[place] = digest(1 << 40)
                    check(!verifies(), "\(old) to \(new), hash \(place) changed")
                    path[place] = right
                }
            }
        }
    }
}
