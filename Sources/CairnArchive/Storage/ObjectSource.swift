package import CairnPlatform

/// Bytes to be stored, read in pieces from any place, also again from the start.
package protocol ObjectSource {
    /// Length in bytes. It does not change.
    var size: UInt64 { get }

    /// Fills `buffer` from `offset` on.
    ///
    /// - Returns: the bytes read; fewer than the buffer holds only at the end.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int
}

/// A file, or the first bytes of one that still grows.
package struct FileSource: ObjectSource {
    private let file: any ReadableFile
    package let size: UInt64

    /// - Parameter size: the first so many bytes are meant; nil: all that are there now.
    package init(_ file: any ReadableFile, size: UInt64? = nil) throws(ArchiveError) {
        self.file = file
        if let size {
            self.size = size
        } else {
            self.size = try storing { () throws(IOFailure) in try file.size() }
        }
    }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        guard offset < size else { return 0 }
        let count = Int(min(UInt64(buffer.count), size - offset))
        return try storing { () throws(IOFailure) in
            try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}

/// Bytes in memory.
package struct BytesSource: ObjectSource {
    private let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var size: UInt64 { UInt64(bytes.count) }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        guard offset < size else { return 0 }
        let count = min(buffer.count, bytes.count - Int(offset))
        buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + count])
        return count
    }
}
