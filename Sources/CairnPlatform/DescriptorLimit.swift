import Glibc

/// How many files this process may have open (RLIMIT_NOFILE of getrlimit(2)).
package enum DescriptorLimit {
    /// How many are open now, by /proc/self/fd, and one more that was needed to look; nil where that cannot be read.
    package static var used: Int? { (try? PosixFileSystem(root: "/proc/self/fd").list(""))?.count }

    /// The soft limit as it is now; `Int.max` where there is none.
    package static var current: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        return Int(exactly: limit.rlim_cur) ?? .max
    }
}
