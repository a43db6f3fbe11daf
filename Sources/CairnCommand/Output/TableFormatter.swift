import CairnFormat

/// Columns with titles, aligned. The first rows decide the widths, so that memory does not grow with the result; a
/// later cell that is wider moves the rest of its row.
struct TableFormatter: EventFormatter {
    /// Rows that decide the widths.
    private static let sample = 200
    /// On a terminal a cell is cut at this many columns; a file gets it whole.
    private static let cellLimit = 40

    private let columns: [Column]
    private let style: Style
    private let isCut: Bool
    private var times: TimeStyle
    private var waiting: [[Cell]] = []
    /// In columns of the screen; nil as long as rows wait.
    private var widths: [Int]?

    private struct Cell {
        var text: [UInt8]
        var width: Int
        var look: Style.Look?
    }

    init(_ settings: OutputSettings) {
        columns = settings.columns(Column.overview)
        style = settings.style
        isCut = settings.isTerminal
        times = settings.times
    }

    mutating func append(_ line: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        let event = ShownEvent(line)
        let row = columns.map { column in
            let text = event.text(column, &times) ?? []
            return cell(text, style.isOn ? column.look(of: text, in: event) : nil)
        }
        if let widths {
            append(row, widths, to: &output)
        } else {
            waiting.append(row)
            if waiting.count == TableFormatter.sample { finish(to: &output) }
        }
    }

    mutating func finish(to output: inout [UInt8]) {
        guard widths == nil, !waiting.isEmpty else { return }
        let titles = columns.map { cell(Array($0.title.utf8), .bold) }
        let rows = [titles] + waiting
        let widths = columns.indices.map { index in rows.map { $0[index].width }.max() ?? 0 }
        for row in rows { append(row, widths, to: &output) }
        waiting = []
        self.widths = widths
    }

    private func append(_ row: [Cell], _ widths: [Int], to output: inout [UInt8]) {
        for (index, cell) in row.enumerated() {
            style.append(cell.text, cell.look, to: &output)
            // No blanks at the end of the line.
            guard index < row.count - 1 else { break }
            let gap = max(0, widths[index] - cell.width) + 2
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: gap))
        }
        output.endLine()
    }

    private func cell(_ text: [UInt8], _ look: Style.Look?) -> Cell {
        var safe: [UInt8] = []
        SafeText.append(text, to: &safe)
        let shown = String(decoding: safe, as: UTF8.self)
        var width = 0
        for (index, character) in zip(shown.indices, shown) {
            let next = width + TableFormatter.width(character)
            if isCut, next >= TableFormatter.cellLimit, shown.index(after: index) != shown.endIndex {
                return Cell(text: Array("\(shown[..<index])…".utf8), width: width + 1, look: look)
            }
            width = next
        }
        return Cell(text: safe, width: width, look: look)
    }

    /// Columns that a character takes: two for those of East Asian scripts and for most emoji (Unicode UAX #11, in
    /// broad strokes).
    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
