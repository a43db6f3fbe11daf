/// The first member of a segment: which it is, what it follows, and the secret of its salts.
package struct SegmentHeader: Sendable, Equatable {
    package static let version: UInt16 = 1

    package var number: UInt64
    package var firstSequence: UInt64
    package var created: Time
    /// SHA-256 of the previous segment's seal file; `.zero` in segment 0.
    package var previousSeal: Digest
    /// 32 random bytes; empty once an event was erased: then salt members hold what is left of the salts.
    package var saltKey: [UInt8]
    package var origin: Origin
    /// Of the key that will sign this segment's seal.
    package var key: VerifierKey

    package init(
        number: UInt64, firstSequence: UInt64, created: Time, previousSeal: Digest, saltKey: [UInt8], origin: Origin,
        key: VerifierKey
    ) {
        self.number = number
        self.firstSequence = firstSequence
        self.created = created
        self.previousSeal = previousSeal
        self.saltKey = saltKey
        self.origin = origin
        self.key = key
    }

    /// Whether salt members follow in the place of the salt key.
    package var isPunctured: Bool { saltKey.isEmpty }

    /// Incompatible feature: there are salt members, and redacted lines.
    private static let punctured: UInt32 = 1
    private static let noKey = [UInt8](repeating: 0, count: 32)

    /// The whole member.
    package func encoded() -> [UInt8] {
        var output: [UInt8] = []
        Member.appendHead(.header, to: &output) { output in
            output.append(littleEndian: SegmentHeader.version)
            output.append(littleEndian: UInt16(0))
            output.append(littleEndian: UInt32(0))
            output.append(littleEndian: isPunctured ? SegmentHeader.punctured : 0)
            output.append(littleEndian: number)
            output.append(littleEndian: firstSequence)
            output.append(littleEndian: created.nanoseconds)
            output.append(previousSeal)
            output.append(contentsOf: isPunctured ? SegmentHeader.noKey : saltKey)
            for text in [origin.name, key.description] {
                output.append(littleEndian: UInt16(text.utf8.count))
                output.append(contentsOf: text.utf8)
            }
        }
        output.append(contentsOf: Member.emptyPayload)
        return output
    }

    /// Most bytes that a header member can have.
    package static let sizeLimit = Member.headSize + Limits.subfield + Member.emptyPayload.count

    /// Reads the member at the start of `bytes`; returns it and its size.
    package static func decode(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> (SegmentHeader, size: Int) {
        let head = try Member.head(bytes)
        guard head.kind == .header else { throw FormatError(.malformed, "the segment does not begin with its header") }
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[head.content]))
        let version = try reader.integer(UInt16.self)
        guard version == SegmentHeader.version else {
            throw FormatError(.unsupported, "segment format version \(version); this program knows version 1")
        }
        guard try reader.integer(UInt16.self) == 0 else { throw FormatError(.malformed, "reserved bytes are not 0") }
        let compatible = try reader.integer(UInt32.self)
        let incompatible = try reader.integer(UInt32.self)
        guard compatible == 0, incompatible & ~punctured == 0 else {
            throw FormatError(.unsupported, "features \(compatible), \(incompatible) are of a later version")
        }
        let number = try reader.integer(UInt64.self)
        let firstSequence = try reader.integer(UInt64.self)
        let created = try Time(nanoseconds: reader.integer())
        let previousSeal = try reader.digest()
        var saltKey = try reader.array(32)
        if incompatible == punctured {
            guard saltKey == noKey else { throw FormatError(.malformed, "a salt key stands there beside salt members") }
            saltKey = []
        }
        let origin = try Origin(text(&reader))
        let key = try VerifierKey(text(&reader))
        guard reader.remaining == 0, firstSequence < Limits.sequence, key.name == origin.name else {
            throw FormatError(.malformed, "the header's content is malformed")
        }
        try Member.checkEmptyPayload(bytes, at: head.size)
        let header = SegmentHeader(
            number: number, firstSequence: firstSequence, created: created, previousSeal: previousSeal,
            saltKey: saltKey, origin: origin, key: key)
        return (header, head.size + Member.emptyPayload.count)
    }

    private static func text(_ reader: inout ByteReader) throws(FormatError) -> String {
        let length = try Int(reader.integer(UInt16.self))
        let bytes = try reader.slice(length)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FormatError(.malformed, "text is not UTF-8", at: UInt64(reader.offset))
        }
        return text
    }
}
