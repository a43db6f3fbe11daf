import CairnFormat

/// Finds the values at a fixed set of paths in one walk over the tape of an event, whatever their number. What it finds
/// is kept by its user, so that it stays the same and is never copied.
///
/// Programs write the members of their events in one order, time and again. So a name is first compared with the one
/// that stood there in the event before; only if it is another one it is looked up.
struct FieldSelection: Sendable {
    /// Where a value stands; with `index` 0 it is not there.
    struct Place {
        /// On the tape.
        var index: Int32 = 0
        /// In the line; filled in for what is to be located, and for numbers whose text the tape does not tell.
        var start: Int32 = 0
        var end: Int32 = 0

        var isFound: Bool { index != 0 }
        var range: Range<Int> { Int(start)..<Int(end) }
    }

    /// Values whose places in the line are wanted.
    struct Located: OptionSet {
        let rawValue: UInt8

        static let containers = Located(rawValue: 1)
        static let strings = Located(rawValue: 2)
    }

    /// A name that the paths lead through.
    fileprivate struct Node {
        var key = FieldName.Key()
        /// The names in the object under it, hashed: part of `slots`, or none with a mask of -1.
        var table: Int32 = 0
        var tableMask: Int32 = -1
        var isWanted = false
    }

    /// The first is the event itself, and no name.
    private var nodes: [Node]
    private let names: [[UInt8]]
    /// By nodes, the bits of those under them.
    private let below: [UInt64]
    /// Hash tables with open addressing: numbers of nodes, 0 for none. There is always a 0.
    private var slots: [Int32] = []
    /// By the paths in the order of the initialiser, their nodes.
    private let nodesOfPaths: [Int]

    /// - Parameter paths: names in the order of nesting; none is empty.
    init(_ paths: [[String]]) {
        var tree = Tree()
        nodesOfPaths = paths.map { tree.insert($0.map { Array($0.utf8) }) }
        nodes = tree.nodes
        below = tree.below
        names = tree.names
        for node in nodes.indices where !tree.children[node].isEmpty { makeTable(node, tree.children[node]) }
    }

    /// What is found in one event after the other.
    struct Findings: Sendable {
        /// By nodes.
        fileprivate var places: [Place]
        /// The node that is expected behind each node, as it came last; and behind them all, the first in each. 0 where
        /// nothing is known.
        fileprivate var order: [Int32]
    }

    /// Of no event yet.
    func makeFindings() -> Findings {
        Findings(
            places: [Place](repeating: Place(), count: nodes.count),
            order: [Int32](repeating: 0, count: 2 * nodes.count))
    }

    /// What was found, by the numbers of the paths.
    struct Places {
        fileprivate let places: UnsafePointer<Place>
        fileprivate let nodes: UnsafePointer<Int>

        @inline(__always)
        subscript(path: Int) -> Place { places[nodes[path]] }

        /// What was found at the first path, or else at the second.
        @inline(__always)
        subscript(first: Int, second: Int) -> Place {
            let (node, other) = (nodes[first], nodes[second])
            let place = places[node]
            return place.isFound || node == other ? place : places[other]
        }
    }

    @inline(__always)
    func withPlaces<R>(_ findings: Findings, _ body: (Places) -> R) -> R? {
        findings.places.withUnsafeBufferPointer { places in
            nodesOfPaths.withUnsafeBufferPointer { nodes in
                guard let place = places.baseAddress, let node = nodes.baseAddress else { return nil }
                return body(Places(places: place, nodes: node))
            }
        }
    }

    /// For sets of fewer than 64 names: one that stands for the path of a number.
    func bit(_ path: Int) -> UInt64 { FieldSelection.bit(ofNode: nodesOfPaths[path]) }

    private static func bit(ofNode node: Int) -> UInt64 { 1 << UInt64(node) }

    // MARK: Building

    private struct Tree {
        var nodes = [Node()]
        var names: [[UInt8]] = [[]]
        var children: [[Int]] = [[]]

        mutating func insert(_ path: [[UInt8]]) -> Int {
            var node = 0
            for name in path {
                if let child = children[node].first(where: { names[$0] == name }) {
                    node = child
                } else {
                    nodes.append(Node(key: FieldName.key(name)))
                    names.append(name)
                    children.append([])
                    children[node].append(nodes.count - 1)
                    node = nodes.count - 1
                }
            }
            nodes[node].isWanted = true
            return node
        }

