/// Turns received lines into entries of a batch: validates them, finds the fields that the log needs to know, masks
/// what must be masked. One owner at a time; it keeps the parser's buffers.
package final class EventParser {
    private let parser: JSONParser
    private let sanitizer: Sanitizer
    private let names = EventNames()
    /// For what was masked; nil until there was something to mask.
    private var unsanitizing: EventParser?

    package init(sanitizer: Sanitizer = Sanitizer()) throws(FormatError) {
        parser = try JSONParser()
        self.sanitizer = sanitizer
    }

    /// Adds one line to `batch`, as an event or as an `event.rejected`. Lines of nothing but white space are skipped:
    /// then the result is false.
    package func parse(_ line: LineFramer.Line, uid: UInt32, into batch: inout EventBatch) -> Bool {
        parse(line, uid: uid, isOwn: false, into: &batch)
    }

    private func parse(
        _ line: LineFramer.Line, uid: UInt32, isOwn: Bool, into batch: inout EventBatch
    ) -> Bool {
        switch line {
        case .tooLong(let line):
            let rejection = Rejection(.tooLong, "the line has \(line.size) bytes, more than are allowed")
            let withheld = !sanitizer.isEmpty && sanitizer.occurs(in: line.beginning)
            append(
                rejection, raw: withheld ? nil : line.beginning, size: line.size, digest: line.digest, to: &batch)
            batch.updateIsFull()
            return true
        case .whole(let line):
            guard let start = line.firstIndex(where: { !isBlank($0) }) else { return false }
            do throws(Rejection) {
                try parse(line, start: start, uid: uid, isOwn: isOwn, into: &batch)
            } catch {
                reject(line, error, into: &batch)
            }
            batch.updateIsFull()
            return true
        }
    }

    /// Adds an event of the daemon itself, to be stamped as such: `line` is a JSON object with a valid action and module.
    package func append(own line: [UInt8], to batch: inout EventBatch) {
        var padded = line
        padded.append(contentsOf: repeatElement(0, count: JSONParser.padding))
        padded.withUnsafeBytes {
            _ = parse(
                .whole(UnsafeRawBufferPointer(rebasing: $0[..<line.count])), uid: EventIdentity.ownUser, isOwn: true,
                into: &batch)
        }
    }

    private func parse(
        _ line: UnsafeRawBufferPointer, start: Int, uid: UInt32, isOwn: Bool, into batch: inout EventBatch
    ) throws(Rejection) {
        let tape = try parser.parse(line)
        guard tape.kind(1) == .object else {
            throw Rejection(.notAnObject, "an event is a JSON object", offset: start)
        }
        if !sanitizer.isEmpty, sanitizer.mayMatch(tape), let masked = sanitizer.sanitized(line) {
            try appendMasked(masked, uid: uid, isOwn: isOwn, into: &batch)
            return
        }
        let termStart = batch.terms.size
        var reader = EventFieldReader(tape: tape, line: line, uid: uid, isStored: false)
        do throws(Rejection) {
            try reader.read(&batch, names)
        } catch {
            batch.terms.cut(to: termStart)
            throw error
        }
        let extraStart = batch.extraStamps.count
        if isOwn { batch.extraStamps.append(text: Stamps.own) }
        appendNames(reader.invalidNames, stamp: "\"_invalid\":[", to: &batch.extraStamps)
        batch.entries.append(
            EventBatch.Entry(
                kind: .event, offset: batch.bytes.count, size: line.count, brace: start + 1,
                extra: extraStart..<batch.extraStamps.count, facts: reader.facts,
                terms: batch.terms.size - termStart, identity: reader.identity))
        batch.bytes.append(contentsOf: line)
    }

    /// The facts of a masked line are those of what will be stored, so it is parsed again.
    private func appendMasked(
        _ masked: (line: [UInt8], paths: [[UInt8]]), uid: UInt32, isOwn: Bool, into batch: inout EventBatch
    ) throws(Rejection) {
        let plain = try unsanitizingParser()
        var padded = masked.line
        padded.append(contentsOf: repeatElement(0, count: JSONParser.padding))
        guard masked.line.count <= Limits.storedLine - 64 << 10 else {
            throw Rejection(.tooLong, "the line has too many bytes once its values are masked")
        }
        let count = batch.entries.count
        padded.withUnsafeBytes {
            let line = UnsafeRawBufferPointer(rebasing: $0[..<masked.line.count])
            _ = plain.parse(.whole(line), uid: uid, isOwn: isOwn, into: &batch)
        }
        guard batch.entries.count > count else { return }
        appendNames(masked.paths, stamp: "\"_sanitized\":[", to: &batch.extraStamps)
        let entry = batch.entries.count - 1
        batch.entries[entry].extra = batch.entries[entry].extra.lowerBound..<batch.extraStamps.count
    }

    private func unsanitizingParser() throws(Rejection) -> EventParser {
        if let unsanitizing { return unsanitizing }
        do throws(FormatError) {
            let parser = try EventParser()
            unsanitizing = parser
            return parser
        } catch {
            throw Rejection(.tooLong, error.message)
        }
    }

    private func appendNames(_ names: some Collection<[UInt8]>, stamp: StaticString, to output: inout [UInt8]) {
        guard !names.isEmpty else { return }
        output.append(text: stamp)
        for (index, name) in names.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(jsonString: name)
        }
        output.append(text: "],")
    }

    private func reject(_ line: UnsafeRawBufferPointer, _ rejection: Rejection, into batch: inout EventBatch) {
        let kept = sanitizer.isEmpty ? nil : sanitizer.sanitized(line)?.line
        let raw = kept.map { Array($0.prefix(Limits.rejectedRaw)) } ?? Array(line.prefix(Limits.rejectedRaw))
        let withheld = kept == nil && !sanitizer.isEmpty && sanitizer.occurs(in: raw)
        append(rejection, raw: withheld ? nil : raw, size: line.count, digest: Digest.sha256(line), to: &batch)
    }

    private func append(
        _ rejection: Rejection, raw: [UInt8]?, size: Int, digest: Digest, to batch: inout EventBatch
    ) {
        let (offset, termStart) = (batch.bytes.count, batch.terms.size)
        rejection.appendEvent(raw: raw, size: size, digest: digest, to: &batch.bytes)
        let facts = facts(ofOwn: batch.bytes[offset...], &batch)
        batch.entries.append(
            EventBatch.Entry(
                kind: .rejected(Int32(batch.rejections.count)), offset: offset, size: batch.bytes.count - offset,
                brace: 1, extra: batch.extraStamps.count..<batch.extraStamps.count, facts: facts,
                terms: batch.terms.size - termStart, identity: nil))
        batch.rejections.append(rejection)
    }

    /// Reads a line that was made here, as any reader of it will.
    private func facts(ofOwn line: ArraySlice<UInt8>, _ batch: inout EventBatch) -> EventFacts {
        (Array(line) + repeatElement(0, count: JSONParser.padding)).withUnsafeBytes { padded in
            let line = UnsafeRawBufferPointer(rebasing: padded[..<line.count])
            let start = batch.terms.size
            guard let tape = try? parser.parse(line) else { return EventFacts() }
            var reader = EventFieldReader(tape: tape, line: line, uid: EventIdentity.ownUser, isStored: false)
            // What is made here is an event.
            if (try? reader.read(&batch, names)) == nil { batch.terms.cut(to: start) }
            return reader.facts
        }
    }
}
