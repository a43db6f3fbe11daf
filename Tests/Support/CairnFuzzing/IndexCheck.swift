import CairnFormat

/// An index file, which nothing signs.
final class IndexCheck: FuzzCheck {
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let bytes = Array(input)
        if try checkIndex(bytes) { return true }
        return try checkIndex(ChecksumRepair.index(bytes))
    }

    private func checkIndex(_ file: [UInt8]) throws(PropertyFailure) -> Bool {
        let tokens: [UInt64] = [0, .max, 1000]
        let texts = ["mismatch", "a"]
        let decoded = try accepted(within: file.count) { () throws(FormatError) in
            try SegmentIndex(file, tokens: tokens, texts: texts)
        }
        guard let index = decoded else { return false }
        try require(index.modules.count <= Limits.modules, "too many modules")
        try require(index.cells?.count ?? 0 <= Limits.cells, "too many cells")
        try require(index.classes.count <= Limits.classes, "too many retention classes")
        try require(index.tallies.count <= Limits.tallies, "too many tallies")
        for tally in index.tallies { _ = (index.moduleName(of: tally), index.retentionClass(of: tally)) }
        let filterSize = file.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 44, as: UInt32.self)) }
        let textSize = index.spans.last?.texts.upperBound ?? 0
        let start = file.count - 4 - textSize - 4 - filterSize
        // Counts that must not be used are not kept.
        if index.cells != nil {
            let tables = FormatTables.index(index, filterSize: filterSize)
            try agree(encoded: tables, file[..<start], "the index")
        }
        for (number, name) in index.modules.names.enumerated() {
            try agree(name.withUnsafeBytes { index.modules.find($0) }, UInt16(number), "the number of a module")
        }
        for (number, span) in index.spans.enumerated() {
            for text in texts {
                guard let events = index.events(with: text, inSpan: number) else { continue }
                try require(events.count <= span.count, "a text in more events than there are")
                try require(events.inverted.count == Int(span.count) - events.count, "events that are in no set")
            }
            try require(span.filter.upperBound <= filterSize, "a filter outside of its section")
            for token in tokens { _ = index.mayContain(token, in: span) }
            _ = span.endSequence
        }
        return true
    }
}
