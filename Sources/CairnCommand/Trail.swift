import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn trail`
struct Trail: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trail",
        abstract: "The history of one resource, with what was changed.",
        discussion: """
            Every event whose target has that type and that id (or name), oldest first; under each the fields that it \
            changed, before and after.

            EXAMPLES
              cairn trail invoice INV-1007
              cairn trail user u-4711 -S -30d
              cairn trail invoice INV-1007 -o json

            EXIT STATUS
              0 found, 1 nothing happened to it, 64 wrong time or flag, 65 damaged, 66 no log, 74 input/output error.
            """)

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Type of the resource: target.type of its events.")
    var type: String

    @Argument(help: "Its id or name: target.id or target.name of its events.")
    var id: String

    @OptionGroup var selection: FilterOptions

    func run() throws {
        var query = try selection.query(utc: output.utc)
        let names = ["id", "name"].map { Self.equal(["target", $0], id) }
        query.filter.terms.insert(contentsOf: [Self.equal(["target", "type"], type), .any(names)], at: 0)
        let settings = output.settings
        let printer =
            output.output == .short
            ? EventPrinter(TrailFormatter(settings)) : EventPrinter(settings)
        try printer.print(query, of: try source.open())
        try printer.finish()
        if printer.count == 0 { throw CommandFailure(.negative) }
    }

    private static func equal(_ path: [String], _ value: String) -> Filter.Term {
        .comparison(
            Filter.Comparison(path: path, relation: .equal, value: Filter.Value(text: value, isQuoted: true)))
    }
}
