import CairnFormat
import CairnReader

/// Writes events with one of the library's encoders, one at a time.
struct EncodedFormatter<Encoder: EventEncoder>: EventFormatter {
    private var encoder: Encoder
    private let parser: JSONParser?
    private var output = EventOutput(Encoder.self)
    private var hasBeginning = false
    /// A line with the parser's padding, and what was made of it.
    private var (padded, piece): ([UInt8], [UInt8]) = ([], [])

    init(_ encoder: Encoder) {
        self.encoder = encoder
        // It fails only where there is no memory for it.
        parser = try? JSONParser()
    }

    mutating func append(_ line: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        begin(&bytes)
        padded.removeAll(keepingCapacity: true)
        padded.append(contentsOf: line)
        padded.append(contentsOf: repeatElement(0, count: JSONParser.padding))
        piece.removeAll(keepingCapacity: true)
        padded.withUnsafeBytes { buffer in
            let text = UnsafeRawBufferPointer(rebasing: buffer[..<line.count])
            // A stored line was parsed before it was found.
            guard let tape = try? parser?.parse(text) else { return }
            encoder.append(tape, line: text, to: &piece)
        }
        bytes.append(contentsOf: piece[output.part(of: 0..<piece.count)])
    }

    mutating func finish(to bytes: inout [UInt8]) { begin(&bytes) }

    private mutating func begin(_ bytes: inout [UInt8]) {
        guard !hasBeginning else { return }
        hasBeginning = true
        encoder.appendBeginning(to: &bytes)
    }
}
