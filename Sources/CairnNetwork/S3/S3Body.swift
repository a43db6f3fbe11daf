import CairnArchive

/// The bytes of an upload on their way: one try.
final class S3Body {
    private let upload: Upload
    private let limit: BandwidthLimit?
    private var pass: SourcePass

    init(_ upload: Upload, limit: BandwidthLimit?) {
        (self.upload, self.limit) = (upload, limit)
        pass = SourcePass(upload)
    }

    var size: UInt64 { upload.source.size }
    var isAtEnd: Bool { pass.isAtEnd }

    /// The next bytes, when they may be sent.
    func next(into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        guard let limit else { return try pass.next(into: buffer) }
        // About a second's worth at most: a server that hears nothing for long hangs up.
        let most = min(buffer.count, limit.bytesPerSecond)
        let count = try pass.next(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<most]))
        limit.pass(count)
        return count
    }

    /// The last piece has left.
    func sent() { upload.progress?(pass.offset) }
}
