import Testing

@testable import CairnFormat

/// Calls `read` with every version of `bytes` in which one byte differs, and expects each of them to be refused.
func expectEveryChangeRefused(_ bytes: [UInt8], _ read: (UnsafeRawBufferPointer) throws -> Void) throws {
    try bytes.exactly(read)
    for index in bytes.indices {
        for change in [0x01, 0x80, 0xFF] as [UInt8] {
            var changed = bytes
            changed[index] ^= change
            let code = errorCode { try changed.exactly(read) }
            check(code != nil, "byte \(index) changed by \(change)")
        }
    }
}

/// Calls `read` with every beginning of `bytes`, and expects each of them to be refused.
func expectEveryCutRefused(_ bytes: [UInt8], _ read: (UnsafeRawBufferPointer) throws -> Void) {
    for count in 0..<bytes.count {
        let code = errorCode { try Array(bytes[..<count]).exactly(read) }
        check(code != nil, "cut to \(count) bytes")
    }
}

/// Sets bytes of a member's head and its CRC-32C anew, as a forger would who knows the format.
func resealed(_ member: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var member = member
    change(&member)
    let end = Member.headSize + Int(member[14]) + Int(member[15]) << 8
    guard end <= member.count else { return member }
    var checksum: [UInt8] = []
    checksum.append(littleEndian: Checksum.crc32c(Array(member[..<(end - 4)])))
    member.replaceSubrange((end - 4)..<end, with: checksum)
    return member
}

@Suite struct MemberHeadTests {
    @Test func tellsItsKindAndContent() throws {
        let member = SegmentFooter(count: 1, root: digest(1), indexDigest: digest(2)).encoded()
        let head = try member.exactly { try Member.head($0) }
        #expect(head.kind == .footer)
        #expect(head.content == 16..<88)
        #expect(head.size == 92)
    }

    @Test func unknownKindsAreOfALaterVersion() throws {
        let member = SegmentFooter(count: 1, root: digest(1), indexDigest: digest(2)).encoded()
        for kind in [UInt8](0...255) where Member.Kind(rawValue: kind) == nil {
            let changed = resealed(member) { $0[13] = kind }
            #expect(errorCode { _ = try changed.exactly { try Member.head($0) } } == .unsupported)
        }
    }

    /// Heads whose CRC-32C is right and which are wrong all the same.
    @Test(arguments: [(0, 0x1E), (1, 0x8C), (2, 7), (3, 0), (3, 0x0C), (4, 1), (7, 1), (8, 2), (9, 3), (12, 0x44)])
    func fixedBytesAreFixed(_ index: Int, _ value: UInt8) {
        let member = SegmentFooter(count: 1, root: digest(1), indexDigest: digest(2)).encoded()
        let changed = resealed(member) { $0[index] = value }
        #expect(errorCode { _ = try changed.exactly { try Member.head($0) } } == .malformed)
    }

    @Test(arguments: [(0, 4), (3, 7), (76, 81), (76, 79), (1025, 1029), (65_535, 3)])
    func lengthsMustAgree(_ length: Int, _ extra: Int) {
        var member = SegmentFooter(count: 1, root: digest(1), indexDigest: digest(2)).encoded()
        member += [UInt8](repeating: 0, count: 1100)
        let changed = resealed(member) {
            ($0[10], $0[11]) = (UInt8(extra & 255), UInt8(extra >> 8))
            ($0[14], $0[15]) = (UInt8(length & 255), UInt8(length >> 8))
        }
        #expect(errorCode { _ = try changed.exactly { try Member.head($0) } } == .malformed)
    }

    @Test func emptyPayload() throws {
        #expect(Member.emptyPayload == [3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        try expectEveryChangeRefused(Member.emptyPayload) { try Member.checkEmptyPayload($0, at: 0) }
        expectEveryCutRefused(Member.emptyPayload) { try Member.checkEmptyPayload($0, at: 0) }
        try ([9, 9] + Member.emptyPayload).exactly { try Member.checkEmptyPayload($0, at: 2) }
    }
}

@Suite struct SegmentHeaderTests {
    private static func read(_ bytes: UnsafeRawBufferPointer) throws { _ = try SegmentHeader.decode(bytes) }

