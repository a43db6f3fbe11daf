import CairnFormat
import CairnReader
import Foundation
import Testing

/// A stored line, taken apart without any code of the daemon.
struct StoredLine {
    let text: [UInt8]
    let sequence: UInt64
    let uid: UInt32
    let pid: Int32
    /// Whether the daemon says that it wrote it.
    let isOwn: Bool
    /// What stood in `_invalid` and `_sanitized`.
    let extra: String
    /// The line as it was received.
    let original: [UInt8]

    init(_ line: [UInt8]) throws {
        let brace = try #require(line.firstIndex(of: UInt8(ascii: "{")))
        // _seq, _received, _uid and _pid: no comma stands inside any of them.
        let parts: [ArraySlice<UInt8>] = line[(brace + 1)...].split(
            separator: UInt8(ascii: ","), maxSplits: 4, omittingEmptySubsequences: false)
        let stamps = parts.prefix(4).map { String(decoding: $0, as: UTF8.self) }
        try #require(parts.count == 5)
        var rest = parts[4]
        func value(_ index: Int, _ name: String) throws -> Substring {
            try #require(stamps[index].hasPrefix("\"\(name)\":"), "\(stamps)")
            return stamps[index].dropFirst(name.utf8.count + 3)
        }
        sequence = try #require(UInt64(value(0, "_seq")))
        _ = try value(1, "_received")
        uid = try #require(UInt32(value(2, "_uid")))
        pid = try #require(Int32(value(3, "_pid")))
        let own = Array("\"_own\":true,".utf8)
        isOwn = rest.starts(with: own)
        if isOwn { rest = rest.dropFirst(own.count) }
        var extra = ""
        for name in ["\"_invalid\":[", "\"_sanitized\":["] where rest.starts(with: Array(name.utf8)) {
            let end = try #require(rest.firstIndex(of: UInt8(ascii: "]")))
            extra += String(decoding: rest[...end], as: UTF8.self)
            rest = rest[(end + 2)...]
        }
        self.extra = extra
        text = line
        original = Array(line[...brace] + rest)
    }

    var string: String { String(decoding: original, as: UTF8.self) }

    func json() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any])
    }

    /// What an `event.rejected` says about the line that it keeps.
    var rejection: Rejection? {
        struct Event: Decodable { var action: String, details: Rejection? }
        let event = try? JSONDecoder().decode(Event.self, from: Data(text))
        return event?.action == "event.rejected" ? event?.details : nil
    }

    struct Rejection: Decodable, Equatable {
        var code: String
        var message: String
        var offset: Int
        var bytes: Int
        var sha256: String
        var raw: String?

        /// Whether it keeps `line` as the protocol says.
        func keeps(_ line: [UInt8]) -> Bool {
            bytes == line.count && sha256 == Hex.encode(Digest.sha256(line).bytes)
                && raw == Data(line.prefix(4096)).base64EncodedString()
        }
    }
}

/// A log directory, read with the tools that everybody has.
struct StoredLog {
    let directory: String

    struct Report: Decodable {
        struct Finding: Decodable { var verdict: String, message: String }
        struct Note: Decodable { var note: String, message: String }
        var verdict: String
        var events: Int
        var segments: Int
        var findings: [Finding]
        var notes: [Note]
    }

    var segments: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/segments")) ?? []
        return names.filter { $0.hasSuffix(".ndjson.gz") }.sorted().map { "\(directory)/segments/\($0)" }
    }

    var sealCount: Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/segments")) ?? []
        return names.count { $0.hasSuffix(".seal") }
    }

    /// Every line, by zcat(1), in order; their numbers are dense.
    func lines() throws -> [StoredLine] {
        let result = try ChildProcess.run(["zcat"] + segments)
        try #require(result.end == .exited(0), "\(result.error)")
        let lines = try result.output.split(separator: 0x0A).map { try StoredLine(Array($0)) }
        #expect(lines.map(\.sequence) == (0..<UInt64(lines.count)).map { $0 })
        return lines
    }

    /// What the independent verifier says.
    func verify() throws -> Report {
        let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        let tests = file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let verifier = tests.appendingPathComponent("Verifier/cairn_verify.py").path
        let result = try ChildProcess.run([Environment.python, verifier, directory, "--json"])
        do {
            return try JSONDecoder().decode(Report.self, from: Data(result.output))
        } catch {
            throw Timeout(description: "the verifier failed: \(result.end) \(result.error)")
        }
    }

    /// Both verifiers must say VERIFIED; the independent one only where it can run, which `TamperTests` reports.
    func expectVerified(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let own = try Verifier(LogDirectory(path: directory)).run()
        #expect(own.verdict == .verified, comment, sourceLocation: sourceLocation)
        guard Environment.hasVerifier else { return }
        let report = try verify()
        #expect(report.verdict == "VERIFIED", comment, sourceLocation: sourceLocation)
        for finding in report.findings {
            Issue.record("\(finding.verdict): \(finding.message)", sourceLocation: sourceLocation)
        }
    }
}

extension [StoredLine] {
    /// Those that this process sent.
    var ours: [StoredLine] { of(ProcessInfo.processInfo.processIdentifier) }

    func of(_ pid: Int32) -> [StoredLine] { filter { $0.pid == pid } }

    /// Those of the daemon about itself, by their action.
    func own(_ action: String) -> [StoredLine] {
        filter { $0.string.hasPrefix("{\"action\":\"\(action)\",\"module\":\"system\",") }
    }
}
