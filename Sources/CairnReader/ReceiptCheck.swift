package import CairnFormat
import CairnPlatform

/// What became of events for which there are receipts.
public enum ReceiptVerdict: String, Sendable, CaseIterable {
    /// The log holds the event as it was acknowledged, under a seal that a signed checkpoint covers.
    case verified = "VERIFIED"
    /// The event was erased; the log holds the leaf that was acknowledged.
    case redacted = "REDACTED"
    /// The event's segment was removed by a policy: only a proof that was made before can tell.
    case pruned = "PRUNED"
    /// The log holds the event as it was acknowledged, and nothing has sealed it yet.
    case unsealed = "UNSEALED"
    /// The key that was given is not one of this log's.
    case unverifiable = "UNVERIFIABLE"
    /// The log ends before the event.
    case truncatedOrStale = "TRUNCATED-OR-STALE"
    /// The log holds another event in its place, none, or what holds it is not what was signed.
    case tampered = "TAMPERED"
}

/// What became of events in a row.
public struct ReceiptFinding: Sendable, Equatable {
    /// Their numbers.
    public var sequences: ClosedRange<UInt64>
    /// The same for all of them.
    public var verdict: ReceiptVerdict
    /// In words; nil for `verified`.
    public var message: String?

    init(_ sequences: ClosedRange<UInt64>, _ verdict: ReceiptVerdict, _ message: String? = nil) {
        self.sequences = sequences
        self.verdict = verdict
        self.message = message
    }
}

/// Compares receipts with a log, or with proofs. The log may be written meanwhile.
package struct ReceiptCheck {
    private let directory: LogDirectory
    private let key: VerifierKey?

    /// - Parameter key: the genesis key or the log key. Without one the log vouches for itself.
    package init(_ directory: LogDirectory, key: VerifierKey? = nil) {
        self.directory = directory
        self.key = key
    }

    /// Each segment that the receipts name is read once, so many receipts at once cost less.
    ///
    /// - Returns: findings in the order of their numbers, neighbours with one verdict taken together.
    /// - Throws: only where there is no log, and where the system refuses to read it.
    package func check(_ receipts: [Receipt]) throws(ReadError) -> [ReceiptFinding] {
        var findings: [ReceiptFinding] = []
        do throws(ReadError) {
            let log = try OuterLog(directory)
            if let key, key != log.statement.genesisKey, key != log.statement.logKey {
                return ReceiptCheck.all(receipts, .unverifiable, "\(key) is neither the genesis nor the log key here")
            }
            var rest = receipts.sorted { $0.firstSequence < $1.firstSequence }[...]
            while let first = rest.first {
                // A run is never of two segments, so those of one segment follow each other.
                let own = rest.prefix { $0.segment == first.segment }
                findings += try check(Array(own), of: first.segment, in: log)
                rest = rest.dropFirst(own.count)
            }
        } catch {
            guard error.code == .format else { throw error }
            let verdict: ReceiptVerdict = error.format == .unsupported ? .unverifiable : .tampered
            return ReceiptCheck.all(receipts, verdict, error.description)
        }
        return ReceiptCheck.joined(findings)
    }

    /// Compares a receipt with an event that was proved.
    package static func check(_ receipt: Receipt, against event: ProvedEvent) -> ReceiptFinding? {
        guard (receipt.firstSequence..<receipt.endSequence).contains(event.sequence) else { return nil }
        let range = event.sequence...event.sequence
        guard receipt.leaves[Int(event.sequence - receipt.firstSequence)] == event.leaf else {
            return ReceiptFinding(range, .tampered, "the proof is of another event \(event.sequence)")
        }
        return ReceiptFinding(range, .verified)
    }

    private func check(
        _ receipts: [Receipt], of number: UInt64, in log: OuterLog
    ) throws(ReadError) -> [ReceiptFinding] {
        guard number < UInt64(log.segments.count) else {
            return ReceiptCheck.all(receipts, .truncatedOrStale, "segment \(number) is not here")
        }
        let segment = log.segments[Int(number)]
        let seal = try directory.seal(segment)
        guard segment.hasData else {
            return ReceiptCheck.all(
                receipts, .pruned, "segment \(number) was pruned; a proof that was made before can still tell")
        }
        var comparison = Comparison(receipts)
        var tree = MerkleTree()
        do throws(ReadError) {
            var leaves = try SegmentLeaves(directory.files, path: segment.path(.data), end: seal?.endSequence)
            while try leaves.next({ event throws(ReadError) in
                tree.append(event.leaf)
                comparison.take(event)
            }) {}
        } catch {
            // Without a seal this is where the log ends: a write may be under way.
            if error.code == .io || seal != nil { throw error }
        }
        guard let seal else { return comparison.findings(held: .unsealed, "the segment is not sealed yet") }
        guard tree.count == seal.count, tree.root == seal.root else {
            return ReceiptCheck.all(receipts, .tampered, "the events of segment \(number) are not those of its seal")
        }
        return number < log.size
            ? comparison.findings(held: .verified, nil)
            : comparison.findings(held: .unsealed, "no checkpoint covers the seal yet")
    }

    private static func all(_ receipts: [Receipt], _ verdict: ReceiptVerdict, _ message: String) -> [ReceiptFinding] {
        joined(
            receipts.sorted { $0.firstSequence < $1.firstSequence }.map {
                ReceiptFinding($0.firstSequence...($0.endSequence - 1), verdict, message)
            })
    }

    /// Takes neighbours together that say the same.
    private static func joined(_ findings: [ReceiptFinding]) -> [ReceiptFinding] {
        var joined: [ReceiptFinding] = []
        for finding in findings { append(finding, to: &joined) }
        return joined
    }

    fileprivate static func append(_ finding: ReceiptFinding, to findings: inout [ReceiptFinding]) {
        if let last = findings.last, last.verdict == finding.verdict, last.message == finding.message,
            last.sequences.upperBound + 1 == finding.sequences.lowerBound
        {
            findings[findings.count - 1].sequences = last.sequences.lowerBound...finding.sequences.upperBound
        } else {
            findings.append(finding)
        }
    }
}

