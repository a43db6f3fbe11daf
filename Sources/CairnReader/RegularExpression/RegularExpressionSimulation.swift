/// What assertions need to know of the text before a place.
struct RegularExpressionContext: OptionSet {
    let rawValue: UInt32

    /// Nothing stands before.
    static let textStart = RegularExpressionContext(rawValue: 1)
    /// A character of a word stands before.
    static let behindWord = RegularExpressionContext(rawValue: 2)
}

/// Goes all ways through a ``RegularExpressionProgram`` at once, byte by byte.
///
/// Where it has come to is a set of nodes: those that take a byte, and assertions that depend on what comes next. The
/// nodes of a set are in order, each once, so that equal sets are equal arrays. The beginning of the program is in
/// every set, since a match may begin anywhere. A step takes time linear in the size of the program.
struct RegularExpressionSimulation: ~Copyable {
    typealias Context = RegularExpressionContext
    typealias Program = RegularExpressionProgram

    enum Outcome {
        case match
        /// Whatever comes next, nothing will match.
        case dead
        /// ``nodes`` and ``context`` say where it has come to.
        case alive
    }

    /// Of the last step, if it was `.alive`.
    var nodes: [UInt32] = []
    /// What the assertions among `nodes` need; empty if there are none.
    private(set) var context: Context = []
    /// Nodes and transitions that were looked at: the work done so far.
    private(set) var steps = 0

    private let program: Program
    private let isWord = Self.wordBytes
    private let reached: NodeSet
    /// Nodes that take a byte or depend on what comes next; the latter alone.
    private let lasting: NodeSet
    private let waiting: NodeSet
    /// Nodes to go on from. A node is gone through once and leads to two at most.
    private let stack: UnsafeMutablePointer<UInt32>
    private var resolved: [UInt32] = []

    init(_ program: Program) {
        self.program = program
        let count = program.nodes.count
        reached = NodeSet(count)
        lasting = NodeSet(count)
        waiting = NodeSet(count)
        stack = .allocate(capacity: 2 * count + 1)
        for (index, node) in program.nodes.enumerated() {
            switch node {
            case .byte: lasting.insert(UInt32(index))
            case .assertion(let assertion, _) where assertion != .textStart:
                lasting.insert(UInt32(index))
                waiting.insert(UInt32(index))
            case .assertion, .split, .match: break
            }
        }
    }

    deinit { stack.deallocate() }

    /// Which bytes are characters of words.
    private static let wordBytes = (0...UInt8.max).map { byte in
        ScalarSet.word.ranges.contains { $0.contains(UInt32(byte)) }
    }

    /// Comes to the beginning of a text.
    mutating func begin() -> Outcome {
        if reach(program.start, .textStart, .unknown) { return matched() }
        return collected(.textStart)
    }

    /// Comes to any other place, if nothing that stands before matters: the set that is part of every other.
    mutating func beginInside() -> Outcome {
        if reach(program.start, [], .unknown) { return matched() }
        return collected([])
    }

    /// Goes over a byte, or to the end of the text with nil; from there no step follows.
    mutating func step(from set: UnsafeBufferPointer<UInt32>, _ context: Context, _ byte: UInt8?) -> Outcome {
        resolved.removeAll(keepingCapacity: true)
        if program.hasAssertions {
            let ahead = byte.map { Ahead.byte($0) } ?? .textEnd
            for node in set where waiting.contains(node) {
                if reach(node, context, ahead) { return matched() }
            }
            reached.move(keeping: lasting, to: &resolved)
        }
        guard let byte else { return .dead }
        let context: Context = program.hasWordAssertions && isWord[Int(byte)] ? .behindWord : []
        for node in set where take(byte, at: node, context) { return matched() }
        for node in resolved where take(byte, at: node, context) { return matched() }
        if reach(program.start, context, .unknown) { return matched() }
        return collected(context)
    }

    private func matched() -> Outcome {
        reached.removeAll()
        return .match
    }

