import CairnFormat
import CairnReader
import CairnStore
import Testing

/// What the log says of its archive, and what a redaction makes of that.
struct ArchiveNoteTests {
    private func known(_ log: CustodyLog) throws -> (archived: SequenceRanges, erasedSince: SequenceRanges) {
        try AuditLog(LogDirectory(log.disk.files)).archived()
    }

    @Test func whatIsNewIsNotedOnce() throws {
        let log = try CustodyLog()
        try log.fill([3, 3])
        #expect(try known(log).archived.isEmpty)
        #expect(try log.custody.noteArchived(SequenceRanges([0..<3]), in: "s3://a/b", by: 7))
        #expect(try known(log).archived == SequenceRanges([0..<3]))
        #expect(try !log.custody.noteArchived(SequenceRanges([0..<3]), in: "s3://a/b", by: 7))
        #expect(try log.custody.noteArchived(SequenceRanges([3..<6]), in: "s3://a/b", by: 7))
        #expect(try known(log).archived == SequenceRanges([0..<6]))
        // Part of a segment is no segment.
        #expect(try !log.custody.noteArchived(SequenceRanges([4..<900]), in: "s3://a/b", by: 7))
        log.disk.expectVerified()
    }

    /// The archive may still have a copy of what was erased since: the segment counts again when it went there again.
    @Test func aRedactionUndoesTheWordOfTheArchive() throws {
        let log = try CustodyLog()
        try log.fill([3, 3, 3])
        _ = try log.custody.noteArchived(SequenceRanges([0..<9]), in: "a", by: 7)
        _ = try log.redact("", [1..<2])
        #expect(try known(log).erasedSince == SequenceRanges([1..<2]))
        // The archiver says which segments are there as they are here: not yet the first.
        #expect(try !log.custody.noteArchived(SequenceRanges([3..<9]), in: "a", by: 7))
        #expect(try known(log).erasedSince == SequenceRanges([1..<2]))
        #expect(try log.custody.noteArchived(SequenceRanges([0..<9]), in: "a", by: 7))
        let (archived, erasedSince) = try known(log)
        #expect(archived == SequenceRanges([0..<9]) && erasedSince.isEmpty)
        log.disk.expectVerified()
    }

    /// A newer word about other segments does not bring back what a redaction undid.
    @Test func aNewSegmentDoesNotHideTheRedaction() throws {
        let log = try CustodyLog()
        try log.fill([3, 3])
        _ = try log.custody.noteArchived(SequenceRanges([0..<3]), in: "a", by: 7)
        _ = try log.redact("", [1..<2])
        #expect(try log.custody.noteArchived(SequenceRanges([3..<6]), in: "a", by: 7))
        #expect(try known(log).archived == SequenceRanges([3..<6]))
    }
}
