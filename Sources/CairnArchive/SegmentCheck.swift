import CairnFormat
import CairnPlatform
import CairnReader

/// Reads segments of a log before they go into an archive.
struct SegmentCheck {
    let directory: LogDirectory

    /// A segment's file and its index, read and found good.
    struct Checked {
        var file: any ReadableFile
        var size: UInt64
        var sha256: Digest
        /// Nil for a segment that was sealed for damage.
        var index: [UInt8]?
        /// The greatest number of an event that tells of redactions.
        var lastTrace: UInt64?
        /// Data and index are age files.
        var isEncrypted = false
    }

    /// Reads the whole segment: what does not verify here must not be what is left once the local copy is gone. Of one
    /// that is encrypted for others all that can be known is that its files are whole.
    func check(_ listed: LogDirectory.Segment, _ seal: Seal) throws -> Checked {
        // It may have been encrypted since.
        let segment = try directory.segment(listed.firstSequence) ?? listed
        guard segment.isEncrypted else { return try checkContents(segment, seal) }
        var lastTrace: UInt64?
        do {
            lastTrace = try checkContents(segment, seal).lastTrace
        } catch let error as ReadError where error.code == .encrypted {}
        let stored = directory.stored
        let (file, index) = try accessing { () throws(IOFailure) in
            (
                try stored.openForReading(segment.path(.encryptedData)),
                try stored.contents(segment.path(.encryptedIndex), limit: Limits.index)
            )
        }
        if index == nil, seal.reason != .corruption {
            throw ArchiveError(.changed, "\(segment.path(.encryptedIndex)) is missing: run \"cairn verify\"")
        }
        let (size, hash) = try digest(of: file)
        return Checked(file: file, size: size, sha256: hash, index: index, lastTrace: lastTrace, isEncrypted: true)
    }

    private func checkContents(_ segment: LogDirectory.Segment, _ seal: Seal) throws -> Checked {
        let path = segment.path(.data)
        for _ in 0..<4 {
            var replay = try SegmentReplay(directory.files, path: path, seal: seal)
            var lastTrace: UInt64?
            var footer: SegmentFooter?
            if seal.reason != .corruption {
                loop: while true {
                    switch try replay.next() {
                    case .block: lastTrace = (replay.redacted.map(\.event) + [lastTrace].compactMap { $0 }).max()
                    case .footer(let found): footer = found
                    case .end: break loop
                    }
                }
                guard replay.builder.count == seal.count, replay.builder.tree.root == seal.root, let footer else {
                    throw ArchiveError(
                        .changed, "\(path) does not hold what was sealed, so it is not archived: run \"cairn verify\"")
                }
                // Written anew meanwhile? Then data and index are those of another file.
                guard let index = try index(segment, footer) else { continue }
                let (size, hash) = try digest(of: replay.reader.file)
                return Checked(
                    file: replay.reader.file, size: size, sha256: hash, index: index, lastTrace: lastTrace)
            }
            // Good events and then evidence: the file goes as it is, and has no index.
            let (size, hash) = try digest(of: replay.reader.file)
            return Checked(file: replay.reader.file, size: size, sha256: hash, index: nil, lastTrace: nil)
        }
        throw ArchiveError(.changed, "\(path) has no index that fits it: run \"cairn verify\"")
    }

    private func index(_ segment: LogDirectory.Segment, _ footer: SegmentFooter) throws(ReadError) -> [UInt8]? {
        for part in [FileNames.Part.nextIndex, .index] {
            let path = segment.path(part)
            let bytes = try accessing { () throws(IOFailure) in
                try directory.files.contents(path, limit: Limits.index)
            }
            if let bytes, Digest.sha256(bytes) == footer.indexDigest { return bytes }
        }
        return nil
    }

    func digest(of file: any ReadableFile) throws(ReadError) -> (size: UInt64, sha256: Digest) {
        try accessing { () throws(IOFailure) in
            let size = try file.size()
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
            defer { buffer.deallocate() }
            var (hash, offset) = (StreamingHash(), UInt64(0))
            while offset < size {
                let count = try file.read(at: offset, into: buffer)
                guard count > 0 else { break }
                hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                offset += UInt64(count)
            }
            return (offset, hash.finish())
        }
    }

    /// Whether events of it were erased; false if that cannot be known.
    func isPunctured(_ segment: LogDirectory.Segment) throws(ReadError) -> Bool {
        do throws(ReadError) {
            return try SegmentReader(directory.files, path: segment.path(.data)).header.isPunctured
        } catch {
            guard error.code == .encrypted else { throw error }
            return false
        }
    }
}
