import CairnPlatform
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Start, signals, and the end.
    @Suite struct LifecycleTests {
        private let event = "{\"action\":\"a\",\"module\":\"m\"}\n"

        // MARK: Stopping

        @Test(arguments: [SIGTERM, SIGINT])
        func whatWasSentIsCommittedAndAnswered(_ signal: Int32) throws {
            let daemon = try DaemonProcess()
            let clients = try (0..<5).map { _ in try daemon.acknowledged() }
            let plain = try daemon.plain()
            let text = String(repeating: event, count: 300)
            for client in clients { try client.send(text) }
            try plain.send(text)
            // Nothing is read before: all of it lies in the kernel or is under way.
            daemon.signal(signal)
            for client in clients { #expect(try client.answers().sequences.count == 300) }
            #expect(try daemon.end() == .exited(0), "\(daemon.place.errorText)")
            let stored = try daemon.place.stored.lines()
            #expect(stored.ours.count == 6 * 300)
            #expect(stored.last?.string.hasPrefix(#"{"action":"daemon.stopped""#) == true)
            try daemon.place.stored.expectVerified()
            #expect(access(daemon.place.socket, F_OK) != 0)
            #expect(access(daemon.place.control, F_OK) != 0)
        }

        /// Clients that were not even accepted yet when the signal came.
        @Test func whoConnectedBeforeTheSignalIsHeard() throws {
            let daemon = try DaemonProcess()
            // Stopped, so that connections pile up unseen.
            daemon.signal(SIGSTOP)
            for _ in 0..<100 {
                let client = try daemon.plain()
                try client.send(event)
            }
            daemon.signal(SIGTERM)
            daemon.signal(SIGCONT)
            #expect(try daemon.end() == .exited(0))
            #expect(try daemon.place.stored.lines().ours.count == 100)
        }

        /// A line of which half is there is not the client's fault: it gets no answer, and sends it again.
        @Test func aHalfLineIsNotRefusedBecauseTheDaemonStops() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            try client.send(event + "{\"action\":\"half\",\"mod")
            #expect(try client.answer()?.lines == 1)
            daemon.signal(SIGTERM)
            #expect(try client.answers() == [])
            #expect(try daemon.end() == .exited(0))
            #expect(try daemon.place.stored.lines().ours.count == 1)
        }

        @Test func aSteadyStreamDoesNotKeepItFromStopping() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.plain()
            let bytes = Array(String(repeating: event, count: 200).utf8)
            let thread = try DedicatedThread(name: "stream") { while (try? client.send(bytes)) != nil {} }
            usleep(200_000)
            daemon.signal(SIGTERM)
            #expect(try daemon.end(within: 60) == .exited(0))
            thread.join()
            try daemon.place.stored.expectVerified()
        }

        // MARK: Signals

        @Test func sigusr1SealsTheActiveSegment() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            for round in 1...3 {
                try client.send(event)
                #expect(try client.answer()?.lines == 1)
                daemon.signal(SIGUSR1)
                try eventually("segment \(round) is sealed") { daemon.place.stored.sealCount == round }
            }
            let stored = try daemon.stop()
            let rotated = stored.own("log.rotated")
            #expect(rotated.count == 3)
            #expect(rotated.allSatisfy { $0.string.contains(#""by":"SIGUSR1""#) })
            #expect(daemon.place.stored.segments.count == 4)
            try daemon.place.stored.expectVerified()
        }

        /// However many signals come, of whatever kind, the last word is the wish to stop.
        @Test func aStormOfSignalsIsSurvived() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            try client.send(event)
            #expect(try client.answer()?.lines == 1)
            for _ in 0..<200 { for signal in [SIGHUP, SIGUSR1] { daemon.signal(signal) } }
            try client.send(event)
            #expect(try client.answer()?.lines == 1)
            try eventually("a segment is sealed") { daemon.place.stored.sealCount > 0 }
            for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGTERM] { daemon.signal(signal) }
            try daemon.stop()
            try daemon.place.stored.expectVerified()
        }

        /// Threads of libdispatch would wake up every second (Decisions.md).
        @Test func noThreadRunsThatNobodyKnows() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.acknowledged()
            try client.send(event)
            #expect(try client.answer()?.lines == 1)
            daemon.signal(SIGHUP)
            try eventually("the configuration is read again") {
                daemon.place.errorText.contains("notice: the configuration was read again")
            }
            let tasks = "/proc/\(daemon.pid)/task"
            let names = try FileManager.default.contentsOfDirectory(atPath: tasks).map {
                try String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8).filter { $0 != "\n" }
            }
            let known = ["NIO-ELT", "cairn-caretaker", "cairn-signals", "cairn-watch", "cairn-writer", "cairnd"]
            #expect(names.filter { name in !known.contains { name.hasPrefix($0) } } == [])
            #expect(names.contains("cairn-signals"))
            _ = try daemon.stop()
        }

        @Test func sighupAppliesAGoodFileAndKeepsTheOldForABadOne() throws {
            let place = try DaemonProcess.Place()
            let file = "\(place.scratch.path)/cairn.yaml"
            func write(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }
            func masked(_ daemon: DaemonProcess) throws -> String? {
                let client = try daemon.acknowledged()
                try client.send(#"{"action":"a","module":"m","details":{"password":"p"}}"# + "\n")
                guard case .accepted(let run)? = try client.answer() else { return nil }
                return try place.stored.lines()[Int(run.first_seq)].extra
            }
            try write("limits:\n  event_bytes: 4KiB\n")
            let daemon = try DaemonProcess(place, ["--config", file])
            #expect(try masked(daemon) == "")
            try write("limits:\n  event_bytes: 4KiB\nsanitize:\n  fields: [password]\n")
            daemon.signal(SIGHUP)
            try eventually("the file is read again") {
                place.errorText.contains("notice: the configuration was read again")
            }
            #expect(try masked(daemon) == #""_sanitized":["details.password"]"#)
            try write("limits:\n  event_bytes: plenty\n")
            daemon.signal(SIGHUP)
            try eventually("the bad file is refused") {
                place.errorText.contains("cairnd: error: the configuration is kept as it was: ")
            }
            #expect(place.errorText.contains("plenty"))
            #expect(place.errorText.contains("limits.event_bytes"))
            #expect(try masked(daemon) == #""_sanitized":["details.password"]"#)
            let reloaded = try daemon.stop().own("daemon.reloaded")
            #expect(reloaded.count == 1)
            #expect(reloaded.first?.string.contains(#""changed":["sanitize.fields"]"#) == true)
        }

        /// What a reload says it has changed, it has changed; of the rest it says that a restart is needed.
        @Test(arguments: [("log:\n  level: error\n", "log.level"), ("idempotency:\n  ids: 0\n", "idempotency.ids")])
        func aReloadTellsTheTruth(_ text: String, _ key: String) throws {
            let place = try DaemonProcess.Place()
            let file = "\(place.scratch.path)/cairn.yaml"
            try "log:\n  level: info\n".write(toFile: file, atomically: true, encoding: .utf8)
            let daemon = try DaemonProcess(place, ["--config", file])
            let client = try daemon.acknowledged()
            let line = "{\"action\":\"a\",\"module\":\"m\",\"id\":\"1\"}\n"
            try client.send(line)
            #expect(try client.answer()?.lines == 1)
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            daemon.signal(SIGHUP)
            try eventually("the reload is in the log") { try place.stored.lines().own("daemon.reloaded").count == 1 }
            try client.send(line)
            guard case .accepted(let run)? = try client.answer() else { throw Timeout(description: "no answer") }
            let stored = try daemon.stop()
            let saysSo = stored.own("daemon.reloaded").first?.string.contains("\"\(key)\"") == true
            let needsRestart = place.errorText.contains("\(key) has changed and takes effect with the next start")
            #expect(saysSo != needsRestart)
            if key == "idempotency.ids" { #expect((run.duplicate == nil) == saysSo) }
            if key == "log.level" { #expect(place.errorText.contains("notice: stopped") == needsRestart) }
        }

        // MARK: Control socket

        /// More answers than a socket holds, to a client that takes them only later: each comes, and others are served.
        @Test func aFloodOfRequestsIsAnsweredWhole() throws {
            let daemon = try DaemonProcess()
            let count = 30_000
            let control = try EventClient(daemon.place.control)
            let flood = try DedicatedThread(name: "flood") {
                try? control.send(String(repeating: "\n{}\n", count: count / 2) + "{\"command\":\"sync\"}\n")
                control.finish()
            }
            let client = try daemon.acknowledged()
            for _ in 0..<20 {
                try client.send(event)
                #expect(try client.answer()?.lines == 1)
            }
            var refusals = 0
            var last: String?
            while let answer = try control.text() {
                if answer.contains("\"bad_request\"") { refusals += 1 }
                last = answer
            }
            flood.join()
            #expect(refusals == count)
            #expect(last?.hasPrefix(#"{"ok":true,"durable_seq":"#) == true)
            try daemon.stop()
        }

        @Test func theControlSocketAnswersInOrder() throws {
            let daemon = try DaemonProcess(nil, ["--origin", "control"])
            let client = try daemon.acknowledged()
            try client.send(event + "bad\n")
            _ = try client.answer()
            _ = try client.answer()
            let control = try EventClient(daemon.place.control)
            try control.send(
                "{\"command\":\"sync\"}\n{\"command\":\"rotate\"}\n{\"command\":\"fly\"}\n{\"command\":\"sync\"}\n"
                    + "nonsense\n{}\n{\"command\":\"status\",\"later\":1}")
            control.finish()
            #expect(try control.text() == #"{"ok":true,"durable_seq":3}"#)
            #expect(try control.text() == #"{"ok":true,"sealed":true,"sealed_segments":1}"#)
            #expect(try control.text() == #"{"ok":false,"code":"bad_request","message":"there is no command \"fly\""}"#)
            #expect(try control.text()?.hasPrefix(#"{"ok":true,"durable_seq":"#) == true)
            let request =
                #"{"ok":false,"code":"bad_request","message":"a request is a JSON object: {\"command\":\"status\"}"}"#
            #expect(try control.text() == request)
            #expect(try control.text() == request)
            let status = try #require(try control.line())
            #expect(try control.line() == nil)
            let json = try #require(try JSONSerialization.jsonObject(with: Data(status)) as? [String: Any])
            #expect(json["ok"] as? Bool == true)
            #expect(json["origin"] as? String == "control")
            #expect(json["pid"] as? Int32 == daemon.pid)
            #expect(json["sealed_segments"] as? Int == 1)
            #expect(json["rejected"] as? Int == 1)
            #expect(json["connections"] as? Int == 1)
            #expect(json["directory"] as? String == daemon.place.log)
            #expect(json["socket"] as? String == daemon.place.socket)
            try daemon.stop()
        }

        @Test(.enabled(if: Environment.canBeAnother, "it takes root, setpriv and socat to ask as another user"))
        func onlySomeMayRotate() throws {
            let place = try DaemonProcess.Place()
            chmod(place.scratch.path, 0o711)
            let control = "\(place.scratch.path)/control"
            let daemon = try DaemonProcess(
                place, ["--control-path", control, "--control-mode", "0666", "--control-uids", "65533"])
            let input = "\(place.scratch.path)/input"
            let requests = "{\"command\":\"rotate\"}\n{\"command\":\"status\"}\n"
            try requests.write(toFile: input, atomically: true, encoding: .utf8)
            func ask(_ uid: Int) throws -> String {
                try ChildProcess.run(Environment.socat(control, as: uid), input: input).text
            }
            let stranger = try ask(65_534)
            let refusal =
                #"{"ok":false,"code":"not_allowed","message":"uid 65534 may not rotate: add it to control.uids"}"#
            #expect(stranger.hasPrefix(refusal))
            #expect(stranger.contains(#"{"ok":true,"version":"#))
            #expect(try ask(65_533).hasPrefix(#"{"ok":true,"sealed":true,"sealed_segments":1}"#))
            #expect(try daemon.stop().own("log.rotated").first?.string.contains(#""by":"uid 65533""#) == true)
        }
    }
}
