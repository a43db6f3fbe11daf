public import CairnFormat

/// What verification came to, the least grave first. The verdict on a log is the gravest of its findings.
public enum Verdict: String, Sendable, CaseIterable, Comparable {
    /// Everything that was there is as it was signed.
    case verified = "VERIFIED"
    /// The events are intact, but queries could miss some: an index is missing or not that of its segment.
    case indexDamaged = "INDEX-DAMAGED"
    /// A key, version or form that this program does not know.
    case unverifiable = "UNVERIFIABLE"
    /// A segment that is not the newest has no seal.
    case unsealed = "UNSEALED"
    /// Something newer than what is there was signed, or what is there is older than it can be.
    case truncatedOrStale = "TRUNCATED-OR-STALE"
    /// Bytes are not those that were signed.
    case tampered = "TAMPERED"

    private var gravity: Int {
        switch self {
        case .verified: 0
        case .indexDamaged: 1
        case .unverifiable: 2
        case .unsealed: 3
        case .truncatedOrStale: 4
        case .tampered: 5
        }
    }

    /// Whether `a` is less grave than `b`.
    public static func < (a: Verdict, b: Verdict) -> Bool { a.gravity < b.gravity }
}

/// One thing that is wrong.
public struct Finding: Sendable, Equatable {
    /// How grave it is; never `verified`.
    public var verdict: Verdict
    /// Number of the segment that it concerns; nil for the log as a whole.
    public var segment: UInt64?
    /// The first event that it touches; nil if no event is known to be touched.
    public var sequence: UInt64?
    /// What is wrong.
    public var message: String

    package init(_ verdict: Verdict, segment: UInt64? = nil, sequence: UInt64? = nil, _ message: String) {
        self.verdict = verdict
        self.segment = segment
        self.sequence = sequence
        self.message = message
    }
}

/// Something that a reader of the result should know and that is not wrong.
public struct Note: Sendable, Equatable {
    /// What kind of note it is.
    public enum Kind: String, Sendable, CaseIterable {
        /// A writer that started cut off an unfinished write; its bytes are kept beside the segment.
        case recovered = "RECOVERED"
        /// Bytes at the end of the active segment that were never acknowledged, or a write under way.
        case uncommitted = "UNCOMMITTED"
        /// No key was given: the log agrees with the key that it names itself, which proves no authenticity.
        case keyFromLog = "KEY-FROM-LOG"
        /// What queries find events by was not made again, as it was asked for.
        case eventsOnly = "EVENTS-ONLY"
        /// The newest segment is sealed and there is no next one yet.
        case noActiveSegment = "NO-ACTIVE-SEGMENT"
        /// Segments' data was removed by a policy, and an event says so.
        case pruned = "PRUNED"
        /// Segments are encrypted, and no identity was given that opens them: their seals are good, their events were not
        /// looked at.
        case encrypted = "ENCRYPTED"
        /// Events were erased, and an event says so; their leaves are there.
        case redacted = "REDACTED"
    }

    /// What kind of note it is.
    public var kind: Kind
    /// Number of the segment that it concerns; nil for the log as a whole.
    public var segment: UInt64?
    /// What is to be known.
    public var message: String

    package init(_ kind: Kind, segment: UInt64? = nil, _ message: String) {
        self.kind = kind
        self.segment = segment
        self.message = message
    }
}

/// What the verification of a log proved, and what not.
public struct Verification: Sendable, Equatable {
    /// The gravest of the findings.
    public var verdict: Verdict { findings.map(\.verdict).max() ?? .verified }
    /// Events that were read and found good.
    public internal(set) var events: UInt64 = 0
    /// Segments whose data was read to its end and found good.
    public internal(set) var segments: UInt64 = 0
    /// The first event that was found good; nil if there was none.
    public internal(set) var firstSequence: UInt64?
    /// The last event that was found good; nil if there was none.
    public internal(set) var lastSequence: UInt64?
    /// The least sequence number of the findings; nil if none names an event.
    public var firstBadSequence: UInt64? { findings.compactMap(\.sequence).min() }
    /// Everything that is wrong: by segments, then what concerns the log as a whole.
    public package(set) var findings: [Finding] = []
    /// What else is to be known.
    public package(set) var notes: [Note] = []
    /// The log's name; nil if its first statement is not good.
    public internal(set) var origin: Origin?
    /// The last event that a seal covers.
    public internal(set) var sealedThrough: UInt64?
    /// The last event that the newest head covers; nil if there is none, or if it was not found good.
    public internal(set) var signedThrough: UInt64?
    /// The last event that was found in a whole block of the newest segment. What stands behind `signedThrough` is not
    /// signed yet.
    public internal(set) var committedThrough: UInt64?
    /// When the newest head was signed: how fresh all this is.
    public internal(set) var headTime: Time?
    /// Number of seals that the log's own checkpoint covers.
    public internal(set) var checkpointSize: UInt64?
    /// Number of seals of the given, older checkpoint, if the log extends it.
    public internal(set) var extends: UInt64?
    /// What each anchor says of the log.
    package internal(set) var anchors: [AnchorCoverage] = []
    /// The anchor that covers most, of those that the log extends.
    package var newestAnchor: AnchorCoverage? {
        let good = anchors.filter { $0.verdict == .verified }
        return good.max { ($0.size ?? 0, $0.time) < ($1.size ?? 0, $1.time) }
    }
    /// Bytes of the lines that were read and found good.
    public internal(set) var bytes: UInt64 = 0
    /// Whether the genesis key came from the caller. If not, all that is proved is that the log agrees with itself.
    public internal(set) var keyWasGiven: Bool
}

extension Verification {
    /// One JSON object: verdict, events, segments, first_seq, last_seq, first_bad_seq, findings (verdict, segment, seq,
    /// message), notes (note, segment, message), origin, sealed_through, signed_through, committed_through, head_time,
    /// checkpoint_size, extends, anchored_through, anchor_time, bytes, key_given. What is not there is null.
    public var json: [UInt8] {
        var json = JSONObject()
        json.append("verdict", text: verdict.rawValue)
        json.append("events", events)
        json.append("segments", segments)
        json.append("first_seq", firstSequence)
        json.append("last_seq", lastSequence)
        json.append("first_bad_seq", firstBadSequence)
        json.append(
            "findings",
            list: findings.map { finding in
                var json = JSONObject()
                json.append("verdict", text: finding.verdict.rawValue)
                json.append("segment", finding.segment)
                json.append("seq", finding.sequence)
                json.append("message", text: finding.message)
                return json
            })
        json.append(
            "notes",
            list: notes.map { note in
                var json = JSONObject()
                json.append("note", text: note.kind.rawValue)
                json.append("segment", note.segment)
                json.append("message", text: note.message)
                return json
            })
        json.append("origin", text: origin?.name)
        json.append("sealed_through", sealedThrough)
        json.append("signed_through", signedThrough)
        json.append("committed_through", committedThrough)
        json.append("head_time", text: headTime?.description)
        json.append("checkpoint_size", checkpointSize)
        json.append("extends", extends)
        json.append("anchored_through", newestAnchor?.lastSequence)
        json.append("anchor_time", text: newestAnchor?.time.description)
        json.append("bytes", bytes)
        json.append("key_given", literal: keyWasGiven ? "true" : "false")
        return json.bytes
    }
}
