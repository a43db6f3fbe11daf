import CairnReader
import Synchronization

/// A verifier that looks at a log between two calls of its writer, where it must never see anything wrong.
final class LiveVerification: Sendable {
    private let kernel: SimulatedKernel
    private let state = Mutex<(count: Int, violation: Violation?)>((0, nil))

    init(_ kernel: SimulatedKernel) { self.kernel = kernel }

    var count: Int { state.withLock { $0.count } }
    var violation: Violation? { state.withLock { $0.violation } }

    func verify() {
        var found: Violation?
        do throws(Violation) {
            if let verification = try Oracle.verdict(kernel), verification.verdict != .verified {
                found = Violation(
                    "before change \(kernel.changeCount) a verifier says \(verification.verdict.rawValue): "
                        + verification.findings.map(\.message).joined(separator: "; "))
            }
        } catch {
            found = error
        }
        state.withLock { state in
            state.count += 1
            state.violation = state.violation ?? found
        }
    }
}
