import CairnArchive
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn verify --archive URL --all-logs`
extension Verify {
    /// What became of one log.
    struct LogOutcome {
        let name: String
        /// Or why nothing can be said, which is no reason not to look at the others.
        let result: Result<(verification: Verification, elapsed: Int64), CommandFailure>

        /// What cannot be read is not verified.
        var verdict: Verdict {
            switch result {
            case .success(let (verification, _)): verification.verdict
            case .failure: .unverifiable
            }
        }
    }

    /// Verifies each log, one behind the other, and says of each what it came to.
    func verifyAll(_ storage: any ObjectStorage, _ logs: [ArchiveLayout]) throws {
        let keys = try trust.keysByName()
        var outcomes: [LogOutcome] = []
        for layout in logs {
            let outcome = LogOutcome(name: layout.name, result: try outcome(storage, layout, keys))
            if !json, !quiet { try Output.print(text(outcome), "") }
            outcomes.append(outcome)
        }
        if json {
            try Output.print(Verify.jsonText(outcomes))
        } else if !quiet {
            try Output.print(Verify.summary(outcomes.map(\.verdict)))
        }
        if outcomes.contains(where: { $0.verdict != .verified }) { throw CommandFailure(.negative) }
    }

    private func outcome(
        _ storage: any ObjectStorage, _ layout: ArchiveLayout, _ keys: [String: VerifierKey]?
    ) throws -> Result<(verification: Verification, elapsed: Int64), CommandFailure> {
        let key = keys?[layout.name]
        if keys != nil, key == nil {
            return .failure(
                CommandFailure(
                    .usage,
                    "no key of the name \(layout.name) was given: add its genesis vkey to the file of --key-file"))
        }
        do {
            return .success(try timed { try verify(storage, layout, key: key) })
        } catch {
            guard let failure = CommandFailure(reporting: error) else { throw error }
            return .failure(failure)
        }
    }

    private func text(_ outcome: LogOutcome) -> String {
        switch outcome.result {
        case .success(let (verification, elapsed)): return text(verification, elapsed)
        case .failure(let failure):
            let style = Style(isOn: color.isOn(for: .output))
            return "\(style.text(Verdict.unverifiable.rawValue, .boldYellow))  \(SafeText.string(outcome.name))\n"
                + "  " + SafeText.string(failure.message ?? "")
        }
    }

    /// `3 logs: 2 VERIFIED, 1 TAMPERED`, the gravest last.
    static func summary(_ verdicts: [Verdict]) -> String {
        let counts = Verdict.allCases.sorted().compactMap { verdict -> String? in
            let count = verdicts.count { $0 == verdict }
            return count > 0 ? "\(count) \(verdict.rawValue)" : nil
        }
        return "\(Figures.count(UInt64(verdicts.count), "log")): \(counts.joined(separator: ", "))"
    }

    /// `{"verdict":WORST,"logs":[{"log":NAME,…}]}`: of each log what `--json` says of one, or verdict and error.
    static func jsonText(_ outcomes: [LogOutcome]) -> String {
        let worst = outcomes.map(\.verdict).max() ?? .verified
        let logs = outcomes.map { outcome -> String in
            var line = JSONLine()
            line.add("log", outcome.name)
            switch outcome.result {
            case .success(let (verification, _)):
                let report = String(decoding: verification.json, as: UTF8.self)
                return "\(line.text.dropLast()),\(report.dropFirst())"
            case .failure(let failure):
                line.add("verdict", outcome.verdict.rawValue)
                line.add("error", failure.message)
                return line.text
            }
        }
        return "{\"verdict\":\"\(worst.rawValue)\",\"logs\":[\(logs.joined(separator: ","))]}"
    }
}

extension KeyOptions {
    /// The genesis keys of several logs, by the names in them: one a line in the file, `#` begins a comment. Nil if
    /// none was given.
    func keysByName() throws -> [String: VerifierKey]? {
        guard let keyFile else { return try verifierKey().map { [$0.name: $0] } }
        let bytes = try FilePlace.named(keyFile, limit: KeyOptions.fileLimit)
        return try KeyOptions.keys(String(decoding: bytes, as: UTF8.self), file: keyFile)
    }

    /// Bytes of such a file: thousands of keys.
    private static let fileLimit = 1 << 20

    static func keys(_ text: String, file: String) throws -> [String: VerifierKey] {
        var keys: [String: VerifierKey] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let word = line.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
            if word.isEmpty || word.hasPrefix("#") { continue }
            func refuse(_ problem: String) -> CommandFailure {
                CommandFailure(.usage, "\(file):\(index + 1): \(SafeText.string(problem))")
            }
            let key: VerifierKey
            do throws(FormatError) {
                key = try VerifierKey(String(word))
            } catch {
                throw refuse(error.description)
            }
            guard (keys.updateValue(key, forKey: key.name) ?? key) == key else {
                throw refuse("there is another key of the name \(key.name) above: a log has one")
            }
        }
        return keys
    }
}
