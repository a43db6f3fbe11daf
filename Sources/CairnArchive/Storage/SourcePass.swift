import CairnFormat

/// One reading of a source from its start to its end, which finds out whether it has the bytes that are meant.
package struct SourcePass {
    private let upload: Upload
    private var hash = StreamingHash()
    /// Bytes read so far.
    package private(set) var offset: UInt64 = 0

    package init(_ upload: Upload) { self.upload = upload }

    /// A source without bytes has one empty piece, so that its hash is looked at too.
    private var isChecked = false

    package var isAtEnd: Bool { isChecked }

    /// The next bytes. The last ones are given out only after all were found to be the right ones, so that whoever
    /// passes them on piece by piece never completes an object of other bytes.
    package mutating func next(into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        let wanted = Int(min(UInt64(buffer.count), upload.source.size - offset))
        let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        guard try upload.source.read(at: offset, into: piece) == wanted else {
            throw ArchiveError(
                .changed, "what is to be stored became shorter while it was read; verify the log", key: upload.key)
        }
        hash.update(UnsafeRawBufferPointer(piece))
        offset += UInt64(wanted)
        if offset == upload.source.size {
            isChecked = true
            guard hash.finish() == upload.sha256 else {
                throw ArchiveError(
                    .changed, "what is to be stored is not what its SHA-256 was made of: it changed; verify the log",
                    key: upload.key)
            }
        }
        return wanted
    }
}
