package import CairnFormat
package import CairnPlatform

/// A checkpoint of a log that was published where the log's host cannot change it: to a witness, a locked bucket, a file
/// on another machine.
///
/// Its file is a text: the line `cairn/anchor/v1`, `target <words>`, `time <when it was published>`, an empty line, and
/// the checkpoint as it was published, with the cosignatures that came back.
package struct Anchor: Sendable, Equatable {
    /// Where it was published, as a person recognises it: a path or a URL, without an LF.
    package var target: String
    /// When.
    package var time: Time
    /// A signed note.
    package var checkpoint: [UInt8]

    private static let kind = "cairn/anchor/v1"
    /// Bytes of a target at most: a URL.
    private static let targetLimit = 2 << 10
    /// Bytes of the file at most.
    static let sizeLimit = Limits.note + targetLimit + 256

    package init(target: String, time: Time, checkpoint: [UInt8]) throws(FormatError) {
        guard !target.isEmpty, target.utf8.count <= Anchor.targetLimit, !target.utf8.contains(where: { $0 < 0x20 })
        else {
            throw FormatError(.malformed, "a target is named by 1 to \(Anchor.targetLimit) bytes without controls")
        }
        self.target = target
        self.time = time
        self.checkpoint = checkpoint
    }

    /// The file.
    package var bytes: [UInt8] { Array("\(Anchor.kind)\ntarget \(target)\ntime \(time)\n\n".utf8) + checkpoint }

    package init(_ file: [UInt8]) throws(FormatError) {
        let separator = Array("\n\n".utf8)
        guard let border = file.firstRange(of: separator)?.lowerBound,
            let text = String(validating: file[..<border], as: UTF8.self)
        else { throw FormatError(.malformed, "not an anchor: it has no empty line before its checkpoint") }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first == Anchor.kind[...] else {
            throw FormatError(.unsupported, "not an anchor of the form \(Anchor.kind)")
        }
        guard lines.count == 3, lines[1].hasPrefix("target "), lines[2].hasPrefix("time "),
            let time = Time(rfc3339: String(lines[2].dropFirst(5))), time.description == lines[2].dropFirst(5)
        else { throw FormatError(.malformed, "an anchor without its target or its time") }
        try self.init(
            target: String(lines[1].dropFirst(7)), time: time, checkpoint: Array(file[(border + separator.count)...]))
    }

    /// What was published, its signature not checked.
    func statement() throws(FormatError) -> Checkpoint { try Checkpoint(SignedNote(checkpoint)) }
}

/// Where the newest anchor of each target is kept: a directory that belongs to whoever anchors, and not to the log. In
/// it each log has a directory `<hex of SHA-256 of the origin>`, with a file `<hex of SHA-256 of the target>.anchor` for
/// each target.
///
/// These files say what was done; they prove nothing against somebody who can change them. What proves is the
/// checkpoint at the target: `cairn verify --checkpoint`.
package struct AnchorState {
    private let files: any FileSystem

    package init(_ files: any FileSystem) { self.files = files }

    private static func directory(_ origin: Origin) -> String {
        Hex.encode(Digest.sha256(Array(origin.name.utf8)).bytes)
    }

    private static func path(_ origin: Origin, _ target: String) -> String {
        "\(directory(origin))/\(Hex.encode(Digest.sha256(Array(target.utf8)).bytes)).anchor"
    }

    /// The newest anchor of each target, sorted by target.
    package func anchors(of origin: Origin) throws(ReadError) -> [Anchor] {
        let (files, directory) = (files, AnchorState.directory(origin))
        let names = try accessing { () throws(IOFailure) -> [String] in
            guard try files.status(directory) != nil else { return [] }
            return try files.list(directory).filter { $0.hasSuffix(".anchor") }
        }
        var anchors: [Anchor] = []
        for name in names {
            if let anchor = try read("\(directory)/\(name)") { anchors.append(anchor) }
        }
        return anchors.sorted { byteOrder($0.target, $1.target) }
    }

    /// The newest anchor of one target; nil if there is none yet.
    package func anchor(of origin: Origin, at target: String) throws(ReadError) -> Anchor? {
        try read(AnchorState.path(origin, target))
    }

    private func read(_ path: String) throws(ReadError) -> Anchor? {
        let files = files
        let bytes = try accessing { () throws(IOFailure) in try files.contents(path, limit: Anchor.sizeLimit) }
        guard let bytes else { return nil }
        return try reading(path) { () throws(FormatError) in try Anchor(bytes) }
    }

    /// Keeps an anchor in the place of the one before. Durable on return.
    ///
    /// - Throws: for one of fewer seals than the one before: an anchored log does not shrink.
    package func record(_ anchor: Anchor, of origin: Origin) throws(ReadError) {
        let path = AnchorState.path(origin, anchor.target)
        let before = try read(path)
        try reading(path) { () throws(FormatError) in
            let statement = try anchor.statement()
            guard statement.origin == origin else {
                throw FormatError(.mismatch, "the checkpoint is of the log \(statement.origin), not of \(origin)")
            }
            guard let old = try before?.statement(), old.size > statement.size else { return }
            throw FormatError(
                .mismatch,
                "\(old.size) seals were anchored at \(anchor.target) before, and this is of \(statement.size): the log "
                    + "is an older copy, or was cut")
        }
        let files = files
        try accessing { () throws(IOFailure) in
            try files.createDirectory(AnchorState.directory(origin), mode: 0o750)
            try files.replace(path, with: anchor.bytes, mode: 0o640)
        }
    }
}

