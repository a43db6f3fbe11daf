import Glibc

/// Memory that ends where a page begins that nobody may read: a decoder that reads behind its input is stopped there,
/// also in code that no sanitizer sees (libisal is assembler).
final class GuardedBytes {
    private let memory: UnsafeMutableRawBufferPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappingSize: Int

    /// - Parameter capacity: bytes of an input at most, its padding counted; whole pages are used.
    init(capacity: Int = 4 << 20) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let size = (capacity + page - 1) / page * page
        mappingSize = size + page
        let mapped = mmap(nil, mappingSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED, mprotect(mapped + size, page, PROT_NONE) == 0 else {
            fatalError("no memory for guarded pages")
        }
        mapping = mapped
        memory = UnsafeMutableRawBufferPointer(start: mapped, count: size)
    }

    deinit { munmap(mapping, mappingSize) }

    /// The last `size` bytes, to be written; good as long as this object and until its next use.
    func room(_ size: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[(memory.count - size)...])
    }

    /// Calls `body` with a copy of `bytes`, behind which just `padding` more bytes can be read.
    func place<R, E: Error>(
        _ bytes: some Collection<UInt8>, padding: Int = 0, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        precondition(bytes.count + padding <= memory.count, "the input is too long for the guarded memory")
        let room = UnsafeMutableRawBufferPointer(rebasing: self.room(bytes.count + padding)[..<bytes.count])
        room.copyBytes(from: bytes)
        // What stands there is not of the input: a parser that took it for a part would be found.
        for index in (memory.count - padding)..<memory.count { memory[index] = UInt8(ascii: "]") }
        return try body(UnsafeRawBufferPointer(room))
    }
}
