import CairnPlatform
import CairnStore
import Glibc

/// Ways in which a writer could be wrong. The simulator has to find each of them; that is how we know that it looks.
package enum Defect: String, Sendable, CaseIterable {
    /// Appends are not synced.
    case skipsSync
    /// Clients are told before the bytes are written and synced.
    case acknowledgesEarly
    /// Names of new files are not made durable.
    case forgetsDirectorySync
    /// A write that took a part of the bytes is taken for a whole one.
    case ignoresShortWrite
    /// A segment takes events before the private key that must sign it is on disk.
    case acknowledgesBeforeKey

    func damage(_ kernel: SimulatedKernel) {
        kernel.setDefect(self)
    }

    func wrap(_ performer: ActionPerformer) -> any ActionPerforming {
        DefectivePerformer(self, performer)
    }
}

/// Does what it is told, but for one thing.
private struct DefectivePerformer: ActionPerforming {
    private let defect: Defect
    private var base: ActionPerformer
    /// Done later than asked for.
    private var postponed: [Action] = []
    /// Appends since a segment was made, as long as the key is not there.
    private var appends: Int?

    init(_ defect: Defect, _ base: ActionPerformer) {
        self.defect = defect
        self.base = base
    }

    mutating func perform(_ action: Action) throws(IOFailure) {
        switch (defect, action) {
        case (.skipsSync, .sync): return
        case (.acknowledgesEarly, .append), (.acknowledgesEarly, .sync): postponed.append(action)
        case (.acknowledgesBeforeKey, .replace(let path, _, true)) where path.hasSuffix(".next"):
            postponed.append(action)
        case (.acknowledgesBeforeKey, .evolveKey): postponed.append(action)
        case (.acknowledgesBeforeKey, .createSegment):
            appends = 0
            try base.perform(action)
        case (.acknowledgesBeforeKey, .append):
            // One commit goes through before the key is there.
            if let count = appends {
                if count > 0 { try catchUp() }
                appends = count > 0 ? nil : 1
            }
            try base.perform(action)
        case (.acknowledgesEarly, _):
            try catchUp()
            try base.perform(action)
        default: try base.perform(action)
        }
    }

    private mutating func catchUp() throws(IOFailure) {
        while let action = postponed.first {
            try base.perform(action)
            postponed.removeFirst()
        }
    }

    mutating func close() throws(IOFailure) { try base.close() }

    func displacement(of path: String) throws(IOFailure) -> Displacement? { try base.displacement(of: path) }
    func availableBytes() throws(IOFailure) -> UInt64 { try base.availableBytes() }
}
