import CairnPlatform
import CairnReader
import CairnStore
import Glibc
import Synchronization

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
    /// Segments are removed, and then the event is written that accounts for it.
    case prunesBeforeTrace
    /// Events are erased without one that accounts for it.
    case erasesWithoutTrace
    /// A start does not read which holds stand.
    case forgetsHolds
    /// A start does not look for a redaction that was cut off.
    case forgetsRequest

    func damage(_ kernel: SimulatedKernel) {
        kernel.setDefect(self)
    }

    func wrap(_ performer: ActionPerformer) -> any ActionPerforming {
        DefectivePerformer(self, performer)
    }

    func wrap(_ files: any FileSystem, _ recorder: WorkerRecorder) -> (any FileSystem, any EventRecorder) {
        let defective = DefectiveRecorder(self, recorder)
        return (DefectiveFiles(files, defective), defective)
    }

    /// A file that is not seen, though it is there.
    var hiddenPath: String? {
        switch self {
        case .forgetsHolds: Holds.path
        case .forgetsRequest: RedactionRequest.path
        default: nil
        }
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

/// Records what it is told, but for what is to be missing or late.
private final class DefectiveRecorder: EventRecorder, @unchecked Sendable {
    // @unchecked: a simulation is one thread.
    private let defect: Defect
    private let base: WorkerRecorder
    private var postponed: [[UInt8]] = []

    init(_ defect: Defect, _ base: WorkerRecorder) { (self.defect, self.base) = (defect, base) }

    func record(_ lines: [[UInt8]]) throws(StoreError) -> [UInt64] {
        let isOne = { (kind: Trace.Kind) in
            lines.contains { String(decoding: $0, as: UTF8.self).contains("\"\(kind.rawValue)\"") }
        }
        if defect == .prunesBeforeTrace, isOne(.pruned) {
            postponed = lines
            return [0]
        }
        if defect == .erasesWithoutTrace, isOne(.redacted) { return [base.next] }
        return try base.record(lines)
    }

    func seal() throws(StoreError) { try base.seal() }

    func catchUp() throws(IOFailure) {
        guard !postponed.isEmpty else { return }
        let lines = postponed
        postponed = []
        if (try? base.record(lines)) == nil { throw IOFailure(operation: "record", path: "", code: EIO) }
    }
}

/// The same files; behind a removal what is late is written.
private final class DefectiveFiles: FileSystem {
    private let base: any FileSystem
    private let recorder: DefectiveRecorder

    init(_ base: any FileSystem, _ recorder: DefectiveRecorder) { (self.base, self.recorder) = (base, recorder) }

    func syncDirectory(_ path: String) throws(IOFailure) {
        try base.syncDirectory(path)
        try recorder.catchUp()
    }

    func status(_ path: String) throws(IOFailure) -> FileStatus? { try base.status(path) }
    func list(_ directory: String) throws(IOFailure) -> [String] { try base.list(directory) }
    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile { try base.openForReading(path) }
    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) {
        try base.createDirectory(path, mode: mode)
    }
    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile {
        try base.create(path, mode: mode)
    }
    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile { try base.openForAppending(path) }
    func rename(_ from: String, to: String) throws(IOFailure) { try base.rename(from, to: to) }
    func link(_ from: String, to: String) throws(IOFailure) { try base.link(from, to: to) }
    func remove(_ path: String) throws(IOFailure) { try base.remove(path) }
    func availableBytes() throws(IOFailure) -> UInt64 { try base.availableBytes() }
    func isInPlace() throws(IOFailure) -> Bool { try base.isInPlace() }
    func lock() throws(IOFailure) -> any DirectoryLock { try base.lock() }
}
