import Testing

@testable import CairnFormat

extension TokenField {
    func token(of text: String) -> UInt64 { Array(text.utf8).withUnsafeBytes { token($0) } }
}

@Suite struct EventFieldTests {
    private static func parse(_ fields: String) throws -> EventBatch {
        let batch = try EventBatch.parsing("{\"action\":\"a\",\"module\":\"m\",\(fields)}")
        #expect(batch.entries.map(\.kind) == [.event], "\(batch.rejections)")
        return batch
    }

    /// Values that are right: nothing is said about them.
    @Test(arguments: [
        "\"timestamp\":\"2026-11-21T07:39:12Z\"", "\"timestamp\":\"2026-11-21 07:39:12.5+01:00\"", "\"id\":\"x\"",
        "\"actor\":{}",
        "\"actor\":{\"type\":\"user\",\"id\":\"1\",\"name\":\"n\",\"email\":\"e\",\"roles\":[\"a\",\"b\"]}",
        "\"actor\":{\"roles\":[]}", "\"actor\":{\"other\":5,\"roles\":null,\"id\":null}", "\"status\":\"success\"",
        "\"status\":\"failed\"", "\"status\":\"warning\"", "\"status\":\"info\"", "\"severity\":\"low\"",
        "\"severity\":\"medium\"", "\"severity\":\"high\"", "\"severity\":\"critical\"",
        "\"target\":{\"type\":\"t\",\"id\":\"1\",\"name\":\"n\",\"email\":5,\"roles\":5}", "\"target\":{}",
        "\"tenant\":\"t\"",
        "\"tenant\":\"\"", "\"ip_address\":\"10.1.2.3\"", "\"ip_address\":\"2001:db8::1\"", "\"user_agent\":\"\"",
        "\"session_id\":\"s\"", "\"request\":{}", "\"changes\":{}",
        "\"changes\":{\"a\":{\"old\":1,\"new\":2},\"b\":{}}",
        "\"compliance\":[]", "\"compliance\":[\"SOX\",\"other\"]", "\"classification\":\"PUBLIC\"",
        "\"classification\":\"INTERNAL\"", "\"classification\":\"CONFIDENTIAL\"", "\"classification\":\"RESTRICTED\"",
        "\"classification\":\"TOP_SECRET\"", "\"sensitive\":true", "\"sensitive\":false", "\"details\":\"text\"",
        "\"details\":{}", "\"metadata\":{\"a\":1}", "\"other\":5", "\"Status\":5", "\"statu\":5", "\"statuss\":5",
    ])
    func right(_ fields: String) throws {
        #expect(try Self.parse(fields).extra() == "")
    }

