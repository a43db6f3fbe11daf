import CairnFormat
import Testing

/// Reads `text` with every line taken out, doubled, swapped with its neighbour or spoilt, and expects each of them to be
/// refused.
private func expectOneForm(_ text: String, _ read: (String) throws -> Void) throws {
    try read(text)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    func refused(_ lines: [String], _ what: String) {
        let code = errorCode { try read(lines.joined(separator: "\n") + "\n") }
        #expect(code != nil, "\(what)")
    }
    for index in lines.indices {
        let line = lines[index]
        func with(_ replacement: String) -> [String] {
            var copy = lines
            copy[index] = replacement
            return copy
        }
        var without = lines
        without.remove(at: index)
        refused(without, "no line \(index)")
        refused(Array(lines[...index] + lines[index...]), "line \(index) twice")
        if index > 0 {
            var swapped = lines
            swapped.swapAt(index, index - 1)
            refused(swapped, "lines \(index - 1) and \(index) swapped")
        }
        refused(Array(lines[...index]) + ["extra 1"] + lines[(index + 1)...], "a line behind \(index)")
        refused(with(""), "line \(index) empty")
        refused(with(" " + line), "a blank before line \(index)")
        refused(with(line + " "), "a blank behind line \(index)")
        refused(with(line.replacing(" ", with: "  ") + (line.contains(" ") ? "" : " ")), "two blanks in \(index)")
        refused(with(line.replacing(" ", with: " \u{301}") + (line.contains(" ") ? "" : "\u{20}\u{301}")), "an accent")
    }
    refused([], "nothing")
    #expect(errorCode { try read("") } != nil)
}

@Suite struct OriginStatementTests {
    static func statement() throws -> OriginStatement {
        OriginStatement(
            origin: try Fixture.origin(), created: Fixture.time, genesisKey: try Fixture.signer(1).verifier,
            logKey: try Fixture.signer(9).verifier)
    }

    static let frozen = """
        cairn/origin/v1
        audit.example.com/host1
        created 2026-11-21T07:39:12.123456000Z
        genesis GENESIS
        log LOG

        """

    @Test func frozenText() throws {
        let statement = try Self.statement()
        let text = Self.frozen.replacing("GENESIS", with: try Fixture.signer(1).verifier.description)
            .replacing("LOG", with: try Fixture.signer(9).verifier.description)
        #expect(statement.text == text)
        #expect(try OriginStatement(text: text) == statement)
    }

    @Test func oneForm() throws {
        try expectOneForm(Self.statement().text) { _ = try OriginStatement(text: $0) }
    }

    @Test func keysBearTheName() throws {
        let other = try SignerKey(name: "other", seed: [UInt8](repeating: 1, count: 32)).verifier
        for path in [\OriginStatement.genesisKey, \.logKey] {
            var statement = try Self.statement()
            statement[keyPath: path] = other
            #expect(errorCode { _ = try OriginStatement(text: statement.text) } == .mismatch)
        }
    }

    @Test func anotherVersionIsUnsupported() throws {
        let text = try Self.statement().text.replacing("/v1", with: "/v2")
        #expect(errorCode { _ = try OriginStatement(text: text) } == .unsupported)
    }
}

@Suite struct HeadTests {
    static func head() throws -> Head {
        Head(
            origin: try Fixture.origin(), number: 2, firstSequence: 2000, count: 17, root: digest(4),
            time: Fixture.time)
    }

