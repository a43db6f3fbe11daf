import CairnFormat
import CairnPlatform

/// Tells whether the events of a sealed segment are those that its seal was signed over, by their hashes and stamps. What
/// queries find events by is not made again: of the index there is its digest, and the times of the events and the modules
/// that blocks and the seal state are not looked at. Nor is it whether what follows the stamps of a line is an event.
///
/// It knows good from anything else, and no more. What is wrong, and where events were erased or are encrypted, is for
/// ``SegmentVerifier``, which needs about three times as long.
struct EventCheck {
    private let directory: LogDirectory
    private let expectation: SegmentExpectation
    private let seal: Seal
    private let reader: SegmentReader
    private let parser: JSONParser
    private var salts: Salts
    private var tree = MerkleTree()
    /// At the count of the head, if there is one.
    private var headRoot: Digest?
    private var lines: [UInt8] = []
    private var common = Stamps.Common()
    private var result = SegmentResult()

    /// Nil if the segment is not for this to judge.
    init?(_ directory: LogDirectory, _ expectation: SegmentExpectation) throws(ReadError) {
        guard case .sealed(let seal) = expectation.role, seal.reason != .corruption else { return nil }
        let path = FileNames.segment(expectation.firstSequence, .data)
        (self.directory, self.expectation, self.seal) = (directory, expectation, seal)
        reader = try SegmentReader(directory.files, path: path)
        // Where the chain is broken it demands no previous seal, but the seal and the header name the same.
        guard !reader.header.isPunctured, reader.header.previousSeal == seal.previous,
            expectation.differences(from: reader.header).isEmpty
        else { return nil }
        parser = try reading(path) { () throws(FormatError) in try JSONParser() }
        salts = Salts(saltKey: reader.header.saltKey)
    }

    /// What is to be known of the segment if it is good; nil if it is not, or cannot be read.
    ///
    /// - Parameter advance: takes the bytes of the file that were read since the last call.
    mutating func run(_ advance: (UInt64) -> Void) throws(ReadError) -> SegmentResult? {
        watchHead()
        while true {
            let offset = reader.offset
            switch try reader.next(into: &lines) {
            case .end: return nil
            case .footer(let footer):
                guard try isEnd(footer) else { return nil }
                result.isWhole = true
                return result
            case .block(let block):
                let lines = self.lines
                try reading(reader.path) { () throws(FormatError) in
                    try forEachLine(of: lines) { _, line throws(FormatError) in try take(line) }
                }
                let isDue = result.count == block.endSequence - seal.firstSequence
                guard isDue, tree.root == block.root else { return nil }
                result.bytes += UInt64(block.size)
                advance(reader.offset - offset)
            }
        }
    }

    private mutating func take(_ line: UnsafeRawBufferPointer) throws(FormatError) {
        let sequence = seal.firstSequence + result.count
        let stamps = try Stamps(line: line, common: &common)
        guard stamps.sequence == sequence, stamps.received >= result.lastReceived ?? stamps.received else {
            throw FormatError(.mismatch, "event \(sequence) has the number or the time of another")
        }
        if result.firstReceived == nil { result.firstReceived = stamps.received }
        result.lastReceived = stamps.received
        tree.append(salts.leaf(of: sequence, line: line))
        result.count += 1
        watchHead()
        if stamps.isOwn, let trace = Trace(line, parser) { result.traces.append((sequence, trace)) }
    }

    private mutating func watchHead() {
        if let head = expectation.head, head.count == result.count { headRoot = tree.root }
    }

    /// Whether all that was sealed has been read, and nothing stands behind its footer.
    private mutating func isEnd(_ footer: SegmentFooter) throws(ReadError) -> Bool {
        guard result.count == seal.count, tree.root == seal.root,
            result.firstReceived ?? seal.received.lowerBound == seal.received.lowerBound,
            result.lastReceived ?? seal.received.upperBound == seal.received.upperBound,
            footer.count == seal.count, footer.root == seal.root, headRoot == expectation.head?.root
        else { return false }
        result.headIsGood = headRoot != nil
        let file = reader.file
        guard try accessing({ () throws(IOFailure) in try file.size() }) == reader.offset else { return false }
        // Data that was just written anew has its index beside it, until that takes the name.
        if try hasDigest(.index, footer.indexDigest) { return true }
        return try hasDigest(.nextIndex, footer.indexDigest)
    }

    /// Whether a file is there, and with those bytes.
    private func hasDigest(_ part: FileNames.Part, _ digest: Digest) throws(ReadError) -> Bool {
        let path = FileNames.segment(expectation.firstSequence, part)
        return try accessing { () throws(IOFailure) in try self.digest(path) } == digest
    }

    private func digest(_ path: String) throws(IOFailure) -> Digest? {
        guard try directory.files.status(path) != nil else { return nil }
        let file = try directory.files.openForReading(path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: EventCheck.pieceSize, alignment: 64)
        defer { buffer.deallocate() }
        var (hash, offset) = (StreamingHash(), UInt64(0))
        while true {
            let count = try file.read(at: offset, into: buffer)
            guard count > 0 else { return hash.finish() }
            // It is none that a reader takes; and it might be endless.
            guard offset < UInt64(Limits.index) else { return nil }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += UInt64(count)
        }
    }

    /// Bytes of an index that are read at once.
    private static let pieceSize = 1 << 20
}
