/// A segment's numbers of the modules, retention classes and texts that a batch, or a reader, has numbers of its own for;
/// looked up once each.
package struct SegmentNumbers {
    private var modules: [UInt16?] = []
    private var classes: [UInt16?] = []
    private var texts = SpanTexts.Numbers()
    /// Number of the span that `texts` are of.
    private var span = 0

    package init() {}

    // Mutating, though they change nothing: else the tables are retained for each call, which takes longer than the rest.

    /// Whether that module was looked up, and so is one of the segment.
    package mutating func knows(_ module: UInt16) -> Bool { Int(module) < modules.count && modules[Int(module)] != nil }

    /// The classes and the texts are other ones from now on; the modules stay.
    package mutating func beginBlock() {
        classes.removeAll(keepingCapacity: true)
        texts.removeAll()
    }

    /// Those of the texts in that span.
    @inline(__always)
    mutating func withTexts(of span: Int, _ body: (inout SpanTexts.Numbers) -> Void) {
        if span != self.span {
            texts.removeAll()
            self.span = span
        }
        body(&texts)
    }

    /// The same facts with the segment's numbers; nil where these were not looked up yet.
    package mutating func numbered(_ facts: EventFacts) -> EventFacts? {
        let (module, retentionClass) = (Int(facts.module), Int(facts.retentionClass))
        guard module < modules.count, retentionClass < classes.count, let ownModule = modules[module],
            let ownClass = classes[retentionClass]
        else { return nil }
        var own = facts
        (own.module, own.retentionClass) = (ownModule, ownClass)
        return own
    }

    /// Remembers what `facts` are with the segment's numbers.
    package mutating func learn(_ facts: EventFacts, _ own: EventFacts) -> EventFacts {
        let (module, retentionClass) = (Int(facts.module), Int(facts.retentionClass))
        while modules.count <= module { modules.append(nil) }
        while classes.count <= retentionClass { classes.append(nil) }
        (modules[module], classes[retentionClass]) = (own.module, own.retentionClass)
        return own
    }
}
