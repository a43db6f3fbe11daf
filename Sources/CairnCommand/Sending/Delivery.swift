import CairnFormat
import CairnPlatform
import Synchronization

/// Sends lines to the daemon over one connection and counts its answers.
///
/// Two threads, so that neither side ever waits for the other: the caller's sends, one of its own receives. Of what was
/// sent only the numbers are kept, so memory does not grow with the input.
final class Delivery: Sendable {
    /// How far it has come.
    struct Progress: Equatable {
        /// Lines that count and bytes that were handed to the kernel.
        var sentLines: UInt64 = 0
        var sentBytes: UInt64 = 0
        /// Lines that are stored for good; `duplicates` of them were stored before.
        var acknowledged: UInt64 = 0
        var duplicates: UInt64 = 0
        var refused: UInt64 = 0
        var synced: UInt64 = 0
        /// Set when the daemon said that it cannot store anything for now.
        var unavailable: String?
        /// The daemon said something that is not of the protocol.
        var isConfused = false
        /// All of the input was sent.
        var inputEnded = false
        /// The daemon's side of the connection has ended.
        var hasEnded = false

        var answered: UInt64 { acknowledged + refused + synced }
    }

    /// What happens with answers; called on the receiving thread.
    struct Listener: Sendable {
        var refused: @Sendable (DaemonAnswer.Refusal) -> Void = { _ in }
        /// A whole line that acknowledges, without its LF.
        var acknowledged: @Sendable (UnsafeRawBufferPointer) -> Void = { _ in }
        /// Something has changed.
        var progressed: @Sendable (Progress) -> Void = { _ in }
    }

    /// Where the lines come from.
    enum Input {
        case bytes(Int)
        /// Nothing now, but later.
        case later
        case end
    }

    private static let pieceBytes = 256 << 10

    private let connection: UnixConnection
    private let wantsAnswers: Bool
    private let listener: Listener
    private let state = Mutex(Progress())

    /// - Parameters:
    ///   - path: of the daemon's event socket.
    ///   - wantsAnswers: without, nothing tells whether anything was stored.
    ///   - wantsReceipts: acknowledgements then hold the hash of each event.
    init(
        path: String, wantsAnswers: Bool = true, wantsReceipts: Bool = false, listener: Listener = Listener()
    ) throws(IOFailure) {
        connection = try UnixConnection(path: path)
        self.wantsAnswers = wantsAnswers
        self.listener = listener
        guard wantsAnswers else { return }
        let hello = Array("{\"_hello\":{\"ack\":true,\"receipts\":\(wantsReceipts)}}\n".utf8)
        try hello.span.withUnsafeBytes { (bytes) throws(IOFailure) in try connection.send(bytes) }
    }

    var progress: Progress { state.withLock { $0 } }

    /// Sends all that `input` gives and waits until all is answered or the connection has ended.
    ///
    /// - Parameter input: fills the buffer.
    func run(_ input: (UnsafeMutableRawBufferPointer) throws -> Input) throws -> Progress {
        let receiver = wantsAnswers ? try DedicatedThread(name: "cairn-receive") { [self] in receive() } : nil
        do {
            defer {
                connection.shutdownWriting()
                receiver?.join()
            }
            try send(input)
        }
        return progress
    }

    // MARK: Sending

    private func send(_ input: (UnsafeMutableRawBufferPointer) throws -> Input) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Delivery.pieceBytes, alignment: 64)
        defer { buffer.deallocate() }
        var count = LineCount()
        while !progress.hasEnded {
            switch try input(buffer) {
            case .later: continue
            case .end:
                count.finish()
                note {
                    $0.sentLines = count.lines
                    $0.inputEnded = true
                }
                return
            case .bytes(let size):
                let piece = UnsafeRawBufferPointer(rebasing: buffer[..<size])
                do throws(IOFailure) {
                    try connection.send(piece)
                } catch {
                    // The receiver tells how far it came.
                    note { $0.hasEnded = true }
                    return
                }
                count.take(piece)
                note {
                    $0.sentLines = count.lines
                    $0.sentBytes += UInt64(size)
                }
            }
        }
    }

    private func note(_ change: (inout Progress) -> Void) {
        let now = state.withLock { progress in
            change(&progress)
            return progress
        }
        listener.progressed(now)
    }

    // MARK: Receiving

    private func receive() {
        // Longer than any answer without receipts; with them the framer's own buffer grows.
        var framer = LineFramer(limit: 64 << 20)
        var buffer = [UInt8](repeating: 0, count: Delivery.pieceBytes)
        while true {
            let count = buffer.withUnsafeMutableBytes { (try? connection.receive(into: $0)) ?? 0 }
            guard count > 0 else { break }
            buffer.withUnsafeBytes { bytes in
                framer.push(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { line in
                    switch line {
                    case .whole(let line): take(line)
                    case .tooLong: note { $0.isConfused = true }
                    }
                }
            }
            if progress.unavailable != nil {
                // No use to wait for more: what is not acknowledged now may be sent again. The sender may be waiting
                // for a daemon that reads no more; this frees it.
                connection.shutdownWriting()
                break
            }
        }
        note { $0.hasEnded = true }
    }

    private func take(_ line: UnsafeRawBufferPointer) {
        switch DaemonAnswer(line) {
        case .hello: break
        case .acknowledged(let lines, let isDuplicate):
            listener.acknowledged(line)
            note {
                $0.acknowledged += lines
                if isDuplicate { $0.duplicates += lines }
            }
        case .synced: note { $0.synced += 1 }
        case .refused(let refusal):
            listener.refused(refusal)
            note { $0.refused += 1 }
        case .unavailable(let message): note { $0.unavailable = message }
        case nil: note { $0.isConfused = true }
        }
    }
}
