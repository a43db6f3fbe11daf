import CairnFormat
import Testing

@testable import CairnDaemon

@Suite struct ProtocolLineTests {
    /// Reads a line as a connection does: nil where it goes on as an event.
    private func read(_ text: String) throws -> ProtocolLine? {
        let bytes = Array(text.utf8)
        let parser = try JSONParser()
        let padded = bytes + [UInt8](repeating: 0, count: JSONParser.padding)
        return padded.withUnsafeBytes { buffer in
            let line = UnsafeRawBufferPointer(rebasing: buffer[..<bytes.count])
            return ProtocolLine.mayBe(line) ? ProtocolLine(line, parser: parser) : nil
        }
    }

    @Test(arguments: [
        (#"{"_hello":{}}"#, false, false),
        (#"{"_hello":{"ack":true}}"#, true, false),
        (#"{"_hello":{"ack":false}}"#, false, false),
        (#"{"_hello":{"ack":true,"receipts":true}}"#, true, true),
        (#"{"_hello":{"receipts":true}}"#, false, true),
        (#"{"_hello" : { "ack" : true } } "#, true, false),
        ("{\"_hello\":{\"ack\":true}}\r", true, false),
        // What a later version says is not for this one.
        (#"{"_hello":{"later":{"ack":false,"x":[1,{}]},"ack":true,"more":null}}"#, true, false),
        (#"{"_hello":{"ack":1,"receipts":"true"}}"#, false, false),
        (#"{"_hello":{"ack":null}}"#, false, false),
        (#"{"_hello":{"ACK":true}}"#, false, false),
        (#"{"_hello":{"\u0061ck":true}}"#, true, false),
    ])
    func aHello(_ text: String, _ acknowledges: Bool, _ receipts: Bool) throws {
        #expect(try read(text) == .hello(acknowledges: acknowledges, receipts: receipts))
    }

    @Test(arguments: [
        (#"{"_sync":"token"}"#, "token"), (#"{"_sync":""}"#, ""), (#"{"_sync" :  "a b" }"#, "a b"),
        (#"{"_sync":"\u00e9\n\"\\"}"#, "é\n\"\\"), (#"{"_sync":"😀"}"#, "😀"), (#"{"_sync":"\u0000"}"#, "\0"),
    ])
    func aSync(_ text: String, _ token: String) throws {
        #expect(try read(text) == .sync(token: Array(token.utf8)))
    }

    @Test(arguments: [
        "", "{", #"{"_"#, #"{"_sync"#, #"{"_sync":"#, #"{"_sync":"a"#, #"{"_sync":"a"}x"#, #"{"_sync":"a",}"#,
        #"{"_sync":1}"#, #"{"_sync":null}"#, #"{"_sync":["a"]}"#, #"{"_sync":{"a":1}}"#, #"{"_sync":"a","x":1}"#,
        #"{"_sync":"a","_sync":"b"}"#, #"{"x":1,"_sync":"a"}"#, #"{"_synced":"a"}"#, #"{"_Sync":"a"}"#,
        #"["_sync","a"]"#,
        #"{"_hello":true}"#, #"{"_hello":"ack"}"#, #"{"_hello":[{"ack":true}]}"#, #"{"_hello":{"ack":true},"x":1}"#,
        #"{"_s\u0079nc":"a"}"#, #"{"_hell\u006f":{"ack":true}}"#,
        #"{"_hello":{"ack":true}"#, #"{"_hello":{"ack":tru}}"#, #"{"_hell":{"ack":true}}"#,
        #"{"_helloo":{"ack":true}}"#,
        #"{"action":"a","module":"m"}"#, #"{"_seq":1,"action":"a","module":"m"}"#, "_hello", "null",
    ])
    func neither(_ text: String) throws {
        #expect(try read(text) == nil)
    }

    /// They begin with these very bytes, so that an event is told by its first four.
    @Test(arguments: [#" {"_sync":"a"}"#, #"{ "_sync":"a"}"#, "\u{FEFF}{\"_sync\":\"a\"}", #"{"\u005fsync":"a"}"#])
    func whatBeginsOtherwiseIsAnEvent(_ text: String) throws {
        #expect(try read(text) == nil)
    }

    @Test func invalidUTF8IsNeither() throws {
        let parser = try JSONParser()
        let bytes: [UInt8] = Array(#"{"_sync":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
        let padded = bytes + [UInt8](repeating: 0, count: JSONParser.padding)
        padded.withUnsafeBytes {
            let line = UnsafeRawBufferPointer(rebasing: $0[..<bytes.count])
            #expect(ProtocolLine.mayBe(line))
            #expect(ProtocolLine(line, parser: parser) == nil)
        }
    }

    /// No event pays for the protocol but those that look like it.
    @Test func anEventIsToldByItsFirstBytes() {
        for text in [
            #"{"action":"a"}"#, #"{"_action":1}"#, #"{"hello":1234}"#, #"{"_seq":"#, "", "{", #"{"_session":1}"#,
            #"{"_s\u0079nc":"a"}"#,
        ] {
            Array(text.utf8).withUnsafeBytes { #expect(!ProtocolLine.mayBe($0)) }
        }
        for text in [#"{"_sync":""}"#, #"{"_hello":{}}"#] {
            Array(text.utf8).withUnsafeBytes { #expect(ProtocolLine.mayBe($0)) }
        }
    }
}
