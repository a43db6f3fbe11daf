import CairnFormat
import CairnReader

/// A line as a client sends it. What simdjson takes and what the plain JSON reader takes is the same; what is stored is
/// what was sent; what the writer says about the event is what a verifier reads; masked values are gone.
final class LineCheck: FuzzCheck {
    private static let secret = ["password", "token", "größe"]

    private let arena = GuardedBytes()
    private let parser: EventParser
    private let masking: EventParser
    private let json: JSONParser
    private let storage: EventStorage

    init() throws(FormatError) {
        parser = try EventParser()
        masking = try EventParser(sanitizer: Sanitizer(names: LineCheck.secret))
        json = try JSONParser()
        storage = try EventStorage()
    }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        // Only what stands before an LF is ever a line.
        let line = input.prefix { $0 != 0x0A }
        return try arena.place(line, padding: JSONParser.padding) { line throws(PropertyFailure) in
            try checkJSON(line)
            let isEvent = try checkEvent(line)
            try checkMasking(line)
            return isEvent
        }
    }

    private func checkEvent(_ line: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        var batch = EventBatch()
        let isBlank = line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        try agree(parser.parse(.whole(line), uid: Fixture.uid, into: &batch), !isBlank, "whether the line counts")
        try agree(batch.entries.count, isBlank ? 0 : 1, "the number of entries")
        guard !isBlank else { return false }
        let entry = batch.entries[0]
        if case .event = entry.kind {
            try agree(encoded: Array(batch.bytes), line, "the line")
            try agree(line[..<entry.brace].last, UInt8(ascii: "{"), "the byte before the stamps")
        } else {
            try agree(batch.rejections.count, 1, "the number of rejections")
            try require((0...line.count).contains(batch.rejections[0].offset), "a place outside of the line")
        }
        _ = try storage.checkRoundTrip(batch)
        return entry.kind == .event
    }

    // MARK: JSON

    /// Both readers take the same lines, and find the same tokens in them.
    private func checkJSON(_ line: UnsafeRawBufferPointer) throws(PropertyFailure) {
        var text = JSONText(line)
        let tape: JSONTape
        do throws(Rejection) {
            tape = try json.parse(line)
        } catch {
            try require((0...line.count).contains(error.offset), "a place outside of the line")
            guard String(validating: line, as: UTF8.self) != nil else { return }
            do throws(JSONText.SyntaxError) {
                while try text.next() != nil {}
            } catch {
                return
            }
            throw PropertyFailure("only the plain reader takes the line: \(error)")
        }
        try require(String(validating: line, as: UTF8.self) != nil, "simdjson takes what is not UTF-8")
        var index = 1
        while let (token, range) = try next(&text) { try checkToken(token, line[range], tape, &index) }
        // The root's word ends the tape.
        try agree(index, tape.end - 1, "the end of the tape")
    }

    private func next(_ text: inout JSONText) throws(PropertyFailure) -> (JSONText.Token, Range<Int>)? {
        do throws(JSONText.SyntaxError) {
            return try text.next()
        } catch {
            throw PropertyFailure("only simdjson takes the line: \(error)")
        }
    }

    private func checkToken(
        _ token: JSONText.Token, _ text: Slice<UnsafeRawBufferPointer>, _ tape: JSONTape, _ index: inout Int
    ) throws(PropertyFailure) {
        let kind = tape.kind(index)
        let fits =
            switch token {
            case .objectStart: kind == .object
            case .objectEnd: kind == .objectEnd
            case .arrayStart: kind == .array
            case .arrayEnd: kind == .arrayEnd
            case .key, .string: kind == .string
            case .number: kind == .int || kind == .uint || kind == .double
            case .literal: kind == .yes || kind == .no || kind == .null
            }
        try require(fits, "the tape says \(kind) where \(token) stands")
        if kind == .string {
            let value = tape.string(index)
            try require(String(validating: value, as: UTF8.self) != nil, "a string that is not UTF-8 once unescaped")
            if !text.contains(UInt8(ascii: "\\")) {
                try require(value.elementsEqual(text.dropFirst().dropLast()), "the tape has another string")
            }
        }
        index += token == .number ? 2 : 1
    }

    // MARK: Masking

    private func checkMasking(_ line: UnsafeRawBufferPointer) throws(PropertyFailure) {
        var batch = EventBatch()
        guard masking.parse(.whole(line), uid: Fixture.uid, into: &batch) else { return }
        _ = try storage.checkRoundTrip(batch)
        guard batch.entries[0].kind == .event else { return }
        let masked = batch.bytes
        var again = EventBatch()
        try arena.place(masked, padding: JSONParser.padding) { masked throws(PropertyFailure) in
            try requireMasks(masked)
            _ = masking.parse(.whole(masked), uid: Fixture.uid, into: &again)
        }
        try require(again.entries[0].kind == .event, "a masked line is refused")
        try agree(encoded: again.bytes, masked, "a line that is masked twice")
    }

    /// Each value behind a secret name is the mask: by the tape alone, whose names are unescaped by simdjson.
    private func requireMasks(_ line: UnsafeRawBufferPointer) throws(PropertyFailure) {
        let tape: JSONTape
        do throws(Rejection) {
            tape = try json.parse(line)
        } catch {
            throw PropertyFailure("a masked line is not JSON: \(error)")
        }
        try requireMasks(tape, at: 1)
    }

    private func requireMasks(_ tape: JSONTape, at start: Int) throws(PropertyFailure) {
        var index = start + 1
        switch tape.kind(start) {
        case .array:
            while tape.kind(index) != .arrayEnd {
                try requireMasks(tape, at: index)
                index = tape.next(index)
            }
        case .object:
            while tape.kind(index) != .objectEnd {
                let name = tape.string(index).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
                if LineCheck.secret.contains(where: { $0.utf8.elementsEqual(name) }) {
                    let value = index + 1
                    let isMask = tape.kind(value) == .string && tape.string(value).elementsEqual("********".utf8)
                    try require(isMask, "a value that is not masked")
                } else {
                    try requireMasks(tape, at: index + 1)
                }
                index = tape.next(index + 1)
            }
        default: break
        }
    }
}

