import CairnFormat
import CairnPlatform

/// A field that events have.
public struct FieldSummary: Sendable, Equatable {
    /// Its dotted path, as a filter names it. Elements of arrays are at the path of the array.
    public var path: String
    /// Values at that path; where arrays are on the way, an event may have several.
    public var values: UInt64
    /// Kinds of these values, the most frequent first: string, number, boolean, null, object, array.
    public var kinds: [String]
}

extension AuditLog {
    /// The fields that the events of a query have, by their paths. Every event is read.
    ///
    /// - Throws: a ``ReadError`` of code `tooMany` where there are more than can be kept apart.
    public func fields(_ query: Query = Query()) throws(ReadError) -> [FieldSummary] {
        let scan = try SpanScan(directory, query) { FieldWork() }
        var counts = ValueCounts()
        while let (output, _) = try scan.next() {
            counts.add(output)
            guard counts.size <= ValueCounts.sizeLimit else {
                throw ReadError(
                    .tooMany, "there are too many different fields: narrow the filter or the time", path: "")
            }
        }
        return FieldWork.summaries(counts)
    }
}

/// Counts paths with the kinds of their values.
struct FieldWork: SpanWork {
    private var counts = ValueCounts()
    /// The kind, then the names on the way, each with a 0 before it: no name holds one, as JSON names are kept here with
    /// it escaped.
    private var key: [UInt8] = []

    var needsTape: Bool { true }

    mutating func take(_ sequence: UInt64, _ line: UnsafeRawBufferPointer, _ tape: JSONTape?) {
        guard let tape else { return }
        key = [0]
        visitMembers(tape, of: 1)
    }

    mutating func finish() -> ValueCounts {
        defer { counts = ValueCounts() }
        return counts
    }

    private mutating func visitMembers(_ tape: JSONTape, of object: Int) {
        var index = object + 1
        while tape.kind(index) != .objectEnd {
            let length = key.count
            let name = tape.string(index)
            key.append(0)
            for byte in name { key.append(contentsOf: byte == 0 ? [0xFF] : [byte]) }
            visit(tape, at: index + 1)
            key.removeLast(key.count - length)
            index = tape.next(index + 1)
        }
    }

    private mutating func visit(_ tape: JSONTape, at index: Int) {
        let kind = tape.kind(index)
        key[0] = Self.number(of: kind)
        key.withUnsafeBytes { counts.add($0, failed: 0) }
        if kind == .object {
            visitMembers(tape, of: index)
        } else if kind == .array {
            var element = index + 1
            while tape.kind(element) != .arrayEnd {
                visit(tape, at: element)
                element = tape.next(element)
            }
        }
    }

    private static let kinds = ["string", "number", "boolean", "null", "object", "array"]

    private static func number(of kind: JSONTape.Kind) -> UInt8 {
        switch kind {
        case .string: 0
        case .int, .uint, .double: 1
        case .yes, .no: 2
        case .object: 4
        case .array: 5
        default: 3
        }
    }

    static func summaries(_ counts: ValueCounts) -> [FieldSummary] {
        var found: [String: [(kind: Int, count: UInt64)]] = [:]
        for entry in counts.entries {
            let key = counts.value(of: entry)
            guard let kind = key.first else { continue }
            let names = key.dropFirst(2).split(separator: 0, omittingEmptySubsequences: false)
            let path = Filter.Term.name(names.map { String(decoding: $0, as: UTF8.self) })
            found[path, default: []].append((Int(kind), entry.count))
        }
        return found.map { path, kinds in
            FieldSummary(
                path: path, values: kinds.reduce(0) { $0 + $1.count },
                kinds: kinds.sorted { ($1.count, $0.kind) < ($0.count, $1.kind) }.map { Self.kinds[$0.kind] })
        }.sorted { $0.path < $1.path }
    }
}
