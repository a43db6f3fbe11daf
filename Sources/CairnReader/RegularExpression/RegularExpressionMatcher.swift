/// Matches texts with a ``RegularExpression``. It has one owner at a time, and keeps what it learned from text to text.
package final class RegularExpressionMatcher {
    /// Bytes that a matcher keeps of its automaton at most: some thousand states, while common patterns have a dozen.
    package static let memoryLimit = 1 << 20

    private var automaton: RegularExpressionAutomaton

    /// - Parameter memoryLimit: with less the result is the same but later. For tests.
    package init(_ regularExpression: RegularExpression, memoryLimit: Int = RegularExpressionMatcher.memoryLimit) {
        automaton = RegularExpressionAutomaton(regularExpression.program, memoryLimit: memoryLimit)
    }

    /// Whether it matches somewhere in `text`, which is UTF-8; of other bytes see ``RegularExpression``.
    package func matches(_ text: UnsafeRawBufferPointer) -> Bool { automaton.matches(text) }

    /// Bytes, nodes and transitions looked at so far: the work done. For tests.
    package var steps: Int { automaton.steps }

    /// Texts whose rest was matched without keeping states, since too many were new. For tests.
    package var simulatedCount: Int { automaton.simulatedCount }

    /// Times that memory was full and all states were forgotten. For tests.
    package var forgottenCount: Int { automaton.forgottenCount }
}

/// A deterministic automaton that is made from a ``RegularExpressionProgram`` while texts are matched, as in RE2: a
/// transition is found once by ``RegularExpressionSimulation`` and then kept.
private struct RegularExpressionAutomaton: ~Copyable {
    private typealias States = RegularExpressionStates

    private var simulation: RegularExpressionSimulation
    private var states: RegularExpressionStates
    /// What a text begins with: a row, or what a transition says instead.
    private var initial = States.unknown
    /// The set where no match has begun, if it needs no context. Its row is the first then, and bytes that it stays
    /// with are passed over faster than by transitions.
    private let idle: [UInt32]?
    /// For each byte the number of its class; then for each byte 1 if it leads away from `idle`.
    private let byteTable: UnsafeMutablePointer<UInt8>
    /// Column of the transition at the end of a text.
    private let endColumn: Int
    private var bytes = 0
    /// `bytes` when states began to be kept.
    private var bytesBefore = 0
    private(set) var simulatedCount = 0
    private(set) var forgottenCount = 0

    /// Bytes that a state must have been good for on average; if fewer, the rest of the text is simulated, since to
    /// make a state takes some times as long as a step of the simulation (the number is RE2's).
    private static let bytesPerState = 10

    init(_ program: RegularExpressionProgram, memoryLimit: Int) {
        simulation = RegularExpressionSimulation(program)
        endColumn = program.representatives.count
        states = RegularExpressionStates(classCount: endColumn, memoryLimit: memoryLimit)
        byteTable = .allocate(capacity: 512)
        for (byte, number) in program.byteClasses.enumerated() { byteTable[byte] = number }
        if case .alive = simulation.beginInside(), let first = program.firstBytes(simulation.nodes) {
            idle = simulation.nodes
            for byte in 0..<256 { byteTable[256 + byte] = first[byte] ? 1 : 0 }
        } else {
            idle = nil
            (byteTable + 256).initialize(repeating: 1, count: 256)
        }
    }

    deinit { byteTable.deallocate() }

    var steps: Int { bytes + simulation.steps }

    mutating func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        var (start, position) = (0, 0)
        defer { bytes += position - start }
        if initial == States.unknown, !findInitial() { return simulate(text, from: 0) }
        guard initial > States.match else { return initial == States.match }
        let (classes, table) = (byteTable, states.table)
        let special = idle == nil ? States.match : States.firstRow
        var row = Int(initial)
        if row <= special { position = beginning(text, from: 0) }
        while position < text.count {
            var next = table[row + Int(classes[Int(text[position])])]
            if next <= special {
                if next == States.unknown {
                    bytes += position - start
                    start = position
                    guard let found = find(from: row, text[position]) else { return simulate(text, from: position + 1) }
                    next = found
                }
                guard next > States.match else { return next == States.match }
                if next == special {
                    row = Int(next)
                    position = beginning(text, from: position + 1)
                    continue
                }
            }
            row = Int(next)
            position += 1
        }
        if table[row + endColumn] == States.unknown { _ = find(from: row, nil) }
        return table[row + endColumn] == States.match
    }

    /// The first place from `position` on where a match may begin.
    private func beginning(_ text: UnsafeRawBufferPointer, from position: Int) -> Int {
        let begins = byteTable + 256
        var position = position
        while position < text.count, begins[Int(text[position])] == 0 { position += 1 }
        return position
    }

    /// Returns false if the simulation must go on from the beginning of the text.
    private mutating func findInitial() -> Bool {
        switch simulation.begin() {
        case .match: initial = States.match
        case .dead: initial = States.dead
        case .alive:
            guard let row = keep() ?? keepAnew() else { return false }
            initial = row
        }
        return true
    }

    /// What the transition of a row says for a byte, or nil for the end of the text. Returns nil if the simulation must
    /// go on behind the byte.
    private mutating func find(from row: Int, _ byte: UInt8?) -> UInt32? {
        let next: UInt32
        switch simulation.step(from: states.nodes(row), states.context(row), byte) {
        case .match: next = States.match
        case .dead: next = States.dead
        case .alive:
            // If all was forgotten, so was the row that led here.
            guard let kept = keep() else { return keepAnew() }
            next = kept
        }
        states.table[row + (byte.map { Int(byteTable[Int($0)]) } ?? endColumn)] = next
        return next
    }

    /// The row for where the simulation has come to; nil if memory is full.
    private mutating func keep() -> UInt32? {
        if let idle, states.count == 0, states.row(idle, []) == nil { return nil }
        return states.row(simulation.nodes, simulation.context)
    }

    private mutating func keepAnew() -> UInt32? {
        let isWorthwhile = bytes - bytesBefore >= Self.bytesPerState * states.count
        states.removeAll()
        forgottenCount += 1
        initial = States.unknown
        bytesBefore = bytes
        return isWorthwhile ? keep() : nil
    }

    /// Goes on from where the simulation has come to, without keeping states.
    private mutating func simulate(_ text: UnsafeRawBufferPointer, from position: Int) -> Bool {
        simulatedCount += 1
        var nodes: [UInt32] = []
        for position in position...text.count {
            let byte = position < text.count ? text[position] : nil
            swap(&nodes, &simulation.nodes)
            let context = simulation.context
            switch nodes.withUnsafeBufferPointer({ simulation.step(from: $0, context, byte) }) {
            case .match: return true
            case .dead: return false
            case .alive: break
            }
        }
        return false
    }
}
