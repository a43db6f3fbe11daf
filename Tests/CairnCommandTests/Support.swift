import CairnPlatform

@testable import CairnCommand

/// A stored line, as the daemon would write it.
func stored(_ event: String, sequence: UInt64 = 42) -> String {
    "{\"_seq\":\(sequence),\"_received\":\"2026-11-21T07:39:12.123456Z\",\"_uid\":1000,\"_pid\":4242,"
        + event.dropFirst()
}

/// What a formatter makes of stored lines.
func formatted(_ lines: [String], _ settings: OutputSettings) -> String {
    var formatter = settings.formatter()
    var output: [UInt8] = []
    for line in lines {
        Array(line.utf8).withUnsafeBytes { formatter.append($0, to: &output) }
    }
    formatter.finish(to: &output)
    return String(decoding: output, as: UTF8.self)
}

/// What `SafeText` makes of a text.
func safe(_ text: String) -> String { SafeText.string(text) }

/// A directory that goes with the last reference to it.
final class TestDirectory {
    let path: String

    init() throws { path = try ScratchDirectory.create(prefix: "cairn-command-tests-") }

    deinit { try? ScratchDirectory.remove(path) }
}

/// Calls `body` with the value of a JSON text.
func withJSON<R>(_ text: String, _ body: (JSONSlice) throws -> R) rethrows -> R {
    try Array(text.utf8).withUnsafeBytes { try body(JSONSlice($0)) }
}
