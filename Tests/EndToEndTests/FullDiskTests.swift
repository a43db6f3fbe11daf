import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// The disk is full, or fails.
    @Suite struct FullDiskTests {
        /// A small file system at `path`, gone with the last reference.
        private final class SmallDisk {
            /// The last byte is to be used: there is no reserve.
            static let flags = ["--disk-warn-free", "0", "--disk-stop-free", "0"]

            let path: String

            init(_ path: String, size: String) throws {
                self.path = path
                try #require(mkdir(path, 0o755) == 0)
                let result = try ChildProcess.run(["mount", "-t", "tmpfs", "-o", "size=\(size)", "cairn", path])
                try #require(result.end == .exited(0), "\(result.error)")
            }

            deinit { _ = try? ChildProcess.run(["umount", path]) }
        }

        private func isUnavailable(_ answer: Answer?) -> Bool {
            guard case .refused(let refusal)? = answer else { return false }
            return refusal.code == "unavailable" && refusal.line == nil
        }

        @Test(.enabled(if: Environment.canMount, "it takes root, or the capability, to mount a small file system"))
        func clientsWaitUntilThereIsSpaceAgain() throws {
            let place = try DaemonProcess.Place()
            let disk = try SmallDisk(place.log, size: "2m")
            let daemon = try DaemonProcess(place, SmallDisk.flags)
            let filler = "\(place.log)/filler"
            let client = try daemon.acknowledged()
            let quiet = try daemon.acknowledged()
            try client.send("{\"action\":\"before\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            // All that is left but nothing.
            _ = try ChildProcess.run(["dd", "if=/dev/zero", "of=\(filler)", "bs=4k"])
            var random = Random(seed: 1)
            // Text that does not pack well, so that blocks of it need pages of their own.
            let lines = (0..<200).map { number in
                let text = (0..<400).map { _ in String(UInt64.random(in: 0...UInt64.max, using: &random), radix: 36) }
                let details = text.joined().prefix(2000)
                return #"{"action":"full","module":"m","id":"\#(number)","details":"\#(details)"}"# + "\n"
            }
            try client.send(lines.joined())
            var answers: [Answer] = []
            while let answer = try client.answer() {
                answers.append(answer)
                if isUnavailable(answer) { break }
            }
            #expect(isUnavailable(answers.last))
            #expect(isUnavailable(try quiet.answer()))
            #expect(answers.map(\.lines).reduce(0, +) < lines.count)
            try eventually("the status says so") { try daemon.ask("status")["phase"] as? String == "suspended" }
            #expect(try client.isSilent(milliseconds: 1500))
            unlink(filler)
            while answers.map(\.lines).reduce(0, +) < lines.count { answers.append(try #require(try client.answer())) }
            #expect(answers.map(\.lines).reduce(0, +) == lines.count)
            try quiet.send("{\"action\":\"after\",\"module\":\"m\"}\n")
            #expect(try quiet.answer()?.lines == 1)
            let stored = try daemon.stop().ours
            let middle = lines.map { String($0.dropLast()) }
            let expected = [#"{"action":"before","module":"m"}"#] + middle + [#"{"action":"after","module":"m"}"#]
            #expect(stored.map(\.string) == expected)
            try place.stored.expectVerified()
            #expect(place.errorText.contains("nothing is stored for now"))
            #expect(place.errorText.contains("events are stored again"))
            withExtendedLifetime(disk) {}
        }

        @Test(.enabled(if: Environment.canMount, "it takes root, or the capability, to mount a small file system"))
        func itStopsAndStartsAgainAroundAFullDisk() throws {
            let place = try DaemonProcess.Place()
            let disk = try SmallDisk(place.log, size: "2m")
            var daemon = try DaemonProcess(place, SmallDisk.flags)
            let filler = "\(place.log)/filler"
            let client = try daemon.acknowledged()
            try client.send("{\"action\":\"before\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            _ = try ChildProcess.run(["dd", "if=/dev/zero", "of=\(filler)", "bs=4k"])
            try eventually("the head can no longer be written") {
                try client.send("{\"action\":\"full\",\"module\":\"m\"}\n")
                return try daemon.ask("status")["phase"] as? String == "suspended"
            }
            daemon.signal(SIGTERM)
            #expect(try daemon.end() == .exited(0))
            var acknowledged = 0
            while let answer = try? client.answer() { acknowledged += isUnavailable(answer) ? 0 : answer.lines }
            unlink(filler)
            daemon = try DaemonProcess(place, SmallDisk.flags)
            #expect(try daemon.stop().ours.count >= acknowledged + 1)
            try place.stored.expectVerified()
            withExtendedLifetime(disk) {}
        }

        /// A write fails for another reason than space: nothing more is promised, and the daemon ends with 74.
        @Test func aFailedWriteEndsIt() throws {
            let place = try DaemonProcess.Place()
            let wrapper = ["sh", "-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]
            var daemon = try DaemonProcess(place, wrapper: wrapper)
            let client = try daemon.acknowledged()
            var random = Random(seed: 1)
            var answers: [Answer] = []
            var sent = 0
            while sent < 1000, !isUnavailable(answers.last) {
                let text = (0..<150).map { _ in String(UInt64.random(in: 0...UInt64.max, using: &random), radix: 36) }
                let line = #"{"action":"a","module":"m","id":"\#(sent)","details":"\#(text.joined())"}"# + "\n"
                guard (try? client.send(line)) != nil, let answer = try client.answer() else { break }
                sent += 1
                answers.append(answer)
            }
            #expect(isUnavailable(answers.last))
            #expect((try? client.answer()) == nil)
            #expect(try daemon.end() == .exited(74))
            #expect(place.errorText.contains("EFBIG"))
            daemon = try DaemonProcess(place)
            let stored = try daemon.stop().ours
            let acknowledged = answers.map(\.lines).reduce(0, +)
            #expect(acknowledged > 0)
            #expect(stored.count == acknowledged || stored.count == acknowledged + 1)
            try place.stored.expectVerified()
        }
    }
}
