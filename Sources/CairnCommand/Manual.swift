import ArgumentParser
import CairnFormat
import CairnPlatform

/// `cairn generate-manual`, for the installation: makes man pages of what a program says about itself.
struct GenerateManual: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate-manual",
        abstract: "Write man pages from a program's description of itself, read from standard input.",
        discussion: """
            EXAMPLES
              cairn --experimental-dump-help | cairn generate-manual --section 1 /tmp/man
              cairnd --experimental-dump-help | cairn generate-manual --section 8 /tmp/man

            EXIT STATUS
              0 written, 65 standard input is no such description, 74 input/output error.
            """,
        shouldDisplay: false)

    @Argument(help: ArgumentHelp("Where to put the pages: NAME.SECTION, and one for each command.", valueName: "dir"))
    var directory: String

    @Option(name: .long, help: "Section of the manual.")
    var section = 1

    /// The descriptions of all commands together; ours have some 100 kB.
    private static let sizeLimit = 16 << 20

    func run() throws {
        var input: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try piece.withUnsafeMutableBytes { try StandardStream.input.read(into: $0) }
            if count == 0 { break }
            input += piece[..<count]
            guard input.count <= GenerateManual.sizeLimit else { throw GenerateManual.noDescription }
        }
        let pages = try input.withUnsafeBytes { bytes in
            guard let command = JSONSlice(bytes)["command"], command.kind == .object else {
                throw GenerateManual.noDescription
            }
            return ManualPage.pages(of: command, section: section)
        }
        let files = try PosixFileSystem(root: directory)
        for page in pages { try files.replace(page.file, with: Array(page.text.utf8), mode: 0o644) }
    }

    private static let noDescription = CommandFailure(
        .data, "standard input is not what --experimental-dump-help prints")
}

/// One page in the macros of man(7).
struct ManualPage {
    let file: String
    let text: String

    /// That of a command and those of its subcommands.
    static func pages(of command: JSONSlice, section: Int, parents: [String] = []) -> [ManualPage] {
        let names = parents + [string(command["commandName"])]
        var pages = [ManualPage(command, names: names, section: section)]
        for inner in command["subcommands"]?.elements ?? [] where string(inner["commandName"]) != "help" {
            // Those that are hidden have no place in the manual.
            if inner["shouldDisplay"]?.bytes.elementsEqual("false".utf8) ?? false { continue }
            pages += self.pages(of: inner, section: section, parents: names)
        }
        return pages
    }

    private init(_ command: JSONSlice, names: [String], section: Int) {
        let title = names.joined(separator: "-")
        file = "\(title).\(section)"
        let arguments = (command["arguments"]?.elements ?? []).filter { argument in
            !(argument["shouldDisplay"]?.bytes.elementsEqual("false".utf8) ?? false)
        }
        var lines = [
            ".TH \(Self.quoted(title.uppercased())) \(section) \"\" \"Cairn\" \"Cairn\"", ".SH NAME",
            "\(Self.escaped(title)) \\- \(Self.escaped(Self.string(command["abstract"])))", ".SH SYNOPSIS",
            ".B \(Self.escaped(names.joined(separator: " ")))",
        ]
        lines += arguments.map(Self.synopsis)
        let subcommands = (command["subcommands"]?.elements ?? []).filter { inner in
            Self.string(inner["commandName"]) != "help"
                && !(inner["shouldDisplay"]?.bytes.elementsEqual("false".utf8) ?? false)
        }
        if !subcommands.isEmpty { lines.append("\\fIcommand\\fR ...") }
        lines += Self.sections(Self.string(command["discussion"]))
        if !subcommands.isEmpty {
            lines.append(".SH COMMANDS")
            for inner in subcommands {
                let name = Self.string(inner["commandName"])
                lines += [
                    ".TP", ".BR \(Self.escaped("\(title)-\(name)")) (\(section))",
                    Self.escaped(Self.string(inner["abstract"])),
                ]
            }
        }
        if !arguments.isEmpty {
            lines.append(".SH OPTIONS")
            for argument in arguments { lines += Self.description(argument) }
        }
        text = lines.joined(separator: "\n") + "\n"
    }

    // MARK: Parts

    /// The discussion: its paragraphs, and its parts under headings of capitals (EXAMPLES, EXIT STATUS).
    private static func sections(_ discussion: String) -> [String] {
        guard !discussion.isEmpty else { return [] }
        var lines = [".SH DESCRIPTION"]
        var isListing = false
        for line in discussion.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                if isListing { lines.append(".EE") }
                isListing = false
                lines.append(".PP")
            } else if line == line.uppercased(), line.first?.isLetter ?? false {
                if isListing { lines.append(".EE") }
                // A heading needs no paragraph before it.
                if lines.last == ".PP" { lines.removeLast() }
                lines.append(".SH \(quoted(String(line)))")
                isListing = line.hasPrefix("EXAMPLE")
                if isListing { lines.append(".EX") }
            } else {
                // Outside of examples a blank at the beginning would break the line.
                lines.append(escaped(String(isListing ? line : line.drop { $0 == " " })))
            }
        }
        if isListing { lines.append(".EE") }
        return lines
    }

    private static func synopsis(_ argument: JSONSlice) -> String {
        let text = usage(argument, isBold: false)
        let isOptional = argument["isOptional"]?.bytes.elementsEqual("true".utf8) ?? false
        let isRepeating = argument["isRepeating"]?.bytes.elementsEqual("true".utf8) ?? false
        return (isOptional ? "[\(text)]" : text) + (isRepeating ? " ..." : "")
    }

    /// `-n, --lines N`, as it is typed.
    private static func usage(_ argument: JSONSlice, isBold: Bool) -> String {
        let value = "\\fI\(escaped(string(argument["valueName"])))\\fR"
        let names = (argument["names"]?.elements ?? []).map { name in
            let dashes = string(name["kind"]) == "long" ? "\\-\\-" : "\\-"
            let text = dashes + escaped(string(name["name"]))
            return isBold ? "\\fB\(text)\\fR" : text
        }
        switch string(argument["kind"]) {
        case "positional": return value
        case "flag": return isBold ? names.joined(separator: ", ") : names.first ?? ""
        default: return (isBold ? names.joined(separator: ", ") : names.first ?? "") + " " + value
        }
    }

    private static func description(_ argument: JSONSlice) -> [String] {
        var lines = [".TP", usage(argument, isBold: true)]
        for part in ["abstract", "discussion"] {
            let text = string(argument[part])
            if !text.isEmpty { lines += text.split(separator: "\n").map { escaped(String($0)) } }
        }
        let fallback = string(argument["defaultValue"])
        if !fallback.isEmpty { lines.append("Default: \(escaped(fallback)).") }
        return lines
    }

    // MARK: Text

    private static func string(_ value: JSONSlice?) -> String {
        value.map { $0.isNull ? "" : String(decoding: $0.text, as: UTF8.self) } ?? ""
    }

    /// Text that is no macro and has no escapes.
    static func escaped(_ text: String) -> String {
        var output = ""
        for character in text {
            switch character {
            case "\\": output += "\\e"
            case "-": output += "\\-"
            case "'" where output.isEmpty, "." where output.isEmpty: output += "\\&\(character)"
            default: output.append(character)
            }
        }
        return output
    }

    private static func quoted(_ text: String) -> String {
        "\"\(escaped(text).split(separator: "\"").joined(separator: "\\(dq"))\""
    }
}
