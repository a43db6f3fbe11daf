/// Lines of one connection, parsed and not yet numbered: what passes from the socket to the writer. Everything lies in
/// a few flat arrays, so an event costs no allocation.
package struct EventBatch: Sendable {
    /// The lines to be stored, without LFs and without stamps, one behind the other.
    package var bytes: [UInt8] = []
    /// Stamps that follow `_pid`: `"_own":true,` or `"_invalid":["severity"],`.
    package var extraStamps: [UInt8] = []
    package var entries: [Entry] = []
    /// What the index takes of the entries.
    package var terms = IndexTerms()
    package var modules = NameTable()
    /// Retention classes, encoded; that of no fields is always the first.
    package var classes = EventBatch.noClasses
    package var rejections: [Rejection] = []
    /// Answers to `_sync` that are due once everything before them is durable.
    package private(set) var syncTokens: [[UInt8]] = []
    private var syncTokenBytes = 0

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// Bytes of memory that it takes: of two-byte lines the bookkeeping is far more than the lines.
    package var footprint: Int {
        bytes.count + extraStamps.count + terms.footprint + syncTokenBytes
            + (entries.count + rejections.count + syncTokens.count) * MemoryLayout<Entry>.stride
    }

    /// Whether it must be handed on before it takes another line: its modules or its retention classes would not fit into
    /// one segment.
    // Stored, as a caller in another module would copy the batch to have it computed.
    package private(set) var isFull = false

    /// To be called when an entry was added.
    mutating func updateIsFull() { isFull = modules.count >= Limits.modules || classes.count >= Limits.classes }

    private static let noClasses = {
        var table = NameTable()
        _ = RetentionClass.none.withUnsafeBytes { table.insert($0) }
        return table
    }()

    /// How much a batch holds.
    package struct Size: Sendable {
        fileprivate var bytes = 0
        fileprivate var entries = 0
        fileprivate var terms = IndexTerms.Size()

        package init() {}
    }

    package var size: Size {
        var size = Size()
        (size.bytes, size.entries, size.terms) = (bytes.count, entries.count, terms.size)
        return size
    }

    /// Makes room for as much: growing bit by bit copies everything several times.
    package mutating func reserveCapacity(_ size: Size) {
        bytes.reserveCapacity(size.bytes)
        entries.reserveCapacity(size.entries)
        terms.reserveCapacity(size.terms)
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        extraStamps.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        terms.removeAll()
        modules.removeAll()
        removeClasses()
        rejections.removeAll()
        syncTokens.removeAll()
        syncTokenBytes = 0
        isFull = false
    }

    package mutating func removeClasses() {
        if classes.count > 1 { classes = EventBatch.noClasses }
    }

    /// What its entries are made of, to be looked at without a copy.
    package struct Pieces {
        let bytes: UnsafeRawBufferPointer
        let extraStamps: UnsafeRawBufferPointer
        let terms: IndexTerms.Slice

        package func line(of entry: Entry) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: bytes[entry.offset..<(entry.offset + entry.size)])
        }

        package func extra(of entry: Entry) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: extraStamps[entry.extra])
        }

        /// What the index takes of an entry; `place` is before it, and behind it then.
        @inline(__always)
        package func terms(of entry: Entry, at place: inout IndexTerms.Size) -> IndexTerms.Slice {
            let start = place
            place = start + entry.terms
            return terms.slice(start, place)
        }
    }

    package func withPieces<R>(_ body: (Pieces) throws(FormatError) -> R) throws(FormatError) -> R {
        try bytes.withBytes { bytes throws(FormatError) in
            try extraStamps.withBytes { extraStamps throws(FormatError) in
                try terms.withSlice { terms throws(FormatError) in
                    try body(Pieces(bytes: bytes, extraStamps: extraStamps, terms: terms))
                }
            }
        }
    }

    package enum Kind: Sendable, Equatable {
        case event
        /// The line is an `event.rejected`; the index is that in `rejections`.
        case rejected(Int32)
        /// No line: the index is that in `syncTokens`.
        case sync(Int32)
    }

    /// What the writer needs to know of one line.
    package struct Entry: Sendable {
        package var kind: Kind
        /// Where the line stands in `bytes`.
        package var offset: Int
        package var size: Int
        /// Bytes of the line up to and with its `{`: behind them the stamps go.
        package var brace: Int
        /// Where its stamps stand in `extraStamps`.
        package var extra: Range<Int>
        package var facts: EventFacts
        /// How much the index takes of it, which stands behind what it takes of the entries before.
        package var terms: IndexTerms.Size
        /// The producer's idempotency key with its uid, or nil.
        package var identity: EventIdentity?
    }
}

