import ArgumentParser
import CairnFormat
import CairnReader

/// How events are written.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case short
    case json
    case jsonPretty = "json-pretty"
    case csv
    case table
    case raw
    case cat

    /// Whether the output is JSON, whose own escapes are used.
    var isJSON: Bool {
        switch self {
        case .json, .jsonPretty, .raw: true
        case .short, .csv, .table, .cat: false
        }
    }
}

/// What the flags say about the output.
struct OutputSettings {
    var format = OutputFormat.short
    /// Instead of the format's own choice, in this order; empty for that choice.
    var fields: [String] = []
    var times = TimeStyle(utc: true)
    var style = Style.plain
    /// JSON is then written with escapes for what a terminal would obey; it stays the same JSON.
    var isTerminal = false

    /// The columns of the formats that have any.
    func columns(_ usual: [Column]) -> [Column] {
        fields.isEmpty ? usual : fields.map(Column.init(path:))
    }

    /// The form in which the library writes the same, on every core; nil where only the formatter does.
    var exportForm: ExportForm? {
        switch format {
        case .csv: .csv
        case .json: isTerminal ? nil : .ndjson
        default: nil
        }
    }

    func formatter() -> any EventFormatter {
        switch format {
        case .short: ShortFormatter(self)
        case .json, .raw: JSONFormatter(self)
        case .jsonPretty: PrettyFormatter(self)
        case .csv: EncodedFormatter(fields.isEmpty ? CSVEncoder() : CSVEncoder(fields: fields))
        case .table: TableFormatter(self)
        case .cat: CatFormatter(self)
        }
    }
}

/// Writes events in one format, one after the other.
protocol EventFormatter {
    /// - Parameter line: a stored line without its LF.
    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8])

    /// Writes what was held back: at the end, and wherever the reader shall see all that there is so far.
    mutating func finish(to output: inout [UInt8])
}

extension EventFormatter {
    mutating func finish(to output: inout [UInt8]) {}
}

extension Array where Element == UInt8 {
    mutating func endLine() { append(UInt8(ascii: "\n")) }
}

/// One line of what matters most, in columns for eyes and for awk(1): what is missing is a `-`.
struct ShortFormatter: EventFormatter {
    private let columns: [Column]
    private let style: Style
    private var times: TimeStyle

    init(_ settings: OutputSettings) {
        // With fields of one's own, when and which stay in front.
        columns =
            settings.fields.isEmpty ? Column.overview : [.time, .path("_seq")] + settings.columns([])
        style = settings.style
        times = settings.times
    }

    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        let event = ShownEvent(line)
        for (index, column) in columns.enumerated() {
            if index > 0 { output.append(UInt8(ascii: " ")) }
            guard let text = event.text(column, &times), !text.isEmpty else {
                output.append(UInt8(ascii: "-"))
                continue
            }
            if style.isOn, let look = column.look(of: text, in: event) {
                var safe: [UInt8] = []
                SafeText.append(text, to: &safe)
                style.append(safe, look, to: &output)
            } else {
                SafeText.append(text, to: &output)
            }
        }
        output.endLine()
    }
}

extension Column {
    /// What the eye shall find first.
    func look(of text: [UInt8], in event: ShownEvent) -> Style.Look? {
        switch self {
        case .time, .path("_seq"): return .dim
        case .path("action"): return .bold
        case .path("severity"), .path("status"):
            switch String(decoding: text, as: UTF8.self) {
            case "failed", "high": return .red
            case "critical": return .boldRed
            case "warning", "medium": return .yellow
            case "success": return .green
            default: return nil
            }
        default: return nil
        }
    }
}

/// What the event says in words, or the values of the chosen fields.
struct CatFormatter: EventFormatter {
    private let fields: [String]

    init(_ settings: OutputSettings) { fields = settings.fields }

    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        let event = ShownEvent(line)
        if fields.isEmpty {
            SafeText.append(event.message, to: &output)
        } else {
            for (index, field) in fields.enumerated() {
                if index > 0 { output.append(UInt8(ascii: " ")) }
                SafeText.append(event.value(field)?.text ?? [UInt8(ascii: "-")], to: &output)
            }
        }
        output.endLine()
    }
}