    @Test func frozenText() throws {
        let head = try Self.head()
        #expect(
            head.text == """
                cairn/head/v1
                audit.example.com/host1
                segment 2
                first 2000
                count 17
                root \(digest(4))
                time 2026-11-21T07:39:12.123456000Z

                """)
        #expect(try Head(text: head.text) == head)
        #expect(head.endSequence == 2017)
    }

    @Test func oneForm() throws {
        try expectOneForm(Self.head().text) { _ = try Head(text: $0) }
    }

    static let spoiltParts: [(String, String)] = [
        ("segment 2", "segment 02"), ("segment 2", "segment +2"), ("segment 2", "segment -2"),
        ("segment 2", "segment 2.0"), ("segment 2", "segment 0x2"), ("segment 2", "segment ２"),
        ("segment 2", "segment 18446744073709551616"), ("segment 2", "Segment 2"), ("count 17", "count "),
        ("count 17", "count 9223372036854773808"), ("count 17", "count 18446744073709551615"),
        ("first 2000", "first 9223372036854775808"), ("12.123456000Z", "12.123456Z"),
        ("12.123456000Z", "12.123456000z"), ("12.123456000Z", "12.123456000+00:00"), ("T07:39:12", "T07:38:72"),
        ("T07:39:12", "t07:39:12"), ("T07:39:12", "T07:39:60"), ("host1", "host 1"), ("host1", "host+1"),
        ("head/v1", "head/v1 "), ("cairn/head/v1", "cairn/seal/v1"), ("time", "TIME"),
    ]

    @Test(arguments: spoiltParts)
    func spoilt(_ part: String, _ replacement: String) throws {
        let text = try Self.head().text
        let changed = text.replacing(part, with: replacement)
        #expect(changed != text)
        #expect(errorCode { _ = try Head(text: changed) } != nil)
    }

    @Test func base64OfTheRootHasOneForm() throws {
        let text = try Self.head().text
        let root = digest(4).description
        for bad in [String(root.dropLast()), root + "=", String(root.dropLast(2)) + "9=", "AAAA", "", root + " x"] {
            #expect(errorCode { _ = try Head(text: text.replacing(root, with: bad)) } != nil, "\(bad)")
        }
    }

    @Test func greatestNumbers() throws {
        var head = try Self.head()
        (head.number, head.firstSequence, head.count) = (.max, Limits.sequence - 2, 1)
        #expect(try Head(text: head.text) == head)
        head.count = 2
        #expect(errorCode { _ = try Head(text: head.text) } == .malformed)
    }
}

@Suite struct CheckpointTests {
    @Test func frozenText() throws {
        let checkpoint = Checkpoint(origin: try Fixture.origin(), size: 3, root: digest(5))
        #expect(checkpoint.text == "audit.example.com/host1\n3\n\(digest(5))\n")
        #expect(try Checkpoint(text: checkpoint.text) == checkpoint)
    }

    /// The example of C2SP tlog-checkpoint, without its extension line.
    @Test func theExampleOfC2SP() throws {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        let checkpoint = try Checkpoint(text: text)
        #expect(checkpoint.size == 20_852_163)
        #expect(checkpoint.text == text)
        #expect(errorCode { _ = try Checkpoint(text: text + "extension\n") } == .unsupported)
    }

    @Test func oneForm() throws {
        let text = Checkpoint(origin: try Fixture.origin(), size: 31, root: digest(5)).text
        try expectOneForm(text) { _ = try Checkpoint(text: $0) }
        for bad in ["031", "+31", "31.", "-1", "x"] {
            #expect(errorCode { _ = try Checkpoint(text: text.replacing("\n31\n", with: "\n\(bad)\n")) } == .malformed)
        }
    }
}

@Suite struct SealTests {
    static func seal() throws -> Seal {
        Seal(
            origin: try Fixture.origin(), number: 1, firstSequence: 1000, count: 60, root: digest(1),
            previous: digest(2), opened: Fixture.time,
            received: Fixture.time...Time(nanoseconds: Fixture.time.nanoseconds + 5_000_000),
            time: Time(nanoseconds: 0)...Fixture.time,
            modules: [
                .init(name: "-", count: 1), .init(name: "?", count: 2), .init(name: "a", count: 7),
                .init(name: "a.b", count: 20), .init(name: "system", count: 30),
            ], reason: .age, nextKey: try Fixture.signer(2).verifier)
    }

