package import CairnFormat
package import CairnPlatform

/// The writer as a pure state machine: inputs come with the time, actions go out, and the same inputs always give the
/// same actions. It holds no file and reads no clock; randomness comes from the source it was given.
///
/// A step's actions are performed in order and reported by `performed` or `failed` before the next step. While a
/// failure for lack of space stands, each `tick` gives the actions that are left once more.
package struct StoreCore {
    package enum Phase: Sendable, Equatable {
        case idle
        /// The actions of the last step are being performed.
        case performing
        /// The disk is full; the actions are tried again at each tick.
        case suspended(String)
        case halted(StoreError)
    }

    package private(set) var phase = Phase.idle
    package var configuration: StoreConfiguration
    package let origin: OriginStatement
    /// Number of the event behind the last one that is durable.
    package private(set) var durable: UInt64
    /// Number of seals.
    package var sealedSegments: UInt64 { outer.count }
    package private(set) var statistics = StoreStatistics()

    var builder: SegmentBuilder
    var key: SignerKey
    let logKey: SignerKey
    var outer: MerkleTree
    private let entropy: any EntropySource
    private var identities: IdentityWindow
    private var pending: [Action] = []
    /// What `durable` will be once the actions so far are performed.
    private var planned: UInt64
    private var opened: Int64
    private var headAt: Int64?
    private var headCount: UInt64 = 0
    /// When a resume file was last written, and over how many events of the active segment.
    private var resumeAt: Int64
    private var resumeCount: UInt64 = 0
    /// The active segment holds more than goes into a resume file.
    private var resumeIsFutile = false
    /// CRC-32C of the active segment's file so far.
    private(set) var checksum: UInt32
    private var retryAt: Int64 = 0
    /// How much room the disk had when it was last looked at.
    package private(set) var space = SpaceStage.ample
    /// Whether it waits for more room than there must be, with nothing left to perform.
    package private(set) var waitsForReserve = false
    private var stamps: [UInt8] = []
    private var output: [UInt8] = []

    /// A log as it was found on disk, everything of it durable.
    package init(
        _ state: LogState, configuration: StoreConfiguration, identities: IdentityWindow, entropy: any EntropySource,
        now: Moment
    ) {
        self.configuration = configuration
        self.identities = identities
        self.entropy = entropy
        origin = state.origin
        builder = state.builder
        key = state.key
        logKey = state.logKey
        outer = state.outer
        checksum = state.checksum
        durable = state.builder.nextSequence
        planned = durable
        let age = now.wall.nanoseconds.subtractingReportingOverflow(builder.header.created.nanoseconds)
        opened = now.monotonic - (age.overflow ? 0 : max(0, age.partialValue))
        resumeAt = now.monotonic
    }

    /// The segment that takes events.
    package var activeSegment: (number: UInt64, firstSequence: UInt64, count: UInt64, bytes: UInt64) {
        (builder.header.number, builder.header.firstSequence, builder.count, builder.fileSize)
    }

    /// Remembered idempotency keys.
    package var identityCount: Int { identities.count }

    /// When the next `tick` is due, on the monotonic clock.
    package var deadline: Int64 {
        switch phase {
        case .suspended: retryAt
        case .idle: min(headDue, resumeDue, builder.count > 0 ? opened + configuration.segmentAge : Int64.max)
        default: Int64.max
        }
    }

    private var headDue: Int64 {
        guard let headAt else { return Int64.min }
        return headAt + (builder.count > headCount ? configuration.headInterval : configuration.headKeepalive)
    }

    /// Once the head names all events.
    private var resumeDue: Int64 {
        builder.count > resumeCount && builder.count == headCount && !resumeIsFutile
            ? resumeAt + configuration.resumeInterval : Int64.max
    }

    package mutating func step(_ input: Input, now: Moment) -> [Action] {
        switch (input, phase) {
        case (.performed, .performing):
            durable = planned
            pending = []
            phase = .idle
            return []
        case (.failed(let index, let isOutOfSpace, let message), .performing):
            return fail(at: index, isOutOfSpace: isOutOfSpace, message: message, now: now)
        case (.space(let available), .idle), (.space(let available), .suspended):
            note(available, now: now)
            return []
        case (.tick, .suspended) where !waitsForReserve:
            phase = .performing
            return pending
        case (.displaced(.directory), .idle), (.displaced(.directory), .suspended):
            return halt(
                StoreError(
                    .io,
                    "the log's directory is not at its path any more: somebody moved, removed or replaced it while it was "
                        + "written; put it back before the next start, which would begin a new log"))
        case (.displaced(let displacement), .idle):
            return plan { core throws(FormatError) in core.restoration(displacement) }
        case (.submit(let submissions), .idle):
            return plan { core throws(FormatError) in
                try core.commit(submissions, now: now)
            }
        case (.record(let submission), .idle): return record(submission, now: now)
        case (.record(let submission), .suspended) where waitsForReserve:
            waitsForReserve = false
            return record(submission, now: now)
        case (.tick, .idle): return plan { core throws(FormatError) in try core.tick(now: now) }
        case (.rotate, .idle):
            return plan { core throws(FormatError) in
                try core.rotate(.request, now: now)
            }
        case (.shutdown, .idle): return plan { core throws(FormatError) in try core.shutdown(now: now) }
        default:
            // The caller broke the order of steps; what is on disk is not touched.
            return []
        }
    }

    private mutating func shutdown(now: Moment) throws(FormatError) -> [Action] {
        var actions = configuration.sealsOnShutdown ? try rotate(.shutdown, now: now) : []
        actions.append(try headAction(now: now))
        return try actions + resumeActions(now: now)
    }

    /// Runs a part of a step. What it throws has nothing to do with the disk: the writer itself is broken.
    private mutating func plan(_ body: (inout StoreCore) throws(FormatError) -> [Action]) -> [Action] {
        do throws(FormatError) {
            pending = try body(&self)
            if !pending.isEmpty { phase = .performing }
            return pending
        } catch {
            return halt(StoreError(error))
        }
    }

    private mutating func fail(at index: Int, isOutOfSpace: Bool, message: String, now: Moment) -> [Action] {
        let failed = pending[index]
        pending.removeFirst(index)
        statistics.failures += 1
        // After a failed sync the page cache may hold what the disk does not (fsyncgate): the file is not touched
        // again. A start rewrites it from what can be read.
        if isOutOfSpace, failed != .sync {
            phase = .suspended(message)
            retryAt = now.monotonic + configuration.retryInterval
            return []
        }
        return halt(StoreError(.io, message))
    }

    private mutating func halt(_ failure: StoreError) -> [Action] {
        phase = .halted(failure)
        return [.halt(failure)]
    }

    private func restoration(_ displacement: Displacement) -> [Action] {
        switch displacement {
        case .directory: []
        case .segment: [.restore(path: FileNames.segment(builder.header.firstSequence, .data))]
        case .key: [.replace(path: FileNames.epochKey, bytes: key.file, isSecret: true)]
        }
    }

    // MARK: Space

    /// What so many free bytes mean. A stage is left only when there is an eighth more than its limit, so that it does
    /// not come and go with every block.
    package func stage(of available: UInt64) -> SpaceStage {
        func isBelow(_ limit: UInt64, _ isThere: Bool) -> Bool {
            available < (isThere ? limit + limit / 8 : limit)
        }
        if isBelow(configuration.stopFree, space == .exhausted) { return .exhausted }
        return isBelow(configuration.warnFree, space != .ample) ? .low : .ample
    }

    private mutating func note(_ available: UInt64, now: Moment) {
        space = stage(of: available)
        if space == .exhausted, phase == .idle {
            phase = .suspended("only \(available) bytes are free, and \(configuration.stopFree) are kept in reserve")
            waitsForReserve = true
        } else if waitsForReserve, space != .exhausted {
            phase = .idle
            waitsForReserve = false
        }
        retryAt = now.monotonic + configuration.retryInterval
    }

    // MARK: Events

    private mutating func record(_ submission: Submission, now: Moment) -> [Action] {
        plan { core throws(FormatError) in
            try core.commit([submission], now: now) + [core.headAction(now: now)]
        }
    }

    private mutating func commit(_ submissions: [Submission], now: Moment) throws(FormatError) -> [Action] {
        var actions: [Action] = []
        var answers: [Answer] = []
        answers.reserveCapacity(submissions.count)
        output.removeAll(keepingCapacity: true)
        var start = builder.fileSize
        let received = max(builder.lastReceived, now.wall.wholeMicroseconds)
        for submission in submissions {
            try append(submission, received, now, &answers, &start, &actions)
        }
        try flush(&actions, &start)
        actions.append(.acknowledge(answers))
        statistics.commits += 1
        if builder.fileSize >= configuration.segmentBytes || builder.isIndexFull {
            actions += try rotate(.size, now: now)
        }
        return actions
    }

    private mutating func append(
        _ submission: Submission, _ received: Time, _ now: Moment, _ answers: inout [Answer], _ start: inout UInt64,
        _ actions: inout [Action]
    ) throws(FormatError) {
        let batch = submission.batch
        var answer = AnswerBuilder(ticket: submission.ticket)
        stamps.removeAll(keepingCapacity: true)
        Stamps.append(received: received, uid: submission.uid, pid: submission.pid, to: &stamps)
        var numbers = SegmentNumbers()
        try batch.withPieces { pieces throws(FormatError) in
            var place = IndexTerms.Size()
            // To ask the builder for them copies it.
            var (sequence, segment) = (builder.nextSequence, builder.header.number)
            for entry in batch.entries {
                let terms = pieces.terms(of: entry, at: &place)
                if case .sync(let index) = entry.kind {
                    answer.append(.synced(token: batch.syncTokens[Int(index)]))
                    continue
                }
                if let identity = entry.identity, let stored = identities.sequence(of: identity, now: received) {
                    answer.append(.duplicate(sequence: stored))
                    statistics.duplicates += 1
                    continue
                }
                if !numbers.knows(entry.facts.module),
                    !batch.modules.names[Int(entry.facts.module)].withUnsafeBytes({ builder.hasRoom(for: $0) })
                {
                    try flush(&actions, &start)
                    actions += try rotate(.modules, now: now)
                    start = builder.fileSize
                    (sequence, segment) = (builder.nextSequence, builder.header.number)
                    numbers = SegmentNumbers()
                }
                let facts =
                    numbers.numbered(entry.facts)
                    ?? numbers.learn(entry.facts, builder.numbered(entry.facts, batch.modules, batch.classes))
                defer { sequence += 1 }
                let leaf = try builder.append(
                    line: pieces.line(of: entry), brace: entry.brace, stamps: stamps, extra: pieces.extra(of: entry),
                    facts: facts, terms: terms, &numbers, received: received, durable: planned, to: &output)
                if let identity = entry.identity {
                    identities.insert(identity, sequence: sequence, received: received)
                }
                if case .rejected(let index) = entry.kind {
                    answer.append(.rejected(batch.rejections[Int(index)], sequence: sequence))
                    statistics.rejected += 1
                } else {
                    answer.accept(sequence, segment: segment, leaf: submission.wantsReceipts ? leaf : nil)
                    statistics.accepted += 1
                }
            }
        }
        answers.append(answer.finish())
    }

    /// Closes the open block and turns what has gathered into an append and a sync.
    private mutating func flush(_ actions: inout [Action], _ start: inout UInt64) throws(FormatError) {
        try builder.closeBlock(durable: planned, to: &output)
        guard !output.isEmpty else { return }
        statistics.bytes += UInt64(output.count)
        checksum = output.withBytes { Checksum.crc32c($0, continuing: checksum) }
        actions.append(.append(offset: start, bytes: output))
        actions.append(.sync)
        output.removeAll(keepingCapacity: true)
        start = builder.fileSize
        planned = builder.nextSequence
    }

    // MARK: Time

    private mutating func tick(now: Moment) throws(FormatError) -> [Action] {
        if builder.count > 0, now.monotonic >= opened + configuration.segmentAge {
            return try rotate(.age, now: now)
        }
        var actions = now.monotonic >= headDue ? [try headAction(now: now)] : []
        if now.monotonic >= resumeDue { actions += try resumeActions(now: now) }
        return actions
    }

    /// What lets the next start go on without reading the active segment. Behind the head: it must know of no events that
    /// the head does not name.
    private mutating func resumeActions(now: Moment) throws(FormatError) -> [Action] {
        guard builder.count > resumeCount else { return [] }
        (resumeAt, resumeCount) = (now.monotonic, builder.count)
        guard space == .ample, !resumeIsFutile else { return [] }
        guard let resume = ResumeFile(builder, identities, checksum: checksum) else {
            resumeIsFutile = true
            return []
        }
        return [.hint(path: FileNames.resume, bytes: try resume.encoded(origin.origin, logKey))]
    }

    private mutating func headAction(now: Moment) throws(FormatError) -> Action {
        headAt = now.monotonic
        headCount = builder.count
        let head = Head(origin.origin, builder, time: now.wall)
        return try .replace(path: FileNames.head, bytes: key.sign(head.text), isSecret: false)
    }

    // MARK: Rotation

    /// Seals the active segment and opens the next. The order is what makes a crash between any two actions harmless:
    /// the next private key is durable before a seal names it; the seal is the point of no return; the old private key
    /// is gone before the next segment can take an event.
    private mutating func rotate(_ reason: SealReason, now: Moment) throws(FormatError) -> [Action] {
        guard builder.count > 0 else { return [] }
        return try seal(reason, footer: true, nextFirst: builder.nextSequence, now: now)
    }

    /// `footer` is false for a segment that is not to be written again; `nextFirst` is then where the next begins.
    package mutating func seal(
        _ reason: SealReason, footer writesFooter: Bool, nextFirst: UInt64, now: Moment
    ) throws(FormatError) -> [Action] {
        let next = try SignerKey(name: origin.origin.name, seed: entropy.bytes(32))
        let end = builder.fileSize
        let (seal, footer, index) = builder.finish(reason: reason, nextKey: next.verifier)
        let note = try key.sign(seal.text)
        outer.append(MerkleTree.leaf(note))
        let checkpoint = Checkpoint(origin: origin.origin, size: outer.count, root: outer.root)
        let header = SegmentHeader(
            number: seal.number + 1, firstSequence: nextFirst,
            created: max(now.wall, seal.opened, builder.lastReceived),
            previousSeal: Digest.sha256(note), saltKey: entropy.bytes(32), origin: origin.origin, key: next.verifier)
        var actions: [Action] = [.replace(path: FileNames.nextEpochKey, bytes: next.file, isSecret: true)]
        if writesFooter {
            actions += [.append(offset: end, bytes: footer), .sync]
            actions.append(.replace(path: FileNames.segment(seal.firstSequence, .index), bytes: index, isSecret: false))
        }
        actions += [
            .replace(path: FileNames.segment(seal.firstSequence, .seal), bytes: note, isSecret: false),
            .evolveKey,
            .createSegment(path: FileNames.segment(nextFirst, .data), bytes: header.encoded()),
            .replace(path: FileNames.checkpoint, bytes: try logKey.sign(checkpoint.text), isSecret: false),
        ]
        builder = try SegmentBuilder(
            header: header, lastReceived: builder.lastReceived, deflater: Deflater(configuration.compression))
        key = next
        opened = now.monotonic
        (planned, resumeCount, resumeIsFutile) = (nextFirst, 0, false)
        checksum = Checksum.crc32c(header.encoded())
        statistics.seals += 1
        actions.append(.forget(path: FileNames.resume))
        actions.append(try headAction(now: now))
        return actions
    }
}

