/// The states of a deterministic automaton that were come to so far, in memory of a fixed size.
///
/// A state is a set of nodes and a context of a ``RegularExpressionSimulation``. It has a row of transitions: one for
/// each class of bytes and one for the end of the text. Rows grow from the beginning of the memory and sets from its
/// end; when they meet it is full, and all is forgotten.
struct RegularExpressionStates: ~Copyable {
    typealias Context = RegularExpressionContext

    /// What a transition says, if not the row that it leads to.
    static let unknown: UInt32 = 0
    static let dead: UInt32 = 1
    static let match: UInt32 = 2
    /// Every other row is behind it.
    static let firstRow: UInt32 = 4

    /// Words of 32 bits. A row has its transitions, then where its set is; a set has its count, its context, its nodes.
    let table: UnsafeMutablePointer<UInt32>
    private let capacity: Int
    private let rowLength: Int
    private var rowsEnd = Int(firstRow)
    private var setsStart: Int
    private(set) var count = 0

    /// Rows by their sets: hashing with open addressing. 0 is a free place.
    private let index: UnsafeMutablePointer<UInt32>
    private let indexCount: Int

    /// States at most: a pattern that needs more gains little from keeping them.
    private static let countLimit = 1 << 13

    /// - Parameter memoryLimit: of all that is kept, in bytes.
    init(classCount: Int, memoryLimit: Int) {
        rowLength = classCount + 2
        let words = memoryLimit / 4
        let limit = min(Self.countLimit, words / (rowLength + 3))
        var indexCount = 4
        while indexCount < 2 * limit { indexCount *= 2 }
        self.indexCount = indexCount
        index = .allocate(capacity: indexCount)
        index.initialize(repeating: 0, count: indexCount)
        capacity = max(Int(Self.firstRow), words - indexCount)
        table = .allocate(capacity: capacity)
        setsStart = capacity
    }

    deinit {
        index.deallocate()
        table.deallocate()
    }

    mutating func removeAll() {
        index.update(repeating: 0, count: indexCount)
        rowsEnd = Int(Self.firstRow)
        setsStart = capacity
        count = 0
    }

    /// The row of the state, added if it is new; nil if it is new and memory is full.
    mutating func row(_ nodes: [UInt32], _ context: Context) -> UInt32? {
        var place = hash(nodes)
        while index[place] != 0 {
            if isRow(Int(index[place]), nodes, context) { return index[place] }
            place = (place + 1) & (indexCount - 1)
        }
        guard 2 * count < indexCount, nodes.count + 2 + rowLength <= setsStart - rowsEnd else { return nil }
        let row = UInt32(rowsEnd)
        (table + rowsEnd).initialize(repeating: Self.unknown, count: rowLength)
        rowsEnd += rowLength
        setsStart -= nodes.count + 2
        table[rowsEnd - 1] = UInt32(setsStart)
        table[setsStart] = UInt32(nodes.count)
        table[setsStart + 1] = context.rawValue
        for (offset, node) in nodes.enumerated() { table[setsStart + 2 + offset] = node }
        index[place] = row
        count += 1
        return row
    }

    /// The set of a row. It stays where it is until all is removed.
    func nodes(_ row: Int) -> UnsafeBufferPointer<UInt32> {
        let set = Int(table[row + rowLength - 1])
        return UnsafeBufferPointer(start: table + set + 2, count: Int(table[set]))
    }

    func context(_ row: Int) -> Context {
        Context(rawValue: table[Int(table[row + rowLength - 1]) + 1])
    }

    private func isRow(_ row: Int, _ nodes: [UInt32], _ context: Context) -> Bool {
        self.context(row) == context && self.nodes(row).elementsEqual(nodes)
    }

    /// A place of the index.
    private func hash(_ nodes: [UInt32]) -> Int {
        var hash: UInt64 = 0
        for node in nodes {
            hash = (hash ^ UInt64(node)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        return Int(truncatingIfNeeded: hash) & (indexCount - 1)
    }
}
