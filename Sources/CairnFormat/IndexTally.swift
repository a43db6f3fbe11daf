/// The events of one module and one retention class in a segment. Format.md, "Retention classes and tallies".
package struct IndexTally: Sendable, Equatable {
    /// Number of the module; ``anyModule``: events of any modules, for whose tallies there was no room.
    package var module: UInt16
    /// Number of the retention class.
    package var retentionClass: UInt16
    package var count: UInt64
    package var leastReceived: Time
    package var greatestReceived: Time

    package static let anyModule = UInt16.max
    static let encodedSize = 32

    init(module: UInt16, retentionClass: UInt16, received: Time) {
        self.module = module
        self.retentionClass = retentionClass
        count = 0
        leastReceived = received
        greatestReceived = received
    }

    fileprivate mutating func add(_ received: Time) {
        count += 1
        leastReceived = min(leastReceived, received)
        greatestReceived = max(greatestReceived, received)
    }

    /// The order of the index: by module and class.
    static func < (a: IndexTally, b: IndexTally) -> Bool {
        (a.module, a.retentionClass) < (b.module, b.retentionClass)
    }

    func append(to output: inout [UInt8]) {
        output.append(littleEndian: module)
        output.append(littleEndian: retentionClass)
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: count)
        output.append(littleEndian: leastReceived.nanoseconds)
        output.append(littleEndian: greatestReceived.nanoseconds)
    }

    init(_ reader: inout ByteReader) throws(FormatError) {
        module = try reader.integer()
        retentionClass = try reader.integer()
        guard try reader.integer(UInt32.self) == 0 else {
            throw FormatError(.malformed, "reserved bytes of the index are not 0", at: UInt64(reader.offset))
        }
        count = try reader.integer()
        leastReceived = try Time(nanoseconds: reader.integer())
        greatestReceived = try Time(nanoseconds: reader.integer())
    }
}

/// Counts the events of a segment by module and retention class.
struct TallyTable: Sendable {
    private var rows: [IndexTally] = []
    // Of the rows, from 1, by module and class; 0: none yet. No hash that hostile events could make slow, and with the
    // limits of modules and classes at most 2 MiB.
    private var numbers: [[UInt16]] = []
    /// The events for whose pair there was no room.
    private var rest: IndexTally?

    mutating func count(_ facts: EventFacts, received: Time) {
        let (module, retentionClass) = (Int(facts.module), Int(facts.retentionClass))
        if module < numbers.count, retentionClass < numbers[module].count, numbers[module][retentionClass] > 0 {
            rows[Int(numbers[module][retentionClass]) - 1].add(received)
        } else {
            addRow(facts, received)
        }
    }

    init() {}

    /// Goes on from rows that are complete.
    init(_ rows: [IndexTally]) {
        for row in rows {
            self.rows.append(row)
            setNumber(UInt16(self.rows.count), of: row)
        }
    }

    /// Whether there was room for the tallies of all pairs.
    var isComplete: Bool { rest == nil }

    private mutating func setNumber(_ number: UInt16, of row: IndexTally) {
        let (module, retentionClass) = (Int(row.module), Int(row.retentionClass))
        while numbers.count <= module { numbers.append([]) }
        while numbers[module].count <= retentionClass { numbers[module].append(0) }
        numbers[module][retentionClass] = number
    }

    private mutating func addRow(_ facts: EventFacts, _ received: Time) {
        // The last row is that of the rest.
        guard rows.count < Limits.tallies - 1 else {
            var row =
                rest ?? IndexTally(module: IndexTally.anyModule, retentionClass: UInt16.max, received: received)
            row.add(received)
            rest = row
            return
        }
        var row = IndexTally(module: facts.module, retentionClass: facts.retentionClass, received: received)
        row.add(received)
        rows.append(row)
        setNumber(UInt16(rows.count), of: row)
    }

    /// The rows in their order. The class of those of any module is put into `classes` if it is not there.
    func sorted(_ classes: inout NameTable) -> [IndexTally] {
        var sorted = rows.sorted { $0 < $1 }
        if var rest {
            rest.retentionClass = RetentionClass.unknown.withUnsafeBytes { classes.insert($0) }
            sorted.append(rest)
        }
        return sorted
    }
}

extension SegmentIndex {
    /// Name of the module of a tally; nil: its events are of any modules.
    package func moduleName(of tally: IndexTally) -> String? {
        guard tally.module != IndexTally.anyModule else { return nil }
        return String(decoding: modules.names[Int(tally.module)], as: UTF8.self)
    }

    /// The retention class of a tally.
    package func retentionClass(of tally: IndexTally) -> RetentionClass { classes[Int(tally.retentionClass)] }

    static func classes(_ reader: inout ByteReader, _ count: Int) throws(FormatError) -> [RetentionClass] {
        var classes: [RetentionClass] = []
        // By their bytes: String's own equality holds between different texts that look the same.
        var seen: Set<[UInt8]> = []
        for _ in 0..<count {
            let start = reader.offset
            try classes.append(RetentionClass(&reader))
            guard seen.insert(reader.bytes(from: start)).inserted else {
                throw FormatError(.malformed, "a retention class stands twice in the index", at: UInt64(start))
            }
        }
        return classes
    }

    static func tallies(_ reader: inout ByteReader, _ count: Int) throws(FormatError) -> [IndexTally] {
        var tallies: [IndexTally] = []
        for _ in 0..<count {
            let tally = try IndexTally(&reader)
            guard tally.count > 0, tally.leastReceived <= tally.greatestReceived,
                tallies.last.map({ $0 < tally }) ?? true
            else { throw FormatError(.malformed, "the tallies of the index are not in order") }
            tallies.append(tally)
        }
        return tallies
    }

    /// Whether they name modules and classes that are there, and no more events than there are.
    func checkTallies() throws(FormatError) {
        var uncounted = count
        for tally in tallies {
            let isNamed = Int(tally.module) < modules.count
            let isRest = tally.module == IndexTally.anyModule && tallies.count == Limits.tallies
            guard Int(tally.retentionClass) < classes.count, isNamed || isRest && retentionClass(of: tally).isUnknown,
                tally.count <= uncounted
            else { throw FormatError(.malformed, "a tally of the index names what is not there") }
            uncounted -= tally.count
        }
    }
}
