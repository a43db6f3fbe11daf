import CairnPlatform
import Synchronization

/// Standard output, in pieces large enough that a million lines do not cost a million system calls.
final class Output {
    /// What is not written yet.
    var bytes: [UInt8] = []
    private let pieceBytes: Int

    /// - Parameter pieceBytes: `flushIfFull` writes from so many on.
    init(pieceBytes: Int = 64 << 10) { self.pieceBytes = pieceBytes }

    func line(_ text: String = "") {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    func flushIfFull() throws {
        if bytes.count >= pieceBytes { try flush() }
    }

    func flush() throws {
        guard !bytes.isEmpty else { return }
        defer { bytes.removeAll(keepingCapacity: true) }
        try bytes.withUnsafeBytes { try Self.write($0) }
    }

    /// Appends a piece; a large one is written at once, and not copied.
    func append(_ piece: UnsafeRawBufferPointer) throws {
        guard piece.count >= pieceBytes else {
            bytes.append(contentsOf: piece)
            return try flushIfFull()
        }
        try flush()
        try Self.write(piece)
    }

    private static func write(_ bytes: UnsafeRawBufferPointer) throws {
        do throws(IOFailure) {
            try StandardStream.output.write(bytes)
        } catch {
            if error.isClosedPipe { throw OutputClosed() }
            throw error
        }
    }

    /// Writes lines at once: for commands that say little.
    static func print(_ lines: String...) throws {
        let output = Output()
        for line in lines { output.line(line) }
        try output.flush()
    }
}

/// Nobody reads the output any more, as in `cairn query | head`: no failure, but a reason to end.
struct OutputClosed: Error {}

/// Standard error, for people: complaints and progress.
enum Console {
    /// Writes `cairn: message`.
    static func complain(_ message: String) { write("cairn: \(message)\n") }

    static func say(_ message: String) { write("\(message)\n") }

    /// A failure is not told: there is nowhere left to tell it.
    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        bytes.withUnsafeBytes { try? StandardStream.error.write($0) }
    }
}

/// One line of a terminal's standard error that is written over again and again; silent where that is no terminal.
/// Any thread may use it.
final class ProgressLine: Sendable {
    private static let interval: Int64 = 200_000_000

    private struct State {
        var next: Int64 = 0
        var isDirty = false
    }

    private let isShown: Bool
    private let clock = SystemTimeSource()
    private let state = Mutex(State())

    init(isShown: Bool = StandardStream.error.isTerminal) {
        self.isShown = isShown
    }

    /// Shows what `text` says now, at most five times a second.
    func update(_ text: () -> String) {
        guard isShown else { return }
        let now = clock.monotonic()
        state.withLock { state in
            guard now >= state.next else { return }
            state = State(next: now + ProgressLine.interval, isDirty: true)
            Console.write("\r\u{1B}[K\(text())")
        }
    }

    /// Removes it, so that other lines can be written.
    func clear() {
        state.withLock { state in
            if state.isDirty { Console.write("\r\u{1B}[K") }
            state.isDirty = false
        }
    }
}
