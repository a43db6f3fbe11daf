import CairnArchive
import CairnFormat
import CairnPlatform
import Crypto

/// AWS Signature Version 4, in the header `Authorization`
/// (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). Pure: the time is an argument.
struct SignatureVersion4: Sendable {
    /// What is signed. S3 takes the path as it is sent, escaped once.
    struct Request {
        var method: String
        /// Escaped; begins with a slash.
        var path: String
        /// Not escaped; in any order.
        var query: [(name: String, value: String)] = []
        /// All that are to be signed, `host` among them.
        var headers: [(name: String, value: String)]
        /// SHA-256 of the body in hexadecimal; also sent as `x-amz-content-sha256`.
        var payloadHash: String
    }

    let credentials: S3Credentials
    let region: String
    var service = "s3"

    private static let algorithm = "AWS4-HMAC-SHA256"

    /// The value of the header `Authorization`.
    ///
    /// - Parameter date: of ``dateText(_:)``; the request carries the same in `x-amz-date`.
    func authorization(of request: Request, date: String) -> String {
        let signature = hexadecimal(
            hmac(signingKey(day: String(date.prefix(8))), stringToSign(of: request, date: date)))
        return "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope(date)),"
            + "SignedHeaders=\(Self.signedHeaders(request)),Signature=\(signature)"
    }

    /// Step 1: the request in a form that both sides come to.
    static func canonicalRequest(_ request: Request) -> String {
        let headers = sortedHeaders(request).map { "\($0.name):\($0.value)\n" }.joined()
        return [
            request.method, request.path, canonicalQuery(request.query), headers, signedHeaders(request),
            request.payloadHash,
        ].joined(separator: "\n")
    }

    /// The query as it is signed and sent: escaped, then sorted.
    static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
        query.map { (PercentEncoding.encode($0.name), PercentEncoding.encode($0.value)) }
            .sorted { $0 < $1 }
            .map { "\($0)=\($1)" }
            .joined(separator: "&")
    }

    /// Step 2.
    func stringToSign(of request: Request, date: String) -> String {
        let hash = SHA256.hash(data: Array(Self.canonicalRequest(request).utf8))
        return [Self.algorithm, date, scope(date), Hex.encode(hash)].joined(separator: "\n")
    }

    /// Step 3: a key for one day, region and service.
    func signingKey(day: String) -> SymmetricKey {
        let secret = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey)".utf8))
        let parts = [day, region, service, "aws4_request"]
        return parts.reduce(secret) { SymmetricKey(data: hmac($0, $1)) }
    }

    /// `20130524T000000Z`: a time in nanoseconds since 1970, in UTC, as the header `x-amz-date` has it.
    static func dateText(_ time: Int64) -> String {
        var text: [UInt8] = []
        Time(nanoseconds: time).append(to: &text, fractionDigits: 0)
        return String(decoding: text.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":") }, as: UTF8.self)
    }

    private func scope(_ date: String) -> String { "\(date.prefix(8))/\(region)/\(service)/aws4_request" }

    private static func signedHeaders(_ request: Request) -> String {
        sortedHeaders(request).map(\.name).joined(separator: ";")
    }

    private static func sortedHeaders(_ request: Request) -> [(name: String, value: String)] {
        request.headers
            .map { (name: $0.name.lowercased(), value: $0.value.split(separator: " ").joined(separator: " ")) }
            .sorted { $0.name < $1.name }
    }

    private func hmac(_ key: SymmetricKey, _ text: String) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
    }

    private func hexadecimal(_ code: HMAC<SHA256>.MAC) -> String { code.withUnsafeBytes { Hex.encode($0) } }
}
