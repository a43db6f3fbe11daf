/// Where an archive is, as people write it: `s3://bucket/prefix`, `file:///srv/archive`, `/srv/archive`, `archive`.
package enum ArchiveLocation: Sendable, Equatable, CustomStringConvertible {
    /// A bucket, and what all keys of the archive begin with there: without slashes around it, possibly empty.
    case s3(bucket: String, prefix: String)
    /// A directory; a relative path is one of the working directory.
    case directory(String)

    /// - Throws: `invalid`, with what to write instead.
    package init(_ text: String) throws(ArchiveError) {
        guard !text.isEmpty, !text.utf8.contains(0) else {
            throw ArchiveError(
                .invalid, "an archive needs a place: write s3://BUCKET/PREFIX or the path of a directory")
        }
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            self = .directory(text)
            return
        }
        switch parts[0].lowercased() {
        case "s3": self = try Self.bucket(String(parts[1]), text)
        case "file": self = try Self.file(String(parts[1]), text)
        case "http", "https":
            throw ArchiveError(
                .invalid, "\(text): write s3://BUCKET/PREFIX, and name the server with CAIRN_S3_ENDPOINT")
        default:
            throw ArchiveError(
                .invalid, "\(text): an archive is s3://BUCKET/PREFIX, file:///PATH or the path of a directory")
        }
    }

    package var description: String {
        switch self {
        case .s3(let bucket, ""): "s3://\(bucket)"
        case .s3(let bucket, let prefix): "s3://\(bucket)/\(prefix)"
        case .directory(let path): path
        }
    }

    private static func bucket(_ rest: String, _ text: String) throws(ArchiveError) -> ArchiveLocation {
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let bucket = String(parts.first ?? "")
        if let problem = problem(ofBucket: bucket) {
            throw ArchiveError(.invalid, "\(text): the bucket \(problem); write s3://BUCKET/PREFIX")
        }
        var prefix = parts.count == 2 ? parts[1] : ""
        while prefix.utf8.last == UInt8(ascii: "/") { prefix = Substring(prefix.utf8.dropLast()) }
        if !prefix.isEmpty, let problem = ObjectKey.problem(String(prefix), limit: ObjectKey.prefixBytes) {
            throw ArchiveError(.invalid, "\(text): the prefix \(problem); write s3://BUCKET/PREFIX")
        }
        return .s3(bucket: bucket, prefix: String(prefix))
    }

    /// The rules of S3 for names of buckets.
    private static func problem(ofBucket bucket: String) -> String? {
        let utf8 = Array(bucket.utf8)
        guard (3...63).contains(utf8.count) else { return "must have 3 to 63 characters" }
        func isAlphanumeric(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
        guard utf8.allSatisfy({ isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }) else {
            return "must be of small letters, digits, dots and hyphens"
        }
        guard isAlphanumeric(utf8[0]), isAlphanumeric(utf8[utf8.count - 1]), !bucket.contains("..") else {
            return "must begin and end with a letter or digit, without two dots in a row"
        }
        return nil
    }

    /// RFC 8089: no host, or `localhost`, and a path with `%` escapes.
    private static func file(_ rest: String, _ text: String) throws(ArchiveError) -> ArchiveLocation {
        let path = rest.hasPrefix("localhost/") ? String(rest.dropFirst("localhost".count)) : rest
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw ArchiveError(.invalid, "\(text): write file:///PATH with three slashes, or just the path")
        }
        guard let decoded = PercentEncoding.decode(path), !decoded.utf8.contains(0) else {
            throw ArchiveError(
                .invalid, "\(text): after each % two hexadecimal digits are wanted, of UTF-8; or write just the path")
        }
        return .directory(decoded)
    }
}
