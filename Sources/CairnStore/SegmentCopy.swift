internal import CairnFormat
internal import CairnPlatform
internal import Glibc

extension FileSystem {
    /// Copies the first `size` bytes of a segment into a new file that takes the name `path`, durably, and opens it to
    /// append.
    func copy(_ source: any ReadableFile, size: UInt64, to path: String) throws(IOFailure) -> any AppendFile {
        let temporary = path + ".tmp"
        if try status(temporary) != nil { try remove(temporary) }
        let file = try create(temporary, mode: 0o640)
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
        try syncDirectory(FileNames.segments)
        return file
    }
}
