import CairnFormat
import CairnPlatform

/// What the verification of one segment's data came to.
struct SegmentResult: Sendable {
    var findings: [Finding] = []
    var notes: [Note] = []
    /// Events that were found good, from the segment's first on.
    var count: UInt64 = 0
    /// Bytes of their lines.
    var bytes: UInt64 = 0
    /// Events that were erased, as far as they follow each other for one reason.
    var redactions: [Redaction] = []
    /// What good events say of others that are not there any more.
    var traces: [(sequence: UInt64, trace: Trace)] = []
    /// Whether the data of a sealed segment is not there.
    var isMissing = false
    /// Whether the data of a sealed segment is encrypted for others, so that its events could not be looked at.
    var isEncrypted = false
    /// Of the first good event that was not erased, and of the last good one.
    var firstReceived: Time?
    var lastReceived: Time?
    /// Whether everything that was to be read was read and good.
    var isWhole = false
    /// Whether the head names this segment and its count and root are those of the events.
    var headIsGood = false
}

/// Verifies the data and the index of one segment. Holds some megabytes, however large the segment is.
struct SegmentVerifier {
    private let directory: LogDirectory
    private let expectation: SegmentExpectation
    private let path: String
    private let isOfEventsOnly: Bool
    /// Takes the bytes of the file that were read since the last call.
    private let advance: (UInt64) -> Void
    /// Bytes that `advance` knows of already.
    private var reported: UInt64 = 0
    private var result = SegmentResult()
    /// Counts at which the root is to be compared with a signed one, in ascending order.
    private var watched: [UInt64] = []
    private var roots: [UInt64: Digest] = [:]
    /// Offset at which a damaged tail was read a second time.
    private var retriedOffset: UInt64?

    /// - Parameter isOfEventsOnly: whether a look at hashes and stamps is enough where these are good.
    init(
        _ directory: LogDirectory, _ expectation: SegmentExpectation, isOfEventsOnly: Bool,
        advance: @escaping (UInt64) -> Void
    ) {
        self.directory = directory
        self.isOfEventsOnly = isOfEventsOnly
        self.expectation = expectation
        self.advance = advance
        path = FileNames.segment(expectation.firstSequence, .data)
    }

    private var first: UInt64 { expectation.firstSequence }
    private var end: UInt64 { first + result.count }
    private var seal: Seal? {
        guard case .sealed(let seal) = expectation.role else { return nil }
        return seal
    }
    private var isActive: Bool {
        guard case .active = expectation.role else { return false }
        return true
    }

    /// Throws only where the system refuses.
    mutating func run() throws(ReadError) -> SegmentResult {
        // Whatever it is that keeps it from being good comes up once more.
        if isOfEventsOnly, var check = try? EventCheck(directory, expectation) {
            var read: UInt64 = 0
            let good = try? check.run { bytes in
                read += bytes
                advance(bytes)
            }
            if let good { return good }
            reported = read
        }
        // A writer replaces data as a whole when it compacts it, and the index is then that of the new file. A finding
        // about a file that was replaced meanwhile says nothing, so the new one is read.
        for _ in 0..<4 {
            result = SegmentResult()
            let identity = try verify()
            if result.isWhole { checkHead() }
            guard !result.findings.isEmpty, try identity != status()?.identity else { break }
        }
        return result
    }

    private func status() throws(ReadError) -> FileStatus? {
        let (files, path) = (directory.files, path)
        return try accessing { () throws(IOFailure) in try files.status(path) }
    }

    private mutating func verify() throws(ReadError) -> FileIdentity? {
        // Sealed over no events, because nothing in the file was readable: the seal says nothing about the file.
        if let seal, seal.reason == .corruption, seal.count == 0 { return nil }
        guard try status() != nil else {
            miss()
            return nil
        }
        guard var replay = try open() else { return try status()?.identity }
        let file = replay.reader.file
        guard checkHeader(replay.reader.header) else { return file.identity }
        guard let footer = try read(&replay) else { return file.identity }
        var builder = replay.builder
        let offset = replay.reader.offset
        let bytesBehind = try max(size(file), offset) - offset
        if let seal {
            try checkSealed(seal, footer.value, bytesBehind: bytesBehind, &builder)
        } else if let footer = footer.value {
            try checkUnsealed(footer, bytesBehind: bytesBehind, replay)
        }
        result.isWhole = result.findings.allSatisfy { $0.verdict == .indexDamaged }
        return file.identity
    }