    /// Values that are wrong, and the names that `_invalid` gives.
    @Test(arguments: [
        ("\"timestamp\":5", "timestamp"), ("\"timestamp\":\"now\"", "timestamp"),
        ("\"timestamp\":\"2026-11-21T07:39:12\"", "timestamp"), ("\"timestamp\":\"2500-01-01T00:00:00Z\"", "timestamp"),
        ("\"timestamp\":{}", "timestamp"), ("\"id\":5", "id"), ("\"id\":\"\"", "id"), ("\"id\":true", "id"),
        ("\"actor\":\"bob\"", "actor"), ("\"actor\":[]", "actor"), ("\"actor\":5", "actor"),
        ("\"actor\":{\"type\":5}", "actor.type"), ("\"actor\":{\"id\":5}", "actor.id"),
        ("\"actor\":{\"id\":{\"x\":[1]}}", "actor.id"), ("\"actor\":{\"name\":[]}", "actor.name"),
        ("\"actor\":{\"email\":false}", "actor.email"), ("\"actor\":{\"roles\":\"a\"}", "actor.roles"),
        ("\"actor\":{\"roles\":[\"a\",5]}", "actor.roles"), ("\"actor\":{\"roles\":[null]}", "actor.roles"),
        ("\"actor\":{\"roles\":{}}", "actor.roles"), ("\"status\":\"ok\"", "status"),
        ("\"status\":\"Success\"", "status"),
        ("\"status\":\"\"", "status"), ("\"status\":1", "status"), ("\"severity\":\"HIGH\"", "severity"),
        ("\"severity\":[]", "severity"), ("\"target\":5", "target"), ("\"target\":{\"type\":5}", "target.type"),
        ("\"target\":{\"id\":5.5}", "target.id"), ("\"target\":{\"name\":true}", "target.name"),
        ("\"tenant\":5", "tenant"),
        ("\"ip_address\":\"x\"", "ip_address"), ("\"ip_address\":\"\"", "ip_address"),
        ("\"ip_address\":5", "ip_address"),
        ("\"ip_address\":\"1.2.3.4/8\"", "ip_address"), ("\"user_agent\":5", "user_agent"),
        ("\"session_id\":5", "session_id"), ("\"request\":\"x\"", "request"), ("\"request\":[]", "request"),
        ("\"changes\":[]", "changes"), ("\"changes\":{\"a\":5}", "changes"), ("\"changes\":{\"a\":null}", "changes"),
        ("\"changes\":{\"a\":{},\"b\":[]}", "changes"), ("\"compliance\":\"SOX\"", "compliance"),
        ("\"compliance\":[5]", "compliance"), ("\"compliance\":[\"a\",[\"b\"]]", "compliance"),
        ("\"classification\":\"public\"", "classification"), ("\"classification\":\"SECRET\"", "classification"),
        ("\"classification\":5", "classification"), ("\"sensitive\":\"true\"", "sensitive"),
        ("\"sensitive\":1", "sensitive"),
        ("\"details\":5", "details"), ("\"details\":[]", "details"), ("\"metadata\":\"x\"", "metadata"),
        ("\"metadata\":[]", "metadata"), ("\"s\\u0074atus\":5", "status"),
        (
            "\"metadata\":1,\"severity\":1,\"actor\":{\"name\":1,\"id\":1},\"id\":1",
            "id actor.id actor.name severity metadata"
        ),
    ])
    func wrong(_ fields: String, _ names: String) throws {
        let list = names.split(separator: " ").map { "\"\($0)\"" }.joined(separator: ",")
        let batch = try Self.parse(fields)
        #expect(batch.extra() == "\"_invalid\":[\(list)],")
        let stored = try jsonObject(batch.stored(sequence: 0))
        #expect(stored["_invalid"] as? [String] == names.split(separator: " ").map(String.init))
    }

    @Test func nullSaysNothing() throws {
        let names = [
            "timestamp", "id", "actor", "status", "severity", "target", "tenant", "ip_address", "user_agent",
            "session_id", "request", "changes", "compliance", "classification", "sensitive", "details", "metadata",
        ]
        let batch = try Self.parse(names.map { "\"\($0)\":null" }.joined(separator: ","))
        #expect(batch.extra() == "")
        #expect(batch.terms.tokens == [TokenField.action.token(of: "a")])
        #expect(batch.entries[0].identity == nil)
        var facts = EventFacts()
        facts.module = batch.entries[0].facts.module
        #expect(batch.entries[0].facts == facts)
        let inside = ["type", "id", "name", "email", "roles"].map { "\"\($0)\":null" }.joined(separator: ",")
        let parties = try Self.parse("\"actor\":{\(inside)},\"target\":{\(inside)}")
        #expect(parties.extra() == "")
        #expect(parties.entries[0].facts == facts)
    }

    @Test(arguments: [
        ("\"login\"", ""), ("\"\"", "\"_invalid\":[\"action\"],"), ("5", "\"_invalid\":[\"action\"],"),
        ("{}", "\"_invalid\":[\"action\"],"),
    ])
    func actions(_ value: String, _ extra: String) throws {
        #expect(try EventBatch.parsing("{\"action\":\(value),\"module\":\"m\"}").extra() == extra)
    }

    @Test(arguments: [(1, true), (255, true), (256, false)])
    func lengthOfActions(_ count: Int, _ good: Bool) throws {
        let value = String(repeating: "x", count: count)
        let batch = try EventBatch.parsing("{\"action\":\"\(value)\",\"module\":\"m\"}")
        #expect(batch.extra().isEmpty == good)
        #expect(batch.terms.tokens == [TokenField.action.token(of: value)])
    }

