public import CairnFormat
import CairnPlatform

/// How a log is to be verified.
public struct VerifyOptions: Sendable {
    /// Bytes of segment files that are done, and their sum.
    public typealias Progress = @Sendable (_ done: UInt64, _ total: UInt64) -> Void

    /// The key that the log must have been started with, kept off its host. Without one, all that can be proved is that
    /// the log agrees with itself.
    public var genesisKey: VerifierKey?
    /// A checkpoint of the log that was kept elsewhere: the bytes of the file. The log must extend it.
    public var checkpoint: [UInt8]?
    /// Whether the events of sealed segments are checked alone, by their hashes, stamps and seals: three times as fast. What
    /// queries find them by, indexes and what blocks and seals state of times and modules, is not made again and compared
    /// then, so a change of it can stay unseen, and hide events from queries. Nor is it whether every line
    /// is an event behind its stamps. (Within seals and lines only who has their key can change that.)
    public var isOfEventsOnly = false
    /// Whether it is the copy in an archive, which has sealed segments only, and no head.
    package var isArchive = false
    /// Checkpoints of the log that were published elsewhere, as they were kept: the log must extend each.
    package var anchors: [Anchor] = []
    /// Segments that are verified at once. Each takes some megabytes.
    public var threads: Int
    /// Is called now and then, on the thread that verifies the log.
    public var progress: Progress?

    /// Without `threads`, there are as many as processors that this process may use.
    public init(
        genesisKey: VerifierKey? = nil, checkpoint: [UInt8]? = nil, threads: Int? = nil, progress: Progress? = nil
    ) {
        self.genesisKey = genesisKey
        self.checkpoint = checkpoint
        self.threads = threads ?? Processors.active
        self.progress = progress
    }
}