    @Test func frozenText() throws {
        let seal = try Self.seal()
        #expect(
            seal.text == """
                cairn/seal/v1
                audit.example.com/host1
                segment 1
                first 1000
                count 60
                root \(digest(1))
                previous \(digest(2))
                opened 2026-11-21T07:39:12.123456000Z
                received 2026-11-21T07:39:12.123456000Z 2026-11-21T07:39:12.128456000Z
                time 1970-01-01T00:00:00.000000000Z 2026-11-21T07:39:12.123456000Z
                module - 1
                module ? 2
                module a 7
                module a.b 20
                module system 30
                reason age
                next \(try Fixture.signer(2).verifier)

                """)
        #expect(try Seal(text: seal.text) == seal)
        #expect(seal.endSequence == 1060)
    }

    @Test func oneForm() throws {
        try expectOneForm(Self.seal().text) { _ = try Seal(text: $0) }
    }

    @Test(arguments: SealReason.allCases)
    func everyReason(_ reason: SealReason) throws {
        var seal = try Self.seal()
        seal.reason = reason
        #expect(try Seal(text: seal.text) == seal)
    }

    @Test func unknownReasonsAreOfALaterVersion() throws {
        let text = try Self.seal().text.replacing("reason age", with: "reason moon")
        #expect(errorCode { _ = try Seal(text: text) } == .unsupported)
    }

    @Test(arguments: [
        ("module a 7\n", "module a 8\n"), ("module a 7\n", "module a 07\n"), ("module a 7\n", "module a 0\n"),
        ("module a 7\nmodule a.b 20", "module a.b 20\nmodule a 7"), ("module a 7\n", "module a 3\nmodule a 4\n"),
        ("module a 7\n", "module A 7\n"), ("module a 7\n", "module aé 7\n"), ("module a 7\n", "module  7\n"),
        ("module a 7\n", "module a\n"), ("module a 7\n", "module a 7 7\n"), ("count 60", "count 61"),
        ("count 60", "count 9223372036854775807"), ("received ", "received 2026-11-21T07:39:12.123456000Z "),
        ("time 1970", "time 2027"), ("reason age", "reason Age"), ("reason age", "reason"),
        ("opened 2026", "opened 2026-"), ("next ", "next other+"),
    ])
    func spoilt(_ part: String, _ replacement: String) throws {
        let text = try Self.seal().text
        let changed = text.replacing(part, with: replacement)
        #expect(changed != text)
        #expect(errorCode { _ = try Seal(text: changed) } != nil)
    }

    @Test func theNextKeyBearsTheName() throws {
        var seal = try Self.seal()
        seal.nextKey = try SignerKey(name: "other", seed: [UInt8](repeating: 1, count: 32)).verifier
        #expect(errorCode { _ = try Seal(text: seal.text) } == .mismatch)
    }

    /// A segment without events is not sealed, but for reason corruption.
    @Test(arguments: SealReason.allCases)
    func emptySegments(_ reason: SealReason) throws {
        var seal = try Self.seal()
        (seal.count, seal.modules, seal.reason) = (0, [], reason)
        (seal.received, seal.time) = (seal.opened...seal.opened, seal.opened...seal.opened)
        let code = errorCode { _ = try Seal(text: seal.text) }
        #expect(code == (reason == .corruption ? nil : .mismatch))
    }

    @Test func modulesAtTheLimit() throws {
        var seal = try Self.seal()
        seal.modules = (0..<Limits.modules).map { number in
            let name = String(repeating: "m", count: 60) + String(10_000 + number).dropFirst()
            return Seal.ModuleCount(name: name, count: 1)
        }
        seal.count = UInt64(Limits.modules)
        let note = try SignedNote(Fixture.signer(1).sign(seal.text))
        #expect(try Seal(text: note.text) == seal)
    }

    @Test func ordersByBytes() {
        #expect(byteOrder("a", "b"))
        #expect(!byteOrder("b", "a"))
        #expect(!byteOrder("a", "a"))
        #expect(byteOrder("a", "aa"))
        #expect(byteOrder("Z", "a"))
        #expect(byteOrder("é", "日"))
        #expect(byteOrder("e\u{301}", "é"))
    }
}

@Suite struct FileNamesTests {
    @Test func names() {
        #expect(FileNames.segment(0, .data) == "segments/00000000000000000000.ndjson.gz")
        #expect(FileNames.segment(1234, .seal) == "segments/00000000000000001234.seal")
        #expect(FileNames.segment(.max, .index) == "segments/18446744073709551615.index")
    }

    @Test func roundTrip() throws {
        var random = SeededRandom()
        for part in FileNames.Part.allCases {
            for _ in 0..<200 {
                let number = random.next() >> UInt64(random.below(64))
                let path = FileNames.segment(number, part)
                let parsed = try #require(FileNames.parse(String(path.dropFirst("segments/".count))))
                #expect(parsed == (number, part))
            }
        }
    }

    @Test(arguments: [
        "", ".", "00000000000000000000", "00000000000000000000.", "0.seal", "0000000000000000000.seal",
        "000000000000000000000.seal", "00000000000000000000.SEAL", "00000000000000000000.seal.tmp",
        "00000000000000000000.ndjson.gz.torn-1", "00000000000000000000.ndjson", "0000000000000000000a.seal",
        "0000000000000000000０.seal", "+0000000000000000000.seal", "99999999999999999999.seal",
        "00000000000000000000seal",
        " 00000000000000000000.seal", "00000000000000000000.seal\n", "00000000000000000000 .seal",
    ])
    func otherNames(_ name: String) {
        #expect(FileNames.parse(name) == nil)
    }
}
