package import CairnArchive
import CairnFormat
import CairnPlatform
import NIOHTTP1

/// An archive in a bucket of any S3.
///
/// Every upload is one PUT with its SHA-256, which the server checks, and its length. There is no multipart upload:
/// a segment is far below ``putBytes``, and one PUT is there or not there, so that a crash leaves no parts that nobody
/// sees and everybody pays for, and the server's checksum is that of the whole object.
package final class S3Storage: ObjectStorage {
    /// Bytes of an object at most: what S3 takes in one PUT.
    package static let putBytes: UInt64 = 5 << 30
    /// Bytes that one GET asks for: a larger read is divided, so that a break costs little and memory is bounded.
    static let rangeBytes = 8 << 20

    package let name: String
    let client: S3Client
    let settings: S3Settings
    let pacing: Pacing

    package convenience init(_ settings: S3Settings) throws(ArchiveError) {
        try self.init(settings, pacing: .system, timeouts: HTTPTimeouts())
    }

    init(_ settings: S3Settings, pacing: Pacing, timeouts: HTTPTimeouts) throws(ArchiveError) {
        self.settings = settings
        self.pacing = pacing
        name = ArchiveLocation.s3(bucket: settings.bucket, prefix: settings.prefix).description
        client = try S3Client(settings, pacing: pacing, timeouts: timeouts)
    }

    /// What is unwise about the way to the server, and what to do; nil where nothing is.
    package var warning: String? {
        let endpoint = settings.endpoint
        guard !endpoint.isEncrypted, !endpoint.isLoopback else { return nil }
        return
            "\(endpoint) is not encrypted: whoever is on the way can read the events, and use what is signed for them; "
            + "use https://"
    }

    // MARK: Writing

    package func put(_ upload: Upload) throws(ArchiveError) {
        let size = upload.source.size
        guard size <= Self.putBytes else {
            throw ArchiveError(
                .tooLarge, "\(size) bytes, and S3 takes at most \(Self.putBytes) at once: make segments smaller",
                key: upload.key)
        }
        if size == 0 {
            // No piece of it is ever sent, so that nothing else would look.
            var pass = SourcePass(upload)
            _ = try pass.next(into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
            upload.progress?(0)
        }
        var request = try self.request(.PUT, upload.key)
        request.payload = upload.sha256
        request.headers = Self.headers(of: upload)
        let (answer, tries) = try client.send(request, upload: upload)
        if (200..<300).contains(answer.status) { return }
        let failure = client.failure(answer, request)
        // An earlier try may have come through although its answer did not.
        if failure.code == .exists, tries > 1, try head(upload.key)?.sha256 == upload.sha256 { return }
        throw failure
    }

    private static func headers(of upload: Upload) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = [
            ("x-amz-checksum-sha256", Base64.encode(upload.sha256)),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ]
        if upload.onlyIfAbsent { headers.append(("if-none-match", "*")) }
        if let type = upload.contentType { headers.append(("content-type", type)) }
        if let lock = upload.lock {
            headers.append(("x-amz-object-lock-mode", lock.mode.rawValue))
            headers.append(("x-amz-object-lock-retain-until-date", Self.wholeSeconds(lock.until)))
        }
        return headers
    }

    /// RFC 3339 without a fraction, never before the time itself.
    private static func wholeSeconds(_ time: Time) -> String {
        let whole = floorDivide(time.nanoseconds, Time.perSecond) * Time.perSecond
        let isWhole = whole == time.nanoseconds
        let (next, overflow) = whole.addingReportingOverflow(isWhole ? 0 : Time.perSecond)
        var text: [UInt8] = []
        Time(nanoseconds: overflow ? whole : next).append(to: &text, fractionDigits: 0)
        return String(decoding: text, as: UTF8.self)
    }

    package func remove(_ key: String) throws(ArchiveError) {
        guard let status = try head(key) else { return }
        // Without its version, a removal where versions are kept only hides the object.
        try removeVersion(key, status.version, bypassingGovernance: false)
    }

    package func removeEveryVersion(_ key: String, bypassingGovernance: Bool) throws(ArchiveError) {
        var previous: S3Version?
        while true {
            let versions = try versions(of: key)
            guard let first = versions.first else { return }
            guard first != previous else {
                throw ArchiveError(
                    .unavailable, "the server says that it removed a version and lists it still; look there by hand",
                    key: key)
            }
            previous = first
            for version in versions {
                try removeVersion(key, version.version, bypassingGovernance: bypassingGovernance)
            }
        }
    }

    private func removeVersion(_ key: String, _ version: String?, bypassingGovernance: Bool) throws(ArchiveError) {
        var request = try self.request(.DELETE, key)
        if let version { request.query = [("versionId", version)] }
        if bypassingGovernance { request.headers = [("x-amz-bypass-governance-retention", "true")] }
        let answer = try client.send(request).answer
        if (200..<300).contains(answer.status) || answer.status == 404 { return }
        let failure = client.failure(answer, request)
        guard failure.code == .denied || failure.code == .invalid else { throw failure }
        throw try lockInTheWay(key, version) ?? failure
    }

    /// The failure to tell where a lock forbids the removal; S3 says no more than "access denied".
    private func lockInTheWay(_ key: String, _ version: String?) throws(ArchiveError) -> ArchiveError? {
        var request = try self.request(.HEAD, key)
        if let version { request.query = [("versionId", version)] }
        let answer = try client.send(request).answer
        guard answer.status == 200, let status = try? S3Answers.status(answer) else { return nil }
        if status.hasLegalHold {
            return ArchiveError(.locked, "a legal hold keeps this object: lift it first", key: key, status: 403)
        }
        guard let lock = status.lock, lock.until.nanoseconds > pacing.clock.wall() else { return nil }
        let mode = lock.mode.rawValue.lowercased()
        return ArchiveError(
            .locked, "Object Lock (\(mode) mode) keeps this object until \(lock.until)", key: key, status: 403)
    }

    /// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html
    package func lock(_ key: String, _ lock: ObjectLock) throws(ArchiveError) {
        let text =
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>\(lock.mode.rawValue)</Mode>"
            + "<RetainUntilDate>\(Self.wholeSeconds(lock.until))</RetainUntilDate></Retention>"
        let body = Array(text.utf8)
        var request = try self.request(.PUT, key)
        request.query = [("retention", "")]
        request.payload = .sha256(body)
        request.headers = [
            ("content-type", "application/xml"), ("x-amz-checksum-sha256", Base64.encode(request.payload)),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ]
        let upload = Upload(key: key, source: BytesSource(body), sha256: request.payload)
        _ = try client.succeed(request, upload: upload)
    }

    // MARK: Reading

    package func size(_ key: String) throws(ArchiveError) -> UInt64? { try head(key)?.size }

    package func head(_ key: String) throws(ArchiveError) -> ObjectStatus? {
        var request = try self.request(.HEAD, key)
        request.headers = [("x-amz-checksum-mode", "ENABLED")]
        let answer = try client.send(request).answer
        if answer.status == 404 { return nil }
        guard answer.status == 200 else { throw client.failure(answer, request) }
        return try S3Answers.status(answer)
    }

    package func read(
        _ key: String, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(ArchiveError) -> Int {
        var done = 0
        while done < buffer.count {
            let end = min(buffer.count, done + Self.rangeBytes)
            let (start, overflow) = offset.addingReportingOverflow(UInt64(done))
            guard !overflow else { break }
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<end])
            let count = try readRange(key, at: start, into: piece)
            done += count
            if count < piece.count { break }
        }
        return done
    }

    private func readRange(
        _ key: String, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(ArchiveError) -> Int {
        let (last, overflow) = offset.addingReportingOverflow(UInt64(buffer.count - 1))
        var request = try self.request(.GET, key)
        request.headers = [("range", "bytes=\(offset)-\(overflow ? UInt64.max : last)")]
        let answer = try client.send(request, answerLimit: buffer.count).answer
        switch answer.status {
        // Beyond the end; an empty object has no range at all.
        case 416: return 0
        case 206:
            guard answer.body.count <= buffer.count, S3Answers.start(ofRange: answer) == offset else {
                throw ArchiveError(
                    .unavailable, "\(settings.endpoint) gave another range of bytes than was asked for", key: key)
            }
            buffer.copyBytes(from: answer.body)
            return answer.body.count
        case 200:
            // A server that does not know ranges, or thinks the object too small to divide.
            guard UInt64(answer.body.count) > offset else { return 0 }
            let wanted = answer.body[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: wanted)
            return wanted.count
        default: throw client.failure(answer, request)
        }
    }

    package func contents(_ key: String, limit: Int) throws(ArchiveError) -> [UInt8]? {
        var request = try self.request(.GET, key)
        request.headers = [("x-amz-checksum-mode", "ENABLED")]
        let answer = try client.send(request, answerLimit: limit).answer
        if answer.status == 404, S3Failure(answer).code != "NoSuchBucket" { return nil }
        guard answer.status == 200 else { throw client.failure(answer, request) }
        guard answer.body.count <= limit else {
            throw ArchiveError(.tooLarge, "\(answer.body.count) bytes, and at most \(limit) are wanted", key: key)
        }
        if let sha256 = S3Answers.checksum(answer), sha256 != .sha256(answer.body) {
            throw ArchiveError(.changed, "what came is not what the storage has the SHA-256 of: try again", key: key)
        }
        return answer.body
    }

    package func list(
        prefix: String, from start: ObjectPage.Start?, limit: Int
    ) throws(ArchiveError) -> ObjectPage {
        var request = S3Request(method: .GET)
        request.query = [
            ("list-type", "2"), ("prefix", path(prefix)), ("max-keys", "\(min(max(1, limit), Self.pageObjects))"),
        ]
        switch start {
        case nil: break
        case .after(let key): request.query.append(("start-after", path(key)))
        // Not the last key of the page before: not every server lists in the order in which it compares.
        case .token(let token): request.query.append(("continuation-token", token))
        }
        let answer = try client.succeed(request, answerLimit: S3Answers.listingBytes)
        let listing = try S3Answers.listing(answer)
        guard listing.next == nil || listing.next.map(ObjectPage.Start.token) != start else {
            throw ArchiveError(.unavailable, "\(settings.endpoint) gives the same page of its list again and again")
        }
        // The keys of others in the bucket and the marks that programs set for directories are no objects of ours.
        let inner = path("")
        let objects = listing.objects.compactMap { object -> ListedObject? in
            guard ObjectKey.hasPrefix(object.key, inner), object.key.utf8.last != UInt8(ascii: "/") else { return nil }
            var object = object
            object.key = String(decoding: object.key.utf8.dropFirst(inner.utf8.count), as: UTF8.self)
            return object
        }
        return ObjectPage(objects: objects, next: listing.next.map { .token($0) })
    }

    /// All that the bucket keeps under exactly this key, marks of removals too; at most a page of them.
    private func versions(of key: String) throws(ArchiveError) -> [S3Version] {
        try ObjectKey.check(key)
        let request = S3Request(
            method: .GET, query: [("versions", ""), ("prefix", path(key)), ("max-keys", "\(Self.pageObjects)")],
            key: key)
        let answer = try client.succeed(request, answerLimit: S3Answers.listingBytes)
        // Keys that only begin like this one follow it in the list.
        return try S3Answers.versions(answer).filter { ObjectKey.equals($0.key, path(key)) }
    }

    // MARK: Keys

    private func request(_ method: HTTPMethod, _ key: String) throws(ArchiveError) -> S3Request {
        try ObjectKey.check(key)
        return S3Request(method: method, object: path(key), key: key)
    }

    /// The key in the bucket.
    private func path(_ key: String) -> String { settings.prefix.isEmpty ? key : "\(settings.prefix)/\(key)" }
}