        var below: [UInt64] {
            var below = [UInt64](repeating: 0, count: nodes.count)
            // Children come behind their parents.
            for node in nodes.indices.reversed() {
                for child in children[node] { below[node] |= below[child] | FieldSelection.bit(ofNode: child) }
            }
            return below
        }
    }

    private mutating func makeTable(_ node: Int, _ children: [Int]) {
        var size = 4
        while size < 4 * children.count { size *= 2 }
        let table = slots.count
        nodes[node].table = Int32(table)
        nodes[node].tableMask = Int32(size - 1)
        slots += [Int32](repeating: 0, count: size)
        for child in children {
            var slot = nodes[child].key.hash & (size - 1)
            while slots[table + slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[table + slot] = Int32(child)
        }
    }

    // MARK: Finding

    /// Finds the values in the event on `tape`; of members with one name the first counts.
    ///
    /// - Parameter findings: what ``makeFindings()`` made, or this filled.
    func find(
        in tape: JSONTape, line: UnsafeRawBufferPointer, locating located: Located, into findings: inout Findings
    ) {
        withNames(tape) { names in
            findings.places.withUnsafeMutableBufferPointer { places in
                findings.order.withUnsafeMutableBufferPointer { order in
                    guard let place = places.baseAddress, let expected = order.baseAddress else { return }
                    places.update(repeating: Place())
                    var walk = Walk(
                        tape: tape, names: names, places: place, expected: expected, firsts: places.count,
                        located: located, cursor: SourceCursor(tape, line: line))
                    walk.visit(object: 1, node: 0)
                }
            }
        }
    }

    /// Calls `body` with what knows the names.
    @inline(__always)
    func withNames(_ tape: JSONTape, _ body: (Names) -> Void) {
        nodes.withUnsafeBufferPointer { nodes in
            slots.withUnsafeBufferPointer { slots in
                guard let node = nodes.baseAddress, let slot = slots.baseAddress else { return }
                names.withUnsafeBufferPointer { names in
                    below.withUnsafeBufferPointer { below in
                        body(Names(tape: tape, nodes: node, slots: slot, names: names, below: below))
                    }
                }
            }
        }
    }

    /// The names of the paths and a tape to look for them on.
    struct Names {
        fileprivate let tape: JSONTape
        fileprivate let nodes: UnsafePointer<Node>
        fileprivate let slots: UnsafePointer<Int32>
        fileprivate let names: UnsafeBufferPointer<[UInt8]>
        fileprivate let below: UnsafeBufferPointer<UInt64>

        @inline(__always)
        fileprivate func table(of node: Int) -> (slots: UnsafePointer<Int32>, mask: Int) {
            (slots + Int(nodes[node].table), Int(nodes[node].tableMask))
        }

        /// The node of a table whose name stands at `name` of the tape; 0 for none.
        @inline(__always)
        fileprivate func child(_ slots: UnsafePointer<Int32>, _ mask: Int, named name: Int) -> Int {
            child(slots, mask, FieldName.key(tape, name), at: name)
        }

        @inline(__always)
        fileprivate func child(_ slots: UnsafePointer<Int32>, _ mask: Int, _ key: FieldName.Key, at name: Int) -> Int {
            var slot = key.hash & mask
            while case let child = Int(slots[slot]), child != 0 {
                if isNode(child, key, at: name) { return child }
                slot = (slot &+ 1) & mask
            }
            return 0
        }

        /// Whether `key` is of a name at `name` of the tape, and that is the node's.
        @inline(__always)
        fileprivate func isNode(_ node: Int, _ key: FieldName.Key, at name: Int) -> Bool {
            nodes[node].key == key && (key.isWhole || isName(node, name))
        }

        @inline(never)
        private func isName(_ node: Int, _ name: Int) -> Bool { tape.text(at: name).elementsEqual(names[node]) }
    }

    private struct Walk {
        let tape: JSONTape
        let names: Names
        let places: UnsafeMutablePointer<Place>
        /// As in ``Findings``: the first nodes in others stand from `firsts` on.
        let expected: UnsafeMutablePointer<Int32>
        let firsts: Int
        let located: Located
        var cursor: SourceCursor

        mutating func visit(object: Int, node: Int) {
            // Copies, which need not be read again behind every call.
            let (tape, names, places, expected) = (tape, names, places, expected)
            let locatesStrings = located.contains(.strings)
            let (slots, mask) = names.table(of: node)
            var index = object &+ 1
            var before = firsts &+ node
            while tape.type(at: index) != UInt8(ascii: "}") {
                let key = FieldName.key(tape, index)
                var child = Int(expected[before])
                if child == 0 || !names.isNode(child, key, at: index) {
                    child = names.child(slots, mask, key, at: index)
                    if child != 0 { expected[before] = Int32(truncatingIfNeeded: child) }
                }
                if child != 0 { before = child }
                let value = index &+ 1
                index = tape.index(behind: value)
                guard child != 0, !places[child].isFound else { continue }
                places[child].index = Int32(truncatingIfNeeded: value)
                if tape.type(at: value) != UInt8(ascii: "\"") || locatesStrings { locate(value, child) }
            }
        }

        /// Finds what stands in the value, and where it stands itself.
        private mutating func locate(_ value: Int, _ node: Int) {
            let isLocated: Bool
            switch tape.type(at: value) {
            case UInt8(ascii: "{"), UInt8(ascii: "["): isLocated = located.contains(.containers)
            case UInt8(ascii: "d"), UInt8(ascii: "\""): isLocated = true
            // A 0 on the tape can be a -0 in the text, or a number that no 64-bit type holds.
            case UInt8(ascii: "l"): isLocated = tape.words[value &+ 1] == 0
            default: return
            }
            let isWanted = isLocated && names.nodes[node].isWanted
            if isWanted { places[node].start = Int32(truncatingIfNeeded: cursor.start(of: value)) }
            if names.nodes[node].tableMask >= 0, tape.type(at: value) == UInt8(ascii: "{") {
                visit(object: value, node: node)
            }
            if isWanted { places[node].end = Int32(truncatingIfNeeded: cursor.end(of: value)) }
        }
    }
}

// MARK: - The rest

extension FieldSelection {
    /// Writes the members of an event that have not found a place elsewhere, as they stand in the line.
    struct Rest {
        private let tape: JSONTape
        private let line: UnsafeRawBufferPointer
        private let names: Names
        private let used: UInt64
        private var cursor: SourceCursor

