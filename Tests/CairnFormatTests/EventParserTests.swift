import Foundation
import Testing

@testable import CairnFormat

@Suite struct EventParserTests {
    /// Lines, codes and the byte where the trouble is.
    static let refused: [(String, Rejection.Code, Int)] = [
        ("x", .invalidJSON, 0),
        ("{", .invalidJSON, 1),
        ("{\"action\":\"a\",\"module\":\"m\"", .invalidJSON, 26),
        ("{\"action\":\"a\",\"module\":\"m\"} x", .invalidJSON, 28),
        ("{\"action\":\"a\",\"module\":\"m\"}{}", .invalidJSON, 27),
        ("  {\"action\":\"a\",}", .invalidJSON, 16),
        ("{\"action\":\"a\",\"n\":01}", .invalidJSON, 19),
        ("{\"action\":\"\\ud800\",\"module\":\"m\"}", .invalidJSON, 11),
        ("{\"action\":\"\\udc00\",\"module\":\"m\"}", .invalidJSON, 11),
        ("{\"action\":\"a\tb\",\"module\":\"m\"}", .invalidJSON, 12),
        ("{\"action\":\"a\",\"module\":\"m\",\"n\":1e999,}", .invalidJSON, 37),
        ("\u{FEFF}{\"action\":\"a\",\"module\":\"m\"}", .invalidJSON, 0),
        ("{\"action\":\"a\"}\u{0}", .invalidJSON, 14),
        ("null", .notAnObject, 0),
        ("  [1]", .notAnObject, 2),
        ("\"text\"", .notAnObject, 0),
        ("\t12", .notAnObject, 1),
        ("1e999", .notAnObject, 0),
        ("{}", .missingAction, 0),
        ("{\"module\":\"m\"}", .missingAction, 0),
        ("{\"action\":\"a\"}", .missingModule, 0),
        ("{\"action\":null,\"module\":\"m\"}", .missingAction, 0),
        ("{\"action\":\"a\",\"module\":null}", .missingModule, 0),
        ("{\"a\":{\"action\":\"a\",\"module\":\"m\"}}", .missingAction, 0),
        ("{\"Action\":\"a\",\"module\":\"m\"}", .missingAction, 0),
        ("{\"_seq\":1,\"action\":\"a\",\"module\":\"m\"}", .reservedName, 1),
        ("{\"action\":\"a\",\"module\":\"m\", \"_\":1}", .reservedName, 28),
        ("{\"action\":\"a\",\"module\":\"m\",\"\\u005fseq\":1}", .reservedName, 27),
        ("{\"a\":{\"b\":[{\"c\":1}]},\"_x\":1}", .reservedName, 21),
        ("{\"action\":\"a\",\"module\":\"m\",\"action\":\"a\"}", .duplicateKey, 27),
        ("{\"action\":\"a\",\"module\":\"m\",\"module\":\"n\"}", .duplicateKey, 27),
        ("{\"action\":null,\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 15),
        ("{\"module\":null,\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 28),
        ("{\"action\":\"a\",\"action\":null,\"module\":\"m\"}", .duplicateKey, 14),
        ("{\"x\":1,\"action\":\"a\",\"module\":\"m\",\"x\":2}", .duplicateKey, 33),
        ("{\"x\":1,\"action\":\"a\",\"module\":\"m\",\"\\u0078\":2}", .duplicateKey, 33),
        ("{\"\":1,\"action\":\"a\",\"module\":\"m\",\"\":2}", .duplicateKey, 32),
        ("{\"\\u0061ction\":\"a\",\"module\":\"m\",\"action\":\"b\"}", .duplicateKey, 32),
        ("{\"timestamp\":1,\"timestamp\":1,\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 15),
        ("{\"actor\":{},\"actor\":{},\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 12),
        ("{\"actor\":{\"id\":\"1\",\"id\":\"2\"},\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 19),
        ("{\"actor\":{\"id\":\"1\",\"\\u0069d\":\"2\"},\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 19),
        ("{\"\\u0061ctor\":{\"id\":\"1\",\"id\":\"2\"},\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 24),
        ("{\"actor\":{\"x\":{\"x\":1},\"y\":[],\"x\":\"2\"},\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 29),
        ("{\"target\":{\"n\":1,\"m\":1,\"n\":1},\"action\":\"a\",\"module\":\"m\"}", .duplicateKey, 23),
        (
            "{\"x\":{\"id\":1,\"id\":2},\"target\":{\"id\":null,\"id\":2},\"action\":\"a\",\"module\":\"m\"}",
            .duplicateKey, 41
        ),
    ]

    @Test(arguments: refused)
    func refuses(_ line: String, _ code: Rejection.Code, _ offset: Int) throws {
        let batch = try EventBatch.parsing(line)
        let rejection = try #require(batch.rejections.first)
        #expect(rejection.code == code, "\(rejection.message)")
        #expect(rejection.offset == offset)
        #expect(batch.entries.count == 1)
        #expect(batch.entries[0].kind == .rejected(0))
        #expect(batch.terms.tokens == [TokenField.action.token(of: "event.rejected")])
    }

    static let accepted = [
        "{\"action\":\"a\",\"module\":\"m\"}",
        " \t\r {\"action\":\"a\",\"module\":\"m\"}",
        "{\"action\":\"a\",\"module\":\"m\"}\r",
        "{\"action\":\"a\",\"module\":\"m\"} \t ",
        "{ \"action\" : \"a\" , \"module\" : \"m\" }",
        "{\"\\u0061ction\":\"a\",\"mod\\u0075le\":\"m\"}",
        "{\"action\":\"a\",\"module\":\"m\",\"x\":{\"a\":1,\"a\":2,\"_x\":1}}",
        "{\"action\":\"a\",\"module\":\"m\",\"details\":{\"_seq\":1,\"x\":1,\"x\":1}}",
        "{\"action\":\"a\",\"module\":\"m\",\"actor\":{\"_x\":1,\"x\":{\"a\":1,\"a\":2}}}",
        "{\"action\":\"a\",\"module\":\"m\",\"actor\":[{\"id\":1,\"id\":1}]}",
        "{\"action\":\"a\",\"module\":\"m\",\"x\":1,\"X\":1,\"x \":1,\"\":1}",
        "{\"action\":\"a\",\"module\":\"m\",\"n\":1e999}",
        "{\"action\":\"a\",\"module\":\"m\",\"n\":[-1E+400,123456789012345678901234567890,0.5e-999,1]}",
        "{\"action\":\"a\",\"module\":\"m\",\"n\":99999999999999999999,\"s\":\"1e999\",\"id\":\"x\"}",
        "{\"action\":\"\\u0000\",\"module\":\"m\",\"t\":\"\\ud83d\\ude00\"}",
        "{\"action\":\"é😀\u{2028}\u{7F}\",\"module\":\"m\"}",
        "{\"module\":\"m\",\"details\":{},\"action\":\"a\"}",
    ]

    @Test(arguments: accepted)
    func acceptsAndKeepsEveryByte(_ line: String) throws {
        let batch = try EventBatch.parsing(line)
        #expect(batch.rejections.isEmpty, "\(batch.rejections)")
        #expect(batch.entries.map(\.kind) == [.event])
        #expect(batch.line() == Array(line.utf8))
        let brace = batch.entries[0].brace
        #expect(batch.line()[..<brace].last == UInt8(ascii: "{"))
        #expect(batch.line()[..<(brace - 1)].allSatisfy(isBlank))
        let object = try? jsonObject(batch.stored(sequence: 9))
        // Foundation refuses numbers that no Double holds.
        if !line.contains("999") && !line.contains("400") { #expect(object?["_seq"] as? Int == 9) }
    }

    @Test(arguments: ["", " ", "\r", "\t \r ", "\n"])
    func skipsBlankLines(_ line: String) throws {
        let parser = try EventParser()
        var batch = EventBatch()
        let taken = Array(line.utf8).padded { parser.parse(.whole($0), uid: 0, into: &batch) }
        #expect(!taken)
        #expect(batch.isEmpty)
    }

    @Test(arguments: ["80", "c3", "eda080", "c080", "f5808080", "ff"])
    func invalidUTF8(_ bad: String) throws {
        let before = Array("{\"action\":\"é\",\"module\":\"m\",\"x\":\"".utf8)
        for line in [before + hexBytes(bad) + Array("\"}".utf8), before + hexBytes(bad)] {
            let batch = try EventBatch.parsing([line])
            #expect(batch.rejections.map(\.code) == [.invalidUTF8])
            #expect(batch.rejections.first?.offset == before.count)
        }
    }

    /// Whatever the version of simdjson: some pass over it, and then nothing of the line is where they say.
    @Test(arguments: ["\u{FEFF}{\"action\":\"a\",\"module\":\"m\"}", "\u{FEFF}", " \u{FEFF}{}", "\u{FEFF} {}"])
    func aByteOrderMarkIsNoJSON(_ line: String) throws {
        for names in [[], ["password"]] {
            let batch = try EventBatch.parsing(line, sanitizing: names)
            #expect(batch.rejections.map(\.code) == [.invalidJSON])
        }
        #expect(throws: Rejection.self) { try Array(line.utf8).padded { _ = try JSONParser().parse($0) } }
    }

    /// What bounds the memory of a queue counts everything that a client can make long.
    @Test func theFootprintCountsTokens() {
        var batch = EventBatch()
        let empty = batch.footprint
        batch.appendSync([UInt8](repeating: 0x61, count: 100_000))
        #expect(batch.footprint >= empty + 100_000)
        let one = batch.footprint
        batch.appendSync([])
        #expect(batch.footprint > one)
        batch.removeAll()
        #expect(batch.footprint == empty)
    }

    /// The event itself is one level; the last level counts only if something is in it.
    @Test(arguments: ["", ",\"n\":1e999"], ["", "1", "\"x\\u00e9\""])
    func depthIsLimited(_ before: String, _ inside: String) throws {
        let start = "{\"action\":\"a\",\"module\":\"m\"\(before),\"x\":"
        let most = inside.isEmpty ? 1024 : 1023
        for (depth, good) in [(most, true), (most + 1, false), (5000, false), (200_000, false)] {
            let open = start + String(repeating: "[", count: depth) + inside
            let line = open + String(repeating: "]", count: depth) + "}"
            let batch = try EventBatch.parsing(line)
            #expect(batch.rejections.map(\.code) == (good ? [] : [.tooDeep]))
            if !good { #expect(batch.rejections.first?.offset == start.utf8.count + 1023) }
            // An array that ends with the text may have been about to be filled.
            let unclosed = try EventBatch.parsing(open)
            #expect(unclosed.rejections.map(\.code) == [depth == 1023 ? .invalidJSON : .tooDeep])
        }
    }

    /// What the parser does for each name must not grow with the number of names.
    @Test func manyNames() throws {
        var names = (0..<50_000).map { "\"k\($0)\":\($0 % 10)" }
        let line = "{\"action\":\"a\",\"module\":\"m\",\(names.joined(separator: ","))}"
        #expect(try EventBatch.parsing(line).entries.map(\.kind) == [.event])
        let actor = "{\"action\":\"a\",\"module\":\"m\",\"actor\":{\(names.joined(separator: ","))}}"
        #expect(try EventBatch.parsing(actor).entries.map(\.kind) == [.event])
        names.append("\"k49999\":1")
        let duplicate = "{\"action\":\"a\",\"module\":\"m\",\(names.joined(separator: ","))}"
        let batch = try EventBatch.parsing(duplicate)
        #expect(batch.rejections.map(\.code) == [.duplicateKey])
        #expect(batch.rejections.first?.offset == duplicate.utf8.count - 11)
    }

    @Test func longestLine() throws {
        let frame = "{\"action\":\"a\",\"module\":\"m\",\"details\":\"\"}"
        let line = frame.replacing(
            "\"\"", with: "\"" + String(repeating: "x", count: Limits.receivedLine - frame.utf8.count) + "\"")
        #expect(line.utf8.count == Limits.receivedLine)
        #expect(try EventBatch.parsing(line).entries.map(\.kind) == [.event])
    }

    @Test func oneBadLineLeavesTheOthersAlone() throws {
        let lines = ["{\"action\":\"a\",\"module\":\"m\",\"id\":\"1\"}", "{\"tenant\":\"t\",\"action\":\"b\"}", "x"]
        let all = lines + ["{\"tenant\":\"t\",\"id\":\"3\",\"id\":\"4\"}"] + lines
        let batch = try EventBatch.parsing(all.map { Array($0.utf8) })
        #expect(
            batch.entries.map(\.kind) == [
                .event, .rejected(0), .rejected(1), .rejected(2), .event, .rejected(3), .rejected(4),
            ])
        #expect(batch.line(0).text == lines[0])
        #expect(batch.line(4).text == lines[0])
        #expect(batch.tokens(4) == batch.tokens(0))
        #expect(batch.terms.tokens.count == batch.entries.reduce(0) { $0 + $1.terms.tokens })
        #expect(batch.bytes.count == batch.entries.reduce(0) { $0 + $1.size })
    }

    @Test func ownEvents() throws {
        let parser = try EventParser()
        var batch = EventBatch()
        parser.append(own: Array("{\"action\":\"daemon.started\",\"module\":\"system\"}".utf8), to: &batch)
        #expect(batch.entries.map(\.kind) == [.event])
        #expect(batch.module() == "system")
        #expect(batch.extra() == "\"_own\":true,")
    }

    /// The stamp stands before the others, also where values are masked.
    @Test func ownEventsAreStamped() throws {
        let parser = try EventParser(sanitizer: Sanitizer(names: ["password"]))
        var batch = EventBatch()
        let line = "{\"action\":\"a\",\"module\":\"system\",\"status\":5}"
        parser.append(own: Array(line.utf8), to: &batch)
        parser.append(own: Array(line.replacing("5", with: "5,\"password\":\"x\"").utf8), to: &batch)
        #expect(batch.extra(0) == "\"_own\":true,\"_invalid\":[\"status\"],")
        #expect(batch.extra(1) == "\"_own\":true,\"_invalid\":[\"status\"],\"_sanitized\":[\"password\"],")
        for index in 0...1 {
            let stamps = try batch.stored(index, sequence: 3).exactly { try Stamps(line: $0) }
            #expect(stamps.isOwn)
        }
    }

    /// Neither what a client sends, nor what stands for a line that was refused, nor a line of the daemon that cannot
    /// be an event.
    @Test func nobodyElseIsStampedAsTheDaemon() throws {
        let parser = try EventParser()
        var batch = try EventBatch.parsing([
            Array("{\"action\":\"daemon.started\",\"module\":\"system\"}".utf8),
            Array("{\"_own\":true,\"action\":\"daemon.started\",\"module\":\"system\"}".utf8),
            Array("{\"\\u005fown\":true,\"action\":\"daemon.started\",\"module\":\"system\"}".utf8),
            Array("not JSON".utf8),
        ])
        parser.append(own: Array("{\"action\":\"no module\"}".utf8), to: &batch)
        #expect(batch.entries.map(\.kind) == [.event, .rejected(0), .rejected(1), .rejected(2), .rejected(3)])
        #expect(batch.rejections.map(\.code) == [.reservedName, .reservedName, .invalidJSON, .missingModule])
        for index in batch.entries.indices {
            #expect(batch.extra(index) == "")
            #expect(try !batch.stored(index, sequence: 3).exactly { try Stamps(line: $0) }.isOwn)
        }
    }
}

@Suite struct RejectedEventTests {
    private static func details(_ batch: EventBatch, _ index: Int = 0) throws -> [String: Any] {
        let object = try jsonObject(batch.line(index))
        #expect(object["action"] as? String == "event.rejected")
        #expect(object["module"] as? String == "system")
        #expect(object["status"] as? String == "failed")
        #expect(object["severity"] as? String == "medium")
        return try #require(object["details"] as? [String: Any])
    }

    @Test(arguments: EventParserTests.refused)
    func keepsWhatWasRefused(_ line: String, _ code: Rejection.Code, _ offset: Int) throws {
        let batch = try EventBatch.parsing(line)
        let details = try Self.details(batch)
        #expect(details["code"] as? String == code.rawValue)
        #expect(details["offset"] as? Int == offset)
        #expect((details["message"] as? String)?.isEmpty == false)
        #expect(details["bytes"] as? Int == line.utf8.count)
        #expect(details["sha256"] as? String == Digest.sha256(Array(line.utf8)).bytes.hex)
        #expect(details["raw"] as? String == Base64.encode(Array(line.utf8)))
        #expect(details["withheld"] == nil)
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, 100_000])
    func rawIsCut(_ count: Int) throws {
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: count + 1)
        let details = try Self.details(EventBatch.parsing([line]))
        #expect(details["bytes"] as? Int == count + 1)
        #expect(details["raw"] as? String == Base64.encode(line.prefix(4096)))
    }

    @Test func anyBytesGiveAnEvent() throws {
        var random = SeededRandom()
        for _ in 0..<300 {
            var line = random.bytes(1 + random.below(60)).map { $0 == 10 ? 11 : $0 }
            if random.below(2) == 0 {
                line = Array("{\"".utf8) + line + Array("\":1,\"".utf8) + line + Array("\":2}".utf8)
            }
            let batch = try EventBatch.parsing([line])
            guard !batch.isEmpty else { continue }
            let details = try Self.details(batch)
            #expect(details["raw"] as? String == Base64.encode(line))
            let again = try EventBatch.parsing([batch.line()])
            #expect(again.entries.map(\.kind) == [.event])
            #expect(again.extra() == "")
            #expect(again.entries[0].facts == batch.entries[0].facts)
            #expect(again.terms.tokens == batch.terms.tokens)
        }
    }

    @Test func duplicateNamesAreShown() throws {
        let name = "\\\"\\n\\u0000" + String(repeating: "é", count: 40)
        let batch = try EventBatch.parsing("{\"\(name)\":1,\"\(name)\":1}")
        let message = try #require(Self.details(batch)["message"] as? String)
        #expect(message.contains("\"\n\u{0}éé"))
        #expect(message.utf8.count < 120)
    }

    @Test func oversizeLines() throws {
        let line = OversizeLine(beginning: Array("{\"password\":\"p".utf8), size: 5_000_000, digest: digest(1))
        for (names, withheld) in [([], false), (["secret"], false), (["PassWord"], true)] {
            let parser = try EventParser(sanitizer: Sanitizer(names: names))
            var batch = EventBatch()
            #expect(parser.parse(.tooLong(line), uid: 0, into: &batch))
            #expect(batch.rejections.map(\.code) == [.tooLong])
            let details = try Self.details(batch)
            #expect(details["bytes"] as? Int == 5_000_000)
            #expect(details["sha256"] as? String == digest(1).bytes.hex)
            #expect(details["raw"] as? String == (withheld ? nil : Base64.encode(line.beginning)))
            #expect(details["withheld"] as? Bool == (withheld ? true : nil))
        }
    }
}
