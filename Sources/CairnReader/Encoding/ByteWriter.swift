import CairnFormat

/// Writes into room that was made behind the end of an array, without a look at the array's own books for every piece.
/// What does not fit is left out, and `isFull` tells of it.
struct ByteWriter {
    private var next: UnsafeMutableRawPointer
    private let end: UnsafeMutableRawPointer
    private(set) var isFull = false
    /// Whether a comma belongs before the next member of a JSON object or element of an array.
    var needsComma = false

    /// Appends to `output` what `body` writes. Where `room` bytes do not hold it, `body` is run once more with twice the
    /// room: it must write the same every time.
    @inline(__always)
    static func append(to output: inout [UInt8], room: Int, _ body: (inout ByteWriter) -> Void) {
        var room = room + slack
        while !attempt(to: &output, room: room, body) { room *= 2 }
    }

    @inline(__always)
    private static func attempt(to output: inout [UInt8], room: Int, _ body: (inout ByteWriter) -> Void) -> Bool {
        var isDone = false
        output.append(addingCapacity: room) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
                var writer = ByteWriter(next: start, end: start + buffer.count)
                body(&writer)
                isDone = !writer.isFull
                if isDone { count = writer.next - start }
            }
        }
        return isDone
    }

    private init(next: UnsafeMutableRawPointer, end: UnsafeMutableRawPointer) {
        self.next = next
        self.end = end
    }

    // MARK: Room

    /// Bytes behind the last one written that may be overwritten with anything: words are stored whole.
    private static let slack = 16

    /// Whether `count` more bytes fit.
    @inline(__always)
    private mutating func hasRoom(_ count: Int) -> Bool {
        if end - next >= count + ByteWriter.slack { return true }
        isFull = true
        return false
    }

    // MARK: Pieces

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        guard hasRoom(1) else { return }
        next.storeBytes(of: byte, as: UInt8.self)
        next += 1
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        guard hasRoom(count) else { return }
        next.copyMemory(from: text.utf8Start, byteCount: count)
        next += count
    }

    mutating func append(_ bytes: [UInt8]) {
        guard hasRoom(bytes.count) else { return }
        bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: next, count: $0.count).copyMemory(from: $0) }
        next += bytes.count
    }

    /// Appends bytes of a line or of its tape: behind either stand sixteen readable bytes.
    @inline(__always)
    mutating func append(padded bytes: UnsafeRawBufferPointer) {
        guard hasRoom(bytes.count), let base = bytes.baseAddress else { return }
        if bytes.count > 4 * ByteBlock.size {
            next.copyMemory(from: base, byteCount: bytes.count)
        } else {
            var index = 0
            while index < bytes.count {
                ByteBlock(base + index).store(to: next + index)
                index &+= ByteBlock.size
            }
        }
        next += bytes.count
    }

    mutating func append(decimal value: UInt64) {
        let size = ByteWriter.digits(value)
        guard hasRoom(size) else { return }
        var (rest, place) = (value, size)
        while rest >= 10 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            place &-= 2
            let digits = ByteWriter.pairs.utf8Start + 2 * Int(truncatingIfNeeded: pair)
            next.storeBytes(of: digits[0], toByteOffset: place, as: UInt8.self)
            next.storeBytes(of: digits[1], toByteOffset: place &+ 1, as: UInt8.self)
            rest = quotient
        }
        if place > 0 { next.storeBytes(of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest), as: UInt8.self) }
        next += size
    }

    private static func digits(_ value: UInt64) -> Int {
        var (size, power) = (1, UInt64(10))
        while size < 20, value >= power {
            size &+= 1
            power = power &* 10
        }
        return size
    }

    private static let pairs: StaticString = """
        00010203040506070809101112131415161718192021222324252627282930313233343536373839\
        40414243444546474849505152535455565758596061626364656667686970717273747576777879\
        8081828384858687888990919293949596979899
        """

    /// Appends bytes of a line or of its tape if none of them is marked. Else nothing is appended, and the result is
    /// false.
    ///
    /// - Parameter marks: not 0 in the lanes whose byte is marked; a blank is never.
    @inline(__always)
    mutating func append(padded text: UnsafeRawBufferPointer, unless marks: (ByteBlock) -> ByteBlock.Marks) -> Bool {
        // Who runs out of room writes again.
        guard hasRoom(text.count), let base = text.baseAddress else { return true }
        var found = ByteBlock.Marks()
        var index = 0
        while index &+ ByteBlock.size <= text.count {
            let block = ByteBlock(base + index)
            found |= marks(block)
            block.store(to: next + index)
            index &+= ByteBlock.size
        }
        if index < text.count {
            let block = ByteBlock(base + index)
            found |= marks(block).first(text.count &- index)
            block.store(to: next + index)
        }
        guard found.isEmpty else { return false }
        next += text.count
        return true
    }

    /// Appends `byte` once, or twice if it is a quote: without a branch, for in JSON text quotes are everywhere.
    @inline(__always)
    mutating func append(doublingQuote byte: UInt8) {
        guard hasRoom(2) else { return }
        next.storeBytes(of: byte, as: UInt8.self)
        next.storeBytes(of: byte, toByteOffset: 1, as: UInt8.self)
        next += byte == UInt8(ascii: "\"") ? 2 : 1
    }

    // MARK: Going back

    /// A place to go back to.
    struct Mark {
        fileprivate var place: UnsafeMutableRawPointer
        fileprivate var needsComma: Bool
    }

    var mark: Mark { Mark(place: next, needsComma: needsComma) }

    mutating func goBack(to mark: Mark) {
        next = mark.place
        needsComma = mark.needsComma
    }

    /// Puts a backslash before every byte that was written since `mark` and is one of two. Controls become blanks: in
    /// JSON text they are white space.
    mutating func escapeJSON(since mark: Mark, _ a: UInt8, _ b: UInt8) {
        let count = next - mark.place
        let bytes = UnsafeMutableBufferPointer(start: mark.place.assumingMemoryBound(to: UInt8.self), count: count)
        var added = 0
        for index in bytes.indices {
            if bytes[index] < 0x20 { bytes[index] = 0x20 }
            if bytes[index] == a || bytes[index] == b { added += 1 }
        }
        guard hasRoom(added) else { return }
        next += added
        // From the end, so that nothing is overwritten before it was moved.
        var index = count
        while added > 0 {
            index -= 1
            let byte = bytes[index]
            mark.place.storeBytes(of: byte, toByteOffset: index + added, as: UInt8.self)
            if byte == a || byte == b {
                added -= 1
                mark.place.storeBytes(of: UInt8(ascii: "\\"), toByteOffset: index + added, as: UInt8.self)
            }
        }
    }
}

