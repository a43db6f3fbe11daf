import Testing

@testable import CairnFormat

@Suite struct StampsTests {
    private static let line =
        "{\"_seq\":42,\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":1000,\"_pid\":4242,\"x\":1}"

    @Test func roundTrip() throws {
        var random = SeededRandom()
        for _ in 0..<300 {
            let sequence = random.next() >> UInt64(1 + random.below(63))
            let received = Time(nanoseconds: Int64(random.next() >> 1) / 1000 * 1000)
            let (uid, pid) = (UInt32(truncatingIfNeeded: random.next()), Int32(random.next() >> 33))
            var line =
                Array(repeating: UInt8(ascii: " "), count: random.below(3)) + Array("{\"_seq\":\(sequence),".utf8)
            Stamps.append(received: received, uid: uid, pid: pid, to: &line)
            line += Array("\"action\":\"a\"}".utf8)
            let stamps = try line.exactly { try Stamps(line: $0) }
            #expect((stamps.sequence, stamps.received, stamps.uid, stamps.pid) == (sequence, received, uid, pid))
        }
    }

    @Test func frozenForm() throws {
        let stamps = try Array(Self.line.utf8).exactly { try Stamps(line: $0) }
        #expect((stamps.sequence, stamps.received, stamps.uid, stamps.pid) == (42, Fixture.time, 1000, 4242))
        var text: [UInt8] = []
        Stamps.append(received: Fixture.time, uid: 1000, pid: -1, to: &text)
        #expect(text.text == "\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":1000,\"_pid\":0,")
    }

    /// Only these bytes at this place say so.
    @Test(arguments: [
        ("\"_pid\":4242,", "\"_pid\":4242,\"_own\":true,", true), ("\"x\":1", "\"_own\":true,\"x\":1", true),
        ("", "", false),
        ("\"x\":1", "\"_own\":true", false), ("\"x\":1", "\"_own\": true,\"x\":1", false),
        ("\"x\":1", "\"_own\":false,\"x\":1", false), ("\"x\":1", "\"_own\":1,\"x\":1", false),
        ("\"x\":1", "\"x\":1,\"_own\":true,\"y\":1", false), ("\"x\":1", "\"x\":{\"_own\":true,\"y\":1}", false),
        ("\"x\":1", "\"_invalid\":[\"status\"],\"_own\":true,\"x\":1", false),
        ("\"x\":1", " \"_own\":true,\"x\":1", false),
        ("\"x\":1", "\"_Own\":true,\"x\":1", false),
    ])
    func ownEvents(_ part: String, _ replacement: String, _ isOwn: Bool) throws {
        let line = part.isEmpty ? Self.line : Self.line.replacing(part, with: replacement)
        #expect(part.isEmpty || line != Self.line)
        let stamps = try Array(line.utf8).exactly { try Stamps(line: $0) }
        #expect(stamps.isOwn == isOwn)
        #expect((stamps.sequence, stamps.received, stamps.uid, stamps.pid) == (42, Fixture.time, 1000, 4242))
    }

    /// A line that ends within the stamp has none.
    @Test func cutOwnStamp() throws {
        let stamped = "{\"_seq\":42,\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":0,\"_pid\":1,\"_own\":true,"
        let whole = Array(stamped.utf8)
        for count in (whole.count - 12)...whole.count {
            let stamps = try Array(whole[..<count]).exactly { try Stamps(line: $0) }
            #expect(stamps.isOwn == (count == whole.count))
        }
    }

    @Test func everyCutIsRefused() {
        let end = Self.line.utf8.count - "\"x\":1}".utf8.count
        for count in 0..<end {
            #expect(
                errorCode { _ = try Array(Self.line.utf8.prefix(count)).exactly { try Stamps(line: $0) } } == .malformed
            )
        }
    }

    @Test(arguments: [
        ("42", "042"), ("42", "+42"), ("42", "-42"), ("42", "42.0"), ("42", "\"42\""), ("42", " 42"), ("42", "4 2"),
        ("42", "9223372036854775808"), ("42", "99999999999999999999"), ("42", ""), ("{\"_seq\"", "{ \"_seq\""),
        ("_seq", "_Seq"), ("_seq\":", "_seq\": "), ("12.123456Z", "12.12345Z"), ("12.123456Z", "12.1234567Z"),
        ("12.123456Z", "12.123456z"), ("T07", "t07"), ("T07", " 07"), ("12.123456Z", "12.+00:00Z"), ("2026", "2500"),
        ("1000", "4294967296"), ("1000", "01000"), ("4242", "2147483648"), ("4242,", "4242"), ("_uid", "_gid"),
        ("\"_uid\":1000,", ""), ("_pid\":4242", "_pid\":-1"), (":39:12", ":39:72"), (":39:12", ":38:60"),
    ])
    func otherFormsAreRefused(_ part: String, _ replacement: String) {
        let changed = Self.line.replacing(part, with: replacement)
        #expect(changed != Self.line)
        #expect(errorCode { _ = try Array(changed.utf8).exactly { try Stamps(line: $0) } } == .malformed)
    }
}