/// Counts since the writer started.
package struct StoreStatistics: Sendable, Equatable {
    package var accepted: UInt64 = 0
    package var rejected: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var commits: UInt64 = 0
    package var seals: UInt64 = 0
    /// Bytes appended to segments, footers left out.
    package var bytes: UInt64 = 0
    package var failures: UInt64 = 0
}

/// What the writer needs to know of a log to go on with it.
package struct LogState {
    package var origin: OriginStatement
    /// The active segment.
    package var builder: SegmentBuilder
    package var key: SignerKey
    package var logKey: SignerKey
    package var outer: MerkleTree
    /// CRC-32C of the active segment's file.
    package var checksum: UInt32

    package init(
        origin: OriginStatement, builder: SegmentBuilder, key: SignerKey, logKey: SignerKey, outer: MerkleTree,
        checksum: UInt32
    ) {
        self.origin = origin
        self.builder = builder
        self.key = key
        self.logKey = logKey
        self.outer = outer
        self.checksum = checksum
    }
}

extension Head {
    /// What is to be signed of a segment as it is now.
    init(_ origin: Origin, _ builder: SegmentBuilder, time: Time) {
        self.init(
            origin: origin, number: builder.header.number, firstSequence: builder.header.firstSequence,
            count: builder.count, root: builder.tree.root, time: time)
    }
}
