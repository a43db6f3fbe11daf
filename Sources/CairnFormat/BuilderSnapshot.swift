/// A builder between two appends, as bytes: with them a writer goes on with a segment without reading it again.
/// Format.md, "Resume file".
extension SegmentBuilder {
    /// Every block is closed. Nil where an index cannot say all that there is to be known, as it has limits.
    package func snapshot() -> [UInt8]? {
        guard
            let indexSoFar = index.snapshot(
                firstSequence: header.firstSequence, count: count, modules: modules, classes: classes,
                roots: tree.subtreeRoots)
        else { return nil }
        var output: [UInt8] = []
        tree.append(to: &output)
        output.append(littleEndian: UInt32(moduleCounts.count))
        for count in moduleCounts { output.append(littleEndian: count) }
        output.append(littleEndian: UInt32(classes.count))
        for name in classes.names {
            output.append(littleEndian: UInt16(name.count))
            output.append(contentsOf: name)
        }
        output.append(contentsOf: indexSoFar)
        return output
    }

    /// Goes on from a snapshot of a segment with that header. Whether its root is the right one is for the caller to
    /// find out.
    package init(header: SegmentHeader, snapshot: [UInt8]) throws(FormatError) {
        try self.init(header: header, lastReceived: .distantPast, deflater: Deflater(.isal))
        try snapshot.withBytes { bytes throws(FormatError) in
            var reader = ByteReader(bytes)
            try take(&reader)
        }
    }

    private func count(_ reader: inout ByteReader, atMost limit: Int) throws(FormatError) -> Int {
        let count = try Int(reader.integer(UInt32.self))
        guard count <= limit else {
            throw FormatError(.malformed, "the snapshot counts \(count), and at most \(limit)")
        }
        return count
    }

    /// Whether counts that came from outside can be added to, as those of `limit` events can.
    private func isSum(_ counts: [UInt64], atMost limit: UInt64) -> Bool {
        var left = limit
        for count in counts {
            guard count <= left else { return false }
            left -= count
        }
        return true
    }

    private mutating func take(_ reader: inout ByteReader) throws(FormatError) {
        let peaks = try MerkleTree(&reader)
        var moduleCounts: [UInt64] = []
        for _ in 0..<(try count(&reader, atMost: Limits.modules)) { try moduleCounts.append(reader.integer()) }
        var classes = NameTable()
        for number in 0..<(try count(&reader, atMost: Limits.classes)) {
            guard try classes.insert(reader.slice(Int(reader.integer(UInt16.self)))) == number else {
                throw FormatError(.malformed, "a retention class stands twice in the snapshot")
            }
        }
        let bytes = try reader.slice(reader.remaining)
        let size = try SegmentIndex.size(header: bytes)
        let index = try SegmentIndex(Array(bytes))
        let filters = UnsafeRawBufferPointer(rebasing: bytes[size.head..<(size.filterEnd - 4)])
        let texts = UnsafeRawBufferPointer(rebasing: bytes[size.filterEnd..<(size.file - 4)])
        guard index.count == peaks.count,
            index.modules.count == moduleCounts.count, index.classes.count == classes.count,
            index.isWhole(from: header.firstSequence, at: fileSize), isSum(moduleCounts, atMost: peaks.count),
            isSum(index.cells?.map(\.count) ?? [], atMost: peaks.count),
            isSum(index.tallies.map(\.count), atMost: peaks.count)
        else { throw FormatError(.mismatch, "the parts of the snapshot are not of one segment") }
        let tree = try SegmentTree(peaks: peaks, roots: index.roots[...])
        take(index, try IndexBuilder(index, filters: filters, texts: texts), tree, moduleCounts, classes)
    }
}
