import Glibc

/// What goes wrong with one call.
package struct Fault: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// It fails with this errno.
        case error(Int32)
        /// A signal comes: EINTR, or fewer bytes than asked for.
        case interruption
        /// A sync fails, and the kernel forgets what it had to write (fsyncgate).
        case failedSync(keeps: Bool)
        /// From here on nothing works any more, until the machine starts again.
        case powerLoss
    }

    /// How much of the call is done all the same. Only a write can be half done.
    package enum Progress: Sendable, Hashable, CaseIterable {
        case none, half, whole
    }

    package var kind: Kind
    package var progress: Progress

    package var description: String {
        switch kind {
        case .error(let code): "errno \(code), done: \(progress)"
        case .interruption: progress == .half ? "cut short" : "interrupted"
        case .failedSync(let keeps): "sync fails, memory \(keeps ? "kept" : "dropped")"
        case .powerLoss: "power lost, done: \(progress)"
        }
    }

    package init(_ kind: Kind, progress: Progress = .none) {
        self.kind = kind
        self.progress = progress
    }
}

/// Chances of faults per call, in parts of 65,536.
package struct FaultRates: Sendable {
    package var interruption = 0
    package var failure = 0
    package var failedSync = 0
    package var noSpace = 0
    package var powerLoss = 0

    package init() {}

    package static let none = FaultRates()
}

/// How many faults there were, by kind.
package struct FaultCounts: Sendable, Equatable {
    package var interruptions = 0
    package var failures = 0
    package var failedSyncs = 0
    package var noSpace = 0
    package var powerLosses = 0

    package init() {}

    package var total: Int { interruptions + failures + failedSyncs + noSpace + powerLosses }

    mutating func count(_ fault: Fault) {
        switch fault.kind {
        case .interruption: interruptions += 1
        case .error(ENOSPC), .error(EDQUOT): noSpace += 1
        case .error: failures += 1
        case .failedSync: failedSyncs += 1
        case .powerLoss: powerLosses += 1
        }
    }

    package static func += (a: inout FaultCounts, b: FaultCounts) {
        a.interruptions += b.interruptions
        a.failures += b.failures
        a.failedSyncs += b.failedSyncs
        a.noSpace += b.noSpace
        a.powerLosses += b.powerLosses
    }
}
