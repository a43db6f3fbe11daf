import CairnPlatform
import Synchronization

/// A file that keeps the daemon's acknowledgements with the hashes of the events: who has them can show later that an
/// event is missing or was changed.
final class ReceiptFile: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var failure: IOFailure?
    }

    private static let pieceBytes = 64 << 10

    private let file: any AppendFile
    private let state = Mutex(State())

    /// Goes on with a file that is there.
    init(path: String) throws {
        let (files, name) = try FilePlace.open(path)
        file = try files.status(name) == nil ? files.create(name, mode: 0o644) : files.openForAppending(name)
    }

    /// Keeps a line. A failure is told by `finish`.
    func append(_ line: UnsafeRawBufferPointer) {
        state.withLock { state in
            state.waiting.append(contentsOf: line)
            state.waiting.append(UInt8(ascii: "\n"))
            if state.waiting.count >= ReceiptFile.pieceBytes { write(&state) }
        }
    }

    /// Makes it durable.
    func finish() throws {
        try state.withLock { state in
            write(&state)
            if let failure = state.failure { throw failure }
            try file.sync()
        }
    }

    private func write(_ state: inout State) {
        defer { state.waiting.removeAll(keepingCapacity: true) }
        guard state.failure == nil else { return }
        do throws(IOFailure) {
            try state.waiting.span.withUnsafeBytes { (bytes) throws(IOFailure) in try file.append(bytes) }
        } catch {
            state.failure = error
        }
    }
}