/// Sixteen bytes that are looked at together.
struct ByteBlock {
    static let size = 16

    private var bytes: SIMD16<Int8>

    @inline(__always)
    init(_ start: UnsafeRawPointer) { bytes = start.loadUnaligned(as: SIMD16<Int8>.self) }

    @inline(__always)
    func store(to start: UnsafeMutableRawPointer) { start.storeBytes(of: bytes, as: SIMD16<Int8>.self) }

    /// Of each of the sixteen bytes, whether it is marked.
    struct Marks {
        fileprivate var lanes = SIMDMask<SIMD16<Int8>>()

        @inline(__always)
        init() {}

        @inline(__always)
        fileprivate init(_ lanes: SIMDMask<SIMD16<Int8>>) { self.lanes = lanes }

        @inline(__always)
        static func |= (a: inout Marks, b: Marks) { a.lanes = a.lanes .| b.lanes }

        @inline(__always)
        static func | (a: Marks, b: Marks) -> Marks { Marks(a.lanes .| b.lanes) }

        @inline(__always)
        var isEmpty: Bool {
            let words = unsafeBitCast(lanes, to: SIMD2<UInt64>.self)
            return words[0] | words[1] == 0
        }

        /// Without those behind the first `count`.
        @inline(__always)
        func first(_ count: Int) -> Marks {
            Marks(lanes .& (Marks.numbers .< SIMD16(repeating: Int8(truncatingIfNeeded: count))))
        }

        @inline(__always)
        private static var numbers: SIMD16<Int8> { SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }
    }

    @inline(__always)
    func equal(_ byte: UInt8) -> Marks { Marks(bytes .== SIMD16(repeating: Int8(bitPattern: byte))) }

    /// Control characters of ASCII but for DEL, and all that is not ASCII.
    @inline(__always)
    var isControlOrBeyondASCII: Marks { Marks(bytes .< SIMD16(repeating: 0x20)) }

    /// Control characters of ASCII but for DEL.
    @inline(__always)
    var isControl: Marks { Marks((bytes .< SIMD16(repeating: 0x20)) .& (bytes .>= SIMD16(repeating: 0))) }
}
