import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn retention`
struct Retention: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention",
        abstract: "Say what a policy removes, and when; or have it done.",
        discussion: """
            A policy says how long events are kept, by module, tenant, compliance tag and classification. Frameworks set \
            floors that no rule undercuts, and a legal hold stands above all. A segment goes when the last of its events \
            has expired; a signed event says so first, its seal stays, and the log verifies: PRUNED.

            EXAMPLES
              cairn retention plan                    # what would happen now, and which rule decides
              cairn retention plan --at 2027-06-01    # and then
              cairn retention apply                   # the daemon does it, by the policy of its configuration
            """,
        subcommands: [Plan.self, Apply.self])

    static let defaultPolicy = "/etc/cairn/retention.yaml"
}

extension Retention {
    /// `cairn retention plan`
    struct Plan: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "plan",
            abstract: "List the segments with what happens to them, when, and by which rule. Changes nothing.",
            discussion: """
                Made from seals and indexes alone, without a daemon. For --json each segment is one object: segment, \
                first_seq, last_seq, events, bytes, action (keep, archive, delete, redact), due, rule, archived, \
                expired_events.

                EXIT STATUS
                  0 done, 64 wrong usage, 66 no log, 74 input/output error, 78 wrong policy.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var identity: IdentityOptions

        @Option(
            name: .long,
            help: ArgumentHelp("The policy (default: \(Retention.defaultPolicy)).", valueName: "file"))
        var policy = Retention.defaultPolicy

        @Option(name: .long, help: ArgumentHelp("As if it were then (default: now).", valueName: "time"))
        var at: String?

        @Flag(name: .long, help: "Times without a zone are in UTC.")
        var utc = false

        @Flag(name: .long, help: "Print JSON, one object a segment.")
        var json = false

        func run() throws {
            let now = WallClock.now
            let at = try at.map { try TimeExpression.parse($0, now: now, utc: utc) } ?? now
            let policy = try Program.facilities.retentionPolicy(file: policy)
            let log = try log.open(identity)
            let plan = try RetentionPlan(log, policy, Holds(log.directory), at: at)
            try json ? printJSON(plan) : printTable(plan)
        }

        private func printJSON(_ plan: RetentionPlan) throws {
            for entry in plan.entries { try Output.print(String(decoding: entry.json, as: UTF8.self)) }
        }

        private func printTable(_ plan: RetentionPlan) throws {
            for entry in plan.entries {
                let due = entry.due.map { "\($0)".prefix(10) } ?? "never"
                let last = entry.seal.endSequence - (entry.seal.count > 0 ? 1 : 0)
                var what = entry.action.rawValue
                if entry.action == .redact { what += " \(Figures.count(entry.expiredEvents, "event"))" }
                try Output.print(
                    "\(what.padded(8)) \(due.padded(10))  segment \(entry.seal.number), "
                        + "events \(entry.seal.firstSequence) to \(last), \(Figures.bytes(entry.bytes)): "
                        + SafeText.string(entry.rule) + (entry.isArchived ? ", archived" : ""))
            }
            let parts = RetentionPlan.Action.allCases.map { action in
                let entries = plan.entries.filter { $0.action == action }
                let bytes = entries.reduce(0) { $0 + $1.bytes }
                return "\(action.rawValue) \(entries.count) (\(Figures.bytes(bytes)))"
            }
            try Output.print(
                "\(Figures.count(UInt64(plan.entries.count), "sealed segment")): " + parts.joined(separator: ", "))
            if plan.bytesOverLimit > 0 {
                Console.complain("\(Figures.bytes(plan.bytesOverLimit)) above max_bytes, and nothing more may go")
            }
        }
    }

    /// `cairn retention apply`
    struct Apply: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "apply",
            abstract: "Have the daemon do what its policy says (retention.policy in its configuration).",
            discussion: """
                The trace is signed before the first byte goes, and the space is free when the command ends.

                EXIT STATUS
                  0 done; 1 the log is larger than max_bytes allows and nothing more may go; 64 wrong usage; 69 no \
                daemon answers, or it cannot write; 77 not permitted; 78 no policy, or a wrong one.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var control: ControlOptions

        @Option(
            name: .long,
            help: ArgumentHelp("Only what was due then; not in the future (default: now).", valueName: "time"))
        var at: String?

        @Flag(name: .long, help: "Times without a zone are in UTC.")
        var utc = false

        @Flag(name: .long, help: "Print the daemon's answer, one JSON object.")
        var json = false

        func run() throws {
            let at = try at.map { try TimeExpression.parse($0, now: WallClock.now, utc: utc) }
            let arguments = at.map { [("at", ControlClient.Argument.text($0.description))] } ?? []
            let answer = try control.connect(directory: log.path).perform(.retentionApply, arguments)
            let over = answer.read { $0["over_limit_bytes"]?.number ?? 0 }
            if json {
                try Output.print(String(decoding: answer.line, as: UTF8.self))
            } else {
                try answer.read { try Output.print(text($0)) }
            }
            guard over > 0 else { return }
            throw CommandFailure(
                .negative,
                json
                    ? nil : "\(Figures.bytes(over)) above max_bytes, and nothing more may go: archive, or release holds"
            )
        }

        private func text(_ answer: JSONSlice) -> String {
            func number(_ name: String) -> UInt64 { answer[name]?.number ?? 0 }
            var parts = [
                "Removed \(Figures.count(number("deleted_segments"), "segment")) with "
                    + "\(Figures.count(number("deleted_events"), "event")): \(Figures.bytes(number("freed_bytes"))) free."
            ]
            if number("redacted_events") > 0 {
                parts.append(
                    "Erased \(Figures.count(number("redacted_events"), "expired event")) in segments that stay.")
            }
            if number("to_archive") > 0 {
                parts.append("To be archived: \(Figures.count(number("to_archive"), "segment")).")
            }
            return parts.joined(separator: " ")
        }
    }
}

extension StringProtocol {
    /// With blanks behind it, to a width.
    fileprivate func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}
