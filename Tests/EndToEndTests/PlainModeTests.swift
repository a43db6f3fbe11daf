import Foundation
import Testing

extension EndToEnd {
    /// Clients that only write.
    @Suite struct PlainModeTests {
        private static let peculiar = [
            #"{"action":"login","module":"authentication"}"#,
            #"  {"action":"a","module":"b"}"#,
            "{\"action\":\"a\",\"module\":\"b\"}\r",
            "\t{ \"action\" : \"a\" , \"module\" : \"b\" } \t ",
            #"{"number":1.0e+00,"big":123456789012345678901234567890,"action":"a","module":"b","zero":-0.0}"#,
            #"{"action":"\u0061","module":"b","text":"\u2028 \ud83d\ude00 \/"}"#,
            #"{"module":"b","action":"ä €😀","details":"é vs é"}"#,
            #"{"action":"a","module":"NOT VALID","status":"odd","severity":9}"#,
            #"{"action":"a","module":"b","":1,"details":{"":{"":[[],{}]}}}"#,
            "{\"action\":\"a\",\"module\":\"b\",\"details\":\"" + String(repeating: "x", count: 200_000) + "\"}",
        ]

        @Test func everyLineIsStoredByteForByteAndInOrder() throws {
            let daemon = try DaemonProcess()
            var lines = Self.peculiar
            for number in 0..<500 { lines.append(#"{"action":"a","module":"b","details":{"n":\#(number)}}"#) }
            let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
            let client = try daemon.plain()
            var random = SystemRandomNumberGenerator()
            var start = 0
            while start < bytes.count {
                // Pieces that end anywhere: inside a character, before a line feed.
                let end = min(bytes.count, start + Int.random(in: 1...3000, using: &random))
                try client.send(Array(bytes[start..<end]))
                start = end
            }
            client.finish()
            #expect(try client.line() == nil)
            let stored = try daemon.stop().ours
            #expect(stored.map(\.string) == lines)
            #expect(stored.allSatisfy { $0.uid == getuid() })
            #expect(stored[7].extra == #""_invalid":["module","status","severity"]"#)
            try daemon.place.stored.expectVerified()
        }

        @Test(arguments: [
            "{\"action\":\"a\",\"module\":\"b\"}\n", "no JSON\n", "\n\n", "{\"_sync\":\"x\"}\n",
            "{\"_hello\":{\"ack\":false}}\n{\"action\":\"a\",\"module\":\"b\"}\n{\"_hello\":{\"ack\":true}}\n",
            "{\"action\":\"a\",\"module\":\"b\"}\n{\"_hello\":{\"ack\":true}}\n", "unterminated", "",
        ])
        func theDaemonNeverWrites(_ text: String) throws {
            let daemon = try DaemonProcess()
            let client = try daemon.plain()
            try client.send(text)
            #expect(try client.isSilent(milliseconds: 200))
            client.finish()
            #expect(try client.line() == nil)
            try daemon.stop()
        }

        @Test func aHelloIsNotStoredAndALateOneIsRefused() throws {
            let daemon = try DaemonProcess()
            let client = try daemon.plain()
            try client.send(
                "\n{\"_hello\":{\"ack\":false}}\n{\"action\":\"a\",\"module\":\"b\"}\n{\"_hello\":{\"ack\":true}}\n")
            client.finish()
            #expect(try client.line() == nil)
            let stored = try daemon.stop().ours
            #expect(stored.count == 2)
            #expect(stored.last?.rejection?.code == "reserved_name")
        }

        @Test func aClientThatNeverReadsStallsNobody() throws {
            let daemon = try DaemonProcess()
            let deaf = try daemon.plain()
            let line = #"{"action":"deaf","module":"b"}"# + "\n"
            for _ in 0..<20 { try deaf.send(String(repeating: line, count: 50)) }
            let other = try daemon.acknowledged()
            try other.send(#"{"action":"other","module":"b"}"# + "\n")
            #expect(try other.answer()?.lines == 1)
            deaf.finish()
            #expect(try deaf.line() == nil)
            #expect(try daemon.stop().count { $0.string.hasPrefix(#"{"action":"deaf""#) } == 1000)
        }

        @Test func clientsThatCloseAtOnceLoseNothing() throws {
            let daemon = try DaemonProcess()
            var expected: [String] = []
            for number in 0..<50 {
                let lines = (0..<20).map { #"{"action":"a\#(number).\#($0)","module":"b"}"# }
                // Closed as it goes out of scope, before the daemon has looked at it.
                try EventClient(daemon.place.socket).send(lines.map { $0 + "\n" }.joined())
                expected += lines
            }
            let stored = try daemon.stop().ours
            #expect(stored.count == expected.count)
            #expect(Set(stored.map(\.string)) == Set(expected))
        }

        @Test func aConnectionIsDescribedOnceBeforeItsFirstLine() throws {
            let daemon = try DaemonProcess()
            _ = try daemon.plain()
            let client = try daemon.plain()
            for _ in 0..<3 { try client.send("{\"action\":\"a\",\"module\":\"b\"}\n") }
            client.finish()
            #expect(try client.line() == nil)
            let stored = try daemon.stop()
            let opened = try #require(stored.own("connection.opened").first)
            #expect(stored.own("connection.opened").count == 1)
            #expect(opened.pid == daemon.pid)
            #expect(opened.sequence + 1 == stored.ours.first?.sequence)
            let details = try #require(try opened.json()["details"] as? [String: Any])
            #expect(details["pid"] as? Int32 == getpid())
            #expect(details["uid"] as? UInt32 == getuid())
            #expect(details["gid"] as? UInt32 == getgid())
            #expect(details["acknowledged"] as? Bool == false)
            #expect((details["exe"] as? String)?.isEmpty == false)
        }

        @Test func anUnterminatedLastLineCounts() throws {
            let daemon = try DaemonProcess()
            for text in ["{\"action\":\"whole\",\"module\":\"b\"}", "{\"action\":\"cut\",\"mod"] {
                let client = try daemon.plain()
                try client.send(text)
                client.finish()
                #expect(try client.line() == nil)
            }
            let stored = try daemon.stop().ours
            #expect(stored.count == 2)
            #expect(stored.first?.string == "{\"action\":\"whole\",\"module\":\"b\"}")
            #expect(stored.last?.rejection?.keeps(Array("{\"action\":\"cut\",\"mod".utf8)) == true)
            #expect(stored.last?.rejection?.code == "invalid_json")
        }
    }
}