/// A stream of lines, in any pieces: the framer gives out what splitting it at once gives.
final class StreamCheck: FuzzCheck {
    private struct Piece: Equatable {
        var bytes: [UInt8]
        var size: Int
        var digest: Digest?
    }

    /// The first byte chooses the limit of a line, the second the sizes of the pieces.
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        guard input.count > 2 else { return false }
        let limit = Int(input[0]) + 1
        var random = UInt64(input[1]) &+ 1
        let stream = Array(input[2...])
        var found: [Piece] = []
        var framer = LineFramer(limit: limit)
        func take(_ line: LineFramer.Line) {
            switch line {
            case .whole(let bytes): found.append(Piece(bytes: Array(bytes), size: bytes.count))
            case .tooLong(let line):
                found.append(Piece(bytes: line.beginning, size: line.size, digest: line.digest))
            }
        }
        var start = 0
        while start < stream.count {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let end = min(stream.count, start + 1 + Int(random >> 33) % 300)
            stream[start..<end].withUnsafeBytes { framer.push($0, take) }
            try require(framer.pending <= limit, "the framer holds more than its limit")
            start = end
        }
        framer.finish(take)
        var lines = stream.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty ?? false { lines.removeLast() }
        let expected = lines.map { line in
            line.count <= limit
                ? Piece(bytes: Array(line), size: line.count)
                : Piece(
                    bytes: Array(line.prefix(Limits.rejectedRaw)), size: line.count, digest: .sha256(Array(line)))
        }
        try require(found == expected, "the framer cuts other lines")
        return !found.isEmpty
    }
}

/// A stored line, as a reader finds it in a file that anybody may have written.
final class StoredLineCheck: FuzzCheck {
    private let arena = GuardedBytes()
    private let reader: StoredEventReader
    private let json: JSONParser

    init() throws(FormatError) {
        reader = try StoredEventReader()
        json = try JSONParser()
    }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        try arena.place(input.prefix { $0 != 0x0A }, padding: JSONParser.padding) { line throws(PropertyFailure) in
            reader.beginSegment()
            var terms = IndexTerms()
            let event = try accepted(within: line.count) { () throws(FormatError) in
                try reader.read(line, terms: &terms)
            }
            guard let event else { return false }
            var prefix = Array(line.prefix { $0 != UInt8(ascii: "{") })
            prefix.append(text: "{\"_seq\":")
            prefix.append(decimal: event.stamps.sequence)
            prefix.append(UInt8(ascii: ","))
            Stamps.append(
                received: event.stamps.received, uid: event.stamps.uid, pid: event.stamps.pid, to: &prefix)
            if event.stamps.isOwn { prefix.append(text: "\"_own\":true,") }
            try agree(encoded: prefix, line.prefix(prefix.count), "the stamps")
            // The query finds the event time by itself.
            guard let tape = try? json.parse(line) else { throw PropertyFailure("two parsers disagree") }
            try agree(tape.eventTime, event.time, "the event time")
            return true
        }
    }
}
