import Testing

@testable import CairnFormat

extension RetentionClass {
    /// Reads all of `bytes` as one class.
    static func decoding(_ bytes: [UInt8]) throws(FormatError) -> RetentionClass {
        try bytes.withBytes { bytes throws(FormatError) in
            var reader = ByteReader(bytes)
            let decoded = try RetentionClass(&reader)
            guard reader.remaining == 0 else { throw FormatError(.malformed, "more than a class") }
            return decoded
        }
    }
}

@Suite struct RetentionClassTests {
    private static func encoded(_ fields: String) throws -> [UInt8] {
        let comma = fields.isEmpty ? "" : ","
        let batch = try EventBatch.parsing("{\"action\":\"a\",\"module\":\"m\"\(comma)\(fields)}")
        #expect(batch.rejections.isEmpty)
        return batch.classes.names[Int(batch.entries[0].facts.retentionClass)]
    }

    private static func list(_ tags: [String]) -> String {
        "\"compliance\":[" + tags.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }

    /// Fields and the class as Format.md has it: flags, classification, tags and tenant, each with its length.
    @Test(
        arguments: [
            ("", [0, 0, 0, 0]), ("\"tenant\":null,\"classification\":null,\"compliance\":null", [0, 0, 0, 0]),
            ("\"tenant\":\"\"", [0, 0, 0, 0]), ("\"compliance\":[]", [0, 0, 0, 0]),
            ("\"tenant\":\"ab\"", [0, 0, 0, 2, 97, 98]), ("\"tenant\":\"\\u0061\\u0000\"", [0, 0, 0, 2, 97, 0]),
            ("\"tenant\":5", [1, 0, 0, 0]), ("\"tenant\":[\"ab\"]", [1, 0, 0, 0]), ("\"tenant\":false", [1, 0, 0, 0]),
            ("\"classification\":\"PUBLIC\"", [0, 6, 80, 85, 66, 76, 73, 67, 0, 0]),
            ("\"classification\":\"public\"", [2, 0, 0, 0]), ("\"classification\":\"\"", [2, 0, 0, 0]),
            ("\"classification\":{}", [2, 0, 0, 0]), ("\"compliance\":\"a\"", [4, 0, 0, 0]),
            ("\"compliance\":[5]", [4, 0, 0, 0]), ("\"compliance\":[\"a\",null]", [4, 0, 0, 0]),
            ("\"compliance\":[\"a\",[\"b\"]]", [4, 0, 0, 0]), ("\"compliance\":{\"a\":\"b\"}", [4, 0, 0, 0]),
            ("\"compliance\":[\"b\",\"a\",\"b\",\"a\"]", [0, 0, 2, 1, 97, 1, 98, 0]),
            ("\"compliance\":[\"ab\",\"\",\"b\",\"a\"]", [0, 0, 4, 0, 1, 97, 2, 97, 98, 1, 98, 0]),
            ("\"compliance\":[\"\\u00e9\",\"z\"]", [0, 0, 2, 1, 122, 2, 0xC3, 0xA9, 0]),
            ("\"tenant\":\"t\",\"compliance\":[\"c\"],\"classification\":5", [2, 0, 1, 1, 99, 1, 116]),
            ("\"tenant\":1,\"compliance\":1,\"classification\":1", [7, 0, 0, 0]),
            ("\"metadata\":{\"tenant\":\"t\"}", [0, 0, 0, 0]),
        ] as [(String, [UInt8])])
    func encodes(_ fields: String, _ expected: [UInt8]) throws {
        #expect(try Self.encoded(fields) == expected)
        _ = try RetentionClass.decoding(expected)
    }

    @Test func classificationsAreThoseThatAreValid() throws {
        for name in RetentionClass.classifications {
            let encoded = try Self.encoded("\"classification\":\"\(name)\"")
            #expect(try RetentionClass.decoding(encoded).classification == "\(name)")
        }
    }

    @Test(arguments: [(127, true), (128, true), (129, false), (5000, false)])
    func longTenants(_ count: Int, _ isKnown: Bool) throws {
        let tenant = String(repeating: "x", count: count)
        let read = try RetentionClass.decoding(Self.encoded("\"tenant\":\"\(tenant)\""))
        #expect(read.tenant == (isKnown ? tenant : nil))
        #expect(read.isTenantUnknown == !isKnown)
        #expect(!read.isComplianceUnknown && !read.isClassificationUnknown)
    }

    @Test(arguments: [(31, true), (32, true), (33, false), (256, false)])
    func longTags(_ count: Int, _ isKnown: Bool) throws {
        let tag = String(repeating: "x", count: count)
        let read = try RetentionClass.decoding(Self.encoded(Self.list(["a", tag, "b"])))
        #expect(read.compliance == (isKnown ? ["a", "b", tag] : []))
        #expect(read.isComplianceUnknown == !isKnown)
        #expect(!read.isTenantUnknown && !read.isClassificationUnknown)
    }