/// What an anchor says of the log as it is now.
package struct AnchorCoverage: Sendable, Equatable {
    package var target: String
    /// When it was published.
    package var time: Time
    /// Seals that it covers; nil if it could not be read.
    package var size: UInt64?
    /// The last event that it covers; nil if there is none.
    package var lastSequence: UInt64?
    /// `verified`: the log extends what was anchored.
    package var verdict: Verdict
    /// What is wrong; nil if nothing is.
    package var message: String?
}

/// Compares anchors with a log.
package struct AnchorCheck {
    private let directory: LogDirectory

    package init(_ directory: LogDirectory) { self.directory = directory }

    /// In the order of the anchors. Every seal up to the largest anchor is read, once.
    package func check(_ anchors: [Anchor]) throws(ReadError) -> [AnchorCoverage] {
        guard !anchors.isEmpty else { return [] }
        let statement = try directory.origin()
        let segments = try directory.segments()
        var found = anchors.map { coverage(of: $0, statement) }
        let sizes = found.compactMap(\.checkpoint?.size)
        let roots = try self.roots(at: Set(sizes), segments)
        for index in found.indices {
            guard let checkpoint = found[index].checkpoint else { continue }
            guard let root = roots[checkpoint.size] else {
                found[index].coverage.verdict = .truncatedOrStale
                found[index].coverage.message =
                    "\(checkpoint.size) seals were anchored, and not all of them are here"
                continue
            }
            guard root == checkpoint.root else {
                found[index].coverage.verdict = .tampered
                found[index].coverage.message = "the first \(checkpoint.size) seals are not those that were anchored"
                continue
            }
            found[index].coverage.lastSequence = try lastSequence(checkpoint.size, segments)
        }
        return found.map(\.coverage)
    }

    /// Judges the anchor alone.
    private func coverage(
        of anchor: Anchor, _ statement: OriginStatement
    ) -> (coverage: AnchorCoverage, checkpoint: Checkpoint?) {
        var coverage = AnchorCoverage(target: anchor.target, time: anchor.time, verdict: .verified)
        do throws(NoteProblem) {
            let checkpoint = try Checkpoint(note: anchor.checkpoint, key: statement.logKey)
            guard checkpoint.origin == statement.origin else {
                throw NoteProblem(verdict: .tampered, message: "it is of the log \(checkpoint.origin)")
            }
            coverage.size = checkpoint.size
            return (coverage, checkpoint)
        } catch {
            coverage.verdict = error.verdict
            coverage.message = "the anchored checkpoint: \(error.message)"
            return (coverage, nil)
        }
    }

    /// Roots of the trees over the first seals; none for a size of which a seal is missing.
    private func roots(
        at sizes: Set<UInt64>, _ segments: [LogDirectory.Segment]
    ) throws(ReadError) -> [UInt64: Digest] {
        var roots: [UInt64: Digest] = [0: .empty]
        var tree = MerkleTree()
        for segment in segments.prefix(Int(min(sizes.max() ?? 0, UInt64(segments.count)))) {
            guard let seal = try directory.beginning(of: segment.path(.seal), limit: Limits.note) else { break }
            tree.append(MerkleTree.leaf(seal))
            if sizes.contains(tree.count) { roots[tree.count] = tree.root }
        }
        return roots
    }

    /// The last event of the newest of the first `size` seals.
    private func lastSequence(_ size: UInt64, _ segments: [LogDirectory.Segment]) throws(ReadError) -> UInt64? {
        guard size > 0, let seal = try directory.seal(segments[Int(size) - 1]), seal.endSequence > 0 else { return nil }
        return seal.endSequence - 1
    }
}
