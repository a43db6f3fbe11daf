import CairnFormat
import CairnPlatform
import CairnSimulation
import Glibc
import NIOHTTP1
import Testing

@testable import CairnArchive
@testable import CairnNetwork

/// The S3 side against a server that does what no real one can be asked to do.
struct S3RequestTests {
    private static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    private static let token = "a-session-token"

    /// More than the buffers of a connection hold, so that a server that does not read is felt.
    private static let large = pattern(8 << 20)

    private struct Setup {
        let server: FakeServer
        let storage: S3Storage
        let sleep: FakeSleep
    }

    /// Time-outs that a test can wait for, but that a busy machine still keeps.
    private static let timeouts = HTTPTimeouts(
        connect: 2_000_000_000, piece: 500_000_000, answer: 500_000_000, slowestBytesPerSecond: 1 << 20)

    private func setup(
        _ answers: FakeServer.Answer..., prefix: String = "", bytesPerSecond: Int? = nil
    ) throws -> Setup {
        let server = try FakeServer(answers)
        let sleep = FakeSleep()
        let settings = S3Settings(
            bucket: "bucket", prefix: prefix, region: "eu-central-1", endpoint: try S3Endpoint(server.endpoint),
            addressing: .path,
            credentials: try S3Credentials(
                accessKeyID: "AKIAEXAMPLE", secretAccessKey: Self.secret, sessionToken: Self.token, origin: "a test"),
            uploadBytesPerSecond: bytesPerSecond)
        // The storage keeps its server: a test may use nothing else any more.
        var pacing = sleep.pacing()
        let pause = pacing.sleep
        pacing.sleep = { duration in withExtendedLifetime(server) { pause(duration) } }
        let storage = try S3Storage(settings, pacing: pacing, timeouts: Self.timeouts)
        return Setup(server: server, storage: storage, sleep: sleep)
    }

    private static func error(_ code: String, _ more: String = "") -> String {
        "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>some words</Message>\(more)</Error>"
    }

    // MARK: What is sent

