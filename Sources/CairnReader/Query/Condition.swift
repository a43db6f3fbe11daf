import CairnFormat

/// What a filter asks of the facts that seals and indexes hold about many events at once. What they do not hold is
/// unknown; so the answer for a set of events is what is certain of each and of none.
indirect enum Condition: Sendable, Equatable {
    /// Of one of these modules.
    case modules([[UInt8]])
    /// With one of these statuses; bit 0 stands for those that may match nevertheless: a value that is no string, an
    /// array among them, counts as none.
    case statuses(UInt16)
    case severities(UInt16)
    case token(TokenField, UInt64)
    /// With this text in one of the strings that are searched.
    case text(String)
    case sequences(Range<UInt64>)
    case not(Condition)
    case any([Condition])
    case all([Condition])
    case unknown

    init(_ term: Filter.Term) {
        switch term {
        case .comparison(let comparison):
            self =
                comparison.relation == .notEqual
                ? .not(Condition(equal: comparison)) : Condition(comparison)
        case .membership(let membership): self = .any(membership.comparisons.map { Condition($0) })
        case .not(let term): self = .not(Condition(term))
        case .any(let terms): self = .any(terms.map { Condition($0) })
        case .all(let terms): self = .all(terms.map { Condition($0) })
        case .text(let text): self = .text(text)
        case .match, .presence: self = .unknown
        }
    }

    private init(_ comparison: Filter.Comparison) {
        let value = comparison.value
        if comparison.path == ["_seq"], !value.isQuoted, let number = UInt64(value.text), number < Limits.sequence {
            self = .sequences(Self.range(comparison.relation, number))
        } else if comparison.path == ["severity"], comparison.relation.isOrder {
            self = Self.severities(comparison.relation, value.text)
        } else if comparison.relation == .equal {
            self.init(equal: comparison)
        } else {
            self = .unknown
        }
    }

    private init(equal comparison: Filter.Comparison) {
        let value = comparison.value
        // A field that is not there is null, and an event that was erased has no fields: both are in no set.
        guard comparison.network == nil, value.isQuoted || value.text != "null",
            // A name with a dot in it is not two names.
            !comparison.path.contains(where: { $0.contains(".") })
        else {
            self = .unknown
            return
        }
        let text = Array(value.text.utf8)
        switch comparison.path.joined(separator: ".") {
        case "_seq":
            self = .unknown
        case "module":
            self = .modules(isModuleName(text) ? [text, EventFacts.invalidModule] : [EventFacts.invalidModule])
        case "status":
            let status = text.withUnsafeBytes { EventStatus(named: $0) } ?? .other
            self = .statuses(1 | 1 << UInt16(status.rawValue))
        case "severity":
            self = .severities(1 | 1 << UInt16((EventSeverity(named: value.text) ?? .other).rawValue))
        case let path:
            guard let field = TokenField.allCases.first(where: { $0.path == path }) else {
                self = .unknown
                return
            }
            self = .token(field, text.withUnsafeBytes { field.token($0) })
        }
    }

    private static func severities(_ relation: Filter.Relation, _ text: String) -> Condition {
        guard let severity = EventSeverity(named: text) else { return .unknown }
        let (own, bits) = (severity.rawValue, EventSeverity.allCases.filter { $0 != .other }.map(\.rawValue))
        let wanted = bits.filter { other in
            switch relation {
            case .less: other < own
            case .lessOrEqual: other <= own
            case .greater: other > own
            default: other >= own
            }
        }
        return .severities(wanted.reduce(1) { $0 | 1 << UInt16($1) })
    }

    private static func range(_ relation: Filter.Relation, _ number: UInt64) -> Range<UInt64> {
        switch relation {
        case .equal: number..<(number + 1)
        case .notEqual, .less: 0..<number
        case .lessOrEqual: 0..<(number + 1)
        case .greater: (number + 1)..<Limits.sequence
        case .greaterOrEqual: number..<Limits.sequence
        }
    }

    /// The tokens that filters are asked for.
    var tokens: [UInt64] {
        switch self {
        case .token(_, let token): [token]
        case .not(let condition): condition.tokens
        case .any(let conditions), .all(let conditions): conditions.flatMap(\.tokens)
        case .modules, .statuses, .severities, .text, .sequences, .unknown: []
        }
    }

    /// The texts that indexes are asked for.
    var texts: [String] {
        switch self {
        case .text(let text): [text]
        case .not(let condition): condition.texts
        case .any(let conditions), .all(let conditions): conditions.flatMap(\.texts)
        case .modules, .statuses, .severities, .token, .sequences, .unknown: []
        }
    }

    /// What is certain of the events of a set.
    func outlook(in summary: some EventSummary) -> Outlook {
        switch self {
        case .modules(let names):
            // What counts as the module of an event without a good one may be any.
            var outlook = summary.modules(names)
            if names.contains(EventFacts.invalidModule), outlook.must {
                outlook.must = summary.modules(names.filter { $0 != EventFacts.invalidModule }).must
            }
            return outlook
        case .statuses(let bits): return summary.statuses(bits)
        case .severities(let bits): return summary.severities(bits)
        case .token(let field, let token): return Outlook(may: summary.mayHave(token, field), must: false)
        case .text(let text): return summary.text(text)
        case .sequences(let range):
            let own = summary.sequences
            return Outlook(may: range.overlaps(own), must: range.clamped(to: own) == own)
        case .not(let condition):
            let outlook = condition.outlook(in: summary)
            return Outlook(may: !outlook.must, must: !outlook.may)
        case .any(let conditions):
            var all = Outlook(may: false, must: false)
            for condition in conditions {
                let outlook = condition.outlook(in: summary)
                all = Outlook(may: all.may || outlook.may, must: all.must || outlook.must)
            }
            return all
        case .all(let conditions):
            var all = Outlook(may: true, must: true)
            for condition in conditions {
                let outlook = condition.outlook(in: summary)
                all = Outlook(may: all.may && outlook.may, must: all.must && outlook.must)
            }
            return all
        case .unknown: return .unknown
        }
    }
}

/// What is certain: whether an event of a set may match, and whether each does.
struct Outlook: Equatable {
    var may: Bool
    var must: Bool

    static let unknown = Outlook(may: true, must: false)
}

/// What is known of a set of events without looking at them. It is not empty.
protocol EventSummary {
    var sequences: Range<UInt64> { get }
    func modules(_ names: [[UInt8]]) -> Outlook
    /// For bits as those of an index.
    func statuses(_ bits: UInt16) -> Outlook
    func severities(_ bits: UInt16) -> Outlook
    func mayHave(_ token: UInt64, _ field: TokenField) -> Bool
    func text(_ text: String) -> Outlook
}