    /// Whether a sealed segment's data was removed by a policy stands elsewhere in the log.
    private mutating func miss() {
        if seal != nil { result.isMissing = true } else { find(.tampered, first, "the data is missing") }
    }

    // MARK: - Header

    /// Opens the data; nil, with a finding or a note, if the header is not good.
    private mutating func open() throws(ReadError) -> SegmentReplay? {
        for attempt in 0... {
            do throws(ReadError) {
                return try SegmentReplay(directory.files, path: path, seal: seal)
            } catch {
                if error.code == .io {
                    // Removed since it was looked for?
                    guard try status() == nil else { throw error }
                    miss()
                    return nil
                }
                if error.code == .encrypted {
                    try leaveEncrypted(error)
                    return nil
                }
                guard let file = try openAgain(error) else { return nil }
                // The newest file may be new: empty, or with half a header.
                if try size(file) == 0, isActive {
                    result.isWhole = true
                    return nil
                }
                // As of a tail: see `judge`.
                if try !judge(error, file, from: 0, mayRetry: attempt == 0) { return nil }
            }
        }
        return nil
    }

    /// The file as it is; nil, with a finding, if it is an age file that is not whole.
    private mutating func openAgain(_ error: ReadError) throws(ReadError) -> (any ReadableFile)? {
        let (files, path) = (directory.files, path)
        do throws(ReadError) {
            return try accessing { () throws(IOFailure) in try files.openForReading(path) }
        } catch let again {
            guard again.code == .format else { throw again }
            find(.tampered, firstLoss, again.message)
            return nil
        }
    }

    /// Without an identity a segment's data and index are there, whole as far as their sizes tell, and that is all.
    private mutating func leaveEncrypted(_ error: ReadError) throws(ReadError) {
        guard seal != nil else {
            find(.unverifiable, first, error.message)
            return
        }
        result.isEncrypted = true
        let (files, index) = (directory.files, FileNames.segment(first, .index))
        if seal?.reason != .corruption, try accessing({ () throws(IOFailure) in try files.status(index) }) == nil {
            find(.indexDamaged, nil, "the index is missing; the events are encrypted")
        }
    }

    /// Compares the header with what the chain of seals demands.
    private mutating func checkHeader(_ header: SegmentHeader) -> Bool {
        let wrong = expectation.differences(from: header)
        if wrong.isEmpty { return true }
        find(
            .tampered, first, "the header is not that of the segment due here, by its \(wrong.joined(separator: ", "))")
        return false
    }

    // MARK: - Blocks

    /// The footer, if there is one.
    private struct Ending {
        var value: SegmentFooter?
    }

    /// Reads the segment to its end, or as far as a seal of reason `corruption` goes; nil, with a finding or a note,
    /// if something there is not good.
    private mutating func read(_ replay: inout SegmentReplay) throws(ReadError) -> Ending? {
        watched = Set([expectation.head?.count, seal?.count].compactMap { $0 }).sorted()
        if let count = watched.first { replay.watchRoot(at: count) }
        collectRoots(&replay)
        report(replay.goodOffset)
        while true {
            if let seal, seal.reason == .corruption, result.count >= seal.count { return Ending() }
            let offset = replay.goodOffset
            do throws(ReadError) {
                switch try replay.next() {
                case .end: return Ending()
                case .footer(let footer): return Ending(value: footer)
                case .block(let block):
                    result.count += UInt64(block.count)
                    result.bytes += UInt64(block.size)
                    for line in replay.redacted { Redaction.add(line, to: &result.redactions) }
                    result.traces += replay.traces
                    result.firstReceived = replay.firstReceived
                    // Where all are erased, no time of theirs is left.
                    result.lastReceived = replay.firstReceived.map { _ in replay.builder.lastReceived }
                    collectRoots(&replay)
                    report(replay.goodOffset - offset)
                }
            } catch {
                if error.code == .io { throw error }
                let mayRetry = retriedOffset != offset && replay.reader.offset == offset
                guard try judge(error, replay.reader.file, from: offset, mayRetry: mayRetry) else { return nil }
                retriedOffset = offset
                replay.reader.refresh()
            }
        }
    }

