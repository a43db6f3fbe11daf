import CairnFormat

/// What the seals say of one segment, before its data is read.
struct SegmentExpectation: Sendable {
    enum Role: Sendable {
        /// Its events must be those of this seal.
        case sealed(Seal)
        /// The newest, without a seal: its end may be unfinished.
        case active
        /// Its seal is missing or not good, which is a finding already: its events must only agree with themselves.
        case unsealed
    }

    var number: UInt64
    var firstSequence: UInt64
    var origin: Origin
    var role: Role
    /// SHA-256 of the previous seal file; nil if the chain is broken before this segment.
    var previous: Digest?
    /// The key that must sign its seal. In a broken chain it is what the segment's own header says.
    var key: VerifierKey?
    /// The head, if it names this segment and is signed by its key.
    var head: Head?

    /// In what a segment's header is not what the chain demands; empty if it is.
    func differences(from header: SegmentHeader) -> [String] {
        var wrong: [String] = []
        if header.number != number { wrong.append("number") }
        if header.firstSequence != firstSequence { wrong.append("first sequence number") }
        if header.origin != origin { wrong.append("origin") }
        if let previous, header.previousSeal != previous { wrong.append("previous seal") }
        if let key, header.key != key { wrong.append("key") }
        if case .sealed(let seal) = role, seal.opened != header.created { wrong.append("time of creation") }
        return wrong
    }
}

/// Follows the seals from the genesis key to the newest segment. Of each cause it makes one finding:
///
/// - A seal that is not signed by the key that its predecessor names, or says something else than its place demands,
///   is TAMPERED, from the segment's first event on.
/// - Data without a seal that is not the newest is UNSEALED.
/// - Events without data and seal, between two segments or before the first, are TAMPERED, from the first lost one on;
///   so is a segment that begins inside another, which is then left out of all that follows.
/// - A seal of reason `corruption` is TAMPERED from the first event on that it does not cover.
///
/// Behind the first three the chain is broken. It goes on with the key and the previous seal that the next segment's
/// header names: that proves nothing, and a finding stands already, but what is wrong further on is found too.
struct SealChain {
    private let directory: LogDirectory
    private let origin: Origin
    private(set) var segments: [SegmentExpectation] = []
    private(set) var findings: [Finding] = []
    /// Leaves of the outer log by segment number.
    private(set) var leaves: [UInt64: Digest] = [:]
    /// Number of segments that have a seal.
    private(set) var sealCount: UInt64 = 0
    /// The last event that a good seal covers.
    private(set) var sealedThrough: UInt64?
    private(set) var next: Link

    /// What the segments so far say of the next.
    struct Link {
        var number: UInt64
        /// Nil behind a segment whose seal is not good: its data tells.
        var firstSequence: UInt64?
        var previous: Digest?
        var key: VerifierKey?
        /// Whether events may be missing before the next segment without another finding.
        var afterCorruption = false
    }

    init(_ directory: LogDirectory, _ statement: OriginStatement) {
        self.directory = directory
        origin = statement.origin
        next = Link(number: 0, firstSequence: 0, previous: .zero, key: statement.genesisKey)
    }

    mutating func follow(_ segment: LogDirectory.Segment, isNewest: Bool) throws(ReadError) {
        let first = segment.firstSequence
        guard try findPlace(of: segment) else { return }
        let header = next.key == nil ? try header(of: segment) : nil
        var expectation = SegmentExpectation(
            number: next.number, firstSequence: first, origin: origin, role: .unsealed, previous: next.previous,
            key: next.key ?? header?.key, head: nil)
        next = Link(number: expectation.number + 1)
        let path = segment.path(.seal)
        if segment.isSealed, let bytes = try directory.beginning(of: path, limit: Limits.note) {
            sealCount += 1
            leaves[expectation.number] = MerkleTree.leaf(bytes)
            follow(bytes, &expectation)
        } else if isNewest {
            expectation.role = .active
        } else {
            find(.unsealed, expectation, "the segment has no seal, although there are newer ones")
        }
        segments.append(expectation)
    }

    /// Compares where the segment begins with where it should; false if it is to be left out.
    private mutating func findPlace(of segment: LogDirectory.Segment) throws(ReadError) -> Bool {
        let first = segment.firstSequence
        guard let expected = next.firstSequence, expected != first else { return true }
        if first < expected {
            findings.append(
                Finding(
                    .tampered, sequence: first,
                    "\(segment.path(.data)) begins inside the segment before it, which ends with event \(expected - 1)")
            )
            return false
        }
        if next.afterCorruption { return true }
        findings.append(
            Finding(
                .tampered, segment: next.number, sequence: expected,
                "events \(expected) to \(first - 1) are missing: no segment holds them"))
        let number = try header(of: segment).map { max($0.number, next.number) } ?? next.number + 1
        next = Link(number: number)
        return true
    }

    /// Checks a seal against its place and goes on behind it.
    private mutating func follow(_ bytes: [UInt8], _ expectation: inout SegmentExpectation) {
        // Without a key the chain is broken and the header is not readable: two findings, and this would be a third.
        guard let key = expectation.key else { return }
        let seal: Seal
        do throws(NoteProblem) {
            seal = try Seal(note: bytes, key: key)
        } catch {
            find(error.verdict, expectation, "the seal: \(error.message)")
            return
        }
        next.previous = Digest.sha256(bytes)
        next.key = seal.nextKey
        let wrong = contradictions(seal, expectation)
        guard wrong.isEmpty else {
            find(.tampered, expectation, "the seal is well signed, but wrong in: \(wrong.joined(separator: ", "))")
            return
        }
        expectation.role = .sealed(seal)
        next.firstSequence = seal.endSequence
        next.afterCorruption = seal.reason == .corruption
        if seal.endSequence > 0 { sealedThrough = seal.endSequence - 1 }
        if seal.reason == .corruption {
            findings.append(
                Finding(
                    .tampered, segment: seal.number, sequence: seal.endSequence,
                    "the writer found damage behind \(seal.count) good events and sealed these alone; "
                        + "what the segment's file holds behind them is kept as evidence"))
        }
    }

    private func contradictions(_ seal: Seal, _ expectation: SegmentExpectation) -> [String] {
        var wrong: [String] = []
        if seal.origin != origin { wrong.append("origin") }
        if seal.number != expectation.number { wrong.append("segment") }
        if seal.firstSequence != expectation.firstSequence { wrong.append("first") }
        if let previous = expectation.previous, seal.previous != previous { wrong.append("previous") }
        if seal.count == 0, seal.reason != .corruption { wrong.append("count") }
        return wrong
    }

    /// The header of a segment's data; nil if it cannot be read, which the verification of the data will find.
    private func header(of segment: LogDirectory.Segment) throws(ReadError) -> SegmentHeader? {
        let path = segment.path(.data)
        do throws(ReadError) {
            guard segment.hasData, let bytes = try directory.beginning(of: path, limit: SegmentHeader.sizeLimit) else {
                return nil
            }
            return bytes.withUnsafeBytes { try? SegmentHeader.decode($0).0 }
        } catch {
            guard error.code == .io else { return nil }
            throw error
        }
    }

    private mutating func find(_ verdict: Verdict, _ expectation: SegmentExpectation, _ message: String) {
        findings.append(
            Finding(verdict, segment: expectation.number, sequence: expectation.firstSequence, message))
    }

    /// Gives a good head to the segment at `index`, whose data it is to be compared with.
    mutating func expect(_ head: Head, at index: Int) { segments[index].head = head }
}
