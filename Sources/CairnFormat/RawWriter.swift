/// Writes one piece behind the other into memory that was made for all of them.
struct RawWriter {
    private(set) var next: UnsafeMutableRawPointer

    init(next: UnsafeMutableRawPointer) { self.next = next }

    /// Bytes of the longest number.
    static let decimalSize = 20

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        next.storeBytes(of: byte, as: UInt8.self)
        next += 1
    }

    @inline(__always)
    mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
        next.storeBytes(of: value.littleEndian, as: T.self)
        next += MemoryLayout<T>.size
    }

    /// Goes on so many bytes before.
    mutating func stepBack(_ count: Int) { next -= count }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        next.copyMemory(from: base, byteCount: bytes.count)
        next += bytes.count
    }

    @inline(__always)
    mutating func append(text: StaticString) {
        next.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        next += text.utf8CodeUnitCount
    }

    @inline(__always)
    mutating func append(littleEndian words: SIMD8<UInt32>) {
        var words = words
        for index in 0..<8 { words[index] = words[index].littleEndian }
        next.storeBytes(of: words, as: SIMD8<UInt32>.self)
        next += 8 * MemoryLayout<UInt32>.size
    }

    mutating func append(decimal value: UInt64) {
        var (size, limit) = (1, UInt64(10))
        while size < RawWriter.decimalSize, value >= limit {
            size &+= 1
            limit = limit &* 10
        }
        var (rest, place) = (value, size)
        repeat {
            place &-= 1
            let digit = rest.quotientAndRemainder(dividingBy: 10)
            next.storeBytes(
                of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit.remainder), toByteOffset: place, as: UInt8.self
            )
            rest = digit.quotient
        } while place > 0
        next += size
    }
}
