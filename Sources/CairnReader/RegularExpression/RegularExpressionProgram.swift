/// A regular expression compiled to a nondeterministic finite automaton over bytes (K. Thompson, "Regular Expression
/// Search Algorithm", 1968).
final class RegularExpressionProgram: Sendable {
    enum Node {
        /// One byte, which one of these of `transitions` takes: in order of their bytes, without overlap.
        case byte(first: UInt32, end: UInt32)
        /// No byte; on at both.
        case split(UInt32, UInt32)
        /// No byte; on where the assertion holds.
        case assertion(RegularExpressionSyntax.Assertion, UInt32)
        case match
    }

    struct Transition {
        var low: UInt8
        var high: UInt8
        var target: UInt32
    }

    let nodes: [Node]
    let transitions: [Transition]
    let start: UInt32
    let hasAssertions: Bool
    let hasWordAssertions: Bool
    /// For each byte the number of its class: bytes of a class are alike to every node.
    let byteClasses: [UInt8]
    /// A byte of each class.
    let representatives: [UInt8]

    init(_ syntax: RegularExpressionSyntax) {
        var builder = Builder()
        start = builder.add(syntax, before: builder.add(.match))
        nodes = builder.nodes
        transitions = builder.transitions
        var boundaries = Set(transitions.flatMap { [Int($0.low), Int($0.high) + 1] })
        let assertions = nodes.compactMap { node -> RegularExpressionSyntax.Assertion? in
            if case .assertion(let assertion, _) = node { assertion } else { nil }
        }
        hasAssertions = !assertions.isEmpty
        hasWordAssertions = assertions.contains { $0 == .wordBoundary || $0 == .notWordBoundary }
        if hasWordAssertions {
            for range in ScalarSet.word.ranges {
                boundaries.formUnion([Int(range.lowerBound), Int(range.upperBound) + 1])
            }
            boundaries.formUnion([0x80, 0xC0])
        }
        var classes: [UInt8] = []
        var representatives: [UInt8] = []
        for byte in 0...UInt8.max {
            if byte == 0 || boundaries.contains(Int(byte)) { representatives.append(byte) }
            classes.append(UInt8(representatives.count - 1))
        }
        byteClasses = classes
        self.representatives = representatives
    }

    /// Which bytes one of `nodes` takes; nil if one is an assertion.
    func firstBytes(_ nodes: [UInt32]) -> [Bool]? {
        var first = [Bool](repeating: false, count: 256)
        for node in nodes {
            guard case .byte(let begin, let end) = self.nodes[Int(node)] else { return nil }
            for transition in transitions[Int(begin)..<Int(end)] {
                for byte in transition.low...transition.high { first[Int(byte)] = true }
            }
        }
        return first
    }

    private struct Builder {
        var nodes: [Node] = []
        var transitions: [Transition] = []

        mutating func add(_ node: Node) -> UInt32 {
            nodes.append(node)
            return UInt32(nodes.count - 1)
        }

        /// Returns the node that begins what matches `syntax` and goes on at `next`.
        mutating func add(_ syntax: RegularExpressionSyntax, before next: UInt32) -> UInt32 {
            switch syntax {
            case .literal(let scalar):
                var entry = next
                for byte in scalar.utf8.reversed() {
                    entry = add([Transition(low: byte, high: byte, target: entry)])
                }
                return entry
            case .characters(let automaton):
                var entries: [UInt32] = []
                for node in automaton.nodes {
                    entries.append(
                        add(
                            node.map {
                                let target = $0.target == UTF8Automaton.end ? next : entries[$0.target]
                                return Transition(low: $0.low, high: $0.high, target: target)
                            }))
                }
                return entries.last ?? next
            case .assertion(let assertion): return add(.assertion(assertion, next))
            case .sequence(let items):
                return items.reversed().reduce(next) { entry, item in add(item, before: entry) }
            case .alternatives(let items):
                var entry: UInt32?
                for item in items.reversed() {
                    let first = add(item, before: next)
                    entry = entry.map { add(.split(first, $0)) } ?? first
                }
                return entry ?? next
            case .repeated(let operand, let least, let most):
                return add(operand, least: least, most: most, before: next)
            }
        }

        private mutating func add(_ transitions: [Transition]) -> UInt32 {
            let first = UInt32(self.transitions.count)
            self.transitions += transitions
            return add(.byte(first: first, end: UInt32(self.transitions.count)))
        }

        private mutating func add(
            _ operand: RegularExpressionSyntax, least: Int, most: Int?, before next: UInt32
        ) -> UInt32 {
            var entry = next
            var copies = least
            if let most {
                for _ in least..<most { entry = add(.split(add(operand, before: entry), next)) }
            } else {
                let loop = add(.split(next, next))
                let body = add(operand, before: loop)
                nodes[Int(loop)] = .split(body, next)
                entry = least == 0 ? loop : body
                copies = max(0, least - 1)
            }
            for _ in 0..<copies { entry = add(operand, before: entry) }
            return entry
        }
    }
}
