import ArgumentParser
import CairnArchive
import CairnFormat
import CairnReader
import Testing

@testable import CairnCommand

/// `cairn verify --all-logs`: the keys that are given, and what is told.
struct VerifyAllTests {
    private func key(_ name: String, _ byte: UInt8 = 7) throws -> VerifierKey {
        try SignerKey(name: name, seed: [UInt8](repeating: byte, count: 32)).verifier
    }

    @Test func keysAreFoundByTheirNames() throws {
        let (one, two) = (try key("host/1"), try key("ä"))
        let text = "# all hosts\n\n  \(one)  # the first\r\n\(two)\n\(one)\n"
        #expect(try KeyOptions.keys(text, file: "f") == ["host/1": one, "ä": two])
        #expect(try KeyOptions.keys("", file: "f").isEmpty)
    }

    @Test func whatIsNoKeyIsRefusedWithItsLine() throws {
        let one = try key("one")
        for text in ["# x\n\(one)\nnonsense\n", "\n\n\(one)0", "\(one)\n\n\(try key("one", 8))"] {
            let refusal = #expect(throws: CommandFailure.self) { try KeyOptions.keys(text, file: "all.vkeys") }
            #expect(refusal?.status == .usage && refusal?.message?.hasPrefix("all.vkeys:3: ") == true)
        }
    }

    @Test func theSummaryCountsVerdicts() {
        #expect(Verify.summary([.verified]) == "1 log: 1 VERIFIED")
        #expect(
            Verify.summary([.tampered, .verified, .indexDamaged, .verified])
                == "4 logs: 2 VERIFIED, 1 INDEX-DAMAGED, 1 TAMPERED")
    }

    @Test func whatCannotBeReadIsNotVerified() {
        let outcome = Verify.LogOutcome(
            name: "host\"1", result: .failure(CommandFailure(.inputOutput, "the disk\nfailed")))
        #expect(outcome.verdict == .unverifiable)
        #expect(
            Verify.jsonText([outcome])
                == "{\"verdict\":\"UNVERIFIABLE\",\"logs\":[{\"log\":\"host\\\"1\",\"verdict\":\"UNVERIFIABLE\","
                + "\"error\":\"the disk\\u000afailed\"}]}")
        #expect(Verify.jsonText([]) == "{\"verdict\":\"VERIFIED\",\"logs\":[]}")
    }

    @Test(arguments: [
        ["--all-logs"], ["--all-logs", "--archive", "a", "--log-name", "x"],
        ["--all-logs", "--archive", "a", "--checkpoint", "c"],
    ])
    func whatDoesNotGoTogetherIsRefused(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try Verify.parse(arguments) }
        #expect(throws: Never.self) { try Verify.parse(["--all-logs", "--archive", "a"]) }
    }

    @Test(arguments: [
        (["--to", "http://s3.example.org/b"], "CAIRN_S3_ENDPOINT"), (["--to", "gs://b"], "s3://BUCKET/PREFIX"),
        (["--to", "/srv/a", "--lock", "governance:1d"], "--lock"),
        (["--to", "/srv/a", "--limit-rate", "1MiB"], "--limit-rate"),
        (["--to", "/srv/a", "--credentials", "f"], "--credentials"),
        (["--to", "s3://bucket", "--lock", "forever"], "365d"),
        (["--to", "s3://bucket", "--lock", "compliance:7y"], "365d"),
        (["--to", "s3://bucket", "--limit-rate", "-1"], "10MiB"),
        (["--to", "s3://bucket", "--limit-rate", "0"], "10MiB"),
    ])
    func mistakesOfArchiveAreExplained(_ arguments: [String], _ word: String) {
        let refusal = #expect(throws: (any Error).self) { try Archive.parse(arguments) }
        #expect(refusal.map { Archive.fullMessage(for: $0).contains(word) } == true)
    }

    @Test func locksAndLimitsAreRead() throws {
        let archive = try Archive.parse([
            "--to", "s3://bucket/p", "--lock", "Compliance:365d", "--limit-rate", "10MiB", "--credentials", "f",
        ])
        #expect(archive.to == .s3(bucket: "bucket", prefix: "p") && archive.lock?.mode == .compliance)
        #expect(archive.lock?.duration == 365 * 86_400 * 1_000_000_000 && archive.limitRate?.bytes == 10 << 20)
    }
}
