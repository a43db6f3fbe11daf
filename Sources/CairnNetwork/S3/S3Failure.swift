import CairnArchive
import CairnFormat
import NIOHTTP1

/// What a server says is wrong: its status, and the code and message of its XML
/// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). An answer to HEAD has the status only.
struct S3Failure {
    let status: Int
    let code: String
    let message: String
    /// The region where the bucket is, where the server tells it.
    let region: String?

    init(_ answer: HTTPAnswer) {
        let document = XMLElement.parse(answer.body)
        let error = document?.name == "Error" ? document : nil
        status = answer.status
        code = printable(error?.text("Code") ?? "")
        message = printable(error?.text("Message") ?? "")
        region = (answer.headers.first(name: "x-amz-bucket-region") ?? error?.text("Region")).map(printable)
    }

    /// Why another try may help; nil where it would not: the server is overloaded or broken, not against it.
    static func problemToRetry(_ answer: HTTPAnswer) -> String? {
        if (200..<400).contains(answer.status) { return nil }
        let failure = S3Failure(answer)
        let codes = [
            "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "ConditionalRequestConflict",
            "OperationAborted", "Throttling", "ThrottlingException", "RequestLimitExceeded", "BandwidthLimitExceeded",
        ]
        let isRetryable = [408, 429, 500, 502, 503, 504].contains(answer.status) || codes.contains(failure.code)
        return isRetryable ? failure.shown : nil
    }

    /// `HTTP 403 AccessDenied: Access Denied.`
    private var shown: String {
        "HTTP \(status)" + (code.isEmpty ? "" : " \(code)") + (message.isEmpty ? "" : ": \(message)")
    }

    /// - Parameter now: nanoseconds since 1970, for a clock that is wrong.
    func error(_ settings: S3Settings, key: String?, now: Int64) -> ArchiveError {
        let (code, advice) = meaning(settings, now: now)
        return ArchiveError(code, "\(settings.endpoint) says \(shown)" + advice, key: key, status: status)
    }

    private func meaning(_ settings: S3Settings, now: Int64) -> (ArchiveError.Code, advice: String) {
        if let known = meaningOfCode(settings, now: now) { return known }
        let isElsewhere = (300..<400).contains(status) || status == 400 && region != nil
        switch status {
        case _ where isElsewhere:
            let place =
                region.map { "is in the region \($0): set AWS_REGION=\($0)" }
                ?? "is elsewhere: set its region with AWS_REGION, or its server with CAIRN_S3_ENDPOINT"
            return (.invalid, "; the bucket \(settings.bucket) \(place)")
        case 401, 403:
            return (
                .denied,
                "; check the rights of the \(settings.credentials) (to put, get and list, and for Object Lock "
                    + "s3:PutObjectRetention), and the clock of this machine"
            )
        case 404: return (.notFound, "; check the bucket \(settings.bucket) and the key")
        case 412: return (.exists, "; there is already an object of this key")
        case 500...: return (.unavailable, "; the server cannot do this, or not now")
        default: return (.invalid, "; the server does not take this request: check that it is an S3 server")
        }
    }

    private func meaningOfCode(_ settings: S3Settings, now: Int64) -> (ArchiveError.Code, advice: String)? {
        switch code {
        case "RequestTimeTooSkewed", "RequestExpired":
            let time = Time(nanoseconds: now).wholeMicroseconds
            return (.denied, "; the clock of this machine says \(time) and the server's another time: set it (chrony)")
        case "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch":
            return (.changed, "; the bytes changed on their way: try again, and check memory and network if it stays")
        case "NoSuchBucket":
            return (.notFound, "; there is no bucket \(settings.bucket): make it, or name another")
        case "InvalidAccessKeyId", "SignatureDoesNotMatch":
            return (.denied, "; check the \(settings.credentials): the access key ID and its secret must fit")
        case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
            return (.denied, "; the session of the \(settings.credentials) has ended: get new ones")
        case "InvalidRequest", "ObjectLockConfigurationNotFoundError", "InvalidRetentionPeriod":
            return (.invalid, "; for Object Lock the bucket must have been made with it, and the date must be to come")
        case "EntityTooLarge": return (.tooLarge, "; make segments smaller")
        case "NotImplemented": return (.invalid, "; this server does not have what the archive needs")
        default: return nil
        }
    }
}
