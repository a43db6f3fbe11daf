import CairnPlatform
import CairnReader
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// `cairn hold`, `cairn redact`, `cairn retention` and `cairn archive` against a daemon that runs.
    @Suite struct CustodyTests {
        /// The program stands beside the daemon's.
        private static let program = URL(fileURLWithPath: DaemonProcess.program).deletingLastPathComponent()
            .appendingPathComponent("cairn").path

        private struct Log {
            let daemon: DaemonProcess

            init(_ place: DaemonProcess.Place? = nil, _ flags: [String] = []) throws {
                daemon = try DaemonProcess(place, flags)
            }

            /// Runs `cairn COMMAND… -D LOG`.
            func cairn(_ arguments: String...) throws -> ChildProcess.Result {
                try ChildProcess.run([CustodyTests.program] + arguments + ["-D", daemon.place.log])
            }

            func send(_ names: [String], module: String = "m") throws {
                let client = try daemon.acknowledged()
                for name in names {
                    try client.send(
                        "{\"action\":\"\(name)\",\"module\":\"\(module)\",\"actor\":{\"id\":\"u-\(name)\"},"
                            + "\"details\":\"secret-\(name)\"}\n")
                }
                client.finish()
                #expect(try client.answers().sequences.count == names.count)
            }

            /// All that zcat(1) makes of the segments.
            func text() throws -> String {
                let result = try ChildProcess.run(["zcat"] + daemon.place.stored.segments)
                try #require(result.end == .exited(0), "\(result.error)")
                return result.text
            }

            func expectVerified(_ note: String? = nil) throws {
                let result = try cairn("verify", "--json")
                #expect(result.end == .exited(0), "\(result.text) \(result.error)")
                if let note { #expect(result.text.contains("\"note\":\"\(note)\"")) }
            }
        }

        private static func json(_ result: ChildProcess.Result) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(result.output)) as? [String: Any])
        }

        @Test func holdsAreAddedListedAndReleased() throws {
            let log = try Log()
            #expect(try log.cairn("hold", "list").end == .exited(1))
            let added = try log.cairn(
                "hold", "add", "case-17", "--filter", "actor.id=u-b", "--reason", "court order", "--json")
            #expect(added.end == .exited(0), "\(added.error)")
            let answer = try Self.json(added)
            #expect(answer["ok"] as? Bool == true && answer["hold"] as? String == "case-17")
            #expect(answer["holds"] as? Int == 1)
            let again = try log.cairn("hold", "add", "case-17", "--everything", "--reason", "twice")
            #expect(again.end == .exited(1) && again.error.contains("case-17"), "\(again.error)")
            let listed = try log.cairn("hold", "list", "--json")
            let hold = try Self.json(listed)
            #expect(listed.end == .exited(0))
            #expect(hold["name"] as? String == "case-17" && hold["state"] as? String == "held")
            #expect(hold["filter"] as? String == "actor.id=u-b" && hold["reason"] as? String == "court order")
            #expect(hold["by"] as? Int == Int(ProcessEnvironment.userID))
            #expect(try log.cairn("hold", "list").text.contains("case-17: actor.id=u-b"))

            // It stands after a restart, and can be listed without a daemon.
            try log.daemon.stop()
            #expect(try log.cairn("hold", "list").end == .exited(0))
            #expect(try log.cairn("hold", "release", "case-17", "--reason", "over").end == .exited(69))
            let next = try Log(log.daemon.place)
            let released = try next.cairn("hold", "release", "case-17", "--reason", "over", "--json")
            #expect(released.end == .exited(0), "\(released.error)")
            #expect(try Self.json(released)["holds"] as? Int == 0)
            #expect(try next.cairn("hold", "release", "case-17", "--reason", "over").end == .exited(1))
            #expect(try next.cairn("hold", "list").end == .exited(1))
            for action in ["hold.added", "hold.released"] {
                let found = try next.cairn("query", "-o", "json", "action=\(action)")
                #expect(found.end == .exited(0) && found.text.split(separator: "\n").count == 1)
                #expect(found.text.contains("\"hold\":\"case-17\""))
            }
            try next.expectVerified()
        }

        @Test func eventsAreErased() throws {
            let log = try Log()
            try log.send(["a", "b", "c"])
            #expect(try log.cairn("rotate").end == .exited(0))
            try log.send(["d"])
            let dry = try log.cairn(
                "redact", "--filter", "actor.id=u-b", "--reason", "request 9", "--dry-run", "--json")
            #expect(dry.end == .exited(0), "\(dry.error)")
            let plan = try Self.json(dry)
            #expect(plan["events"] as? Int == 1 && plan["segments"] as? Int == 1 && plan["dry_run"] as? Bool == true)
            #expect((plan["log_events"] as? [Int])?.isEmpty == true)
            #expect(try log.text().contains("secret-b"))

            let done = try log.cairn("redact", "--filter", "actor.id=u-b", "--reason", "request 9", "--json")
            #expect(done.end == .exited(0), "\(done.error)")
            let answer = try Self.json(done)
            #expect(answer["events"] as? Int == 1 && answer["already_redacted"] as? Int == 0)
            #expect(answer["dry_run"] as? Bool == false)
            let trace = try #require((answer["log_events"] as? [Int])?.first)
            let text = try log.text()
            #expect(!text.contains("secret-b") && text.contains("secret-a") && text.contains("secret-d"))
            #expect(text.contains("\"_redacted\":{\"event\":\(trace),"))
            let found = try log.cairn("query", "-o", "json", "action=log.redacted")
            #expect(found.text.hasPrefix("{\"_seq\":\(trace),") && found.text.contains("request 9"))
            #expect(try log.cairn("query", "actor.id=u-b").end == .exited(1))
            try log.expectVerified("REDACTED")

            // In the active segment, by its number, and in words.
            let number = try #require(
                try Self.json(log.cairn("query", "-o", "json", "action=d"))["_seq"] as? Int)
            let active = try log.cairn("redact", "--seq", "\(number)", "--reason", "request 10")
            #expect(active.end == .exited(0) && active.text == "Erased 1 event in 1 segment.\n", "\(active.text)")
            #expect(try !log.text().contains("secret-d"))
            // Nothing is left to be erased.
            let again = try log.cairn("redact", "--seq", "\(number)", "--reason", "request 10")
            #expect(again.end == .exited(1) && again.text.contains("1 event had been erased before"))
            try log.expectVerified("REDACTED")
            try log.daemon.killNow()
            let next = try Log(log.daemon.place)
            try next.send(["e"])
            try next.expectVerified("REDACTED")
        }

        @Test func whatMustStayIsRefused() throws {
            let log = try Log()
            try log.send(["a", "b"])
            #expect(try log.cairn("hold", "add", "dispute", "--filter", "action=a", "--reason", "x").end == .exited(0))
            let held = try log.cairn("redact", "--filter", "module=m", "--reason", "x")
            #expect(held.end == .exited(1) && held.error.contains("dispute"), "\(held.error)")
            #expect(try log.text().contains("secret-b"))
            #expect(try log.cairn("redact", "--filter", "action=b", "--reason", "x").end == .exited(0))
            let trace = try log.cairn("redact", "--filter", "action=log.redacted", "--reason", "x")
            #expect(trace.end == .exited(1) && trace.error.contains("account for"), "\(trace.error)")
            try log.expectVerified("REDACTED")
        }

        // MARK: Retention

        /// Of module `law` everything stays, of all others nothing.
        private static func policy(_ place: DaemonProcess.Place, _ settings: String...) throws -> String {
            let path = "\(place.scratch.path)/retention.yaml"
            let text = """
                default: {delete_after: 0s}
                rules:
                  - {name: law, module: law, delete_after: never}
                \(settings.joined(separator: "\n"))
                """
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }

        private static func actions(_ plan: ChildProcess.Result) throws -> [String] {
            try plan.text.split(separator: "\n").map { line in
                let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                return try #require(entry?["action"] as? String)
            }
        }

        /// Planned, applied, and after a kill still so: what has expired is gone, what is held stands.
        @Test func retentionTakesWhatHasExpiredAndLeavesWhatIsHeld() throws {
            let place = try DaemonProcess.Place()
            let policy = try Self.policy(place, "redact_expired: true")
            let log = try Log(place, ["--retention-policy", policy])
            try log.send(["a"])
            #expect(try log.cairn("rotate").end == .exited(0))
            try log.send(["b"])
            try log.send(["c"], module: "law")
            #expect(try log.cairn("rotate").end == .exited(0))
            try log.send(["d"])
            #expect(try log.cairn("rotate").end == .exited(0))
            #expect(
                try log.cairn("hold", "add", "case-17", "--filter", "actor.id=u-d", "--reason", "x").end == .exited(0))

            let plan = try log.cairn("retention", "plan", "--policy", policy, "--json")
            #expect(plan.end == .exited(0), "\(plan.error)")
            #expect(try Self.actions(plan) == ["delete", "redact", "keep"])
            #expect(plan.text.contains("\"rule\":\"hold case-17\"") && plan.text.contains("\"rule\":\"rule law\""))
            #expect(try log.text().contains("secret-a"), "a plan changes nothing")

            let future = try log.cairn("retention", "apply", "--at", "2200-01-01")
            #expect(future.end != .exited(0) && future.error.contains("still to come"), "\(future.error)")
            let done = try log.cairn("retention", "apply", "--json")
            #expect(done.end == .exited(0), "\(done.error)")
            let answer = try Self.json(done)
            #expect(answer["deleted_segments"] as? Int == 1 && answer["over_limit_bytes"] as? Int == 0)
            #expect(answer["redacted_events"] as? Int ?? 0 >= 1 && answer["freed_bytes"] as? Int ?? 0 > 0)
            try expectOnlyTheRestIsLeft(log, ["a", "b"], ["c", "d"])
            let redacted = try log.cairn("query", "-o", "json", "action=log.redacted")
            #expect(redacted.text.contains("expired, by the policy of retention"))

            // It is the same behind a crash, and the hold stands until it is released.
            try log.daemon.killNow()
            let next = try Log(place, ["--retention-policy", policy])
            #expect(try next.cairn("hold", "list").end == .exited(0))
            #expect(try next.cairn("retention", "apply").end == .exited(0))
            try expectOnlyTheRestIsLeft(next, ["a", "b"], ["c", "d"])
            #expect(try next.cairn("hold", "release", "case-17", "--reason", "over").end == .exited(0))
            #expect(try next.cairn("retention", "apply").end == .exited(0))
            try expectOnlyTheRestIsLeft(next, ["a", "b", "d"], ["c"])
            try next.send(["e"])
            next.daemon.signal(SIGTERM)
            #expect(try next.daemon.end() == .exited(0))
            let last = try Log(place, ["--retention-policy", policy])
            try expectOnlyTheRestIsLeft(last, ["a", "b", "d"], ["c", "e"])
        }

        private func expectOnlyTheRestIsLeft(_ log: Log, _ gone: [String], _ left: [String]) throws {
            let text = try log.text()
            for name in gone { #expect(!text.contains("secret-\(name)"), "\(name) is there") }
            for name in left { #expect(text.contains("secret-\(name)"), "\(name) is gone") }
            for name in gone + left {
                let found = try log.cairn("query", "-o", "json", "actor.id=u-\(name)").end
                #expect(found == .exited(gone.contains(name) ? 1 : 0), "\(name)")
            }
            try log.expectVerified("PRUNED")
            try log.expectVerified("REDACTED")
        }

        /// What the policy wants in the archive first goes only when it is there, and is found there.
        @Test func whatIsArchivedMayGo() throws {
            let place = try DaemonProcess.Place()
            let policy = try Self.policy(place, "require_archive: true")
            let log = try Log(place, ["--retention-policy", policy])
            try log.send(["a"])
            #expect(try log.cairn("rotate").end == .exited(0))
            let early = try Self.json(log.cairn("retention", "apply", "--json"))
            #expect(early["deleted_segments"] as? Int == 0 && early["to_archive"] as? Int == 1)
            #expect(try log.text().contains("secret-a"))
            let archive = "\(place.scratch.path)/archive"
            let archived = try log.cairn("archive", "--to", archive, "--json")
            #expect(archived.end == .exited(0), "\(archived.error)")
            #expect(try Self.json(archived)["noted"] as? Bool == true)
            #expect(try log.cairn("query", "action=segment.archived").end == .exited(0))
            let applied = try Self.json(log.cairn("retention", "apply", "--json"))
            #expect(applied["deleted_segments"] as? Int == 1)
            #expect(try !log.text().contains("secret-a"))
            try log.expectVerified("PRUNED")
            let found = try ChildProcess.run([Self.program, "query", "--archive", archive, "-o", "json", "action=a"])
            #expect(found.end == .exited(0) && found.text.contains("secret-a"), "\(found.error)")
            #expect(try ChildProcess.run([Self.program, "verify", "--archive", archive]).end == .exited(0))
            // A second run finds nothing new, and the log goes on to know what is there.
            let again = try log.cairn("archive", "--to", archive, "--json")
            #expect(try again.end == .exited(0) && Self.json(again)["archived"] as? Int == 0)
        }

        /// A log that is larger than it may be says so, and keeps what it must.
        @Test func aLimitThatCannotBeKeptIsTold() throws {
            let place = try DaemonProcess.Place()
            let policy = try Self.policy(place, "max_bytes: 1", "evict_unarchived: true")
            let log = try Log(place, ["--retention-policy", policy])
            try log.send(["a"], module: "law")
            #expect(try log.cairn("hold", "add", "all", "--everything", "--reason", "x").end == .exited(0))
            #expect(try log.cairn("rotate").end == .exited(0))
            let blocked = try log.cairn("retention", "apply")
            #expect(blocked.end == .exited(1) && blocked.error.contains("above max_bytes"), "\(blocked.error)")
            #expect(try log.cairn("query", "action=retention.blocked").end == .exited(0))
            #expect(try log.text().contains("secret-a"))
            try log.expectVerified()
        }

        @Test func aDaemonAppliesItsPolicyByItself() throws {
            let place = try DaemonProcess.Place()
            let policy = try Self.policy(place)
            let log = try Log(place, ["--retention-policy", policy, "--retention-interval", "100ms"])
            try log.send(["a"])
            #expect(try log.cairn("rotate").end == .exited(0))
            try eventually("the event is gone") { try log.cairn("query", "action=a").end == .exited(1) }
            try log.expectVerified("PRUNED")
        }

        @Test(
            arguments: [
                ["redact", "--reason", "x"], ["redact", "--seq", "1", "--reason", ""], ["redact", "--seq", "1"],
                ["redact", "--seq", "5-1", "--reason", "x"], ["redact", "--seq", "a", "--reason", "x"],
                ["redact", "--filter", "=", "--reason", "x"], ["redact", "--since", "never", "--reason", "x"],
                ["hold", "add", "a b", "--everything", "--reason", "x"], ["hold", "add", "a", "--reason", "x"],
                ["hold", "add", "a", "--everything"], ["hold", "add", "a", "--everything", "--reason", ""],
                ["hold", "release", "a", "--reason", ""], ["hold", "release", "--reason", "x"],
                ["retention", "apply", "--at", "never"],
            ])
        func whatCannotBeMeantIsWrongUsage(_ arguments: [String]) throws {
            let scratch = try Scratch()
            let result = try ChildProcess.run([Self.program] + arguments + ["-D", scratch.path])
            #expect(result.end == .exited(64), "\(result.error)")
        }

        @Test func withoutADaemonNothingIsDone() throws {
            let scratch = try Scratch()
            for arguments in [
                ["redact", "--seq", "1", "--reason", "x"], ["hold", "add", "a", "--everything", "--reason", "x"],
                ["hold", "release", "a", "--reason", "x"], ["retention", "apply"],
            ] {
                let result = try ChildProcess.run([Self.program] + arguments + ["-D", scratch.path])
                #expect(result.end == .exited(69), "\(result.error)")
            }
            #expect(try ChildProcess.run([Self.program, "hold", "list", "-D", scratch.path]).end == .exited(66))
        }
    }
}
