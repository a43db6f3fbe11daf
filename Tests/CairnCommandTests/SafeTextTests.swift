import Testing

@testable import CairnCommand

@Suite("Text for terminals")
struct SafeTextTests {
    @Test(
        "what a terminal would obey is escaped",
        arguments: [
            ("\u{1B}[31mred", "\\u001b[31mred"), ("a\nb\r\tc", "a\\nb\\r\\tc"), ("\u{0}", "\\u0000"),
            ("\u{7F}", "\\u007f"), ("\u{9B}2J", "\\u009b2J"), ("\u{85}", "\\u0085"),
            ("abc\u{202E}fdp.exe", "abc\\u202efdp.exe"), ("\u{2066}x\u{2069}", "\\u2066x\\u2069"),
            ("\u{61C}\u{200E}\u{200F}", "\\u061c\\u200e\\u200f"), ("a\u{2028}b\u{2029}", "a\\u2028b\\u2029"),
            ("\u{FEFF}x", "\\ufeffx"), ("\u{200B}", "\\u200b"), ("\u{E0041}", "\\udb40\\udc41"),
        ])
    func escaped(text: String, expected: String) {
        #expect(safe(text) == expected)
    }

    @Test(
        "what people write stays",
        arguments: ["", "plain text ~!@#", "Grüße, 世界, עברית", "👩‍👩‍👧 می‌خواهم", "C:\\temp\\new", "\"quoted\""])
    func kept(text: String) {
        #expect(safe(text) == text)
    }

    @Test("no control character, separator or direction mark comes through")
    func everyScalar() {
        let marks: Set<UInt32> = [0x61C, 0x200E, 0x200F, 0x2028, 0x2029]
        for value in UInt32(0)...0x2100 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isControl = scalar.properties.generalCategory == .control
            let isDirection = (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
            if isControl || isDirection || marks.contains(value) {
                #expect(safe(String(scalar)).utf8.allSatisfy { 0x20..<0x7F ~= $0 }, "U+\(String(value, radix: 16))")
            }
        }
    }

    @Test("bytes that are not UTF-8 become U+FFFD")
    func invalid() {
        var output: [UInt8] = []
        SafeText.append([0x61, 0xFF, 0xC3, 0x62], to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "a\u{FFFD}\u{FFFD}b")
    }

    @Test("JSON stays the same JSON")
    func json() {
        let text = "{\"a\":\"\u{9B}\u{202E}\u{E0041}\u{7F}é\"}"
        var output: [UInt8] = []
        SafeText.append(json: text.utf8, to: &output)
        let shown = String(decoding: output, as: UTF8.self)
        #expect(shown == "{\"a\":\"\\u009b\\u202e\\udb40\\udc41\\u007fé\"}")
        #expect(withJSON(shown) { $0["a"]?.string } == withJSON(text) { $0["a"]?.string })
    }
}
