/// Why a segment ended.
public enum SealReason: String, Sendable, CaseIterable {
    case size, age, request, shutdown, modules, corruption
}

/// The signed statement that ends a segment and names the key of the next. Format.md, "Seal".
public struct Seal: Sendable, Equatable {
    /// Name of the log.
    public var origin: Origin
    /// Number of the segment, from 0.
    public var number: UInt64
    /// Sequence number of its first event.
    public var firstSequence: UInt64
    /// Number of its events.
    public var count: UInt64
    /// Root of the segment tree.
    public var root: Digest
    /// SHA-256 of the previous seal file; `.zero` in segment 0.
    public var previous: Digest
    /// Creation time in the header.
    public var opened: Time
    /// Receive times of its events.
    public var received: ClosedRange<Time>
    /// Event times of its events.
    public var time: ClosedRange<Time>
    /// Events per module; sorted by the bytes of the names, none zero.
    public var modules: [ModuleCount]
    /// Why the segment ended.
    public var reason: SealReason
    /// Will sign the next segment's seal.
    public var nextKey: VerifierKey

    /// Events of one module in a segment.
    public struct ModuleCount: Sendable, Equatable {
        /// The module, or `?` for events whose module is not a valid name.
        public var name: String
        /// Its events, at least 1.
        public var count: UInt64

        package init(name: String, count: UInt64) {
            self.name = name
            self.count = count
        }
    }

    package static let kind = "cairn/seal/v1"

    package init(
        origin: Origin, number: UInt64, firstSequence: UInt64, count: UInt64, root: Digest, previous: Digest,
        opened: Time, received: ClosedRange<Time>, time: ClosedRange<Time>, modules: [ModuleCount], reason: SealReason,
        nextKey: VerifierKey
    ) {
        self.origin = origin
        self.number = number
        self.firstSequence = firstSequence
        self.count = count
        self.root = root
        self.previous = previous
        self.opened = opened
        self.received = received
        self.time = time
        self.modules = modules
        self.reason = reason
        self.nextKey = nextKey
    }

    /// The number of the event behind the last one that the seal covers.
    public var endSequence: UInt64 { firstSequence + count }

    /// The text to be signed.
    package var text: String {
        var text = """
            \(Seal.kind)
            \(origin)
            segment \(number)
            first \(firstSequence)
            count \(count)
            root \(root)
            previous \(previous)
            opened \(opened)
            received \(received.lowerBound) \(received.upperBound)
            time \(time.lowerBound) \(time.upperBound)

            """
        for module in modules { text += "module \(module.name) \(module.count)\n" }
        return text + "reason \(reason.rawValue)\nnext \(nextKey)\n"
    }

    /// Reads the text of a note whose signature is checked elsewhere.
    package init(text: String) throws(FormatError) {
        var note = try NoteText(text, kind: Seal.kind)
        origin = try Origin(String(note.line()))
        number = try note.number("segment")
        firstSequence = try note.number("first")
        count = try note.number("count")
        root = try note.digest("root")
        previous = try note.digest("previous")
        opened = try note.time("opened")
        received = try note.times("received")
        time = try note.times("time")
        modules = []
        while let value = note.optionalValue("module") {
            let parts = value.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw FormatError(.malformed, "a module line without name and count") }
            let module = try ModuleCount(name: String(parts[0]), count: NoteText.number(parts[1], "module"))
            let isNamed = isModuleName(module.name.utf8) || module.name.utf8.elementsEqual(EventFacts.invalidModule)
            guard isNamed else { throw FormatError(.malformed, "\"\(module.name)\" is not a module") }
            guard module.count > 0, modules.last.map({ byteOrder($0.name, module.name) }) ?? true else {
                throw FormatError(.mismatch, "the modules of the seal are not in order, or without events")
            }
            modules.append(module)
        }
        let reason = try note.value("reason")
        guard let known = SealReason(rawValue: String(reason)) else {
            throw FormatError(.unsupported, "the seal's reason \"\(reason)\" is of a later version")
        }
        self.reason = known
        nextKey = try VerifierKey(String(note.value("next")))
        try note.end()
        // Taken off one by one: a sum of huge counts could wrap round to any number.
        let uncounted = modules.reduce(Optional(count)) { rest, module in
            rest.flatMap { $0 >= module.count ? $0 - module.count : nil }
        }
        let (total, tooMany) = firstSequence.addingReportingOverflow(count)
        guard !tooMany, total < Limits.sequence, nextKey.name == origin.name, count > 0 || known == .corruption,
            uncounted == 0
        else { throw FormatError(.mismatch, "the seal's numbers contradict each other") }
    }
}

/// Whether `a` stands before `b` by bytes; String's own order is by Unicode.
package func byteOrder(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
}
