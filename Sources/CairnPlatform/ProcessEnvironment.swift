import Glibc

/// What this process was started with and as whom.
package enum ProcessEnvironment {
    /// A variable of the environment; nil where it is not set. It may be set and empty.
    package static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// The whole environment. Of a name that stands there twice, the first counts, as for getenv(3).
    package static var all: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, variables[String(parts[0])] == nil { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }

    package static var processID: Int32 { getpid() }

    /// The effective user, whom the kernel asks for permissions and SO_PEERCRED names to the daemon.
    package static var userID: UInt32 { geteuid() }

    /// The name of the host as the kernel has it (gethostname(2)); `localhost` where it has none.
    package static func hostName() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            buffer.initialize(repeating: 0)
            // One byte less, so that a NUL stands behind a name that was cut.
            guard let start = buffer.baseAddress, gethostname(start, buffer.count - 1) == 0, start[0] != 0 else {
                return "localhost"
            }
            return String(cString: start)
        }
    }
}