/// What the index and the block say about one event.
package struct EventFacts: Sendable, Equatable {
    /// The `timestamp`; nil: the receive time counts.
    package var time: Time?
    /// Index in the table of modules that goes with it.
    package var module: UInt16 = 0
    /// Index in the table of retention classes that goes with it.
    package var retentionClass: UInt16 = 0
    package var status: EventStatus = .other
    package var severity: EventSeverity = .other
    /// Bit f: token field f has a value that is neither string nor null.
    package var opaque: UInt16 = 0
    package var hasID = false

    /// What counts as the module of an event whose `module` is not a valid name.
    package static let invalidModule: [UInt8] = [UInt8(ascii: "?")]

    package init() {}
}

/// `status` of an event; the raw values are those of the index.
public enum EventStatus: UInt8, Sendable, CaseIterable {
    case other = 0
    case success, failed, warning, info

    /// As it stands in the event; nil for `other`.
    public var name: StaticString? {
        switch self {
        case .other: nil
        case .success: "success"
        case .failed: "failed"
        case .warning: "warning"
        case .info: "info"
        }
    }

    /// That of this name; nil if there is none.
    package init?(named text: UnsafeRawBufferPointer) {
        for status in EventStatus.allCases {
            guard let name = status.name, text.isText(name) else { continue }
            self = status
            return
        }
        return nil
    }
}

/// `severity` of an event; the raw values are those of the index.
public enum EventSeverity: UInt8, Sendable, CaseIterable {
    case other = 0
    case low, medium, high, critical

    /// As it stands in the event; nil for `other`.
    public var name: StaticString? {
        switch self {
        case .other: nil
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .critical: "critical"
        }
    }

    /// That of this name; nil if there is none.
    package init?(named text: UnsafeRawBufferPointer) {
        for severity in EventSeverity.allCases {
            guard let name = severity.name, text.isText(name) else { continue }
            self = severity
            return
        }
        return nil
    }

    package init?(named text: String) {
        guard let found = Array(text.utf8).withUnsafeBytes({ EventSeverity(named: $0) }) else { return nil }
        self = found
    }
}

/// The fields whose values are tokens of the index; the raw values are those of the format.
package enum TokenField: UInt8, Sendable, CaseIterable {
    case actorID = 1
    case actorEmail, ipAddress, tenant, action, targetType, targetID, sessionID, id

    package var path: String {
        switch self {
        case .actorID: "actor.id"
        case .actorEmail: "actor.email"
        case .ipAddress: "ip_address"
        case .tenant: "tenant"
        case .action: "action"
        case .targetType: "target.type"
        case .targetID: "target.id"
        case .sessionID: "session_id"
        case .id: "id"
        }
    }

    package func token(_ value: UnsafeRawBufferPointer) -> UInt64 { XXH64.hash(value, seed: UInt64(rawValue)) }
}

/// The first 16 bytes of SHA-256(u32be uid ‖ id): no two ids of one producer share it, whatever they try.
package struct EventIdentity: Sendable, Hashable {
    var high: UInt64
    var low: UInt64

    /// In the place of a uid for events of the daemon itself: no client has it (the kernel's "no user"), so none can take
    /// an id before the daemon does.
    package static let ownUser = UInt32.max

    package init(uid: UInt32, id: UnsafeRawBufferPointer) {
        let digest = withUnsafeBytes(of: uid.bigEndian) { Digest.sha256($0, id) }
        (high, low) = digest.withUnsafeBytes {
            ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }

    package func append(to output: inout [UInt8]) {
        output.append(littleEndian: high)
        output.append(littleEndian: low)
    }

    package init(_ reader: inout ByteReader) throws(FormatError) {
        high = try reader.integer()
        low = try reader.integer()
    }
}

extension EventBatch {
    /// Asks for an answer once everything before is durable; `token` comes back with it.
    package mutating func appendSync(_ token: [UInt8]) {
        entries.append(
            Entry(
                kind: .sync(Int32(syncTokens.count)), offset: bytes.count, size: 0, brace: 0,
                extra: extraStamps.count..<extraStamps.count, facts: EventFacts(), terms: IndexTerms.Size(),
                identity: nil))
        syncTokens.append(token)
        syncTokenBytes += token.count
    }
}
