internal import CMalloc

/// How this process gets its large pieces of memory (mallopt(3)).
package enum LargeAllocations {
    /// Bytes from which on a piece goes back to the kernel when it is freed.
    private static let least = 1 << 20

    /// Has each large piece come from the kernel, and go back to it when it is freed.
    ///
    /// Otherwise glibc takes every piece that is freed for a sign that more of its size will come, and keeps up to 32 MiB
    /// at a time, in which new ones find no room between what lives on. For a program's main only: it changes the whole
    /// process.
    package static func returnToKernel() { _ = mallopt(M_MMAP_THRESHOLD, Int32(least)) }
}
