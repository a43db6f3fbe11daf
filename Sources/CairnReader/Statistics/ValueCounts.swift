import CairnFormat

/// Counts byte strings: how often each came, and how often with an event that had failed. Open addressing over flat
/// arrays; hashed with the process's random seed, so that nobody can choose values that collide.
struct ValueCounts: Sendable {
    /// Bytes of all tables of one query at most: a million values of some 20 bytes, and a query still stays below the
    /// 200 MB that it may use while a table is being doubled.
    static let sizeLimit = 80 << 20

    struct Entry: Sendable {
        fileprivate var hash: Int
        fileprivate var offset: Int
        fileprivate var size: Int
        var count: UInt64
        var failed: UInt64
    }

    private(set) var entries: [Entry] = []
    private var bytes: [UInt8] = []
    /// Number of an entry from 1; 0 is free. A power of two of them, at most half of them taken.
    private var slots = [UInt32](repeating: 0, count: 16)

    var count: Int { entries.count }
    /// Bytes of memory, spare room left out.
    var size: Int { bytes.count + entries.count * MemoryLayout<Entry>.stride + slots.count * 4 }

    mutating func add(_ value: UnsafeRawBufferPointer, _ count: UInt64 = 1, failed: UInt64) {
        var hasher = Hasher()
        hasher.combine(bytes: value)
        add(value, hash: hasher.finalize(), count, failed: failed)
    }

    private mutating func add(_ value: UnsafeRawBufferPointer, hash: Int, _ count: UInt64, failed: UInt64) {
        var slot = hash & (slots.count - 1)
        while slots[slot] > 0 {
            let number = Int(slots[slot]) - 1
            if entries[number].hash == hash, isEntry(number, value) {
                entries[number].count += count
                entries[number].failed += failed
                return
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        entries.append(Entry(hash: hash, offset: bytes.count, size: value.count, count: count, failed: failed))
        bytes.append(contentsOf: value)
        slots[slot] = UInt32(entries.count)
        if entries.count * 2 > slots.count { grow() }
    }

    mutating func add(_ other: ValueCounts) {
        other.bytes.withUnsafeBytes { bytes in
            for entry in other.entries {
                let value = UnsafeRawBufferPointer(rebasing: bytes[entry.offset..<(entry.offset + entry.size)])
                add(value, hash: entry.hash, entry.count, failed: entry.failed)
            }
        }
    }

    func value(of entry: Entry) -> ArraySlice<UInt8> { bytes[entry.offset..<(entry.offset + entry.size)] }

    private func isEntry(_ number: Int, _ value: UnsafeRawBufferPointer) -> Bool {
        guard entries[number].size == value.count else { return false }
        return bytes.withUnsafeBytes { bytes in
            let start = entries[number].offset
            return UnsafeRawBufferPointer(rebasing: bytes[start..<(start + value.count)]).elementsEqual(value)
        }
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 4)
        for (number, entry) in entries.enumerated() {
            var slot = entry.hash & (slots.count - 1)
            while slots[slot] > 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }
}
