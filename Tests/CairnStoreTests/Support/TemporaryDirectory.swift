import CairnPlatform
import Glibc
import Testing

/// A directory of a test's own, removed with all below it when the last reference goes.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/cairn-store-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        path = try #require(made)
    }

    deinit {
        guard let files = try? PosixFileSystem(root: path) else { return }
        for directory in ["keys", "segments", ""] {
            for name in (try? files.list(directory)) ?? [] {
                try? files.remove(directory.isEmpty ? name : "\(directory)/\(name)")
            }
            rmdir(directory.isEmpty ? path : "\(path)/\(directory)")
        }
    }

    func fileSystem() throws -> PosixFileSystem { try PosixFileSystem(root: path) }

    /// The mode of a file as the kernel has it, type bits cut off.
    func mode(of name: String) throws -> UInt32 {
        var result = stat()
        try #require(lstat("\(path)/\(name)", &result) == 0)
        return result.st_mode & 0o7777
    }
}
