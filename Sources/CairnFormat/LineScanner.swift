/// Reads a text of lines, some of which say how many bytes follow them. Whatever is not as it must be is an error.
struct LineScanner {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    /// The next line without its LF.
    ///
    /// - Parameter limit: bytes of it at most.
    mutating func line(limit: Int = 1 << 10) throws(FormatError) -> Substring {
        let line = try lineBytes(limit: limit)
        guard let text = String(validating: line, as: UTF8.self) else { throw malformed("a line is not UTF-8") }
        index += line.count + 1
        return text[...]
    }

    private func lineBytes(limit: Int) throws(FormatError) -> ArraySlice<UInt8> {
        let window = bytes[index...].prefix(limit + 1)
        guard let end = window.firstIndex(of: UInt8(ascii: "\n")) else {
            let isCut = window.count <= limit
            throw FormatError(
                isCut ? .truncated : .malformed, isCut ? "the text ends inside a line" : "a line is too long",
                at: UInt64(index))
        }
        return bytes[index..<end]
    }

    /// The rest of the next line, which begins with `name` and a blank.
    mutating func value(_ name: String, limit: Int = 1 << 10) throws(FormatError) -> Substring {
        guard let value = try optionalValue(name, limit: limit) else {
            throw malformed("there is no \"\(name)\" where it belongs")
        }
        return value
    }

    mutating func optionalValue(_ name: String, limit: Int = 1 << 10) throws(FormatError) -> Substring? {
        let prefix = Array("\(name) ".utf8)
        guard bytes[index...].starts(with: prefix) else { return nil }
        index += prefix.count
        return try line(limit: limit)
    }

    mutating func number(_ name: String) throws(FormatError) -> UInt64 { try NoteText.number(value(name), name) }

    /// Lines of hashes up to the next empty line, which is taken too.
    mutating func hashes() throws(FormatError) -> [Digest] {
        var hashes: [Digest] = []
        while true {
            let line = try line()
            if line.isEmpty { return hashes }
            guard hashes.count < Limits.proofHashes else { throw malformed("there are too many hashes") }
            hashes.append(try hash(line))
        }
    }

    /// So many lines of hashes.
    mutating func hashes(_ count: UInt64) throws(FormatError) -> [Digest] {
        guard count <= UInt64(Limits.proofHashes) else { throw malformed("there are too many hashes") }
        var hashes: [Digest] = []
        for _ in 0..<count { hashes.append(try hash(line())) }
        return hashes
    }

    private func hash(_ line: Substring) throws(FormatError) -> Digest {
        guard let hash = Base64.decodeDigest(line) else { throw malformed("not a SHA-256 in base64: \(line)") }
        return hash
    }

    /// The bytes that a line `name COUNT` announces.
    mutating func block(_ name: String, limit: Int) throws(FormatError) -> [UInt8] {
        let count = try number(name)
        guard count <= UInt64(limit) else { throw malformed("\"\(name)\" has more than \(limit) bytes") }
        guard Int(count) <= bytes.count - index else {
            throw FormatError(.truncated, "\"\(name)\" ends early", at: UInt64(index))
        }
        defer { index += Int(count) }
        return Array(bytes[index..<(index + Int(count))])
    }

    mutating func expectLineFeed() throws(FormatError) {
        guard index < bytes.count else { throw FormatError(.truncated, "the text ends early", at: UInt64(index)) }
        guard bytes[index] == UInt8(ascii: "\n") else { throw malformed("a line goes on where it should end") }
        index += 1
    }

    /// Everything that is left.
    mutating func rest(limit: Int) throws(FormatError) -> [UInt8] {
        guard !isAtEnd else { throw FormatError(.truncated, "the text ends early", at: UInt64(index)) }
        guard bytes.count - index <= limit else { throw malformed("more than \(limit) bytes are left") }
        defer { index = bytes.count }
        return Array(bytes[index...])
    }

    private func malformed(_ message: String) -> FormatError { FormatError(.malformed, message, at: UInt64(index)) }
}
