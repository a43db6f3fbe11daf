import CairnFormat
import Testing

@testable import CairnReader

@Suite struct ByteWriterTests {
    private func written(room: Int = 1, _ body: (inout ByteWriter) -> Void) -> String {
        var output = Array("^".utf8)
        ByteWriter.append(to: &output, room: room, body)
        #expect(output.first == UInt8(ascii: "^"))
        return String(decoding: output.dropFirst(), as: UTF8.self)
    }

    /// Calls `body` with a text behind which something else stands.
    private func withPadded(_ text: String, _ body: (UnsafeRawBufferPointer) -> Void) {
        let bytes = Array(text.utf8) + [UInt8](repeating: UInt8(ascii: "\""), count: 16)
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<text.utf8.count])) }
    }

    @Test(
        arguments: [
            0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 12345, 1_795_246_752_123, UInt64(Int64.max), .max,
            9_999_999_999_999_999_999, 10_000_000_000_000_000_000,
        ] as [UInt64])
    func decimals(_ value: UInt64) {
        #expect(written { $0.append(decimal: value) } == "\(value)")
    }

    @Test func decimalsOfEverySize() {
        var random = SeededGenerator(seed: 1)
        for shift in 0..<64 {
            for _ in 0..<20 {
                let value = UInt64.random(in: 0...(.max >> UInt64(shift)), using: &random)
                #expect(written { $0.append(decimal: value) } == "\(value)")
            }
        }
    }

    @Test(
        arguments: [
            (0, "0"), (999_999, "0"), (1_000_000, "1"), (-1, "-1"), (-1_000_000, "-1"), (-1_000_001, "-2"),
            (1_795_246_752_123_456_000, "1795246752123"), (.min, "-9223372036855"), (.max, "9223372036854"),
        ] as [(Int64, String)])
    func milliseconds(_ nanoseconds: Int64, _ expected: String) {
        #expect(written { $0.append(milliseconds: Time(nanoseconds: nanoseconds)) } == expected)
    }

    @Test func whatFindsNoRoomIsWrittenAgain() {
        for size in [0, 1, 15, 16, 17, 63, 64, 65, 66, 1000] {
            let text = String(repeating: "0123456789", count: size / 10 + 1).prefix(size)
            for room in [0, 1, size / 2, size, size + 1] {
                var runs = 0
                withPadded(String(text)) { padded in
                    let result = written(room: room) { writer in
                        runs += 1
                        writer.append("<")
                        writer.append(padded: padded)
                        writer.append(UInt8(ascii: ">"))
                        writer.append(Array(text.utf8))
                    }
                    #expect(result == "<\(text)>\(text)")
                }
                #expect(runs == 1 || room < 2 * size + 2)
            }
        }
    }

    @Test func jsonStringsOfEverySizeAndWithAMarkAtEveryPlace() throws {
        for mark in ["\"", "\\", "\n", "\u{0}", "\u{1F}", "\t", "é", "\u{7F}", "x"] {
            for size in 0...36 {
                for place in 0..<max(1, size) {
                    var characters = [String](repeating: "a", count: size)
                    if size > 0 { characters[place] = mark }
                    let text = characters.joined()
                    withPadded(text) { padded in
                        let json = written { $0.append(jsonString: padded) }
                        #expect((try? TestValue(parsing: json)) == .string(text))
                        #expect(json.utf8.allSatisfy { $0 >= 0x20 })
                    }
                }
            }
        }
    }

    @Test func escapesOfScalars() {
        for (scalar, expected) in [
            (0x0A, "\\n"), (0x0D, "\\r"), (0x09, "\\t"), (0x1B, "\\u001b"), (0x202E, "\\u202e"), (0xFFFB, "\\ufffb"),
            (0x10000, "\\ud800\\udc00"), (0xE0041, "\\udb40\\udc41"), (0x10FFFF, "\\udbff\\udfff"),
        ] as [(UInt32, String)] {
            #expect(written { $0.append(escapeOf: scalar) } == expected)
        }
    }

    @Test(
        arguments: [
            ("", ""), ("plain", "plain"), ("=", "\\="), ("a=b\\c", "a\\=b\\\\c"), ("\\\\==", "\\\\\\\\\\=\\="),
            ("{\"a\":\t1\r}", "{\"a\": 1 }"),
        ])
    func escapingWhatWasWritten(_ text: String, _ expected: String) {
        let result = written { writer in
            writer.append("=\\")
            let mark = writer.mark
            writer.append(Array(text.utf8))
            writer.escapeJSON(since: mark, UInt8(ascii: "="), UInt8(ascii: "\\"))
            writer.append("=")
        }
        #expect(result == "=\\" + expected + "=")
    }

    @Test func goingBack() {
        let result = written(room: 3) { writer in
            writer.openObject()
            writer.append("a", 1)
            let mark = writer.mark
            writer.open("b")
            writer.goBack(to: mark)
            writer.append("c", "d")
            writer.close()
        }
        #expect(result == #"{"a":1,"c":"d"}"#)
    }

    @Test func bytesInLines() {
        for size in 0...40 {
            for place in 0..<size {
                var characters = [Character](repeating: "a", count: size)
                withPadded(String(characters)) { #expect(!$0.hasByte(UInt8(ascii: "\""))) }
                characters[place] = "\""
                withPadded(String(characters)) { #expect($0.hasByte(UInt8(ascii: "\""))) }
            }
        }
    }
}

@Suite struct VisibleTextTests {
    @Test func everyScalarThatIsNotVisibleIsUnsafe() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            // Marks that Unicode has added since are left alone.
            guard scalar.properties.generalCategory != .format || value < 0x13430 || value >= 0xE0000 else { continue }
            #expect(VisibleText.isUnsafe(value) == !CSVExpectation.isVisible(scalar), "U+\(String(value, radix: 16))")
        }
    }

    @Test func everyScalarIsReadFromItsUTF8() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            Array(String(scalar).utf8).withUnsafeBytes { bytes in
                let size = VisibleText.size(lead: bytes[0])
                guard size == bytes.count else {
                    Issue.record("U+\(String(value, radix: 16)) has \(size) bytes")
                    return
                }
                if VisibleText.scalar(bytes, at: 0, size: size) != value {
                    Issue.record("U+\(String(value, radix: 16)) is read as another")
                }
            }
        }
    }
}