    @Test func roundTrip() throws {
        var random = SeededRandom()
        let names = ["a", Fixture.name, "größe/日本", String(repeating: "x", count: 128)]
        for name in names {
            for _ in 0..<20 {
                let header = SegmentHeader(
                    number: random.next(), firstSequence: random.next() >> 1,
                    created: Time(nanoseconds: Int64(bitPattern: random.next())),
                    previousSeal: digest(random.next()), saltKey: random.bytes(32), origin: try Origin(name),
                    key: try SignerKey(name: name, seed: random.bytes(32)).verifier)
                let bytes = header.encoded()
                #expect(bytes.count <= SegmentHeader.sizeLimit)
                let (read, size) = try (bytes + [1, 2, 3]).exactly { try SegmentHeader.decode($0) }
                #expect(read == header)
                #expect(size == bytes.count)
            }
        }
    }

    @Test func everyByteCounts() throws {
        let bytes = try Fixture.header(number: 3, first: 70_000).encoded()
        try expectEveryChangeRefused(bytes, Self.read)
        expectEveryCutRefused(bytes, Self.read)
    }

    /// Offsets in the content, values, and what a reader says to a head whose CRC-32C is right.
    @Test(
        arguments: [
            (0, 2, .unsupported), (1, 1, .unsupported), (2, 1, .malformed), (3, 1, .malformed), (4, 1, .unsupported),
            (8, 2, .unsupported), (8, 1, .malformed), (11, 0x80, .unsupported), (27, 0x80, .malformed),
            (100, 0, .malformed),
            (100, 24, .truncated), (100, 200, .truncated), (101, 1, .truncated), (102, 0x20, .malformed),
            (102, 0x2B, .malformed), (102, 0xFF, .malformed), (124, 0x7F, .malformed),
        ] as [(Int, UInt8, FormatError.Code)])
    func contentOutOfItsLimits(_ offset: Int, _ value: UInt8, _ code: FormatError.Code) throws {
        let bytes = resealed(try Fixture.header().encoded()) { $0[16 + offset] = value }
        #expect(errorCode { try bytes.exactly(Self.read) } == code)
    }

    @Test func keyOfAnotherNameIsRefused() throws {
        var header = try Fixture.header()
        header.key = try SignerKey(name: "other", seed: [UInt8](repeating: 1, count: 32)).verifier
        #expect(errorCode { try header.encoded().exactly(Self.read) } == .malformed)
    }

    @Test func anotherMemberIsNoHeader() {
        let footer = SegmentFooter(count: 1, root: digest(1), indexDigest: digest(2)).encoded()
        #expect(errorCode { try footer.exactly(Self.read) } == .malformed)
    }
}

@Suite struct SegmentFooterTests {
    private static func read(_ bytes: UnsafeRawBufferPointer) throws -> SegmentFooter {
        let head = try Member.head(bytes)
        let footer = try SegmentFooter(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
        try Member.checkEmptyPayload(bytes, at: head.size)
        return footer
    }

    @Test func roundTrip() throws {
        for count in [0, 1, 1 << 40, .max] as [UInt64] {
            let footer = SegmentFooter(count: count, root: digest(count), indexDigest: digest(count &+ 1))
            let bytes = footer.encoded()
            #expect(bytes.count == SegmentFooter.memberSize)
            #expect(try bytes.exactly(Self.read) == footer)
        }
    }

    @Test func everyByteCounts() throws {
        let bytes = SegmentFooter(count: 5, root: digest(1), indexDigest: digest(2)).encoded()
        try expectEveryChangeRefused(bytes) { _ = try Self.read($0) }
        expectEveryCutRefused(bytes) { _ = try Self.read($0) }
    }

    @Test(arguments: [0, 8, 40, 71, 73, 100])
    func contentOfAnotherLength(_ count: Int) {
        let content = [UInt8](repeating: 1, count: count)
        #expect(errorCode { _ = try content.exactly { try SegmentFooter(content: $0) } } != nil)
    }
}

@Suite struct BlockTests {
    private static let lines = Array("{\"_seq\":1}\n{\"_seq\":2}\n{\"_seq\":3,\"action\":\"login\"}\n".utf8)

