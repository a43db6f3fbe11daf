import CairnFormat
import Foundation
import Testing

/// Real and hostile input, where the machine has it: `../shared/corpora` beside the package. Nothing of it is part of
/// the project, so its absence is no failure.
enum Corpora {
    private static let directory: URL = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return package.deletingLastPathComponent().appendingPathComponent("shared/corpora")
    }()

    /// The files of a folder whose names have that ending; none if there is no such folder.
    static func files(_ folder: String, _ ending: String = "") -> [URL] {
        let folder = directory.appendingPathComponent(folder)
        let files = try? FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: [.isRegularFileKey])
        guard let files else {
            print("skipped: no \(folder.path)")
            return []
        }
        return files.filter { $0.lastPathComponent.hasSuffix(ending) }.sorted { $0.path < $1.path }
    }

    /// Parses a stream as it would come from a socket, and calls `body` for each batch.
    static func parse(_ stream: [UInt8], _ body: (EventBatch) throws -> Void) throws {
        let parser = try EventParser()
        var framer = LineFramer(limit: Limits.receivedLineDefault)
        var batch = EventBatch()
        var start = 0
        while start < stream.count {
            let piece = stream[start..<min(start + 65_536, stream.count)]
            start = piece.endIndex
            piece.withUnsafeBytes { framer.push($0) { _ = parser.parse($0, uid: 1000, into: &batch) } }
            try body(batch)
            batch.removeAll()
        }
        framer.finish { _ = parser.parse($0, uid: 1000, into: &batch) }
        try body(batch)
    }
}

@Suite struct CorpusTests {
    @Test(arguments: Corpora.files("mapped", ".ndjson.gz"))
    func everyMappedLineIsAnEvent(_ file: URL) throws {
        let stream = try zcat(file.path)
        var (events, invalid) = (0, 0)
        try Corpora.parse(stream) { batch in
            events += batch.entries.count
            for rejection in batch.rejections { Issue.record("\(file.lastPathComponent): \(rejection)") }
            invalid += batch.entries.filter { !$0.extra.isEmpty }.count
        }
        #expect(events == stream.count { $0 == 10 })
        print("\(file.lastPathComponent): \(events) events, \(invalid) with invalid fields")
    }

    @Test(arguments: Corpora.files("adversarial/ndjson-edge") + Corpora.files("adversarial/naughty-strings"))
    func hostileLinesAreEventsOrRefused(_ file: URL) throws {
        try Corpora.parse(Array(Data(contentsOf: file))) { batch in
            for index in batch.entries.indices {
                let object = try jsonObject(batch.line(index))
                if case .rejected = batch.entries[index].kind {
                    #expect(object["action"] as? String == "event.rejected")
                }
            }
        }
    }

    @Test(arguments: Corpora.files("adversarial/naughty-strings", "blns.json"))
    func naughtyStringsAreKept(_ file: URL) throws {
        let strings = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String])
        for string in strings {
            var line = Array("{\"action\":".utf8)
            line.append(jsonString: string.utf8)
            line += Array(",\"module\":\"m\"}".utf8)
            let batch = try EventBatch.parsing([line])
            #expect(batch.rejections.isEmpty)
            #expect(batch.terms.tokens == [TokenField.action.token(of: string)])
            #expect(try jsonObject(batch.line())["action"] as? String == string)
        }
    }

    /// Lines `number:valid:text`, `number:valid hex:bytes` and `number:invalid hex:bytes:…`.
    @Test(arguments: Corpora.files("adversarial/utf8tests", ".txt"))
    func utf8(_ file: URL) throws {
        var tested = 0
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            let parts = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard !line.hasPrefix("#"), parts.count > 2, parts[1].hasSuffix("hex") else { continue }
            let bytes = hexBytes(parts[2])
            let start = Array("{\"action\":\"a\",\"module\":\"m\",\"x\":\"".utf8)
            guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }) else { continue }
            let batch = try EventBatch.parsing([start + bytes + Array("\"}".utf8)])
            let isValid = !parts[1].contains("invalid")
            #expect(batch.rejections.map(\.code) == (isValid ? [] : [.invalidUTF8]), "line \(parts[0])")
            tested += 1
        }
        #expect(tested > 100)
    }
}
