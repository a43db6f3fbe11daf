import CairnFormat

/// The active segment's numbers of the modules and retention classes of a batch, looked up once each.
struct SegmentNumbers {
    private var modules: [UInt16?]
    private var classes: [UInt16?]

    init(_ batch: EventBatch) {
        modules = [UInt16?](repeating: nil, count: batch.modules.count)
        classes = [UInt16?](repeating: nil, count: batch.classes.count)
    }

    /// Whether the segment can take an event of that module.
    func hasRoom(for facts: EventFacts, of batch: EventBatch, in builder: SegmentBuilder) -> Bool {
        modules[Int(facts.module)] != nil
            || batch.modules.names[Int(facts.module)].withUnsafeBytes { builder.hasRoom(for: $0) }
    }

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
