/// Bytes that every match of a part of a regular expression has, gathered from its literals.
struct RequiredLiteral {
    /// Whether the part matches one text only, which `prefix` and `suffix` are, or are the beginning and the end of.
    private var isExact: Bool
    /// What every match begins with, ends with, and has somewhere.
    private var prefix: [UInt8]
    private var suffix: [UInt8]
    private var best: [UInt8]

    /// Bytes of a literal that are kept: what a search for bytes gains from more is little.
    private static let lengthLimit = 64

    private static let empty = RequiredLiteral(exactly: [])
    private static let unknown = RequiredLiteral(isExact: false, prefix: [], suffix: [], best: [])

    init(_ syntax: RegularExpressionSyntax) {
        switch syntax {
        case .literal(let scalar): self.init(exactly: Array(scalar.utf8))
        case .characters: self = .unknown
        case .assertion: self = .empty
        case .sequence(let items): self = items.reduce(.empty) { $0.followed(by: RequiredLiteral($1)) }
        case .alternatives(let items):
            let literals = items.map { RequiredLiteral($0) }
            self = literals.dropFirst().reduce(literals.first ?? .empty) { $0.or($1) }
        case .repeated(let operand, let least, let most):
            let literal = RequiredLiteral(operand)
            self = (0..<least).reduce(.empty) { repeated, _ in repeated.followed(by: literal) }
            // Any more copies stand between those that the match begins with and those that it ends with.
            if most != least { isExact = false }
        }
    }

    var longest: [UInt8]? { best.isEmpty ? nil : best }

    private init(exactly bytes: [UInt8]) {
        self.init(isExact: true, prefix: bytes, suffix: bytes, best: bytes)
    }

    private init(isExact: Bool, prefix: [UInt8], suffix: [UInt8], best: [UInt8]) {
        self.isExact = isExact
        self.prefix = Array(prefix.prefix(Self.lengthLimit))
        self.suffix = Array(suffix.suffix(Self.lengthLimit))
        self.best = Array(best.prefix(Self.lengthLimit))
    }

    private func followed(by other: RequiredLiteral) -> RequiredLiteral {
        RequiredLiteral(
            isExact: isExact && other.isExact,
            prefix: isExact ? prefix + other.prefix : prefix,
            suffix: other.isExact ? suffix + other.suffix : other.suffix,
            best: Self.longer(Self.longer(best, other.best), suffix + other.prefix))
    }

    private func or(_ other: RequiredLiteral) -> RequiredLiteral {
        let prefix = zip(prefix, other.prefix).prefix { $0 == $1 }.map(\.0)
        let suffix = Array(zip(suffix.reversed(), other.suffix.reversed()).prefix { $0 == $1 }.map(\.0).reversed())
        return RequiredLiteral(isExact: false, prefix: prefix, suffix: suffix, best: Self.longer(prefix, suffix))
    }

    private static func longer(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] {
        one.count >= other.count ? one : other
    }
}
