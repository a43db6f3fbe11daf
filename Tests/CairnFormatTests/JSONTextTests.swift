import Testing

@testable import CairnFormat

/// The tokens of `text`, or the error.
private func tokens(_ text: [UInt8]) -> Result<[(JSONText.Token, Range<Int>)], JSONText.SyntaxError> {
    text.exactly { bytes in
        var reader = JSONText(bytes)
        var tokens: [(JSONText.Token, Range<Int>)] = []
        do throws(JSONText.SyntaxError) {
            while let token = try reader.next() { tokens.append(token) }
            return .success(tokens)
        } catch {
            return .failure(error)
        }
    }
}

private func errorOffset(_ text: [UInt8]) -> Int? {
    if case .failure(let error) = tokens(text) { error.offset } else { nil }
}

/// In the manner of JSONTestSuite (N. Seriot, "Parsing JSON is a Minefield").
enum JSONTables {
    static let valid = [
        "{}", "[]", "null", "true", "false", "0", "-0", "1", "-1", "\"\"", " [] ", "\t[\r\n] ", "[[]   ]", "[{}]",
        "{\"a\":1}", "{\"a\" : 1 , \"b\":[ 2 ]}", "{\"a\":1,\"a\":1}", "{\"\":0}", "[null,true,false]", "[0e1]",
        "[0e+1]",
        "[1E22]", "[1e-2]", "[1E+2]", "[123.456e78]", "[-0.0]", "[20e1]", "[1.5]", "[-123]", "[123.456789]", "[[[[]]]]",
        "\"\\u0060\\u012a\\u12AB\"", "\"\\uD801\\udc37\"", "\"\\ud83d\\ude39\\ud83d\\udc8d\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\\\u0000\"", "\"\\u0000\"", "\"\\uDBFF\\uDFFF\"", "\"\\uFFFF\"", "\"é😀\u{2028}\u{7F}\"", "[\"asd\"]",
        "[0.1, 1, -2.5e-3]", "[1e999]", "[123456789012345678901234567890]", "{\"a\":{\"b\":{\"c\":[1,[2,[3]]]}}}",
        "\"\u{FEFF}\"", "[ \"a\" , \"b\" ]", "{\"a\":\"{[\"}", "[-1e0]", "[0.000000000000000000000000000000000001]",
    ]

    /// Text and the byte where it stops being JSON.
    static let invalid: [(String, Int)] = [
        ("", 0), (" ", 1), ("{", 1), ("[", 1), ("}", 0), ("]", 0), ("{]", 1), ("[}", 1), ("[1", 2), ("[1,", 3),
        ("[1,]", 3), ("[,1]", 1), ("[1,,2]", 3), ("[1 2]", 3), ("[1}", 2), ("[1:2]", 2), ("[]]", 2), ("[1]x", 3),
        ("[] []", 3), ("{}{}", 2), ("{\"a\"", 4), ("{\"a\":", 5), ("{\"a\":1", 6), ("{\"a\":1,", 7), ("{\"a\":1,}", 7),
        ("{\"a\" 1}", 5), ("{\"a\"}", 4), ("{\"a\":}", 5), ("{\"a\":1 \"b\":2}", 7), ("{\"a\":1]", 6), ("{a:1}", 1),
        ("{1:1}", 1), ("{'a':1}", 1), ("{,}", 1), ("{\"a\"::1}", 5), ("{\"a\",1}", 4), ("{[]:1}", 1), ("{null:1}", 1),
        ("nul", 0), ("nulL", 0), ("True", 0), ("tru", 0), ("falsey", 5), ("NaN", 0), ("Infinity", 0), ("undefined", 0),
        ("-", 1), ("--1", 1), ("+1", 0), ("01", 1), ("-01", 2), ("00", 1), ("1.", 2), (".5", 0), ("-.5", 1),
        ("1.e5", 2),
        ("1e", 2), ("1e+", 3), ("1E-", 3), ("1ee5", 2), ("1.5.5", 3), ("0x1", 1), ("1a", 1), ("1 2", 2), ("1_000", 1),
        ("１", 0), ("-Infinity", 1), ("[1e1.5]", 4), ("\"", 1), ("\"abc", 4), ("\"a\nb\"", 2), ("\"\t\"", 1),
        ("\"\u{0}\"", 1),
        ("\"\u{1F}\"", 1), ("\"\\", 1), ("\"a\\", 2), ("\"\\\"", 3), ("\"\\x41\"", 1), ("\"\\'\"", 1), ("\"\\a\"", 1),
        ("\"\\U0041\"", 1), ("\"\\\u{0}\"", 1), ("\"\\é\"", 1), ("\"\\u\"", 3), ("\"\\u12\"", 3), ("\"\\u12g4\"", 1),
        ("\"\\u 123\"", 1),
        ("\"\\u１234\"", 1), ("\"\\ud800\"", 1), ("\"\\uDBFFx\"", 1), ("\"\\ud800\\n\"", 1), ("\"\\ud800\\u0041\"", 1),
        ("\"\\ud800\\ud800\\udc00\"", 1), ("\"\\udc00\"", 1), ("\"\\uDFFF\\uD800\"", 1), ("\"\\ud800\\u", 9),
        ("'a'", 0),
        ("/* c */1", 0), ("1//", 1), ("#", 0), ("\u{FEFF}{}", 0), ("\u{A0}1", 0), ("\u{C}1", 0), ("[\u{B}1]", 1),
        ("\u{0}", 0),
        ("{}\u{0}", 2), ("[\"a\\u0000", 9), ("[\"\": 1]", 3), ("{\"a\":/1}", 5), ("[\u{2028}]", 1),
    ]
}

