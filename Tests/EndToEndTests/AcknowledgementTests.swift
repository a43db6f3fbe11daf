import CairnFormat
import Foundation
import Testing

extension EndToEnd {
    /// Clients that ask for an answer to every line.
    @Suite struct AcknowledgementTests {
        private func event(_ name: String, id: String? = nil) -> String {
            "{\"action\":\"\(name)\",\"module\":\"m\"" + (id.map { ",\"id\":\"\($0)\"" } ?? "") + "}\n"
        }

        @Test func theAnswersAreThese() throws {
            let daemon = try DaemonProcess(nil, ["--origin", "example.org/log", "--limits-event-bytes", "2048"])
            let client = try daemon.plain()
            func expect(_ sent: String, _ answer: String, line: SourceLocation = #_sourceLocation) throws {
                try client.send(sent)
                #expect(try client.text() == answer, sourceLocation: line)
            }
            try expect(
                "{\"_hello\":{\"ack\":true,\"later\":[{}]}}\n",
                #"{"_hello":{"version":1,"origin":"example.org/log","max_event_bytes":2048}}"#)
            try expect(event("a", id: "1"), #"{"_ack":{"lines":1,"first_seq":2,"last_seq":2}}"#)
            try expect(event("a", id: "1"), #"{"_ack":{"lines":1,"first_seq":2,"last_seq":2,"duplicate":true}}"#)
            try expect(
                "\n \t\r\n{\"action\":\"a\"}\n",
                #"{"_error":{"line":3,"code":"missing_module","message":"an event needs a \"module\"","offset":0,"#
                    + #""seq":3}}"#)
            try expect(#"{"_sync":"\u0041 \"\\\n😀"}"# + "\n", #"{"_synced":"A \"\\\u000a😀"}"#)
            try expect(
                "  {\"action\":\"a\",\"module\":\"m\",\"_seq\":1}\n",
                #"{"_error":{"line":5,"code":"reserved_name","message":"names that begin with \"_\" belong to the "#
                    + #"daemon","offset":29,"seq":4}}"#)
            try expect(event("b"), #"{"_ack":{"lines":1,"first_seq":5,"last_seq":5}}"#)
            client.finish()
            #expect(try client.line() == nil)
            try daemon.stop()
        }

        @Test func everyLineIsAnsweredOnceAndInOrder() throws {
            let daemon = try DaemonProcess()
            enum Kind: CaseIterable { case event, bad, duplicate, sync, empty }
            let seed = UInt64.random(in: 0...UInt64.max)
            var random = Random(seed: seed)
            var kinds: [Kind] = []
            var text = event("first", id: "same")
            for number in 0..<1500 {
                let isEvent = Double.random(in: 0...1, using: &random) < 0.8
                let kind = isEvent ? .event : Kind.allCases.randomElement(using: &random) ?? .event
                switch kind {
                case .event: text += event("e\(number)")
                case .bad: text += "{\"action\":\"bad\(number)\"}\n"
                case .duplicate: text += event("other", id: "same")
                case .sync: text += "{\"_sync\":\"\(number)\"}\n"
                case .empty: text += " \n"
                }
                if kind != .empty { kinds.append(kind) }
            }
            let answers = try daemon.acknowledged().converse(Array(text.utf8))
            let stored = try daemon.stop()
            let sequences = answers.sequences
            try #require(sequences.count == kinds.count + 1, "seed \(seed)")
            let lines = text.split(separator: "\n").filter { $0 != " " }
            for (index, kind) in kinds.enumerated() {
                let sequence = sequences[index + 1]
                switch kind {
                case .event: #expect(stored[Int(try #require(sequence))].string == lines[index + 1])
                case .bad:
                    let rejection = stored[Int(try #require(sequence))].rejection
                    #expect(rejection?.keeps(Array(lines[index + 1].utf8)) == true)
                case .duplicate: #expect(sequence == sequences[0])
                case .sync: #expect(sequence == nil)
                case .empty: break
                }
            }
            // Refusals name their line.
            for case .refused(let refusal) in answers {
                #expect(kinds[try #require(refusal.line) - 2] == .bad)
            }
            #expect(stored.ours.count == kinds.count { $0 == .event || $0 == .bad } + 1)
        }

        @Test func linesSentTogetherAreAnsweredInRuns() throws {
            let daemon = try DaemonProcess()
            let answers = try daemon.acknowledged().converse(
                Array(((0..<400).map { event("e\($0)") }.joined()).utf8))
            #expect(answers.map(\.lines).reduce(0, +) == 400)
            #expect(answers.count < 400)
            for case .accepted(let run) in answers {
                #expect(run.last_seq - run.first_seq + 1 == UInt64(run.lines))
                #expect(run.segment == nil && run.leaves == nil && run.duplicate == nil)
            }
            try daemon.stop()
        }

        @Test func receiptsAreTheLeavesOfTheLog() throws {
            let daemon = try DaemonProcess()
            // A sequence in the second group of salts, and two segments.
            let first = try daemon.acknowledged(receipts: true).converse(
                Array(((0..<1100).map { event("e\($0)") }.joined() + "bad\n").utf8))
            #expect(try daemon.ask("rotate")["sealed"] as? Bool == true)
            let second = try daemon.acknowledged(receipts: true).converse(Array((event("x") + event("y")).utf8))
            let stored = try daemon.stop()
            var count = 0
            for (segment, answers) in [first, second].enumerated() {
                var salts = Salts(saltKey: try saltKey(daemon.place.stored.segments[segment]))
                for case .accepted(let run) in answers {
                    #expect(run.segment == UInt64(segment))
                    #expect(run.leaves?.count == run.lines)
                    for (index, leaf) in (run.leaves ?? []).enumerated() {
                        let line = stored[Int(run.first_seq) + index]
                        let expected = salts.withSalt(of: line.sequence) { salt in
                            salt.map { salt in line.text.withUnsafeBytes { Digest.leaf(salt: salt, line: $0) } }
                        }
                        #expect(leaf == expected.map(Base64.encode))
                        count += 1
                    }
                }
            }
            #expect(count == 1102)
        }

        /// Bytes 68 to 99 of the header's content, which begins at byte 16.
        private func saltKey(_ path: String) throws -> [UInt8] {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))[84..<116])
        }

        @Test func anIDIsStoredOnceWhateverHappensBetween() throws {
            var daemon = try DaemonProcess(nil, ["--segment-max-bytes", "64KiB"])
            let place = daemon.place
            func send(_ id: String) throws -> Answer.Acknowledgement {
                let client = try daemon.acknowledged()
                try client.send(event("a", id: id))
                guard case .accepted(let run)? = try client.answer() else { throw Timeout(description: "no answer") }
                return run
            }
            let first = try send("one")
            #expect(first.duplicate == nil)
            #expect(try send("one").duplicate == true)
            // Twice in one write.
            let twice = event("b", id: "two") + event("c", id: "two")
            let both = try daemon.acknowledged().converse(Array(twice.utf8))
            #expect(both.sequences.count == 2 && both.sequences[0] == both.sequences[1])
            _ = try daemon.ask("rotate")
            let again = Answer.Acknowledgement(
                lines: 1, first_seq: first.first_seq, last_seq: first.last_seq, duplicate: true)
            #expect(try send("one") == again)
            try daemon.stop()
            daemon = try DaemonProcess(place)
            #expect(try send("one").first_seq == first.first_seq)
            let third = try send("three")
            try daemon.killNow()
            daemon = try DaemonProcess(place)
            let fourth = try send("three")
            #expect(fourth.duplicate == true && fourth.first_seq == third.first_seq)
            #expect(try send("one") == again)
            let stored = try daemon.stop().ours
            #expect(stored.count == 3)
            try place.stored.expectVerified()
        }

        @Test(.enabled(if: Environment.canBeAnother, "it takes root, setpriv and socat to send as another user"))
        func anIDOfAnotherUserIsAnotherID() throws {
            let daemon = try DaemonProcess(nil, ["--socket-mode", "0666"])
            chmod(daemon.place.scratch.path, 0o711)
            let client = try daemon.acknowledged()
            try client.send(event("mine", id: "1"))
            #expect(try client.answer()?.lines == 1)
            let input = "\(daemon.place.scratch.path)/input"
            try (#"{"_hello":{"ack":true}}"# + "\n" + event("theirs", id: "1")).write(
                toFile: input, atomically: true, encoding: .utf8)
            let other = try ChildProcess.run(Environment.socat(daemon.place.socket, as: 65_534), input: input)
            #expect(other.text.contains("\"_ack\""))
            #expect(!other.text.contains("duplicate"))
            let stored = try daemon.stop()
            let theirs = try #require(stored.first { $0.string.contains("theirs") })
            #expect(theirs.uid == 65_534)
        }

        @Test func whatIsSyncedSurvivesAKill() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            try client.send((0..<300).map { event("e\($0)") }.joined() + "{\"_sync\":\"x\"}\n")
            var answers: [Answer] = []
            while answers.last != .synced("x") { answers.append(try #require(try client.answer())) }
            try daemon.killNow()
            #expect(answers.map(\.lines).reduce(0, +) == 301)
            #expect(try daemon.place.stored.lines().ours.count == 300)
        }

        /// More answers than the kernel holds, for a client that has ended its side before it takes the first.
        @Test func whoReadsLateGetsEveryAnswer() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            let token = String(repeating: "x", count: 1000)
            let line = Array("{\"_sync\":\"\(token)\"}\n".utf8)
            var sent = 0
            var waits = 0
            // Until the daemon reads no more; the last piece may be cut anywhere.
            var rest = line[...]
            while waits < 100 {
                let count = try client.sendAvailable(rest)
                waits = count == 0 ? waits + 1 : 0
                if count == 0 { usleep(10_000) }
                rest = rest.dropFirst(count)
                if rest.isEmpty { (sent, rest) = (sent + 1, line[...]) }
            }
            client.finish()
            usleep(300_000)
            let answers = try client.answers()
            #expect(answers.prefix(sent).allSatisfy { $0 == .synced(token) })
            #expect(answers.count == sent + (rest.count == line.count ? 0 : 1))
            try daemon.stop()
        }

        @Test func aConnectionTooManyIsClosedAndTheOthersGoOn() throws {
            let daemon = try DaemonProcess(nil, ["--limits-connections", "2"])
            let kept = [try daemon.acknowledged(), try daemon.acknowledged()]
            let refused = try daemon.plain()
            #expect((try? refused.line()) == nil)
            for client in kept {
                try client.send(event("a"))
                #expect(try client.answer()?.lines == 1)
                client.finish()
                #expect(try client.line() == nil)
            }
            let next = try daemon.acknowledged()
            try next.send(event("a"))
            #expect(try next.answer()?.lines == 1)
            try daemon.stop()
            #expect(daemon.place.errorText.contains("limits.connections"))
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a failing run can be run again from its seed.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
