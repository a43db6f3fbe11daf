/// What tells a column of a span from the others.
struct ColumnKey: Sendable, Equatable {
    let field: UInt8
    /// False for the field's own string.
    let isMember: Bool
    /// At most `ShortText.limit` bytes, so that equal ones are the same.
    let name: ShortText

    /// Columns of a span.
    static let limit = 16
    /// In the place of a name's length, where the field itself is meant.
    static let ownName = UInt8.max
    /// States of a column: some events have none of its values; more values came than it can have. Else it is 0.
    static let missing: UInt8 = 1
    static let givenUp: UInt8 = 2

    @inline(__always)
    init(field: UInt8, isMember: Bool, _ name: ShortText) {
        self.field = field
        self.isMember = isMember
        self.name = name
    }

    /// Appends field, length of the name and name, as the index has them.
    func append(to writer: inout RawWriter) {
        writer.append(field)
        writer.append(isMember ? UInt8(truncatingIfNeeded: name.count) : ColumnKey.ownName)
        name.append(to: &writer)
    }

    /// Reads the same.
    init(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) {
        let size = bytes[offset + 1]
        let start = offset + 2
        offset = start + (size == ColumnKey.ownName ? 0 : Int(size))
        self.init(
            field: bytes[start - 2], isMember: size != ColumnKey.ownName,
            ShortText(UnsafeRawBufferPointer(rebasing: bytes[start..<offset])))
    }

    /// Bits of a code: as few as tell so many apart.
    static func width(codes: Int) -> Int { Int.bitWidth - max(0, codes - 1).leadingZeroBitCount }
}
