package import CairnArchive
package import CairnFormat
import CairnPlatform
package import CairnReader

/// What commands need that speaks HTTP, reads YAML or runs a daemon. `cairn` has none of the libraries for it, because
/// the more types a Swift program has, the longer it takes to start; it hands over to `cairn-network`, which has them
/// and is the same otherwise.
package protocol Facilities: Sendable {
    /// Storage in a bucket, which is not asked anything yet, and what is unwise about it.
    func storage(_ access: BucketAccess) throws -> (any ObjectStorage, warning: String?)

    /// A witness of checkpoints (C2SP tlog-witness).
    ///
    /// - Parameter known: seals that the witness, by the name of its place, is known to have cosigned; 0 for none.
    func witness(
        _ address: String, _ key: WitnessKey, _ directory: LogDirectory, known: (String) -> UInt64
    ) throws -> any AnchorPlace

    /// The policy in a file.
    func retentionPolicy(file: String) throws -> RetentionPolicy

    /// A daemon for this process, not started.
    func daemon() throws -> any DaemonWithin
}

/// A daemon in this process.
package protocol DaemonWithin {
    /// - Parameter segmentBytes: when it begins a new segment.
    func start(log: String, socket: String, segmentBytes: Int) throws

    /// Returns when all that it has accepted is on disk.
    func stop()
}

/// This process, as what it is linked to be.
package enum Program {
    @TaskLocal package static var facilities: any Facilities = Handover()
}

/// Replaces this process by `cairn-network`, with the same arguments. Commands ask for facilities before they have read
/// or written anything, so that it can begin anew.
package struct Handover: Facilities {
    static let program = "cairn-network"

    package init() {}

    package func storage(_ access: BucketAccess) throws -> (any ObjectStorage, warning: String?) { try replace() }

    package func witness(
        _ address: String, _ key: WitnessKey, _ directory: LogDirectory, known: (String) -> UInt64
    ) throws -> any AnchorPlace { try replace() }

    package func retentionPolicy(file: String) throws -> RetentionPolicy { try replace() }

    package func daemon() throws -> any DaemonWithin { try replace() }

    private func replace() throws -> Never {
        do throws(IOFailure) {
            try ProcessReplacement.replace(byNeighbour: Handover.program)
        } catch {
            throw CommandFailure(
                .unavailable,
                "this needs \(Handover.program), which belongs beside cairn: \(error); install both from one version")
        }
    }
}
