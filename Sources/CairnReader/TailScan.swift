package import CairnFormat
package import CairnPlatform

/// What stands behind the good part of a segment that is not sealed. Format.md, "Recovery".
package enum Tail: Sendable, Equatable {
    /// Nothing.
    case clean
    /// A footer: the writer stopped between footer and seal.
    case footer
    /// An append that did not finish and was never acknowledged.
    case torn(bytes: UInt64)
    /// Something that was durable is not good any more. `reachedSequence` is the number behind the last event of
    /// which any trace was found.
    case damaged(reachedSequence: UInt64, reason: String)
}

/// Decides between torn and damaged, once the good part of a segment is known.
package struct TailScan {
    private let file: any ReadableFile
    private let goodSequence: UInt64

    /// `goodSequence` is the number behind the last good event.
    package init(file: any ReadableFile, goodSequence: UInt64) {
        self.file = file
        self.goodSequence = goodSequence
    }

    /// Looks at everything from `offset`, where the first member that is not good begins. `head` is the newest head of
    /// this segment, if it names this one.
    package func tail(from offset: UInt64, head: Head?) throws(IOFailure) -> Tail {
        let size = try file.size()
        let promised = head.map { $0.endSequence } ?? 0
        let found = try laterBlocks(from: offset)
        let reached = max(promised, found.reached, goodSequence)
        if promised > goodSequence {
            return .damaged(
                reachedSequence: reached, reason: "the signed head names events up to \(promised - 1)")
        }
        if found.durable > goodSequence {
            return .damaged(
                reachedSequence: reached,
                reason: "a later block says that events up to \(found.durable - 1) were synced")
        }
        return size > offset ? .torn(bytes: size - offset) : .clean
    }

    /// The number behind the last event that any block head from `offset` on states; 0 if there is none.
    package func reached(from offset: UInt64) throws(IOFailure) -> UInt64 {
        try laterBlocks(from: offset).reached
    }

    /// Searches for block heads with a correct CRC-32C, at any offset, and returns the greatest numbers they state.
    private func laterBlocks(from offset: UInt64) throws(IOFailure) -> (durable: UInt64, reached: UInt64) {
        var durable: UInt64 = 0
        var reached: UInt64 = 0
        let step = 1 << 20
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: step + BlockHeader.headSize, alignment: 64)
        defer { buffer.deallocate() }
        var position = offset
        while true {
            let count = try file.read(at: position, into: buffer)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            var index = 0
            while index < min(step, count - BlockHeader.headSize + 1) {
                if bytes[index] == 0x1F, let block = block(bytes, at: index) {
                    durable = max(durable, block.durable)
                    reached = max(reached, block.endSequence)
                }
                index += 1
            }
            guard count == buffer.count else { return (durable, reached) }
            position += UInt64(step)
        }
    }

    private func block(_ bytes: UnsafeRawBufferPointer, at index: Int) -> BlockHeader? {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[index..<(index + BlockHeader.headSize)])
        guard let head = try? Member.head(rest), head.kind == .block else { return nil }
        return try? BlockHeader(content: UnsafeRawBufferPointer(rebasing: rest[head.content]))
    }
}
