import Foundation
import Testing

extension EndToEnd {
    /// What is no event is kept, with its reason, and touches nothing beside it.
    @Suite struct InvalidInputTests {
        struct Case: CustomTestStringConvertible {
            let name: String
            let line: [UInt8]
            let code: String
            var offset: Int?

            init(_ name: String, _ line: String, _ code: String, _ offset: Int? = nil) {
                self.init(name, Array(line.utf8), code, offset)
            }

            init(_ name: String, _ line: [UInt8], _ code: String, _ offset: Int? = nil) {
                (self.name, self.line, self.code, self.offset) = (name, line, code, offset)
            }

            var testDescription: String { name }
        }

        private static let good = Array(#"{"action":"good","module":"m"}"#.utf8)

        private static func detailed(_ value: [UInt8]) -> [UInt8] {
            Array(#"{"action":"a","module":"m","details":{"x":"#.utf8) + value + Array("}}".utf8)
        }

        private static let cases: [Case] = [
            Case("a word", "x", "invalid_json", 0),
            Case("cut off", #"{"action":"a","mod"#, "invalid_json"),
            Case("text behind", #"{"action":"a","module":"m"} x"#, "invalid_json", 28),
            Case("two objects", #"{"action":"a","module":"m"}{}"#, "invalid_json", 27),
            Case("a comma too many", #"{"action":"a","module":"m",}"#, "invalid_json", 27),
            Case("single quotes", "{'action':'a'}", "invalid_json", 1),
            Case("a leading zero", detailed(Array("01".utf8)), "invalid_json"),
            Case("NaN", detailed(Array("NaN".utf8)), "invalid_json"),
            Case("a bad escape", detailed(Array(#""\x""#.utf8)), "invalid_json"),
            Case("half of a surrogate pair", detailed(Array(#""\ud800""#.utf8)), "invalid_json", 43),
            Case("a control character", detailed([0x22, 0x01, 0x22]), "invalid_json"),
            Case("a NUL in a string", detailed([0x22, 0x00, 0x22]), "invalid_json"),
            Case("a NUL between", Array(#"{"action":"a",\#0"module":"m"}"#.utf8), "invalid_json", 14),
            Case("a NUL behind", good + [0], "invalid_json"),
            Case("NULs alone", [0, 0, 0], "invalid_json", 0),
            Case("a byte order mark", [0xEF, 0xBB, 0xBF] + good, "invalid_json", 0),
            Case("Latin-1", detailed([0x22, 0xE9, 0x22]), "invalid_utf8", 43),
            Case("an overlong slash", detailed([0x22, 0xC0, 0xAF, 0x22]), "invalid_utf8", 43),
            Case("a surrogate", detailed([0x22, 0xED, 0xA0, 0x80, 0x22]), "invalid_utf8", 43),
            Case("above U+10FFFF", detailed([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22]), "invalid_utf8", 43),
            Case("a cut character", detailed([0x22, 0xF0, 0x9F, 0x98, 0x22]), "invalid_utf8", 43),
            Case("bytes of a gzip file", [0x1F, 0x8B, 0x08, 0x04], "invalid_utf8"),
            Case("an array", "[1]", "not_an_object", 0),
            Case("a string", #""text""#, "not_an_object", 0),
            Case("a number", "  42", "not_an_object", 2),
            Case("null", "null", "not_an_object", 0),
            Case("no action", #"{"module":"m"}"#, "missing_action", 0),
            Case("no module", #"{"action":"a"}"#, "missing_module", 0),
            Case("a null for the action", #"{"action":null,"module":"m"}"#, "missing_action"),
            Case("an empty object", "{}", "missing_action"),
            Case("a name twice", #"{"action":"a","module":"m","action":"b"}"#, "duplicate_key", 27),
            Case("a name twice, escaped", #"{"action":"a","module":"m","\u0061ction":"b"}"#, "duplicate_key", 27),
            Case("a name twice, unknown", #"{"action":"a","x":1,"module":"m","x":1}"#, "duplicate_key", 33),
            Case("a name twice in actor", #"{"action":"a","module":"m","actor":{"id":"1","id":"2"}}"#, "duplicate_key"),
            Case("a name twice in target", #"{"action":"a","module":"m","target":{"x":1,"x":1}}"#, "duplicate_key"),
            Case("a stamp", #"{"_seq":0,"action":"a","module":"m"}"#, "reserved_name", 1),
            Case("a stamp, escaped", #"{"action":"a","module":"m","\u005fuid":0}"#, "reserved_name", 27),
            Case("a name of one underscore", #"{"action":"a","_":0,"module":"m"}"#, "reserved_name", 14),
            Case("a hello too late", #"{"_hello":{"ack":true}}"#, "reserved_name", 1),
            Case("a sync that is no string", #"{"_sync":1}"#, "reserved_name", 1),
            Case("a sync and more", #"{"_sync":"a","action":"a","module":"m"}"#, "reserved_name", 1),
            Case(
                "too deep", detailed(Array(repeating: 0x5B, count: 2000) + Array(repeating: 0x5D, count: 2000)),
                "too_deep"),
            Case("too deep and never closed", Array(repeating: 0x5B, count: 30_000), "too_deep"),
            Case("one byte too long", detailed(Array("\"\(String(repeating: "x", count: 65_536))\"".utf8)), "too_long"),
            Case("far too long", [UInt8](repeating: 0x20, count: 1_000_000), "too_long"),
        ]

        @Test func eachIsKeptWithItsReasonBetweenItsNeighbours() throws {
            let daemon = try DaemonProcess(nil, ["--limits-event-bytes", "65536"])
            let client = try daemon.acknowledged()
            for (number, each) in Self.cases.enumerated() {
                try client.send(Self.good + [0x0A] + each.line + [0x0A] + Self.good + [0x0A])
                var answers: [Answer] = []
                while answers.map(\.lines).reduce(0, +) < 3 { answers.append(try #require(try client.answer())) }
                try #require(answers.count == 3, "\(each.name): \(answers)")
                guard case .refused(let refusal) = answers[1] else {
                    Issue.record("\(each.name) was taken: \(answers)")
                    continue
                }
                #expect(refusal.code == each.code, "\(each.name)")
                #expect(refusal.line == 3 * number + 2)
                if let offset = each.offset { #expect(refusal.offset == offset, "\(each.name)") }
            }
            let stored = try daemon.stop().ours
            try #require(stored.count == 3 * Self.cases.count)
            for (number, each) in Self.cases.enumerated() {
                let rejection = stored[3 * number + 1].rejection
                #expect(rejection?.code == each.code, "\(each.name)")
                #expect(rejection?.keeps(each.line) == true, "\(each.name)")
                #expect(stored[3 * number].original == Self.good)
                #expect(stored[3 * number + 2].original == Self.good)
            }
            try daemon.place.stored.expectVerified()
        }

        @Test func atTheLimitsItIsAnEvent() throws {
            let daemon = try DaemonProcess(nil, ["--limits-event-bytes", "65536"])
            let frame = Self.detailed(Array("\"\"".utf8)).count
            let lines: [[UInt8]] = [
                Self.detailed(Array("\"\(String(repeating: "x", count: 65_536 - frame))\"".utf8)),
                Self.detailed(Array(repeating: 0x5B, count: 1000) + Array(repeating: 0x5D, count: 1000)),
                Self.detailed(Array(#""\u0000 \ud83d\uDE00 \uffff""#.utf8)),
                Self.good + [0x0D], [0x0D, 0x20] + Self.good,
                Array(#"{"action":"a","module":"m","_":1}"#.replacing("_", with: "x_").utf8),
                Array(#"{"action":"a","module":"m","details":{"_seq":1,"x":1,"x":2}}"#.utf8),
            ]
            let answers = try daemon.acknowledged().converse(Array(lines.joined(separator: [0x0A])))
            #expect(answers.map(\.lines).reduce(0, +) == lines.count)
            for answer in answers {
                if case .refused(let refusal) = answer { Issue.record("line \(refusal.line ?? 0): \(refusal.code)") }
            }
            #expect(try daemon.stop().ours.map(\.original) == lines)
        }

        @Test func emptyLinesAreNothing() throws {
            let daemon = try DaemonProcess()
            let answers = try daemon.acknowledged().converse(
                Array("\n\r\n \t \n\n".utf8) + Self.good + Array("\n\n".utf8) + Array("x\n \n".utf8) + Self.good)
            #expect(answers.sequences.count == 3)
            #expect(answers.compactMap { if case .refused(let refusal) = $0 { refusal.line } else { nil } } == [2])
            #expect(try daemon.stop().ours.count == 3)
        }

        /// Whatever the bytes of a file are, each of its lines is found again: as it is, or in an `event.rejected`.
        @Test(.enabled(if: !adversarial.isEmpty, "the corpora are not there"))
        func hostileFilesAreKeptLineByLine() throws {
            let daemon = try DaemonProcess()
            for path in adversarial {
                let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
                let answers = try daemon.acknowledged().converse(bytes)
                let lines = bytes.split(separator: 0x0A).filter { $0.contains { ![0x20, 0x09, 0x0D].contains($0) } }
                #expect(answers.sequences.count == lines.count, "\(path)")
                let stored = try daemon.place.stored.lines()
                for (line, sequence) in zip(lines, answers.sequences) {
                    // Nothing in these files is a sync.
                    let found = stored[Int(try #require(sequence))]
                    #expect(found.original == Array(line) || found.rejection?.keeps(Array(line)) == true, "\(path)")
                }
            }
            try daemon.stop()
            try daemon.place.stored.expectVerified()
        }

        @Test func aLineWithoutEndTakesNoMemory() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            let other = try daemon.acknowledged()
            let megabyte = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            let count = Environment.isLong ? 1024 : 64
            for _ in 0..<count { try client.send(megabyte) }
            try other.send(Self.good + [0x0A])
            #expect(try other.answer()?.lines == 1)
            try client.send([0x0A] + Self.good + [0x0A])
            guard case .refused(let refusal)? = try client.answer() else {
                Issue.record("not refused")
                return
            }
            #expect(refusal.code == "too_long")
            #expect(try client.answer()?.lines == 1)
            #expect(try daemon.peakMemory() < 200 << 20)
            let rejection = try daemon.stop().compactMap(\.rejection)
            #expect(rejection.map(\.bytes) == [count << 20])
        }
    }
}

/// Files of hostile bytes, kept outside of the repository.
private let adversarial: [String] = {
    let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let directory = root.appendingPathComponent("shared/corpora/adversarial").path
    let names = FileManager.default.enumerator(atPath: directory)?.allObjects as? [String] ?? []
    return names.sorted().map { "\(directory)/\($0)" }.filter {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: $0, isDirectory: &isDirectory) && !isDirectory.boolValue
    }
}()
