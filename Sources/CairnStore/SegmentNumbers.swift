import CairnFormat

/// The active segment's numbers of the modules and retention classes of a batch, looked up once each.
struct SegmentNumbers {
    private var modules: [UInt16?]
    private var classes: [UInt16?]

    init(_ batch: EventBatch) {
        modules = [UInt16?](repeating: nil, count: batch.modules.count)
        classes = [UInt16?](repeating: nil, count: batch.classes.count)
    }

    /// Whether that module of the batch was looked up, and so is one of the segment.
    func knows(_ module: UInt16) -> Bool { modules[Int(module)] != nil }

    /// The same facts with the segment's numbers; it has room.
    mutating func number(_ facts: EventFacts, of batch: EventBatch, in builder: inout SegmentBuilder) -> EventFacts {
        var facts = facts
        let (module, retentionClass) = (Int(facts.module), Int(facts.retentionClass))
        facts.module =
            modules[module] ?? batch.modules.names[module].withUnsafeBytes { builder.moduleNumber($0) }
        facts.retentionClass =
            classes[retentionClass] ?? batch.classes.names[retentionClass].withUnsafeBytes { builder.classNumber($0) }
        (modules[module], classes[retentionClass]) = (facts.module, facts.retentionClass)
        return facts
    }
}
