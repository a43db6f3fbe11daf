/// The daemon's stamps at the beginning of a stored line. Format.md, "Events and lines".
package struct Stamps: Sendable, Equatable {
    package var sequence: UInt64
    package var received: Time
    package var uid: UInt32
    package var pid: Int32
    /// Whether the daemon itself wrote the event, and no client. An `event.rejected` speaks of a client's line: it is
    /// not the daemon's own.
    package var isOwn: Bool

    /// What stands behind `_pid` in an event of the daemon itself.
    static let own: StaticString = "\"_own\":true,"

    /// Appends what follows `"_seq":N,`: from `_received` to the comma behind `_pid`.
    package static func append(received: Time, uid: UInt32, pid: Int32, to output: inout [UInt8]) {
        output.append(text: "\"_received\":\"")
        received.append(to: &output, fractionDigits: 6)
        output.append(text: "\",\"_uid\":")
        output.append(decimal: UInt64(uid))
        output.append(text: ",\"_pid\":")
        output.append(decimal: UInt64(max(0, pid)))
        output.append(UInt8(ascii: ","))
    }

    /// Reads the stamps of a stored line; nothing but their one form is accepted.
    package init(line: UnsafeRawBufferPointer) throws(FormatError) {
        var none = Common()
        try self.init(line: line, common: &none)
    }

    /// What the stamps of all lines have in common that came together: everything but the number.
    package struct Common {
        /// From the comma behind the number to the one behind `_pid`; empty before the first line.
        fileprivate var text: [UInt8] = []
        fileprivate var (received, uid, pid) = (Time.distantPast, UInt32(0), Int32(0))

        fileprivate init(_ scan: inout StampScanner) throws(FormatError) {
            let start = scan.index
            try scan.expect(",\"_received\":\"")
            received = try scan.time()
            try scan.expect("\",\"_uid\":")
            let uid = try scan.number()
            try scan.expect(",\"_pid\":")
            let pid = try scan.number()
            try scan.expect(",")
            guard let uid = UInt32(exactly: uid), let pid = Int32(exactly: pid) else {
                throw FormatError(.malformed, "a stamp is out of its range")
            }
            (self.uid, self.pid) = (uid, pid)
            text = scan.bytes(from: start)
        }

        package init() {}
    }

    /// The same.
    ///
    /// - Parameter common: that of the line before, which most often is that of this line as well; then it is not read
    ///   once more.
    package init(line: UnsafeRawBufferPointer, common: inout Common) throws(FormatError) {
        var scan = StampScanner(line)
        scan.skipBlanks()
        try scan.expect("{\"_seq\":")
        sequence = try scan.number()
        if common.text.isEmpty || !scan.skip(common.text) { common = try Common(&scan) }
        (received, uid, pid) = (common.received, common.uid, common.pid)
        isOwn = scan.skip(Stamps.own)
        guard sequence < Limits.sequence else { throw FormatError(.malformed, "a stamp is out of its range") }
    }
}

/// Reads the forms that the daemon writes, and no others.
struct StampScanner {
    private let line: UnsafeRawBufferPointer
    private(set) var index = 0

    init(_ line: UnsafeRawBufferPointer) { self.line = line }

    /// What was read since `start`, once more.
    func bytes(from start: Int) -> [UInt8] { Array(line[start..<index]) }

    /// The same of bytes.
    mutating func skip(_ text: [UInt8]) -> Bool {
        let end = index + text.count
        guard end <= line.count, let base = line.baseAddress,
            text.withUnsafeBytes({ $0.baseAddress.map { equal($0, base + index, text.count) } ?? true })
        else { return false }
        index = end
        return true
    }

    mutating func skipBlanks() {
        while index < line.count, isBlank(line[index]) { index += 1 }
    }

    mutating func expect(_ text: StaticString) throws(FormatError) {
        guard skip(text) else {
            throw FormatError(.malformed, "the line does not begin with the daemon's stamps", at: UInt64(index))
        }
    }

    /// Goes on behind `text` if it stands here; else it stays.
    mutating func skip(_ text: StaticString) -> Bool {
        let end = index + text.utf8CodeUnitCount
        guard end <= line.count, UnsafeRawBufferPointer(rebasing: line[index..<end]).isText(text) else { return false }
        index = end
        return true
    }

