import CairnFormat
import Testing

@testable import CairnReader

@Suite struct SourceCursorTests {
    /// Every value of a line with its text, found token by token.
    private func values(_ line: String) throws -> [String] {
        let bytes = Array(line.utf8)
        var found: [(start: Int, end: Int)] = []
        var open: [Int] = []
        try bytes.withUnsafeBytes { bytes in
            var text = JSONText(bytes)
            while let (token, range) = try text.next() {
                switch token {
                case .objectStart, .arrayStart:
                    open.append(found.count)
                    found.append((range.lowerBound, 0))
                case .objectEnd, .arrayEnd: found[open.removeLast()].end = range.upperBound
                case .key, .string, .number, .literal: found.append((range.lowerBound, range.upperBound))
                }
            }
        }
        return found.map { String(decoding: bytes[$0.start..<$0.end], as: UTF8.self) }
    }

    /// The words of a tape at which values and names begin.
    private func words(_ tape: JSONTape) -> [Int] {
        var words: [Int] = []
        var word = 1
        while word < tape.end - 1 {
            switch tape.kind(word) {
            case .objectEnd, .arrayEnd: word += 1
            case .object, .array:
                words.append(word)
                word += 1
            default:
                words.append(word)
                word = tape.next(word)
            }
        }
        return words
    }

    private func expectValues(_ line: String, order: (inout [Int]) -> Void = { _ in }) throws {
        let expected = try values(line)
        try withTape(line) { tape, bytes in
            let words = words(tape)
            #expect(words.count == expected.count)
            var numbers = Array(words.indices)
            order(&numbers)
            var cursor = SourceCursor(tape, line: bytes)
            for number in numbers {
                let start = cursor.start(of: words[number])
                let end = cursor.end(of: words[number])
                #expect(String(decoding: bytes[start..<end], as: UTF8.self) == expected[number], "\(line)")
            }
        }
    }

    @Test(
        arguments: [
            "{}", " { } ", "[]", #"{"":""}"#, #"{"a":"\""}"#, #"{"a":"\"","b":"x\\"}"#, #"{"a\"":"\\\"","b":1}"#,
            #"{"\\":"\\","\"\"":["\"","\\\\"]}"#, "\t{\r\"a\" : [ 1 , -2.5e+7,true , false,null ] , \"b\":{}}\t",
            #"{"a":"x\"","b":"y"}"#, #"{"a":"\u0022\u005c","b":"\\u0022"}"#, #"{"a":[[],[[]],{"b":{}}],"c":0}"#,
            #"{"n":123456789012345678901234567890,"m":-0,"k":1E400}"#, #"{"a":"ü\/é","b":"\ud83d\ude00"}"#,
        ])
    func everyValue(_ line: String) throws {
        try expectValues(line)
        try expectValues(line) { $0.reverse() }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func randomLines(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let line = stored(TestValue.randomEvent(&random).text(&random))
            try expectValues(line)
            try expectValues(line) { $0.shuffle(using: &random) }
        }
    }

    @Test func beginningAloneMovesNoFurther() throws {
        try withTape(#"{"a":{"b":[1]},"c":2}"#) { tape, line in
            var cursor = SourceCursor(tape, line: line)
            #expect(cursor.start(of: 3) == 5)
            #expect(cursor.start(of: 5) == 10)
            #expect(cursor.end(of: 5) == 13)
            #expect(cursor.end(of: 3) == 14)
        }
    }
}

@Suite struct FieldSelectionTests {
    /// What is found at the paths of a selection, by their numbers.
    private func found(
        _ selection: FieldSelection, _ count: Int, _ tape: JSONTape, _ line: UnsafeRawBufferPointer,
        _ located: FieldSelection.Located = [], into findings: inout FieldSelection.Findings
    ) -> [FieldSelection.Place] {
        selection.find(in: tape, line: line, locating: located, into: &findings)
        return selection.withPlaces(findings) { places in (0..<count).map { places[$0] } } ?? []
    }

