import CairnFormat
import CairnPlatform
import Testing

@testable import CairnDaemon

@Suite struct ControlRequestTests {
    private static func request(_ text: String) -> ControlRequest? {
        guard let parser = try? JSONParser() else { return nil }
        let padded = Array(text.utf8) + [UInt8](repeating: 0, count: JSONParser.padding)
        return padded.withUnsafeBytes {
            ControlRequest(UnsafeRawBufferPointer(rebasing: $0[..<text.utf8.count]), parser: parser)
        }
    }

    @Test(
        arguments: [
            "", "x", "[]", "{}", "null", "\"redact\"", "{\"command\":1}", "{\"command\":null}", "{\"command\":\"a\"",
        ])
    func otherLinesAreNoRequests(_ text: String) { #expect(Self.request(text) == nil) }

    @Test func membersHaveKinds() throws {
        let request = try #require(
            Self.request(
                #"{"name":"a\u00e4\"b","yes":true,"no":false,"number":7,"null":null,"list":[1],"#
                    + #""command":"redact","empty":""}"#))
        #expect(request.command == "redact")
        #expect(try request.text("name") == "aä\"b")
        #expect(try request.requiredText("name") == "aä\"b")
        #expect(try request.text("missing") == nil && request.text("null") == nil)
        #expect(try request.flag("yes") && !request.flag("no") && !request.flag("missing") && !request.flag("null"))
        for name in ["yes", "number", "list"] {
            #expect(throws: ControlRequestError.self) { try request.text(name) }
        }
        for name in ["name", "number", "list"] {
            #expect(throws: ControlRequestError.self) { try request.flag(name) }
        }
        for name in ["missing", "null", "empty", "number"] {
            #expect(throws: ControlRequestError.self) { try request.requiredText(name) }
        }
    }

    /// Who may do what: an operator is no custodian.
    @Test func commandsHaveTheirOwnUsers() {
        var configuration = Configuration()
        configuration.control.uids = [41]
        configuration.control.custodyUids = [42]
        configuration.control.archiveUids = [43]
        let commands = DaemonCommands(daemon: EmbeddedDaemon(configuration: configuration))
        let allowed: [(ControlCommand, [UInt32])] = [
            (.status, [0, 41, 42, 43]), (.rotate, [0, 41]), (.sync, [0, 41]), (.holdAdd, [0, 42]),
            (.holdRelease, [0, 42]), (.redact, [0, 42]), (.retentionApply, [0, 42]), (.archived, [0, 43]),
        ]
        #expect(Set(allowed.map(\.0)) == Set(ControlCommand.allCases))
        for (command, users) in allowed {
            for uid in [0, 41, 42, 43, ProcessEnvironment.userID] as [UInt32] {
                let refusal = commands.refusal(of: command, to: PeerCredentials(pid: 1, uid: uid, gid: uid))
                let isOwner = uid == ProcessEnvironment.userID
                #expect((refusal == nil) == (users.contains(uid) || isOwner), "\(command) by \(uid)")
                if let refusal { #expect(refusal.contains("\(uid)") && refusal.contains("control.")) }
            }
        }
    }
}
