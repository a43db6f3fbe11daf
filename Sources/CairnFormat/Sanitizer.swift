/// Masks the values of configured names, at any depth, before anything touches the disk.
package struct Sanitizer: Sendable {
    package static let mask: StaticString = "\"********\""

    /// Lower-case names, by their length.
    private var names: [Int: [[UInt8]]] = [:]

    /// Letters of ASCII count the same in both cases.
    package init(names: [String] = []) {
        for name in names {
            let bytes = name.utf8.map(Sanitizer.lower)
            self.names[bytes.count, default: []].append(bytes)
        }
    }

    package var isEmpty: Bool { names.isEmpty }

    /// Whether a string of the parsed line, name or value, is one of the names: then the line is worth a closer look.
    func mayMatch(_ tape: JSONTape) -> Bool {
        var index = 1
        while index < tape.end {
            switch tape.kind(index) {
            case .string:
                if matches(tape.string(index)) { return true }
                index += 1
            case .int, .uint, .double: index += 2
            default: index += 1
            }
        }
        return false
    }

    /// Whether a name occurs anywhere in text that could not be parsed.
    func occurs(in text: some Collection<UInt8>) -> Bool {
        let lowered = text.map(Sanitizer.lower)
        return names.values.joined().contains { name in
            lowered.indices.contains { lowered[$0...].starts(with: name) }
        }
    }

    /// `line` with masks, and the paths of what was masked; nil if nothing was. `line` is valid JSON. Paths beyond the
    /// limits are one `…`.
    func sanitized(_ line: UnsafeRawBufferPointer) -> (line: [UInt8], paths: [[UInt8]])? {
        var output: [UInt8] = []
        var paths = MaskedPaths()
        var copied = 0
        var text = JSONText(line)
        // The name under which each open object or array stands; empty in arrays and at the top.
        var names: [[UInt8]] = []
        var name: [UInt8] = []
        var masking: (start: Int, depth: Int)?
        do throws(JSONText.SyntaxError) {
            while let (token, range) = try text.next() {
                switch token {
                case .key:
                    name = Sanitizer.unescaped(line, range)
                    continue
                case .objectStart, .arrayStart:
                    if masking == nil, name.withUnsafeBytes({ matches($0) }) {
                        masking = (range.lowerBound, text.depth - 1)
                        paths.append(names, name)
                    }
                    names.append(name)
                    name = []
                    continue
                case .objectEnd, .arrayEnd:
                    names.removeLast()
                default:
                    if masking == nil, name.withUnsafeBytes({ matches($0) }) {
                        masking = (range.lowerBound, text.depth)
                        paths.append(names, name)
                    }
                }
                name = []
                if let value = masking, text.depth == value.depth {
                    output.append(contentsOf: line[copied..<value.start])
                    output.append(text: Sanitizer.mask)
                    copied = range.upperBound
                    masking = nil
                }
            }
        } catch {
            return nil
        }
        guard !paths.list.isEmpty else { return nil }
        output.append(contentsOf: line[copied...])
        return (output, paths.list)
    }

    private func matches(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let candidates = names[name.count] else { return false }
        return candidates.contains { candidate in
            zip(candidate, name).allSatisfy { $0 == Sanitizer.lower($1) }
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    private static func unescaped(_ line: UnsafeRawBufferPointer, _ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        var index = range.lowerBound + 1
        while index < range.upperBound - 1 {
            guard line[index] == UInt8(ascii: "\\") else {
                bytes.append(line[index])
                index += 1
                continue
            }
            index += 2
            switch line[index - 1] {
            case UInt8(ascii: "u"):
                var value = Sanitizer.hexUnit(line, &index)
                if value & 0xFC00 == 0xD800 {
                    index += 2
                    value = 0x10000 + (value & 0x3FF) << 10 + Sanitizer.hexUnit(line, &index) & 0x3FF
                }
                // Valid JSON has no half surrogate pairs.
                if let scalar = Unicode.Scalar(value) { bytes.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
            case UInt8(ascii: "n"): bytes.append(0x0A)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "r"): bytes.append(0x0D)
            case UInt8(ascii: "b"): bytes.append(0x08)
            case UInt8(ascii: "f"): bytes.append(0x0C)
            case let character: bytes.append(character)
            }
        }
        return bytes
    }
    /// The value of four hexadecimal digits, which end before the new index.
    private static func hexUnit(_ line: UnsafeRawBufferPointer, _ index: inout Int) -> UInt32 {
        var unit: UInt32 = 0
        for digit in line[index..<(index + 4)] {
            unit = unit << 4 | UInt32(Character(Unicode.Scalar(digit)).hexDigitValue ?? 0)
        }
        index += 4
        return unit
    }
}

/// Dotted paths of masked values, as many as a stored line has room for.
private struct MaskedPaths {
    private(set) var list: [[UInt8]] = []
    private var room = Limits.sanitizedPathBytes
    private var isCut = false

    /// `names` are those of the objects and arrays around it, empty in arrays and at the top.
    mutating func append(_ names: [[UInt8]], _ name: [UInt8]) {
        guard !isCut else { return }
        let size = names.reduce(name.count) { $0 + 1 + $1.count }
        guard list.count < Limits.sanitizedPaths, size <= room else {
            isCut = true
            list.append(Array("…".utf8))
            return
        }
        room -= size
        list.append(Array((names + [name]).filter { !$0.isEmpty }.joined(separator: [UInt8(ascii: ".")])))
    }
}
