import CairnFormat
import CairnPlatform
import CairnReader
import Testing

@Suite("Anchors")
struct AnchorsTests {
    private static let time = Time(nanoseconds: 1_795_246_752_123_456_789)

    private func anchor(_ log: SealedLogFixture, size: Int, target: String = "file:/mnt/anchor") throws -> Anchor {
        try Anchor(target: target, time: Self.time, checkpoint: log.checkpointNote(size: size))
    }

    // MARK: - The file

    @Test func form() throws {
        let log = try SealedLogFixture.whole()
        let anchor = try anchor(log, size: 2)
        let note = String(decoding: try log.checkpointNote(size: 2), as: UTF8.self)
        let expected =
            "cairn/anchor/v1\ntarget file:/mnt/anchor\ntime 2026-11-21T07:39:12.123456789Z\n\n\(note)"
        #expect(String(decoding: anchor.bytes, as: UTF8.self) == expected)
        #expect(try Anchor(anchor.bytes) == anchor)
    }

    @Test(
        "files that are none",
        arguments: [
            "", "\n\n", "cairn/anchor/v1\n\nx", "cairn/anchor/v2\ntarget t\ntime T\n\nx",
            "cairn/anchor/v1\ntarget \ntime T\n\nx",
            "cairn/anchor/v1\ntarget t\ntime yesterday\n\nx", "cairn/anchor/v1\ntime T\ntarget t\n\nx",
            "cairn/anchor/v1\ntarget t\ntime T\nmore\n\nx", "cairn/anchor/v1\ntarget t\ntime T\nx",
            "cairn/anchor/v1\ntarget t\u{7}\ntime T\n\nx",
        ])
    func refuses(_ form: String) {
        let text = form.replacing("T", with: "2026-11-21T07:39:12.123456789Z")
        #expect(throws: FormatError.self) { try Anchor(Array(text.utf8)) }
    }

    @Test("targets that cannot be kept", arguments: ["", "a\nb", "\u{1}", String(repeating: "x", count: 2049)])
    func targets(_ target: String) {
        #expect(throws: FormatError.self) { try Anchor(target: target, time: Self.time, checkpoint: []) }
    }

    // MARK: - The state

    private func withState(_ body: (AnchorState, String) throws -> Void) throws {
        let path = try ScratchDirectory.create(prefix: "cairn-anchors-")
        defer { try? ScratchDirectory.remove(path) }
        try body(AnchorState(PosixFileSystem(root: path)), path)
    }

    @Test("the newest of each target is kept, for each log apart")
    func state() throws {
        let (log, other) = (try SealedLogFixture.whole(), try SealedLogFixture.whole(name: "other.example/log"))
        try withState { state, _ in
            #expect(try state.anchors(of: log.origin).isEmpty)
            try state.record(anchor(log, size: 1), of: log.origin)
            try state.record(anchor(log, size: 2), of: log.origin)
            try state.record(anchor(log, size: 2), of: log.origin)
            try state.record(anchor(log, size: 3, target: "a"), of: log.origin)
            try state.record(anchor(other, size: 1), of: other.origin)
            #expect(try state.anchors(of: log.origin) == [anchor(log, size: 3, target: "a"), anchor(log, size: 2)])
            #expect(try state.anchor(of: log.origin, at: "a") == anchor(log, size: 3, target: "a"))
            #expect(try state.anchor(of: log.origin, at: "b") == nil)
            #expect(try state.anchors(of: other.origin) == [anchor(other, size: 1)])
        }
    }

    @Test("a log that has shrunk, and a checkpoint of another, are not recorded")
    func shrunk() throws {
        let (log, other) = (try SealedLogFixture.whole(), try SealedLogFixture.whole(name: "other.example/log"))
        try withState { state, _ in
            try state.record(anchor(log, size: 2), of: log.origin)
            #expect(throws: ReadError.self) { try state.record(anchor(log, size: 1), of: log.origin) }
            #expect(throws: ReadError.self) { try state.record(anchor(other, size: 3), of: log.origin) }
            #expect(throws: ReadError.self) {
                try state.record(Anchor(target: "t", time: Self.time, checkpoint: [65]), of: log.origin)
            }
            #expect(try state.anchors(of: log.origin) == [anchor(log, size: 2)])
        }
    }

    @Test("a damaged file is told, and other names are left alone")
    func damagedState() throws {
        let log = try SealedLogFixture.whole()
        try withState { state, path in
            try state.record(anchor(log, size: 2), of: log.origin)
            let files = try PosixFileSystem(root: path)
            let directory = try #require(try files.list("").first)
            try files.replace("\(directory)/note.txt", with: [65], mode: 0o600)
            #expect(try state.anchors(of: log.origin).count == 1)
            try files.replace("\(directory)/x.anchor", with: [65], mode: 0o600)
            #expect(throws: ReadError.self) { try state.anchors(of: log.origin) }
        }
    }

    // MARK: - What they say

    private func say(_ log: SealedLogFixture, _ anchors: [Anchor]) throws -> [String] {
        try AnchorCheck(log.directory).check(anchors).map { coverage in
            #expect((coverage.message == nil) == (coverage.verdict == .verified))
            #expect(coverage.time == Self.time)
            return "\(coverage.verdict.rawValue) \(coverage.size.map { "\($0)" } ?? "-") "
                + (coverage.lastSequence.map { "\($0)" } ?? "-")
        }
    }

    @Test("anchored up to the last event of the last seal")
    func covers() throws {
        let log = try SealedLogFixture.whole()
        let anchors = try (0...3).map { try anchor(log, size: $0) }
        #expect(try say(log, anchors) == ["VERIFIED 0 -", "VERIFIED 1 6", "VERIFIED 2 11", "VERIFIED 3 17"])
        #expect(try say(log, anchors.reversed()).first == "VERIFIED 3 17")
        #expect(try say(log, []) == [])
    }

    @Test("a log that was cut, forked or forged does not extend its anchor")
    func changed() throws {
        let log = try SealedLogFixture.whole()
        let anchors = [try anchor(log, size: 1), try anchor(log, size: 3)]
        let shorter = try SealedLogFixture()
        try shorter.append(3)
        try shorter.append(4)
        try shorter.rotate()
        #expect(try say(shorter, anchors) == ["VERIFIED 1 6", "TRUNCATED-OR-STALE 3 -"])
        let fork = try SealedLogFixture.whole(word: "other")
        #expect(try say(fork, anchors) == ["TAMPERED 1 -", "TAMPERED 3 -"])
        let forged = try Anchor(
            target: "t", time: Self.time, checkpoint: log.key(0).sign(SignedNote(log.checkpointNote(size: 1)).text))
        let extended = try Anchor(
            target: "t", time: Self.time,
            checkpoint: log.logKey().sign(SignedNote(log.checkpointNote(size: 1)).text + "x\n"))
        #expect(try say(log, [forged, extended]) == ["TAMPERED - -", "UNVERIFIABLE - -"])
        log.files[FileNames.segment(7, .seal)] = nil
        #expect(try say(log, anchors) == ["VERIFIED 1 6", "TRUNCATED-OR-STALE 3 -"])
    }
}
