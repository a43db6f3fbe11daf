import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Somebody takes the log's files from under the daemon. It notices while nothing else happens, within a second.
    @Suite struct DisplacedFilesTests {
        private func started() throws -> (DaemonProcess, EventClient, String) {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            for _ in 0..<20 {
                try client.send("{\"action\":\"a\",\"module\":\"m\"}\n")
                #expect(try client.answer()?.lines == 1)
            }
            return (daemon, client, try #require(daemon.place.stored.segments.last))
        }

        @Test(arguments: ["removed", "moved away", "replaced"])
        func aSegmentIsPutBack(how: String) throws {
            let (daemon, client, segment) = try started()
            switch how {
            case "removed": #expect(unlink(segment) == 0)
            case "moved away": #expect(rename(segment, segment + ".moved") == 0)
            default:
                try Data("something else".utf8).write(to: URL(fileURLWithPath: segment + ".other"))
                #expect(rename(segment + ".other", segment) == 0)
            }
            // No event comes, so nothing but the watch can find it.
            try eventually(within: 10, "it is noticed") {
                daemon.place.errorText.contains("while it was written; it is put back")
            }
            try eventually(within: 10, "it is there again") {
                (try? Data(contentsOf: URL(fileURLWithPath: segment)).starts(with: [0x1F, 0x8B])) == true
            }
            try client.send("{\"action\":\"after\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(daemon.place.log)/segments")
            #expect(names.contains { $0.contains(".displaced-") } == (how == "replaced"))
            let stored = try daemon.stop()
            #expect(stored.ours.count == 21)
            #expect(stored.own("log.displaced").count == 1)
            unlink(segment + ".moved")
            try daemon.place.stored.expectVerified()
        }

        @Test func aPrivateKeyIsPutBack() throws {
            let (daemon, _, _) = try started()
            let key = "\(daemon.place.log)/keys/epoch"
            let before = try Data(contentsOf: URL(fileURLWithPath: key))
            #expect(unlink(key) == 0)
            try eventually(within: 10, "it is there again") {
                (try? Data(contentsOf: URL(fileURLWithPath: key))) == before
            }
            #expect(try daemon.stop().ours.count == 20)
            try daemon.place.stored.expectVerified()
        }

        /// Whoever is acknowledged must be able to find the log, so a directory that is gone is the end.
        @Test(arguments: ["moved", "removed", "replaced"])
        func aDirectoryThatIsGoneEndsIt(how: String) throws {
            let (daemon, client, _) = try started()
            let (log, moved) = (daemon.place.log, daemon.place.log + ".moved")
            if how == "removed" {
                try FileManager.default.removeItem(atPath: log)
            } else {
                #expect(rename(log, moved) == 0)
                if how == "replaced" { #expect(mkdir(log, 0o755) == 0) }
            }
            #expect(try daemon.end() == .exited(74))
            #expect(daemon.place.errorText.contains("directory is not at its path any more"))
            while let answer = try? client.answer() { #expect(answer.lines == 0, "acknowledged into nowhere") }
            guard how != "removed" else { return }
            if how == "replaced" { rmdir(log) }
            #expect(rename(moved, log) == 0)
            let again = try DaemonProcess(daemon.place)
            #expect(try again.stop().ours.count == 20)
            try daemon.place.stored.expectVerified()
        }
    }
}
