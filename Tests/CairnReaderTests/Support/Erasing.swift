import CairnFormat
import CairnPlatform
import CairnReader
import Testing

extension SealedLogFixture {
    /// Writes a sealed segment anew without some of its events, as the writer of the log does: salt key and salts of
    /// these are gone, a line with the leaf stands in the place of each.
    func erase(_ sequences: [UInt64], from first: UInt64, event: UInt64 = 99) throws {
        let path = FileNames.segment(first, .data)
        let seal = try #require(try directory.segment(first).flatMap { try directory.seal($0) })
        var replay = try SegmentReplay(files, path: path, seal: seal)
        let range = first..<seal.endSequence
        var header = replay.reader.header
        var salts = Salts(saltKey: header.saltKey)
        let left = PuncturedSalts(salts, of: range, destroying: sequences)
        header.saltKey = []
        let members = left.encoded(of: range)
        var output = header.encoded() + members
        var builder = SegmentBuilder(
            header: header, salts: left, saltSize: members.count, lastReceived: .distantPast,
            deflater: try Deflater(.isal))
        while case .block = try replay.next() {
            var numbers = SegmentNumbers()
            for (place, restored) in replay.restored.enumerated() {
                let sequence = builder.nextSequence
                let line = Array(replay.lines[restored.range])
                guard case .event(let facts, let places) = restored.content else { continue }
                if sequences.contains(sequence) {
                    let salt = try #require(salts.withSalt(of: sequence) { $0.map { Array($0) } })
                    let leaf = Digest.sha256([0] + salt + line)
                    var erased: [UInt8] = []
                    RedactedLine(
                        sequence: sequence, event: event, by: 0, reason: Array("\"why\"".utf8), leaf: leaf
                    ).append(to: &erased)
                    try erased.withUnsafeBytes {
                        try builder.append(erased: $0, leaf: leaf, received: restored.received, to: &output)
                    }
                } else {
                    let own = builder.numbered(facts, replay.builder.modules, replay.builder.classes)
                    try replay.terms.withSlice { terms throws(FormatError) in
                        try line.withBytes { line throws(FormatError) in
                            try builder.append(
                                stored: line, facts: own, terms: terms.slice(places.start, places.end), &numbers,
                                received: replay.events[place].stamps.received, to: &output)
                        }
                    }
                }
            }
        }
        try builder.closeBlock(durable: nil, to: &output)
        let (made, footer, index) = builder.finish(reason: seal.reason, nextKey: seal.nextKey)
        try #require(made.root == seal.root)
        files.put(path, output + footer)
        files.put(FileNames.segment(first, .index), index)
    }

    /// All lines of a segment, without their LFs.
    func storedLines(_ first: UInt64) throws -> [[UInt8]] {
        let data = try #require(files[FileNames.segment(first, .data)])
        let lines = try #require(SealedLogFixture.lines(of: data))
        return lines.split(separator: 10).map { Array($0) }
    }
}
