import CairnFormat
import Testing

@Suite struct ReceiptTests {
    private static func read(_ text: String) throws -> Receipt? {
        try Array(text.utf8).exactly { bytes throws(FormatError) in try Receipt.read(bytes) }
    }

    private static let leaves = "[\"\(digest(7))\",\"\(digest(8))\"]"
    private static let good =
        "{\"_ack\":{\"lines\":2,\"first_seq\":7,\"last_seq\":8,\"segment\":3,\"leaves\":\(leaves)}}"

    @Test func reads() throws {
        let expected = Receipt(segment: 3, firstSequence: 7, leaves: [digest(7), digest(8)])
        #expect(try Self.read(Self.good) == expected)
        #expect(expected.endSequence == 9)
        // As JSON: blanks, another order, members of a later version.
        let other =
            " { \"_ack\" : { \"later\": [{\"segment\": 9, \"leaves\": [\"x\"]}], \"leaves\":\(Self.leaves), \"segment\":3,"
            + "\"last_seq\":8,\"first_seq\":7,\"lines\":2 } } "
        #expect(try Self.read(other) == expected)
    }

    @Test(
        "answers that are no receipts",
        arguments: [
            "{\"_ack\":{\"lines\":2,\"first_seq\":7,\"last_seq\":8}}",
            "{\"_ack\":{\"lines\":1,\"first_seq\":7,\"last_seq\":7,\"duplicate\":true}}",
            "{\"_hello\":{\"version\":1,\"origin\":\"o\",\"max_event_bytes\":262144}}",
            "{\"_error\":{\"line\":17,\"code\":\"invalid_json\",\"message\":\"m\",\"offset\":33,\"seq\":1042}}",
            "{\"_synced\":\"token\"}",
        ])
    func others(_ text: String) throws {
        #expect(try Self.read(text) == nil)
    }

    @Test(
        "what contradicts itself, and what is no answer",
        arguments: [
            ("\"lines\":2", "\"lines\":3"), ("\"lines\":2", "\"lines\":0"), ("\"first_seq\":7", "\"first_seq\":8"),
            ("\"last_seq\":8", "\"last_seq\":9"), ("\"first_seq\":7,", ""), ("\"segment\":3", "\"segment\":-3"),
            ("\"last_seq\":8", "\"last_seq\":9223372036854775808"), ("\"segment\":3", "\"segment\":3.5"),
            ("[", "[\"AAAA\","), ("}}", "},\"_ack\":{}}"), ("}}", "}"), ("_ack", "ack"), ("{\"_ack\"", "[\"_ack\""),
        ])
    func refuses(_ change: (String, String)) {
        let text = Self.good.replacing(change.0, with: change.1)
        #expect(text != Self.good)
        #expect(errorCode { _ = try Self.read(text) } != nil, "\(text)")
    }

    @Test("cut anywhere it is refused; empty leaves are none")
    func cut() {
        for count in 0..<Self.good.utf8.count {
            check(errorCode { _ = try Self.read(String(Self.good.prefix(count))) } != nil, "\(count)")
        }
        let empty = "{\"_ack\":{\"lines\":0,\"first_seq\":7,\"last_seq\":6,\"segment\":3,\"leaves\":[]}}"
        #expect(errorCode { _ = try Self.read(empty) } == .mismatch)
    }
}
