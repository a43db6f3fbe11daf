import Glibc

extension FileSystem {
    /// Copies the first `size` bytes of a file into a new one that takes the name `path`, and opens that to append.
    ///
    /// As of ``replace(_:with:mode:)``: every observer finds the old file or the new one, whole, and after the return a
    /// crash cannot bring the old one back. A `.tmp` that a failure leaves is removed by the next copy.
    package func copy(
        _ source: any ReadableFile, size: UInt64, to path: String, mode: UInt32
    ) throws(IOFailure) -> any AppendFile {
        let temporary = path + ".tmp"
        try removeLeftover(temporary)
        let file = try create(temporary, mode: mode)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var offset: UInt64 = 0
        while offset < size {
            let wanted = Int(min(UInt64(buffer.count), size - offset))
            let count = try source.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
            guard count > 0 else { throw IOFailure(operation: "read", path: path, code: EIO) }
            try file.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += UInt64(count)
        }
        try file.sync()
        try rename(temporary, to: path)
        try syncDirectory(parentDirectory(of: path))
        return file
    }
}