    private mutating func report(_ bytes: UInt64) {
        let known = min(bytes, reported)
        reported -= known
        advance(bytes - known)
    }

    /// Keeps the root at the next watched count, and watches for the one after it. Where both are in one block the
    /// second is left out.
    private mutating func collectRoots(_ replay: inout SegmentReplay) {
        while let count = watched.first, count <= replay.builder.count {
            roots[count] = count == replay.builder.count ? replay.builder.tree.root : replay.builder.watchedRoot
            watched.removeFirst()
            watched.removeAll { $0 < replay.builder.count }
            if let next = watched.first { replay.watchRoot(at: next) }
        }
    }

    // MARK: - What is not good

    /// Makes a finding or a note of what is not good, at `offset` behind the good events. True if it must be read once
    /// more instead.
    private mutating func judge(
        _ error: ReadError, _ file: any ReadableFile, from offset: UInt64, mayRetry: Bool
    ) throws(ReadError) -> Bool {
        let sequence = firstLoss
        if error.format == .unsupported {
            find(.unverifiable, sequence, error.message)
            return false
        }
        guard isActive, try canBeTorn(error, file, at: offset) else {
            find(.tampered, sequence, error.message)
            return false
        }
        let scan = TailScan(file: file, goodSequence: end)
        let head = expectation.head
        switch try accessing({ () throws(IOFailure) in try scan.tail(from: offset, head: head) }) {
        case .clean, .footer:
            break
        case .torn(let bytes):
            note("the last \(bytes) bytes are not a whole write: it is under way, or a crash cut it off")
        case .damaged(_, let reason):
            // The write that was under way may have ended, and another followed, between the reading and the scan. What
            // is whole is never written again, so a second reading tells.
            if mayRetry { return true }
            find(.tampered, end, "\(error.message), and \(reason)")
            return false
        }
        result.isWhole = true
        return false
    }

    /// The first event that is not as it was sealed or, without a seal, that could not be read. Where all that were
    /// sealed are there, no event is bad.
    private var firstLoss: UInt64? {
        guard let seal, seal.count <= result.count else { return end }
        return roots[seal.count] == seal.root ? nil : first
    }

