import CairnPlatform
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// `cairn` starts fast, as it leaves what needs HTTP, YAML or a daemon to `cairn-network`.
    @Suite struct HandoverTests {
        private static let programs = URL(fileURLWithPath: DaemonProcess.program).deletingLastPathComponent()

        private static func cairn(
            _ arguments: [String], in programs: URL = programs
        ) throws -> ChildProcess.Result {
            try ChildProcess.run([programs.appendingPathComponent("cairn").path] + arguments)
        }

        @Test(arguments: [
            ["demo", "--events", "200", "--no-keep"],
            ["archive", "-D", "LOG", "--to", "s3://bucket", "--credentials", "/nonexistent"],
        ])
        func bothProgramsEndAlike(_ arguments: [String]) throws {
            let daemon = try DaemonProcess()
            let arguments = arguments.map { $0 == "LOG" ? daemon.place.log : $0 }
            let whole = try ChildProcess.run([Self.programs.appendingPathComponent("cairn-network").path] + arguments)
            let handed = try Self.cairn(arguments)
            #expect(handed.end == whole.end)
            // A demonstration tells of times.
            if arguments[0] == "archive" {
                #expect(handed.error == whole.error)
                #expect(handed.error.contains("/nonexistent: there is no such file"))
            } else {
                #expect(handed.end == .exited(0), "\(handed.error)")
                #expect(handed.text.contains("TAMPERED"))
            }
        }

        /// It hands over before it has made anything.
        @Test func aDemonstrationLeavesNothing() throws {
            let scratch = try Scratch()
            let result = try ChildProcess.run(
                [Self.programs.appendingPathComponent("cairn").path, "demo", "--events", "200", "--no-keep"],
                environment: ProcessEnvironment.all.merging(["TMPDIR": scratch.path]) { $1 })
            #expect(result.end == .exited(0), "\(result.error)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
        }

        @Test func aLinkToItFindsTheOther() throws {
            let scratch = try Scratch()
            let link = URL(fileURLWithPath: scratch.path).appendingPathComponent("cairn")
            try FileManager.default.createSymbolicLink(
                at: link, withDestinationURL: Self.programs.appendingPathComponent("cairn"))
            let result = try Self.cairn(
                ["retention", "plan", "--policy", "/nonexistent"], in: link.deletingLastPathComponent())
            #expect(result.end == .exited(78), "\(result.error)")
        }

        @Test func aloneItSaysWhatIsMissing() throws {
            let scratch = try Scratch()
            let place = URL(fileURLWithPath: scratch.path)
            try FileManager.default.copyItem(
                at: Self.programs.appendingPathComponent("cairn"), to: place.appendingPathComponent("cairn"))
            let result = try Self.cairn(["retention", "plan"], in: place)
            #expect(result.end == .exited(69))
            #expect(result.error.contains("\(scratch.path)/cairn-network"))
            #expect(try Self.cairn(["--version"], in: place).end == .exited(0))
        }
    }
}
