import CairnPlatform
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Nobody is starved, nothing is dropped, and memory stays bounded.
    @Suite struct BackPressureTests {
        /// Sends the same line until it is told to stop.
        private final class Flood: Sendable {
            private let isOver = Guarded(false)
            private let count = Guarded(0)
            private let thread: DedicatedThread

            init(_ client: EventClient, _ line: String) throws {
                let bytes = Array(String(repeating: line, count: 200).utf8)
                thread = try DedicatedThread(name: "flood") { [isOver, count] in
                    while !isOver.withLock({ $0 }), (try? client.send(bytes)) != nil { count.withLock { $0 += 200 } }
                    client.finish()
                }
            }

            /// Lines that were sent.
            func stop() -> Int {
                isOver.withLock { $0 = true }
                thread.join()
                return count.withLock { $0 }
            }
        }

        @Test func aFloodStarvesNobody() throws {
            let daemon = try DaemonProcess(nil, ["--limits-connection-bytes", "256KiB"])
            let flooding = try daemon.plain()
            let flood = try Flood(flooding, #"{"action":"flood","module":"m"}"# + "\n")
            // As long as these are not answered the flood goes on: a daemon that is not fair would never answer.
            for _ in 0..<3 {
                let clients = try (0..<10).map { _ in try daemon.acknowledged() }
                for client in clients { try client.send("{\"action\":\"single\",\"module\":\"m\"}\n") }
                for client in clients { #expect(try client.answer(within: 60)?.lines == 1) }
            }
            let sent = flood.stop()
            #expect(try flooding.line() == nil)
            let stored = try daemon.stop()
            #expect(stored.count { $0.string.hasPrefix(#"{"action":"flood""#) } == sent)
            #expect(stored.count { $0.string.hasPrefix(#"{"action":"single""#) } == 30)
        }

        @Test(arguments: [
            #"{"action":"deaf","module":"m","details":"some more bytes for each of the leaves in the receipt"}"# + "\n",
            #"{"action":"deaf","details":"it has no module, and so it is refused"}"# + "\n", #"{"_sync":"x"}"# + "\n",
            #"{"action":"deaf","module":"m","id":"it is always the same"}"# + "\n",
        ])
        func whoTakesNoAnswersIsHeldBack(_ line: String) throws {
            let daemon = try DaemonProcess(nil, ["--limits-connection-bytes", "256KiB"])
            let deaf = try daemon.acknowledged(receipts: true)
            let lines = Array(String(repeating: line, count: 4096).utf8)
            var sent = 0
            var position = 0
            var waits = 0
            // Until nothing goes for three seconds.
            while waits < 300 {
                try #require(sent < 16 << 20, "the daemon reads on and on")
                let count = try deaf.sendAvailable(lines[position...])
                sent += count
                position = (position + count) % lines.count
                waits = count == 0 ? waits + 1 : 0
                if count == 0 { usleep(10_000) }
            }
            #expect(try daemon.peakMemory() < 200 << 20)
            let other = try daemon.acknowledged()
            try other.send("{\"action\":\"other\",\"module\":\"m\"}\n")
            #expect(try other.answer()?.lines == 1)
            // It begins to read: every line is answered, and none was lost.
            let answers = try deaf.converse(Array(lines[position...]))
            #expect(answers.map(\.lines).reduce(0, +) == (sent + lines.count - position) / line.utf8.count)
            try daemon.stop()
        }

        @Test func controlClientsThatNeverReadAreHeldBack() throws {
            let daemon = try DaemonProcess()
            let deaf = try EventClient(daemon.place.control)
            let lines = Array(String(repeating: "{\"command\":\"status\"}\n", count: 4096).utf8)
            var waits = 0
            var sent = 0
            while waits < 300 {
                try #require(sent < 4 << 20, "the daemon reads on and on")
                let count = try deaf.sendAvailable(lines[...])
                sent += count
                waits = count == 0 ? waits + 1 : 0
                if count == 0 { usleep(10_000) }
            }
            #expect(try daemon.peakMemory() < 200 << 20)
            #expect(try daemon.ask("status")["ok"] as? Bool == true)
            try daemon.stop()
        }
    }
}
