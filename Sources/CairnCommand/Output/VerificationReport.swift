import CairnFormat
import CairnReader

/// What verification came to, in words.
struct VerificationReport {
    private let result: Verification
    private let elapsed: Int64
    private let now: Time
    private let style: Style

    /// - Parameter elapsed: nanoseconds that it took.
    init(_ result: Verification, elapsed: Int64, now: Time, style: Style) {
        self.result = result
        self.elapsed = elapsed
        self.now = now
        self.style = style
    }

    /// Lines, without an LF behind the last.
    var text: String {
        var lines = [headline]
        lines += scope.map { "  \($0)" }
        lines += result.findings.map(describe)
        lines += result.notes.map(describe)
        lines.append(
            "Read \(Figures.count(result.events, "event")) (\(Figures.bytes(result.bytes))) in "
                + "\(Figures.duration(nanoseconds: elapsed)): "
                + "\(Figures.count(Figures.rate(result.events, nanoseconds: elapsed))) events/s, "
                + "\(Figures.bytes(Figures.rate(result.bytes, nanoseconds: elapsed)))/s.")
        return lines.joined(separator: "\n")
    }

    private var headline: String {
        let look: Style.Look =
            switch result.verdict {
            case .verified: .boldGreen
            case .indexDamaged, .unverifiable, .unsealed: .boldYellow
            case .truncatedOrStale, .tampered: .boldRed
            }
        let name = result.origin.map { "  \(SafeText.string($0.name))" } ?? ""
        let place = result.firstBadSequence.map { ": first at event \($0)" } ?? ""
        return style.text(result.verdict.rawValue, look) + place + name
    }

    /// What is proved.
    private var scope: [String] {
        var sentences: [String] = []
        if let sealed = result.sealedThrough {
            sentences.append("Events up to \(Figures.count(sealed)) are sealed and signed.")
        }
        if let time = result.headTime {
            let age = Figures.duration(nanoseconds: now.nanoseconds - time.nanoseconds)
            let through = result.signedThrough.map { "events up to \(Figures.count($0))" } ?? "no event yet"
            sentences.append("The head was signed \(age) ago, at \(time), and covers \(through).")
        }
        if let last = result.committedThrough {
            let first = result.signedThrough.map { $0 + 1 } ?? 0
            if first == last, result.headTime != nil {
                sentences.append("Event \(Figures.count(last)) is committed and not signed yet.")
            } else if first < last, result.headTime != nil {
                sentences.append(
                    "Events \(Figures.count(first))–\(Figures.count(last)) are committed and not signed yet.")
            }
        } else {
            sentences.append("There is no event yet.")
        }
        if let anchor = result.newestAnchor { sentences.append(AnchorReport.sentence(anchor, now: now)) }
        if let size = result.extends {
            sentences.append("The log extends the given checkpoint of \(Figures.count(size, "seal")).")
        }
        return sentences
    }

    private func describe(_ finding: Finding) -> String {
        let look: Style.Look = finding.verdict >= .truncatedOrStale ? .red : .yellow
        return "\(style.text(finding.verdict.rawValue, look)): " + place(finding.segment, finding.sequence)
            + SafeText.string(finding.message)
    }

    private func describe(_ note: Note) -> String {
        "\(style.text(note.kind.rawValue, .bold)): \(place(note.segment, nil))\(SafeText.string(note.message))"
    }

    private func place(_ segment: UInt64?, _ sequence: UInt64?) -> String {
        let parts = [segment.map { "segment \($0)" }, sequence.map { "event \($0)" }].compactMap { $0 }
        return parts.isEmpty ? "" : parts.joined(separator: ", ") + ": "
    }
}
