import CairnPlatform
import Glibc
import Testing

@testable import CairnArchive
@testable import CairnNetwork

struct CredentialsTests {
    private static let secret = "SECRETsecretSECRET"

    private static let file = """
        # a comment
        [default]
        aws_access_key_id = AKIADEFAULT
        aws_secret_access_key=\(secret)   # behind it
        region = eu-west-3

        [profile other]
        AWS_ACCESS_KEY_ID=AKIAOTHER
        aws_secret_access_key = \(secret)other
        aws_session_token = token+/=
        endpoint_url = http://127.0.0.1:9000
        s3 =
          addressing_style = path
        [empty]
        role_arn = arn:aws:iam::1:role/r
        """

    private func settings(
        file: String? = nil, bucket: String = "logs", _ environment: [String: String]
    ) throws -> S3Settings {
        try S3Settings(
            BucketAccess(bucket: bucket, prefix: "", credentialsFile: file), environment: environment)
    }

    // MARK: Where they come from

    @Test func theFirstSourceThatIsThereCounts() throws {
        let scratch = try Scratch()
        func file(_ name: String, _ id: String) throws -> String {
            try scratch.write(
                name, "[default]\naws_access_key_id=\(id)\naws_secret_access_key=\(Self.secret)\nregion=r-\(id)")
        }
        let explicit = try file("explicit", "EXPLICIT")
        let shared = try file("shared", "SHARED")
        try PosixFileSystem(root: scratch.path).createDirectory("systemd", mode: 0o700)
        _ = try file("systemd/s3", "SYSTEMD")
        try PosixFileSystem(root: scratch.path).createDirectory(".aws", mode: 0o700)
        _ = try file(".aws/credentials", "HOME")
        var environment = [
            "CREDENTIALS_DIRECTORY": "\(scratch.path)/systemd", "AWS_ACCESS_KEY_ID": "ENVIRONMENT",
            "AWS_SECRET_ACCESS_KEY": Self.secret, "AWS_SHARED_CREDENTIALS_FILE": shared, "HOME": scratch.path,
        ]
        func found(_ file: String? = nil) throws -> [String] {
            let settings = try settings(file: file, environment)
            return [settings.credentials.accessKeyID, settings.region]
        }
        #expect(try found(explicit) == ["EXPLICIT", "r-EXPLICIT"])
        #expect(try found() == ["SYSTEMD", "r-SYSTEMD"])
        environment["CREDENTIALS_DIRECTORY"] = "\(scratch.path)/none"
        environment["AWS_REGION"] = "r-env"
        #expect(try found() == ["ENVIRONMENT", "r-env"])
        environment["AWS_ACCESS_KEY_ID"] = ""
        environment["AWS_SECRET_ACCESS_KEY"] = nil
        environment["AWS_REGION"] = nil
        environment["AWS_DEFAULT_REGION"] = "r-default"
        #expect(try found() == ["SHARED", "r-default"])
        environment["AWS_SHARED_CREDENTIALS_FILE"] = nil
        environment["AWS_DEFAULT_REGION"] = nil
        #expect(try found() == ["HOME", "r-HOME"])
        environment["HOME"] = "\(scratch.path)/nobody"
        let failure = failure { _ = try found() }
        #expect(failure?.code == .denied)
        #expect(failure?.message.contains("AWS_ACCESS_KEY_ID") == true)
        #expect(code { _ = try found("\(scratch.path)/nothing") } == .notFound)
    }

