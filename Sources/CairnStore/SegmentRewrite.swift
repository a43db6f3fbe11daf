package import CairnFormat
package import CairnPlatform
internal import CairnReader

/// Writes a sealed segment anew: its lines in full blocks, or packed harder, and without what is to be erased. Hashes
/// are over lines, and of an erased event the leaf stays, so root and seal stay as they are; readers find the old file
/// or the new one, whole.
///
/// The steps, each durable before the next: the new data as `….ndjson.gz.tmp`; its index as `….index.next`; the data
/// takes its name; the index takes its name. A reader takes the index that the footer of the data names, so there is no
/// moment without a good one. After a crash ``finish(_:)`` goes on where the names say that it stopped.
///
/// A segment that is encrypted is read with an identity and written encrypted: its plaintext comes to no disk.
package struct SegmentRewrite {
    /// What it takes to write an encrypted segment anew.
    package struct Encryption: Sendable {
        package var recipients: [AgeRecipient]
        package var identities: [AgeIdentity]
        package var entropy: any EntropySource

        package init(recipients: [AgeRecipient], identities: [AgeIdentity], entropy: any EntropySource) {
            self.recipients = recipients
            self.identities = identities
            self.entropy = entropy
        }
    }

    private let files: any FileSystem
    private let directory: LogDirectory
    private let seal: Seal
    private let compression: Compression
    private let encryption: Encryption?
    /// Events to be erased, each range with what stands in their place.
    private let erasures: [Redaction]
    /// Of the plain data, which an encrypted segment does not have.
    private let path: String

    /// - Parameter erasures: in ascending order. What was erased before is left as it is.
    init(
        _ files: any FileSystem, _ seal: Seal, _ compression: Compression, _ encryption: Encryption? = nil,
        erasing erasures: [Redaction] = []
    ) {
        self.files = files
        self.seal = seal
        self.compression = compression
        self.encryption = encryption
        self.erasures = erasures
        directory = LogDirectory(files, identities: encryption?.identities ?? [])
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
        try Self.finish(files, encryption?.identities ?? [])
        let isEncrypted = try storing { () throws(IOFailure) in try files.status(path) == nil }
        let names = PartNames(seal.firstSequence, isEncrypted: isEncrypted)
        do throws(ReadError) {
            var replay = try SegmentReplay(directory.files, path: path, seal: seal)
            let before = try accessing { () throws(IOFailure) in try replay.reader.file.size() }
            let temporary = names.data + ".tmp"
            let file = try create(temporary, isEncrypted: isEncrypted)
            let index = try encrypted(write(&replay, to: file), isEncrypted: isEncrypted)
            let files = files
            try accessing { () throws(IOFailure) in
                try file.sync()
                try files.replace(names.nextIndex, with: index, mode: 0o640)
                try files.rename(temporary, to: names.data)
                try files.syncDirectory(FileNames.segments)
                try Self.takeIndex(files, names)
            }
            return Sizes(before: before, after: file.size)
        } catch {
            throw StoreError(error)
        }
    }

    /// The names that a rewriting deals with.
    private struct PartNames {
        var data: String
        var index: String
        var nextIndex: String

        init(_ first: UInt64, isEncrypted: Bool) {
            data = FileNames.segment(first, isEncrypted ? .encryptedData : .data)
            index = FileNames.segment(first, isEncrypted ? .encryptedIndex : .index)
            nextIndex = FileNames.segment(first, isEncrypted ? .nextEncryptedIndex : .nextIndex)
        }
    }

    private func create(_ temporary: String, isEncrypted: Bool) throws(ReadError) -> any AppendFile {
        let files = files
        let file = try accessing { () throws(IOFailure) in
            if try files.status(temporary) != nil { try files.remove(temporary) }
            return try files.create(temporary, mode: 0o640)
        }
        return isEncrypted ? try EncryptedAppendFile(file, try beginAge()) : file
    }

    private func encrypted(_ plaintext: [UInt8], isEncrypted: Bool) throws(ReadError) -> [UInt8] {
        guard isEncrypted else { return plaintext }
        var age = try beginAge()
        var output = age.start
        plaintext.withUnsafeBytes { age.append($0, to: &output) }
        age.finish(to: &output)
        return output
    }

    /// A new age file for the recipients that are configured.
    private func beginAge() throws(ReadError) -> AgeEncryption {
        let encryption = encryption
        return try reading(path) { () throws(FormatError) in
            guard let encryption, !encryption.recipients.isEmpty else {
                throw FormatError(
                    .unsupported,
                    "it is encrypted, and for whom to write it anew is not known: set encryption.recipients")
            }
            return try AgeEncryption(to: encryption.recipients) { encryption.entropy.bytes($0) }
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
                leastReceived: seal.received.lowerBound, deflater: try Deflater(compression))
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
        let terms = replay.terms
        var numbers = SegmentNumbers()
        try replay.lines.withBytes { bytes throws(FormatError) in
            for event in replay.restored {
                defer { sequence += 1 }
                let line = UnsafeRawBufferPointer(rebasing: bytes[event.range])
                let timeBefore = builder.erasedTime(after: builder.lastReceived)
                switch event.content {
                case .event(_, let places):
                    guard let facts = events.next()?.facts else { continue }
                    if let erasure = erasure(of: sequence) {
                        let leaf = salts.withSalt(of: sequence) { $0.map { Digest.leaf(salt: $0, line: line) } }
                        guard let leaf else {
                            throw FormatError(.mismatch, "event \(sequence) has no salt and is not erased")
                        }
                        let redacted = RedactedLine(
                            sequence: sequence, event: erasure.event, by: erasure.by, reason: erasure.reason,
                            leaf: leaf)
                        try append(redacted, timeBefore, to: &builder, &output)
                        continue
                    }
                    let own =
                        numbers.numbered(facts)
                        ?? numbers.learn(facts, builder.numbered(facts, replay.modules, replay.classes))
                    try terms.withSlice { terms throws(FormatError) in
                        try builder.append(
                            stored: line, facts: own, terms: terms.slice(places.start, places.end), &numbers,
                            received: event.received, to: &output)
                    }
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

    private static func takeIndex(_ files: any FileSystem, _ names: PartNames) throws(IOFailure) {
        try files.rename(names.nextIndex, to: names.index)
        try files.syncDirectory(FileNames.segments)
    }

    private static func isTemporary(_ name: String) -> Bool {
        guard name.hasSuffix(".tmp"), let (_, part) = FileNames.parse(String(name.dropLast(4))) else { return false }
        return part != .seal && part != .index
    }

    /// Brings every rewriting to its end that a crash or a failure has cut off, or takes it back: afterwards nothing is
    /// left of it in files of other names. Of an encrypted segment that needs an identity, and waits for one: readers
    /// who have one find the index that fits.
    static func finish(_ files: any FileSystem, _ identities: [AgeIdentity] = []) throws(StoreError) {
        let directory = LogDirectory(files, identities: identities)
        do throws(ReadError) {
            let names = try accessing { () throws(IOFailure) in try files.list(FileNames.segments) }
            for name in names {
                if isTemporary(name) {
                    try accessing { () throws(IOFailure) in try files.remove("\(FileNames.segments)/\(name)") }
                }
                guard let (first, part) = FileNames.parse(name), part.plain == .nextIndex else { continue }
                let parts = PartNames(first, isEncrypted: part.isEncrypted)
                guard let isTaken = try isTaken(first, directory) else { continue }
                try accessing { () throws(IOFailure) in
                    if isTaken {
                        try takeIndex(files, parts)
                    } else {
                        try files.remove(parts.nextIndex)
                        try files.syncDirectory(FileNames.segments)
                    }
                }
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Whether the data is the one that the next index is of; nil if that cannot be known.
    private static func isTaken(_ first: UInt64, _ directory: LogDirectory) throws(ReadError) -> Bool? {
        do throws(ReadError) {
            return try directory.isIndex(
                FileNames.segment(first, .nextIndex), of: FileNames.segment(first, .data))
        } catch {
            guard error.code == .encrypted else { throw error }
            return nil
        }
    }
}
