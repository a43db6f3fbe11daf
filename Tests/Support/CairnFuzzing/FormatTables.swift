import CairnFormat

/// The binary structures as the tables of Format.md have them, written once more and apart from the encoders.
enum FormatTables {
    /// "Block content", without its CRC-32C.
    static func content(of block: BlockHeader) -> [UInt8] {
        var output: [UInt8] = []
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: block.compressedSize)
        output.append(littleEndian: block.size)
        output.append(littleEndian: block.count)
        output.append(littleEndian: block.firstSequence)
        output.append(littleEndian: block.durable)
        output.append(littleEndian: block.leastTime.nanoseconds)
        output.append(littleEndian: block.greatestTime.nanoseconds)
        output.append(littleEndian: block.firstReceived.nanoseconds)
        output.append(block.root)
        output.append(littleEndian: block.checksum)
        return output
    }

    /// "Index", up to the filter section.
    static func index(_ index: SegmentIndex, filterSize: Int) -> [UInt8] {
        let cells = index.cells ?? []
        var output = Array("cairnidx".utf8)
        output.append(littleEndian: UInt16(1))
        output.append(littleEndian: UInt16(index.cells == nil ? 1 : 0))
        output.append(littleEndian: UInt32(index.spans.count))
        output.append(littleEndian: index.firstSequence)
        output.append(littleEndian: index.count)
        output.append(littleEndian: UInt32(index.modules.count))
        output.append(littleEndian: UInt32(index.modules.names.reduce(0) { $0 + 1 + $1.count }))
        output.append(littleEndian: UInt32(cells.count))
        output.append(littleEndian: UInt32(filterSize))
        let classes = index.classes.map(Self.retentionClass)
        output.append(littleEndian: UInt32(classes.count))
        output.append(littleEndian: UInt32(classes.reduce(0) { $0 + $1.count }))
        output.append(littleEndian: UInt32(index.tallies.count))
        output.append(littleEndian: UInt32(0))
        output.append(littleEndian: UInt64(index.spans.last?.texts.upperBound ?? 0))
        for name in index.modules.names { output += [UInt8(name.count)] + name }
        output += classes.joined()
        for span in index.spans { append(span, to: &output) }
        for cell in cells {
            output.append(littleEndian: cell.hour)
            output.append(littleEndian: cell.module)
            output += [cell.status, cell.severity]
            output.append(littleEndian: UInt32(0))
            output.append(littleEndian: cell.count)
        }
        for tally in index.tallies {
            for value in [tally.module, tally.retentionClass] { output.append(littleEndian: value) }
            output.append(littleEndian: UInt32(0))
            output.append(littleEndian: tally.count)
            for time in [tally.leastReceived, tally.greatestReceived] { output.append(littleEndian: time.nanoseconds) }
        }
        for root in index.roots { output.append(root) }
        var checksum: [UInt8] = []
        checksum.append(littleEndian: Checksum.crc32c(output))
        output.replaceSubrange(60..<64, with: checksum)
        return output
    }

    /// "Retention classes and tallies".
    private static func retentionClass(_ value: RetentionClass) -> [UInt8] {
        func text(_ text: String?) -> [UInt8] { [UInt8(text?.utf8.count ?? 0)] + Array((text ?? "").utf8) }
        let unknown = [value.isTenantUnknown, value.isClassificationUnknown, value.isComplianceUnknown]
        let flags = zip(unknown, [1, 2, 4] as [UInt8]).reduce(0) { $1.0 ? $0 | $1.1 : $0 }
        return [flags] + text(value.classification) + [UInt8(value.compliance.count)]
            + value.compliance.flatMap { text($0) } + text(value.tenant)
    }

    private static func append(_ span: IndexSpan, to output: inout [UInt8]) {
        for value in [span.offset, span.length, span.firstSequence] { output.append(littleEndian: value) }
        for value in [span.count, span.blocks, span.size, span.identified] { output.append(littleEndian: value) }
        for time in [span.leastTime, span.greatestTime, span.firstReceived, span.lastReceived] {
            output.append(littleEndian: time.nanoseconds)
        }
        for value in [span.statuses, span.severities, span.opaque, 0] { output.append(littleEndian: value) }
        output.append(littleEndian: UInt32(span.filter.lowerBound))
        output.append(littleEndian: UInt32(span.filter.count))
        output.append(littleEndian: UInt32(span.texts.lowerBound))
        output.append(littleEndian: UInt32(span.texts.count))
        for byte in 0..<128 {
            output.append((0..<8).reduce(0) { $0 | (span.modules.contains(UInt16(8 * byte + $1)) ? 1 << $1 : 0) })
        }
    }
}