    /// Whether an append that did not finish can have left this. What has a correct CRC-32C and is wrong nevertheless
    /// was written so.
    private func canBeTorn(_ error: ReadError, _ file: any ReadableFile, at offset: UInt64) throws(ReadError) -> Bool {
        guard let code = error.format, [.checksum, .truncated, .malformed].contains(code) else { return false }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Member.headSize + Limits.subfield, alignment: 8)
        defer { buffer.deallocate() }
        let count = try accessing { () throws(IOFailure) in try file.read(at: offset, into: buffer) }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        guard let head = try? Member.head(bytes) else { return true }
        // The head is whole. What may be torn is the payload behind it, which the file system may have left as zeros.
        let content = UnsafeRawBufferPointer(rebasing: bytes[head.content])
        switch head.kind {
        case .block: return code != .malformed && (try? BlockHeader(content: content)) != nil
        // Salts are written by a rewriting, which is a new file as a whole.
        case .salts: return false
        case .footer: return offset > 0 && (try? SegmentFooter(content: content)) != nil
        case .header:
            let whole = Array(bytes[..<head.size]) + Member.emptyPayload
            return offset == 0 && whole.withUnsafeBytes { (try? SegmentHeader.decode($0)) != nil }
        }
    }

    // MARK: - The end

    /// Compares what the segment's writer would have sealed with what it did.
    private mutating func checkSealed(
        _ seal: Seal, _ footer: SegmentFooter?, bytesBehind: UInt64, _ builder: inout SegmentBuilder
    ) throws(ReadError) {
        let (expected, _, index) = builder.finish(reason: seal.reason, nextKey: seal.nextKey)
        guard expected == seal || !result.redactions.isEmpty && isWhatIsLeft(expected, of: seal) else {
            var stated = expected
            (stated.time, stated.modules) = (seal.time, seal.modules)
            find(
                .tampered, firstDifference(from: seal),
                stated == seal
                    ? "the modules or times that the seal states are not those of its events"
                    : "the events are not those of the seal")
            return
        }
        // Behind the damage nothing is as a writer would leave it.
        if seal.reason == .corruption { return }
        guard let footer else {
            find(.tampered, nil, "the events are those of the seal, but the footer behind them is missing")
            return
        }
        guard footer.count == seal.count, footer.root == seal.root else {
            find(.tampered, nil, "the events are those of the seal, but the footer states others")
            return
        }
        guard bytesBehind == 0 else {
            find(.tampered, nil, "\(bytesBehind) bytes stand behind the footer")
            return
        }
        try checkIndex(index, footer)
    }

    /// Whether events of which some were erased can be those of the seal. Its root vouches for the others.
    private func isWhatIsLeft(_ left: Seal, of seal: Seal) -> Bool {
        var whole = left
        (whole.received, whole.time, whole.modules) = (seal.received, seal.time, seal.modules)
        let sealed = Dictionary(uniqueKeysWithValues: seal.modules.map { ($0.name, $0.count) })
        return whole == seal && left.modules.allSatisfy { $0.count <= sealed[$0.name] ?? 0 }
    }

    /// The first event that is not as it was sealed, as far as that can be told.
    private func firstDifference(from seal: Seal) -> UInt64 {
        if result.count < seal.count { return end }
        return result.count > seal.count && roots[seal.count] == seal.root ? seal.endSequence : first
    }

    /// Segments without a good seal may have a footer: the writer stopped before the seal, or the seal is what is lost.
    private mutating func checkUnsealed(
        _ footer: SegmentFooter, bytesBehind: UInt64, _ replay: SegmentReplay
    ) throws(ReadError) {
        guard footer.count == replay.builder.count, footer.root == replay.builder.tree.root else {
            find(.tampered, end, "the footer is not that of the events before it")
            return
        }
        guard bytesBehind > 0 else { return }
        var error = ReadError(.format, "\(bytesBehind) bytes stand behind the footer", path: path)
        error.format = .truncated
        _ = try judge(error, replay.reader.file, from: replay.reader.offset, mayRetry: false)
    }

    /// An index is made from the segment alone, so a good one is the one that was made just now. A footer that names
    /// another one helps nobody: it is not signed.
    private mutating func checkIndex(_ expected: [UInt8], _ footer: SegmentFooter) throws(ReadError) {
        var index = try beginning(.index, limit: expected.count)
        if index != expected {
            // Data that was just written anew has its index beside it, until that takes the name.
            let next = try beginning(.nextIndex, limit: expected.count)
            index = next == expected ? next : try beginning(.index, limit: expected.count)
        }
        if index == nil {
            find(.indexDamaged, nil, "the index is missing; the events are intact")
        } else if index != expected {
            find(.indexDamaged, nil, "the index is not that of the segment; the events are intact")
        } else if footer.indexDigest != Digest.sha256(expected) {
            find(.indexDamaged, nil, "the footer names another index than that of the segment; the events are intact")
        }
    }

    /// Of an age file that is damaged, or for others, nothing.
    private func beginning(_ part: FileNames.Part, limit: Int) throws(ReadError) -> [UInt8]? {
        do throws(ReadError) {
            return try directory.beginning(of: FileNames.segment(first, part), limit: limit)
        } catch {
            guard error.code == .io else { return [] }
            throw error
        }
    }

    /// Compares the head with the events, all of which are good or, in the active segment, end in a torn tail.
    private mutating func checkHead() {
        guard let head = expectation.head else { return }
        if seal?.reason == .corruption { return }
        guard head.count <= result.count else {
            find(.truncatedOrStale, end, "the head names \(head.count) events, and \(result.count) are here")
            return
        }
        // The root of a count that was not kept is that of a seal with fewer events, which is a finding already.
        let root = head.count == 0 ? .empty : roots[head.count]
        guard root == head.root else {
            result.isWhole = false
            find(.tampered, first, "the events are not those that the head was signed over")
            return
        }
        result.headIsGood = true
    }

    private func size(_ file: any ReadableFile) throws(ReadError) -> UInt64 {
        try accessing { () throws(IOFailure) in try file.size() }
    }

    private mutating func find(_ verdict: Verdict, _ sequence: UInt64?, _ message: String) {
        result.findings.append(Finding(verdict, segment: expectation.number, sequence: sequence, message))
    }

    private mutating func note(_ message: String) {
        result.notes.append(Note(.uncommitted, segment: expectation.number, message))
    }
}
