/// Keys that every storage takes: parts divided by `/`, each a legal file name.
package enum ObjectKey {
    /// Bytes of a key. S3 takes 1,024; what is left is for the prefix of the archive.
    package static let bytes = 768
    /// Bytes of one part: what file systems take for a name (NAME_MAX).
    package static let partBytes = 255
    /// Parts of a key. An archive uses ten; more would let a loop of symbolic links in a directory look like keys.
    package static let parts = 32
    /// Bytes of the prefix of an archive in its bucket.
    package static let prefixBytes = 1024 - bytes - 1

    /// Refuses (`invalid`) what could leave the archive, hide in it, or mean another key elsewhere.
    package static func check(_ key: String) throws(ArchiveError) {
        guard let problem = problem(key, limit: bytes) else { return }
        throw ArchiveError(.invalid, "a key cannot be this: it \(problem)", key: key)
    }

    /// What is wrong with a key, as the end of a sentence; nil where nothing is.
    static func problem(_ key: String, limit: Int) -> String? {
        // Bytes and not characters: a slash with an accent on it is a slash to every storage.
        let utf8 = Array(key.utf8)
        guard !utf8.isEmpty else { return "is empty" }
        guard utf8.count <= limit else { return "has \(utf8.count) bytes, of at most \(limit)" }
        guard utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return "has a control character" }
        // Some servers take it for a slash.
        guard !utf8.contains(UInt8(ascii: "\\")) else { return "has a backslash" }
        let found = utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard found.count <= parts else { return "has \(found.count) parts, of at most \(parts)" }
        for part in found {
            switch Array(part) {
            case []: return "begins or ends with a slash, or has two in a row"
            case Array(".".utf8), Array("..".utf8): return "has a part . or .."
            case Array(DirectoryStorage.uploads.utf8): return "has the part \(DirectoryStorage.uploads), which is taken"
            case let part where part.count > partBytes: return "has a part of more than \(partBytes) bytes"
            default: continue
            }
        }
        return nil
    }

    /// Whether `key` begins with the bytes of `prefix`. Not `hasPrefix`, which compares characters.
    package static func hasPrefix(_ key: String, _ prefix: String) -> Bool { key.utf8.starts(with: prefix.utf8) }

    /// The order of S3: by bytes.
    static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    /// Equality of bytes. Two strings that Swift calls equal can be two keys: é has two spellings.
    package static func equals(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}
