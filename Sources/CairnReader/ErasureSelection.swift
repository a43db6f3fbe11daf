package import CairnFormat
import CairnPlatform

/// Finds the events that are to be erased, and those among them that must not be.
package struct ErasureSelection: Sendable, Equatable {
    /// Runs of events at most: they are kept in memory.
    package static let rangeLimit = 1 << 20

    /// Events that can be erased.
    package private(set) var sequences = SequenceRanges()
    /// Events under legal holds, by the hold's name.
    package private(set) var held: [String: UInt64] = [:]
    /// Events that account for what is not there any more; without them the log would not verify.
    package private(set) var traces: UInt64 = 0
    /// Events that were erased before.
    package private(set) var erased: UInt64 = 0
    /// Whether there were more runs of events than can be kept.
    package private(set) var isCut = false

    package init() {}

    /// Adds the events that match `query` and whose numbers are in `bounds`.
    package mutating func add(
        _ query: Query, within bounds: Range<UInt64>, of log: AuditLog, _ holds: Holds
    ) throws(ReadError) {
        let guards = holds.holds.map { HoldMatcher($0) }
        let parser = try reading("") { () throws(FormatError) in try JSONParser() }
        let scan = try QueryScan(log.directory, query, within: bounds)
        while !isCut, try scan.nextBatch() {
            scan.lines.withUnsafeBytes { bytes in
                for match in scan.matches {
                    take(match.sequence, UnsafeRawBufferPointer(rebasing: bytes[match.range]), guards, parser)
                }
            }
        }
    }

    /// `line` stands among the lines of a block, so that the parser may read beyond its end.
    private mutating func take(
        _ sequence: UInt64, _ line: UnsafeRawBufferPointer, _ guards: [HoldMatcher], _ parser: JSONParser
    ) {
        if RedactedLine.isOne(line) {
            erased += 1
            return
        }
        if Trace(line, parser) != nil {
            traces += 1
            return
        }
        if !guards.isEmpty, let tape = try? parser.parse(line) {
            let holders = guards.filter { $0.matches(tape, line) }
            for holder in holders { held[holder.name, default: 0] += 1 }
            if !holders.isEmpty { return }
        }
        guard sequences.ranges.count < ErasureSelection.rangeLimit else {
            isCut = true
            return
        }
        sequences.insert(sequence)
    }
}

/// Tells whether one event is under a hold.
private struct HoldMatcher {
    let name: String
    private let matcher: FilterMatcher
    private let since: Time
    private let until: Time?

    init(_ hold: Hold) {
        name = hold.name
        matcher = FilterMatcher(hold.filter)
        since = hold.since ?? .distantPast
        until = hold.until
    }

    func matches(_ tape: JSONTape, _ line: UnsafeRawBufferPointer) -> Bool {
        // An event whose time cannot be told may be of the held ones.
        if let time = tape.eventTime, time < since || until.map({ time >= $0 }) ?? false { return false }
        return matcher.matches(tape, line: line)
    }
}
