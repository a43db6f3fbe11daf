/// Whom a checker of proofs trusts.
public struct ProofPolicy: Sendable {
    /// The log's genesis key, which was printed when it was made, or its log key.
    public var key: VerifierKey
    /// Witnesses whose cosignatures count, none twice.
    public let witnesses: [WitnessKey]
    /// So many of them must have cosigned.
    public let quorum: Int

    /// - Parameter quorum: all of the witnesses, if it is not given.
    public init(key: VerifierKey, witnesses: [WitnessKey] = [], quorum: Int? = nil) {
        self.key = key
        // One witness that is named twice is no second witness.
        self.witnesses = witnesses.enumerated().filter { !witnesses[..<$0.offset].contains($0.element) }.map(\.element)
        self.quorum = quorum ?? self.witnesses.count
    }
}

/// What a proof proved: that the log had sealed this event, with this content and in this place, when the checkpoint
/// was signed. It does not show that the log holds it still, nor what else the log holds.
public struct ProvedEvent: Sendable, Equatable {
    /// Name of the log.
    public var origin: Origin
    /// Sequence number of the event.
    public var sequence: UInt64
    /// The stored line without its LF.
    public var line: [UInt8]
    /// SHA-256(0x00 ‖ salt ‖ line), as receipts have it.
    public var leaf: Digest
    /// Of the event's segment.
    public var seal: Seal
    /// Number of seals that the checkpoint covers.
    public var checkpointSize: UInt64
    /// Whether the trusted key was the genesis key; else it was the log key.
    public var isGenesisKey: Bool
    /// Those by the witnesses of the policy.
    public var cosignatures: [Cosignature]
}

/// Why a proof proves nothing: the first step that failed.
public struct ProofFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The step.
    public enum Kind: String, Sendable, CaseIterable {
        /// The given key is neither the genesis key nor the log key of the proof's log.
        case key
        /// The statement of the log's keys is not signed by its genesis key.
        case origin
        /// The checkpoint is not signed by the log key, or of another log.
        case checkpoint
        /// Too few of the given witnesses have cosigned, or a cosignature is wrong.
        case witness
        /// The seal is not among those that the checkpoint covers, or out of its place.
        case seal
        /// The event is not among those of the seal, or not of its number.
        case event
        /// Well signed, but of a form that this program does not know.
        case unsupported
    }

    /// The step.
    public var kind: Kind
    /// What was wrong with it.
    public var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
