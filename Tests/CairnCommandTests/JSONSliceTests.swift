import CairnPlatform
import Testing

@testable import CairnCommand

@Suite("JSON values in place")
struct JSONSliceTests {
    private static let event = """
        { "a" : 1 , "b":"x\\"y,}","c":{"d":[1,{"e":"}"},"]"],"f":{}}, "g":[], "h":null,"i":true,"j":-1.5e3 }
        """

    @Test("members and elements have exactly their bytes")
    func parts() {
        withJSON(Self.event) { object in
            let members = object.members.map { ($0.name.string ?? "", String(decoding: $0.value.bytes, as: UTF8.self)) }
            #expect(members.map(\.0) == ["a", "b", "c", "g", "h", "i", "j"])
            #expect(
                members.map(\.1) == [
                    "1", "\"x\\\"y,}\"", "{\"d\":[1,{\"e\":\"}\"},\"]\"],\"f\":{}}", "[]", "null", "true", "-1.5e3",
                ])
            let elements = object["c"]?["d"]?.elements.map { String(decoding: $0.bytes, as: UTF8.self) }
            #expect(elements == ["1", "{\"e\":\"}\"}", "\"]\""])
            #expect(object["c"]?["f"]?.members.isEmpty == true)
            #expect(object["missing"] == nil)
        }
    }

    @Test("values")
    func values() {
        withJSON(Self.event) { object in
            #expect(object["a"]?.number == 1)
            #expect(object["j"]?.number == nil)
            #expect(object["b"]?.string == "x\"y,}")
            #expect(object["i"]?.flag == true)
            #expect(object["h"]?.flag == nil)
            #expect(object["h"]?.isNull == true)
            #expect(object["a"]?.string == nil)
        }
    }

    @Test(
        "escapes of strings",
        arguments: [
            (#""plain""#, "plain"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{08}\u{0C}\n\r\t"), (#""\u0041\u00e9""#, "Aé"),
            (#""\ud83d\ude00!""#, "😀!"), (#""\ud83d!""#, "\u{FFFD}!"), (#""\ude00""#, "\u{FFFD}"),
            (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""""#, ""), (#""\u12""#, "\u{FFFD}12"),
        ])
    func escapes(text: String, expected: String) {
        #expect(withJSON(text) { $0.string } == expected)
    }

    @Test("names with escapes are found")
    func escapedNames() {
        #expect(withJSON(#"{"\u0061b":7}"#) { $0["ab"]?.number } == 7)
    }

    @Test("a text that is cut anywhere is survived", arguments: 0..<event.utf8.count)
    func cut(length: Int) {
        let bytes = Array(Self.event.utf8.prefix(length))
        bytes.withUnsafeBytes { bytes in
            let slice = JSONSlice(bytes)
            for member in slice.members {
                #expect(member.value.bytes.count <= length)
                _ = (member.value.members.count, member.value.elements.count, member.value.text)
            }
        }
    }

    @Test("bytes at random are survived", arguments: [UInt64(1), 2, 3, 4, 5])
    func noise(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("{}[]\",:\\u1e- \ntrue".utf8)
        for _ in 0..<500 {
            let text = (0..<random.below(40)).map { _ in alphabet[random.below(alphabet.count)] }
            text.withUnsafeBytes { bytes in
                let slice = JSONSlice(bytes)
                let sum =
                    slice.members.reduce(0) { $0 + $1.name.text.count + $1.value.text.count }
                    + slice.elements.reduce(0) { $0 + $1.text.count }
                #expect(sum <= 4 * text.count, "seed \(seed)")
            }
        }
    }
}
