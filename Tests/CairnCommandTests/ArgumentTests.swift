import ArgumentParser
import CairnFormat
import CairnReader
import Testing

@testable import CairnCommand

@Suite("Command lines")
struct ArgumentTests {
    private func parse<Command: ParsableCommand>(_ type: Command.Type, _ arguments: String...) throws -> Command {
        try #require(try Cairn.parsed(arguments) as? Command)
    }

    private static let now = Time(nanoseconds: 1_795_250_352 * Time.perSecond)

    @Test("query: the spellings of journalctl")
    func query() throws {
        let command = try parse(
            QueryCommand.self, "query", "-D", "/log", "-S", "-1h", "--until", "@1795250352", "-n5", "-r", "-o",
            "json-pretty", "--utc", "--explain", "module=a", "status=failed")
        #expect(command.source.log.path == "/log")
        #expect(command.lines == EventLimit(5))
        #expect(command.reverse && command.explain && command.output.utc && !command.follow)
        #expect(command.output.output == .jsonPretty)
        let query = try command.selection.query(utc: true, now: Self.now)
        #expect(query.since == Time(nanoseconds: Self.now.nanoseconds - Time.perHour))
        #expect(query.until == Self.now)
        #expect(try query.filter == Filter("module=a status=failed"))
    }

    @Test("query: everything by default")
    func queryDefaults() throws {
        let command = try parse(QueryCommand.self, "query")
        #expect(command.lines == nil)
        #expect(try command.selection.query(utc: true, now: Self.now) == Query())
        #expect(command.output.settings.format == .short)
    }

    @Test(arguments: [("-nall", nil), ("-n0", 0), ("--lines=12", 12)] as [(String, Int?)])
    func limits(argument: String, expected: Int?) throws {
        #expect(try parse(QueryCommand.self, "query", argument).lines == EventLimit(expected))
        #expect(try parse(Tail.self, "tail", argument).lines == EventLimit(expected))
    }

    @Test("the other commands")
    func others() throws {
        #expect(try parse(Tail.self, "tail", "-f").lines == EventLimit(10))
        #expect(try parse(Init.self, "init", "--origin", "example.org/audit", "--json").origin == "example.org/audit")
        #expect(try parse(Verify.self, "verify", "--key-file", "k", "--threads", "3", "-q").threads == 3)
        #expect(try parse(Status.self, "status", "--json", "--control", "/c").control.paths(directory: "/x") == ["/c"])
        #expect(try parse(Rotate.self, "rotate").control.paths(directory: "/x") == ["/x/control.sock"])
        #expect(
            try parse(Sync.self, "sync").control.paths(directory: "/var/log/cairn")
                == ["/var/log/cairn/control.sock", "/run/cairn/control.sock"])
        #expect(try parse(Send.self, "send", "--socket", "/s", "--receipts", "r").receipts == "r")
        #expect(try parse(Send.self, "send").file == "-")
        #expect(try parse(Send.self, "send", "--no-ack", "events").file == "events")
        #expect(try parse(Demo.self, "demo", "--events", "500", "--no-keep").keep == false)
    }

    @Test(
        "what cannot be meant is refused with EX_USAGE",
        arguments: [
            ["query", "-n", "-3"], ["query", "-n", "many"], ["query", "-o", "xml"], ["query", "-f", "-r"],
            ["query", "-c", "-n", "3"], ["query", "-c", "-f"],
            ["query", "--after-cursor", "1", "-r"], ["query", "--after-cursor", "1", "--cursor-file", "f"],
            ["query", "--output-fields", "a,,b"], ["query", "-o", "raw", "--output-fields", "a"],
            ["query", "-f", "-U", "now"], ["query", "--color", "sometimes"], ["tail", "-D", ""],
            ["verify", "--key", "a", "--key-file", "b"], ["verify", "--threads", "0"], ["verify", "-q", "--json"],
            ["send", "--no-ack", "--receipts", "r"], ["demo", "--events", "3"], ["init", "--origin", "a b"],
            ["nothing"], ["query", "--nothing"], ["hold", "add"], ["retention", "nothing"],
        ])
    func refused(arguments: [String]) throws {
        let error = #expect(throws: (any Error).self) { try Cairn.parsed(arguments) }
        #expect(error.map { Cairn.exitCode(for: $0).rawValue } == ExitStatus.usage.rawValue)
    }

    @Test("help is there for every command, with examples or exit statuses")
    func help() {
        for type in Cairn.configuration.subcommands {
            let text = Cairn.helpMessage(for: type, columns: 100)
            #expect(text.contains("EXAMPLES") || text.contains("EXIT STATUS"), "\(type)")
        }
    }

    @Test("a wrong filter or time points at the column")
    func pointing() throws {
        let filter = try parse(QueryCommand.self, "query", "module=")
        let failure = #expect(throws: QuerySyntaxError.self) { try filter.selection.query(utc: true, now: Self.now) }
        let told = failure.flatMap { CommandFailure(reporting: $0) }
        #expect(told?.status == .usage)
        #expect(told?.message?.contains("module=\n         ^") == true, "\(told?.message ?? "")")
        let time = try parse(QueryCommand.self, "query", "-S", "soon")
        #expect(throws: QuerySyntaxError.self) { try time.selection.query(utc: true, now: Self.now) }
    }
}