    @Test func manyPathsOneWalk() throws {
        // More than a word has bits, and names of every length.
        let names = (1...90).map { String(repeating: "n", count: $0) + "\($0)" }
        let selection = FieldSelection(names.map { [$0] } + names.map { ["o", $0] })
        let members = names.enumerated().map { "\"\($0.element)\":\($0.offset)" }.joined(separator: ",")
        var findings = selection.makeFindings()
        try withTape("{\"o\":{\(members)},\(members)}") { tape, line in
            let found = found(selection, 180, tape, line, into: &findings)
            for number in 0..<180 { #expect(tape.integer(Int(found[number].index)) == UInt64(number % 90)) }
        }
        try withTape("{\"o\":1,\"n1\":2}") { tape, line in
            let found = found(selection, 180, tape, line, into: &findings)
            #expect((0..<180).filter { found[$0].isFound } == [0])
        }
    }

    @Test func onlyWhatIsAskedForIsLocated() throws {
        let selection = FieldSelection([["s"], ["o"], ["o", "i"], ["d"]])
        var findings = selection.makeFindings()
        try withTape(#"{"s":"x","o":{"i":5},"d":1.5}"#) { tape, line in
            func ranges(_ located: FieldSelection.Located) -> [Range<Int>] {
                found(selection, 4, tape, line, located, into: &findings).map(\.range)
            }
            #expect(ranges([]) == [0..<0, 0..<0, 0..<0, 25..<28])
            #expect(ranges(.containers) == [0..<0, 13..<20, 0..<0, 25..<28])
            #expect(ranges([.strings, .containers]) == [5..<8, 13..<20, 0..<0, 25..<28])
        }
    }

    /// The rest of a line once the given paths have found their place.
    private func rest(_ line: String, paths: [[String]], used: [Int]) throws -> String {
        let selection = FieldSelection(paths)
        var output: [UInt8] = []
        try withTape(line) { tape, bytes in
            let bits = used.reduce(0) { $0 | selection.bit($1) }
            selection.withNames(tape) { names in
                ByteWriter.append(to: &output, room: 4) { writer in
                    writer.openObject()
                    var rest = FieldSelection.Rest(tape, line: bytes, names: names, used: bits)
                    rest.append(to: &writer)
                    writer.close()
                }
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    @Test(
        arguments: [
            (#"{"a":1,"o":{"i":2,"j":3},"z":4}"#, [], #"{"a":1,"o":{"i":2,"j":3},"z":4}"#),
            (#"{"a":1,"o":{"i":2,"j":3},"z":4}"#, [0], #"{"o":{"i":2,"j":3},"z":4}"#),
            (#"{"a":1,"o":{"i":2,"j":3},"z":4}"#, [0, 1], #"{"o":{"j":3},"z":4}"#),
            (#"{"a":1,"o":{"i":2,"j":3},"z":4}"#, [0, 1, 2], #"{"z":4}"#),
            (#"{"a":1,"o":{"i":2,"x":3}}"#, [0, 1, 2], #"{"o":{"x":3}}"#),
            (#"{ "a" : 1 , "o" : { "i" : 2 , "x" : [ 3 ] } }"#, [0, 1], #"{"o" : {"x" : [ 3 ]}}"#),
            (#"{"a":null,"o":{"i":null,"j":null},"z":null}"#, [1], #"{"z":null}"#),
            (#"{"a":null,"o":null,"z":null}"#, [], #"{"z":null}"#), (#"{"o":{"i":1}}"#, [1], "{}"),
            (#"{"o":"i","a":"\u0061\"\\"}"#, [1, 2], #"{"o":"i","a":"\u0061\"\\"}"#), (#"{"o":{}}"#, [0], #"{"o":{}}"#),
            (#"{"\u0061":1,"\u006f":{"i":1,"j":2}}"#, [0, 1], #"{"\u006f":{"j":2}}"#),
        ] as [(String, [Int], String)])
    func restOfALine(_ line: String, _ used: [Int], _ expected: String) throws {
        #expect(try rest(line, paths: [["a"], ["o", "i"], ["o", "j"]], used: used) == expected)
    }
}
