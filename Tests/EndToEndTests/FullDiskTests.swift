import CairnPlatform
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

        /// Takes all the space that is left on a disk, but for so many pages. Returns the file that does.
        private static func fill(_ path: String, but pages: Int = 0) throws -> String {
            let filler = "\(path)/filler"
            _ = try ChildProcess.run(["dd", "if=/dev/zero", "of=\(filler)", "bs=4k"])
            var status = stat()
            try #require(stat(filler, &status) == 0)
            try #require(truncate(filler, status.st_size - off_t(pages) * 4096) == 0)
            return filler
        }

        /// Lines that do not pack well, so that blocks of them need pages of their own.
        private static func lines(_ count: Int, _ action: String) -> [String] {
            var random = Random(seed: 1)
            return (0..<count).map { number in
                let text = (0..<400).map { _ in String(UInt64.random(in: 0...UInt64.max, using: &random), radix: 36) }
                let details = text.joined().prefix(2000)
                return #"{"action":"\#(action)","module":"m","id":"\#(action).\#(number)","details":"\#(details)"}"#
            }
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
            let client = try daemon.acknowledged()
            let quiet = try daemon.acknowledged()
            try client.send("{\"action\":\"before\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            let filler = try Self.fill(place.log)
            let lines = Self.lines(200, "full").map { $0 + "\n" }
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
            let client = try daemon.acknowledged()
            try client.send("{\"action\":\"before\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            let filler = try Self.fill(place.log)
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

        /// Who gets no answers cannot be told, and so must be stopped.
        @Test(.enabled(if: Environment.canMount, "it takes root, or the capability, to mount a small file system"))
        func plainClientsAreHeldBackToo() throws {
            let place = try DaemonProcess.Place()
            let disk = try SmallDisk(place.log, size: "8m")
            let daemon = try DaemonProcess(place, SmallDisk.flags + ["--limits-connection-bytes", "256KiB"])
            let clients = try (0..<2).map { _ in try daemon.plain() }
            let lines = clients.indices.map { Self.lines(1000, "plain\($0)") }
            let filler = try Self.fill(place.log)
            var rest = lines.map { Array($0.map { $0 + "\n" }.joined().utf8)[...] }
            var waits = 0
            // Until nothing goes for two seconds.
            while waits < 200 {
                var count = 0
                for index in clients.indices {
                    let sent = try clients[index].sendAvailable(rest[index])
                    rest[index] = rest[index].dropFirst(sent)
                    count += sent
                }
                waits = count == 0 ? waits + 1 : 0
                if count == 0 { usleep(10_000) }
            }
            #expect(rest.allSatisfy { !$0.isEmpty }, "the daemon reads on and on")
            #expect(try daemon.ask("status")["phase"] as? String == "suspended")
            // This is what blocks a client that waits for the daemon.
            let threads = try zip(clients, rest).map { client, rest in
                try DedicatedThread(name: "plain") {
                    try? client.send(Array(rest))
                    client.finish()
                }
            }
            unlink(filler)
            for thread in threads { thread.join() }
            for client in clients { #expect(try client.line() == nil) }
            let stored = try daemon.stop().ours.map(\.string)
            for (index, lines) in lines.enumerated() {
                #expect(stored.filter { $0.hasPrefix(#"{"action":"plain\#(index)""#) } == lines)
            }
            try place.stored.expectVerified()
            withExtendedLifetime(disk) {}
        }

        /// Space ends at each step of a rotation in turn: of each file that it writes, the first that does not fit.
        @Test(.enabled(if: Environment.canMount, "it takes root, or the capability, to mount a small file system"))
        func aRotationGoesOnWhenThereIsSpaceAgain() throws {
            let place = try DaemonProcess.Place()
            let disk = try SmallDisk(place.log, size: "2m")
            let daemon = try DaemonProcess(place, SmallDisk.flags + ["--head-interval", "60s"])
            let client = try daemon.acknowledged()
            var suspensions = 0
            let lines = Self.lines(16, "rotate")
            for (pages, pair) in stride(from: 0, to: lines.count, by: 2).map({ lines[$0..<($0 + 2)] }).enumerated() {
                let seals = place.stored.sealCount
                try client.send(pair[pair.startIndex] + "\n")
                #expect(try client.answer()?.lines == 1)
                let filler = try Self.fill(place.log, but: pages)
                daemon.signal(SIGUSR1)
                var isSuspended = false
                try eventually("the rotation is done, or waits") {
                    isSuspended = try daemon.ask("status")["phase"] as? String == "suspended"
                    return isSuspended || place.stored.sealCount > seals
                }
                if isSuspended { suspensions += 1 }
                try client.send(pair[pair.startIndex + 1] + "\n")
                usleep(100_000)
                unlink(filler)
                while true {
                    let answer = try client.answer()
                    if isUnavailable(answer) { continue }
                    #expect(answer?.lines == 1)
                    break
                }
                try eventually("the segment is sealed") { place.stored.sealCount == seals + 1 }
            }
            #expect(suspensions > 2)
            #expect(try daemon.stop().ours.map(\.string) == lines)
            try place.stored.expectVerified()
            withExtendedLifetime(disk) {}
        }

        /// Starts it with that many pages left; whether it came so far that it runs, and waits for space perhaps.
        private func startsOnFullDisk(_ place: DaemonProcess.Place, pages: Int) throws -> Bool {
            let filler = try Self.fill(place.log, but: pages)
            defer { unlink(filler) }
            let daemon = try DaemonProcess(place, SmallDisk.flags, waits: false)
            let isReady = try daemon.becomesReady()
            if isReady { daemon.signal(SIGTERM) }
            #expect(try daemon.end() == .exited(isReady ? 0 : 74), "\(pages): \(daemon.errors)")
            if !isReady { #expect(daemon.errors.contains("ENOSPC")) }
            return isReady
        }

        /// Space ends at each step of a creation, each time further on; in the end it succeeds.
        @Test(.enabled(if: Environment.canMount, "it takes root, or the capability, to mount a small file system"))
        func aLogIsCreatedOnceThereIsSpace() throws {
            let place = try DaemonProcess.Place()
            let disk = try SmallDisk(place.log, size: "1m")
            var pages = 0
            while try !startsOnFullDisk(place, pages: pages) { pages += 1 }
            #expect(2...20 ~= pages)
            try DaemonProcess(place, SmallDisk.flags).stop()
            try place.stored.expectVerified()
            withExtendedLifetime(disk) {}
        }

        /// Space ends at each step of a start: it runs and waits, or ends with 74, and the next start finds all.
        @Test(.enabled(if: Environment.canMount, "it takes root, or the capability, to mount a small file system"))
        func aStartOnAFullDiskLosesNothing() throws {
            let place = try DaemonProcess.Place()
            let disk = try SmallDisk(place.log, size: "2m")
            let lines = Self.lines(24, "start")
            var next = 0
            func write(_ count: Int) throws -> DaemonProcess {
                let daemon = try DaemonProcess(place, SmallDisk.flags)
                let client = try daemon.acknowledged()
                for line in lines[next..<(next + count)] {
                    try client.send(line + "\n")
                    #expect(try client.answer()?.lines == 1)
                }
                next += count
                return daemon
            }
            try write(12).stop()
            var ready = 0
            for round in 0..<12 {
                ready += try startsOnFullDisk(place, pages: round / 3) ? 1 : 0
                if round.isMultiple(of: 2) { try write(1).stop() } else { try write(1).killNow() }
                try place.stored.expectVerified()
            }
            // Some starts have come to an end for want of space, and some have run for a while.
            #expect(2...10 ~= ready)
            #expect(try DaemonProcess(place, SmallDisk.flags).stop().ours.map(\.string) == lines)
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
