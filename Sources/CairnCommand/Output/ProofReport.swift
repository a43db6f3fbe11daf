import CairnFormat
import CairnReader

/// What a proof came to, in words and as JSON.
struct ProofReport {
    private let file: String
    private let outcome: ProofOutcome
    private let style: Style

    init(file: String, _ outcome: ProofOutcome, style: Style) {
        self.file = file
        self.outcome = outcome
        self.style = style
    }

    /// Lines, without an LF behind the last.
    var text: String {
        let name = SafeText.string(file)
        switch outcome {
        case .noProof(let error):
            return "\(style.text("NO PROOF", .boldYellow))  \(name): \(SafeText.string(error.description))"
        case .refused(let failure):
            let verdict = outcome.verdict ?? .tampered
            let look: Style.Look = verdict == .tampered ? .boldRed : .boldYellow
            return "\(style.text(verdict.rawValue, look))  \(name) (\(failure.kind.rawValue)): "
                + SafeText.string(failure.message)
        case .proved(let event):
            var lines = ["\(style.text(Verdict.verified.rawValue, .boldGreen))  \(name)"]
            lines += sentences(event).map { "  \($0)" }
            lines.append("  " + SafeText.string(String(decoding: event.line, as: UTF8.self)))
            return lines.joined(separator: "\n")
        }
    }

    private func sentences(_ event: ProvedEvent) -> [String] {
        let seal = event.seal
        let origin = SafeText.string(event.origin.name)
        var sentences = [
            "Event \(Figures.count(event.sequence)) of \(origin), in segment \(seal.number), whose last event was "
                + "received at \(seal.received.upperBound).",
            "Its seal is one of the \(Figures.count(event.checkpointSize)) that the checkpoint covers, which is signed "
                + "by the log key" + (event.isGenesisKey ? ", for which the genesis key vouches." : "."),
        ]
        for cosignature in event.cosignatures {
            sentences.append("Cosigned by \(SafeText.string(cosignature.witness.name)) at \(cosignature.time).")
        }
        return sentences
    }

    /// One JSON object: file, verdict (null for what is no proof), origin, seq, segment, checkpoint_size, trusted
    /// (genesis or log), cosignatures, first_cosigned, line, step, message. What is not there is null.
    var json: String {
        var event: ProvedEvent?
        var (step, message): (String?, String?)
        switch outcome {
        case .proved(let proved): event = proved
        case .refused(let failure): (step, message) = (failure.kind.rawValue, failure.message)
        case .noProof(let error): (step, message) = ("form", error.description)
        }
        var line = JSONLine()
        line.add("file", file)
        line.add("verdict", outcome.verdict?.rawValue)
        line.add("origin", event?.origin.name)
        line.add("seq", event?.sequence)
        line.add("segment", event?.seal.number)
        line.add("checkpoint_size", event?.checkpointSize)
        line.add("trusted", event.map { $0.isGenesisKey ? "genesis" : "log" })
        line.add("cosignatures", event.map { UInt64($0.cosignatures.count) })
        line.add("first_cosigned", event?.cosignatures.map(\.time).min()?.description)
        line.add("line", event.map { String(decoding: $0.line, as: UTF8.self) })
        line.add("step", step)
        line.add("message", message)
        return line.text
    }
}
