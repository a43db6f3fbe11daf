import CairnPlatform
import CairnSimulation

/// A simulated disk with the handles that the tests of the store need.
final class TestDisk: Sendable {
    let kernel: SimulatedKernel
    let files: PosixFileSystem

    init(_ disk: SimulatedDisk = SimulatedDisk()) {
        kernel = SimulatedKernel(disk)
        guard let files = try? kernel.files() else { preconditionFailure("a simulated kernel has a root") }
        self.files = files
    }

    /// The calls so far that changed something, each with the path that it was about.
    var operations: [String] { kernel.changes }
    var operationCount: Int { kernel.changeCount }
    /// Whether the power has gone.
    var isDown: Bool { kernel.isDown }

    /// Plans a fault at a call, counted from the first ever.
    func fail(_ operation: Int, _ fault: Fault) { kernel.fail(operation, fault) }

    /// What is there for a reader now: the same after an orderly stop of the machine.
    func settled() -> TestDisk { TestDisk(kernel.disk.settled()) }

    /// What is there when the machine starts again. Seed 0 loses everything that may be lost, seed 1 nothing, any other
    /// mixes.
    func crash(seed: UInt64) -> TestDisk {
        let loss: SimulatedDisk.Loss = seed == 0 ? .everything : seed == 1 ? .nothing : .mixture(seed)
        return TestDisk(kernel.disk.crashed(loss))
    }

    /// All files by path.
    func snapshot() -> [String: [UInt8]] { kernel.disk.files }

    /// Puts bytes into a file behind everybody's back, durably.
    func tamper(_ path: String, _ bytes: [UInt8]) { kernel.change { $0.tamper(path, bytes) } }

    /// Removes a file behind everybody's back, durably.
    func lose(_ path: String) { kernel.change { $0.tamper(path, nil) } }
}