    @Test(arguments: [
        ("\"authentication\"", "authentication"), ("\"a.b-c_9\"", "a.b-c_9"), ("\"\\u0061\"", "a"), ("\"A\"", "?"),
        ("\"\"", "?"), ("\"a b\"", "?"), ("\"é\"", "?"), ("5", "?"), ("[]", "?"), ("\"?\"", "?"), ("\"a\\u0000\"", "?"),
    ])
    func modules(_ value: String, _ module: String) throws {
        let batch = try EventBatch.parsing("{\"action\":\"a\",\"module\":\(value)}")
        #expect(batch.module() == module)
        #expect(batch.extra() == (module == "?" ? "\"_invalid\":[\"module\"]," : ""))
    }

    @Test(arguments: [(64, true), (65, false)])
    func lengthOfModules(_ count: Int, _ good: Bool) throws {
        let value = String(repeating: "x", count: count)
        let batch = try EventBatch.parsing("{\"action\":\"a\",\"module\":\"\(value)\"}")
        #expect(batch.module() == (good ? value : "?"))
        #expect(isModuleName(Array(value.utf8)) == good)
    }

    @Test func factsOfStatusAndSeverity() throws {
        for status in EventStatus.allCases {
            for severity in EventSeverity.allCases {
                let batch = try Self.parse(
                    "\"status\":\"\(status.name ?? "?")\",\"severity\":\"\(severity.name ?? "?")\"")
                #expect(batch.entries[0].facts.status == status)
                #expect(batch.entries[0].facts.severity == severity)
            }
        }
        #expect(EventStatus.allCases.map(\.rawValue) == [0, 1, 2, 3, 4])
        #expect(EventStatus.allCases.map { $0.name?.description } == [nil, "success", "failed", "warning", "info"])
        #expect(EventSeverity.allCases.map { $0.name?.description } == [nil, "low", "medium", "high", "critical"])
    }

    @Test func timeOfTheEvent() throws {
        let batch = try Self.parse("\"timestamp\":\"2026-11-21T08:39:12.123456\\u002b01:00\"")
        #expect(batch.entries[0].facts.time == Fixture.time)
        #expect(try Self.parse("\"x\":1").entries[0].facts.time == nil)
        #expect(try Self.parse("\"timestamp\":\"now\"").entries[0].facts.time == nil)
    }

    /// Each token is the hash of the unescaped value, seeded with the number of its field.
    @Test func tokens() throws {
        let batch = try EventBatch.parsing(
            """
            {"action":"log\\u0069n","module":"m","id":"i\\n","actor":{"id":"u","email":"é\\ud83d\\ude00","name":"n"},\
            "ip_address":"10.0.0.1","tenant":"t","target":{"type":"tt","id":"ti","email":"no"},"session_id":"s"}
            """)
        let expected: [(TokenField, String)] = [
            (.action, "login"), (.id, "i\n"), (.actorID, "u"), (.actorEmail, "é😀"), (.ipAddress, "10.0.0.1"),
            (.tenant, "t"), (.targetType, "tt"), (.targetID, "ti"), (.sessionID, "s"),
        ]
        #expect(batch.terms.tokens == expected.map { $0.token(of: $1) })
        for (field, value) in expected {
            let hash = Array(value.utf8).withUnsafeBytes { XXH64.hash($0, seed: UInt64(field.rawValue)) }
            #expect(batch.terms.tokens.contains(hash))
        }
        #expect(batch.entries[0].facts.hasID)
        #expect(batch.entries[0].facts.opaque == 0)
    }

