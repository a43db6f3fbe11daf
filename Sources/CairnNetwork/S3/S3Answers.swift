import CairnArchive
import CairnFormat
import NIOHTTP1

/// One version of an object, or the mark of a removal.
struct S3Version: Equatable {
    var key: String
    /// `null` where the bucket keeps no versions.
    var version: String
}

/// Reads what S3 answers (https://docs.aws.amazon.com/AmazonS3/latest/API/).
enum S3Answers {
    /// Bytes of a page of a list at most: 1,000 keys of 1,024 bytes, each escaped to six, and what S3 says of each.
    static let listingBytes = 8 << 20

    /// The headers of an answer to HEAD.
    static func status(_ answer: HTTPAnswer) throws(ArchiveError) -> ObjectStatus {
        let headers = answer.headers
        guard let size = headers.first(name: "content-length").flatMap(UInt64.init) else {
            throw unreadable("an object without its length")
        }
        var status = ObjectStatus(size: size)
        status.sha256 = checksum(answer)
        status.version = headers.first(name: "x-amz-version-id").map(printable)
        status.hasLegalHold = headers.first(name: "x-amz-object-lock-legal-hold")?.uppercased() == "ON"
        status.modified = headers.first(name: "last-modified").flatMap(time(ofHeader:))
        if let mode = headers.first(name: "x-amz-object-lock-mode").flatMap({ ObjectLock.Mode(rawValue: $0) }),
            let until = headers.first(name: "x-amz-object-lock-retain-until-date").flatMap({ Time(rfc3339: $0) })
        {
            status.lock = ObjectLock(mode, until: until)
        }
        return status
    }

    /// The SHA-256 of the whole object; nil where the server tells none, or one of the parts of a multipart upload.
    static func checksum(_ answer: HTTPAnswer) -> Digest? {
        answer.headers.first(name: "x-amz-checksum-sha256").flatMap { Base64.decodeDigest($0) }
    }

    /// The first offset of `content-range: bytes 0-99/1000`.
    static func start(ofRange answer: HTTPAnswer) -> UInt64? {
        let value = answer.headers.first(name: "content-range")
        guard let value, value.lowercased().hasPrefix("bytes ") else { return nil }
        return value.dropFirst("bytes ".count).split(separator: "-").first.flatMap { UInt64($0) }
    }

    /// A page of ListObjectsV2, keys as they are in the bucket.
    ///
    /// - Returns: the objects, and the token of the page that follows.
    static func listing(_ answer: HTTPAnswer) throws(ArchiveError) -> (objects: [ListedObject], next: String?) {
        let root = try root(answer, named: "ListBucketResult")
        var objects: [ListedObject] = []
        for entry in root.children where entry.name == "Contents" {
            guard let key = entry.text("Key"), let size = entry.text("Size").flatMap(UInt64.init) else {
                throw unreadable("a list with an object without its key or size")
            }
            let modified = entry.text("LastModified").flatMap { Time(rfc3339: $0) }
            objects.append(ListedObject(key: key, size: size, modified: modified))
        }
        guard root.text("IsTruncated") == "true" else { return (objects, nil) }
        guard let next = root.text("NextContinuationToken"), !next.isEmpty else {
            throw unreadable("a part of a list without the token of the next")
        }
        return (objects, next)
    }

    /// A page of ListObjectVersions.
    static func versions(_ answer: HTTPAnswer) throws(ArchiveError) -> [S3Version] {
        let root = try root(answer, named: "ListVersionsResult")
        var versions: [S3Version] = []
        for entry in root.children where entry.name == "Version" || entry.name == "DeleteMarker" {
            guard let key = entry.text("Key"), let version = entry.text("VersionId") else {
                throw unreadable("a list with a version without its key or name")
            }
            versions.append(S3Version(key: key, version: version))
        }
        return versions
    }

    /// `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110 section 5.6.7).
    static func time(ofHeader text: String) -> Time? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return Time(rfc3339: "\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
    }

    private static func root(_ answer: HTTPAnswer, named name: String) throws(ArchiveError) -> XMLElement {
        guard let root = XMLElement.parse(answer.body), root.name == name else {
            throw unreadable("something else than a \(name)")
        }
        return root
    }

    private static func unreadable(_ what: String) -> ArchiveError {
        ArchiveError(.invalid, "the server answered with \(what): check that the endpoint is an S3 server")
    }
}
