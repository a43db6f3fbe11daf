import CairnFormat

extension StepBench {
    /// In the order in which an event meets them.
    func writing() throws -> [Step] {
        let (json, parser, deflater) = (try JSONParser(), try EventParser(), try Deflater(.isal))
        let zlib = try Deflater(.zlib(level: 6))
        return [
            step("frame") {
                var framer = LineFramer(limit: Limits.storedLine)
                received.withUnsafeBytes { bytes in
                    var start = 0
                    while start < bytes.count {
                        let end = min(start + 64 << 10, bytes.count)
                        framer.push(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) { keep($0) }
                        start = end
                    }
                }
            },
            step("parse JSON") { forEachReceived { keep(try? json.parse($0).end) } },
            step("parse event") {
                var batch = EventBatch()
                forEachReceived { keep(parser.parse(.whole($0), uid: 1000, into: &batch)) }
                keep(batch.entries.count)
            },
            // Of an event that comes alone; those that come together share theirs.
            step("stamp", bytes: stored.count - received.count) {
                var stamps: [UInt8] = []
                for _ in receivedLines {
                    stamps.removeAll(keepingCapacity: true)
                    Stamps.append(received: StepBench.time, uid: 1000, pid: 4711, to: &stamps)
                }
                keep(stamps.count)
            },
            step("hash leaf", bytes: stored.count) {
                var salts = Salts(saltKey: [UInt8](repeating: 7, count: 32))
                var number: UInt64 = 0
                forEachStored { line in
                    keep(salts.withSalt(of: number) { $0.map { Digest.leaf(salt: $0, line: line) } })
                    number += 1
                }
            },
            step("hash leaf, swift-crypto", bytes: stored.count) {
                let salt = [UInt8](repeating: 7, count: 17)
                forEachStored { line in
                    var hash = StreamingHash()
                    salt.withUnsafeBytes { hash.update($0) }
                    hash.update(line)
                    keep(hash.finish())
                }
            },
            step("grow tree", bytes: 65 * leaves.count) {
                var tree = MerkleTree()
                for leaf in leaves { tree.append(leaf) }
                keep(tree.root)
            },
            step("deflate", bytes: stored.count) {
                var output: [UInt8] = []
                forEachBlock { block in try? deflater.deflate(block, appendingTo: &output) }
                keep(output.count)
            },
            step("deflate, zlib 6", bytes: stored.count) {
                var output: [UInt8] = []
                forEachBlock { block in try? zlib.deflate(block, appendingTo: &output) }
                keep(output.count)
            },
            step("checksums", bytes: stored.count + compressed.count) {
                forEachBlock { keep(Checksum.crc32($0)) }
                compressed.withUnsafeBytes { keep(Checksum.crc32c($0)) }
            },
            step("build segment") {
                guard var builder = try? StepBench.builder() else { return }
                var output: [UInt8] = []
                try? StepBench.append(batch, to: &builder, &output) { _ in }
                try? builder.closeBlock(durable: 0, to: &output)
                keep(output.count)
            },
        ]
    }

    func forEachReceived(_ body: (UnsafeRawBufferPointer) -> Void) {
        received.withUnsafeBytes { bytes in
            for line in receivedLines { body(UnsafeRawBufferPointer(rebasing: bytes[line])) }
        }
    }

    func forEachStored(_ body: (UnsafeRawBufferPointer) -> Void) {
        stored.withUnsafeBytes { bytes in
            for line in storedLines { body(UnsafeRawBufferPointer(rebasing: bytes[line])) }
        }
    }

    func forEachBlock(_ body: (UnsafeRawBufferPointer) -> Void) {
        stored.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let end = min(start + Limits.block, bytes.count)
                body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }
}
