import CairnFormat

/// What a query says about segments and spans as a whole. It leaves out what certainly holds no match, going by seals,
/// indexes and block heads; everything else has to be read.
struct Pruning: Sendable {
    /// Numbers of the events that are wanted.
    private(set) var sequences: Range<UInt64>
    /// Event times, both ends included.
    let times: ClosedRange<Time>?
    /// Whether no event can match.
    private(set) var isEmpty: Bool
    /// For each term `module=…` the names under which a match may be counted.
    private var modules: [[[UInt8]]] = []
    /// For each term on status or severity the bits of which one must be set.
    private var statuses: [UInt16] = []
    private var severities: [UInt16] = []
    private var tokens: [(field: TokenField, token: UInt64)] = []

    init(_ query: Query, within bounds: Range<UInt64>) {
        sequences = bounds
        let since = query.since ?? .distantPast
        let last = query.until.map { until in
            Time(nanoseconds: until.nanoseconds == .min ? .min : until.nanoseconds - 1)
        }
        isEmpty = bounds.isEmpty || since > (last ?? .distantFuture) || query.until == .distantPast
        times = query.since == nil && query.until == nil || isEmpty ? nil : since...(last ?? .distantFuture)
        if let after = query.after {
            switch query.order {
            case .oldestFirst: narrow(from: after < .max ? after + 1 : .max)
            case .newestFirst: narrow(to: after)
            }
        }
        for case .comparison(let comparison) in query.filter.terms { learn(from: comparison) }
    }

    /// Whether no event that is wanted stands in these sequences or has one of these times.
    func excludes(sequences other: Range<UInt64>) -> Bool { !sequences.overlaps(other) }

    func excludes(times other: ClosedRange<Time>) -> Bool { times.map { !$0.overlaps(other) } ?? false }

    /// Whether every event of these times has one that is wanted.
    func includes(times other: ClosedRange<Time>) -> Bool {
        times.map { $0.contains(other.lowerBound) && $0.contains(other.upperBound) } ?? true
    }

    func excludes(_ seal: Seal) -> Bool {
        if seal.count == 0 || excludes(times: seal.time) { return true }
        return modules.contains { names in
            !names.contains { name in seal.modules.contains { $0.name.utf8.elementsEqual(name) } }
        }
    }

    func excludes(_ span: IndexSpan, of index: SegmentIndex) -> Bool {
        // A span whose times are the wrong way round is a hint that cannot be right.
        if span.leastTime <= span.greatestTime, excludes(times: span.leastTime...span.greatestTime) { return true }
        for names in modules {
            let numbers = names.compactMap { name in name.withUnsafeBytes { index.modules.find($0) } }
            if !numbers.contains(where: { span.modules.contains($0) }) { return true }
        }
        if statuses.contains(where: { $0 & span.statuses == 0 }) { return true }
        if severities.contains(where: { $0 & span.severities == 0 }) { return true }
        return tokens.contains { field, token in
            span.opaque & (1 << UInt16(field.rawValue)) == 0 && !index.mayContain(token, in: span)
        }
    }

    private mutating func narrow(from: UInt64 = 0, to: UInt64 = .max) {
        let (lower, upper) = (max(sequences.lowerBound, from), min(sequences.upperBound, to))
        if lower < upper { sequences = lower..<upper } else { isEmpty = true }
    }

    // Only terms that must hold are looked at, and only such as the writer's facts about an event decide. A value that
    // is no string, an array among them, counts as status and severity 0, as module "?", and sets the opaque bit.
    private mutating func learn(from comparison: Filter.Comparison) {
        let value = comparison.value
        if comparison.path == ["_seq"], !value.isQuoted, let number = UInt64(value.text), number < Limits.sequence {
            learn(sequence: number, comparison.relation)
            return
        }
        guard comparison.relation == .equal, comparison.network == nil else { return }
        // A name with a dot in it is not two names.
        guard !comparison.path.contains(where: { $0.contains(".") }) else { return }
        let isNull = !value.isQuoted && value.text == "null"
        let text = Array(value.text.utf8)
        switch comparison.path.joined(separator: ".") {
        case "module":
            modules.append(isModuleName(text) ? [text, EventFacts.invalidModule] : [EventFacts.invalidModule])
        case "status":
            let status = EventStatus.allCases.first { $0.name.map { "\($0)" == value.text } ?? false } ?? .other
            statuses.append(1 | 1 << UInt16(status.rawValue))
        case "severity":
            let severity = EventSeverity.allCases.first { $0.name.map { "\($0)" == value.text } ?? false } ?? .other
            severities.append(1 | 1 << UInt16(severity.rawValue))
        case let path:
            guard !isNull, let field = TokenField.allCases.first(where: { $0.path == path }) else { return }
            tokens.append((field, text.withUnsafeBytes { field.token($0) }))
        }
    }

    private mutating func learn(sequence: UInt64, _ relation: Filter.Relation) {
        switch relation {
        case .equal: narrow(from: sequence, to: sequence + 1)
        case .notEqual: break
        case .less: narrow(to: sequence)
        case .lessOrEqual: narrow(to: sequence + 1)
        case .greater: narrow(from: sequence + 1)
        case .greaterOrEqual: narrow(from: sequence)
        }
    }
}
