import CairnFormat
import Foundation
import Testing

@Suite struct ByteReaderTests {
    @Test func readsLittleEndian() throws {
        let bytes = hexBytes("01 0203 04050607 08090a0b0c0d0e0f ff")
        try bytes.exactly { (bytes) throws(FormatError) in
            var reader = ByteReader(bytes)
            let byte = try reader.integer(UInt8.self)
            let short = try reader.integer(UInt16.self)
            let word = try reader.integer(UInt32.self)
            let long = try reader.integer(UInt64.self)
            #expect((byte, short) == (1, 0x0302))
            #expect((word, long) == (0x0706_0504, 0x0f0e_0d0c_0b0a_0908))
            let left = reader.remaining
            let last = try reader.integer(Int8.self)
            let end = reader.remaining
            #expect((left, last, end) == (1, -1, 0))
        }
    }

    /// Every read that is one byte too long fails, takes nothing and says where.
    @Test(arguments: [1, 2, 4, 8, 32])
    func shortReads(_ size: Int) {
        for start in [0, 3] {
            [UInt8](repeating: 7, count: start + size - 1).exactly { bytes in
                var reader = ByteReader(bytes, at: start)
                do throws(FormatError) {
                    switch size {
                    case 1: _ = try reader.integer(UInt8.self)
                    case 2: _ = try reader.integer(UInt16.self)
                    case 4: _ = try reader.integer(Int32.self)
                    case 8: _ = try reader.integer(UInt64.self)
                    default: _ = try reader.digest()
                    }
                    Issue.record("\(size) bytes were read where \(size - 1) are left")
                } catch {
                    #expect(error.code == .truncated)
                    #expect(error.offset == UInt64(start))
                }
                let array = errorCode { _ = try reader.array(size) }
                let slice = errorCode { _ = try reader.slice(size) }
                #expect(array == .truncated)
                #expect(slice == .truncated)
                let (offset, left) = (reader.offset, reader.remaining)
                #expect(offset == start)
                #expect(left == size - 1)
            }
        }
    }

    @Test func slices() throws {
        try [UInt8](0..<40).exactly { (bytes) throws(FormatError) in
            var reader = ByteReader(bytes)
            let array = try reader.array(3)
            let none = try Array(reader.slice(0))
            let digest = try reader.digest()
            let rest = try Array(reader.slice(5))
            let negative = errorCode { _ = try reader.slice(-1) }
            #expect(array == [0, 1, 2])
            #expect(none.isEmpty)
            #expect(digest.bytes == Array(3..<35))
            #expect(rest == [35, 36, 37, 38, 39])
            #expect(negative == .truncated)
        }
    }
}

@Suite struct AppendTests {
    @Test(arguments: [
        (0, "0"), (7, "7"), (10, "10"), (99, "99"), (100, "100"), (1_000_000_007, "1000000007"),
        (UInt64(Int64.max), "9223372036854775807"), (UInt64.max, "18446744073709551615"),
    ])
    func decimal(_ value: UInt64, _ expected: String) {
        var text = Array("#".utf8)
        text.append(decimal: value)
        #expect(text.text == "#" + expected)
    }

    @Test func decimalOfAnything() {
        var random = SeededRandom()
        for _ in 0..<2000 {
            let value = random.next() >> UInt64(random.below(64))
            var text: [UInt8] = []
            text.append(decimal: value)
            check(text.text == String(value))
        }
    }

    @Test func integers() {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt16(0x0102))
        bytes.append(littleEndian: Int32(-2))
        bytes.append(littleEndian: UInt64(0x0102_0304_0506_0708))
        #expect(bytes.hex == "0201feffffff0807060504030201")
        bytes.removeAll()
        bytes.append(Digest.zero)
        bytes.append(text: "é")
        #expect(bytes.hex == String(repeating: "00", count: 32) + "c3a9")
    }

    @Test(arguments: [
        ("", "\"\""), ("abc", "\"abc\""), ("\"", "\"\\\"\""), ("\\", "\"\\\\\""), ("/", "\"/\""),
        ("\n\r\t", "\"\\u000a\\u000d\\u0009\""), ("\u{0}\u{1F}\u{7F}", "\"\\u0000\\u001f\\u007f\""),
        ("é😀\u{2028}", "\"é😀\u{2028}\""),
    ])
    func jsonString(_ plain: String, _ expected: String) {
        var text: [UInt8] = []
        text.append(jsonString: plain.utf8)
        #expect(text.text == expected)
    }

    /// Any text comes back from another JSON parser.
    @Test func jsonStringOfAnything() throws {
        var random = SeededRandom()
        for _ in 0..<500 {
            let scalars = (0..<random.below(20)).map { _ in
                Unicode.Scalar(UInt32(random.below(random.below(2) == 0 ? 0x90 : 0xD000))) ?? " "
            }
            let plain = String(String.UnicodeScalarView(scalars))
            var text: [UInt8] = []
            text.append(jsonString: plain.utf8)
            let read = try JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed) as? String
            #expect(read.map { Array($0.utf8) } == Array(plain.utf8))
        }
    }
}

@Suite struct HexTests {
    @Test(arguments: [
        ("", []), ("00", [0]), ("ff", [255]), ("0123456789abcdef", [1, 35, 69, 103, 137, 171, 205, 239]),
    ])
    func vectors(_ text: String, _ bytes: [UInt8]) {
        #expect(Hex.encode(bytes) == text)
        #expect(Hex.decode(text) == bytes)
        #expect(Hex.decode(text.uppercased()) == bytes)
    }

    @Test(arguments: ["0", "000", "0g", "g0", " 00", "0x00", "00 ", "é0", "０0", "-1", "0\u{0}"])
    func refuses(_ text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func digits() {
        #expect((0..<16).map { Hex.digit($0) } == Array("0123456789abcdef".utf8))
    }
}

@Suite struct ByteSearchTests {
    @Test func findsTheFirstLineFeed() {
        var random = SeededRandom()
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8(random.below(12)) }
            #expect(bytes.exactly { firstLineFeed($0) } == bytes.firstIndex(of: 10))
        }
        #expect(firstLineFeed(UnsafeRawBufferPointer(start: nil, count: 0)) == nil)
    }
}
