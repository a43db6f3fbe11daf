import CairnFormat
import CairnPlatform
import CairnReader

/// A copy of a log in which one byte of a sealed event is another, as one would change it who has the disk in hand.
struct TamperedCopy {
    /// Of the segment, below the copy.
    let path: String
    /// Of the byte that was changed.
    let offset: Int
    /// The events of its block; compressed together, they share their bytes.
    let sequences: Range<UInt64>

    /// `events 4,711–5,530`
    var events: String { "events \(Figures.count(sequences.lowerBound))–\(Figures.count(sequences.upperBound - 1))" }

    private static let fileLimit = 1 << 31

    /// Copies the log but for its private keys, and changes a byte in the middle of the middle sealed segment.
    static func make(of source: String, at destination: String) throws -> TamperedCopy {
        let directory = try LogDirectory(path: source)
        try PosixFileSystem.createRoot(destination, mode: 0o700)
        let files = try PosixFileSystem(root: destination)
        try files.createDirectory(FileNames.segments, mode: 0o750)
        let sealed = try directory.segments().filter { $0.isSealed && $0.hasData }
        guard !sealed.isEmpty else { throw CommandFailure(.data, "\(source) has no sealed segment") }
        let change = try block(in: sealed[sealed.count / 2], of: directory)
        let segments = try directory.files.list(FileNames.segments).map { "\(FileNames.segments)/\($0)" }
        for path in [FileNames.origin, FileNames.checkpoint, FileNames.head] + segments {
            guard var bytes = try directory.files.contents(path, limit: fileLimit) else { continue }
            if path == change.path { bytes[change.offset] ^= 0x01 }
            let file = try files.create(path, mode: 0o640)
            try bytes.span.withUnsafeBytes { (buffer) throws(IOFailure) in try file.append(buffer) }
            try file.close()
        }
        return change
    }

    /// The middle block of a segment.
    private static func block(
        in segment: LogDirectory.Segment, of directory: LogDirectory
    ) throws(ReadError) -> TamperedCopy {
        let path = segment.path(.data)
        let reader = try SegmentReader(directory.files, path: path)
        var blocks: [TamperedCopy] = []
        var lines: [UInt8] = []
        while true {
            let start = Int(reader.offset)
            guard case .block(let block) = try reader.next(into: &lines) else { break }
            let offset = start + BlockHeader.headSize + Int(block.compressedSize) / 2
            blocks.append(
                TamperedCopy(path: path, offset: offset, sequences: block.firstSequence..<block.endSequence))
        }
        guard !blocks.isEmpty else { throw ReadError(.format, "it holds no block", path: path) }
        return blocks[blocks.count / 2]
    }
}
