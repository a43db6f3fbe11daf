/// Bytes to be searched for. Two bytes of the pattern, the rarest ones, are compared at 16 places at once; only where both
/// stand is the rest looked at (W. Muła, "SIMD-friendly algorithms for substring searching", 2016).
package struct BytePattern: Sendable {
    private typealias Lanes = SIMD16<UInt8>

    private let bytes: [UInt8]
    /// What is set in a byte before it is compared: the bit in which the cases of a letter differ, where it does not
    /// matter.
    private let folds: [UInt8]
    /// The places of the two bytes, the first before the second unless there is one only.
    private let anchors: (first: Int, second: Int)

    /// - Parameters:
    ///   - bytes: not empty.
    ///   - ignoresCase: whether ASCII letters of both cases are the same.
    package init(_ bytes: some Sequence<UInt8>, ignoresCase: Bool = false) {
        let folds = bytes.map { ignoresCase && Self.isLetter($0) ? UInt8(0x20) : 0 }
        let folded = zip(bytes, folds).map { $0 | $1 }
        self.bytes = folded
        self.folds = folds
        let byRarity = folded.indices.sorted { (Self.commonness(folded[$0]), $0) < (Self.commonness(folded[$1]), $1) }
        let second = byRarity.count > 1 ? byRarity[1] : byRarity[0]
        anchors = (min(byRarity[0], second), max(byRarity[0], second))
    }

    package func occurs(in text: UnsafeRawBufferPointer) -> Bool { firstOccurrence(in: text, from: 0) != nil }

    /// Where it stands for the first time at `start` or behind.
    package func firstOccurrence(in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        let last = text.count - bytes.count
        guard start <= last, let base = text.baseAddress else { return nil }
        let (first, second) = (Lanes(repeating: bytes[anchors.first]), Lanes(repeating: bytes[anchors.second]))
        let firstFold = Lanes(repeating: folds[anchors.first])
        let secondFold = Lanes(repeating: folds[anchors.second])
        var place = start
        // A whole vector behind the second anchor of the last place must be there.
        while place + anchors.second + Lanes.scalarCount <= text.count {
            let a = (base + place + anchors.first).loadUnaligned(as: Lanes.self) | firstFold
            let b = (base + place + anchors.second).loadUnaligned(as: Lanes.self) | secondFold
            let hits = ((a ^ first) | (b ^ second)) .== Lanes()
            let words = unsafeBitCast(hits, to: SIMD2<UInt64>.self)
            if words[0] | words[1] != 0 {
                for lane in 0..<Lanes.scalarCount where hits[lane] && place + lane <= last {
                    if stands(at: place + lane, base) { return place + lane }
                }
            }
            place += Lanes.scalarCount
        }
        while place <= last {
            if stands(at: place, base) { return place }
            place += 1
        }
        return nil
    }

    private func stands(at place: Int, _ base: UnsafeRawPointer) -> Bool {
        for index in bytes.indices {
            let byte = base.load(fromByteOffset: place + index, as: UInt8.self)
            guard byte | folds[index] == bytes[index] else { return false }
        }
        return true
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
    }

    /// How often a byte stands in lines of JSON, roughly; folded letters count as both cases.
    private static func commonness(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "\""): 9
        case UInt8(ascii: "e"), UInt8(ascii: "t"), UInt8(ascii: "a"), UInt8(ascii: "i"), UInt8(ascii: "s"),
            UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "0"), UInt8(ascii: "1"):
            8
        case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "o"), UInt8(ascii: "c"), UInt8(ascii: "d"),
            UInt8(ascii: "l"), UInt8(ascii: "m"), UInt8(ascii: "u"), UInt8(ascii: "2")...UInt8(ascii: "9"):
            7
        case UInt8(ascii: "a")...UInt8(ascii: "z"): 5
        case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: " "), UInt8(ascii: "{"),
            UInt8(ascii: "}"):
            4
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): 3
        default: 1
        }
    }
}
