import CairnSimulation
import Testing

@testable import CairnArchive
@testable import CairnNetwork

struct XMLElementTests {
    private func parse(_ text: String) -> XMLElement? { XMLElement.parse(Array(text.utf8)) }

    @Test func answerOfAListIsRead() throws {
        let text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- a comment -->
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Name>logs</Name><IsTruncated>true</IsTruncated>
              <Contents><Key>a&amp;b &lt;c&gt; &quot;d&apos; &#43; &#x2B; é</Key><Size>12</Size></Contents>
              <Contents><Key>second</Key><Size>0</Size><Owner xsi:type='x>y' /></Contents>
            </ListBucketResult>

            """
        let root = try #require(parse(text))
        #expect(root.name == "ListBucketResult")
        #expect(root.text("IsTruncated") == "true")
        let keys = root.children.filter { $0.name == "Contents" }.map { $0.text("Key") }
        #expect(keys == ["a&b <c> \"d' + + é", "second"])
        #expect(root.children.last?.child("Owner") == XMLElement(name: "Owner"))
    }

    @Test(arguments: [
        ("<a/>", XMLElement(name: "a")),
        ("<a></a >", XMLElement(name: "a")),
        ("\u{FEFF}<a>x</a>", XMLElement(name: "a", text: "x")),
        ("<s:a xmlns:s='u'>x<!-- y -->z</s:a>", XMLElement(name: "a", text: "xz")),
        ("<a>\r\n<b/>t</a>", XMLElement(name: "a", text: "\r\nt", children: [XMLElement(name: "b")])),
        ("<?p q?><a/><!-- end --> ", XMLElement(name: "a")),
        ("<a>&#x1F600;&#0010;</a>", XMLElement(name: "a", text: "\u{1F600}\n")),
    ])
    func documents(_ text: String, _ expected: XMLElement) {
        #expect(parse(text) == expected)
    }

    @Test(arguments: [
        "", " ", "text", "<", "<>", "<a", "<a>", "<a></b>", "<a/><b/>", "<a/>text", "<a b></a>", "<a b=c></a>",
        "<a b=\"c></a>", "<a>&unknown;</a>", "<a>&amp</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&#xD800;</a>",
        "<a>&#x110000;</a>", "<a>&#-1;</a>", "<a>&#+1;</a>", "<a>&#x+1;</a>", "<a><![CDATA[x]]></a>",
        "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "<!-- <a/>", "<?xml <a/>", "<a/ >", "<a><b></a></b>",
    ])
    func refuses(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test func refusesBytesThatAreNotUTF8() {
        #expect(XMLElement.parse(Array("<a>".utf8) + [0xFF] + Array("</a>".utf8)) == nil)
    }

    @Test func depthIsLimited() {
        func nested(_ depth: Int) -> String {
            String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        }
        #expect(parse(nested(XMLElement.depth)) != nil)
        #expect(parse(nested(XMLElement.depth + 1)) == nil)
        #expect(parse(nested(100_000)) == nil)
    }

    /// Broken documents are refused or read; nothing worse happens, and a cut one is never taken for whole.
    @Test func brokenDocumentsDoNoHarm() {
        let whole = Array("<?xml version='1.0'?><r x=\"1\"><K>a&amp;b</K><V/><!-- c --><K>&#x41;</K></r>".utf8)
        #expect(XMLElement.parse(whole) != nil)
        for end in whole.indices { #expect(XMLElement.parse(Array(whole[..<end])) == nil, "cut at \(end)") }
        var random = SeededRandom(printedBy: "XMLElementTests.brokenDocumentsDoNoHarm")
        for _ in 0..<4_000 {
            var bytes = whole
            for _ in 0...random.below(3) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
            if let root = XMLElement.parse(bytes) { #expect(!root.name.isEmpty) }
        }
    }
}
