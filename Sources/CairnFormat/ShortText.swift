/// A text as three words, so that two are compared without a call: the whole of a text of at most 16 bytes.
struct ShortText: Equatable, Sendable {
    private let low: UInt64
    private let high: UInt64
    let count: Int

    /// Bytes of the longest text that is told from every other.
    static let limit = 16

    static let empty = ShortText()

    private init() { (low, high, count) = (0, 0, 0) }

    @inline(__always)
    init(_ text: UnsafeRawBufferPointer) {
        count = text.count
        guard let base = text.baseAddress else {
            (low, high) = (0, 0)
            return
        }
        // The first bytes and the last, which overlap where there are not enough for both.
        if count >= 8 {
            let behind = count <= 16 ? count - 8 : 8
            (low, high) = (
                base.loadUnaligned(as: UInt64.self), base.loadUnaligned(fromByteOffset: behind, as: UInt64.self)
            )
        } else if count >= 4 {
            let last = base.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
            (low, high) = (UInt64(base.loadUnaligned(as: UInt32.self)), UInt64(last))
        } else if count > 0 {
            (low, high) = (UInt64(text[0]) | UInt64(text[count / 2]) << 8, UInt64(text[count - 1]))
        } else {
            (low, high) = (0, 0)
        }
    }

    init(_ text: StaticString) {
        self.init(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Whether it is the whole text, and not its ends alone.
    var isWhole: Bool { count <= ShortText.limit }

    /// Writes the text, if it is whole.
    func append(to writer: inout RawWriter) {
        switch count {
        case 0: break
        case 1...3:
            writer.append(UInt8(truncatingIfNeeded: low))
            if count > 1 { writer.append(UInt8(truncatingIfNeeded: low >> 8)) }
            if count > 2 { writer.append(UInt8(truncatingIfNeeded: high)) }
        case 4...7:
            // The two overlap.
            writer.append(littleEndian: UInt32(truncatingIfNeeded: low))
            writer.stepBack(8 - count)
            writer.append(littleEndian: UInt32(truncatingIfNeeded: high))
        default:
            writer.append(littleEndian: low)
            writer.stepBack(16 - count)
            writer.append(littleEndian: high)
        }
    }

    /// Equal for equal texts. Not for tables that strangers fill: whoever likes finds texts with equal ones.
    @inline(__always)
    var hash: UInt64 { (low ^ high &+ UInt64(truncatingIfNeeded: count)) &* 0x9E37_79B9_7F4A_7C15 }
}