@Suite struct JSONTextTests {
    @Test(arguments: JSONTables.valid)
    func accepts(_ text: String) {
        #expect(errorOffset(Array(text.utf8)) == nil)
    }

    @Test(arguments: JSONTables.invalid)
    func refuses(_ text: String, _ offset: Int) {
        #expect(errorOffset(Array(text.utf8)) == offset)
    }

    @Test func everyCutIsRefusedAtItsEndOrBefore() {
        let text = Array("{\"a\":[1.5e3,\"\\ud83d\\ude00\\n\",true,{\"b\":null}],\"c\":{}}".utf8)
        #expect(errorOffset(text) == nil)
        for count in 0..<text.count {
            let offset = errorOffset(Array(text[..<count]))
            #expect(offset.map { $0 <= count } == true, "cut to \(count)")
        }
    }

    @Test func givesTokensWithTheirPlaces() throws {
        let text = " {\"k\\n\": [1,-2.5, \"v\"] ,\"l\":null}"
        let found = try tokens(Array(text.utf8)).get()
        let shown = found.map { token, range in "\(token):\(Array(Array(text.utf8)[range]).text)" }
        #expect(
            shown == [
                "objectStart:{", "key:\"k\\n\"", "arrayStart:[", "number:1", "number:-2.5", "string:\"v\"",
                "arrayEnd:]",
                "key:\"l\"", "literal:null", "objectEnd:}",
            ])
    }

    @Test func countsItsDepth() throws {
        try Array("[{\"a\":[1]}]".utf8).exactly { bytes in
            var reader = JSONText(bytes)
            var depths: [Int] = []
            while try reader.next() != nil { depths.append(reader.depth) }
            #expect(depths == [1, 2, 2, 3, 3, 2, 1, 0])
        }
    }

    /// Levels that hold nothing do not count.
    @Test(arguments: [
        ("[", "]", "1"), ("{\"a\":", "}", "1"), ("[", "]", "[]"), ("{\"a\":", "}", " { } "), ("[ ", "]", "[ ]"),
    ])
    func depthIsLimited(_ open: String, _ close: String, _ inside: String) throws {
        let parser = try JSONParser()
        for (depth, good) in [(1, true), (Limits.depth, true), (Limits.depth + 1, false), (100_000, false)] {
            let text = Array(
                (String(repeating: open, count: depth) + inside + String(repeating: close, count: depth)).utf8)
            let offset = errorOffset(text)
            #expect(offset == (good ? nil : Limits.depth * open.utf8.count))
            var code: Rejection.Code?
            text.padded { line in
                do throws(Rejection) { _ = try parser.parse(line) } catch { code = error.code }
            }
            #expect(code == (good ? nil : .tooDeep))
        }
    }

    /// simdjson and this reader must agree on every text; only long numbers, which simdjson refuses, go through both.
    @Test func agreesWithSimdjson() throws {
        var random = SeededRandom()
        let parser = try JSONParser()
        let seeds = (JSONTables.valid + JSONTables.invalid.map(\.0)).map { Array($0.utf8) }
        let bytes =
            Array("{}[]:,\"\\ \t\r\n/-+.eE0123456789abfnrtudDcC8_\u{0}\u{1F}\u{7F}é😀".utf8) + [0x80, 0xC0, 0xED, 0xFF]
        var (accepted, refused) = (0, 0)
        for _ in 0..<30_000 {
            var text = random.element(seeds)
            for _ in 0..<random.below(4) {
                let index = random.below(text.count + 1)
                switch random.below(5) {
                case 0 where index < text.count: text[index] = random.element(bytes)
                case 1 where index < text.count: text.remove(at: index)
                case 2: text.insert(contentsOf: random.element(seeds), at: index)
                case 3 where index < text.count: text += text[index...]
                default: text.insert(random.element(bytes), at: index)
                }
            }
            guard text.contains(where: { !isBlank($0) }) else { continue }
            let isUTF8 = String(validating: text, as: UTF8.self) != nil
            let expected = isUTF8 && errorOffset(text) == nil
            var rejection: Rejection?
            text.padded { line in
                do throws(Rejection) { _ = try parser.parse(line) } catch { rejection = error }
            }
            check((rejection == nil) == expected, "\(text.text) as \(text.hex): \(String(describing: rejection))")
            if let rejection {
                refused += 1
                check(rejection.code == (isUTF8 ? .invalidJSON : .invalidUTF8))
                check(!isUTF8 || rejection.offset == errorOffset(text))
            } else {
                accepted += 1
            }
        }
        #expect(accepted > 1000)
        #expect(refused > 1000)
    }
}

