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

extension FilePlace {
    /// The contents of a small file that was named on the command line.
    static func named(_ path: String, limit: Int) throws -> [UInt8] {
        do throws(IOFailure) {
            return try contents(path, limit: limit)
        } catch {
            guard error.isMissing else { throw error }
            throw CommandFailure(.noInput, "there is no file \(path)")
        }
    }
}
