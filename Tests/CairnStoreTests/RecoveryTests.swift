import CairnReader
import CairnStore
import Testing

struct RecoveryTests {
    private static let newest: [(String, RecoveryFindings.Newest)] = [
        ("absent", .absent), ("clean", .open(.clean)), ("footer", .open(.footer)), ("torn", .open(.torn(bytes: 7))),
        ("damaged", .open(.damaged(reachedSequence: 9, reason: "r"))), ("headless", .headless(holdsEvents: false)),
        ("headless+events", .headless(holdsEvents: true)), ("stray", .stray),
    ]
    private static let keys: [RecoveryFindings.Key] = [.epoch, .next, .missing]

    private static func name(_ decision: RecoveryDecision) -> String {
        switch decision {
        case .openNext: "open next"
        case .continueActive(.inPlace): "continue in place"
        case .continueActive(.copy): "continue"
        case .continueActive(.copyKeepingOld): "keep aside, continue"
        case .sealDamaged: "seal damaged"
        case .refuse(.keyLost): "refuse: key lost"
        case .refuse(.strayData): "refuse: stray data"
        }
    }

    /// The whole table. A change of it is a change of what happens to logs: it is to be made on purpose.
    @Test func everyCombinationHasItsDecision() {
        var table: [String] = []
        for keyValue in Self.keys {
            for (newest, newestValue) in Self.newest {
                for promises in [false, true] {
                    var findings = RecoveryFindings(
                        newest: newestValue, key: keyValue, headPromisesEvents: promises, headNamesAll: false)
                    let decision = Recovery.decide(findings)
                    #expect(decision == Recovery.decide(findings))
                    // What the head names is on the disk: where nothing else stands behind it, nothing is to be copied.
                    findings.headNamesAll = true
                    let isInPlace = keyValue != .missing && newest == "clean"
                    #expect(Recovery.decide(findings) == (isInPlace ? .continueActive(.inPlace) : decision))
                    if keyValue == .missing {
                        #expect(decision == .refuse(.keyLost))
                    } else if keyValue == .next {
                        // Which file holds the key changes what is to be done first, but not the decision.
                        let same = RecoveryFindings(
                            newest: newestValue, key: .epoch, headPromisesEvents: promises, headNamesAll: false)
                        #expect(decision == Recovery.decide(same))
                    } else {
                        table.append("\(newest)\(promises ? ", promised" : "") -> \(Self.name(decision))")
                    }
                }
            }
        }
        #expect(
            table == [
                "absent -> open next", "absent, promised -> seal damaged",
                "clean -> continue", "clean, promised -> continue",
                "footer -> continue", "footer, promised -> continue",
                "torn -> keep aside, continue", "torn, promised -> keep aside, continue",
                "damaged -> seal damaged", "damaged, promised -> seal damaged",
                "headless -> open next", "headless, promised -> seal damaged",
                "headless+events -> seal damaged", "headless+events, promised -> seal damaged",
                "stray -> refuse: stray data", "stray, promised -> refuse: stray data",
            ])
    }
}
