/// Accepts the UTF-8 encodings of the scalars of a set, byte by byte, and nothing else.
///
/// The ranges of scalars are cut where the number of bytes changes and where continuation bytes run over, so that each
/// piece is a sequence of ranges of bytes (Unicode, table 3-7); equal tails of sequences share their nodes.
struct UTF8Automaton {
    struct Transition: Hashable {
        var low: UInt8
        var high: UInt8
        /// A node, or ``UTF8Automaton/end``.
        var target: Int
    }

    /// The transitions of each, in order of their bytes, without overlap; targets stand before what leads to them, and
    /// the node to begin with is the last.
    private(set) var nodes: [[Transition]] = []
    private var known: [[Transition]: Int] = [:]

    /// The target behind the last byte of a scalar.
    static let end = -1

    init(_ set: ScalarSet) {
        var sequences: [[ClosedRange<UInt8>]] = []
        for range in set.ranges {
            for part in [0...0xD7FF, 0xE000...0x10FFFF] as [ClosedRange<UInt32>] where range.overlaps(part) {
                Self.split(range.clamped(to: part), into: &sequences)
            }
        }
        _ = add(sequences[...], depth: 0)
        known = [:]
    }

    /// Number of transitions, at least 1.
    var size: Int { max(1, nodes.reduce(0) { $0 + $1.count }) }

    /// Cuts a range without surrogates into sequences, in order.
    private static func split(_ range: ClosedRange<UInt32>, into sequences: inout [[ClosedRange<UInt8>]]) {
        var pending = [range]
        while let range = pending.popLast() {
            let (low, high) = (range.lowerBound, range.upperBound)
            if let cut = cut(low, high) {
                pending.append((cut + 1)...high)
                pending.append(low...cut)
            } else if let first = Unicode.Scalar(low), let last = Unicode.Scalar(high) {
                sequences.append(zip(first.utf8, last.utf8).map { $0...$1 })
            }
        }
    }

    /// The last scalar of the first piece, where the range is more than one sequence.
    private static func cut(_ low: UInt32, _ high: UInt32) -> UInt32? {
        for last in [0x7F, 0x7FF, 0xFFFF] as [UInt32] where low <= last && last < high { return last }
        if high <= 0x7F { return nil }
        for bits in [6, 12, 18] as [UInt32] {
            let mask: UInt32 = (1 << bits) - 1
            guard low & ~mask != high & ~mask else { continue }
            if low & mask != 0 { return low | mask }
            if high & mask != mask { return (high & ~mask) - 1 }
        }
        return nil
    }

    /// A node for sequences that begin alike up to `depth`. Those with the same range there stand side by side, and
    /// different ranges do not overlap: a range of more than one byte is followed by all continuation bytes there are.
    private mutating func add(_ sequences: ArraySlice<[ClosedRange<UInt8>]>, depth: Int) -> Int {
        var transitions: [Transition] = []
        var rest = sequences
        while let first = rest.first {
            let group = rest.prefix { $0[depth] == first[depth] }
            rest = rest.dropFirst(group.count)
            let target = depth + 1 == first.count ? Self.end : add(group, depth: depth + 1)
            let bytes = first[depth]
            if let last = transitions.last, last.target == target, last.high + 1 == bytes.lowerBound {
                transitions[transitions.count - 1].high = bytes.upperBound
            } else {
                transitions.append(Transition(low: bytes.lowerBound, high: bytes.upperBound, target: target))
            }
        }
        if let node = known[transitions] { return node }
        nodes.append(transitions)
        known[transitions] = nodes.count - 1
        return nodes.count - 1
    }
}