/// Verifies a whole log, also while a writer is at work: see ``LogSnapshot`` for why that gives no false alarm. Every
/// byte is read, hashed and compared; ``SealChain``, ``SegmentVerifier`` and ``FreshnessCheck`` hold the rules.
package struct Verifier {
    private let directory: LogDirectory
    private let options: VerifyOptions

    package init(_ directory: LogDirectory, options: VerifyOptions = VerifyOptions()) {
        self.directory = directory
        self.options = options
    }

    /// Whatever is wrong with the log's bytes is a finding. Throws only where there is no log, and where the operating
    /// system refuses to read it: that proves nothing, neither good nor bad.
    package func run() throws(ReadError) -> Verification {
        // A policy may remove or erase what is being read, and the event that says so may stand behind what was read.
        for _ in 0..<3 {
            let (verification, isOvertaken) = try verify()
            // What an archive has it keeps: there is nothing that could have been taken away rightly.
            if !isOvertaken || options.isArchive { return verification }
        }
        return try verify().verification
    }

    /// `isOvertaken`: whether what is missing may have been taken away, rightly, since this began.
    private func verify() throws(ReadError) -> (verification: Verification, isOvertaken: Bool) {
        var verification = Verification(keyWasGiven: options.genesisKey != nil)
        let snapshot = try LogSnapshot(directory)
        guard let statement = try origin(snapshot, &verification) else { return (verification, false) }
        verification.origin = statement.origin
        if options.genesisKey == nil {
            verification.notes.append(
                Note(
                    .keyFromLog,
                    "no key was given, so the key is the one that the log itself names: this shows that the log agrees "
                        + "with itself, not that it is authentic. Give the key that was printed when the log was made"))
        }
        if options.isOfEventsOnly {
            verification.notes.append(
                Note(
                    .eventsOnly,
                    "lines were hashed and not read, and indexes, and the times and modules that blocks and seals state, "
                        + "not made again: somebody may have changed these so that queries do not find every event"))
        }
        var chain = SealChain(directory, statement)
        for (index, segment) in snapshot.segments.enumerated() {
            try chain.follow(segment, isNewest: index == snapshot.segments.count - 1)
        }
        var freshness = FreshnessCheck(snapshot, chain, statement)
        let place = options.isArchive ? nil : freshness.checkHead()
        if let place { chain.expect(place.head, at: place.index) }
        let results = try ParallelVerification(directory, chain.segments, options).run()
        verification.findings += chain.findings
        merge(chain, results, into: &verification)
        var erasure = ErasureCheck(chain.segments, results, snapshot)
        erasure.run()
        verification.findings += erasure.findings
        verification.notes += erasure.notes + ErasureCheck.encrypted(chain.segments, results)
        // Behind a good seal its end counts, also where the data is missing.
        let end = chain.next.firstSequence ?? (chain.segments.last?.firstSequence ?? 0) + (results.last?.count ?? 0)
        freshness.end = end
        freshness.checkAbsence()
        verification.checkpointSize = freshness.checkCheckpoint()
        if let older = options.checkpoint { verification.extends = freshness.checkOlder(older) }
        verification.findings += freshness.findings
        try checkAnchors(&verification)
        verification.sealedThrough = chain.sealedThrough
        verification.committedThrough = end > 0 ? end - 1 : nil
        if let place, results[place.index].headIsGood {
            verification.headTime = place.head.time
            verification.signedThrough = place.head.endSequence > 0 ? place.head.endSequence - 1 : nil
        }
        verification.notes += try recoveries(chain)
        if verification.findings.isEmpty || erasure.isOvertaken { return (verification, erasure.isOvertaken) }
        // A segment may have been sealed since, and its events erased.
        return (verification, try !snapshot.isCurrent(directory))
    }

    private func checkAnchors(_ verification: inout Verification) throws(ReadError) {
        verification.anchors = try AnchorCheck(directory).check(options.anchors)
        for anchor in verification.anchors {
            guard anchor.verdict != .verified, let message = anchor.message else { continue }
            verification.findings.append(Finding(anchor.verdict, "the anchor at \(anchor.target): \(message)"))
        }
    }

    // MARK: - Origin

    /// The statement that begins the log, or nil with a finding: then nothing else of the log can be judged.
    private func origin(
        _ snapshot: LogSnapshot, _ verification: inout Verification
    ) throws(ReadError) -> OriginStatement? {
        guard let bytes = try directory.beginning(of: FileNames.origin, limit: Limits.note) else {
            guard snapshot.segments.isEmpty else {
                verification.findings.append(Finding(.unverifiable, "the origin is missing: put it back from a backup"))
                return nil
            }
            throw ReadError(
                .noLog, "there is no log here: name another directory with -D, or make one with \"cairn init\"",
                path: "")
        }
        do throws(NoteProblem) {
            let key = try genesisKey(bytes)
            if let given = options.genesisKey, given != key {
                throw NoteProblem(
                    verdict: .unverifiable, message: "the log was not started with the given key, but with \(key)")
            }
            return try OriginStatement(note: bytes, key: key)
        } catch {
            verification.findings.append(Finding(error.verdict, "the origin: \(error.message)"))
            return nil
        }
    }

    /// The key that an origin names, its signature not checked: it is signed by this very key.
    private func genesisKey(_ bytes: [UInt8]) throws(NoteProblem) -> VerifierKey {
        let name = "genesis "
        let text: String
        do throws(FormatError) {
            text = try SignedNote(bytes).text
        } catch {
            throw NoteProblem(verdict: .tampered, message: error.description)
        }
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else {
            throw NoteProblem(verdict: .unverifiable, message: "it names no genesis key")
        }
        do throws(FormatError) {
            return try VerifierKey(String(line.dropFirst(name.count)))
        } catch {
            throw NoteProblem(
                verdict: error.code == .unsupported ? .unverifiable : .tampered, message: error.description)
        }
    }

    // MARK: - Segments

    /// Puts the results of the segments together, and checks what lies between two of them.
    private func merge(_ chain: SealChain, _ results: [SegmentResult], into verification: inout Verification) {
        var lastReceived = Time.distantPast
        for (index, result) in results.enumerated() {
            let segment = chain.segments[index]
            verification.findings += result.findings
            verification.notes += result.notes
            verification.events += result.count
            verification.bytes += result.bytes
            if result.isWhole { verification.segments += 1 }
            if result.count > 0 {
                verification.firstSequence = verification.firstSequence ?? segment.firstSequence
                verification.lastSequence = segment.firstSequence + result.count - 1
            }
            if let received = result.firstReceived, received < lastReceived {
                verification.findings.append(
                    Finding(
                        .tampered, segment: segment.number, sequence: segment.firstSequence,
                        "the receive time falls from one segment to the next"))
            }
            lastReceived = max(lastReceived, result.lastReceived ?? lastReceived)
            guard case .unsealed = segment.role, result.isWhole, index + 1 < results.count else { continue }
            // No seal says where this segment ends, so its data does.
            let (end, next) = (segment.firstSequence + result.count, chain.segments[index + 1].firstSequence)
            if end != next {
                verification.findings.append(
                    Finding(
                        .tampered, segment: segment.number, sequence: min(end, next),
                        "the segment ends before event \(end), and the next begins with \(next)"))
            }
        }
        if !options.isArchive, let last = chain.segments.last, case .sealed = last.role {
            verification.notes.append(
                Note(
                    .noActiveSegment, segment: last.number,
                    "the newest segment is sealed, and there is no next one yet: the writer stopped in between"))
        }
    }

    /// Recovery keeps what it cut off in files beside the segments.
    private func recoveries(_ chain: SealChain) throws(ReadError) -> [Note] {
        guard !chain.segments.isEmpty else { return [] }
        let names = try accessing { () throws(IOFailure) in try directory.files.list(FileNames.segments) }
        return names.compactMap { name in
            guard let border = name.firstRange(of: ".torn-"),
                case (let first, .data)? = FileNames.parse(String(name[..<border.lowerBound]))
            else { return nil }
            let segment = chain.segments.first { $0.firstSequence == first }
            return Note(
                .recovered, segment: segment?.number,
                "a writer that started cut off an unfinished write; the file from before is kept as \(name)")
        }
    }
}
