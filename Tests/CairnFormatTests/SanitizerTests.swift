import Testing

@testable import CairnFormat

@Suite struct SanitizerTests {
    private static let names = ["password", "Token", "größe", "a.b", "🔑"]
    private static let start = "{\"action\":\"a\",\"module\":\"m\","

    /// What stands behind action and module, what is stored, and the paths.
    @Test(arguments: [
        ("\"password\":\"p\"}", "\"password\":\"********\"}", "password"),
        ("\"password\":5}", "\"password\":\"********\"}", "password"),
        ("\"password\":-1.5e3 }", "\"password\":\"********\" }", "password"),
        ("\"password\":null}", "\"password\":\"********\"}", "password"),
        ("\"password\":true,\"x\":1}", "\"password\":\"********\",\"x\":1}", "password"),
        ("\"password\" : \"a\\\"b\" , \"x\":1}", "\"password\" : \"********\" , \"x\":1}", "password"),
        ("\"password\":\"\"}", "\"password\":\"********\"}", "password"),
        ("\"password\":{\"a\":[1,{\"password\":2}],\"b\":3}}", "\"password\":\"********\"}", "password"),
        ("\"password\":[]}", "\"password\":\"********\"}", "password"),
        ("\"password\":[[1],{\"x\":{}}],\"y\":[1]}", "\"password\":\"********\",\"y\":[1]}", "password"),
        ("\"PassWORD\":1}", "\"PassWORD\":\"********\"}", "PassWORD"),
        ("\"tOKEN\":1}", "\"tOKEN\":\"********\"}", "tOKEN"),
        ("\"p\\u0061ssword\":1}", "\"p\\u0061ssword\":\"********\"}", "password"),
        ("\"\\u0050ASSWOR\\u0044\":1}", "\"\\u0050ASSWOR\\u0044\":\"********\"}", "PASSWORD"),
        ("\"größe\":1}", "\"größe\":\"********\"}", "größe"),
        ("\"gr\\u00f6\\u00DFe\":1}", "\"gr\\u00f6\\u00DFe\":\"********\"}", "größe"),
        ("\"🔑\":1}", "\"🔑\":\"********\"}", "🔑"),
        ("\"\\ud83d\\udd11\":1}", "\"\\ud83d\\udd11\":\"********\"}", "🔑"),
        ("\"a.b\":1}", "\"a.b\":\"********\"}", "a.b"),
        (
            "\"x\":{\"password\":1,\"y\":{\"token\":2}}}",
            "\"x\":{\"password\":\"********\",\"y\":{\"token\":\"********\"}}}", "x.password x.y.token"
        ),
        (
            "\"x\":[{\"password\":1},2,{\"z\":[[{\"token\":3}]]}]}",
            "\"x\":[{\"password\":\"********\"},2,{\"z\":[[{\"token\":\"********\"}]]}]}", "x.password x.z.token"
        ),
        (
            "\"x\":{},\"y\":[],\"password\":1,\"z\":{\"token\":[]},\"token\":{}}",
            "\"x\":{},\"y\":[],\"password\":\"********\",\"z\":{\"token\":\"********\"},\"token\":\"********\"}",
            "password z.token token"
        ),
        (
            "\"x\":{\"password\":1,\"password\":2}}", "\"x\":{\"password\":\"********\",\"password\":\"********\"}}",
            "x.password x.password"
        ),
        ("\"x\":{\"\":{\"password\":1}}} \r", "\"x\":{\"\":{\"password\":\"********\"}}} \r", "x.password"),
        ("\"n\":1e999,\"password\":1e999}", "\"n\":1e999,\"password\":\"********\"}", "password"),
    ])
    func masks(_ tail: String, _ expected: String, _ paths: String) throws {
        let batch = try EventBatch.parsing(Self.start + tail, sanitizing: Self.names)
        #expect(batch.rejections.isEmpty)
        #expect(batch.line().text == Self.start + expected)
        let list = paths.split(separator: " ").map { "\"\($0)\"" }.joined(separator: ",")
        #expect(batch.extra() == "\"_sanitized\":[\(list)],")
        guard !tail.contains("999") else { return }
        #expect(
            try jsonObject(batch.stored(sequence: 1))["_sanitized"] as? [String]
                == paths.split(separator: " ").map(String.init))
    }

    @Test(arguments: [
        "\"x\":1}", "\"password_\":1}", "\"passwor\":1}", "\"x\":\"password\"}", "\"x\":[\"password\",\"token\"]}",
        "\"GRÖSSE\":1}",
        "\"grÖße\":1}", "\"pass\\ud83d\\ude00word\":1}", "\"\\ud83d\\ude00\":1}", "\"pass\\u0000word\":1}",
        "\"a\":{\"b\":1}}",
        "\"to\u{212A}en\":1}", "\"\":1}", "\"x\":{\"y\":\"\\\"password\\\":1\"}}",
    ])
    func leavesAlone(_ tail: String) throws {
        let batch = try EventBatch.parsing(Self.start + tail, sanitizing: Self.names)
        #expect(batch.line().text == Self.start + tail)
        #expect(batch.extra() == "")
    }

    @Test func factsAreThoseOfWhatIsStored() throws {
        let line = Self.start + "\"id\":\"secret\",\"tenant\":\"t\",\"status\":\"success\",\"actor\":{\"id\":\"bob\"}}"
        let batch = try EventBatch.parsing(line, sanitizing: ["id", "status"])
        #expect(batch.extra() == "\"_invalid\":[\"status\"],\"_sanitized\":[\"id\",\"status\",\"actor.id\"],")
        #expect(batch.entries[0].facts.status == .other)
        #expect(!batch.terms.tokens.contains(TokenField.id.token(of: "secret")))
        #expect(!batch.terms.tokens.contains(TokenField.actorID.token(of: "bob")))
        #expect(batch.terms.tokens.contains(TokenField.actorID.token(of: "********")))
        #expect(batch.terms.tokens.contains(TokenField.tenant.token(of: "t")))
    }

    @Test func refusedLinesAreMaskedToo() throws {
        let secret = "hunter2"
        for (line, isKept) in [
            ("{\"password\":\"\(secret)\"}", true),
            ("[{\"password\":\"\(secret)\"}]", true),
            ("{\"action\":\"a\",\"module\":\"m\",\"_x\":1,\"password\":\"\(secret)\"}", true),
            ("{\"action\":\"a\",\"action\":\"b\",\"x\":{\"password\":\"\(secret)\"}}", true),
            ("{\"password\":\"\(secret)\"", false),
            ("password=\(secret)", false),
            ("{\"password\":\"\(secret)\",\"x\":\"\\q\"}", false),
        ] {
            let batch = try EventBatch.parsing(line, sanitizing: Self.names)
            let details = try #require(try jsonObject(batch.stored(sequence: 1))["details"] as? [String: Any])
            let raw = (details["raw"] as? String).flatMap { Base64.decode($0) }?.text
            #expect((raw != nil) == isKept)
            #expect(raw?.contains(secret) != true)
            #expect(raw.map { $0.contains("********") } != false)
            #expect(details["withheld"] as? Bool == (isKept ? nil : true))
        }
    }

    @Test func manyPaths() throws {
        for (count, isCut) in [(1, false), (64, false), (65, true), (5000, true)] {
            let fields = (0..<count).map { "\"k\($0)\":{\"password\":\($0)}" }.joined(separator: ",")
            let batch = try EventBatch.parsing(Self.start + fields + "}", sanitizing: Self.names)
            let paths = try #require(try jsonObject(batch.stored(sequence: 1))["_sanitized"] as? [String])
            #expect(paths == (0..<min(count, 64)).map { "k\($0).password" } + (isCut ? ["…"] : []))
            #expect(batch.line().text.split(separator: "\"********\"").count == count + 1)
        }
    }

    /// However long the names are and whatever they hold, the stored line keeps its limit.
    @Test(arguments: ["x", "\\u0001", "é"])
    func longPaths(_ character: String) throws {
        for length in [100, 8000, 100_000] {
            let name = String(repeating: character, count: length / character.utf8.count)
            let passwords = (0..<5000).map { "\"password\":\($0)" }.joined(separator: ",")
            let line = Self.start + "\"\(name)\":{\(passwords)}}"
            let batch = try EventBatch.parsing(line, sanitizing: Self.names)
            #expect(batch.rejections.isEmpty)
            let stored = batch.stored(sequence: Limits.sequence - 1)
            #expect(stored.count <= Limits.storedLine)
            #expect(stored.count <= batch.line().count + 64 << 10)
            let paths = try #require(try jsonObject(stored)["_sanitized"] as? [String])
            #expect(paths.last == "…")
            #expect(!batch.line().text.contains("\"password\":1"))
        }
    }

    /// Masks are longer than what they hide; a line that grows too long is refused, without its secrets.
    @Test func linesThatGrowTooLong() throws {
        let secrets = [String](repeating: "\"a.b\":7", count: 130_000).joined(separator: ",")
        let batch = try EventBatch.parsing(Self.start + "\"x\":{\(secrets)}}", sanitizing: Self.names)
        #expect(batch.rejections.map(\.code) == [.tooLong])
        let raw = try #require((try jsonObject(batch.line())["details"] as? [String: Any])?["raw"] as? String)
        #expect(Base64.decode(raw)?.text.contains(":7") == false)
    }

    @Test func emptySanitizer() throws {
        #expect(Sanitizer().isEmpty)
        #expect(!Sanitizer(names: ["x"]).isEmpty)
        let line = Self.start + "\"password\":1}"
        #expect(try EventBatch.parsing(line).line().text == line)
    }

    /// Taking the masks out again leaves what stood around them, in any event.
    @Test func bytesAroundMasksStay() throws {
        var random = SeededRandom()
        func value(_ depth: Int) -> (received: String, stored: String, count: Int) {
            switch random.below(depth > 3 ? 4 : 6) {
            case 0: return ("\"s\\u00e9\\\"{[\"", "\"s\\u00e9\\\"{[\"", 0)
            case 1: return ("-1.50e+3", "-1.50e+3", 0)
            case 2: return ("null", "null", 0)
            case 3: return (" [ ] ", " [ ] ", 0)
            case 4:
                let items = (0..<random.below(3)).map { _ in value(depth + 1) }
                return (
                    "[\(items.map(\.received).joined(separator: ", "))]",
                    "[\(items.map(\.stored).joined(separator: ", "))]", items.reduce(0) { $0 + $1.count }
                )
            default:
                var parts: [(String, String, Int)] = []
                for number in 0..<random.below(4) {
                    let inner = value(depth + 1)
                    if random.below(3) == 0 {
                        let name = random.element(["password", "TOKEN", "p\\u0061ssword", "\\ud83d\\udd11"])
                        let received = inner.received.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
                        parts.append(("\"\(name)\" :\(String(received))", "\"\(name)\" :\"********\"", 1))
                    } else {
                        parts.append(
                            ("\"k\(number)\":\(inner.received)", "\"k\(number)\":\(inner.stored)", inner.count))
                    }
                }
                return (
                    "{\(parts.map(\.0).joined(separator: " ,"))}", "{\(parts.map(\.1).joined(separator: " ,"))}",
                    parts.reduce(0) { $0 + $1.2 }
                )
            }
        }
        var masked = 0
        for _ in 0..<500 {
            let (received, stored, count) = value(0)
            let batch = try EventBatch.parsing(Self.start + "\"x\":\(received)}", sanitizing: Self.names)
            #expect(batch.line().text == Self.start + "\"x\":\(stored)}")
            #expect(batch.extra().isEmpty == (count == 0))
            masked += count
        }
        #expect(masked > 10)
    }
}
