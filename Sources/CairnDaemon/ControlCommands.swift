internal import CairnPlatform

/// What can be asked on the control socket. Protocol.md describes each.
enum ControlCommand: String, CaseIterable, Sendable {
    case status, rotate, sync
    case holdAdd = "hold-add"
    case holdRelease = "hold-release"
    case redact
    case retentionApply = "retention-apply"
    case archived

    /// Who may.
    enum Permission: Sendable {
        case everybody
        /// Those of `control.uids`.
        case operators
        /// Those of `control.custody_uids`: what they do takes events away, or keeps others from it.
        case custodians
        /// Those of `control.archive_uids`.
        case archivers
    }

    var permission: Permission {
        switch self {
        case .status: .everybody
        case .rotate, .sync: .operators
        case .holdAdd, .holdRelease, .redact, .retentionApply: .custodians
        case .archived: .archivers
        }
    }
}

/// Carries commands out. Calls come on the event loop and must not block it.
protocol ControlCommands: Sendable {
    /// Why that user may not; nil if he may.
    func refusal(of command: ControlCommand, to peer: PeerCredentials) -> String?

    /// Does what was asked and then tells `done` the answer, on any thread.
    func perform(
        _ command: ControlCommand, _ request: ControlRequest, by peer: PeerCredentials,
        _ done: @escaping @Sendable ([UInt8]) -> Void)
}