@Suite struct InvalidUTF8Tests {
    /// Offset of the first byte of the first sequence that is ill-formed.
    @Test(
        arguments: [
            ("", nil), ("61", nil), ("c3a9", nil), ("e282ac", nil), ("f09f9880", nil), ("efbfbf", nil),
            ("f48fbfbf", nil),
            ("ed9fbf", nil), ("ee8080", nil), ("efbbbf", nil), ("00", nil),
            ("80", 0), ("6180", 1), ("c3", 0), ("61c3", 1), ("c328", 0), ("c080", 0), ("c1bf", 0), ("e08080", 0),
            ("eda080", 0), ("edbfbf", 0), ("e282", 0), ("6161e28261", 2), ("f0808080", 0), ("f4908080", 0),
            ("f5808080", 0),
            ("ff", 0), ("fe", 0), ("c3a9ff", 2), ("f09f98", 0), ("61f09f9880c3a9e2", 7),
        ] as [(String, Int?)])
    func offsets(_ hex: String, _ offset: Int?) {
        #expect(hexBytes(hex).exactly { firstInvalidUTF8($0) } == offset)
    }

    @Test func agreesWithTheStandardLibrary() {
        var random = SeededRandom()
        let pieces = ["61", "c3a9", "e282ac", "f09f9880", "80", "c3", "ed", "a0", "f4", "8f", "bf", "e2"].map(hexBytes)
        for _ in 0..<5000 {
            let bytes = (0..<random.below(8)).flatMap { _ in random.element(pieces) }
            let offset = bytes.exactly { firstInvalidUTF8($0) }
            check((offset == nil) == (String(validating: bytes, as: UTF8.self) != nil))
            guard let offset else { continue }
            check(String(validating: bytes[..<offset], as: UTF8.self) != nil)
        }
    }
}
