import CairnArchive
import CairnFormat
import CairnPlatform
import NIOHTTP1

/// A request of the S3 protocol, about a bucket or an object in it.
struct S3Request {
    var method: HTTPMethod
    /// Whole key in the bucket; nil for the bucket itself.
    var object: String?
    var query: [(name: String, value: String)] = []
    /// Besides those that every request has.
    var headers: [(name: String, value: String)] = []
    /// Of the body.
    var payload = Digest.empty
    /// How the caller names what it is about, for messages.
    var key: String?
}

/// Signs requests, sends them, and tries again what may work then.
final class S3Client: Sendable {
    let settings: S3Settings
    private let transport: HTTPTransport
    private let signature: SignatureVersion4
    private let pacing: Pacing
    private let bandwidth: BandwidthLimit?

    init(_ settings: S3Settings, pacing: Pacing, timeouts: HTTPTimeouts) throws(ArchiveError) {
        self.settings = settings
        self.pacing = pacing
        transport = HTTPTransport(timeouts)
        signature = SignatureVersion4(credentials: settings.credentials, region: settings.region)
        if let bytesPerSecond = settings.uploadBytesPerSecond {
            bandwidth = try BandwidthLimit(bytesPerSecond: bytesPerSecond, pacing: pacing)
        } else {
            bandwidth = nil
        }
    }

    /// - Parameters:
    ///   - upload: whose bytes are the body; nil for an empty body.
    ///   - answerLimit: see ``HTTPTransport/perform(_:body:answerLimit:)``.
    /// - Returns: what the server said that another try would not change, good or bad, and how many tries it took.
    /// - Throws: `unavailable` after the last try; what the source of the upload threw.
    func send(
        _ request: S3Request, upload: Upload? = nil, answerLimit: Int = HTTPTransport.leastAnswerBytes
    ) throws(ArchiveError) -> (answer: HTTPAnswer, tries: Int) {
        var problem = ""
        for tries in 1...Retry.tries {
            let body = upload.map { S3Body($0, limit: bandwidth) }
            do throws(HTTPFailure) {
                let answer = try transport.perform(signed(request), body: body, answerLimit: answerLimit)
                guard let retryable = S3Failure.problemToRetry(answer) else { return (answer, tries) }
                problem = retryable
            } catch {
                switch error {
                case .connection(let text): problem = text
                case .tooLarge:
                    throw ArchiveError(.tooLarge, "the object is larger than the limit allows", key: request.key)
                case .source(let failure): throw failure
                }
            }
            if tries < Retry.tries { pacing.sleep(Retry.wait(afterTries: tries, entropy: pacing.entropy)) }
        }
        throw ArchiveError(
            .unavailable,
            "\(settings.endpoint) does not do it after \(Retry.tries) tries, at last because: \(problem); "
                + "check that it runs and can be reached, and try again later",
            key: request.key)
    }

    /// The same, where any answer but 2xx is a failure.
    func succeed(
        _ request: S3Request, upload: Upload? = nil, answerLimit: Int = HTTPTransport.leastAnswerBytes
    ) throws(ArchiveError) -> HTTPAnswer {
        let answer = try send(request, upload: upload, answerLimit: answerLimit).answer
        guard (200..<300).contains(answer.status) else { throw failure(answer, request) }
        return answer
    }

    func failure(_ answer: HTTPAnswer, _ request: S3Request) -> ArchiveError {
        S3Failure(answer).error(settings, key: request.key, now: pacing.clock.wall())
    }

    /// The request with its signature. The time is that of this try: a signature is good for fifteen minutes.
    func signed(_ request: S3Request) -> HTTPRequest {
        let isVirtual = settings.addressing == .virtual
        let authority = settings.endpoint.authority(bucket: isVirtual ? settings.bucket : nil)
        let parts = [isVirtual ? nil : settings.bucket, request.object].compactMap { $0 }
        let path = "/" + PercentEncoding.encode(parts.joined(separator: "/"), keepsSlashes: true)
        let date = SignatureVersion4.dateText(pacing.clock.wall())
        let hash = Hex.encode(request.payload.bytes)
        var headers: [(name: String, value: String)] = [
            ("host", authority), ("x-amz-content-sha256", hash), ("x-amz-date", date),
        ]
        if let token = settings.credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        headers += request.headers
        let authorization = signature.authorization(
            of: SignatureVersion4.Request(
                method: request.method.rawValue, path: path, query: request.query, headers: headers, payloadHash: hash),
            date: date)
        let query = SignatureVersion4.canonicalQuery(request.query)
        let scheme = settings.endpoint.isEncrypted ? "https" : "http"
        return HTTPRequest(
            method: request.method, url: "\(scheme)://\(authority)\(path)\(query.isEmpty ? "" : "?")\(query)",
            headers: HTTPHeaders(headers.map { ($0.name, $0.value) } + [("authorization", authorization)]))
    }
}
