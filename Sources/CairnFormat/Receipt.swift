/// What the daemon answered for events in a row that it had stored: where they stand, and their leaves. Who keeps it can
/// show later what the log has to hold. Format.md, "Receipts".
public struct Receipt: Sendable, Equatable {
    /// Number of the segment.
    public var segment: UInt64
    /// Sequence number of the first event.
    public var firstSequence: UInt64
    /// Of each event in order; at least one.
    public var leaves: [Digest]

    package init(segment: UInt64, firstSequence: UInt64, leaves: [Digest]) {
        self.segment = segment
        self.firstSequence = firstSequence
        self.leaves = leaves
    }

    /// The number behind the last event.
    public var endSequence: UInt64 { firstSequence + UInt64(leaves.count) }

    /// Reads one line of the daemon's answers, without its LF.
    ///
    /// - Returns: nil for an answer that is no receipt: a refusal, a duplicate, one to a client that wanted none.
    /// - Throws: for a line that is no answer, or a receipt that contradicts itself.
    package static func read(_ line: UnsafeRawBufferPointer) throws(FormatError) -> Receipt? {
        var answer = AnswerReader(line)
        guard try answer.readName() == "_ack" else { return nil }
        try answer.readMembers()
        guard let segment = answer.numbers["segment"], answer.hasLeaves else { return nil }
        guard let lines = answer.numbers["lines"], let first = answer.numbers["first_seq"],
            let last = answer.numbers["last_seq"], lines > 0, lines == UInt64(answer.leaves.count),
            first < Limits.sequence, last < Limits.sequence, last >= first, last - first == lines - 1
        else { throw FormatError(.mismatch, "the receipt's numbers contradict each other") }
        return Receipt(segment: segment, firstSequence: first, leaves: answer.leaves)
    }
}

/// Reads an answer token by token: a receipt may be longer than any event, so the parser of events does not serve.
private struct AnswerReader {
    private let line: UnsafeRawBufferPointer
    private var text: JSONText
    private(set) var numbers: [String: UInt64] = [:]
    private(set) var leaves: [Digest] = []
    private(set) var hasLeaves = false

    init(_ line: UnsafeRawBufferPointer) {
        self.line = line
        text = JSONText(line)
    }

    private func string(_ range: Range<Int>) -> Substring {
        String(decoding: line[range], as: UTF8.self).dropFirst().dropLast()
    }

    private mutating func next() throws(FormatError) -> (JSONText.Token, Range<Int>)? {
        do throws(JSONText.SyntaxError) {
            return try text.next()
        } catch {
            throw FormatError(.malformed, "not an answer of the daemon: \(error.message)", at: UInt64(error.offset))
        }
    }

    /// The name of the first member: it says what kind of answer it is.
    mutating func readName() throws(FormatError) -> Substring {
        guard let (start, _) = try next(), start == .objectStart, let (token, range) = try next(), token == .key,
            ["_ack", "_error", "_hello", "_synced"].contains(string(range))
        else { throw FormatError(.malformed, "not an answer of the daemon") }
        return string(range)
    }

    /// The members of the object that follows. Names that are not known are passed over.
    mutating func readMembers() throws(FormatError) {
        guard let (start, _) = try next(), start == .objectStart else {
            throw FormatError(.malformed, "an acknowledgement that is no object")
        }
        var name: Substring = ""
        while let (token, range) = try next() {
            switch token {
            case .key where text.depth == 2: name = string(range)
            case .number where text.depth == 2: numbers[String(name)] = try number(range)
            case .arrayStart where text.depth == 3 && name == "leaves": hasLeaves = true
            case .string where text.depth == 3 && name == "leaves" && hasLeaves:
                guard let leaf = Base64.decodeDigest(string(range)) else {
                    throw FormatError(.malformed, "a leaf is not a SHA-256 in base64", at: UInt64(range.lowerBound))
                }
                leaves.append(leaf)
            case .objectEnd where text.depth == 1: return try expectEnd()
            default: break
            }
        }
    }

    private mutating func expectEnd() throws(FormatError) {
        while let (token, range) = try next() {
            guard token == .objectEnd else {
                throw FormatError(.malformed, "an acknowledgement with a second member", at: UInt64(range.lowerBound))
            }
        }
    }

    private func number(_ range: Range<Int>) throws(FormatError) -> UInt64 {
        let text = String(decoding: line[range], as: UTF8.self)
        guard let number = UInt64(text) else {
            throw FormatError(.malformed, "\(text) is not a number of ours", at: UInt64(range.lowerBound))
        }
        return number
    }
}
