import CairnFormat

/// What a writer leaves for the next one, every ten seconds while events come and when it stops, so that the active segment
/// and its idempotency keys need not be read again. A hint on the way to the same state: without it, or where anything does
/// not agree with it, all is read. Format.md, "Resume file".
struct ResumeFile {
    var segment: UInt64
    /// The number behind the last event that it knows of.
    var endSequence: UInt64
    var snapshot: [UInt8]
    /// CRC-32C of the segment's file up to there.
    var checksum: UInt32
    /// The window that the keys were kept in.
    var limit: Int
    var age: Int64
    /// Event of the oldest key in the window, or `endSequence` if it was empty.
    var firstIdentified: UInt64
    /// The keys of the segment. Those of others are not here: an event of theirs may be erased, and its key with it.
    var identities: [IdentityWindow.Entry]

    private static let entrySize = 32
    /// Bytes of a file at most, half of them for keys: four million of them, or the index of a segment of a gigabyte. A
    /// state that needs more is read from the log.
    static let sizeLimit = 256 << 20

    /// Nil if there is more to be known than goes into a file.
    init?(_ builder: SegmentBuilder, _ window: IdentityWindow, checksum: UInt32) {
        identities = window.remembered(since: builder.header.firstSequence)
        let room = (ResumeFile.sizeLimit - Limits.note) / 2
        guard identities.count * ResumeFile.entrySize < room, let snapshot = builder.snapshot(), snapshot.count < room
        else { return nil }
        segment = builder.header.number
        endSequence = builder.nextSequence
        (self.snapshot, self.checksum) = (snapshot, checksum)
        (limit, age) = (window.limit, window.age)
        firstIdentified = window.firstSequence ?? endSequence
    }

    func encoded(_ origin: Origin, _ key: SignerKey) throws(FormatError) -> [UInt8] {
        var payload: [UInt8] = []
        payload.reserveCapacity(36 + snapshot.count + identities.count * ResumeFile.entrySize)
        payload.append(littleEndian: UInt64(limit))
        payload.append(littleEndian: age)
        payload.append(littleEndian: firstIdentified)
        payload.append(littleEndian: checksum)
        payload.append(littleEndian: UInt64(snapshot.count))
        payload.append(contentsOf: snapshot)
        for entry in identities {
            entry.identity.append(to: &payload)
            payload.append(littleEndian: entry.sequence)
            payload.append(littleEndian: entry.received.nanoseconds)
        }
        let statement = ResumeStatement(
            origin: origin, segment: segment, endSequence: endSequence, payload: Digest.sha256(payload))
        let note = try key.sign(statement.text)
        var file: [UInt8] = []
        file.append(littleEndian: UInt32(note.count))
        return file + note + payload
    }

    /// Reads a file of that log.
    init(_ file: [UInt8], _ origin: OriginStatement) throws(FormatError) {
        self = try file.withBytes { bytes throws(FormatError) in
            var reader = ByteReader(bytes)
            let note = try SignedNote(reader.array(Int(reader.integer(UInt32.self))))
            try note.verify(origin.logKey)
            let statement = try ResumeStatement(text: note.text)
            let payload = Digest.sha256(UnsafeRawBufferPointer(rebasing: bytes[reader.offset...]))
            guard statement.origin == origin.origin, statement.payload == payload else {
                throw FormatError(.mismatch, "it is of another log, or is not what was signed")
            }
            return try ResumeFile(statement, &reader)
        }
    }

    private init(_ statement: ResumeStatement, _ reader: inout ByteReader) throws(FormatError) {
        (segment, endSequence) = (statement.segment, statement.endSequence)
        limit = try Int(clamping: reader.integer(UInt64.self))
        age = try reader.integer()
        firstIdentified = try reader.integer()
        checksum = try reader.integer()
        snapshot = try reader.array(Int(clamping: reader.integer(UInt64.self)))
        identities = []
        identities.reserveCapacity(reader.remaining / ResumeFile.entrySize)
        while reader.remaining > 0 {
            let identity = try EventIdentity(&reader)
            let (sequence, received) = try (reader.integer(UInt64.self), Time(nanoseconds: reader.integer()))
            identities.append(IdentityWindow.Entry(identity: identity, sequence: sequence, received: received))
        }
    }
}
