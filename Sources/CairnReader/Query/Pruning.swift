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
    /// What the filter comes to.
    let condition: Condition

    /// Why something was left out.
    enum Reason: Sendable {
        case sequence
        case time
        /// Modules, statuses and severities.
        case sets
        /// The filter over tokens.
        case tokens
        /// The searched strings.
        case texts
    }

    init(_ query: Query, within bounds: Range<UInt64>) {
        sequences = bounds
        let since = query.since ?? .distantPast
        let last = query.until.map { until in
            Time(nanoseconds: until.nanoseconds == .min ? .min : until.nanoseconds - 1)
        }
        isEmpty = bounds.isEmpty || since > (last ?? .distantFuture) || query.until == .distantPast
        times = query.since == nil && query.until == nil || isEmpty ? nil : since...(last ?? .distantFuture)
        condition = .all(query.filter.terms.map(Condition.init))
        if let after = query.after {
            switch query.order {
            case .oldestFirst: narrow(to: min(after, Limits.sequence - 1) + 1..<Limits.sequence)
            case .newestFirst: narrow(to: 0..<after)
            }
        }
        if case .all(let conditions) = condition {
            for case .sequences(let range) in conditions { narrow(to: range) }
        }
    }

    private mutating func narrow(to range: Range<UInt64>) {
        sequences = sequences.clamped(to: range)
        isEmpty = isEmpty || sequences.isEmpty
    }

    /// Whether no event that is wanted stands in these sequences or has one of these times.
    func excludes(sequences other: Range<UInt64>) -> Bool { !sequences.overlaps(other) }

    func excludes(times other: ClosedRange<Time>) -> Bool { times.map { !$0.overlaps(other) } ?? false }

    /// Whether every event of these times has one that is wanted.
    func includes(times other: ClosedRange<Time>) -> Bool {
        times.map { $0.contains(other.lowerBound) && $0.contains(other.upperBound) } ?? true
    }

    func excludes(_ seal: Seal) -> Bool {
        seal.count == 0 || excludes(times: seal.time) || !condition.outlook(in: SealSummary(seal: seal)).may
    }

    /// - Parameter hasErased: whether events of the segment were erased: they are in none of the span's sets.
    func exclusion(ofSpan number: Int, of index: SegmentIndex, hasErased: Bool) -> Reason? {
        let span = index.spans[number]
        let sequences = span.firstSequence..<span.endSequence
        if excludes(sequences: sequences) { return .sequence }
        // A span whose times are the wrong way round is a hint that cannot be right.
        if span.leastTime <= span.greatestTime, excludes(times: span.leastTime...span.greatestTime) { return .time }
        var summary = SpanSummary(number: number, index: index, sequences: sequences, hasErased: hasErased)
        if condition.outlook(in: summary).may { return nil }
        summary.usesTexts = false
        if condition.outlook(in: summary).may { return .texts }
        summary.usesTokens = false
        return condition.outlook(in: summary).may ? .tokens : .sets
    }

    /// How many events of a span are wanted and match; nil if that takes a look at them.
    func count(inSpan number: Int, of index: SegmentIndex, hasErased: Bool) -> Int? {
        let span = index.spans[number]
        let sequences = span.firstSequence..<span.endSequence
        guard self.sequences.clamped(to: sequences) == sequences,
            times == nil || span.leastTime <= span.greatestTime && includes(times: span.leastTime...span.greatestTime)
        else { return nil }
        return condition.events(
            in: SpanSummary(number: number, index: index, sequences: sequences, hasErased: hasErased))?.count
    }
}

private struct SealSummary: EventSummary {
    let seal: Seal

    var sequences: Range<UInt64> { seal.firstSequence..<seal.endSequence }

    func modules(_ names: [[UInt8]]) -> Outlook {
        Outlook(
            may: seal.modules.contains { module in names.contains { module.name.utf8.elementsEqual($0) } },
            must: false)
    }

    func statuses(_ bits: UInt16) -> Outlook { .unknown }
    func severities(_ bits: UInt16) -> Outlook { .unknown }
    func mayHave(_ token: UInt64, _ field: TokenField) -> Bool { true }
    func text(_ text: String) -> Outlook { .unknown }
}

private struct SpanSummary: EventSummary {
    let number: Int
    let index: SegmentIndex
    let sequences: Range<UInt64>
    let hasErased: Bool
    var usesTokens = true
    var usesTexts = true

    private var span: IndexSpan { index.spans[number] }

    func modules(_ names: [[UInt8]]) -> Outlook {
        var own = ModuleBits()
        for name in names {
            if let number = name.withUnsafeBytes({ index.modules.find($0) }) { own.insert(number) }
        }
        return Outlook(may: !span.modules.isDisjoint(with: own), must: !hasErased && span.modules.isSubset(of: own))
    }

    func statuses(_ bits: UInt16) -> Outlook { outlook(span.statuses, bits) }

    func severities(_ bits: UInt16) -> Outlook { outlook(span.severities, bits) }

    private func outlook(_ own: UInt16, _ bits: UInt16) -> Outlook {
        Outlook(may: own & bits != 0, must: !hasErased && own & ~(bits & ~1) == 0)
    }

    func mayHave(_ token: UInt64, _ field: TokenField) -> Bool {
        !usesTokens || span.opaque & (1 << UInt16(field.rawValue)) != 0 || index.mayContain(token, in: span)
    }

    func text(_ text: String) -> Outlook {
        guard usesTexts, let found = events(with: text) else { return .unknown }
        return Outlook(may: !found.isEmpty, must: found.isAll)
    }

    func events(with text: String) -> EventSet? { index.events(with: text, inSpan: number) }
}

extension Condition {
    /// The events of a span for which it holds; nil if that takes a look at them.
    fileprivate func events(in span: SpanSummary) -> EventSet? {
        let outlook = outlook(in: span)
        if outlook.may == outlook.must {
            return EventSet(count: Int(span.sequences.upperBound - span.sequences.lowerBound), all: outlook.must)
        }
        switch self {
        case .text(let text): return span.events(with: text)
        case .not(let condition): return condition.events(in: span)?.inverted
        case .any(let conditions): return Self.merged(conditions, in: span) { $0.formUnion($1) }
        case .all(let conditions): return Self.merged(conditions, in: span) { $0.formIntersection($1) }
        case .modules, .statuses, .severities, .token, .sequences, .unknown: return nil
        }
    }

    private static func merged(
        _ conditions: [Condition], in span: SpanSummary, _ merge: (inout EventSet, EventSet) -> Void
    ) -> EventSet? {
        guard var merged = conditions.first?.events(in: span) else { return nil }
        for condition in conditions.dropFirst() {
            guard let events = condition.events(in: span) else { return nil }
            merge(&merged, events)
        }
        return merged
    }
}
