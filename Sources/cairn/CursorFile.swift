import CairnPlatform

/// A file that remembers up to which event an answer went.
struct CursorFile {
    private static let sizeLimit = 64

    let path: String

    /// nil if there is no such file yet.
    func read() throws -> UInt64? {
        let (files, name) = try place
        guard let bytes = try files.contents(name, limit: CursorFile.sizeLimit) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let cursor = UInt64(text.hasSuffix("\n") ? String(text.dropLast()) : text) else {
            throw CommandFailure(
                .data, "\(path) does not hold a cursor: remove it to begin anew, or name another file")
        }
        return cursor
    }

    /// Replaces it as a whole, so that a crash leaves the old cursor or the new one.
    func write(_ cursor: UInt64) throws {
        let (files, name) = try place
        try files.replace(name, with: Array("\(cursor)\n".utf8), mode: 0o644)
    }

    private var place: (PosixFileSystem, String) {
        get throws { try FilePlace.open(path) }
    }
}

/// A file that was named on the command line, anywhere.
enum FilePlace {
    /// The directory of a file, and its name there.
    static func open(_ path: String) throws -> (files: PosixFileSystem, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (try PosixFileSystem(root: "."), path) }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        return (try PosixFileSystem(root: directory), String(path[path.index(after: slash)...]))
    }

    /// The contents of a small file that must be there.
    static func contents(_ path: String, limit: Int) throws -> [UInt8] {
        do {
            let (files, name) = try open(path)
            if let bytes = try files.contents(name, limit: limit) { return bytes }
        } catch let error as IOFailure where error.isMissing {
            // The directory is not there either; told below.
        }
        throw CommandFailure(.noInput, "there is no file \(path)")
    }
}
