import CairnFormat
import CairnPlatform

/// What of a log changes while a writer runs, read in an order that makes every race harmless.
///
/// A writer makes things durable before it speaks of them: events before the head that counts them, a seal before the
/// checkpoint that covers it, a seal before the next segment's file, that file before a head that names it. So what
/// was read *before* the names were listed promises nothing that the list lacks, and what was read *after* is at least
/// as new as the list: `before` is asked whether something is missing, `after` whether something is stale. In a log
/// that nobody writes both are the same. Data and seals are read after all this, and only grow.
struct LogSnapshot {
    /// The two files that a writer replaces, at one time.
    struct Statements: Equatable {
        var head: [UInt8]?
        var checkpoint: [UInt8]?

        init(_ directory: LogDirectory) throws(ReadError) {
            head = try directory.beginning(of: FileNames.head, limit: Limits.note)
            checkpoint = try directory.beginning(of: FileNames.checkpoint, limit: Limits.note)
        }
    }

    private(set) var before: Statements
    private(set) var segments: [LogDirectory.Segment]
    private(set) var after: Statements

    init(_ directory: LogDirectory) throws(ReadError) {
        before = try Statements(directory)
        segments = try LogSnapshot.list(directory)
        after = try Statements(directory)
        // A list that was made while names came and went may lack an older name and hold a newer one; two that agree
        // are good. Rotations are rare, so the second or third agrees; the limit only keeps this finite.
        for _ in 0..<1000 {
            let again = try LogSnapshot.list(directory)
            let isNew = before.head == nil && after.head != nil
            if again == segments, !isNew { return }
            before = after
            segments = again
            after = try Statements(directory)
        }
    }

    /// Whether no segment was begun, sealed or removed since.
    func isCurrent(_ directory: LogDirectory) throws(ReadError) -> Bool {
        try LogSnapshot.list(directory) == segments
    }

    private static func list(_ directory: LogDirectory) throws(ReadError) -> [LogDirectory.Segment] {
        // A log whose directory of segments was removed is a log without segments.
        let status = try accessing { () throws(IOFailure) in try directory.files.status(FileNames.segments) }
        return status == nil ? [] : try directory.segments()
    }
}
