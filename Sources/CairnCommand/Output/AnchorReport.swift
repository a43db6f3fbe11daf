import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// Where it is kept what was anchored.
struct StateOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where it is kept what was anchored (default: $STATE_DIRECTORY, else cairn in $XDG_STATE_HOME or in "
                + "~/.local/state).", valueName: "dir"))
    var state: String?

    func validate() throws {
        if state?.isEmpty == true { throw ValidationError("--state names no directory.") }
    }

    /// nil where nothing names a place.
    var path: String? {
        if let state { return state }
        func named(_ variable: String) -> String? {
            // By systemd.exec(5) the directories of a unit are separated by colons.
            let first = ProcessEnvironment.value(variable)?.prefix { variable != "STATE_DIRECTORY" || $0 != ":" }
            return first.flatMap { $0.hasPrefix("/") ? String($0) : nil }
        }
        return named("STATE_DIRECTORY") ?? named("XDG_STATE_HOME").map { "\($0)/cairn" }
            ?? named("HOME").map { "\($0)/.local/state/cairn" }
    }

    /// What is known of the log's anchors. What cannot be read is told, and is no reason to say nothing else.
    func anchors(of directory: LogDirectory) -> [Anchor] {
        guard let path, let origin = try? directory.origin().origin else { return [] }
        do {
            return try AnchorState(PosixFileSystem(root: path)).anchors(of: origin)
        } catch let error as IOFailure where error.isMissing {
            return []
        } catch {
            Console.complain("what was anchored cannot be read in \(path): \(SafeText.string("\(error)"))")
            return []
        }
    }
}

/// What anchors say, in words.
enum AnchorReport {
    static func sentence(_ coverage: AnchorCoverage, now: Time) -> String { "Anchored \(text(coverage, now: now))." }

    static func text(_ coverage: AnchorCoverage, now: Time) -> String {
        let target = SafeText.string(coverage.target)
        if let message = coverage.message {
            return "\(coverage.verdict.rawValue): \(SafeText.string(message)) (\(target))"
        }
        let through = coverage.lastSequence.map { "up to event \(Figures.count($0))" } ?? "before its first event"
        let age = Figures.duration(nanoseconds: now.nanoseconds - coverage.time.nanoseconds)
        return "\(through), \(age) ago (\(target))"
    }
}