    @Test func profilesAreChosenByName() throws {
        let scratch = try Scratch()
        let path = try scratch.write("credentials", Self.file)
        let standard = try settings(file: path, [:])
        #expect(standard.credentials.accessKeyID == "AKIADEFAULT")
        #expect(standard.credentials.secretAccessKey == Self.secret)
        #expect(standard.credentials.sessionToken == nil)
        #expect(standard.region == "eu-west-3")
        let other = try settings(file: path, ["AWS_PROFILE": "other"])
        #expect(other.credentials.accessKeyID == "AKIAOTHER")
        #expect(other.credentials.sessionToken == "token+/=")
        #expect(other.endpoint.description == "http://127.0.0.1:9000")
        #expect(failure { _ = try settings(file: path, ["AWS_PROFILE": "none"]) }?.message.contains("[none]") == true)
        let empty = failure { _ = try settings(file: path, ["AWS_PROFILE": "empty"]) }
        #expect(empty?.message.contains("aws_access_key_id") == true)
    }

    @Test(arguments: [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ])
    func halfOfAPairIsAMistake(_ given: String, _ missing: String) {
        let failure = failure { _ = try settings([given: Self.secret]) }
        #expect(failure?.code == .invalid)
        #expect(failure?.message.contains(missing) == true)
        #expect(failure?.message.contains(Self.secret) == false)
    }

    // MARK: Files

    @Test(arguments: [0o600, 0o400, 0o640, 0o440] as [UInt32])
    func filesOfTheOwnerAndGroupAreRead(_ mode: UInt32) throws {
        let path = try Scratch().write("credentials", Self.file, mode: mode)
        #expect(code { _ = try CredentialsFile.read(path) } == nil)
    }

    @Test(arguments: [0o644, 0o604, 0o602, 0o601, 0o660, 0o620, 0o666, 0o777] as [UInt32])
    func filesThatOthersReadOrChangeAreRefused(_ mode: UInt32) throws {
        let scratch = try Scratch()
        let path = try scratch.write("credentials", Self.file, mode: mode)
        let failure = failure { _ = try CredentialsFile.read(path) }
        #expect(failure?.code == .denied)
        #expect(failure?.message.contains("chmod 600 \(path)") == true)
    }

    @Test func onlyRegularFilesOfSomeSizeAreRead() throws {
        let scratch = try Scratch()
        #expect(try CredentialsFile.read("\(scratch.path)/none") == nil)
        #expect(code { _ = try CredentialsFile.read(scratch.path) } == .invalid)
        mkfifo("\(scratch.path)/pipe", 0o600)
        #expect(code { _ = try CredentialsFile.read("\(scratch.path)/pipe") } == .invalid)
        let fits = try scratch.write("fits", "[a]\n" + String(repeating: "#", count: CredentialsFile.limit - 4))
        #expect(try CredentialsFile.read(fits)?.profiles.keys.sorted() == ["a"])
        let large = try scratch.write("large", String(repeating: "#", count: CredentialsFile.limit + 1))
        #expect(code { _ = try CredentialsFile.read(large) } == .tooLarge)
    }

    @Test func formOfTheFile() throws {
        let text = "\r\n; c\r\n [ a ] \r\nk=v\r\nK2 = a=b#c ;d\r\n[b]\n[a]\nk3 =\n"
        let profiles = try CredentialsFile.parse(Array(text.utf8), path: "f")
        #expect(profiles["a"]?.values == ["k": "v", "k2": "a=b#c", "k3": ""])
        #expect(profiles["b"]?.values == [:])
    }

    @Test(arguments: [
        ("k = \(secret)", 1), ("[a]\n\n\(secret)", 3), ("[a\nk = v", 1), ("\u{0}", 1),
    ])
    func mistakesAreToldWithoutTheirText(_ text: String, _ line: Int) {
        let failure = failure { _ = try CredentialsFile.parse(Array(text.utf8), path: "file") }
        #expect(failure?.code == .invalid)
        #expect(failure?.message.hasPrefix("file:\(line): ") == true)
        #expect(failure?.message.contains(Self.secret) == false)
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(code { _ = try CredentialsFile.parse([0xFF], path: "file") } == .invalid)
    }

    // MARK: Secrecy

