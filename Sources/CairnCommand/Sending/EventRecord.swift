import CairnFormat
import CairnPlatform

/// Puts one event of this program's own into the log that it is about.
enum EventRecord {
    enum Outcome: Equatable {
        case recorded
        case notRecorded(String)
    }

    /// The daemon commits within milliseconds; a reader does not wait longer than this for one that hangs.
    private static let patience: Int32 = 5000
    private static let answerLimit = 64 << 10

    /// Sends the event to the daemon on `path` and waits until it is on disk. A daemon of another log gets nothing.
    ///
    /// - Parameter origin: name of the log that the event is about.
    static func send(_ event: String, to path: String, origin: String?) -> Outcome {
        do throws(IOFailure) {
            let connection = try UnixConnection(path: path)
            try send("{\"_hello\":{\"ack\":true}}\n", connection)
            guard let hello = try line(connection), let name = text(hello, "_hello", "origin") else {
                return .notRecorded("what listens on \(path) is no daemon of cairn")
            }
            guard name == origin else {
                return .notRecorded("the daemon on \(path) keeps another log, \(SafeText.string(name))")
            }
            try send(event + "\n", connection)
            guard let answer = try line(connection) else { return .notRecorded("the daemon on \(path) did not answer") }
            let isStored = answer.withUnsafeBytes { JSONSlice($0)["_ack"] != nil }
            return isStored ? .recorded : .notRecorded("the daemon on \(path) refused it")
        } catch {
            return .notRecorded(
                error.isNotListening ? "no daemon listens on \(path) (--no-record says nothing)" : error.description)
        }
    }

    private static func send(_ text: String, _ connection: UnixConnection) throws(IOFailure) {
        let bytes = Array(text.utf8)
        try bytes.span.withUnsafeBytes { (bytes) throws(IOFailure) in try connection.send(bytes) }
    }

    /// One line that the daemon sent; nil if none comes.
    private static func line(_ connection: UnixConnection) throws(IOFailure) -> [UInt8]? {
        var received: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while received.last != UInt8(ascii: "\n") {
            guard received.count < answerLimit, try connection.poll(timeoutMilliseconds: patience) else { return nil }
            var span = piece.mutableSpan
            let count = try span.withUnsafeMutableBytes { (buffer) throws(IOFailure) in
                try connection.receive(into: buffer)
            }
            guard count > 0 else { return nil }
            received += piece[..<count]
        }
        return received
    }

    private static func text(_ line: [UInt8], _ outer: String, _ inner: String) -> String? {
        line.withUnsafeBytes { bytes in
            JSONSlice(bytes)[outer]?[inner].map { String(decoding: $0.text, as: UTF8.self) }
        }
    }
}
