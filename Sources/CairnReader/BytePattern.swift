/// Bytes to be searched for (R. N. Horspool, "Practical fast searching in strings", 1980).
struct BytePattern: Sendable {
    private let bytes: [UInt8]
    /// By how much the pattern can move on when its last place stands at that byte.
    private let shifts: [Int]
    private let ignoresCase: Bool

    /// - Parameters:
    ///   - bytes: not empty.
    ///   - ignoresCase: whether ASCII letters of both cases are the same.
    init(_ bytes: some Sequence<UInt8>, ignoresCase: Bool = false) {
        self.bytes = ignoresCase ? bytes.map { Self.lowered($0) } : Array(bytes)
        self.ignoresCase = ignoresCase
        var shifts = [Int](repeating: self.bytes.count, count: 256)
        for (index, byte) in self.bytes.dropLast().enumerated() {
            shifts[Int(byte)] = self.bytes.count - 1 - index
            if ignoresCase, UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte {
                shifts[Int(byte ^ 0x20)] = self.bytes.count - 1 - index
            }
        }
        self.shifts = shifts
    }

    func occurs(in text: UnsafeRawBufferPointer) -> Bool {
        bytes.withUnsafeBufferPointer { pattern in
            shifts.withUnsafeBufferPointer { shifts in
                var end = pattern.count
                while end <= text.count {
                    if matches(pattern, text, endingAt: end) { return true }
                    end += shifts[Int(text[end - 1])]
                }
                return false
            }
        }
    }

    private func matches(
        _ pattern: UnsafeBufferPointer<UInt8>, _ text: UnsafeRawBufferPointer, endingAt end: Int
    ) -> Bool {
        let start = end - pattern.count
        var index = pattern.count - 1
        while index >= 0 {
            let byte = text[start + index]
            guard pattern[index] == (ignoresCase ? Self.lowered(byte) : byte) else { return false }
            index -= 1
        }
        return true
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
    }
}
