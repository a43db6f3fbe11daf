import CairnPlatform
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// The daemon is killed while clients send.
    @Suite struct CrashTests {
        /// What one client knows when the daemon is gone.
        private final class Sender: Sendable {
            let name: String
            let acknowledged = Guarded<[String: UInt64]>([:])
            let sent = Guarded<Int>(0)

            init(_ name: String) { self.name = name }

            func line(_ number: Int) -> String {
                #"{"action":"load","module":"m\#(number % 3)","id":"\#(name).\#(number)","details":"\#(number)"}"#
            }

            /// Sends until the connection breaks; at most a thousand lines ahead of the answers.
            func run(_ client: EventClient) {
                var answered = 0
                do {
                    while true {
                        let count = sent.withLock { $0 }
                        if count - answered < 1000 {
                            try client.send((count..<(count + 20)).map { line($0) + "\n" }.joined())
                            sent.withLock { $0 += 20 }
                        }
                        guard let answer = try client.answer() else { return }
                        guard case .accepted(let run) = answer else {
                            Issue.record("\(name): \(answer)")
                            return
                        }
                        acknowledged.withLock { known in
                            for offset in 0..<run.lines {
                                known["\(name).\(answered + offset)"] = run.first_seq + UInt64(offset)
                            }
                        }
                        answered += run.lines
                    }
                } catch {
                    // The daemon is gone.
                }
            }
        }

        /// Kills a start again and again at a random moment, most often before it is ready. Returns how often that was.
        private func killStarts(
            _ place: DaemonProcess.Place, _ flags: [String], count: Int, _ random: inout Random
        ) throws -> Int {
            var early = 0
            for _ in 0..<count {
                let daemon = try DaemonProcess(place, flags, waits: false)
                usleep(UInt32.random(in: 0...120_000, using: &random))
                try daemon.killNow()
                if !daemon.errors.contains("ready: ") { early += 1 }
            }
            return early
        }

        @Test func whatIsAcknowledgedIsThereOnceAfterEveryKill() throws {
            let rounds = Environment.isLong ? 50 : 5
            let seed = UInt64.random(in: 0...UInt64.max)
            var random = Random(seed: seed)
            let place = try DaemonProcess.Place()
            let flags = ["--segment-max-bytes", "64KiB", "--head-interval", "50ms"]
            var acknowledged: [String: UInt64] = [:]
            var senders: [Sender] = []
            var (kills, earlyKills) = (0, 0)
            for round in 0..<rounds {
                // The first of these are killed while they create the log.
                kills += 5
                earlyKills += try killStarts(place, flags, count: 4, &random)
                let daemon = try DaemonProcess(place, flags)
                let clients = try (0..<4).map { _ in try daemon.acknowledged() }
                let current = clients.indices.map { Sender("r\(round)c\($0)") }
                let threads = try zip(clients, current).map { client, sender in
                    try DedicatedThread(name: "sender") { sender.run(client) }
                }
                usleep(UInt32.random(in: 50_000...900_000, using: &random))
                if round.isMultiple(of: 2) {
                    // In the middle of a rotation.
                    daemon.signal(SIGUSR1)
                    usleep(UInt32.random(in: 0...20_000, using: &random))
                }
                try daemon.killNow()
                for thread in threads { thread.join() }
                for sender in current { acknowledged.merge(sender.acknowledged.withLock { $0 }) { one, _ in one } }
                senders += current
                // As the crash left it, and as the next start leaves it.
                try place.stored.expectVerified("seed \(seed), round \(round), after the kill")
            }
            let daemon = try DaemonProcess(place, flags)
            try place.stored.expectVerified("seed \(seed), after the last start")
            // Everybody sends everything once more: a retry is never stored twice.
            for sender in senders {
                let text = (0..<sender.sent.withLock { $0 }).map { sender.line($0) + "\n" }.joined()
                let answers = try daemon.acknowledged().converse(Array(text.utf8))
                for (number, sequence) in answers.sequences.enumerated() {
                    let id = "\(sender.name).\(number)"
                    if let known = acknowledged[id] { #expect(sequence == known, "seed \(seed), \(id)") }
                }
            }
            let stored = try daemon.stop().filter { $0.string.hasPrefix(#"{"action":"load""#) }
            var found: [String: UInt64] = [:]
            for line in stored {
                let id = try #require(try line.json()["id"] as? String)
                #expect(found.updateValue(line.sequence, forKey: id) == nil, "seed \(seed): \(id) is there twice")
            }
            let lost = acknowledged.count { id, sequence in found[id] != sequence }
            print(
                "kill -9: \(kills) kills, \(earlyKills) of them before the daemon was ready, \(acknowledged.count) "
                    + "acknowledged events, lost: \(lost) (seed \(seed))")
            #expect(!acknowledged.isEmpty && earlyKills > 0)
            for (id, sequence) in acknowledged { #expect(found[id] == sequence, "seed \(seed), \(id)") }
            #expect(found.count == senders.map { $0.sent.withLock { $0 } }.reduce(0, +), "seed \(seed)")
            try place.stored.expectVerified("seed \(seed), in the end")
        }

        @Test func aTornTailIsCutAndSaidSo() throws {
            let place = try DaemonProcess.Place()
            var daemon = try DaemonProcess(place)
            let client = try daemon.acknowledged()
            try client.send("{\"action\":\"a\",\"module\":\"b\"}\n")
            #expect(try client.answer()?.lines == 1)
            try daemon.killNow()
            let segment = try #require(place.stored.segments.last)
            let file = try #require(FileHandle(forWritingAtPath: segment))
            try file.seekToEnd()
            // The beginning of a block that was never finished.
            try file.write(contentsOf: Data([0x1F, 0x8B, 0x08, 0x04, 0, 0, 0, 0, 0, 0xFF, 0x64, 0x00, 0x43, 0x42]))
            try file.close()
            daemon = try DaemonProcess(place)
            let stored = try daemon.stop()
            #expect(stored.own("log.recovered").count == 1)
            #expect(stored.ours.count == 1)
            try place.stored.expectVerified()
        }

        /// What was acknowledged is damaged: the log goes on in a new segment, and says what it lost.
        @Test func aDamagedTailIsNotHidden() throws {
            let place = try DaemonProcess.Place()
            var daemon = try DaemonProcess(place, ["--head-interval", "10ms"])
            let client = try daemon.acknowledged()
            for _ in 0..<5 {
                try client.send("{\"action\":\"a\",\"module\":\"b\"}\n")
                #expect(try client.answer()?.lines == 1)
            }
            try daemon.stop()
            let segment = try #require(place.stored.segments.last)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
            bytes[bytes.count * 2 / 3] ^= 1
            try bytes.write(to: URL(fileURLWithPath: segment))
            daemon = try DaemonProcess(place)
            let other = try daemon.acknowledged()
            try other.send("{\"action\":\"after\",\"module\":\"b\"}\n")
            #expect(try other.answer()?.lines == 1)
            daemon.signal(SIGTERM)
            #expect(try daemon.end() == .exited(0))
            let newest = try #require(place.stored.segments.last)
            let text = try ChildProcess.run(["zcat", newest]).text
            #expect(text.contains(#""action":"log.discontinuity""#))
            #expect(text.contains(#""action":"after""#))
            #expect(place.errorText.contains("discontinuity") || place.errorText.contains("damaged"))
            if Environment.hasVerifier { #expect(try place.stored.verify().verdict != "VERIFIED") }
        }
    }
}