    @Test func aLockSaysAllThatIsToBeSaid() throws {
        let setup = try setup(.status(200), prefix: "p")
        let until = try #require(Time(rfc3339: "2030-01-02T03:04:05.5Z"))
        try setup.storage.lock("a/b", ObjectLock(.governance, until: until))
        let request = try #require(setup.server.requests.first)
        #expect(request.method == "PUT" && request.uri == "/bucket/p/a/b?retention=")
        let body = String(decoding: request.body, as: UTF8.self)
        #expect(
            body.hasSuffix("<Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-02T03:04:06Z</RetainUntilDate></Retention>")
        )
        #expect(request.headers["x-amz-checksum-sha256"] == Base64.encode(Digest.sha256(request.body)))
        #expect(request.headers["x-amz-content-sha256"] == Hex.encode(Digest.sha256(request.body).bytes))
        #expect(
            code { try self.setup(.status(403)).storage.lock("a", ObjectLock(.governance, until: until)) } == .denied)
    }

    /// Whoever is on the way would read along, unless there is no way.
    @Test(arguments: [
        ("http://s3.example.org", true), ("http://minio:9000", true), ("http://10.0.0.1", true),
        ("http://[fe80::1]:90", true),
        ("http://127.example.org", true), ("http://localhost.example.org", true), ("http://127.0.0.1:8333", false),
        ("http://localhost", false), ("http://LOCALHOST:1", false), ("http://[::1]:8333", false),
        ("http://weed.localhost", false), ("https://s3.example.org", false), ("https://127.0.0.1", false),
    ])
    func anOpenWayIsToldOf(_ endpoint: String, _ isOpen: Bool) throws {
        var settings = try setup(.status(200)).storage.settings
        settings.endpoint = try S3Endpoint(endpoint)
        let warning = try S3Storage(settings).warning
        #expect((warning != nil) == isOpen)
        #expect(warning.map { $0.contains(endpoint) && !$0.contains(Self.secret) && !$0.contains("AKIA") } ?? true)
    }

    @Test func aPutSaysAllThatIsToBeSaid() throws {
        let setup = try setup(.status(200), prefix: "my prefix")
        let bytes = pattern(300_000)
        var upload = Upload(key: "a b/c+d=é", source: BytesSource(bytes), sha256: .sha256(bytes))
        // Not a whole second: it is rounded up, so that the lock is never too short.
        let until = try #require(Time(rfc3339: "2030-01-02T03:04:05.000000001Z"))
        upload.lock = ObjectLock(.compliance, until: until)
        upload.contentType = "application/gzip"
        try setup.storage.put(upload)

        let request = try #require(setup.server.requests.first)
        #expect(request.method == "PUT")
        #expect(request.uri == "/bucket/my%20prefix/a%20b/c%2Bd%3D%C3%A9")
        #expect(request.body == bytes)
        let hash = Digest.sha256(bytes)
        let expected = [
            "content-length": "300000", "host": "127.0.0.1:\(setup.storage.settings.endpoint.port)",
            "x-amz-content-sha256": Hex.encode(hash.bytes), "x-amz-checksum-sha256": Base64.encode(hash),
            "if-none-match": "*", "content-type": "application/gzip", "x-amz-security-token": Self.token,
            "x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2030-01-02T03:04:06Z",
            "x-amz-date": SignatureVersion4.dateText(setup.sleep.clock.wall()),
        ]
        for (name, value) in expected { #expect(request.headers[name] == value, "\(name)") }
        #expect(request.headers["transfer-encoding"] == nil)
        let authorization = try #require(request.headers["authorization"])
        #expect(authorization.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"))
        for name in expected.keys where name != "content-length" {
            #expect(authorization.contains(name), "\(name) is signed")
        }
    }

    @Test func anEmptyObjectHasALengthToo() throws {
        let setup = try setup(.status(200))
        try setup.storage.put("empty", [], onlyIfAbsent: false)
        let request = try #require(setup.server.requests.first)
        #expect(request.headers["content-length"] == "0")
        #expect(request.headers["if-none-match"] == nil)
        #expect(request.headers["x-amz-content-sha256"] == Hex.encode(Digest.empty.bytes))
    }

    @Test func aVirtualHostHasTheBucketInItsName() throws {
        let endpoint = try S3Endpoint("https://s3.eu-central-1.amazonaws.com")
        #expect(endpoint.authority(bucket: "logs") == "logs.s3.eu-central-1.amazonaws.com")
        #expect(endpoint.authority() == "s3.eu-central-1.amazonaws.com")
        #expect(try S3Endpoint("http://localhost:9000").authority(bucket: "logs") == "logs.localhost:9000")
        let setup = try setup(.status(200))
        var settings = setup.storage.settings
        settings.addressing = .virtual
        let client = try S3Client(settings, pacing: setup.sleep.pacing(), timeouts: Self.timeouts)
        let request = client.signed(S3Request(method: .GET, object: "a b"))
        #expect(request.url == "http://bucket.127.0.0.1:\(settings.endpoint.port)/a%20b")
        #expect(request.headers.first(name: "host") == "bucket.127.0.0.1:\(settings.endpoint.port)")
    }

    // MARK: Retries

    /// Whatever goes wrong on the way, the next try helps.
    @Test(
        arguments: [
            .status(500, body: error("InternalError")), .status(502), .status(503, body: error("SlowDown")),
            .status(504),
            .status(429), .status(408), .status(400, body: error("RequestTimeout")),
            .status(409, body: error("ConditionalRequestConflict")), .hangUp, .cut, .silence, .deafness, .early(503),
        ] as [FakeServer.Answer])
    func aFailureThatMayPassIsTriedAgain(_ answer: FakeServer.Answer) throws {
        let setup = try setup(answer, answer, .status(200))
        let bytes = Self.large
        var progress: [UInt64] = []
        var upload = Upload(key: "a", source: BytesSource(bytes), sha256: .sha256(bytes))
        upload.progress = { progress.append($0) }
        try setup.storage.put(upload)
        #expect(setup.server.requests.count == 3)
        #expect(setup.server.requests.last?.body == bytes, "from its start")
        #expect(setup.sleep.waits.count == 2)
        #expect(progress.last == UInt64(bytes.count))
    }

    /// The answer may be there before the client has seen the end of what it sent, and the storage be gone a moment
    /// later.
    @Test(arguments: [.status(200), .status(412), .early(200), .early(412)] as [FakeServer.Answer])
    func shortLivesEndWell(_ answer: FakeServer.Answer) throws {
        let setup = try setup(answer)
        for number in 0..<60 {
            let storage = try S3Storage(
                setup.storage.settings, pacing: setup.sleep.pacing(), timeouts: Self.timeouts)
            let outcome = code { try storage.put("a", Array(Self.large.prefix(number * 1700))) }
            #expect(outcome == nil || outcome == .exists)
        }
    }

    @Test(arguments: [.hangUp, .cut, .silence, .status(503)] as [FakeServer.Answer])
    func readsAreTriedAgain(_ answer: FakeServer.Answer) throws {
        let setup = try setup(answer, .status(206, headers: ["content-range": "bytes 2-4/9"], body: "cde"))
        #expect(try setup.storage.read("a", at: 2, count: 3) == Array("cde".utf8))
        #expect(setup.server.requests.count == 2)
        #expect(setup.server.requests.last?.headers["range"] == "bytes=2-4")
    }

    @Test func afterTheLastTryItIsUnavailable() throws {
        let setup = try setup(.status(503, body: Self.error("SlowDown")))
        let failure = failure { try setup.storage.put("a", [1]) }
        #expect(failure?.code == .unavailable)
        #expect(failure?.key == "a")
        #expect(failure?.message.contains("HTTP 503 SlowDown: some words") == true)
        #expect(setup.server.requests.count == Retry.tries)
        #expect(setup.sleep.waits.count == Retry.tries - 1)
        for (index, wait) in setup.sleep.waits.enumerated() {
            #expect((0...Retry.firstWait << Int64(index)).contains(wait))
        }
    }

    /// Each try is signed when it is made: a signature is good for some minutes only.
    @Test func eachTryHasItsOwnTime() throws {
        let setup = try setup(.status(500), .status(500), .status(500), .status(500), .status(200))
        try setup.storage.put("a", [1])
        let dates = setup.server.requests.map { $0.headers["x-amz-date"] }
        #expect(Set(dates).count > 1)
        #expect(dates.last == SignatureVersion4.dateText(setup.sleep.clock.wall()))
        #expect(Set(setup.server.requests.map { $0.headers["authorization"] }).count == Set(dates).count)
    }

    @Test func nobodyThere() throws {
        var settings = try setup(.status(200)).storage.settings
        // Bound, so that nobody else gets it, but nobody listens.
        let (socket, port) = try boundSocket()
        defer { close(socket) }
        settings.endpoint = try S3Endpoint("http://127.0.0.1:\(port)")
        let sleep = FakeSleep()
        let storage = try S3Storage(settings, pacing: sleep.pacing(), timeouts: Self.timeouts)
        let failure = failure { try storage.put("a", [1]) }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains("refused") == true, "\(failure?.message ?? "")")
        #expect(sleep.waits.count == Retry.tries - 1)
    }

    // MARK: Answers that another try would not change

    @Test(
        arguments: [
            (400, "BadDigest", .changed, "bytes"), (400, "XAmzContentSHA256Mismatch", .changed, "bytes"),
            (400, "InvalidRequest", .invalid, "Object Lock"), (400, "EntityTooLarge", .tooLarge, "smaller"),
            (400, "ExpiredToken", .denied, "ended"), (400, "Whatever", .invalid, "S3 server"),
            (403, "AccessDenied", .denied, "rights"), (403, "SignatureDoesNotMatch", .denied, "secret"),
            (403, "InvalidAccessKeyId", .denied, "access key"), (403, "RequestTimeTooSkewed", .denied, "clock"),
            (404, "NoSuchBucket", .notFound, "no bucket bucket"), (404, "Whatever", .notFound, "check"),
            (405, "MethodNotAllowed", .invalid, "S3 server"), (412, "PreconditionFailed", .exists, "already"),
            (501, "NotImplemented", .invalid, "does not have"),
        ] as [(Int, String, ArchiveError.Code, String)])
    func refusalsAreTold(_ status: Int, _ code: String, _ expected: ArchiveError.Code, _ word: String) throws {
        let setup = try setup(.status(status, body: Self.error(code)))
        let failure = try #require(failure { try setup.storage.put("a", [1]) })
        #expect(failure.code == expected)
        #expect(failure.status == status)
        #expect(failure.key == "a")
        #expect(failure.message.contains("HTTP \(status) \(code): some words"))
        #expect(failure.message.contains(word), "\(failure.message)")
        #expect(setup.server.requests.count == 1)
        #expect(setup.sleep.waits.isEmpty)
        #expect(!failure.description.contains(Self.secret) && !failure.description.contains(Self.token))
    }

    /// The server says no at once, and the rest of the body is not waited for.
    @Test(arguments: [(403, .denied), (412, .exists)] as [(Int, ArchiveError.Code)])
    func anEarlyRefusalEndsTheUpload(_ status: Int, _ expected: ArchiveError.Code) throws {
        let setup = try setup(.early(status, body: Self.error("Refused")))
        #expect(code { try setup.storage.put("a", Self.large) } == expected)
        #expect(setup.server.requests.count == 1)
    }

    @Test(
        arguments: [
            .status(301, headers: ["x-amz-bucket-region": "eu-west-1"]),
            .status(307, body: error("TemporaryRedirect", "<Region>eu-west-1</Region>")),
            .status(400, body: error("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")),
        ] as [FakeServer.Answer])
    func anotherRegionIsNamed(_ answer: FakeServer.Answer) throws {
        let setup = try setup(answer)
        let failure = failure { try setup.storage.put("a", [1]) }
        #expect(failure?.code == .invalid)
        #expect(failure?.message.contains("AWS_REGION=eu-west-1") == true)
        #expect(setup.server.requests.count == 1, "nothing signed goes to where a stranger points")
    }

    @Test func aRedirectWithoutARegionIsNotFollowed() throws {
        let setup = try setup(.status(301, headers: ["location": "http://127.0.0.1:1/"]))
        #expect(failure { try setup.storage.put("a", [1]) }?.message.contains("CAIRN_S3_ENDPOINT") == true)
        #expect(setup.server.requests.count == 1, "\(setup.server.requests)")
    }

    /// The first try came through, its answer did not: the second finds the object, and it is the right one.
    @Test func anObjectOfALostAnswerIsTakenForStored() throws {
        let bytes = pattern(100)
        let mine = ["x-amz-checksum-sha256": Base64.encode(Digest.sha256(bytes)), "content-length": "100"]
        let taken = FakeServer.Answer.status(412, body: Self.error("PreconditionFailed"))
        let stored = try setup(.hangUp, taken, .status(200, headers: mine))
        try stored.storage.put("a", bytes)
        #expect(stored.server.requests.map(\.method) == ["PUT", "PUT", "HEAD"])

        let other = ["x-amz-checksum-sha256": Base64.encode(Digest.sha256([1])), "content-length": "100"]
        let foreign = try setup(.hangUp, taken, .status(200, headers: other))
        #expect(code { try foreign.storage.put("a", bytes) } == .exists)
        let atOnce = try setup(taken, .status(200, headers: mine))
        #expect(code { try atOnce.storage.put("a", bytes) } == .exists, "it was there before the first try")
    }

    // MARK: What servers answer

    @Test func aStrangeServerDoesNoHarm() throws {
        for (answer, expected) in [
            (.status(200, body: "<html>"), .invalid), (.status(200, body: "<Other/>"), .invalid),
            (.status(200, body: "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"), .invalid),
            (.status(200, body: "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"), .invalid),
            (.status(200, body: String(repeating: "x", count: S3Answers.listingBytes + 1)), .tooLarge),
            (.status(403, body: "\u{1B}[2Jnot XML"), .denied),
            (.status(403, body: String(repeating: "x", count: S3Answers.listingBytes + 1)), .denied),
        ] as [(FakeServer.Answer, ArchiveError.Code)] {
            let setup = try setup(answer)
            #expect(code { _ = try setup.storage.list(prefix: "", from: nil, limit: 10) } == expected)
        }
        let colourful = try setup(.status(403, body: Self.error("\u{1B}[31mRed", "<Region>\u{7}</Region>")))
        let failure = failure { try colourful.storage.put("a", [1]) }
        #expect(failure?.message.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
    }

    @Test func pagesFollowTheToken() throws {
        func page(_ keys: [String], next: String?) -> FakeServer.Answer {
            let contents = keys.map { "<Contents><Key>p/\($0)</Key><Size>1</Size></Contents>" }.joined()
            let more = next.map {
                "<IsTruncated>true</IsTruncated><NextContinuationToken>\($0)</NextContinuationToken>"
            }
            return .status(200, body: "<ListBucketResult>\(contents)\(more ?? "")</ListBucketResult>")
        }
        let setup = try setup(
            page(["a", "b/", "&amp;"], next: "t/1+="), page([], next: "t2"), page(["c"], next: nil), prefix: "p")
        #expect(try setup.storage.keys(prefix: "x y", after: "0") == ["a", "&", "c"])
        let queries = setup.server.requests.map { $0.uri.split(separator: "?").last.map(String.init) }
        #expect(
            queries == [
                "list-type=2&max-keys=1000&prefix=p%2Fx%20y&start-after=p%2F0",
                "continuation-token=t%2F1%2B%3D&list-type=2&max-keys=1000&prefix=p%2Fx%20y",
                "continuation-token=t2&list-type=2&max-keys=1000&prefix=p%2Fx%20y",
            ])
        let endless = try self.setup(page(["a"], next: "same"))
        #expect(code { _ = try endless.storage.keys() } == .unavailable)
    }

    @Test func headTellsWhatTheHeadersSay() throws {
        let digest = Digest.sha256([7])
        let headers = [
            "content-length": "5000000000", "x-amz-version-id": "v1", "x-amz-object-lock-mode": "GOVERNANCE",
            "x-amz-object-lock-retain-until-date": "2030-01-02T03:04:05.000Z", "x-amz-object-lock-legal-hold": "ON",
            "x-amz-checksum-sha256": Base64.encode(digest), "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT",
        ]
        let status = try #require(try setup(.status(200, headers: headers)).storage.head("a"))
        #expect(status.size == 5_000_000_000)
        #expect(status.version == "v1")
        #expect(status.sha256 == digest)
        #expect(status.hasLegalHold)
        #expect(status.lock == ObjectLock(.governance, until: try #require(Time(rfc3339: "2030-01-02T03:04:05Z"))))
        #expect(status.modified == Time(rfc3339: "2015-10-21T07:28:00Z"))
        // The hash of a multipart upload is one of hashes.
        let parts = ["content-length": "1", "x-amz-checksum-sha256": Base64.encode(digest) + "-2"]
        #expect(try setup(.status(200, headers: parts)).storage.head("a") == ObjectStatus(size: 1))
        #expect(try setup(.status(404)).storage.head("a") == nil)
        #expect(code { _ = try setup(.status(403)).storage.head("a") } == .denied)
    }

    @Test func otherRangesThanAskedForAreRefused() throws {
        let shifted = try setup(.status(206, headers: ["content-range": "bytes 3-5/9"], body: "abc"))
        #expect(code { _ = try shifted.storage.read("a", at: 2, count: 3) } == .unavailable)
        let whole = try setup(.status(200, body: "abcdefghi"))
        #expect(try whole.storage.read("a", at: 2, count: 3) == Array("cde".utf8))
        #expect(try whole.storage.read("a", at: 9, count: 3) == [])
        let large = try setup(.status(200, body: String(repeating: "x", count: 100_000)))
        #expect(code { _ = try large.storage.read("a", at: 2, count: 3) } == .tooLarge)
    }

    @Test func aDamagedObjectIsNotGivenOut() throws {
        let headers = ["x-amz-checksum-sha256": Base64.encode(Digest.sha256(Array("whole".utf8)))]
        #expect(try setup(.status(200, headers: headers, body: "whole")).storage.contents("a", limit: 9) != nil)
        #expect(
            code { _ = try setup(.status(200, headers: headers, body: "whale")).storage.contents("a", limit: 9) }
                == .changed)
        let missing = try setup(.status(404, body: Self.error("NoSuchBucket")))
        #expect(code { _ = try missing.storage.contents("a", limit: 9) } == .notFound)
    }

    @Test func aVersionThatStaysIsNotRemovedForEver() throws {
        let listing = "<ListVersionsResult><Version><Key>a</Key><VersionId>v</VersionId></Version></ListVersionsResult>"
        let setup = try setup(.status(200, body: listing), .status(204), .status(200, body: listing))
        #expect(code { try setup.storage.removeEveryVersion("a", bypassingGovernance: true) } == .unavailable)
        #expect(setup.server.requests.map(\.method) == ["GET", "DELETE", "GET"])
        #expect(setup.server.requests[1].uri == "/bucket/a?versionId=v")
        #expect(setup.server.requests[1].headers["x-amz-bypass-governance-retention"] == "true")
    }

    @Test func aRefusedRemovalIsLockedOnlyWhereALockStands() throws {
        func outcome(_ lock: [String: String]) throws -> ArchiveError.Code? {
            let head = FakeServer.Answer.status(200, headers: ["content-length": "1", "x-amz-version-id": "v"])
            var headers = lock
            headers["content-length"] = "1"
            let setup = try setup(
                head, .status(403, body: Self.error("AccessDenied")), .status(200, headers: headers))
            return code { try setup.storage.remove("a") }
        }
        func lock(_ until: String) -> [String: String] {
            ["x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": until]
        }
        #expect(try outcome([:]) == .denied)
        #expect(try outcome(lock("2099-01-01T00:00:00Z")) == .locked)
        #expect(try outcome(lock("2001-01-01T00:00:00Z")) == .denied, "its time is over")
        #expect(try outcome(["x-amz-object-lock-legal-hold": "ON"]) == .locked)
    }

    // MARK: Limits

    @Test func anUploadKeepsToItsBandwidth() throws {
        let setup = try setup(.status(200), bytesPerSecond: 100_000)
        try setup.storage.put("a", pattern(1_000_000))
        // Ten seconds' worth, less what the bucket holds.
        let slept = setup.sleep.waits.reduce(0, +)
        #expect(slept >= 10_000_000_000 - BandwidthLimit.burst - 1000 && slept <= 10_000_000_000)
        #expect(setup.sleep.waits.allSatisfy { $0 <= 1_000_000_001 }, "in pieces, so that the server hears something")
        #expect(setup.server.requests.first?.body.count == 1_000_000)
    }

    @Test func anObjectBeyondOnePutIsRefused() throws {
        struct Huge: ObjectSource {
            let size = S3Storage.putBytes + 1
            func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int { 0 }
        }
        let setup = try setup(.status(200))
        #expect(code { try setup.storage.put(Upload(key: "a", source: Huge(), sha256: .zero)) } == .tooLarge)
        #expect(setup.server.requests.isEmpty)
    }
}
