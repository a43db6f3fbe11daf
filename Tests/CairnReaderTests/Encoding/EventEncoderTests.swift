import CairnFormat
import CairnReader
import Testing

/// What holds for every form.
@Suite struct EventEncoderTests {
    /// Pieces of one, two and no events put together are what one worker makes of them all.
    private func expectPieces<Encoder: EventEncoder>(_ lines: [String], _ encoder: Encoder) throws {
        var joined = EventOutput(Encoder.self)
        var output: [UInt8] = []
        encoder.appendBeginning(to: &output)
        var rest = lines[...]
        for size in [0, 1, 0, 2, 1, 0] + [Int](repeating: 3, count: lines.count) {
            let piece = try events(Array(rest.prefix(size)), encoder)
            rest = rest.dropFirst(size)
            output += piece[joined.part(of: piece.indices)]
        }
        encoder.appendEnd(to: &output)
        #expect(String(decoding: output, as: UTF8.self) == (try encoded(lines, encoder)))
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func piecesPutTogetherAreOneRun(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var lines = [erasedLine, rejectedLine]
        for number in 0..<20 {
            lines.append(stored(TestValue.randomEvent(&random).text(&random), sequence: UInt64(number)))
        }
        lines.shuffle(using: &random)
        try expectPieces(lines, CSVEncoder())
        try expectPieces(lines, JSONLinesEncoder())
        try expectPieces(lines, JSONLinesEncoder(fields: ["action", "details"]))
        try expectPieces(lines, JSONArrayEncoder())
        try expectPieces(lines, OCSFEncoder(logName: "acme", version: "1.0"))
        try expectPieces(lines, ECSEncoder(logName: "acme", version: "1.0"))
        try expectPieces(lines, CEFEncoder(version: "1.0"))
    }

    @Test func copiesOfAnEncoderShareNothing() throws {
        var first = CSVEncoder(fields: ["a", "b"])
        var (one, two): ([UInt8], [UInt8]) = ([], [])
        var second = first
        try withTape(stored(#"{"a":1,"b":[2]}"#)) { tape, line in
            first.append(tape, line: line, to: &one)
            try withTape(stored(#"{"b":"x"}"#)) { second.append($0, line: $1, to: &two) }
            first.append(tape, line: line, to: &one)
        }
        #expect(String(decoding: one, as: UTF8.self) == "1,[2]\r\n1,[2]\r\n")
        #expect(String(decoding: two, as: UTF8.self) == ",x\r\n")
    }

    @Test func asDeepAsEventsMayBe() throws {
        let deep = String(repeating: #"{"k":["#, count: 500) + "1.50" + String(repeating: "]}", count: 500)
        let line = stored("{\"action\":\"a\",\"module\":\"m\",\"details\":\(deep),\"actor\":{\"id\":\(deep)}}")
        let rows = try CSVReading.rows(encodedBytes([line], CSVEncoder(fields: ["details", "actor"])))
        #expect(rows.last == [deep, "{\"id\":\(deep)}"])
        #expect(
            try encoded([line], JSONLinesEncoder(fields: ["details"])) == "{\"details\":\(deep)}\n")
        for text in [
            try encoded([line], OCSFEncoder(logName: "acme", version: "1.0")),
            try encoded([line], ECSEncoder(logName: "acme", version: "1.0")),
            try encoded([line], CEFEncoder(version: "1")),
        ] {
            #expect(text.contains("\"details\":\(deep)"))
        }
    }

    @Test func whatStandsInTheOutputIsLeftAlone() throws {
        var encoder = CEFEncoder(version: "1.0")
        var output = Array("before".utf8)
        try withTape(stored(#"{"action":"a"}"#)) { encoder.append($0, line: $1, to: &output) }
        #expect(output.starts(with: "beforeCEF:0|".utf8))
    }
}
