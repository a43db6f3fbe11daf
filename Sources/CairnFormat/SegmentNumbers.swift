/// A segment's numbers of the modules and retention classes that a batch, or a reader, has numbers of its own for; looked
/// up once each.
package struct SegmentNumbers {
    private var modules: [UInt16?] = []
    private var classes: [UInt16?] = []

    package init() {}

    /// Whether that module was looked up, and so is one of the segment.
    package func knows(_ module: UInt16) -> Bool { Int(module) < modules.count && modules[Int(module)] != nil }

    /// The classes are other ones from now on; the modules stay.
    package mutating func forgetClasses() { classes.removeAll(keepingCapacity: true) }

    /// The same facts with the segment's numbers; it has room for the module.
    ///
    /// - Parameter batch: its tables are those that `facts` has numbers of. They are looked into here, as handing them
    ///   over would copy them for every event.
    package mutating func number(
        _ facts: EventFacts, of batch: EventBatch, in builder: inout SegmentBuilder
    ) -> EventFacts {
        var own = facts
        let (module, retentionClass) = (Int(facts.module), Int(facts.retentionClass))
        while modules.count <= module { modules.append(nil) }
        while classes.count <= retentionClass { classes.append(nil) }
        if let module = modules[module], let retentionClass = classes[retentionClass] {
            (own.module, own.retentionClass) = (module, retentionClass)
        } else {
            own = builder.numbered(facts, batch.modules, batch.classes)
            (modules[module], classes[retentionClass]) = (own.module, own.retentionClass)
        }
        return own
    }

    /// The same for facts that `reader` has read.
    package mutating func number(
        _ facts: EventFacts, of reader: StoredEventReader, in builder: inout SegmentBuilder
    ) -> EventFacts {
        number(facts, of: reader.batch, in: &builder)
    }
}
