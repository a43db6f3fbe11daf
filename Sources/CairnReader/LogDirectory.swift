package import CairnFormat
package import CairnPlatform

/// The files of a log, found and read without looking into segments.
package struct LogDirectory: Sendable {
    /// Encrypted segments read as those that are not.
    package let files: any ReadableFileSystem
    /// The files as they are.
    package let stored: any ReadableFileSystem
    /// Where it is on this machine, for who wants to be told of changes; nil for a log in an archive or a simulation.
    package let path: String?

    /// - Parameters:
    ///   - identities: open what is encrypted.
    ///   - path: that of the files on this machine.
    package init(_ stored: any ReadableFileSystem, identities: [AgeIdentity] = [], path: String? = nil) {
        self.stored = stored
        self.path = path
        files = EncryptedFiles(stored, identities)
    }

    /// Opens a directory on disk; fails with `noLog` if it does not hold a log.
    package init(path: String, identities: [AgeIdentity] = []) throws(ReadError) {
        let files: PosixFileSystem
        do throws(IOFailure) {
            files = try PosixFileSystem(root: path)
        } catch {
            if error.isMissing { throw LogDirectory.noLog(path) }
            throw ReadError(error)
        }
        self.init(files, identities: identities, path: path)
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
        package var parts: SegmentParts

        package func path(_ part: FileNames.Part) -> String { FileNames.segment(firstSequence, part) }
        package var isSealed: Bool { parts.contains(.seal) }
        package var hasData: Bool { parts.contains(.data) || isEncrypted }
        /// Whether its data is there for those only who have an identity.
        package var isEncrypted: Bool { !parts.contains(.data) && parts.contains(.encryptedData) }
    }

    /// Every segment of which data or seal is there, in order.
    package func segments() throws(ReadError) -> [Segment] {
        let names = try accessing { () throws(IOFailure) in try files.list(FileNames.segments) }
        var found: [Segment] = []
        // The names are sorted, so those of one segment follow each other.
        for name in names {
            guard let (first, part) = FileNames.parse(name) else { continue }
            if found.last?.firstSequence != first { found.append(Segment(firstSequence: first, parts: SegmentParts())) }
            found[found.count - 1].parts.insert(part)
        }
        return found.filter { $0.hasData || $0.isSealed }
    }

    /// The segment that begins with event `first`; nil if neither data nor seal of it is there.
    package func segment(_ first: UInt64) throws(ReadError) -> Segment? {
        var segment = Segment(firstSequence: first, parts: SegmentParts())
        for part in FileNames.Part.allCases {
            let path = segment.path(part)
            if try accessing({ () throws(IOFailure) in try stored.status(path) }) != nil { segment.parts.insert(part) }
        }
        return segment.hasData || segment.isSealed ? segment : nil
    }

    /// Segments that are encrypted and cannot be opened, by their first sequence numbers.
    package func hiddenSegments() throws(ReadError) -> Set<UInt64> {
        var hidden: Set<UInt64> = []
        for segment in try segments() where segment.isEncrypted {
            do throws(ReadError) {
                _ = try accessing { () throws(IOFailure) in try files.openForReading(segment.path(.data)) }
            } catch {
                if error.code == .encrypted { hidden.insert(segment.firstSequence) }
            }
        }
        return hidden
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
    ///
    /// - Parameters:
    ///   - tokens: those that the index will be asked for. Only what tells of them and of the texts is read.
    ///   - texts: the same; not empty.
    package func index(_ segment: Segment, tokens: [UInt64] = [], texts: [String] = []) -> SegmentIndex? {
        var paths = [segment.path(.index)]
        if segment.parts.contains(.nextIndex) || segment.parts.contains(.nextEncryptedIndex) {
            // The data is being written anew: its footer says whose index is whose.
            let next = segment.path(.nextIndex)
            if (try? isIndex(next, of: segment.path(.data))) == true { paths.insert(next, at: 0) }
        }
        for name in paths {
            guard let file = try? files.openForReading(name) else { continue }
            return try? LogDirectory.index(file, tokens, texts, path == nil ? .distant : .local)
        }
        return nil
    }

    /// Nil if the file is not as long as its header says.
    private static func index(
        _ file: any ReadableFile, _ tokens: [UInt64], _ texts: [String], _ pieces: IndexPieces
    ) throws -> SegmentIndex? {
        let count = try file.size()
        guard count <= UInt64(Limits.index) else { return nil }
        func bytes(_ wanted: Int) throws(IOFailure) -> [UInt8] {
            try [UInt8](unsafeUninitializedCapacity: wanted) { (buffer, read) throws(IOFailure) in
                read = try file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
        var head = try bytes(min(Int(count), pieces.head))
        let size = try head.withBytes { (bytes) throws(FormatError) in try SegmentIndex.size(header: bytes) }
        guard size.file == Int(count) else { return nil }
        if size.head > head.count { head = try bytes(size.head) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(pieces.rest, SegmentIndex.pieceSize + 4), alignment: 64)
        defer { buffer.deallocate() }
        var index: SegmentIndex
        if tokens.isEmpty {
            index = try SegmentIndex(head: head, size: size)
        } else {
            var search = try FilterSearch(head: head, size: size, tokens: tokens)
            index = try file.withPieces(of: size.head..<size.filterEnd, buffer) {
                try search.take($0)
            } end: {
                try search.finish($0)
            }
        }
        if !texts.isEmpty {
            var search = TextSearch(index, texts: texts)
            index = try file.withPieces(of: size.filterEnd..<size.file, buffer) {
                try search.take($0)
            } end: {
                try search.finish($0)
            }
        }
        return index
    }

    /// How much of an index is read at once.
    private struct IndexPieces {
        /// Bytes that are read first.
        var head: Int
        /// Bytes of filters, or of texts; the memory is used again for each piece.
        var rest: Int

        /// Fresh memory costs more than a system call.
        static let local = IndexPieces(head: 128 << 10, rest: 256 << 10)
        /// Each piece may be a request to an archive; the heads of most indexes are shorter than this.
        static let distant = IndexPieces(head: 640 << 10, rest: 2 << 20)
    }

    /// Whether the file at `index` is the one that the footer at the end of the segment's data names.
    package func isIndex(_ index: String, of data: String) throws(ReadError) -> Bool {
        let files = files
        let (bytes, tail) = try accessing { () throws(IOFailure) -> ([UInt8]?, [UInt8]) in
            let file = try files.openForReading(data)
            let size = try file.size()
            let count = UInt64(SegmentFooter.memberSize)
            let start = size - min(size, count)
            let tail = try [UInt8](unsafeUninitializedCapacity: Int(count)) { (buffer, read) throws(IOFailure) in
                read = try file.read(at: start, into: UnsafeMutableRawBufferPointer(buffer))
            }
            return (try files.contents(index, limit: Limits.index), tail)
        }
        guard let bytes else { return false }
        let footer = tail.withUnsafeBytes { bytes in
            (try? Member.head(bytes)).flatMap { head in
                head.kind == .footer
                    ? try? SegmentFooter(content: UnsafeRawBufferPointer(rebasing: bytes[head.content])) : nil
            }
        }
        return footer?.indexDigest == Digest.sha256(bytes)
    }
}

extension ReadableFile {
    /// Reads a range in pieces that fit into `buffer`.
    ///
    /// - Parameters:
    ///   - take: takes what it can of the bytes that follow what it took, and says how many that was.
    ///   - end: takes the last of them, which `take` left.
    fileprivate func withPieces<R>(
        of range: Range<Int>, _ buffer: UnsafeMutableRawBufferPointer,
        _ take: (UnsafeRawBufferPointer) throws -> Int, end: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        var (offset, kept) = (range.lowerBound, 0)
        while true {
            let wanted = min(buffer.count - kept, range.upperBound - offset)
            let read = try read(
                at: UInt64(offset), into: UnsafeMutableRawBufferPointer(rebasing: buffer[kept..<(kept + wanted)]))
            offset += read
            let filled = UnsafeRawBufferPointer(rebasing: buffer[..<(kept + read)])
            let taken = try take(filled)
            let rest = UnsafeRawBufferPointer(rebasing: filled[taken...])
            if offset >= range.upperBound || read == 0 { return try end(rest) }
            buffer.copyMemory(from: rest)
            kept = rest.count
        }
    }
}
