internal import CairnFormat
package import CairnPlatform
internal import CairnReader

/// Finds out how a log was left, and makes it ready to be gone on with. Everything that it writes goes through the same
/// actions as normal work. The directory lock is held by the caller.
package struct LogOpening {
    /// An opened log.
    package struct Opened {
        package var core: StoreCore
        package var performer: ActionPerformer
        /// Events of the daemon that tell what was done; to be written first.
        package var events: [[UInt8]]
    }

    private let files: any FileSystem
    private let directory: LogDirectory
    private let configuration: StoreConfiguration
    private let entropy: any EntropySource
    private let now: Moment
    /// What the writer before has left.
    private var resume: ResumeFile?

    package init(
        _ files: any FileSystem, configuration: StoreConfiguration, entropy: any EntropySource, now: Moment
    ) {
        self.files = files
        directory = LogDirectory(files)
        self.configuration = configuration
        self.entropy = entropy
        self.now = now
    }

    /// Opens the log, or creates one named `name` where there is none.
    package func open(creating name: String) throws(StoreError) -> Opened {
        if try storing({ () throws(IOFailure) in try files.status(FileNames.origin) }) == nil {
            _ = try LogCreation.create(in: files, name: name, entropy: entropy, now: now)
        }
        try storing { () throws(IOFailure) in
            // A process that ended between a rename and the sync of its directory has left names that only the memory
            // of the machine knows. What is built on them must not outlive them.
            for path in ["", FileNames.keys, FileNames.segments] { try files.syncDirectory(path) }
        }
        try SegmentRewrite.finish(files)
        let segments = try scanning { () throws(ReadError) in try directory.segments() }
        let chain = try SealChain(directory, segments)
        var opening = self
        opening.resume = resumeFile(chain)
        return try opening.goOn(behind: chain, segments)
    }

    /// The resume file, if it is of the segment behind the last seal and knows as many keys as are wanted now.
    private func resumeFile(_ chain: SealChain) -> ResumeFile? {
        // What cannot be read, or is too long, helps as little as none.
        let bytes = try? files.contents(FileNames.resume, limit: ResumeFile.sizeLimit)
        guard let file = bytes.flatMap({ try? ResumeFile($0, chain.origin) }), file.segment == chain.number,
            file.limit >= configuration.identities, file.age >= configuration.identityAge
        else { return nil }
        return file
    }

    private func goOn(
        behind sealed: SealChain, _ segments: [LogDirectory.Segment]
    ) throws(StoreError) -> Opened {
        var chain = sealed
        if let point = try resumePoint(chain, segments) { chain.resume(at: point) }
        let newest = try newestSegment(chain, segments)
        var opening = self
        // What does not agree with the segment says nothing about keys either.
        if newest.known == nil { opening.resume = nil }
        return try opening.goOn(with: newest, behind: chain)
    }

    private func goOn(with newest: Newest, behind chain: SealChain) throws(StoreError) -> Opened {
        let (key, keyFile) = try epochKey(chain)
        let findings = RecoveryFindings(
            newest: newest.finding, key: keyFile, headPromisesEvents: newest.reached > chain.nextFirst,
            headNamesAll: newest.isNamedByHead)
        switch (Recovery.decide(findings), key) {
        case (.refuse(.strayData), _):
            throw StoreError(
                .damaged,
                "\(newest.path) does not follow the last seal: run \"cairn verify\", and move the file away if it is not "
                    + "of this log")
        case (.refuse(.keyLost), _), (_, nil):
            throw StoreError(
                .keyLost,
                "neither \(FileNames.epochKey) nor \(FileNames.nextEpochKey) holds the private key of segment "
                    + "\(chain.number): put keys/ back, or start a new log in another directory")
        case (.openNext, let key?):
            return try openNext(chain, key, keyFile)
        case (.continueActive(let continuation), let key?):
            return try continueActive(newest, chain, key, keyFile, continuation)
        case (.sealDamaged, let key?):
            return try sealDamaged(newest, chain, key, keyFile)
        }
    }

    // MARK: Findings

    private struct Newest {
        var path: String
        var finding: RecoveryFindings.Newest
        /// Up to the last good member.
        var replay: SegmentReplay?
        var identities: [IdentityWindow.Entry] = []
        /// Bytes at the beginning of the file that the resume file vouches for, and their CRC-32C; `replay` began behind
        /// them.
        var known: (size: UInt64, checksum: UInt32)?
        /// Whether the head names all of its events.
        var isNamedByHead = false
        /// The number behind the last event that the signed head names, or of which an unreadable file has a trace.
        var reached: UInt64
    }

    private func newestSegment(
        _ chain: SealChain, _ segments: [LogDirectory.Segment]
    ) throws(StoreError) -> Newest {
        let path = FileNames.segment(chain.nextFirst, .data)
        let head = try head(signedBy: chain.key).flatMap { $0.firstSequence == chain.nextFirst ? $0 : nil }
        var newest = Newest(path: path, finding: .absent, replay: nil, reached: head.map { $0.endSequence } ?? 0)
        // No crash leaves a data file without a seal anywhere else than behind the last seal.
        if let stray = segments.first(where: { !$0.isSealed && $0.firstSequence != chain.nextFirst })?.path(.data) {
            (newest.path, newest.finding) = (stray, .stray)
            return newest
        }
        guard let size = try storing({ () throws(IOFailure) in try files.status(path)?.size }) else { return newest }
        let replay: SegmentReplay
        do throws(ReadError) {
            replay = try SegmentReplay(files, path: path)
        } catch {
            guard error.code == .format else { throw StoreError(error) }
            let file = try storing { () throws(IOFailure) in try files.openForReading(path) }
            let scan = TailScan(file: file, goodSequence: chain.nextFirst)
            // No block is written before the header is durable: where there is one, the header was good once.
            newest.reached = max(newest.reached, try storing { () throws(IOFailure) in try scan.reached(from: 0) })
            let mayBeCutOff = size <= UInt64(SegmentHeader.sizeLimit)
            newest.finding = .headless(holdsEvents: !mayBeCutOff || newest.reached > chain.nextFirst)
            return newest
        }
        guard chain.isFollowed(by: replay.reader.header) else {
            newest.finding = .stray
            return newest
        }
        if let head, let resume, let resumed = try resumed(path, resume, head) {
            newest.known = (resumed.goodOffset, resume.checksum)
            if try readTail(resumed, head, &newest) { return newest }
            newest.known = nil
        }
        _ = try readTail(replay, head, &newest)
        return newest
    }

    /// Behind the events of the newest segment that the resume file knows, if the head knows them, too, and the file is
    /// still the one that held them.
    private func resumed(
        _ path: String, _ resume: ResumeFile, _ head: Head
    ) throws(StoreError) -> SegmentReplay? {
        guard resume.endSequence <= head.endSequence else { return nil }
        var replay: SegmentReplay
        do throws(ReadError) {
            replay = try SegmentReplay(files, path: path)
        } catch {
            guard error.code == .format else { throw StoreError(error) }
            return nil
        }
        guard let builder = try? SegmentBuilder(header: replay.reader.header, snapshot: resume.snapshot),
            builder.nextSequence == resume.endSequence,
            try checksum(of: replay.reader.file, to: builder.fileSize) == resume.checksum
        else { return nil }
        replay.resume(with: builder)
        return replay
    }

    /// CRC-32C of the first `end` bytes; nil if there are fewer.
    ///
    /// - Parameter known: that of the first so many.
    private func checksum(
        of file: any ReadableFile, to end: UInt64, known: (size: UInt64, checksum: UInt32)? = nil
    ) throws(StoreError) -> UInt32? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { buffer.deallocate() }
        return try storing { () throws(IOFailure) in
            var (offset, value) = known ?? (0, 0)
            while offset < end {
                let wanted = Int(min(UInt64(buffer.count), end - offset))
                let count = try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
                guard count > 0 else { return nil }
                value = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: buffer[..<count]), continuing: value)
                offset += UInt64(count)
            }
            return value
        }
    }

    /// Replays what is good, and judges the rest.
    ///
    /// - Returns: whether that can be relied on. Where something is not good behind events that were passed over, all of
    ///   them are to be read.
    private func readTail(
        _ start: SegmentReplay, _ head: Head?, _ newest: inout Newest
    ) throws(StoreError) -> Bool {
        var replay = start
        let isResumed = newest.known != nil
        newest.identities = isResumed ? resume?.identities ?? [] : []
        if let head { replay.watchRoot(at: head.count) }
        var good = replay.goodOffset
        var failed = false
        var hasFooter = false
        loop: while true {
            do throws(ReadError) {
                switch try replay.next() {
                case .block:
                    good = replay.goodOffset
                    for event in replay.events {
                        guard let identity = event.identity else { continue }
                        newest.identities.append(
                            IdentityWindow.Entry(
                                identity: identity, sequence: event.stamps.sequence, received: event.stamps.received))
                    }
                case .footer: hasFooter = true
                case .end: break loop
                }
            } catch {
                guard error.code == .format else { throw StoreError(error) }
                failed = true
                break loop
            }
        }
        let root = replay.builder.watchedRoot
        if isResumed, failed || root != head?.root { return false }
        if failed {
            // The builder may have taken in some of a block that did not check out after all: once more, up to there.
            replay = try scanning { () throws(ReadError) in
                var again = try SegmentReplay(files, path: newest.path)
                if let head { again.watchRoot(at: head.count) }
                while again.goodOffset < good { _ = try again.next() }
                return again
            }
        }
        if let head, let root = replay.builder.watchedRoot, root != head.root {
            // A start would sign a new head and destroy the only witness.
            throw StoreError(
                .damaged,
                "\(newest.path) does not hold the events that \(FileNames.head) was signed over: run \"cairn verify\", and "
                    + "put the file back from a copy")
        }
        let scan = TailScan(file: replay.reader.file, goodSequence: replay.builder.nextSequence)
        var tail = try storing { () throws(IOFailure) in try scan.tail(from: good, head: head) }
        if hasFooter, !failed, case .torn = tail { tail = .footer }
        newest.replay = replay
        newest.finding = .open(tail)
        newest.isNamedByHead = head?.endSequence == replay.builder.nextSequence
        return true
    }

    /// The head, if it is signed by the key of that segment; another tells nothing about it, nor does a damaged one.
    private func head(signedBy key: VerifierKey) throws(StoreError) -> Head? {
        do throws(ReadError) {
            guard let (note, _) = try directory.note(FileNames.head), (try? note.verify(key)) != nil else { return nil }
            return try? Head(text: note.text)
        } catch {
            guard error.code == .format else { throw StoreError(error) }
            return nil
        }
    }

    /// Where the log goes on behind a segment that was sealed for corruption: where its head says, at the file that is
    /// there, or, if the writer stopped before it made one, behind the last event of which there is a trace, as it had
    /// reckoned then.
    private func resumePoint(
        _ chain: SealChain, _ segments: [LogDirectory.Segment]
    ) throws(StoreError) -> UInt64? {
        guard let last = chain.last, last.seal.reason == .corruption else { return nil }
        if let head = try head(signedBy: chain.key), head.firstSequence >= last.seal.endSequence {
            return head.firstSequence
        }
        if let next = segments.last, !next.isSealed, next.firstSequence > last.seal.firstSequence {
            return next.firstSequence
        }
        var reached = max(last.seal.endSequence, last.seal.firstSequence + 1)
        if let head = try head(signedBy: last.key) { reached = max(reached, head.endSequence) }
        let path = FileNames.segment(last.seal.firstSequence, .data)
        return try storing { () throws(IOFailure) in
            guard try files.status(path) != nil else { return reached }
            let scan = TailScan(file: try files.openForReading(path), goodSequence: last.seal.endSequence)
            return max(reached, try scan.reached(from: 0))
        }
    }

    private func epochKey(_ chain: SealChain) throws(StoreError) -> (SignerKey?, RecoveryFindings.Key) {
        if let key = try privateKey(FileNames.epochKey), key.verifier == chain.key { return (key, .epoch) }
        if let key = try privateKey(FileNames.nextEpochKey), key.verifier == chain.key { return (key, .next) }
        return (nil, .missing)
    }

    private func privateKey(_ path: String) throws(StoreError) -> SignerKey? {
        let limit = 4096
        guard let bytes = try storing({ () throws(IOFailure) in try files.contents(path, limit: limit) }) else {
            return nil
        }
        return try? SignerKey(String(decoding: bytes, as: UTF8.self))
    }

    private func state(
        _ chain: SealChain, _ key: SignerKey, _ builder: SegmentBuilder, checksum: UInt32
    ) throws(StoreError) -> LogState {
        guard let logKey = try privateKey(FileNames.logKey), logKey.verifier == chain.origin.logKey else {
            throw StoreError(
                .keyLost, "\(FileNames.logKey) does not hold the private key of \(chain.origin.logKey): put keys/ back")
        }
        return LogState(
            origin: chain.origin, builder: builder, key: key, logKey: logKey, outer: chain.outer, checksum: checksum)
    }

    private func builder(_ header: SegmentHeader, _ lastReceived: Time) throws(StoreError) -> SegmentBuilder {
        try formatting { () throws(FormatError) in
            try SegmentBuilder(
                header: header, lastReceived: lastReceived, deflater: Deflater(configuration.compression))
        }
    }

    private func nextHeader(_ chain: SealChain, _ key: SignerKey) -> SegmentHeader {
        SegmentHeader(
            number: chain.number, firstSequence: chain.nextFirst, created: max(now.wall, chain.lastReceived),
            previousSeal: chain.lastSeal, saltKey: entropy.bytes(32), origin: chain.origin.origin, key: key.verifier)
    }

    // MARK: Decisions

    private func openNext(
        _ chain: SealChain, _ key: SignerKey, _ keyFile: RecoveryFindings.Key
    ) throws(StoreError) -> Opened {
        let header = nextHeader(chain, key)
        var performer = ActionPerformer(files)
        try perform(
            (keyFile == .next ? [.evolveKey] : []) + [
                .createSegment(path: FileNames.segment(chain.nextFirst, .data), bytes: header.encoded())
            ], &performer)
        let checksum = Checksum.crc32c(header.encoded())
        let state = try state(chain, key, builder(header, chain.lastReceived), checksum: checksum)
        return try finish(state, chain, performer, identities: [], events: [])
    }

    private func continueActive(
        _ newest: Newest, _ chain: SealChain, _ key: SignerKey, _ keyFile: RecoveryFindings.Key,
        _ continuation: RecoveryDecision.Continuation
    ) throws(StoreError) -> Opened {
        guard let replay = newest.replay else { throw StoreError(.damaged, "\(newest.path) could not be read") }
        var events: [[UInt8]] = []
        if continuation == .copyKeepingOld {
            let kept = newest.path + ".torn-\(now.wall.nanoseconds)"
            let size = try storing { () throws(IOFailure) in
                try files.link(newest.path, to: kept)
                // Before the old name goes: a crash must not leave the file without any.
                try files.syncDirectory(FileNames.segments)
                return try replay.reader.file.size()
            }
            events.append(
                OwnEvent.line(
                    action: "log.recovered", status: "warning", severity: "medium",
                    details: [
                        "segment": .number(chain.number), "bytes": .number(size - replay.goodOffset),
                        "kept": .text(kept),
                        "message": .text("an append that had not finished was cut off; it was never acknowledged"),
                    ]))
        }
        let file = try storing { () throws(IOFailure) in
            continuation == .inPlace
                ? try files.openForAppending(newest.path)
                : try files.copy(replay.reader.file, size: replay.goodOffset, to: newest.path, mode: 0o640)
        }
        var performer = ActionPerformer(files, active: file)
        try perform(keyFile == .next ? [.evolveKey] : [], &performer)
        var builder = replay.builder
        builder.use(try formatting { () throws(FormatError) in try Deflater(configuration.compression) })
        builder.keepReceiving(from: chain.lastReceived)
        guard let checksum = try checksum(of: replay.reader.file, to: replay.goodOffset, known: newest.known) else {
            throw StoreError(.io, "\(newest.path) became shorter while it was read")
        }
        return try finish(
            try state(chain, key, builder, checksum: checksum), chain, performer, identities: newest.identities,
            events: events)
    }

    private func sealDamaged(
        _ newest: Newest, _ chain: SealChain, _ key: SignerKey, _ keyFile: RecoveryFindings.Key
    ) throws(StoreError) -> Opened {
        var good: SegmentBuilder
        if let replay = newest.replay {
            good = replay.builder
        } else {
            good = try builder(nextHeader(chain, key), chain.lastReceived)
        }
        good.keepReceiving(from: chain.lastReceived)
        var reached = max(newest.reached, good.nextSequence)
        var reason = "the file of the newest segment is missing or unreadable"
        if case .open(.damaged(let reachedSequence, let why)) = newest.finding {
            (reached, reason) = (max(reached, reachedSequence), why)
        }
        // The next segment needs a name of its own, also when not one lost event is known.
        reached = max(reached, chain.nextFirst + 1)
        var performer = ActionPerformer(files)
        try perform(keyFile == .next ? [.evolveKey] : [], &performer)
        let lost = (first: good.nextSequence, end: reached)
        var core = StoreCore(
            try state(chain, key, good, checksum: 0), configuration: configuration,
            identities: IdentityWindow(limit: 0, age: 0), entropy: entropy, now: now)
        let actions = try formatting { () throws(FormatError) in
            try core.seal(.corruption, footer: false, nextFirst: reached, now: now)
        }
        try perform(actions, &performer)
        let event = discontinuity(chain.number, lost: lost, reason)
        let state = LogState(
            origin: core.origin, builder: core.builder, key: core.key, logKey: core.logKey, outer: core.outer,
            checksum: core.checksum)
        // The keys of the segment that was sealed just now are found with those of the others.
        return try finish(state, nil, performer, identities: [], events: [event])
    }

    private func discontinuity(_ segment: UInt64, lost: (first: UInt64, end: UInt64), _ reason: String) -> [UInt8] {
        OwnEvent.line(
            action: "log.discontinuity", status: "failed", severity: "critical",
            details: [
                "segment": .number(segment), "first_lost": .number(lost.first), "end": .number(lost.end),
                "message": .text("events that were acknowledged are damaged or missing: \(reason)"),
            ])
    }

    /// `chain` is the one that `state` goes on with: what a crash has kept from being written behind its last seal is
    /// made up for.
    private func finish(
        _ state: LogState, _ chain: SealChain?, _ performer: ActionPerformer,
        identities: [IdentityWindow.Entry], events: [[UInt8]]
    ) throws(StoreError) -> Opened {
        var (performer, events) = (performer, events)
        if let chain, chain.checkpointIsBehind {
            let checkpoint = Checkpoint(origin: chain.origin.origin, size: chain.outer.count, root: chain.outer.root)
            let note = try formatting { () throws(FormatError) in try state.logKey.sign(checkpoint.text) }
            try perform([.replace(path: FileNames.checkpoint, bytes: note, isSecret: false)], &performer)
        }
        if resume == nil { try perform([.forget(path: FileNames.resume)], &performer) }
        if try !headNames(state) {
            // Two rotations without a head between them would look like a head that was put back.
            let head = Head(state.origin.origin, state.builder, time: now.wall)
            let note = try formatting { () throws(FormatError) in try state.key.sign(head.text) }
            try perform([.replace(path: FileNames.head, bytes: note, isSecret: false)], &performer)
        }
        if let last = chain?.last, last.seal.reason == .corruption, state.builder.count == 0 {
            let lost = (first: last.seal.endSequence, end: state.builder.nextSequence)
            events.insert(discontinuity(last.seal.number, lost: lost, "the segment is sealed up to there"), at: 0)
        }
        let history = IdentityHistory(directory, configuration: configuration, now: now.wall)
        let window = try scanning { () throws(ReadError) in
            try history.window(
                active: identities, before: state.builder.header.firstSequence, from: resume?.firstIdentified ?? 0)
        }
        let core = StoreCore(state, configuration: configuration, identities: window, entropy: entropy, now: now)
        return Opened(core: core, performer: performer, events: events)
    }

    /// Whether the head that is there is one of the segment that takes events.
    private func headNames(_ state: LogState) throws(StoreError) -> Bool {
        try head(signedBy: state.key.verifier)?.number == state.builder.header.number
    }

    private func perform(_ actions: [Action], _ performer: inout ActionPerformer) throws(StoreError) {
        for action in actions {
            do throws(IOFailure) {
                try performer.perform(action)
            } catch {
                throw StoreError(error)
            }
        }
    }
}