        /// - Parameter used: bits of paths whose values have found their place; nulls need none.
        init(_ tape: JSONTape, line: UnsafeRawBufferPointer, names: Names, used: UInt64) {
            (self.tape, self.line, self.names, self.used) = (tape, line, names, used)
            cursor = SourceCursor(tape, line: line)
        }

        mutating func append(to writer: inout ByteWriter) { append(object: 1, node: 0, to: &writer) }

        private mutating func append(object: Int, node: Int, to writer: inout ByteWriter) {
            let (slots, mask) = names.table(of: node)
            var name = object &+ 1
            while tape.type(at: name) != UInt8(ascii: "}") {
                let value = name &+ 1
                let child = names.child(slots, mask, named: name)
                if child == 0 {
                    appendWhole(name, to: &writer)
                } else if used & FieldSelection.bit(ofNode: child) == 0, tape.type(at: value) != UInt8(ascii: "n") {
                    if tape.type(at: value) == UInt8(ascii: "{"), used & names.below[child] != 0 {
                        appendPart(name, child, to: &writer)
                    } else {
                        appendWhole(name, to: &writer)
                    }
                }
                name = tape.index(behind: value)
            }
        }

        private mutating func appendWhole(_ name: Int, to writer: inout ByteWriter) {
            writer.appendComma()
            let start = cursor.start(of: name)
            _ = cursor.start(of: name &+ 1)
            writer.append(padded: line.part(start..<cursor.end(of: name &+ 1)))
        }

        /// An object of which some members have found their place; nothing if all have.
        private mutating func appendPart(_ name: Int, _ node: Int, to writer: inout ByteWriter) {
            let mark = writer.mark
            writer.appendComma()
            let start = cursor.start(of: name)
            writer.append(padded: line.part(start..<cursor.start(of: name &+ 1)))
            writer.openObject()
            append(object: name &+ 1, node: node, to: &writer)
            if writer.needsComma { writer.close() } else { writer.goBack(to: mark) }
        }
    }
}