    /// Repeats do not count.
    @Test(arguments: [(15, true), (16, true), (17, false), (400, false)])
    func manyTags(_ count: Int, _ isKnown: Bool) throws {
        let tags = (0..<count).map { "\(Character(Unicode.Scalar(UInt8(97 + $0 % 26))))\(1000 + $0)" }
        let read = try RetentionClass.decoding(Self.encoded(Self.list(tags + tags.reversed()) + ",\"tenant\":\"t\""))
        #expect(read.compliance == (isKnown ? tags.sorted() : []))
        #expect(read.isComplianceUnknown == !isKnown)
        #expect(read.tenant == "t")
    }

    /// The longest class fits into what is set aside for it.
    @Test func theLongestClass() throws {
        let tags = (0..<Limits.tags).map { String(repeating: "x", count: Limits.tag - 2) + "\(10 + $0)" }
        let tenant = String(repeating: "t", count: Limits.tenant)
        let encoded = try Self.encoded(
            Self.list(tags) + ",\"tenant\":\"\(tenant)\",\"classification\":\"CONFIDENTIAL\"")
        #expect(encoded.count == RetentionClassEncoder.size)
        let read = try RetentionClass.decoding(encoded)
        #expect((read.tenant, read.classification) == (tenant, "CONFIDENTIAL"))
        #expect(read.compliance == tags)
    }

    /// Random events against sets and sorting; equal classes have equal numbers, others have others.
    @Test func saysWhatASetSays() throws {
        var random = SeededRandom()
        var (lines, expected): ([[UInt8]], [RetentionClass]) = ([], [])
        for _ in 0..<500 {
            var (fields, wanted) = (["\"action\":\"a\"", "\"module\":\"m\""], RetentionClass())
            if random.below(2) == 0 {
                let tenant = random.element(["acme", "größe", String(repeating: "é", count: 64 + random.below(2))])
                fields.append("\"tenant\":\"\(tenant)\"")
                wanted.isTenantUnknown = tenant.utf8.count > 128
                wanted.tenant = wanted.isTenantUnknown ? nil : tenant
            }
            if random.below(2) == 0 {
                let tags = (0..<random.below(24)).map { _ in random.element(["SOC2", "x", ""]) + "\(random.below(20))" }
                fields.append(Self.list(tags))
                wanted.isComplianceUnknown = Set(tags).count > 16
                if !wanted.isComplianceUnknown { wanted.compliance = Set(tags).sorted() }
            }
            if random.below(2) == 0 {
                let name = random.element(["PUBLIC", "TOP_SECRET", "SECRET"])
                fields.append("\"classification\":\"\(name)\"")
                wanted.isClassificationUnknown = name == "SECRET"
                wanted.classification = wanted.isClassificationUnknown ? nil : name
            }
            random.shuffle(&fields)
            lines.append(Array("{\(fields.joined(separator: ","))}".utf8))
            expected.append(wanted)
        }
        let batch = try EventBatch.parsing(lines)
        let classes = try batch.classes.names.map { try RetentionClass.decoding($0) }
        for (entry, wanted) in zip(batch.entries, expected) {
            check(classes[Int(entry.facts.retentionClass)] == wanted)
        }
        for (number, one) in classes.enumerated() { check(classes.firstIndex(of: one) == number) }
    }

    @Test(
        arguments: [
            ([], .truncated), ([0, 0, 0], .truncated), ([0, 0, 0, 1], .truncated), ([0, 9, 80], .truncated),
            ([0, 0, 0, 0, 0], .malformed), ([8, 0, 0, 0], .malformed), ([0x80, 0, 0, 0], .malformed),
            ([1, 0, 0, 1, 97], .malformed), ([2, 6, 80, 85, 66, 76, 73, 67, 0, 0], .malformed),
            ([4, 0, 1, 1, 97, 0], .malformed), ([0, 1, 97, 0, 0], .malformed),
            ([0, 6, 112, 117, 98, 108, 105, 99, 0, 0], .malformed), ([0, 0, 2, 1, 98, 1, 97, 0], .malformed),
            ([0, 0, 2, 1, 97, 1, 97, 0], .malformed), ([0, 0, 2, 1, 97, 0, 0], .malformed),
            ([0, 0, 2, 0, 0, 0], .malformed), ([0, 0, 0, 1, 0xFF], .malformed), ([0, 0, 1, 1, 0x80, 0], .malformed),
            ([0, 0, 1, 33] + [UInt8](repeating: 97, count: 33) + [0], .malformed),
            ([0, 0, 17] + (0..<17).flatMap { [1, 97 + $0] } + [0], .malformed),
            ([0, 0, 0, 129] + [UInt8](repeating: 97, count: 129), .malformed),
        ] as [([UInt8], FormatError.Code)])
    func otherFormsAreRefused(_ bytes: [UInt8], _ code: FormatError.Code) {
        #expect(errorCode { _ = try RetentionClass.decoding(bytes) } == code)
    }
}