    mutating func number() throws(FormatError) -> UInt64 {
        let start = index
        var value: UInt64 = 0
        while index < line.count, index - start < 19, line[index] &- UInt8(ascii: "0") < 10 {
            value = value * 10 + UInt64(line[index] - UInt8(ascii: "0"))
            index += 1
        }
        guard index > start, index == start + 1 || line[start] != UInt8(ascii: "0") else {
            throw FormatError(.malformed, "a stamp is not a number", at: UInt64(start))
        }
        return value
    }

    var isAtEnd: Bool { index == line.count }

    mutating func bytes(_ count: Int) throws(FormatError) -> UnsafeRawBufferPointer {
        guard line.count - index >= count else {
            throw FormatError(.malformed, "the line is cut off", at: UInt64(index))
        }
        defer { index += count }
        return UnsafeRawBufferPointer(rebasing: line[index..<(index + count)])
    }

    /// A JSON string with its quotes, as it stands there.
    mutating func string() throws(FormatError) -> [UInt8] {
        let start = index
        try expect("\"")
        while index < line.count, line[index] != UInt8(ascii: "\"") {
            index += line[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < line.count else {
            throw FormatError(.malformed, "a string does not end", at: UInt64(start))
        }
        index += 1
        return Array(line[start..<index])
    }

    /// `2026-11-21T07:39:12.123456Z`: 27 bytes.
    mutating func time() throws(FormatError) -> Time {
        let end = index + 27
        guard end <= line.count, line[index + 10] == UInt8(ascii: "T"), line[end - 1] == UInt8(ascii: "Z"),
            // A second of 60 would be another form of the next minute.
            line[index + 17] < UInt8(ascii: "6"),
            let time = Time(rfc3339: UnsafeRawBufferPointer(rebasing: line[index..<end]))
        else {
            throw FormatError(.malformed, "\"_received\" is not a time with six fraction digits", at: UInt64(index))
        }
        index = end
        return time
    }
}

/// Reads stored lines back: the stamps, and the facts that block and index state about the event. One owner at a time.
package final class StoredEventReader {
    private let parser: JSONParser
    private let names = EventNames()
    private var batch = EventBatch()
    private var common = Stamps.Common()

    package init() throws(FormatError) { parser = try JSONParser() }

    /// Names by the numbers that the facts of the events carry.
    package var modules: NameTable { batch.modules }

    /// Retention classes by the numbers that the facts of the events carry.
    package var classes: NameTable { batch.classes }

    /// Forgets modules and classes: a table of modules is good for one segment.
    package func beginSegment() {
        batch.modules.removeAll()
        batch.removeClasses()
    }

    /// Forgets the classes: a segment can have more than are to be kept in memory, but a block holds few lines.
    package func beginBlock() { batch.removeClasses() }

    package struct Event {
        package var stamps: Stamps
        package var facts: EventFacts
        /// The producer's idempotency key, if it has one.
        package var identity: EventIdentity?

        /// `timestamp`, or the receive time where there is none.
        package var time: Time { facts.time ?? stamps.received }
    }

    /// Reads one line without its LF; `JSONParser.padding` readable bytes stand behind it. What the index takes of it is
    /// appended to `terms`.
    package func read(_ line: UnsafeRawBufferPointer, terms: inout IndexTerms) throws(FormatError) -> Event {
        let stamps = try Stamps(line: line, common: &common)
        let start = terms.size
        // Not copied from one to the other.
        swap(&batch.terms, &terms)
        defer { swap(&batch.terms, &terms) }
        do throws(Rejection) {
            let tape = try parser.parse(line)
            guard tape.kind(1) == .object else { throw Rejection(.notAnObject, "not an object") }
            var reader = EventFieldReader(
                tape: tape, line: line, uid: stamps.isOwn ? EventIdentity.ownUser : stamps.uid, isStored: true)
            try reader.read(&batch, names)
            guard batch.modules.count <= Limits.modules else {
                throw Rejection(.invalidJSON, "more than \(Limits.modules) modules in one segment")
            }
            return Event(stamps: stamps, facts: reader.facts, identity: reader.identity)
        } catch {
            batch.terms.cut(to: start)
            throw FormatError(.malformed, "the stored line is not an event: \(error.message)", at: UInt64(error.offset))
        }
    }
}
