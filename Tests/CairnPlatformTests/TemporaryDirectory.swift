import CairnPlatform
import Glibc
import Testing

/// A directory of a test's own, removed with all below it when the last reference goes.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/cairn-platform-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        path = try #require(made)
    }

    deinit {
        Self.remove(path)
    }

    func fileSystem() throws -> PosixFileSystem {
        try PosixFileSystem(root: path)
    }

    /// The mode of a file as the kernel has it, type bits cut off.
    func mode(of name: String) throws -> UInt32 {
        var result = stat()
        try #require(lstat("\(path)/\(name)", &result) == 0)
        return result.st_mode & 0o7777
    }

    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        guard let stream = opendir(path) else { return }
        while let entry = readdir(stream) {
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
            let name = String(cString: (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self))
            if name != "." && name != ".." { remove("\(path)/\(name)") }
        }
        closedir(stream)
        rmdir(path)
    }
}

extension AppendFile {
    func append(_ bytes: [UInt8]) throws(IOFailure) {
        try bytes.span.withUnsafeBytes { (buffer) throws(IOFailure) in try append(buffer) }
    }

    func append(_ text: String) throws(IOFailure) {
        try append(Array(text.utf8))
    }
}

extension FileSystem {
    /// Makes a file with these contents.
    func write(_ path: String, _ text: String) throws(IOFailure) {
        let file = try create(path, mode: 0o600)
        try file.append(text)
        try file.close()
    }

    /// The whole file as text; nil if it is missing.
    func text(_ path: String) throws(IOFailure) -> String? {
        try contents(path, limit: 1 << 20).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// The code of the IOFailure that `body` throws; nil where it throws none.
func code(_ body: () throws -> Void) -> Int32? {
    do {
        try body()
        return nil
    } catch let failure as IOFailure {
        return failure.code
    } catch {
        Issue.record("unexpected error: \(error)")
        return nil
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers from the same seed on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
