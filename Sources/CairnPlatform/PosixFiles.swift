import Glibc
import Synchronization

/// A file of ``PosixFileSystem`` that grows at its end.
final class PosixAppendFile: AppendFile {
    private struct State: ~Copyable, Sendable {
        /// nil once closed.
        var descriptor: Descriptor?
        var size: UInt64
        /// Why `sync` failed; the file is then never written again.
        var lost: IOFailure?

        func status(_ path: String) throws(IOFailure) -> stat {
            switch descriptor {
            case .some(let descriptor): return try statusOf(descriptor, path: path)
            case .none: throw IOFailure(operation: "fstat", path: path, code: EBADF)
            }
        }

        /// The number to write to, unless the file is closed or lost.
        func writable(_ operation: String, _ path: String) throws(IOFailure) -> Int32 {
            if let lost { throw lost }
            switch descriptor {
            case .some(let descriptor): return descriptor.number
            case .none: throw IOFailure(operation: operation, path: path, code: EBADF)
            }
        }
    }

    private let path: String
    private let kernel: any Kernel
    /// One thread at a time uses a file, so this lock is never waited for; it is there to make a mistake harmless.
    private let state: Mutex<State>

    init(_ descriptor: consuming Descriptor, size: UInt64, path: String) {
        self.path = path
        kernel = descriptor.kernel
        state = Mutex(State(descriptor: descriptor, size: size, lost: nil))
    }

    var size: UInt64 { state.withLock { $0.size } }

    func append(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) {
        guard let start = bytes.baseAddress else { return }
        try state.withLock { (state: inout State) throws(IOFailure) in
            let number = try state.writable("write", path)
            var done = 0
            do throws(IOFailure) {
                try transfer(bytes.count, done: &done, operation: "write", path: path) { offset in
                    kernel.write(number, UnsafeRawBufferPointer(start: start + offset, count: bytes.count - offset))
                }
                state.size += UInt64(done)
            } catch {
                state.size += UInt64(done)
                // Not every file system says how much of the last piece it took before it failed.
                do throws(IOFailure) {
                    state.size = FileStatus(try state.status(path)).size
                } catch {
                    // Where the next byte would go is not known.
                    state.lost = error
                }
                throw error
            }
            // A write of 0 bytes without an error means nothing for a file; it must not pass for success.
            if done < bytes.count { throw IOFailure(operation: "write", path: path, code: EIO) }
        }
    }

    func truncate(to size: UInt64) throws(IOFailure) {
        try state.withLock { (state: inout State) throws(IOFailure) in
            let number = try state.writable("ftruncate", path)
            guard size <= state.size, let length = off_t(exactly: size) else {
                throw IOFailure(operation: "ftruncate", path: path, code: EINVAL)
            }
            try systemCall("ftruncate", path) { kernel.ftruncate(number, length) }
            state.size = size
        }
    }

    func sync() throws(IOFailure) {
        try state.withLock { (state: inout State) throws(IOFailure) in
            let number = try state.writable("fdatasync", path)
            do throws(IOFailure) {
                try systemCall("fdatasync", path) { kernel.fdatasync(number) }
            } catch {
                state.lost = error
                throw error
            }
        }
    }

    func reader() throws(IOFailure) -> any ReadableFile {
        try state.withLock { (state: inout State) throws(IOFailure) in
            switch state.descriptor {
            case .some(let descriptor):
                let number = descriptor.number
                let copy = try systemCall("dup", path) { kernel.duplicate(number) }
                return try PosixReadableFile(Descriptor(copy, of: kernel), path: path)
            case .none: throw IOFailure(operation: "dup", path: path, code: EBADF)
            }
        }
    }

    func close() throws(IOFailure) {
        try state.withLock { (state: inout State) throws(IOFailure) in
            switch state.descriptor.take() {
            case .some(let descriptor): try descriptor.close(path: path)
            case .none: break
            }
        }
    }
}

/// A regular file of ``PosixFileSystem``, open for reading.
final class PosixReadableFile: ReadableFile {
    let identity: FileIdentity
    private let descriptor: Descriptor
    private let path: String

    init(_ descriptor: consuming Descriptor, path: String) throws(IOFailure) {
        let status = try statusOf(descriptor, path: path)
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw IOFailure(operation: "open", path: path, code: EISDIR)
        default: throw IOFailure(operation: "open", path: path, code: EINVAL)
        }
        identity = FileStatus(status).identity
        self.descriptor = descriptor
        self.path = path
    }

    func size() throws(IOFailure) -> UInt64 {
        FileStatus(try statusOf(descriptor, path: path)).size
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        // The offset may come from a damaged file. No file reaches the last offset that the kernel can name.
        guard let start = buffer.baseAddress, offset <= UInt64(off_t.max) - UInt64(buffer.count) else { return 0 }
        let (number, kernel) = (descriptor.number, descriptor.kernel)
        var done = 0
        try transfer(buffer.count, done: &done, operation: "pread", path: path) { moved in
            let rest = UnsafeMutableRawBufferPointer(start: start + moved, count: buffer.count - moved)
            return kernel.pread(number, rest, off_t(offset) + off_t(moved))
        }
        return done
    }
}

extension FileStatus {
    init(_ status: stat) {
        size = UInt64(max(status.st_size, 0))
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        // Anybody can set a time beyond the year 2262, where nanoseconds leave 64 bits.
        let (seconds, overflow) = Int64(status.st_mtim.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = seconds.addingReportingOverflow(Int64(status.st_mtim.tv_nsec))
        modified = overflow || carry ? (status.st_mtim.tv_sec < 0 ? .min : .max) : sum
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
    }
}

func statusOf(_ descriptor: borrowing Descriptor, path: String) throws(IOFailure) -> stat {
    let (number, kernel) = (descriptor.number, descriptor.kernel)
    var result = stat()
    try systemCall("fstat", path) { kernel.fstat(number, &result) }
    return result
}

/// Gives a new file the bits that the umask took. It was never more open than `mode`, so nobody could slip in.
/// Bits that the kernel added, as the set-group-ID bit that a directory inherits, stay.
func setMode(_ mode: UInt32, of descriptor: borrowing Descriptor, path: String) throws(IOFailure) {
    let (number, kernel) = (descriptor.number, descriptor.kernel)
    let current = try statusOf(descriptor, path: path).st_mode
    let wanted = (current & 0o7000) | mode_t(mode)
    if current & 0o7777 == wanted { return }
    try systemCall("fchmod", path) { kernel.fchmod(number, wanted) }
}