    @Test func numbersOfTheTokenFields() {
        #expect(TokenField.allCases.map(\.rawValue) == Array(1...9))
        #expect(
            TokenField.allCases.map(\.path) == [
                "actor.id", "actor.email", "ip_address", "tenant", "action", "target.type", "target.id", "session_id",
                "id",
            ])
    }

    @Test(arguments: [
        ("\"actor\":{\"id\":5}", 1), ("\"actor\":{\"email\":[]}", 2), ("\"ip_address\":5", 3), ("\"tenant\":{}", 4),
        ("\"target\":{\"type\":true}", 6), ("\"target\":{\"id\":1e999}", 7), ("\"session_id\":false", 8),
        ("\"id\":5", 9),
    ])
    func valuesThatAreNoStringsAreOpaque(_ fields: String, _ bit: Int) throws {
        let batch = try Self.parse(fields)
        #expect(batch.entries[0].facts.opaque == 1 << UInt16(bit))
        #expect(batch.terms.tokens == [TokenField.action.token(of: "a")])
    }

    @Test func anActionThatIsNoStringIsOpaque() throws {
        #expect(try EventBatch.parsing("{\"action\":5,\"module\":\"m\"}").entries[0].facts.opaque == 1 << 5)
    }

    @Test func identities() throws {
        func identity(_ id: String, _ uid: UInt32 = 1000) throws -> EventIdentity? {
            try EventBatch.parsing("{\"action\":\"a\",\"module\":\"m\",\"id\":\(id)}", uid: uid).entries[0].identity
        }
        let one = try #require(try identity("\"one\""))
        #expect(try identity("\"\\u006fne\"") == one)
        #expect(try identity("\"one\"", 1001) != one)
        #expect(try identity("\"two\"") != one)
        #expect(try identity("\"\"") == nil)
        #expect(try identity("5") == nil)
        #expect(try identity("null") == nil)
        #expect(try identity("\"\(String(repeating: "x", count: 128))\"") != nil)
        #expect(try identity("\"\(String(repeating: "x", count: 129))\"") == nil)
        #expect(try EventBatch.parsing("{\"action\":\"a\",\"module\":\"m\"}").entries[0].facts.hasID == false)
        // The first 16 bytes of SHA-256(u32be uid ‖ id).
        let hash = Digest.sha256([0, 0, 3, 0xE8] + Array("one".utf8)).bytes
        var bytes: [UInt8] = []
        bytes.append(littleEndian: one.high)
        bytes.append(littleEndian: one.low)
        #expect(bytes == Array(hash.prefix(16)))
    }
}

@Suite struct KeySetTests {
    @Test func findsWhatStandsThereTwice() {
        var random = SeededRandom()
        let names = (0..<3000).map { Array("name\($0)".utf8) } + [[], [0], Array("é".utf8)]
        var keys = KeySet()
        for round in 0..<20 {
            keys.removeAll()
            var seen: Set<[UInt8]> = []
            let different = random.element([3, 10, 16, 17, 18, 3003])
            var pointers: [UnsafeMutableRawBufferPointer] = []
            for _ in 0..<random.below(200) + round {
                let name = names[random.below(different)]
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: name.count, alignment: 1)
                copy.copyBytes(from: name)
                pointers.append(copy)
                check(keys.insert(UnsafeRawBufferPointer(copy)) == seen.insert(name).inserted)
            }
            for pointer in pointers { pointer.deallocate() }
        }
    }
}

@Suite struct EventBatchTests {
    @Test func batchIsFullWithTheModulesOfASegment() throws {
        var batch = EventBatch()
        let parser = try EventParser()
        for number in 0..<Limits.modules {
            #expect(!batch.isFull)
            parser.append(own: Array("{\"action\":\"a\",\"module\":\"m\(number)\"}".utf8), to: &batch)
        }
        #expect(batch.isFull)
        batch.removeAll()
        #expect(!batch.isFull)
        #expect(batch.isEmpty)
    }

    @Test func batchIsFullWithTheRetentionClassesOfASegment() throws {
        var batch = EventBatch()
        let parser = try EventParser()
        // The class of no fields is always there.
        for number in 1..<Limits.classes {
            #expect(!batch.isFull)
            Array("{\"action\":\"a\",\"module\":\"m\",\"tenant\":\"t\(number)\"}".utf8).padded {
                _ = parser.parse(.whole($0), uid: 1000, into: &batch)
            }
        }
        #expect(batch.isFull)
        #expect(batch.classes.count == Limits.classes)
        batch.removeAll()
        #expect(!batch.isFull)
        #expect(batch.classes.names == [[0, 0, 0, 0]])
    }
}
