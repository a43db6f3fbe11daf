internal import CairnFormat
internal import CairnPlatform
internal import CairnReader

/// Writes a sealed segment anew: its lines in full blocks, or packed harder, and without what is to be erased. Hashes
/// are over lines, and of an erased event the leaf stays, so root and seal stay as they are; readers find the old file
/// or the new one, whole.
///
/// The steps, each durable before the next: the new data as `….ndjson.gz.tmp`; its index as `….index.next`; the data
/// takes its name; the index takes its name. A reader takes the index that the footer of the data names, so there is no
/// moment without a good one. After a crash ``finish(_:)`` goes on where the names say that it stopped.
struct SegmentRewrite {
    private let files: any FileSystem
    private let seal: Seal
    private let compression: Compression
    /// Events to be erased, each range with what stands in their place.
    private let erasures: [Redaction]
    private let path: String

    /// - Parameter erasures: in ascending order. What was erased before is left as it is.
    init(_ files: any FileSystem, _ seal: Seal, _ compression: Compression, erasing erasures: [Redaction] = []) {
        self.files = files
        self.seal = seal
        self.compression = compression
        self.erasures = erasures
        path = FileNames.segment(seal.firstSequence, .data)
    }

    /// Bytes of the data before and after.
    struct Sizes: Sendable, Equatable {
        var before: UInt64
        var after: UInt64
    }

    /// Nothing is changed if it throws before the new data has its name; what it leaves then is for `finish`.
    func run() throws(StoreError) -> Sizes {
        // An index that is still to take its name must not be lost.
        try Self.finish(files)
        do throws(ReadError) {
            var replay = try SegmentReplay(files, path: path, end: seal.endSequence)
            let before = try accessing { () throws(IOFailure) in try replay.reader.file.size() }
            let temporary = path + ".tmp"
            let (files, path) = (files, path)
            let file = try accessing { () throws(IOFailure) in
                if try files.status(temporary) != nil { try files.remove(temporary) }
                return try files.create(temporary, mode: 0o640)
            }
            let index = try write(&replay, to: file)
            try accessing { () throws(IOFailure) in
                try file.sync()
                try files.replace(FileNames.segment(seal.firstSequence, .nextIndex), with: index, mode: 0o640)
                try files.rename(temporary, to: path)
                try files.syncDirectory(FileNames.segments)
                try Self.takeIndex(files, seal.firstSequence)
            }
            return Sizes(before: before, after: file.size)
        } catch {
            throw StoreError(error)
        }
    }

    /// Writes the segment's members and returns the index.
    private func write(
        _ replay: inout SegmentReplay, to file: any AppendFile
    ) throws(ReadError) -> [UInt8] {
        let sequences = seal.firstSequence..<seal.endSequence
        var header = replay.reader.header
        let before = try replay.reader.salts(until: seal.endSequence)?.salts
        var salts = Salts(before.map { .punctured($0) } ?? .key(header.saltKey))
        var left = before
        if !erasures.isEmpty {
            let erased = erasures.flatMap { $0.sequences.clamped(to: sequences) }
            left = PuncturedSalts(salts, of: sequences, destroying: erased)
            header.saltKey = []
        }
        let saltMembers = left?.encoded(of: sequences) ?? []
        var output = header.encoded() + saltMembers
        let compression = compression
        var builder = try reading(path) { () throws(FormatError) in
            SegmentBuilder(
                header: header, salts: left, saltSize: saltMembers.count, lastReceived: .distantPast,
                deflater: try Deflater(compression))
        }
        while case .block = try replay.next() {
            try reading(path) { () throws(FormatError) in try copy(replay, &salts, to: &builder, &output) }
            if output.count >= 1 << 20 { try flush(&output, to: file) }
        }
        try reading(path) { () throws(FormatError) in try builder.closeBlock(durable: nil, to: &output) }
        let (expected, footer, index) = builder.finish(reason: seal.reason, nextKey: seal.nextKey)
        guard expected.root == seal.root, expected.count == seal.count else {
            let reason = "the segment is not the one that was sealed: run \"cairn verify\""
            throw ReadError(FormatError(.mismatch, reason), path: path, sequence: seal.firstSequence)
        }
        output += footer
        try flush(&output, to: file)
        return index
    }

