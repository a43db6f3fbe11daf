import CairnPlatform
import Glibc
import NIOHTTP1
import Synchronization
import Testing

@testable import CairnArchive
@testable import CairnNetwork

/// A real S3 server for the tests: `weed` of SeaweedFS, in one process that all of them use, bound to the loopback.
final class SeaweedFS: Sendable {
    static let isThere: Comment = "it takes SeaweedFS: CAIRN_WEED names its program weed, Tests/run installs it"

    /// `CAIRN_WEED`, the one of `Tests/run`, or that of PATH.
    static let program: String? = {
        if let named = ProcessEnvironment.value("CAIRN_WEED") { return named }
        let package = #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()
        let directories = (ProcessEnvironment.value("PATH") ?? "").split(separator: ":").map(String.init)
        return (["\(package)/.build-python/bin"] + directories).map { "\($0)/weed" }.first { access($0, X_OK) == 0 }
    }()

    static let admin = (accessKeyID: "ADMINKEY", secret: "admin+secret/of=tests")
    /// May do what an archiver does, and not pass over a lock.
    static let writer = (accessKeyID: "WRITERKEY", secret: "writer+secret/of=tests")
    /// Has Object Lock.
    static let lockedBucket = "cairn-locked"
    static let plainBucket = "cairn-plain"

    /// The one that runs, within ``SeaweedFSTrait``.
    static let running = Mutex<SeaweedFS?>(nil)

    private let scratch: Scratch
    private let shell: pid_t
    /// The writing end of a pipe.
    private let lifeline: Int32
    let endpoint: String

    init(program: String) throws {
        scratch = try Scratch()
        let identities = """
            {"identities": [
              {"name": "admin", "actions": ["Admin"],
               "credentials": [{"accessKey": "\(Self.admin.accessKeyID)", "secretKey": "\(Self.admin.secret)"}]},
              {"name": "writer",
               "actions": ["Read", "Write", "List", "PutObjectRetention", "GetObjectRetention", "GetObjectLegalHold"],
               "credentials": [{"accessKey": "\(Self.writer.accessKeyID)", "secretKey": "\(Self.writer.secret)"}]}
            ]}
            """
        let configuration = try scratch.write("s3.json", identities)
        let ports = try Self.freePorts(8)
        endpoint = "http://127.0.0.1:\(ports[0])"
        let arguments = [
            "server", "-dir=\(scratch.path)", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer",
            "-s3.config=\(configuration)", "-s3.port=\(ports[0])", "-s3.port.grpc=\(ports[1])",
            "-filer.port=\(ports[2])", "-filer.port.grpc=\(ports[3])", "-master.port=\(ports[4])",
            "-master.port.grpc=\(ports[5])", "-volume.port=\(ports[6])", "-volume.port.grpc=\(ports[7])",
            "-s3.localSocket=\(scratch.path)/s3.sock", "-filer.localSocket=\(scratch.path)/filer.sock",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=64",
            "-volume.max=200",
        ]
        let log = try scratch.write("log", "")
        (shell, lifeline) = try Self.start([program] + arguments, log: log)
        try makeBuckets()
    }

    func stop() {
        close(lifeline)
        var status: Int32 = 0
        waitpid(shell, &status, 0)
    }

    /// Starts a command below a shell that kills it, by its number, when the lifeline is closed: in ``stop()``, or
    /// because the process of the tests has ended in whatever way.
    private static func start(_ command: [String], log: String) throws -> (shell: pid_t, lifeline: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        // In the shell, the writing end would keep its own pipe open.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_APPEND, 0)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Threads of the tests block all signals, and a shell that hears of no child's end waits for ever.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        // A signal to the whole group of the tests must not end the shell before what it watches over.
        let script = "trap : TERM INT; \"$@\" </dev/null & pid=$!; read -r line; kill -9 $pid; wait $pid"
        var arguments = (["sh", "-c", script, "sh"] + command).map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var shell: pid_t = 0
        let code = posix_spawn(&shell, "/bin/sh", &actions, &attributes, &arguments, environ)
        if code != 0 { close(ends[1]) }
        try #require(code == 0)
        return (shell, ends[1])
    }

    private func makeBuckets() throws {
        for (bucket, headers) in [
            (Self.plainBucket, []), (Self.lockedBucket, [(name: "x-amz-bucket-object-lock-enabled", value: "true")]),
        ] {
            let client = try S3Client(
                settings(bucket: bucket, Self.admin), pacing: .system, timeouts: HTTPTimeouts())
            // The server takes some seconds to come up; each call tries for some.
            var failure: (any Error)?
            for _ in 0..<8 {
                do {
                    _ = try client.succeed(S3Request(method: .PUT, headers: headers))
                    failure = nil
                    break
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        }
    }

    func settings(
        bucket: String, _ identity: (accessKeyID: String, secret: String) = writer, prefix: String = ""
    ) throws -> S3Settings {
        S3Settings(
            bucket: bucket, prefix: prefix, region: S3Settings.defaultRegion, endpoint: try S3Endpoint(endpoint),
            addressing: .path,
            credentials: try S3Credentials(
                accessKeyID: identity.accessKeyID, secretAccessKey: identity.secret, origin: "the tests"))
    }

    /// Numbers of ports that nobody listens on: all were bound at once, so that no two are the same.
    private static func freePorts(_ count: Int) throws -> [Int] {
        let sockets = try (0..<count).map { _ in try boundSocket() }
        for socket in sockets { close(socket.socket) }
        return sockets.map(\.port)
    }
}

/// Tests of real storages: they share one S3 server.
@Suite(SeaweedFSTrait()) enum Storages {}

/// Starts the server before the tests of a suite and stops it behind the last.
struct SeaweedFSTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard let program = SeaweedFS.program else { return try await function() }
        let server = try SeaweedFS(program: program)
        defer {
            SeaweedFS.running.withLock { $0 = nil }
            server.stop()
        }
        SeaweedFS.running.withLock { $0 = server }
        try await function()
    }
}
