import CairnFormat
import Foundation
import Testing

/// The programs `age` and `age-keygen` of the machine, and a directory to use them in.
private final class AgeProgram {
    static let isThere = ["age", "age-keygen"].allSatisfy { path(of: $0) != nil }

    private static func path(of program: String) -> String? {
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return directories.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("cairn-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: directory.appendingPathComponent(name))
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: directory.appendingPathComponent(name))) }

    /// Whether the program ends well; what it writes to standard output.
    func run(_ program: String, _ arguments: String...) throws -> (good: Bool, output: [UInt8]) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.path(of: program)))
        process.arguments = arguments
        process.currentDirectoryURL = directory
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus == 0, Array(output))
    }

    /// What the program decrypts `file` to with the identity file `key`; nil if it refuses.
    func decrypt(_ file: [UInt8]) throws -> [UInt8]? {
        try write(file, "file.age")
        let result = try run("age", "-d", "-i", "key", "file.age")
        return result.good ? result.output : nil
    }
}

@Suite(.enabled(if: AgeProgram.isThere, "it takes age and age-keygen (Debian: apt-get install -y age)"))
struct AgeInteroperabilityTests {
    private static let chunk = AgeFile.chunk

    @Test(arguments: [0, 1, 1000, chunk - 1, chunk, chunk + 1, 2 * chunk, 5 * chunk + 17])
    func ageReadsOurs(_ size: Int) throws {
        var random = SeededRandom()
        let program = try AgeProgram()
        let identities = try (0..<3).map { _ in try AgeIdentity(secretKey: random.bytes(32)) }
        let plaintext = random.bytes(size)
        let file = try AgeFile.encrypt(plaintext, to: identities.map(\.recipient), piece: 30_000, random: &random)
        for identity in identities {
            try program.write(identity.file, "key")
            #expect(try program.decrypt(file) == plaintext)
        }
        try program.write(AgeIdentity(secretKey: random.bytes(32)).file, "key")
        #expect(try program.decrypt(file) == nil)
    }

    @Test(arguments: [0, 1, 1000, chunk - 1, chunk, chunk + 1, 2 * chunk, 5 * chunk + 17])
    func weReadThoseOfAge(_ size: Int) throws {
        var random = SeededRandom()
        let program = try AgeProgram()
        let identities = try (0..<3).map { _ in try AgeIdentity(secretKey: random.bytes(32)) }
        let plaintext = random.bytes(size)
        try program.write(plaintext, "plain")
        let recipients = identities.map(\.recipient.description)
        try program.write(Array("# ours\n\(recipients[1])\n\n\(recipients[2])\n".utf8), "recipients")
        #expect(try program.run("age", "-r", recipients[0], "-R", "recipients", "-o", "file.age", "plain").good)
        let file = try program.read("file.age")
        for identity in identities { #expect(try AgeFile.decrypt(file, [identity]) == plaintext) }
        #expect(try AgeFile.decrypt(file, [AgeIdentity(secretKey: random.bytes(32))]) == nil)
    }

    @Test func weReadTheKeysOfAge() throws {
        let program = try AgeProgram()
        for number in 0..<5 {
            #expect(try program.run("age-keygen", "-o", "key\(number)").good)
            let identities = try AgeIdentity.parse(file: program.read("key\(number)"))
            #expect(identities.count == 1)
            let recipient = try program.run("age-keygen", "-y", "key\(number)").output.text
            #expect(identities.first.map { "\($0.recipient)\n" } == recipient)
            #expect(try AgeRecipient(String(recipient.dropLast())) == identities.first?.recipient)
        }
    }

    @Test func ageReadsOurKeys() throws {
        var random = SeededRandom()
        let program = try AgeProgram()
        for _ in 0..<5 {
            let identity = try AgeIdentity(secretKey: random.bytes(32))
            try program.write(identity.file, "key")
            #expect(try program.run("age-keygen", "-y", "key").output.text == "\(identity.recipient)\n")
        }
    }

    @Test func passphrasesArmorAndOtherKeysAreToldAsSuch() throws {
        var random = SeededRandom()
        let program = try AgeProgram()
        let identity = try AgeIdentity(secretKey: random.bytes(32))
        try program.write([1, 2, 3], "plain")
        #expect(try program.run("age", "-a", "-r", "\(identity.recipient)", "-o", "armored", "plain").good)
        let armored = try program.read("armored")
        #expect(errorCode { _ = try AgeFile.open(armored, [identity]) } == .unsupported)
        let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"
        #expect(try program.run("age", "-r", ssh, "-o", "ssh", "plain").good)
        let file = try program.read("ssh")
        #expect(errorCode { _ = try AgeFile.open(file, [identity]) } == .unsupported)
        #expect(try program.run("age", "-r", ssh, "-r", "\(identity.recipient)", "-o", "both", "plain").good)
        #expect(try AgeFile.decrypt(program.read("both"), [identity]) == [1, 2, 3])
    }

    /// What we refuse, age refuses; what we take, age takes. It checks that a passphrase stands alone only where it has
    /// one; the specification says so of every header.
    @Test func theSameFilesAreGood() throws {
        let program = try AgeProgram()
        try program.write(AgeFixture.identity().file, "key")
        #expect(try program.decrypt(AgeFixture.file)?.text == "age")
        let laxer = ["passphrase before", "passphrase behind"]
        for example in try AgeCase.brokenText + AgeCase.stanzas() where !laxer.contains(example.name) {
            let expected = example.outcome == .plaintext ? "age" : nil
            #expect(try program.decrypt(example.file)?.text == expected, "\(example.name)")
        }
    }
}
