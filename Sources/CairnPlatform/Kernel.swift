package import Glibc

/// The system calls that the file layer makes, each as its manual page has it: a negative result stands for a failure,
/// and `errno` tells which. Everything that ``PosixFileSystem`` knows of the world comes through here, so a simulated
/// kernel can fail, interrupt and shorten any call while the code above it stays what runs in production.
package protocol Kernel: AnyObject, Sendable {
    /// openat(2); `AT_FDCWD` as the directory takes the path as it is.
    func openat(_ directory: Int32, _ path: String, _ flags: Int32, _ mode: mode_t) -> Int32
    /// close(2): the number is free afterwards, whatever is returned.
    func close(_ descriptor: Int32) -> Int32
    /// F_DUPFD_CLOEXEC of fcntl(2).
    func duplicate(_ descriptor: Int32) -> Int32
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int
    func pread(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ offset: off_t) -> Int
    func ftruncate(_ descriptor: Int32, _ size: off_t) -> Int32
    func fdatasync(_ descriptor: Int32) -> Int32
    func fsync(_ descriptor: Int32) -> Int32
    func fstat(_ descriptor: Int32, _ result: inout stat) -> Int32
    func fstatat(_ directory: Int32, _ path: String, _ result: inout stat) -> Int32
    func fchmod(_ descriptor: Int32, _ mode: mode_t) -> Int32
    func mkdirat(_ directory: Int32, _ path: String, _ mode: mode_t) -> Int32
    func renameat(_ directory: Int32, _ from: String, _ to: String) -> Int32
    func linkat(_ directory: Int32, _ from: String, _ to: String) -> Int32
    func unlinkat(_ directory: Int32, _ path: String) -> Int32
    func fstatvfs(_ descriptor: Int32, _ result: inout statvfs) -> Int32
    func flock(_ descriptor: Int32, _ operation: Int32) -> Int32
    /// All names of an open directory, `.` and `..` among them (readdir(3)), or nil for a failure. Takes the descriptor
    /// over and closes it.
    func names(consuming descriptor: Int32) -> [String]?
}

/// The kernel that this process runs on.
package final class LinuxKernel: Kernel {
    package static let shared = LinuxKernel()

    private init() {}

    package func openat(_ directory: Int32, _ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
        Glibc.openat(directory, path, flags, mode)
    }

    package func close(_ descriptor: Int32) -> Int32 { Glibc.close(descriptor) }

    package func duplicate(_ descriptor: Int32) -> Int32 { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }

    package func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    }

    package func pread(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ offset: off_t) -> Int {
        Glibc.pread(descriptor, buffer.baseAddress, buffer.count, offset)
    }

    package func ftruncate(_ descriptor: Int32, _ size: off_t) -> Int32 { Glibc.ftruncate(descriptor, size) }

    package func fdatasync(_ descriptor: Int32) -> Int32 { Glibc.fdatasync(descriptor) }

    package func fsync(_ descriptor: Int32) -> Int32 { Glibc.fsync(descriptor) }

    package func fstat(_ descriptor: Int32, _ result: inout stat) -> Int32 { Glibc.fstat(descriptor, &result) }

    package func fstatat(_ directory: Int32, _ path: String, _ result: inout stat) -> Int32 {
        Glibc.fstatat(directory, path, &result, 0)
    }

    package func fchmod(_ descriptor: Int32, _ mode: mode_t) -> Int32 { Glibc.fchmod(descriptor, mode) }

    package func mkdirat(_ directory: Int32, _ path: String, _ mode: mode_t) -> Int32 {
        Glibc.mkdirat(directory, path, mode)
    }

    package func renameat(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        Glibc.renameat(directory, from, directory, to)
    }

    package func linkat(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        Glibc.linkat(directory, from, directory, to, 0)
    }

    package func unlinkat(_ directory: Int32, _ path: String) -> Int32 { Glibc.unlinkat(directory, path, 0) }

    package func fstatvfs(_ descriptor: Int32, _ result: inout statvfs) -> Int32 {
        Glibc.fstatvfs(descriptor, &result)
    }

    package func flock(_ descriptor: Int32, _ operation: Int32) -> Int32 { lockFile(descriptor, operation) }

    package func names(consuming descriptor: Int32) -> [String]? {
        guard let stream = fdopendir(descriptor) else {
            let code = errno
            _ = Glibc.close(descriptor)
            errno = code
            return nil
        }
        // One behind the other, each with its NUL, and where they begin: to sort Strings takes several times as long.
        var bytes: [CChar] = []
        var starts: [Int] = []
        var code: Int32 = 0
        while true {
            // Only errno tells the end of the directory from a failure.
            errno = 0
            guard let entry = readdir(stream) else {
                code = errno
                break
            }
            // Not through `entry.pointee`: an entry is shorter than its type, which has room for the longest name.
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
            let name = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
            starts.append(bytes.count)
            bytes.append(contentsOf: UnsafeBufferPointer(start: name, count: strlen(name) + 1))
        }
        closedir(stream)
        errno = code
        return code == 0 ? sorted(bytes, starts) : nil
    }

    private func sorted(_ bytes: [CChar], _ starts: [Int]) -> [String] {
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return [] }
            return starts.sorted { strcmp(base + $0, base + $1) < 0 }.map { String(cString: base + $0) }
        }
    }
}

/// `Glibc.flock` names a structure too.
private func lockFile(_ descriptor: Int32, _ operation: Int32) -> Int32 { flock(descriptor, operation) }