    @Test func credentialsShowThemselvesNowhere() throws {
        let credentials = try S3Credentials(
            accessKeyID: "AKIDKEY", secretAccessKey: Self.secret, sessionToken: "TOKENtoken", origin: "the tests")
        let settings = S3Settings(
            bucket: "b", prefix: "", region: "r", endpoint: try S3Endpoint("http://h"), addressing: .path,
            credentials: credentials)
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(settings, to: &dumped)
        dump(SignatureVersion4(credentials: credentials, region: "r"), to: &dumped)
        let texts = [
            "\(credentials)", String(describing: credentials), String(reflecting: credentials), "\([credentials])",
            "\(Optional(credentials) as Any)", "\(settings)", String(reflecting: settings), dumped,
            "\(SignatureVersion4(credentials: credentials, region: "r"))",
        ]
        for text in texts {
            #expect(!text.contains(Self.secret) && !text.contains("TOKENtoken") && !text.contains("AKIDKEY"), "\(text)")
        }
        #expect("\(credentials)" == "S3 credentials of the tests")
    }

    @Test(arguments: ["", "a b", "a\r\nx-evil: 1", "é", "a\u{0}"])
    func valuesThatNoHeaderTakesAreRefused(_ value: String) {
        for (id, secret, token) in [(value, "s", "t"), ("i", value, "t"), ("i", "s", value)] {
            let failure = failure {
                _ = try S3Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token, origin: "o")
            }
            #expect(failure?.code == .invalid)
            #expect(value.isEmpty || failure?.message.contains(value) == false)
        }
    }

    // MARK: Server and region

    @Test func serverAndAddressingAreFound() throws {
        let keys = ["AWS_ACCESS_KEY_ID": "I", "AWS_SECRET_ACCESS_KEY": "S"]
        func found(_ more: [String: String], bucket: String = "logs") throws -> [String] {
            let settings = try settings(bucket: bucket, keys.merging(more) { $1 })
            return [settings.endpoint.description, settings.region, settings.addressing.rawValue]
        }
        let amazon = "https://s3.eu-west-1.amazonaws.com"
        #expect(try found(["AWS_REGION": "eu-west-1"]) == [amazon, "eu-west-1", "virtual"])
        // A certificate for *.s3… does not hold for a name with a dot.
        #expect(try found(["AWS_REGION": "eu-west-1"], bucket: "my.logs") == [amazon, "eu-west-1", "path"])
        #expect(try found(["CAIRN_S3_ENDPOINT": "http://[::1]:80/"]) == ["http://[::1]", "us-east-1", "path"])
        let endpoints = [
            "CAIRN_S3_ENDPOINT": "https://a:443", "AWS_ENDPOINT_URL_S3": "https://b:1", "AWS_ENDPOINT_URL": "https://c",
        ]
        #expect(try found(endpoints)[0] == "https://a")
        #expect(try found(endpoints.filter { $0.key != "CAIRN_S3_ENDPOINT" })[0] == "https://b:1")
        #expect(try found(endpoints.filter { $0.key == "AWS_ENDPOINT_URL" })[0] == "https://c")
        #expect(
            try found(["CAIRN_S3_ENDPOINT": "https://a", "CAIRN_S3_ADDRESSING": "virtual", "AWS_REGION": "x"])
                == ["https://a", "x", "virtual"])
        #expect(failure { _ = try found([:]) }?.message.contains("AWS_REGION") == true)
        #expect(code { _ = try found(["AWS_REGION": "a/b"]) } == .invalid)
        #expect(code { _ = try found(["AWS_REGION": "r", "CAIRN_S3_ADDRESSING": "other"]) } == .invalid)
    }

    @Test(arguments: [
        "", "host", "ftp://host", "https://", "https://:80", "https://host:", "https://host:0", "https://host:65536",
        "https://host:x", "https://user:secret@host", "https://host/path", "https://host?x", "https://ho st",
        "https://::1", "https://[::1", "https://host//",
    ])
    func badEndpoints(_ text: String) {
        let failure = failure { _ = try S3Endpoint(text) }
        #expect(failure?.code == .invalid)
        #expect(failure?.message.contains("secret") == false)
    }
}
