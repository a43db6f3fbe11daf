import CairnFormat

/// Finds where the values of a tape stand in the line that it was made of: the tape keeps no text of numbers, and none
/// of objects and arrays.
///
/// It goes through tape and line side by side, over strings by their length; who asks in the order of the tape goes
/// through both once. Asked for a place before, it begins again.
struct SourceCursor {
    private let tape: JSONTape
    private let line: UnsafeRawBufferPointer
    /// As many tokens stand before this word of the tape as before `offset` in the line.
    private var word = 1
    private var offset = 0

    /// - Parameter line: what `tape` was made of.
    init(_ tape: JSONTape, line: UnsafeRawBufferPointer) {
        self.tape = tape
        self.line = line
    }

    /// Where the value or name at `index` of the tape begins in the line.
    mutating func start(of index: Int) -> Int {
        if index < word { (word, offset) = (1, 0) }
        advance(to: index)
        while offset < line.count, SourceCursor.isSeparator(line[offset]) { offset += 1 }
        return offset
    }

    /// Where the value at `index` ends, once `start(of:)` was asked for it.
    mutating func end(of index: Int) -> Int {
        advance(to: tape.index(behind: index))
        return offset
    }

    /// Goes on until as many tokens are passed as stand before word `target` of the tape.
    private mutating func advance(to target: Int) {
        guard let start = line.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let (tape, count) = (tape, line.count)
        var (word, offset) = (word, offset)
        while word < target, offset < count {
            if SourceCursor.isSeparator(start[offset]) {
                offset &+= 1
                while offset < count, SourceCursor.isSeparator(start[offset]) { offset &+= 1 }
            }
            let type = tape.type(at: word)
            // Most tokens are strings.
            if type == UInt8(ascii: "\"") {
                let end = offset &+ 1 &+ tape.text(at: word).count
                // An escape is longer than what it stands for. So with one the string ends further on, and a quote
                // here is one of its own, behind a backslash.
                if end < count, start[end] == UInt8(ascii: "\""), start[end &- 1] != UInt8(ascii: "\\") {
                    offset = end &+ 1
                } else {
                    offset = endOfEscapedString(from: offset)
                }
                word &+= 1
                continue
            }
            switch type {
            case UInt8(ascii: "l"), UInt8(ascii: "u"), UInt8(ascii: "d"):
                while offset < count, SourceCursor.isNumberByte(start[offset]) { offset &+= 1 }
                word &+= 2
            case UInt8(ascii: "t"), UInt8(ascii: "n"):
                offset &+= 4
                word &+= 1
            case UInt8(ascii: "f"):
                offset &+= 5
                word &+= 1
            default:
                offset &+= 1
                word &+= 1
            }
        }
        (self.word, self.offset) = (word, min(offset, count))
    }

    private func endOfEscapedString(from start: Int) -> Int {
        var index = start + 1
        while index < line.count, line[index] != UInt8(ascii: "\"") {
            index += line[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return index + 1
    }

    /// White space, commas and colons.
    @inline(__always)
    private static func isSeparator(_ byte: UInt8) -> Bool { isOne(byte, of: 0x0400_1001_0000_2600) }

    @inline(__always)
    private static func isNumberByte(_ byte: UInt8) -> Bool {
        // Digits and "+-."; and "e" of both cases.
        isOne(byte, of: 0x03FF_6800_0000_0000) || byte | 0x20 == UInt8(ascii: "e")
    }

    /// - Parameter bytes: a bit for each byte below 64.
    @inline(__always)
    private static func isOne(_ byte: UInt8, of bytes: UInt64) -> Bool {
        byte < 64 && bytes &>> UInt64(byte) & 1 != 0
    }
}
