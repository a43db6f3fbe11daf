import ArgumentParser
import CairnFormat
import Testing

@testable import CairnCommand

@Suite("Man pages")
struct ManualTests {
    private static let description = #"""
        {"command":{"commandName":"tool","abstract":"Does - things.","discussion":"What it does.\n.dots and \\slashes\n\n
        EXAMPLES\n  tool -n 1\n\nEXIT STATUS\n  0 done.","arguments":[
        {"kind":"option","isOptional":true,"isRepeating":false,"names":[{"kind":"short","name":"n"},
        {"kind":"long","name":"lines"}],"valueName":"N","abstract":"So many.","defaultValue":"10"},
        {"kind":"flag","isOptional":true,"isRepeating":false,"names":[{"kind":"long","name":"all"}],"abstract":"Each."},
        {"kind":"option","shouldDisplay":false,"names":[{"kind":"long","name":"hidden"}],"valueName":"x"},
        {"kind":"positional","isOptional":false,"isRepeating":true,"valueName":"file"}],
        "subcommands":[{"commandName":"inner","abstract":"Inside."},{"commandName":"help"},
        {"commandName":"secret","shouldDisplay":false}]}}
        """#.filter { $0 != "\n" }

    private func pages() throws -> [ManualPage] {
        try Array(Self.description.utf8).withUnsafeBytes { bytes in
            ManualPage.pages(of: try #require(JSONSlice(bytes)["command"]), section: 1)
        }
    }

    @Test("one page for each command that is shown")
    func files() throws {
        #expect(try pages().map(\.file) == ["tool.1", "tool-inner.1"])
    }

    @Test("what stands in a page")
    func text() throws {
        let text = try pages()[0].text
        for line in [
            ".TH \"TOOL\" 1 \"\" \"Cairn\" \"Cairn\"", "tool \\- Does \\- things.", "[\\-n \\fIN\\fR]", "[\\-\\-all]",
            "\\fIfile\\fR ...", "\\&.dots and \\eslashes", ".SH \"EXAMPLES\"", ".EX", "  tool \\-n 1", ".EE", "0 done.",
            "\\fB\\-n\\fR, \\fB\\-\\-lines\\fR \\fIN\\fR", "Default: 10.", ".BR tool\\-inner (1)",
        ] {
            #expect(text.split(separator: "\n").contains { $0 == line }, "\(line)")
        }
        #expect(!text.contains("hidden") && !text.contains("secret") && !text.contains("help"))
    }

    @Test("every command of this program has a page")
    func own() throws {
        let dump = Array(Cairn._dumpHelp().utf8)
        let files = try dump.withUnsafeBytes { bytes in
            ManualPage.pages(of: try #require(JSONSlice(bytes)["command"]), section: 1).map(\.file)
        }
        #expect(files.contains("cairn.1") && files.contains("cairn-export.1") && files.contains("cairn-hold-add.1"))
        #expect(!files.contains("cairn-generate-manual.1"))
    }
}
