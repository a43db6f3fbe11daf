import Glibc

/// Where keys, salts and names that nobody can guess come from. The simulator has its own, from a seed.
package protocol EntropySource: Sendable {
    /// Overwrites all of `buffer` with random bytes.
    func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

extension EntropySource {
    /// `count` random bytes.
    package func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
            initialized = count
        }
    }
}

/// The kernel's random number generator: getrandom(2) with flags 0, which waits until the generator is seeded.
package struct SystemEntropySource: EntropySource {
    package init() {}

    package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        // getentropy(3) is glibc's loop around getrandom (signals, short reads); the kernel gives 256 bytes at a time.
        let pieceBytes = 256
        var offset = 0
        while offset < buffer.count {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<min(offset + pieceBytes, buffer.count)])
            guard let start = piece.baseAddress else { return }
            // There is no safe way on without entropy, and no Linux since 3.17 refuses it.
            let result = getentropy(start, piece.count)
            precondition(result == 0, "getrandom failed (errno \(errno)); Cairn needs Linux 3.17 or newer")
            offset += piece.count
        }
    }
}
