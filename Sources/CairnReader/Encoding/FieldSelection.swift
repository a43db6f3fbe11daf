import CairnFormat

/// Finds the values at a fixed set of paths in one walk over the tape of an event, whatever their number.
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
        var isWanted = false
        /// The names in the object under it, hashed: part of `slots`, or empty.
        var table = 0
        var tableMask = -1
        /// The bits of the nodes under it.
        var below: UInt64 = 0
    }

    /// The first is the event itself, and no name.
    private var nodes: [Node]
    private let names: [[UInt8]]
    /// Hash tables with open addressing: numbers of nodes, 0 for none. There is always a 0.
    private var slots: [Int32] = []
    private var places: [Place]
    /// By the paths in the order of the initialiser, their nodes.
    private let nodesOfPaths: [Int]

    /// - Parameter paths: names in the order of nesting; none is empty.
    init(_ paths: [[String]]) {
        var tree = Tree()
        nodesOfPaths = paths.map { tree.insert($0.map { Array($0.utf8) }) }
        tree.setBits()
        nodes = tree.nodes
        names = tree.names
        places = [Place](repeating: Place(), count: tree.nodes.count)
        for node in nodes.indices where !tree.children[node].isEmpty { makeTable(node, tree.children[node]) }
    }

    /// The value at the path of that number.
    @inline(__always)
    subscript(path: Int) -> Place { places[nodesOfPaths[path]] }

    /// What was found last, by the numbers of the paths: for who asks for many.
    struct Places {
        fileprivate let places: UnsafePointer<Place>
        fileprivate let nodes: UnsafePointer<Int>

        @inline(__always)
        subscript(path: Int) -> Place { places[nodes[path]] }
    }

    @inline(__always)
    func withPlaces(_ body: (Places) -> Void) {
        places.withUnsafeBufferPointer { places in
            nodesOfPaths.withUnsafeBufferPointer { nodes in
                guard let place = places.baseAddress, let node = nodes.baseAddress else { return }
                body(Places(places: place, nodes: node))
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

        mutating func setBits() {
            for node in nodes.indices.reversed() {
                for child in children[node] {
                    nodes[node].below |= nodes[child].below | FieldSelection.bit(ofNode: child)
                }
            }
        }
    }

    private mutating func makeTable(_ node: Int, _ children: [Int]) {
        var size = 4
        while size < 2 * children.count { size *= 2 }
        nodes[node].table = slots.count
        nodes[node].tableMask = size - 1
        slots += [Int32](repeating: 0, count: size)
        for child in children {
            var slot = nodes[child].key.hash & (size - 1)
            while slots[nodes[node].table + slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[nodes[node].table + slot] = Int32(child)
        }
    }

    // MARK: Finding

    /// Finds the values in the event on `tape`; of members with one name the first counts.
    mutating func find(in tape: JSONTape, line: UnsafeRawBufferPointer, locating located: Located) {
        withNames(tape) { names in
            places.withUnsafeMutableBufferPointer { places in
                guard let place = places.baseAddress else { return }
                places.update(repeating: Place())
                var walk = Walk(
                    tape: tape, names: names, places: place, located: located, cursor: SourceCursor(tape, line: line))
                walk.visit(object: 1, node: 0)
            }
        }
    }

    /// Calls `body` with what knows the names.
    @inline(__always)
    func withNames(_ tape: JSONTape, _ body: (Names) -> Void) {
        nodes.withUnsafeBufferPointer { nodes in
            slots.withUnsafeBufferPointer { slots in
                names.withUnsafeBufferPointer { names in
                    guard let node = nodes.baseAddress, let slot = slots.baseAddress, let name = names.baseAddress
                    else { return }
                    body(Names(tape: tape, nodes: node, slots: slot, names: name))
                }
            }
        }
    }

    /// The names of the paths and a tape to look for them on.
    struct Names {
        fileprivate let tape: JSONTape
        fileprivate let nodes: UnsafePointer<Node>
        fileprivate let slots: UnsafePointer<Int32>
        fileprivate let names: UnsafePointer<[UInt8]>

        /// The node under `node` whose name stands at `name` of the tape; 0 for none.
        @inline(__always)
        fileprivate func child(of node: Int, named name: Int) -> Int {
            let (slots, mask) = (slots + nodes[node].table, nodes[node].tableMask)
            let key = FieldName.key(tape, name)
            var slot = key.hash & mask
            while case let child = Int(slots[slot]), child != 0 {
                if nodes[child].key == key, key.isWhole || tape.text(at: name).elementsEqual(names[child]) {
                    return child
                }
                slot = (slot &+ 1) & mask
            }
            return 0
        }
    }

    private struct Walk {
        let tape: JSONTape
        let names: Names
        let places: UnsafeMutablePointer<Place>
        let located: Located
        var cursor: SourceCursor

        mutating func visit(object: Int, node: Int) {
            var index = object &+ 1
            while tape.type(at: index) != UInt8(ascii: "}") {
                let child = names.child(of: node, named: index)
                if child != 0, !places[child].isFound { take(index &+ 1, child) }
                index = tape.index(behind: index &+ 1)
            }
        }

        private mutating func take(_ value: Int, _ node: Int) {
            places[node].index = Int32(truncatingIfNeeded: value)
            let type = tape.type(at: value)
            switch type {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                let isLocated = names.nodes[node].isWanted && located.contains(.containers)
                if isLocated { places[node].start = place(cursor.start(of: value)) }
                if names.nodes[node].tableMask >= 0, type == UInt8(ascii: "{") { visit(object: value, node: node) }
                if isLocated { places[node].end = place(cursor.end(of: value)) }
            case UInt8(ascii: "d"): locate(value, node)
            // A 0 on the tape can be a -0 in the text, or a number that no 64-bit type holds.
            case UInt8(ascii: "l") where tape.signedInteger(at: value)?.magnitude == 0: locate(value, node)
            case UInt8(ascii: "\"") where located.contains(.strings): locate(value, node)
            default: break
            }
        }

        private mutating func locate(_ value: Int, _ node: Int) {
            guard names.nodes[node].isWanted else { return }
            places[node].start = place(cursor.start(of: value))
            places[node].end = place(cursor.end(of: value))
        }

        private func place(_ offset: Int) -> Int32 { Int32(truncatingIfNeeded: offset) }
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
            var name = object &+ 1
            while tape.type(at: name) != UInt8(ascii: "}") {
                let value = name &+ 1
                let child = names.child(of: node, named: name)
                if child == 0 {
                    appendWhole(name, to: &writer)
                } else if used & FieldSelection.bit(ofNode: child) == 0, tape.type(at: value) != UInt8(ascii: "n") {
                    if tape.type(at: value) == UInt8(ascii: "{"), used & names.nodes[child].below != 0 {
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
