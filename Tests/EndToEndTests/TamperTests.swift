import Foundation
import Testing

extension EndToEnd {
    /// A log that the daemon wrote and somebody else changed. Every byte is flipped elsewhere; here are samples.
    @Suite struct TamperTests {
        @Test(.enabled(if: Environment.hasVerifier, "it takes python3 with the package cryptography"))
        func aChangedByteIsNeverVerified() throws {
            let daemon = try DaemonProcess(nil, ["--origin", "tamper"])
            for round in 0..<3 {
                let text = (0..<40).map { #"{"action":"a\#(round).\#($0)","module":"b"}"# + "\n" }.joined()
                #expect(try daemon.acknowledged().converse(Array(text.utf8)).sequences.count == 40)
                if round < 2 { #expect(try daemon.ask("rotate")["sealed"] as? Bool == true) }
            }
            try daemon.stop()
            let log = daemon.place.stored
            try log.expectVerified()
            let seed = UInt64.random(in: 0...UInt64.max)
            var random = Random(seed: seed)
            let seals = log.segments.prefix(2).map { $0.replacing(".ndjson.gz", with: ".seal") }
            for path in log.segments + seals + [log.directory + "/checkpoint", log.directory + "/origin"] {
                let url = URL(fileURLWithPath: path)
                let whole = try Data(contentsOf: url)
                for _ in 0..<(Environment.isLong ? 40 : 6) {
                    let offset = Int.random(in: 0..<whole.count, using: &random)
                    let bit = Int.random(in: 0..<8, using: &random)
                    var changed = whole
                    changed[offset] ^= 1 << bit
                    try changed.write(to: url)
                    #expect(
                        try log.verify().verdict != "VERIFIED",
                        "seed \(seed): bit \(bit) of byte \(offset) of \(url.lastPathComponent)")
                }
                try whole.write(to: url)
            }
            try log.expectVerified("everything is put back")
        }

        @Test(.enabled(if: Environment.hasVerifier, "it takes python3 with the package cryptography"))
        func aMissingSegmentIsNeverVerified() throws {
            let daemon = try DaemonProcess()
            for _ in 0..<3 {
                let client = try daemon.acknowledged()
                #expect(try client.converse(Array("{\"action\":\"a\",\"module\":\"b\"}\n".utf8)).sequences.count == 1)
                _ = try daemon.ask("rotate")
            }
            try daemon.stop()
            let log = daemon.place.stored
            for path in log.segments {
                for name in [path, path.replacing(".ndjson.gz", with: ".seal")]
                where FileManager.default.fileExists(atPath: name) {
                    try FileManager.default.moveItem(atPath: name, toPath: name + ".gone")
                    #expect(try log.verify().verdict != "VERIFIED", "\(name)")
                    try FileManager.default.moveItem(atPath: name + ".gone", toPath: name)
                }
            }
            try log.expectVerified()
        }
    }
}
