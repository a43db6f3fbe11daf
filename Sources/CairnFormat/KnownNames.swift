/// What a few names stand for that are known beforehand.
final class KnownNames<Value: Sendable>: @unchecked Sendable {
    // @unchecked: nothing changes after `init`.

    private struct Slot {
        var name: ShortText
        var value: Value?
    }

    private static var size: Int { 128 }
    // Not an array, so that to look something up touches no reference count.
    private let slots: UnsafeMutablePointer<Slot>

    /// - Parameter names: each of at most `ShortText.limit` bytes, and not empty; there are far fewer than 128.
    init(_ names: [(StaticString, Value)]) {
        slots = .allocate(capacity: Self.size)
        slots.initialize(repeating: Slot(name: ShortText(""), value: nil), count: Self.size)
        for (name, value) in names {
            let name = ShortText(name)
            var slot = Self.slot(name)
            while slots[slot].value != nil { slot = (slot + 1) % Self.size }
            slots[slot] = Slot(name: name, value: value)
        }
    }

    deinit {
        slots.deinitialize(count: Self.size)
        slots.deallocate()
    }

    @inline(__always)
    func find(_ name: ShortText) -> Value? {
        guard name.count <= ShortText.limit else { return nil }
        var slot = Self.slot(name)
        while true {
            let known = slots[slot]
            // In a free slot there is nothing, and an empty name.
            if known.name == name || known.name.count == 0 { return known.value }
            slot = (slot &+ 1) % Self.size
        }
    }

    @inline(__always)
    private static func slot(_ name: ShortText) -> Int { Int(truncatingIfNeeded: name.hash >> 57) }
}