/// Holds receipts of one segment against its events, as they come.
private struct Comparison {
    private let receipts: [Receipt]
    /// Of each receipt: what was found of its events so far.
    private var outcomes: [[Outcome]]
    /// The first receipt that is not behind the events so far.
    private var next = 0

    private enum Outcome { case missing, held, erased, other }

    /// In ascending order of their first numbers.
    init(_ receipts: [Receipt]) {
        self.receipts = receipts
        outcomes = receipts.map { Array(repeating: .missing, count: $0.leaves.count) }
    }

    mutating func take(_ event: SegmentLeaves.Event) {
        while next < receipts.count, receipts[next].endSequence <= event.sequence { next += 1 }
        // Receipts may overlap: a client may have kept one twice.
        var index = next
        while index < receipts.count, receipts[index].firstSequence <= event.sequence {
            if event.sequence < receipts[index].endSequence {
                let place = Int(event.sequence - receipts[index].firstSequence)
                let isSame = receipts[index].leaves[place] == event.leaf
                outcomes[index][place] = isSame ? (event.erased == nil ? .held : .erased) : .other
            }
            index += 1
        }
    }

    func findings(held: ReceiptVerdict, _ message: String?) -> [ReceiptFinding] {
        var findings: [ReceiptFinding] = []
        for (receipt, outcomes) in zip(receipts, outcomes) {
            for (place, outcome) in outcomes.enumerated() {
                let sequence = receipt.firstSequence + UInt64(place)
                let range = sequence...sequence
                let finding =
                    switch outcome {
                    case .held: ReceiptFinding(range, held, message)
                    case .erased: ReceiptFinding(range, .redacted, "the events were erased")
                    case .other: ReceiptFinding(range, .tampered, "the log holds other events here")
                    case .missing: ReceiptFinding(range, .truncatedOrStale, "the segment ends before these events")
                    }
                ReceiptCheck.append(finding, to: &findings)
            }
        }
        return findings
    }
}
