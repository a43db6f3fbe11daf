import CairnSimulation
import Testing

@testable import CairnArchive
@testable import CairnNetwork

struct ArchiveLocationTests {
    @Test(
        arguments: [
            ("s3://logs", .s3(bucket: "logs", prefix: ""), "s3://logs"),
            ("s3://logs/", .s3(bucket: "logs", prefix: ""), "s3://logs"),
            ("S3://my.logs-1/a b/c=é//", .s3(bucket: "my.logs-1", prefix: "a b/c=é"), "s3://my.logs-1/a b/c=é"),
            ("/srv/archive", .directory("/srv/archive"), "/srv/archive"),
            ("archive", .directory("archive"), "archive"),
            ("./a:b", .directory("./a:b"), "./a:b"),
            ("file:///srv/a%20b", .directory("/srv/a b"), "/srv/a b"),
            ("file://localhost/srv", .directory("/srv"), "/srv"),
        ] as [(String, ArchiveLocation, String)])
    func locations(_ text: String, _ expected: ArchiveLocation, _ shown: String) throws {
        let location = try ArchiveLocation(text)
        #expect(location == expected)
        #expect(location.description == shown)
        #expect(try ArchiveLocation(location.description) == location)
    }

    @Test(arguments: [
        ("", "s3://BUCKET/PREFIX"), ("a\u{0}b", "s3://BUCKET/PREFIX"), ("s3://", "3 to 63"),
        ("s3:///prefix", "3 to 63"),
        ("s3://ab", "3 to 63"), ("s3://\(String(repeating: "a", count: 64))", "3 to 63"),
        ("s3://Logs", "small letters"), ("s3://lo_gs", "small letters"), ("s3://user:secret@logs", "small letters"),
        ("s3://-logs", "begin and end"), ("s3://logs.", "begin and end"), ("s3://lo..gs", "two dots"),
        ("s3://logs//a", "slash"), ("s3://logs/a/../b", ".."), ("s3://logs/a\nb", "control"),
        ("s3://logs/\(String(repeating: "a/", count: 200))", "bytes"),
        ("file://host/srv", "three slashes"), ("file:srv://", "s3://"), ("file:///a%2", "%"), ("file:///a%00", "%"),
        ("https://bucket.s3.amazonaws.com/x", "CAIRN_S3_ENDPOINT"), ("gs://bucket", "s3://BUCKET/PREFIX"),
    ])
    func refusals(_ text: String, _ hint: String) {
        let failure = failure { _ = try ArchiveLocation(text) }
        #expect(failure?.code == .invalid)
        #expect(failure?.message.contains(hint) == true, "\(failure?.message ?? "nothing was thrown")")
    }

    @Test func openingADirectory() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/archive"
        #expect(code { _ = try DirectoryStorage(path: path, creating: false) } == .notFound)
        let storage = try DirectoryStorage(path: path, creating: true)
        try storage.put("a", [1])
        #expect(try DirectoryStorage(path: path, creating: false).contents("a", limit: 9) == [1])
    }

    @Test func openingABucket() throws {
        let environment = [
            "AWS_ACCESS_KEY_ID": "I", "AWS_SECRET_ACCESS_KEY": "S", "CAIRN_S3_ENDPOINT": "http://127.0.0.1:1",
        ]
        var access = BucketAccess(bucket: "logs", prefix: "p")
        #expect(try S3Storage(S3Settings(access, environment: environment)).name == "s3://logs/p")
        #expect(code { _ = try S3Settings(access, environment: [:]) } == .denied)
        access.uploadBytesPerSecond = 1
        #expect(code { _ = try S3Storage(S3Settings(access, environment: environment)) } == .invalid)
    }
}

struct ObjectKeyTests {
    @Test(arguments: StorageKeys.good)
    func goodKeys(_ key: String) {
        #expect(code { try ObjectKey.check(key) } == nil)
    }

    @Test(arguments: StorageKeys.bad)
    func badKeys(_ key: String) {
        let failure = failure { try ObjectKey.check(key) }
        #expect(failure?.code == .invalid)
        #expect(failure?.key == key)
    }

    @Test func orderAndEqualityAreThoseOfBytes() {
        #expect(ObjectKey.precedes("a-x", "a/x"))
        #expect(ObjectKey.precedes("Z", "a"))
        #expect(!ObjectKey.precedes("a", "a"))
        #expect(ObjectKey.precedes("a", "ab"))
        #expect("e\u{301}" == "é")
        #expect(!ObjectKey.equals("e\u{301}", "é"))
        #expect(ObjectKey.hasPrefix("e\u{301}x", "e"))
        #expect(!ObjectKey.hasPrefix("a", "ab"))
    }

    /// No key that is let through leads out of a directory.
    @Test func keysStayInside() {
        var random = SeededRandom(printedBy: "ObjectKeyTests.keysStayInside")
        let parts = ["a", ".", "..", "", "/", "\\", "\u{0}", "é", ".uploads", " ", "...", "\u{301}"]
        for _ in 0..<5000 {
            let key = (0...random.below(6)).map { _ in parts[random.below(parts.count)] }.joined(
                separator: random.below(2) == 0 ? "/" : "")
            guard code({ try ObjectKey.check(key) }) == nil else { continue }
            let found = key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            #expect(
                found.allSatisfy { !["", ".", "..", ".uploads"].contains(String(decoding: $0, as: UTF8.self)) },
                "\(key)")
            #expect(!key.utf8.contains(0) && !key.utf8.contains(UInt8(ascii: "\\")))
        }
    }
}

enum StorageKeys {
    static let good = [
        "a", "a/b", "a b", "..a", "a..", "...", "é", "e\u{301}/\u{301}",
        String(repeating: "a", count: ObjectKey.partBytes),
        Array(repeating: "a", count: ObjectKey.parts).joined(separator: "/"),
        String(repeating: "0123456/", count: 30) + String(repeating: "a", count: 255),
    ]

    static let bad = [
        "", "/", "/a", "a/", "a//b", ".", "..", "a/.", "./a", "a/../b", "a\u{0}", "a\tb", "a\u{7F}", "a\\b", ".uploads",
        "a/.uploads/b", String(repeating: "a", count: ObjectKey.partBytes + 1),
        Array(repeating: "a", count: ObjectKey.parts + 1).joined(separator: "/"),
        Array(repeating: String(repeating: "a", count: 100), count: 8).joined(separator: "/"),
        // An accent on a slash makes another character of it, but not another byte.
        "a/\u{301}/../b",
    ]
}
