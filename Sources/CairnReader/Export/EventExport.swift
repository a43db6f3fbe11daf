import CairnFormat
import CairnPlatform

/// In which form events are exported.
package enum ExportForm: String, Sendable, CaseIterable {
    /// The stored lines, byte for byte.
    case ndjson
    /// One JSON array.
    case json
    /// RFC 4180.
    case csv
    /// Open Cybersecurity Schema Framework, JSON in lines.
    case ocsf
    /// Elastic Common Schema, JSON in lines.
    case ecs
    /// ArcSight Common Event Format.
    case cef

    /// Whether chosen fields have a meaning.
    package var hasFields: Bool { self == .ndjson || self == .json || self == .csv }
}

/// What is exported, and how.
package struct ExportRequest: Sendable {
    package var query: Query
    package var form: ExportForm
    /// Dotted paths; empty for the form's own choice.
    package var fields: [String]
    /// Name of the log and version of the program, for the forms that tell.
    package var logName = ""
    package var version = ""
    /// Events of this number or greater are left out, so that an export ends where it was when it began.
    package var end = Limits.sequence

    package init(_ query: Query, _ form: ExportForm, fields: [String] = []) {
        self.query = query
        self.form = form
        self.fields = fields
    }
}

/// What was exported.
package struct ExportResult: Sendable, Equatable {
    /// Events.
    package var rows: UInt64 = 0
    package var bytes: UInt64 = 0
    package var firstSequence: UInt64?
    package var lastSequence: UInt64?
    package var statistics = QueryStatistics()
}

extension AuditLog {
    /// Writes the events of a query in one form. Several threads make the pieces; they are written in order, so memory
    /// does not grow with the log.
    ///
    /// - Parameters:
    ///   - write: takes the output, piece by piece.
    ///   - progress: is told, after each piece, how far it came.
    /// - Throws: a ``ReadError``, and what `write` throws.
    package func export(
        _ request: ExportRequest, to write: (UnsafeRawBufferPointer) throws -> Void,
        progress: (ExportResult) -> Void = { _ in }
    ) throws -> ExportResult {
        let fields = request.fields
        switch request.form {
        case .ndjson: return try export(request, JSONLinesEncoder(fields: fields), write, progress)
        case .json: return try export(request, JSONArrayEncoder(fields: fields), write, progress)
        case .csv:
            let encoder = fields.isEmpty ? CSVEncoder() : CSVEncoder(fields: fields)
            return try export(request, encoder, write, progress)
        case .ocsf:
            let encoder = OCSFEncoder(logName: request.logName, version: request.version)
            return try export(request, encoder, write, progress)
        case .ecs:
            let encoder = ECSEncoder(logName: request.logName, version: request.version)
            return try export(request, encoder, write, progress)
        case .cef: return try export(request, CEFEncoder(version: request.version), write, progress)
        }
    }

    private func export<Encoder: EventEncoder>(
        _ request: ExportRequest, _ encoder: Encoder, _ write: (UnsafeRawBufferPointer) throws -> Void,
        _ progress: (ExportResult) -> Void
    ) throws -> ExportResult {
        var query = request.query
        // Pieces of several threads cannot be cut, and an export has no limit.
        query.limit = nil
        let isStored = request.form == .ndjson && request.fields.isEmpty
        let scan = try SpanScan(directory, query, within: 0..<request.end) {
            EncodedEvents(encoder, needsTape: !isStored)
        }
        var result = ExportResult()
        var output = EventOutput(Encoder.self)
        func put(_ bytes: [UInt8], _ range: Range<Int>) throws {
            result.bytes += UInt64(range.count)
            try bytes.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0[range])) }
        }
        var text: [UInt8] = []
        encoder.appendBeginning(to: &text)
        try put(text, 0..<text.count)
        while let (piece, _) = try scan.next() {
            try put(piece.bytes, output.part(of: 0..<piece.bytes.count))
            result.rows += UInt64(piece.rows)
            result.firstSequence = [result.firstSequence, piece.least].compactMap { $0 }.min()
            result.lastSequence = [result.lastSequence, piece.greatest].compactMap { $0 }.max()
            progress(result)
        }
        text.removeAll()
        encoder.appendEnd(to: &text)
        try put(text, 0..<text.count)
        result.statistics = scan.statistics
        return result
    }
}

/// Writes the events that match in one form.
private struct EncodedEvents<Encoder: EventEncoder>: SpanWork {
    struct Piece: Sendable {
        var bytes: [UInt8] = []
        var rows = 0
        var least: UInt64?
        var greatest: UInt64?
    }

    private var encoder: Encoder
    private var piece = Piece()
    let needsTape: Bool

    init(_ encoder: Encoder, needsTape: Bool) {
        self.encoder = encoder
        self.needsTape = needsTape
    }

    mutating func take(_ sequence: UInt64, _ line: UnsafeRawBufferPointer, _ tape: JSONTape?) {
        if needsTape {
            guard let tape else { return }
            encoder.append(tape, line: line, to: &piece.bytes)
        } else {
            piece.bytes.append(contentsOf: line)
            piece.bytes.append(UInt8(ascii: "\n"))
        }
        piece.rows += 1
        piece.least = min(piece.least ?? sequence, sequence)
        piece.greatest = max(piece.greatest ?? sequence, sequence)
    }

    mutating func finish() -> Piece {
        defer {
            piece = Piece()
            piece.bytes.reserveCapacity(Limits.block + Limits.block / 2)
        }
        return piece
    }
}
