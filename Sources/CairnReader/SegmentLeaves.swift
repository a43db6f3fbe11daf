import CairnFormat
import CairnPlatform

/// Reads a segment block by block and hashes its lines. It holds one block, however long the segment is.
struct SegmentLeaves {
    private let reader: SegmentReader
    private var salts: Salts
    private var lines: [UInt8] = []
    private let end: UInt64?

    /// - Parameter end: the number behind the last event, if the segment is sealed; nothing behind it is read.
    init(_ files: any ReadableFileSystem, path: String, end: UInt64?) throws(ReadError) {
        let reader = try SegmentReader(files, path: path)
        self.reader = reader
        self.end = end
        let left = try end.flatMap { end throws(ReadError) in try reader.salts(until: end) }
        guard !reader.header.isPunctured || left != nil else {
            throw OuterLog.damage(path, .mismatch, "events were erased from a segment that is not sealed")
        }
        salts = Salts(left.map { .punctured($0.salts) } ?? .key(reader.header.saltKey))
    }

    var header: SegmentHeader { reader.header }

    /// Number of the first event of the next block.
    var nextSequence: UInt64 { reader.nextSequence }

    /// Whether an index leads to the blocks of this segment; asked before anything was read.
    func isLed(by index: SegmentIndex) -> Bool { index.isWhole(from: header.firstSequence, at: reader.offset) }

    /// Goes to the first block of spans that follow each other, of which no more will be read.
    func seek(to spans: [IndexSpan]) {
        guard let first = spans.first, let last = spans.last else { return }
        reader.seek(offset: first.offset, sequence: first.firstSequence, end: last.offset &+ last.length)
    }

    /// One event.
    struct Event {
        var sequence: UInt64
        var leaf: Digest
        /// Its stored line without the LF; there during the call only.
        var line: UnsafeRawBufferPointer
        /// 16 bytes; nil if the event was erased.
        var salt: [UInt8]?
        /// What stands in its place, if it was erased.
        var erased: RedactedLine?
    }

    /// Calls `body` with the events of the next block.
    ///
    /// - Parameter isWanted: whether the salt of an event is to be told.
    /// - Returns: false behind the last block.
    mutating func next(
        salting isWanted: (UInt64) -> Bool = { _ in false }, _ body: (Event) throws(ReadError) -> Void
    ) throws(ReadError) -> Bool {
        var sequence = reader.nextSequence
        if let end, sequence >= end { return false }
        guard case .block = try reader.next(into: &lines) else { return false }
        let (path, end, isPunctured) = (reader.path, end, header.isPunctured)
        var salts = salts
        defer { self.salts = salts }
        try forEachLine(of: lines) { _, line throws(ReadError) in
            // Behind the seal's last event stands what was not sealed.
            if let end, sequence >= end { return }
            defer { sequence += 1 }
            if isPunctured, RedactedLine.isOne(line) {
                let erased = try reading(path) { () throws(FormatError) in try RedactedLine(line: line) }
                return try body(Event(sequence: sequence, leaf: erased.leaf, line: line, salt: nil, erased: erased))
            }
            let wantsSalt = isWanted(sequence)
            let found = salts.withSalt(of: sequence) { salt in
                salt.map { (Digest.leaf(salt: $0, line: line), wantsSalt ? Array($0) : nil) }
            }
            guard let (leaf, salt) = found else {
                throw OuterLog.damage(path, .mismatch, "the salt of event \(sequence) is gone, and its line is there")
            }
            try body(Event(sequence: sequence, leaf: leaf, line: line, salt: salt))
        }
        return true
    }
}