@Suite struct StoredEventReaderTests {
    /// What the parser finds in a received line is what the reader finds in the stored one, so that a segment that was
    /// read back gives the same index as the one that was written.
    @Test func findsWhatTheParserFound() throws {
        var lines = EventParserTests.accepted.map { Array($0.utf8) } + EventParserTests.refused.map { Array($0.0.utf8) }
        lines.append(
            Array("{\"action\":\"a\",\"module\":\"m\",\"password\":{\"x\":1},\"actor\":{\"id\":\"bob\"}}".utf8))
        var generator = EventGenerator(SeededRandom())
        for _ in 0..<300 { lines.append(generator.line()) }
        let batch = try EventBatch.parsing(lines, sanitizing: ["password", "id"])
        let reader = try StoredEventReader()
        for index in batch.entries.indices {
            let stored = batch.stored(index, sequence: UInt64(index))
            var terms = IndexTerms()
            let event = try stored.padded { try reader.read($0, terms: &terms) }
            let entry = batch.entries[index]
            #expect(event.stamps == (try stored.exactly { try Stamps(line: $0) }))
            #expect(event.stamps.sequence == UInt64(index))
            #expect(terms.tokens[...] == batch.tokens(index))
            #expect(event.identity == entry.identity)
            #expect(reader.modules.names[Int(event.facts.module)].text == batch.module(index))
            let retentionClass = reader.classes.names[Int(event.facts.retentionClass)]
            #expect(retentionClass == batch.classes.names[Int(entry.facts.retentionClass)])
            var facts = event.facts
            (facts.module, facts.retentionClass) = (entry.facts.module, entry.facts.retentionClass)
            #expect(facts == entry.facts, "\(stored.text)")
            #expect(event.time == entry.facts.time ?? Fixture.time)
        }
    }

    private static let stamps = "{\"_seq\":1,\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":0,\"_pid\":0,"

    @Test(arguments: [
        "", "{}", "{\"_seq\":1}", stamps, stamps + "\"action\":\"a\"}", stamps + "\"module\":\"a\"}",
        stamps + "\"action\":\"a\",\"action\":1,\"module\":\"m\"}",
        "[" + stamps + "\"action\":\"a\",\"module\":\"m\"}]",
    ])
    func refuses(_ line: String) throws {
        let reader = try StoredEventReader()
        var terms = IndexTerms()
        #expect(errorCode { _ = try Array(line.utf8).padded { try reader.read($0, terms: &terms) } } == .malformed)
        #expect(terms.size == IndexTerms.Size())
    }

    @Test func aTableOfModulesIsGoodForOneSegment() throws {
        let reader = try StoredEventReader()
        func read(_ module: String) throws {
            var terms = IndexTerms()
            let batch = try EventBatch.parsing("{\"action\":\"a\",\"module\":\"\(module)\"}")
            _ = try batch.stored(sequence: 1).padded { try reader.read($0, terms: &terms) }
        }
        for number in 0..<Limits.modules { try read("m\(number)") }
        #expect(reader.modules.count == Limits.modules)
        #expect(errorCode { try read("one.more") } == .malformed)
        reader.beginSegment()
        #expect(reader.modules.count == 0)
        try read("one.more")
        #expect(reader.modules.names.map(\.text) == ["one.more"])
    }

    /// A segment may have any number of classes; a block has not more than it has lines.
    @Test func aTableOfClassesIsGoodForOneBlock() throws {
        let reader = try StoredEventReader()
        func read(_ tenant: String) throws -> UInt16 {
            var terms = IndexTerms()
            let batch = try EventBatch.parsing("{\"action\":\"a\",\"module\":\"m\",\"tenant\":\"\(tenant)\"}")
            let event = try batch.stored(sequence: 1).padded { try reader.read($0, terms: &terms) }
            return event.facts.retentionClass
        }
        for number in 1..<2000 { #expect(try read("t\(number)") == number) }
        #expect(try read("") == 0)
        reader.beginBlock()
        #expect(reader.classes.count == 1)
        #expect(reader.modules.count == 1)
        #expect(try read("t7") == 1)
        #expect(try read("") == 0)
        reader.beginSegment()
        #expect((reader.classes.count, reader.modules.count) == (1, 0))
    }
}
