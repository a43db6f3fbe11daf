/// A regular expression as a tree that is matched by the definition: the places where a match of a part may end.
indirect enum RegularExpressionPart: Sendable {
    /// Contains says which characters match where case matters.
    case character(String, isInverted: Bool = false, contains: @Sendable (Unicode.Scalar) -> Bool)
    case place(String, holds: @Sendable ([Unicode.Scalar], Int) -> Bool)
    case sequence([RegularExpressionPart])
    case alternatives([RegularExpressionPart])
    case group(String, RegularExpressionPart)
    case repeated(RegularExpressionPart, String, least: Int, most: Int)

    var pattern: String {
        switch self {
        case .character(let text, _, _), .place(let text, _): text
        case .sequence(let parts): parts.map(\.pattern).joined()
        case .alternatives(let parts): parts.map(\.pattern).joined(separator: "|")
        case .group(let open, let part): open + part.pattern + ")"
        case .repeated(let part, let quantifier, _, _): part.pattern + quantifier
        }
    }

    func matches(_ text: [Unicode.Scalar]) -> Bool {
        (0...text.count).contains { !ends(text, from: $0, ignoresCase: false).isEmpty }
    }

    private func ends(_ text: [Unicode.Scalar], from start: Int, ignoresCase: Bool) -> Set<Int> {
        switch self {
        case .character(_, let isInverted, let contains):
            guard start < text.count else { return [] }
            let isIn = contains(text[start]) || (ignoresCase && contains(text[start].inOtherCase))
            return isIn != isInverted ? [start + 1] : []
        case .place(_, let holds): return holds(text, start) ? [start] : []
        case .sequence(let parts):
            return parts.reduce([start]) { places, part in
                Set(places.flatMap { part.ends(text, from: $0, ignoresCase: ignoresCase) })
            }
        case .alternatives(let parts):
            return Set(parts.flatMap { $0.ends(text, from: start, ignoresCase: ignoresCase) })
        case .group(let open, let part):
            return part.ends(text, from: start, ignoresCase: ignoresCase || open == "(?i:")
        case .repeated(let part, _, let least, let most):
            var places: Set<Int> = [start]
            var found: Set<Int> = least == 0 ? places : []
            // Beyond as many times as there are places, further copies lead nowhere new.
            for count in stride(from: 1, through: min(most, least + text.count + 1), by: 1) {
                places = Set(places.flatMap { part.ends(text, from: $0, ignoresCase: ignoresCase) })
                if count >= least { found.formUnion(places) }
            }
            return found
        }
    }
}

extension Unicode.Scalar {
    fileprivate var inOtherCase: Unicode.Scalar {
        switch self {
        case "a"..."z", "A"..."Z": Unicode.Scalar(UInt8(value) ^ 0x20)
        default: self
        }
    }

    var isWord: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }
}
