/// The first statement of a log: its name and its first keys. Format.md, "origin".
public struct OriginStatement: Sendable, Equatable {
    /// Name of the log.
    public var origin: Origin
    /// When the log was made.
    public var created: Time
    /// Who holds this one, kept off the host, verifies everything.
    public var genesisKey: VerifierKey
    /// Signs checkpoints.
    public var logKey: VerifierKey

    package static let kind = "cairn/origin/v1"

    package init(origin: Origin, created: Time, genesisKey: VerifierKey, logKey: VerifierKey) {
        self.origin = origin
        self.created = created
        self.genesisKey = genesisKey
        self.logKey = logKey
    }

    package var text: String {
        "\(OriginStatement.kind)\n\(origin)\ncreated \(created)\ngenesis \(genesisKey)\nlog \(logKey)\n"
    }

    package init(text: String) throws(FormatError) {
        var note = try NoteText(text, kind: OriginStatement.kind)
        origin = try Origin(String(note.line()))
        created = try note.time("created")
        genesisKey = try VerifierKey(String(note.value("genesis")))
        logKey = try VerifierKey(String(note.value("log")))
        try note.end()
        guard genesisKey.name == origin.name, logKey.name == origin.name else {
            throw FormatError(.mismatch, "the keys of the origin are of another name")
        }
    }
}

/// How far the active segment had come, signed by its epoch key. Format.md, "head".
public struct Head: Sendable, Equatable {
    /// Name of the log.
    public var origin: Origin
    /// Number of the segment, from 0.
    public var number: UInt64
    /// Sequence number of its first event.
    public var firstSequence: UInt64
    /// Events of the segment that were synced.
    public var count: UInt64
    /// Of the segment tree over them.
    public var root: Digest
    /// When it was signed.
    public var time: Time

    package static let kind = "cairn/head/v1"

    package init(origin: Origin, number: UInt64, firstSequence: UInt64, count: UInt64, root: Digest, time: Time) {
        self.origin = origin
        self.number = number
        self.firstSequence = firstSequence
        self.count = count
        self.root = root
        self.time = time
    }

    /// The number of the event behind the last one.
    public var endSequence: UInt64 { firstSequence + count }

    package var text: String {
        """
        \(Head.kind)
        \(origin)
        segment \(number)
        first \(firstSequence)
        count \(count)
        root \(root)
        time \(time)

        """
    }

    package init(text: String) throws(FormatError) {
        var note = try NoteText(text, kind: Head.kind)
        origin = try Origin(String(note.line()))
        number = try note.number("segment")
        firstSequence = try note.number("first")
        count = try note.number("count")
        root = try note.digest("root")
        time = try note.time("time")
        try note.end()
        let (end, tooMany) = firstSequence.addingReportingOverflow(count)
        guard !tooMany, end < Limits.sequence else { throw FormatError(.malformed, "the head counts too many events") }
    }
}

/// What a resume file holds, signed by the log key. Format.md, "Resume file".
package struct ResumeStatement: Sendable, Equatable {
    package var origin: Origin
    /// Number of the active segment.
    package var segment: UInt64
    /// The number behind its last event.
    package var endSequence: UInt64
    /// SHA-256 of what stands behind the note.
    package var payload: Digest

    static let kind = "cairn/resume/v1"

    package init(origin: Origin, segment: UInt64, endSequence: UInt64, payload: Digest) {
        self.origin = origin
        self.segment = segment
        self.endSequence = endSequence
        self.payload = payload
    }

    package var text: String {
        "\(ResumeStatement.kind)\n\(origin)\nsegment \(segment)\nend \(endSequence)\npayload \(payload)\n"
    }

    package init(text: String) throws(FormatError) {
        var note = try NoteText(text, kind: ResumeStatement.kind)
        origin = try Origin(String(note.line()))
        segment = try note.number("segment")
        endSequence = try note.number("end")
        payload = try note.digest("payload")
        try note.end()
    }
}

/// The size and root of the outer log (C2SP tlog-checkpoint v1.0.0, without extension lines).
public struct Checkpoint: Sendable, Equatable {
    /// Name of the log.
    public var origin: Origin
    /// Number of seals.
    public var size: UInt64
    /// Of the tree over the seal files.
    public var root: Digest

    package init(origin: Origin, size: UInt64, root: Digest) {
        self.origin = origin
        self.size = size
        self.root = root
    }

    package var text: String { "\(origin)\n\(size)\n\(root)\n" }

    package init(text: String) throws(FormatError) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        guard lines.count >= 3 else { throw FormatError(.malformed, "a checkpoint has three lines") }
        guard lines.count == 3 else {
            throw FormatError(.unsupported, "a checkpoint with extension lines is of a later version")
        }
        origin = try Origin(String(lines[0]))
        size = try NoteText.number(lines[1], "size")
        guard let root = Base64.decodeDigest(lines[2]) else {
            throw FormatError(.malformed, "the checkpoint's root is not a SHA-256 in base64")
        }
        self.root = root
    }
}
