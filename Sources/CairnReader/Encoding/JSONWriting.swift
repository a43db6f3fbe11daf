import CairnFormat

/// Objects, member by member. `needsComma` knows whether there was one before.
extension ByteWriter {
    /// Appends a comma unless what follows is the first of its object or array.
    @inline(__always)
    mutating func appendComma() {
        if needsComma { append(UInt8(ascii: ",")) }
        needsComma = true
    }

    /// Appends `"name":`.
    @inline(__always)
    mutating func append(name: StaticString) {
        appendComma()
        append(UInt8(ascii: "\""))
        append(name)
        append("\":")
    }

    /// Begins a member that is an object.
    @inline(__always)
    mutating func open(_ name: StaticString) {
        append(name: name)
        openObject()
    }

    @inline(__always)
    mutating func openObject() {
        append(UInt8(ascii: "{"))
        needsComma = false
    }

    @inline(__always)
    mutating func close() {
        append(UInt8(ascii: "}"))
        needsComma = true
    }

    @inline(__always)
    mutating func append(_ name: StaticString, _ text: StaticString) {
        append(name: name)
        append(UInt8(ascii: "\""))
        append(text)
        append(UInt8(ascii: "\""))
    }

    @inline(__always)
    mutating func append(_ name: StaticString, _ number: UInt64) {
        append(name: name)
        append(decimal: number)
    }

    @inline(__always)
    mutating func append(_ name: StaticString, string: UnsafeRawBufferPointer) {
        append(name: name)
        append(jsonString: string)
    }

    /// Appends the time as milliseconds since 1970 (OCSF `timestamp_t`, CEF), rounded down.
    mutating func append(milliseconds time: Time) {
        let value = floorDivide(time.nanoseconds, 1_000_000)
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    /// Appends a text as a JSON string with its quotes (RFC 8259 section 7).
    ///
    /// - Parameter text: of a line or its tape.
    @inline(__always)
    mutating func append(jsonString text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        append(jsonContent: text)
        append(UInt8(ascii: "\""))
    }

    @inline(__always)
    private mutating func append(jsonContent text: UnsafeRawBufferPointer) {
        if !append(padded: text, unless: ByteWriter.jsonMarks) { append(escaping: text) }
    }

    @inline(__always)
    private static func jsonMarks(_ block: ByteBlock) -> ByteBlock.Marks {
        block.isControl | block.equal(UInt8(ascii: "\"")) | block.equal(UInt8(ascii: "\\"))
    }

    @inline(never)
    private mutating func append(escaping text: UnsafeRawBufferPointer) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20: append(escapeOf: UInt32(byte))
            default: append(byte)
            }
        }
    }
}
