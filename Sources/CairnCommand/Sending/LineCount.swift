import CairnFormat

/// Counts lines as the daemon does: those of nothing but white space do not count, an unterminated last one does.
struct LineCount {
    private(set) var lines: UInt64 = 0
    /// Whether the line that has not ended yet counts.
    private var isContent = false

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        while start < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
            let end = firstLineFeed(rest)
            isContent = isContent || rest[..<(end ?? rest.count)].contains { !LineCount.isBlank($0) }
            guard let end else { return }
            finish()
            start += end + 1
        }
    }

    /// At the end of the input.
    mutating func finish() {
        if isContent { lines += 1 }
        isContent = false
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
}
