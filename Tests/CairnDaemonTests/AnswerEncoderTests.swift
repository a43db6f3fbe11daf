import CairnFormat
import CairnStore
import Testing

@testable import CairnDaemon

@Suite struct AnswerEncoderTests {
    private func text(_ runs: [Answer.Run], _ encoder: inout AnswerEncoder) -> String {
        var output: [UInt8] = []
        encoder.append(runs, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private func text(_ run: Answer.Run) -> String {
        var encoder = AnswerEncoder()
        return text([run], &encoder)
    }

    @Test(arguments: [
        ("example.org/log", 262_144, #"{"_hello":{"version":1,"origin":"example.org/log","max_event_bytes":262144}}"#),
        (#"a"b\c"#, 1, #"{"_hello":{"version":1,"origin":"a\"b\\c","max_event_bytes":1}}"#),
        ("höst/é", 1_048_576, #"{"_hello":{"version":1,"origin":"höst/é","max_event_bytes":1048576}}"#),
    ])
    func hello(_ origin: String, _ bytes: Int, _ expected: String) {
        var output: [UInt8] = []
        AnswerEncoder.appendHello(origin: origin, eventBytes: bytes, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == expected + "\n")
    }

    @Test(
        arguments: [
            (1, 0, #"{"_ack":{"lines":1,"first_seq":0,"last_seq":0}}"#),
            (128, 1000, #"{"_ack":{"lines":128,"first_seq":1000,"last_seq":1127}}"#),
            (
                2, 9_223_372_036_854_775_805,
                #"{"_ack":{"lines":2,"first_seq":9223372036854775805,"last_seq":9223372036854775806}}"#
            ),
        ] as [(Int, UInt64, String)])
    func accepted(_ lines: Int, _ first: UInt64, _ expected: String) {
        #expect(text(.accepted(lines: lines, firstSequence: first, segment: 3, leaves: [])) == expected + "\n")
    }

    @Test func receipts() {
        let leaves = [Digest.sha256([]), Digest.zero]
        #expect(
            text(.accepted(lines: 2, firstSequence: 7, segment: 3, leaves: leaves))
                == #"{"_ack":{"lines":2,"first_seq":7,"last_seq":8,"segment":3,"leaves":["#
                + #""47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}}"#
                + "\n")
    }

    @Test func duplicate() {
        #expect(
            text(.duplicate(sequence: 7)) == #"{"_ack":{"lines":1,"first_seq":7,"last_seq":7,"duplicate":true}}"# + "\n"
        )
    }

    @Test(arguments: Rejection.Code.allCases)
    func refused(_ code: Rejection.Code) {
        #expect(
            text(.rejected(Rejection(code, "it is \"bad\"\u{1}", offset: 33), sequence: 1042))
                == #"{"_error":{"line":1,"code":""# + code.rawValue
                + #"","message":"it is \"bad\"\u0001","offset":33,"seq":1042}}"# + "\n")
    }

    @Test(arguments: [
        ("", #""""#), ("token", #""token""#), ("é😀", #""é😀""#), ("\"\\\n\t\r\u{8}\u{c}\u{1f}\u{7f}", nil),
    ])
    func synced(_ token: String, _ expected: String?) throws {
        let answer = text(.synced(token: Array(token.utf8)))
        if let expected { #expect(answer == "{\"_synced\":\(expected)}\n") }
        // Read back it is the same, and it never holds a line feed of its own.
        #expect(answer.filter(\.isNewline).count == 1)
        let parser = try JSONParser()
        let line = Array(answer.utf8.dropLast())
        let padded = line + [UInt8](repeating: 0, count: JSONParser.padding)
        try padded.withUnsafeBytes {
            let tape = try parser.parse(UnsafeRawBufferPointer(rebasing: $0[..<line.count]))
            #expect(Array(tape.string(3)) == Array(token.utf8))
        }
    }

    /// Lines are counted through everything, also over several calls.
    @Test func linesAreCounted() {
        var encoder = AnswerEncoder()
        let bad = Rejection(.invalidJSON, "m", offset: 0)
        #expect(encoder.line == 0)
        _ = text([.accepted(lines: 10, firstSequence: 0, segment: 0, leaves: []), .synced(token: [])], &encoder)
        #expect(encoder.line == 11)
        #expect(text([.rejected(bad, sequence: 10)], &encoder).contains(#""line":12,"#))
        _ = text([.duplicate(sequence: 1)], &encoder)
        let both = text([.rejected(bad, sequence: 11), .rejected(bad, sequence: 12)], &encoder)
        #expect(both.contains(#""line":14,"#) && both.contains(#""line":15,"#))
        #expect(encoder.line == 15)
        #expect(text([], &encoder).isEmpty)
        #expect(encoder.line == 15)
    }

    @Test func unavailable() {
        var output: [UInt8] = []
        AnswerEncoder.appendUnavailable("write \"x\": full", to: &output)
        #expect(
            String(decoding: output, as: UTF8.self)
                == #"{"_error":{"code":"unavailable","message":"write \"x\": full"}}"# + "\n")
    }
}
