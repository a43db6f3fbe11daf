import CairnFormat
import Crypto
import Testing

@testable import CairnArchive
@testable import CairnNetwork

/// The examples that AWS publishes ("Examples: Signature Calculations in AWS Signature Version 4", Amazon S3 API
/// Reference; "Examples of how to derive a signing key", AWS General Reference).
struct SignatureVersion4Tests {
    struct Example: Sendable, CustomTestStringConvertible {
        let name: String
        let method: String
        var path = "/"
        var query: [(name: String, value: String)] = []
        var headers: [(name: String, value: String)] = []
        var payload: [UInt8] = []
        let signedHeaders: String
        let signature: String

        var testDescription: String { name }

        var request: SignatureVersion4.Request {
            let hash = Digest.sha256(payload)
            let all = [
                (name: "Host", value: "examplebucket.s3.amazonaws.com"),
                ("x-amz-content-sha256", Hex.encode(hash.bytes)), ("x-amz-date", date),
            ]
            return SignatureVersion4.Request(
                method: method, path: path, query: query, headers: headers + all, payloadHash: Hex.encode(hash.bytes))
        }
    }

    static let date = "20130524T000000Z"

    private static func signer() throws -> SignatureVersion4 {
        let credentials = try S3Credentials(
            accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            origin: "the documentation")
        return SignatureVersion4(credentials: credentials, region: "us-east-1")
    }

    static let examples = [
        Example(
            name: "GET Object", method: "GET", path: "/test.txt", headers: [("Range", "bytes=0-9")],
            signedHeaders: "host;range;x-amz-content-sha256;x-amz-date",
            signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        Example(
            name: "PUT Object", method: "PUT", path: "/" + PercentEncoding.encode("test$file.text"),
            headers: [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            payload: Array("Welcome to Amazon S3.".utf8),
            signedHeaders: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        Example(
            name: "GET Bucket Lifecycle", method: "GET", query: [("lifecycle", "")],
            signedHeaders: "host;x-amz-content-sha256;x-amz-date",
            signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        Example(
            name: "List Objects", method: "GET", query: [("prefix", "J"), ("max-keys", "2")],
            signedHeaders: "host;x-amz-content-sha256;x-amz-date",
            signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ]

    @Test(arguments: examples)
    func publishedExamples(_ example: Example) throws {
        let expected =
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            + "SignedHeaders=\(example.signedHeaders),Signature=\(example.signature)"
        #expect(try Self.signer().authorization(of: example.request, date: Self.date) == expected)
    }

    @Test func canonicalRequestAndStringToSignOfAnExample() throws {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let request = Self.examples[0].request
        #expect(
            SignatureVersion4.canonicalRequest(request) == """
                GET
                /test.txt

                host:examplebucket.s3.amazonaws.com
                range:bytes=0-9
                x-amz-content-sha256:\(empty)
                x-amz-date:20130524T000000Z

                host;range;x-amz-content-sha256;x-amz-date
                \(empty)
                """)
        #expect(
            try Self.signer().stringToSign(of: request, date: Self.date) == """
                AWS4-HMAC-SHA256
                20130524T000000Z
                20130524/us-east-1/s3/aws4_request
                7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972
                """)
    }

    @Test(arguments: [
        ("20120215", "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"),
        ("20150830", "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"),
    ])
    func derivedKey(_ day: String, _ expected: String) throws {
        let credentials = try S3Credentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            origin: "the documentation")
        let signer = SignatureVersion4(credentials: credentials, region: "us-east-1", service: "iam")
        #expect(signer.signingKey(day: day).withUnsafeBytes { Hex.encode($0) } == expected)
    }

    /// Whatever is signed, a change of any part changes the signature.
    @Test func everyPartIsSigned() throws {
        let signer = try Self.signer()
        let base = Self.examples[1].request
        var seen: Set<String> = [signer.authorization(of: base, date: Self.date)]
        var changed: [SignatureVersion4.Request] = []
        for change: (inout SignatureVersion4.Request) -> Void in [
            { $0.method = "GET" }, { $0.path += "x" }, { $0.query = [("a", "")] }, { $0.query = [("a", "b")] },
            { $0.headers[0].value = "Sat, 25 May 2013 00:00:00 GMT" }, { $0.headers.removeFirst() },
            { $0.payloadHash = Hex.encode(Digest.empty.bytes) },
        ] {
            var request = base
            change(&request)
            changed.append(request)
        }
        for request in changed { #expect(seen.insert(signer.authorization(of: request, date: Self.date)).inserted) }
        #expect(seen.insert(signer.authorization(of: base, date: "20130524T000001Z")).inserted)
        let elsewhere = SignatureVersion4(credentials: signer.credentials, region: "eu-central-1")
        #expect(seen.insert(elsewhere.authorization(of: base, date: Self.date)).inserted)
    }

    @Test func valuesOfHeadersAreTrimmedAndNamesSorted() {
        let request = SignatureVersion4.Request(
            method: "GET", path: "/", headers: [("X-B", "  a   b "), ("x-A", "c"), ("host", "h")], payloadHash: "p")
        #expect(SignatureVersion4.canonicalRequest(request) == "GET\n/\n\nhost:h\nx-a:c\nx-b:a b\n\nhost;x-a;x-b\np")
    }

    @Test(arguments: [
        ([("b", "1"), ("a", "2")], "a=2&b=1"),
        ([("prefix", "a b+c/d=é%")], "prefix=a%20b%2Bc%2Fd%3D%C3%A9%25"),
        ([("versions", "")], "versions="),
        ([("a", "2"), ("a", "1")], "a=1&a=2"),
        ([], ""),
    ])
    func canonicalQuery(_ query: [(String, String)], _ expected: String) {
        #expect(SignatureVersion4.canonicalQuery(query.map { (name: $0.0, value: $0.1) }) == expected)
    }

    @Test(
        arguments: [
            (0, "19700101T000000Z"), (1_369_353_600_000_000_000, "20130524T000000Z"),
            (1_795_246_752_999_999_999, "20261121T073912Z"),
        ] as [(Int64, String)])
    func dateText(_ time: Int64, _ expected: String) {
        #expect(SignatureVersion4.dateText(time) == expected)
    }
}

struct PercentEncodingTests {
    @Test(arguments: [
        ("azAZ09-._~", "azAZ09-._~"), ("a/b", "a%2Fb"), (" ", "%20"), ("+", "%2B"), ("%", "%25"), ("=", "%3D"),
        ("é", "%C3%A9"), ("\u{1F600}", "%F0%9F%98%80"), ("", ""), ("\u{0}\u{7F}", "%00%7F"),
    ])
    func encodes(_ text: String, _ encoded: String) {
        #expect(PercentEncoding.encode(text) == encoded)
        #expect(PercentEncoding.decode(encoded) == text)
    }

    @Test func slashesOfAPathStay() {
        #expect(PercentEncoding.encode("a/b c/d", keepsSlashes: true) == "a/b%20c/d")
    }

    @Test(arguments: ["%", "%2", "%zz", "%c3", "a%FF"])
    func refuses(_ text: String) {
        #expect(PercentEncoding.decode(text) == nil)
    }
}
