import CairnPlatform
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// The command line, and starts that fail.
    @Suite struct StartTests {
        private func run(_ flags: [String], wrapper: [String] = []) throws -> ChildProcess.Result {
            try ChildProcess.run(
                wrapper + [DaemonProcess.program] + flags, environment: DaemonProcess.environment, within: 60)
        }

        @Test func helpAndVersion() throws {
            let help = try run(["--help"])
            #expect(help.end == .exited(0))
            for text in ["cairnd [-D DIR] [--socket PATH]", "--segment-max-bytes", "SIGNALS", "EXIT CODES"] {
                #expect(help.text.contains(text))
            }
            #expect(help.error.isEmpty)
            let version = try run(["--version"])
            #expect(version.end == .exited(0))
            #expect(version.text.split(separator: ".").count == 3)
        }

        @Test func theConfigurationIsPrintedAndChecked() throws {
            let scratch = try Scratch()
            let file = "\(scratch.path)/cairn.yaml"
            try "segment:\n  max_age: 10m\n".write(toFile: file, atomically: true, encoding: .utf8)
            let printed = try run(["--config", file, "-D", "\(scratch.path)/log", "--print-config"])
            #expect(printed.end == .exited(0))
            #expect(printed.text.contains("max_age: 600s"))
            #expect(printed.text.contains("\(scratch.path)/log"))
            let checked = try run(["--config", file, "--check-config"])
            #expect(checked.end == .exited(0))
            #expect(checked.text.isEmpty && checked.error.isEmpty)
            // What was printed is a file that says the same.
            try printed.text.write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try run(["--config", file, "--check-config"]).end == .exited(0))
            #expect(access("\(scratch.path)/log", F_OK) != 0)
        }

        @Test(arguments: [
            (["--bogus"], 64, "--bogus"), (["word"], 64, "word"), (["--config"], 64, "--config"),
            (["--segment-max-bytes", "many"], 78, "many"), (["--socket"], 78, "--socket"),
            (["--config", "/nonexistent/cairn.yaml"], 78, "/nonexistent"),
            (["--limits-connection-bytes", "1KiB", "--check-config"], 78, "limits.event_bytes"),
        ])
        func aMistakeIsNamed(_ flags: [String], _ code: Int32, _ named: String) throws {
            let result = try run(flags)
            #expect(result.end == .exited(code))
            #expect(result.error.contains(named), "\(result.error)")
            #expect(result.text.isEmpty)
        }

        @Test func aFileWithAMistakeIsNamedWithItsLine() throws {
            let scratch = try Scratch()
            let file = "\(scratch.path)/cairn.yaml"
            try "segment:\n  max_agee: 10m\n".write(toFile: file, atomically: true, encoding: .utf8)
            let result = try run(["--config", file, "--check-config"])
            #expect(result.end == .exited(78))
            #expect(result.error.contains("\(file):2"))
            #expect(result.error.contains("segment.max_age"))
        }

        @Test func aLogHasOneWriter() throws {
            let daemon = try DaemonProcess()
            let second = try run(["-D", daemon.place.log, "--socket", "\(daemon.place.scratch.path)/other"])
            #expect(second.end == .exited(75))
            #expect(second.error.contains(daemon.place.log))
            let client = try daemon.acknowledged()
            try client.send("{\"action\":\"a\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            #expect(try daemon.ask("status")["ok"] as? Bool == true)
            try daemon.stop()
        }

        @Test func aSocketInUseIsLeftAlone() throws {
            let daemon = try DaemonProcess()
            let scratch = daemon.place.scratch.path
            let events = try run(["-D", "\(scratch)/second", "--socket", daemon.place.socket])
            #expect(events.end == .exited(69))
            #expect(events.error.contains(daemon.place.socket))
            let control = try run(
                ["-D", "\(scratch)/third", "--socket", "\(scratch)/other", "--control-path", daemon.place.control])
            #expect(control.end == .exited(69))
            #expect(control.error.contains(daemon.place.control))
            // The first one is not disturbed.
            let client = try daemon.acknowledged()
            try client.send("{\"action\":\"a\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            #expect(try daemon.ask("status")["ok"] as? Bool == true)
            try daemon.stop()
        }

        @Test func aSocketLeftOverIsReplacedAndAFileIsNot() throws {
            let place = try DaemonProcess.Place()
            try DaemonProcess(place).killNow()
            #expect(access(place.socket, F_OK) == 0)
            try DaemonProcess(place).stop()
            try "mine".write(toFile: place.socket, atomically: true, encoding: .utf8)
            let result = try run(["-D", place.log, "--socket", place.socket])
            #expect(result.end == .exited(69))
            #expect(try String(contentsOfFile: place.socket, encoding: .utf8) == "mine")
        }

        @Test func placesThatCannotBeUsed() throws {
            let scratch = try Scratch()
            let below = try run(["-D", "/dev/null/log", "--socket", "\(scratch.path)/socket"])
            #expect(below.end == .exited(74))
            #expect(below.error.contains("/dev/null/log"))
            let nowhere = try run(["-D", "\(scratch.path)/log", "--socket", "\(scratch.path)/missing/socket"])
            #expect(nowhere.end == .exited(69))
            #expect(nowhere.error.contains("\(scratch.path)/missing/socket"))
            let long = try run(["-D", "\(scratch.path)/log", "--socket", "/tmp/" + String(repeating: "x", count: 200)])
            #expect(long.end == .exited(78))
        }

        @Test func aDirectoryThatMayNotBeWritten() throws {
            let scratch = try Scratch()
            let log = "\(scratch.path)/log"
            try #require(mkdir(log, 0o555) == 0)
            chmod(scratch.path, 0o777)
            var wrapper: [String] = []
            if Environment.isRoot {
                // Root may write anywhere.
                wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
                guard Environment.has("setpriv"),
                    try run(["--version"], wrapper: wrapper).end == .exited(0)
                else { return }
            }
            let result = try run(["-D", log, "--socket", "\(scratch.path)/socket"], wrapper: wrapper)
            #expect(result.end == .exited(74))
            #expect(result.error.contains(log))
            #expect(result.error.contains("EACCES"))
        }

        @Test func aDirectoryOfSomethingElseIsLeftAlone() throws {
            let scratch = try Scratch()
            let log = "\(scratch.path)/log"
            try #require(mkdir(log, 0o755) == 0 && mkdir("\(log)/segments", 0o755) == 0)
            let old = String(repeating: "old", count: 10_000)
            let file = "\(log)/segments/00000000000000000000.ndjson.gz"
            try old.write(toFile: file, atomically: true, encoding: .utf8)
            let result = try run(["-D", log, "--socket", "\(scratch.path)/socket"])
            #expect(result.end == .exited(65))
            #expect(try String(contentsOfFile: file, encoding: .utf8) == old)
        }

        @Test func aLostKeyIsSaid() throws {
            let place = try DaemonProcess.Place()
            try DaemonProcess(place).stop()
            unlink("\(place.log)/keys/epoch")
            let result = try run(["-D", place.log, "--socket", place.socket])
            #expect(result.end == .exited(65))
            #expect(result.error.contains("keys/epoch"))
        }

        /// Who creates a log must be able to keep its first key elsewhere.
        @Test func theKeyOfANewLogIsPrintedOnce() throws {
            let place = try DaemonProcess.Place()
            try DaemonProcess(place, ["--origin", "example.org/new"]).stop()
            let origin = try String(contentsOfFile: "\(place.log)/origin", encoding: .utf8)
            let line = try #require(origin.split(separator: "\n").first { $0.hasPrefix("genesis ") })
            let key = String(line.dropFirst(8))
            #expect(place.errorText.contains(key))
            try DaemonProcess(place).stop()
            #expect(place.errorText.components(separatedBy: key).count == 2)
        }
    }
}
