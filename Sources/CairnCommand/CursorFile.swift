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
    /// Reads a file that was named on the command line, or with `-` standard input, piece by piece: what it gives fills a
    /// buffer and says how many bytes it has; 0 at the end.
    static func reading(_ path: String) throws -> (UnsafeMutableRawBufferPointer) throws -> Int {
        guard path != "-" else { return { try StandardStream.input.read(into: $0) } }
        let file: any ReadableFile
        do throws(IOFailure) {
            let (files, name) = try open(path)
            file = try files.openForReading(name)
        } catch {
            if error.isMissing { throw CommandFailure(.noInput, "there is no file \(path)") }
            guard error.isNoRegularFile else { throw CommandFailure(error) }
            throw CommandFailure(.noInput, "\(path) is no regular file: give it as standard input, with -")
        }
        var offset: UInt64 = 0
        return { buffer in
            let count = try file.read(at: offset, into: buffer)
            offset += UInt64(count)
            return count
        }
    }

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
