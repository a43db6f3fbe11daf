internal import CSimdJSON

/// simdjson with its buffers, which hold one line at a time. One owner at a time.
package final class JSONParser {
    /// Readable bytes, of any value, that must stand behind the text to be parsed.
    package static let padding = 64

    private let parser: OpaquePointer

    package init() throws(FormatError) {
        precondition(cairn_json_padding <= JSONParser.padding)
        // simdjson wants to stay below its limit.
        guard let parser = cairn_json_parser_create(Limits.storedLine, Limits.depth + 1) else {
            throw FormatError(.malformed, "no memory for the JSON parser")
        }
        self.parser = parser
    }

    deinit { cairn_json_parser_destroy(parser) }

    /// Parses one line. The tape is good until the next call, and no longer than the parser.
    package func parse(_ line: UnsafeRawBufferPointer) throws(Rejection) -> JSONTape {
        guard let base = line.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            throw Rejection(.invalidJSON, "an empty line")
        }
        // Since 3.6 simdjson passes over a byte order mark, which JSON does not have (RFC 8259 section 8.1): what it says
        // of the line would then not be in its place.
        guard base.pointee != 0xEF else { throw refusal(line) }
        switch UInt32(bitPattern: cairn_json_parse(parser, base, line.count)) {
        case CAIRN_JSON_OK.rawValue: break
        case CAIRN_JSON_NUMBER.rawValue: try parseWithoutLongNumbers(line)
        default: throw refusal(line)
        }
        return JSONTape(words: cairn_json_tape(parser), strings: UnsafeRawPointer(cairn_json_strings(parser)))
    }

    /// What is wrong with a line, and where.
    private func refusal(_ line: UnsafeRawBufferPointer) -> Rejection {
        if let offset = firstInvalidUTF8(line) {
            return Rejection(.invalidUTF8, "the line is not UTF-8", offset: offset)
        }
        return syntaxError(line).map(rejection) ?? Rejection(.invalidJSON, "the line is not JSON")
    }

    /// simdjson refuses numbers that no 64-bit type holds; JSON allows them. No field that the log reads is a number,
    /// so the parser gets a copy in which every long number is a 0.
    private func parseWithoutLongNumbers(_ line: UnsafeRawBufferPointer) throws(Rejection) {
        var copy = Array(line)
        copy.append(contentsOf: repeatElement(0, count: JSONParser.padding))
        var text = JSONText(line)
        do throws(JSONText.SyntaxError) {
            while let (token, range) = try text.next() {
                guard token == .number, range.count > 1 else { continue }
                for index in range { copy[index] = 0x20 }
                copy[range.lowerBound] = UInt8(ascii: "0")
            }
        } catch {
            throw rejection(error)
        }
        let status = cairn_json_parse(parser, copy, line.count)
        guard status == 0 else { throw Rejection(.invalidJSON, "the line is not JSON") }
    }

    private func rejection(_ error: JSONText.SyntaxError) -> Rejection {
        Rejection(error.isTooDeep ? .tooDeep : .invalidJSON, error.message, offset: error.offset)
    }

    private func syntaxError(_ line: UnsafeRawBufferPointer) -> JSONText.SyntaxError? {
        var text = JSONText(line)
        do throws(JSONText.SyntaxError) {
            while try text.next() != nil {}
            return nil
        } catch {
            return error
        }
    }
}