    private func flush(_ output: inout [UInt8], to file: any AppendFile) throws(ReadError) {
        let bytes = output
        try accessing { () throws(IOFailure) in
            try bytes.span.withUnsafeBytes { (buffer) throws(IOFailure) in try file.append(buffer) }
        }
        output.removeAll(keepingCapacity: true)
    }

    /// The events of the block that was read last.
    private func copy(
        _ replay: SegmentReplay, _ salts: inout Salts, to builder: inout SegmentBuilder, _ output: inout [UInt8]
    ) throws(FormatError) {
        // Not from the numbers of the segment as it was: its table of classes may have had no more room.
        var events = replay.events.makeIterator()
        var sequence = replay.builder.nextSequence - UInt64(replay.restored.count)
        try replay.lines.withBytes { bytes throws(FormatError) in
            for event in replay.restored {
                defer { sequence += 1 }
                let line = UnsafeRawBufferPointer(rebasing: bytes[event.range])
                // What its own time was must not show.
                let timeBefore = max(builder.lastReceived, builder.header.created)
                switch event.content {
                case .event(_, let tokens):
                    guard let facts = events.next()?.facts else { continue }
                    if let erasure = erasure(of: sequence) {
                        let leaf = salts.withSalt(of: sequence) { $0.map { leafHash(salt: $0, line: line) } }
                        guard let leaf else {
                            throw FormatError(.mismatch, "event \(sequence) has no salt and is not erased")
                        }
                        let redacted = RedactedLine(
                            sequence: sequence, event: erasure.event, by: erasure.by, reason: erasure.reason,
                            leaf: leaf)
                        try append(redacted, timeBefore, to: &builder, &output)
                        continue
                    }
                    let own = builder.numbered(facts, replay.modules, replay.classes)
                    try builder.append(
                        stored: line, facts: own, tokens: replay.tokens[tokens], received: event.received,
                        to: &output)
                case .erased(let leaf):
                    try builder.append(erased: line, leaf: leaf, received: timeBefore, to: &output)
                }
            }
        }
    }

    private func erasure(of sequence: UInt64) -> Redaction? {
        var (low, high) = (0, erasures.count)
        while low < high {
            let middle = (low + high) / 2
            if erasures[middle].sequences.upperBound > sequence { high = middle } else { low = middle + 1 }
        }
        return low < erasures.count && erasures[low].sequences.contains(sequence) ? erasures[low] : nil
    }

    private func append(
        _ redacted: RedactedLine, _ received: Time, to builder: inout SegmentBuilder, _ output: inout [UInt8]
    ) throws(FormatError) {
        var line: [UInt8] = []
        redacted.append(to: &line)
        try line.withBytes { bytes throws(FormatError) in
            try builder.append(erased: bytes, leaf: redacted.leaf, received: received, to: &output)
        }
    }

    // MARK: - After a crash

    private static func takeIndex(_ files: any FileSystem, _ first: UInt64) throws(IOFailure) {
        try files.rename(FileNames.segment(first, .nextIndex), to: FileNames.segment(first, .index))
        try files.syncDirectory(FileNames.segments)
    }

    private static func isTemporary(_ name: String) -> Bool {
        guard name.hasSuffix(".tmp"), let (_, part) = FileNames.parse(String(name.dropLast(4))) else { return false }
        return part == .data || part == .nextIndex
    }

    /// Brings every rewriting to its end that a crash or a failure has cut off, or takes it back: afterwards nothing is
    /// left of it in files of other names.
    static func finish(_ files: any FileSystem) throws(StoreError) {
        do throws(ReadError) {
            let names = try accessing { () throws(IOFailure) in try files.list(FileNames.segments) }
            for name in names {
                if isTemporary(name) {
                    try accessing { () throws(IOFailure) in try files.remove("\(FileNames.segments)/\(name)") }
                }
                guard case (let first, .nextIndex)? = FileNames.parse(name) else { continue }
                let path = FileNames.segment(first, .nextIndex)
                let isTaken = try LogDirectory(files).isIndex(path, of: FileNames.segment(first, .data))
                try accessing { () throws(IOFailure) in
                    if isTaken {
                        try takeIndex(files, first)
                    } else {
                        try files.remove(path)
                        try files.syncDirectory(FileNames.segments)
                    }
                }
            }
        } catch {
            throw StoreError(error)
        }
    }
}
