import CairnReader
import Testing

extension Verifier {
    /// Verifies a log, and its events only as well: which must come to the same, but for what it says it does not look at.
    static func runBothWays(
        _ directory: LogDirectory, _ options: VerifyOptions, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Verification {
        let whole = try Verifier(directory, options: options).run()
        var eventsOnly = options
        eventsOnly.isOfEventsOnly = true
        var events = try Verifier(directory, options: eventsOnly).run()
        let count = events.notes.count { $0.kind == .eventsOnly }
        // Where the log's first statement is not good, nothing is looked at.
        #expect(count == (events.origin == nil ? 0 : 1), sourceLocation: sourceLocation)
        events.notes.removeAll { $0.kind == .eventsOnly }
        if whole.findings.contains(where: isOfPlaces) {
            let isLeftOut = whole.findings.allSatisfy { isOfPlaces($0) || events.findings.contains($0) }
            #expect(isLeftOut, "\(whole.findings) and \(events.findings)", sourceLocation: sourceLocation)
            let isNew = events.findings.contains { !whole.findings.contains($0) }
            #expect(!isNew, "\(whole.findings) and \(events.findings)", sourceLocation: sourceLocation)
        } else {
            #expect(events == whole, sourceLocation: sourceLocation)
        }
        return whole
    }

    /// Whether it is about what queries find events by.
    private static func isOfPlaces(_ finding: Finding) -> Bool {
        finding.verdict == .indexDamaged || finding.message.contains("the block's times or numbers")
            || finding.message.contains("the modules or times that the seal states")
    }
}