    private mutating func collected(_ context: Context) -> Outcome {
        let isWaiting = program.hasAssertions && reached.hasCommon(with: waiting)
        self.context = isWaiting ? context : []
        nodes.removeAll(keepingCapacity: true)
        reached.move(keeping: lasting, to: &nodes)
        return nodes.isEmpty ? .dead : .alive
    }

    /// Reaches what `node` leads to if it takes the byte. Returns whether that is the match.
    private mutating func take(_ byte: UInt8, at node: UInt32, _ context: Context) -> Bool {
        guard case .byte(let first, let end) = program.nodes[Int(node)] else { return false }
        for index in Int(first)..<Int(end) {
            steps += 1
            let transition = program.transitions[index]
            if byte <= transition.high {
                return byte >= transition.low && reach(transition.target, context, .unknown)
            }
        }
        return false
    }

    /// What stands behind a place.
    private enum Ahead {
        case unknown
        case byte(UInt8)
        case textEnd
    }

    /// Goes on from `node` as far as that takes no byte. Returns whether it came to the match; the stack is of no use
    /// then.
    private mutating func reach(_ node: UInt32, _ context: Context, _ ahead: Ahead) -> Bool {
        var count = 1
        stack[0] = node
        while count > 0 {
            count -= 1
            let node = stack[count]
            guard reached.insert(node) else { continue }
            steps += 1
            switch program.nodes[Int(node)] {
            case .byte: break
            case .split(let one, let other):
                stack[count] = other
                stack[count + 1] = one
                count += 2
            case .assertion(let assertion, let next):
                guard holds(assertion, context, ahead) else { break }
                stack[count] = next
                count += 1
            case .match: return true
            }
        }
        return false
    }

    /// Whether it certainly does.
    private func holds(_ assertion: RegularExpressionSyntax.Assertion, _ context: Context, _ ahead: Ahead) -> Bool {
        let isBeforeWord: Bool
        switch (assertion, ahead) {
        case (.textStart, _): return context.contains(.textStart)
        case (_, .unknown): return false
        case (.textEnd, .textEnd): return true
        case (.textEnd, .byte): return false
        // Not inside a character.
        case (.notWordBoundary, .byte(0x80...0xBF)): return false
        case (_, .byte(let byte)): isBeforeWord = isWord[Int(byte)]
        case (_, .textEnd): isBeforeWord = false
        }
        return (isBeforeWord != context.contains(.behindWord)) == (assertion == .wordBoundary)
    }
}

/// A set of nodes of a program.
private struct NodeSet: ~Copyable {
    private let words: UnsafeMutablePointer<UInt64>
    private let count: Int

    init(_ nodeCount: Int) {
        count = (nodeCount + 63) / 64
        words = .allocate(capacity: count)
        words.initialize(repeating: 0, count: count)
    }

    deinit { words.deallocate() }

    /// Returns whether it was not there.
    @discardableResult func insert(_ node: UInt32) -> Bool {
        let (word, bit) = (Int(node >> 6), UInt64(1) << UInt64(node & 63))
        guard words[word] & bit == 0 else { return false }
        words[word] |= bit
        return true
    }

    func contains(_ node: UInt32) -> Bool { words[Int(node >> 6)] & (1 << UInt64(node & 63)) != 0 }

    func hasCommon(with other: borrowing NodeSet) -> Bool {
        for index in 0..<count where words[index] & other.words[index] != 0 { return true }
        return false
    }

    /// Empties the set; what `other` has of it goes to the end of `nodes`, in order.
    func move(keeping other: borrowing NodeSet, to nodes: inout [UInt32]) {
        for index in 0..<count where words[index] != 0 {
            var word = words[index] & other.words[index]
            words[index] = 0
            while word != 0 {
                nodes.append(UInt32(index << 6 + word.trailingZeroBitCount))
                word &= word - 1
            }
        }
    }

    func removeAll() { words.update(repeating: 0, count: count) }
}
