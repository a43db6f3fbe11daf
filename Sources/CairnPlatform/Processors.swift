import Glibc

/// How much can run at once.
package enum Processors {
    /// Processors that are on line, at least 1. Quotas of a control group are not counted.
    package static var active: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
