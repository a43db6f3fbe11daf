import CairnFormat
import CairnReader

extension StepBench {
    /// What queries and verification do.
    func reading() throws -> [Step] {
        let (json, inflater, reader) = (try JSONParser(), try Inflater(), try StoredEventReader())
        let fields = FilterMatcher(try Filter("module=authentication status=failed"))
        let text = FilterMatcher(try Filter("\"password mismatch\""))
        let filter = tokenFilter()
        let module = Array("authentication".utf8)
        // One that an event has, and one that none has: the filters are looked at for both.
        let tokens = Array(batch.terms.tokens.prefix(1)) + [0]
        return [
            step("inflate", bytes: stored.count) {
                var (rest, lines) = (compressed[...], [UInt8]())
                while !rest.isEmpty, let header = try? StepBench.block(rest) {
                    let payload = rest[(rest.startIndex + BlockHeader.headSize)..<(rest.startIndex + header.memberSize)]
                    payload.withUnsafeBytes { try? header.inflate($0, with: inflater, into: &lines) }
                    rest = rest.dropFirst(header.memberSize)
                }
                keep(lines.count)
            },
            step("read back", bytes: stored.count) {
                reader.beginSegment()
                var terms = IndexTerms()
                forEachStored { keep(try? reader.read($0, terms: &terms).stamps.sequence) }
                keep(terms.size.texts)
            },
            step("filter fields", bytes: stored.count) { count(fields, json) },
            step("filter text", bytes: stored.count) { count(text, json) },
            step("look up tokens", bytes: batch.terms.tokens.count * 8) {
                filter.withUnsafeBytes { filter in
                    for token in batch.terms.tokens { keep(TokenFilter.mayContain(token, in: filter)) }
                }
            },
            step("search index", bytes: index.count) {
                guard let index = try? SegmentIndex(index, tokens: tokens) else { return }
                var modules = ModuleBits()
                if let number = module.withUnsafeBytes({ index.modules.find($0) }) { modules.insert(number) }
                for span in index.spans where span.greatestTime >= StepBench.time {
                    keep(!span.modules.isDisjoint(with: modules) && tokens.contains { index.mayContain($0, in: span) })
                }
            },
        ]
    }

    /// As an index has it of a span with these events.
    private func tokenFilter() -> [UInt8] {
        var (filter, bytes) = (TokenFilter(), [UInt8]())
        filter.insert(batch.terms.tokens)
        _ = filter.flush(to: &bytes)
        return bytes
    }

    private func count(_ matcher: FilterMatcher, _ json: JSONParser) {
        var count = 0
        forEachStored { line in
            guard matcher.mayMatch(line), let tape = try? json.parse(line) else { return }
            if matcher.matches(tape, line: line) { count += 1 }
        }
        keep(count)
    }
}
