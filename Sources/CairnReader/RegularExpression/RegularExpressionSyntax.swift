/// What a regular expression says, as a tree.
indirect enum RegularExpressionSyntax {
    case literal(Unicode.Scalar)
    case characters(UTF8Automaton)
    case assertion(Assertion)
    /// All of them; none is the empty regular expression.
    case sequence([RegularExpressionSyntax])
    case alternatives([RegularExpressionSyntax])
    /// `most` is nil if there is no limit.
    case repeated(RegularExpressionSyntax, least: Int, most: Int?)

    /// A condition on a place in a text.
    enum Assertion {
        case textStart
        case textEnd
        case wordBoundary
        case notWordBoundary
    }

    /// Transitions of the automaton that it becomes, at least.
    ///
    /// That of an operand is within ``RegularExpression/sizeLimit`` and counts are within
    /// ``RegularExpression/repetitionLimit``, so the sum does not overflow.
    var size: Int {
        switch self {
        case .literal(let scalar): UTF8.width(scalar)
        case .characters(let automaton): automaton.size
        case .assertion: 1
        case .sequence(let items): items.reduce(0) { $0 + $1.size }
        case .alternatives(let items): items.reduce(items.count) { $0 + $1.size }
        case .repeated(let operand, let least, let most):
            Self.size(max(1, operand.size), least, most)
        }
    }

    /// Of copies of what has `size`, which is 1 at least: copies of nothing would cost nothing and yet take time.
    private static func size(_ size: Int, _ least: Int, _ most: Int?) -> Int {
        guard let most else { return max(1, least) * size + 1 }
        return least * size + (most - least) * (size + 1)
    }
}
