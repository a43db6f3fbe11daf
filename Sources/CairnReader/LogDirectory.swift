package import CairnFormat
package import CairnPlatform

/// The files of a log, found and read without looking into segments.
package struct LogDirectory: Sendable {
    package let files: any FileSystem

    package init(_ files: any FileSystem) { self.files = files }

    /// Opens a directory on disk; fails with `noLog` if it does not hold a log.
    package init(path: String) throws(ReadError) {
        let files: PosixFileSystem
        do throws(IOFailure) {
            files = try PosixFileSystem(root: path)
        } catch {
            if error.isMissing { throw LogDirectory.noLog(path) }
            throw ReadError(error)
        }
        self.files = files
        guard try accessing({ () throws(IOFailure) in try files.status(FileNames.origin) }) != nil else {
            throw LogDirectory.noLog(path)
        }
    }

    private static func noLog(_ path: String) -> ReadError {
        ReadError(
            .noLog, "there is no log in \(path): name another directory with -D, or make one with \"cairn init\"",
            path: "")
    }

    /// Which parts of a segment are there.
    package struct Segment: Sendable, Equatable {
        package var firstSequence: UInt64
        package var parts: Set<FileNames.Part>

        package func path(_ part: FileNames.Part) -> String { FileNames.segment(firstSequence, part) }
        package var isSealed: Bool { parts.contains(.seal) }
        package var hasData: Bool { parts.contains(.data) }
    }

    /// Every segment of which data or seal is there, in order.
    package func segments() throws(ReadError) -> [Segment] {
        let names = try accessing { () throws(IOFailure) in try files.list(FileNames.segments) }
        var found: [UInt64: Set<FileNames.Part>] = [:]
        for name in names {
            guard let (first, part) = FileNames.parse(name) else { continue }
            found[first, default: []].insert(part)
        }
        return found.map { Segment(firstSequence: $0, parts: $1) }
            .filter { $0.hasData || $0.isSealed }
            .sorted { $0.firstSequence < $1.firstSequence }
    }

    /// A note with the bytes that it was read from; nil if there is no such file.
    package func note(_ path: String) throws(ReadError) -> (note: SignedNote, bytes: [UInt8])? {
        guard let bytes = try accessing({ () throws(IOFailure) in try files.contents(path, limit: Limits.note) })
        else { return nil }
        let note = try reading(path) { () throws(FormatError) in try SignedNote(bytes) }
        return (note, bytes)
    }

    /// The seal of a segment, its signature not checked; nil if there is none.
    package func seal(_ segment: Segment) throws(ReadError) -> Seal? {
        let path = segment.path(.seal)
        guard let (note, _) = try note(path) else { return nil }
        return try reading(path) { () throws(FormatError) in try Seal(text: note.text) }
    }

    /// The statement of the log's name and first keys, signed by the genesis key that it names.
    package func origin() throws(ReadError) -> OriginStatement {
        guard let (note, _) = try note(FileNames.origin) else { throw LogDirectory.noLog("this directory") }
        return try reading(FileNames.origin) { () throws(FormatError) in
            let statement = try OriginStatement(text: note.text)
            try note.verify(statement.genesisKey)
            return statement
        }
    }

    /// The index of a segment, or nil if there is none or it is damaged: queries then read the whole segment.
    package func index(_ segment: Segment) -> SegmentIndex? {
        // An index is smaller than its segment; this only keeps a wild file from filling the memory.
        let limit = 1 << 30
        guard let bytes = try? files.contents(segment.path(.index), limit: limit) else { return nil }
        return try? SegmentIndex(bytes)
    }
}
