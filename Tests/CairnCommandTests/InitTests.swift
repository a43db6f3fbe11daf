import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader
import Testing

@testable import CairnCommand

@Suite("cairn init")
struct InitTests {
    @Test("makes a log that verifies; a second time it is left as it is and its key is shown")
    func makes() throws {
        let directory = try TestDirectory()
        let path = "\(directory.path)/a/log"
        let arguments = ["init", "-D", path, "--origin", "example.org/audit", "--json"]
        var command = try Cairn.parseAsRoot(arguments)
        try command.run()
        let log = try LogDirectory(path: path)
        let key = try log.origin().genesisKey
        #expect(key.name == "example.org/audit")
        let result = try Verifier(log, options: VerifyOptions(genesisKey: key)).run()
        #expect(result.verdict == .verified, "\(result.findings)")

        let error = #expect(throws: CommandFailure.self) { try command.run() }
        #expect(error?.status == .cannotCreate)
        #expect(error?.message?.contains(key.description) == true)
        #expect(try LogDirectory(path: path).origin().genesisKey == key)
    }

    @Test("a directory that another process writes is not touched")
    func locked() throws {
        let directory = try TestDirectory()
        let lock = try PosixFileSystem(root: directory.path).lock()
        defer { lock.release() }
        var command = try Cairn.parseAsRoot(["init", "-D", directory.path])
        let error = #expect(throws: CommandFailure.self) { try command.run() }
        #expect(error?.status == .temporaryFailure)
        #expect(try PosixFileSystem(root: directory.path).list("").isEmpty)
    }

    @Test("commands on a directory without a log say EX_NOINPUT", arguments: ["query", "tail", "status"])
    func noLog(name: String) throws {
        let directory = try TestDirectory()
        var command = try Cairn.parseAsRoot([name, "-D", directory.path])
        let error = #expect(throws: (any Error).self) { try command.run() }
        #expect(error.flatMap { CommandFailure(reporting: $0) }?.status == .noInput)
    }
}
