/// Byte strings by number, in order of first appearance: the modules and the retention classes of a batch or segment.
/// Open addressing, so that a lookup allocates nothing. It holds at most 65,535; whoever fills it sees to that.
package struct NameTable: Sendable, Equatable {
    package private(set) var names: [[UInt8]] = []
    // By the names' hashes. 0 is free, n is name n - 1.
    private var slots = [UInt16](repeating: 0, count: 64)
    /// What was inserted last: often the next one is the same, and then it costs one comparison.
    private var latest = 0

    package init() {}

    package static func == (a: NameTable, b: NameTable) -> Bool { a.names == b.names }

    package var count: Int { names.count }

    package mutating func removeAll() {
        guard !names.isEmpty else { return }
        names.removeAll(keepingCapacity: true)
        slots = [UInt16](repeating: 0, count: 64)
        latest = 0
    }

    package func name(_ number: UInt16) -> [UInt8]? { Int(number) < names.count ? names[Int(number)] : nil }

    package func find(_ name: UnsafeRawBufferPointer) -> UInt16? {
        let slot = slots[slot(of: name)]
        return slot == 0 ? nil : slot - 1
    }

    package mutating func insert(_ name: UnsafeRawBufferPointer) -> UInt16 {
        if latest < names.count, isName(latest, name) { return UInt16(latest) }
        let index = slot(of: name)
        if slots[index] > 0 {
            latest = Int(slots[index]) - 1
            return UInt16(latest)
        }
        latest = names.count
        names.append(Array(name))
        slots[index] = UInt16(names.count)
        if names.count * 2 > slots.count { grow() }
        return UInt16(latest)
    }

    private func isName(_ number: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        names[number].withUnsafeBytes { own in
            guard own.count == name.count, let a = own.baseAddress, let b = name.baseAddress else {
                return own.isEmpty && name.isEmpty
            }
            return equal(a, b, own.count)
        }
    }

    private func slot(of name: UnsafeRawBufferPointer) -> Int {
        var index = Int(truncatingIfNeeded: XXH64.hash(name, seed: 0)) & (slots.count - 1)
        while slots[index] > 0, !isName(Int(slots[index]) - 1, name) {
            index = (index + 1) & (slots.count - 1)
        }
        return index
    }

    private mutating func grow() {
        slots = [UInt16](repeating: 0, count: slots.count * 4)
        for (number, name) in names.enumerated() {
            let index = name.withUnsafeBytes { slot(of: $0) }
            slots[index] = UInt16(number + 1)
        }
    }
}
