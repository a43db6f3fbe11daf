import CairnPlatform
import Glibc
import Testing

@Suite struct LargeAllocationsTests {
    /// The word before a piece says, in its second bit, whether it was mapped for itself.
    @inline(never) private func isMapped(_ piece: UnsafeMutableRawPointer) -> Bool {
        (piece - 8).load(as: UInt.self) & 2 != 0
    }

    @Test func largePiecesAreMapped() throws {
        LargeAllocations.returnToKernel()
        // Without it glibc would keep pieces up to this size from now on.
        let first = try #require(malloc(31 << 20))
        // Looked at, or the compiler leaves it out.
        let wasMapped = isMapped(first)
        free(first)
        // The first may find room that was freed before; together they find none. Nothing touches them.
        let pieces = try (0..<64).map { _ in try #require(malloc(4 << 20)) }
        defer { for piece in pieces { free(piece) } }
        #expect(isMapped(pieces[63]), "31 MiB before them were mapped: \(wasMapped)")
        let small = try #require(malloc(64 << 10))
        defer { free(small) }
        #expect(!isMapped(small))
    }
}