    static func member(_ lines: [UInt8], _ change: (inout BlockHeader) -> Void = { _ in }) throws -> [UInt8] {
        var stream: [UInt8] = []
        try lines.withUnsafeBytes { try Deflater(.isal).deflate($0, appendingTo: &stream) }
        var header = BlockHeader(
            compressedSize: UInt32(stream.count), size: UInt32(lines.count), count: 3, firstSequence: 100, durable: 90,
            leastTime: Time(nanoseconds: -5), greatestTime: Time(nanoseconds: 5), firstReceived: Time(nanoseconds: 7),
            root: digest(1), checksum: Checksum.crc32c(stream))
        change(&header)
        var member: [UInt8] = []
        header.appendHead(to: &member)
        member += stream
        member.append(littleEndian: lines.withUnsafeBytes { Checksum.crc32($0) })
        member.append(littleEndian: UInt32(lines.count))
        return member
    }

    static func read(_ bytes: UnsafeRawBufferPointer) throws -> (BlockHeader, [UInt8]) {
        let head = try Member.head(bytes)
        guard head.kind == .block else { throw FormatError(.malformed, "not a block") }
        let header = try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
        var lines: [UInt8] = [1, 2, 3]
        let payload = UnsafeRawBufferPointer(rebasing: bytes[head.size...])
        try header.inflate(payload, with: try Inflater(), into: &lines)
        return (header, lines)
    }

    @Test func roundTrip() throws {
        let bytes = try Self.member(Self.lines)
        let (header, lines) = try bytes.exactly(Self.read)
        #expect(lines == Self.lines)
        #expect(header.memberSize == bytes.count)
        #expect(header.endSequence == 103)
        #expect((header.count, header.firstSequence, header.durable) == (3, 100, 90))
        #expect((header.leastTime.nanoseconds, header.greatestTime.nanoseconds) == (-5, 5))
        #expect(header.firstReceived.nanoseconds == 7)
        #expect(header.root == digest(1))
    }

    @Test func everyByteCounts() throws {
        let bytes = try Self.member(Self.lines)
        try expectEveryChangeRefused(bytes) { _ = try Self.read($0) }
        expectEveryCutRefused(bytes) { _ = try Self.read($0) }
        #expect(errorCode { _ = try (bytes + [0]).exactly(Self.read) } == .truncated)
    }

    @Test(
        arguments: [
            { $0.count = 0 }, { $0.size = 0 }, { $0.size = UInt32(Limits.blockForReader) + 1 },
            { $0.size = UInt32(Limits.block) + 1 }, { $0.compressedSize = UInt32(2 * Limits.blockForReader) + 1 },
            { $0.count = $0.size + 1 }, { $0.firstSequence = Limits.sequence }, { $0.durable = $0.firstSequence + 1 },
            { $0.greatestTime = Time(nanoseconds: -6) },
        ] as [@Sendable (inout BlockHeader) -> Void])
    func contentOutOfItsLimits(_ change: @Sendable (inout BlockHeader) -> Void) throws {
        let bytes = try Self.member(Self.lines, change)
        #expect(errorCode { _ = try bytes.exactly(Self.read) } == .malformed)
    }

    @Test func flagsAreZero() throws {
        let bytes = resealed(try Self.member(Self.lines)) { $0[16] = 1 }
        #expect(errorCode { _ = try bytes.exactly(Self.read) } == .malformed)
    }

    @Test(arguments: [("{}", .malformed), ("", .malformed)] as [(String, FormatError.Code)])
    func linesEndWithALineFeed(_ lines: String, _ code: FormatError.Code) throws {
        let bytes = try Self.member(Array(lines.utf8)) { $0.count = 1 }
        #expect(errorCode { _ = try bytes.exactly(Self.read) } == code)
    }

    @Test func oneLongLineMayFillABlock() throws {
        for size in [Limits.block + 1, Limits.blockForReader] {
            let lines = [UInt8](repeating: 0x20, count: size - 1) + [10]
            let (header, read) = try Self.member(lines) { $0.count = 1 }.exactly(Self.read)
            #expect(Int(header.size) == size)
            let same = read == lines
            #expect(same)
        }
    }

    @Test(arguments: [0, 95 - 4, 91, 93, 200])
    func contentOfAnotherLength(_ count: Int) {
        let content = [UInt8](repeating: 0, count: count)
        #expect(errorCode { _ = try content.exactly { try BlockHeader(content: $0) } } != nil)
    }
}
